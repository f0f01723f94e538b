// The way to the conversation: connect to the host, read what has been, greet the agent, and open or load its session.
#include "adapters/acp/launch.hpp"
#include "adapters/acp/session.hpp"
#include "base/paths.hpp"
#include "base/version.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::adapters::acp {
namespace {

using std::chrono::seconds;
constexpr auto kFirstPause = milliseconds(20);
constexpr auto kLongestPauseAtStart = milliseconds(250);
constexpr auto kLongestPause = seconds(5);
constexpr auto kStartPatience = seconds(20);
/// The agents are large programs, and the first start of one may take a minute on a busy machine.
constexpr auto kGreeting = seconds(120);
constexpr auto kOpening = seconds(120);
constexpr auto kChoosing = seconds(30);
constexpr std::int64_t kLoginNeeded = -32000;

json params_of_session(LaunchRequest const& request, Options const& options, json const& initialized) {
  bool const http = truth_at(object_at(object_at(initialized, "agentCapabilities"), "mcpCapabilities"), "http");
  return {{"cwd", request.cwd.string()}, {"mcpServers", mcp_servers(request, options, http)}};
}

}  // namespace

awaitable<void> AcpSession::run() {
  auto const begun = Clock::now();
  Clock::duration pause = kFirstPause;
  while (!ended_) {
    // `this` outlives the connection: stop() ends both.
    Connection::OnLine on_line_taken = [this](std::string const& line, bool is_live) { on_line(line, is_live); };
    live_ = false;
    conversation_ = Conversation([this](ProviderEvent event) { on_event(std::move(event)); });
    auto opened = co_await Connection::open(ctx_.executor, files_.socket, std::move(on_line_taken));
    if (opened) {
      connection_ = *opened;
      auto const connection = connection_;
      auto attached = co_await attach();
      if (attached) {
        set_problem({});
        pause = kFirstPause;
        announce_gate();
        co_await connection->closed();
        spdlog::info("agent {}: {}", ctx_.request.agent_id, connection->why_closed());
      } else if (attached.error().code != "connection_lost") {
        set_problem(attached.error().message);
        co_await connection->closed();  // a person has to act, and restarts it
      }
      connection_.reset();
      live_ = false;
      announce_gate();
      co_await connection->stop();
    } else if (!ready_ && Clock::now() - begun > kStartPatience) {
      set_problem("the agent's host does not start (" + opened.error().message + ")");
    }
    auto const longest =
        ready_ || !problem_.empty() ? Clock::duration(kLongestPause) : Clock::duration(kLongestPauseAtStart);
    auto const slept = co_await sleep_for(pause);
    if (!slept) co_return;
    pause = std::min(pause * 2, longest);
  }
}

awaitable<Result<void>> AcpSession::attach() {
  auto const connection = connection_;
  if (!co_await connection->caught_up()) co_return unavailable("connection_lost", connection->why_closed());
  become_live();
  if (ready_) co_return Result<void>();
  auto greeted = co_await greet();
  if (!greeted) co_return greeted.error();
  bool const opens = conversation_.session().is_null();
  if (opens) {
    auto opened = co_await open_session();
    if (!opened) co_return opened.error();
  }
  // A process whose daemon died while it started may not have been told.
  auto chosen = co_await choose();
  if (!chosen) co_return chosen.error();
  auto noted = co_await note_conversation();
  if (!noted) co_return noted.error();
  auto const* const model = option_of(conversation_.session(), "model");
  ready_ = true;
  turn_told_ = conversation_.prompt_runs();
  emit(Ready{conversation_.session_id(), (files_.dir / connection->file()).string(),
             model ? text_at(*model, "currentValue") : std::string(), turn_told_});
  look_at_asks();
  tell_waiting();
  co_return Result<void>();
}

awaitable<Result<json>> AcpSession::greet() {
  if (conversation_.initialized().is_null()) {
    auto const asked = conversation_.waits_for("initialize");
    json params{
        {"protocolVersion", 1},
        {"clientInfo", {{"name", "agent-runner"}, {"title", "agent-runner"}, {"version", kVersion}}},
        {"clientCapabilities", {{"fs", {{"readTextFile", false}, {"writeTextFile", false}}}, {"terminal", false}}}};
    auto greeted = ok(json());
    if (asked.empty())
      greeted = co_await call("initialize", std::move(params), kGreeting);
    else
      greeted = co_await answer_to(asked, "initialize", kGreeting);
    if (!greeted) co_return greeted.error();
  }
  auto const version = conversation_.initialized().value("protocolVersion", json());
  if (version != json(1))
    co_return conflict("wrong_protocol", name_ + " speaks version " + to_text(version) +
                                             " of the Agent Client Protocol, and agent-runner speaks 1; update one of "
                                             "them");
  co_return ok(conversation_.initialized());
}

awaitable<Result<void>> AcpSession::open_session() {
  auto opened = ok(json());
  // An earlier daemon may have asked.
  auto asked = conversation_.waits_for("session/new");
  if (asked.empty()) asked = conversation_.waits_for("session/load");
  if (!asked.empty()) {
    opened = co_await answer_to(asked, "session/new", kOpening);
  } else if (!ctx_.session_id.empty() && options_.loads && conversation_.can_load()) {
    opened = co_await load_session();
    if (!opened && opened.error().code == "connection_lost") co_return opened.error();
    if (!opened && last_error_code_ != kLoginNeeded) {
      json lost{{"session", ctx_.session_id}, {"reason", opened.error().message}};
      emit(Noted{"session.lost", std::move(lost)});
      opened = co_await new_session();
    }
  } else {
    opened = co_await new_session();
  }
  if (!opened && last_error_code_ == kLoginNeeded && opened.error().code != "connection_lost") {
    if (!options_.auth_method.empty()) {
      json method{{"methodId", options_.auth_method}};
      auto const logged_in = co_await call("authenticate", std::move(method), kOpening);
      if (!logged_in) co_return logged_in.error();
      opened = co_await new_session();
    }
    if (!opened)
      co_return conflict("not_logged_in", name_ + " wants a login (" + opened.error().message + "): run `" +
                                              options_.command.front() + "` in a terminal and log in there, or set " +
                                              "providers.acp." + name_ + ".auth_method and the key in env; then " +
                                              "`agent-runner restart " + ctx_.request.agent_id + "`");
  }
  if (!opened) co_return opened.error();
  if (conversation_.session_id().empty()) co_return internal("acp_protocol", name_ + " opened a session without an id");
  co_return Result<void>();
}

