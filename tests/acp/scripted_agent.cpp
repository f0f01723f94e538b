// An agent that speaks ACP and does what its prompts say:
//
//   scripted-agent STATE [no-load] [silent-load]
//
// STATE/SESSION.jsonl is its conversation; STATE/received has a line for each prompt that came, whatever became of it.
// Directives in a prompt: [[say:TEXT]] [[wait:FILE]] (until STATE/FILE is there, or it is cancelled; without a word
// before) [[think]] (a word first) [[ask]] (a permission) [[fail:CODE:WORDS]] [[die]] (before it keeps the prompt)
// [[die-after]] (having kept it) [[fs]] (asks for a file) [[junk]] (writes what is no frame) [[leave]] (a process that
// outlives it). A second prompt while one runs ends the first, as with some real agents.
#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <poll.h>
#include <string>
#include <unistd.h>

using nlohmann::json;

namespace {

std::string state;
bool loads = true;

struct Turn {
  json id;
  std::string session, text, wait;
  bool asked = false;
};
std::optional<Turn> turn;
int sessions = 0, requests = 0;

void send(json const& frame) { std::cout << frame.dump() << "\n" << std::flush; }
void result(json const& id, json value) { send({{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(value)}}); }
void error(json const& id, int code, std::string const& message) {
  send({{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}});
}
void update(std::string const& session, json what) {
  send({{"jsonrpc", "2.0"},
        {"method", "session/update"},
        {"params", {{"sessionId", session}, {"update", std::move(what)}}}});
}
json words(std::string const& kind, std::string const& text) {
  return {{"sessionUpdate", kind}, {"content", {{"type", "text"}, {"text", text}}}};
}
bool there(std::string const& name) { return ::access((state + "/" + name).c_str(), F_OK) == 0; }
std::string file_of(std::string const& session) { return state + "/" + session + ".jsonl"; }

std::optional<std::string> directive(std::string const& text, std::string const& name) {
  auto const at = text.rfind("[[" + name);
  if (at == std::string::npos) return std::nullopt;
  auto const from = at + 2 + name.size(), end = text.find("]]", from);
  if (end == std::string::npos || (text[from] != ':' && from != end)) return std::nullopt;
  return from == end ? std::string() : text.substr(from + 1, end - from - 1);
}

void finish(std::string const& reason) {
  result(turn->id, {{"stopReason", reason}});
  turn.reset();
}

void answer_turn() {
  update(turn->session, words("agent_message_chunk", directive(turn->text, "say").value_or("ACK")));
  finish("end_turn");
}

json options() {
  return json::array(
      {{{"id", "model"},
        {"category", "model"},
        {"type", "select"},
        {"currentValue", "small"},
        {"options", {{{"value", "small"}, {"name", "Small"}}, {{"value", "large"}, {"name", "Large"}}}}}});
}

void begin(json const& id, json const& params) {
  if (turn) finish("cancelled");
  std::string text;
  for (auto const& block : params["prompt"]) text += block.value("text", "");
  std::ofstream(state + "/received", std::ios::app) << json(text).dump() << "\n";
  turn = Turn{id, params["sessionId"], text, {}};
  if (directive(text, "die")) std::_Exit(3);
  std::ofstream(file_of(turn->session), std::ios::app) << json(text).dump() << "\n" << std::flush;
  if (directive(text, "die-after")) std::_Exit(3);
  if (directive(text, "leave") && ::fork() == 0) {
    ::setsid();
    std::ofstream(state + "/left") << ::getpid() << std::flush;
    ::sleep(1000);
    std::_Exit(0);
  }
  if (directive(text, "junk")) std::cout << "warning: this is no frame\n" << std::flush;
  if (directive(text, "fs"))
    send({{"jsonrpc", "2.0"},
          {"id", ++requests},
          {"method", "fs/read_text_file"},
          {"params", {{"path", "/etc/passwd"}}}});
  if (directive(text, "think")) update(turn->session, words("agent_thought_chunk", "hm"));
  if (auto const failure = directive(text, "fail")) {
    auto const colon = failure->find(':');
    error(id, std::atoi(failure->c_str()), failure->substr(colon + 1));
    turn.reset();
  } else if (directive(text, "ask")) {
    turn->asked = true;
    json const choices = {{{"optionId", "yes"}, {"name", "Allow"}, {"kind", "allow_once"}},
                          {{"optionId", "always"}, {"name", "Always allow"}, {"kind", "allow_always"}},
                          {{"optionId", "no"}, {"name", "Reject"}, {"kind", "reject_once"}}};
    json const call = {{"toolCallId", "call-1"},
                       {"title", "touch file"},
                       {"kind", "execute"},
                       {"rawInput", {{"command", "touch file"}}}};
    update(turn->session, {{"sessionUpdate", "tool_call"},
                           {"toolCallId", "call-1"},
                           {"title", "touch file"},
                           {"kind", "execute"},
                           {"status", "pending"}});
    send({{"jsonrpc", "2.0"},
          {"id", "ask-" + std::to_string(++requests)},
          {"method", "session/request_permission"},
          {"params", {{"sessionId", turn->session}, {"toolCall", call}, {"options", choices}}}});
  } else if (auto const file = directive(text, "wait")) {
    turn->wait = *file;
  } else {
    answer_turn();
  }
}

void take(json const& frame) {
  auto const method = frame.value("method", "");
  auto const id = frame.value("id", json());
  auto const params = frame.value("params", json::object());
  if (method == "initialize") {
    result(id, {{"protocolVersion", 1}, {"agentCapabilities", {{"loadSession", loads}}}});
  } else if (method == "session/new") {
    while (there("session-" + std::to_string(++sessions) + ".jsonl")) {
    }
    auto const session = "session-" + std::to_string(sessions);
    std::ofstream(file_of(session), std::ios::app).flush();
    std::ofstream(state + "/new") << params.dump();
    result(id, {{"sessionId", session}, {"configOptions", options()}});
  } else if (method == "session/load") {
    std::string const session = params["sessionId"];
    if (!there(session + ".jsonl")) return error(id, -32603, "No previous sessions found for this project");
    std::ifstream in(file_of(session));
    for (std::string line; std::getline(in, line);) update(session, words("user_message_chunk", json::parse(line)));
    result(id, {{"configOptions", options()}});
  } else if (method == "session/set_config_option") {
    auto all = options();
    all[0]["currentValue"] = params["value"];
    result(id, {{"configOptions", all}});
  } else if (method == "session/prompt") {
    begin(id, params);
  } else if (method == "session/cancel") {
    if (turn) finish("cancelled");
  } else if (method.empty() && turn && turn->asked && id.is_string()) {
    auto const outcome = frame["result"]["outcome"];
    update(turn->session, words("agent_message_chunk", outcome.value("optionId", outcome.value("outcome", ""))));
    finish(outcome.value("outcome", "") == "cancelled" ? "cancelled" : "end_turn");
  } else if (!method.empty() && !id.is_null()) {
    error(id, -32601, "no such method: " + method);
  }
}

}  // namespace

int main(int argc, char** argv) {
  state = argc > 1 ? argv[1] : ".";
  for (int i = 2; i < argc; ++i) loads = loads && std::string(argv[i]) != "no-load";
  std::string rest;
  for (;;) {
    pollfd wait{STDIN_FILENO, POLLIN, 0};
    ::poll(&wait, 1, turn && !turn->wait.empty() ? 10 : -1);
    if (turn && !turn->wait.empty() && there(turn->wait)) answer_turn();
    if (wait.revents == 0) continue;
    char buffer[65536];
    auto const n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n <= 0) return 0;
    rest.append(buffer, static_cast<std::size_t>(n));
    for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      auto const line = rest.substr(0, end);
      rest.erase(0, end + 1);
      take(json::parse(line));
    }
  }
}