awaitable<Result<json>> AcpSession::new_session() {
  auto params = params_of_session(ctx_.request, options_, conversation_.initialized());
  co_return co_await call("session/new", std::move(params), kOpening);
}

awaitable<Result<json>> AcpSession::load_session() {
  auto params = params_of_session(ctx_.request, options_, conversation_.initialized());
  params["sessionId"] = ctx_.session_id;
  co_return co_await call("session/load", std::move(params), kOpening);
}

/// Its model, effort and mode, where they were asked for.
awaitable<Result<void>> AcpSession::choose() {
  auto const& request = ctx_.request;
  auto chosen = co_await choose("model", request.model, "model");
  if (!chosen) co_return chosen;
  chosen = co_await choose("thought_level", request.effort, "effort");
  if (!chosen) co_return chosen;
  // `guarded` and `full` are what the adapter does itself: to ask a person, or to allow what is asked.
  auto const mode = request.approval_mode == "guarded" || request.approval_mode == "full" ? "" : request.approval_mode;
  chosen = co_await choose("mode", mode, "approval mode");
  co_return chosen;
}

awaitable<Result<void>> AcpSession::choose(std::string category, std::string wanted, char const* what) {
  if (wanted.empty()) co_return Result<void>();
  auto const& session = conversation_.session();
  std::string method, value, offered;
  json params{{"sessionId", conversation_.session_id()}};
  if (auto const* const option = option_of(session, category)) {
    value = value_named(*option, wanted);
    offered = values_of(*option);
    if (!value.empty() && text_at(*option, "currentValue") == value) co_return Result<void>();
    params["configId"] = text_at(*option, "id");
    params["value"] = value;
    method = "session/set_config_option";
  } else {
    // Before there were options: {modes: {availableModes: [{id}]}}, {models: {availableModels: [{modelId}]}}.
    bool const is_mode = category == "mode";
    auto const& known = object_at(session, is_mode ? "modes" : "models");
    auto const list = known.value(is_mode ? "availableModes" : "availableModels", json::array());
    for (auto const& one : list) {
      auto const id = text_at(one, is_mode ? "id" : "modelId");
      offered += (offered.empty() ? "" : ", ") + id;
      if (id == wanted) value = id;
    }
    if (!value.empty() && text_at(known, is_mode ? "currentModeId" : "currentModelId") == value)
      co_return Result<void>();
    params[is_mode ? "modeId" : "modelId"] = value;
    method = is_mode ? "session/set_mode" : "session/set_model";
  }
  if (value.empty())
    co_return conflict("not_offered", name_ + " offers no " + what + " \"" + wanted + "\"" +
                                          (offered.empty() ? "" : "; it offers " + offered) +
                                          ": spawn it with another one, or with none");
  auto const set = co_await call(method, std::move(params), kChoosing);
  co_return set ? Result<void>() : Result<void>(set.error());
}

/// For the next process, which has no record of its own yet. Before any message is handed over: what becomes of one
/// depends on it.
awaitable<Result<void>> AcpSession::note_conversation() {
  bool const loads = options_.loads && conversation_.can_load();
  auto job = [file = files_.conversation, text = loads ? conversation_.session_id() + "\n" : std::string()] {
    return write_file(file, text);
  };
  co_return co_await ctx_.files.run(std::move(job));
}

std::string AcpSession::next_id() { return id_prefix_ + std::to_string(++last_id_); }

awaitable<Result<json>> AcpSession::call(std::string method, json params, Clock::duration limit) {
  auto const connection = connection_;
  if (!connection) co_return unavailable("connection_lost", "the connection to the agent's host is gone");
  auto const id = next_id();
  json const frame{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}};
  connection->send(frame);
  co_return co_await answer_to("s" + id, method, limit);
}

/// `id`: as request_key() makes it.
awaitable<Result<json>> AcpSession::answer_to(std::string id, std::string what, Clock::duration limit) {
  auto const connection = connection_;
  auto const deadline = Clock::now() + limit;
  json answer = conversation_.take_answer(id);
  while (answer.is_null() && connection && connection->is_open() && !ended_ && Clock::now() < deadline) {
    co_await changed_.wait(deadline);
    answer = conversation_.take_answer(id);
  }
  if (answer.is_null() && (ended_ || !connection || !connection->is_open()))
    co_return unavailable("connection_lost", "the connection to the agent's host is gone");
  if (answer.is_null()) co_return timed_out(name_ + " did not answer " + what + " in time; restart the agent");
  if (auto const error = answer.find("error"); error != answer.end()) {
    auto const code = error->is_object() ? error->value("code", json()) : json();
    last_error_code_ = code.is_number_integer() ? code.get<std::int64_t>() : 0;
    co_return conflict("acp_error", name_ + " refuses " + what + ": " + error_text(*error));
  }
  last_error_code_ = 0;
  co_return ok(answer.contains("result") ? std::move(answer["result"]) : json());
}

}  // namespace ar::adapters::acp
