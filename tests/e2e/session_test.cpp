// One session as a program has it from its beginning to its end, with each of the real CLIs: input and outputs, events
// over deaths of the daemon, callback, webhook and tool hooks, sleep and waking, children, their questions, cancel.
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/stub.hpp"
#include "support/http_receiver.hpp"
#include "system/event_socket.hpp"
#include "system/http_request.hpp"
#include "system/loopback_receiver.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>

using ar::json;
using ar::test::EventSocket;
using ar::test::HttpReceiver;
using ar::test::Installation;
using ar::test::LoopbackReceiver;
using ar::test::request;

namespace {

/// What differs between the providers.
struct Cli {
  json specification;
  std::string shell;     ///< how a directive begins that has it run a command
  std::string question;  ///< a directive that has it ask people: red or blue?
  json usage;            ///< of two answers
  std::function<json()> last_request;
};

class Program {
 public:
  explicit Program(Installation& home) : home_(home) {
    std::filesystem::create_directories(home.state());
    std::ofstream(home.state() / "config.toml", std::ios::app) << "[webhooks]\nprivate_addresses = [\"operator\"]\n";
    home.good({"up"});
    follow();
  }

  json ask(std::string const& method, std::string const& path, json const& body, int status) {
    auto answer = request(home_, method, path, body);
    REQUIRE_MESSAGE(answer.status == status, path, ": ", answer.body.dump(1));
    return std::move(answer.body);
  }
  json session(std::string const& id) { return ask("GET", "/v1/sessions/" + id, nullptr, 200); }
  void send(std::string const& id, std::string const& input) {
    (void)ask("POST", "/v1/sessions/" + id + "/messages", {{"input", input}}, 202);
  }
  /// The next event of this type about this agent, in the stream.
  json next(std::string const& type, std::string const& agent) {
    for (;; ++looked_) {
      while (looked_ == events_.size()) {
        auto event = stream_->next();
        REQUIRE_MESSAGE(!event.is_null(), "no ", type, " of ", agent, ": ", home_.run({"events"}).out);
        events_.push_back(std::move(event));
      }
      auto const& event = events_[looked_];
      if (event["type"] == type && event["agent"] == agent) return events_[looked_++];
    }
  }
  void turn(std::string const& id, std::string const& input) {
    send(id, input);
    (void)next("turn.ended", id);
  }
  void kill_daemon() {
    home_.kill_daemon();
    for (auto event = stream_->next(); !event.is_null(); event = stream_->next()) events_.push_back(event);
    ++kills_;
  }
  void start_daemon() {
    home_.good({"up"});
    follow();
  }
  auto count(std::string const& type, std::string const& agent) const {
    return std::ranges::count_if(events_,
                                 [&](json const& event) { return event["type"] == type && event["agent"] == agent; });
  }
  /// Nothing is missing in the stream, and nothing came twice.
  void check_stream() const {
    for (std::size_t i = 0; i < events_.size(); ++i) REQUIRE(events_[i]["number"] == i + 1);
    std::printf("%zu events by WebSocket over %d deaths of the daemon, none missing, none twice\n", events_.size(),
                kills_);
  }

 private:
  void follow() {
    stream_ = std::make_unique<EventSocket>(home_);
    stream_->open(static_cast<std::int64_t>(events_.size()));
  }
  Installation& home_;
  std::unique_ptr<EventSocket> stream_;
  std::vector<json> events_;
  std::size_t looked_ = 0;
  int kills_ = 0;
};

bool is(json const& session, char const* status) { return session["status"] == status; }

void live(Installation& home, Cli const& cli) {
  HttpReceiver hooks;
  LoopbackReceiver outside, caller;
  Program program(home);
  auto const shell = [&](std::string const& command) { return "[[" + cli.shell + ":" + command + "]]"; };
  auto const webhook =
      home.good({"webhook", "add", outside.url(), "turn.ended", "--agent", "s", "--json"}).parsed()["id"];
  auto const add_hook = [&](std::string const& name, std::string const& phase) {
    home.good({"tool-hook", "add", "test/" + name, "--phase", phase, "--tool", "Bash", "--url", hooks.url("/" + name)});
  };

  // Opened with its input. The daemon dies in the turn, and again when the webhook is told and the callback not yet.
  caller.close();
  auto asked = cli.specification;
  asked.update(
      {{"id", "s"},
       {"input", shell("mkdir -p out; echo plan >out/plan.md; sleep 2") + " [[say:made]]"},
       {"outputDirs", {(home.work() / "out").string(), (home.work() / "never").string()}},
       {"retention", {{"idleTtl", "3s"}}},
       {"children", {{"spawn", true}}},
       {"callback", {{"url", caller.url()}, {"token", "secret"}, {"callId", "call-7"}, {"subagentName", "planner"}}}});
  auto const opened = program.ask("POST", "/v1/sessions", asked, 201);
  CHECK(opened["turn"]["status"] == "launching");
  (void)program.next("turn.started", "s");
  program.kill_daemon();
  program.start_daemon();
  (void)program.next("turn.ended", "s");
  auto const told = [&] {
    return program.ask("GET", "/v1/webhooks/" + webhook.get<std::string>(), nullptr, 200)["waiting"] == 0 &&
           !outside.taken().empty();
  };
  REQUIRE(Installation::eventually(told));
  program.kill_daemon();
  caller.open();
  program.start_daemon();
  REQUIRE(Installation::eventually([&] { return !caller.taken().empty(); }));
  auto const callback = caller.taken().front();
  CHECK(callback.headers.at("authorization") == "Bearer secret");
  auto const data = json::parse(callback.body)["data"];
  CHECK(data["callId"] == "call-7");
  CHECK(data["outcome"] == "completed");
  CHECK(data["text"] == "made");
  CHECK_MESSAGE(Installation::eventually([&] { return program.session("s")["usage"] == cli.usage; }),
                program.session("s")["usage"].dump());

  // A hook before a call forbids it, one after a call sees its result.
  add_hook("guard", "pre");
  add_hook("scan", "post");
  hooks.answer("/guard", R"({"deny":{"text":"not in this house"}})");
  program.turn("s", shell("touch forbidden") + " [[say:refused]]");
  CHECK_FALSE(std::filesystem::exists(home.work() / "forbidden"));
  CHECK(hooks.calls("/guard").size() == 1);
  CHECK(hooks.calls("/scan").empty());
  hooks.answer("/guard", "{}");
  program.turn("s", shell("echo seen-1"));
  REQUIRE(hooks.calls("/scan").size() == 1);
  CHECK(hooks.calls("/scan")[0].body["tool_result"]["text"].get<std::string>().find("seen-1") != std::string::npos);
  for (auto const& hook : program.ask("GET", "/v1/tool-hooks", nullptr, 200)["hooks"])
    (void)program.ask("DELETE", "/v1/tool-hooks/" + hook["id"].get<std::string>(), nullptr, 200);

  // Asleep after its idle time; a message wakes it, and it remembers.
  REQUIRE(Installation::eventually([&] { return is(program.session("s"), "suspended"); }));
  CHECK(home.agent("s").value("pid", 0) == 0);
  program.turn("s", "what have you made? [[say:a plan]]");
  auto const newest = program.ask("GET", "/v1/sessions/s/turns?limit=1", nullptr, 200)["turns"][0];
  CHECK(newest["text"] == "a plan");
  auto const conversation = cli.last_request().dump();
  CHECK(conversation.find("out/plan.md") != std::string::npos);
  CHECK(conversation.find("what have you made?") != std::string::npos);

  // What it has made, with what is missing of it.
  auto const archive = home.work() / "s.zip";
  home.good({"download", "s", "--out", archive.string()});
  auto const in_archive = [&](char const* name) {
    return home.run_program("/usr/bin/unzip", {"-p", archive.string(), name}, "").out;
  };
  CHECK(in_archive("outputs/plan.md") == "plan\n");
  auto const manifest = json::parse(in_archive("manifest.json"));
  REQUIRE_MESSAGE(manifest["missing"].size() == 1, manifest.dump(1));
  CHECK(manifest["missing"][0]["reason"] == "dir_missing");
  CHECK(manifest["missing"][0]["path"] == (home.work() / "never").string());
  auto const run = json::parse(in_archive("run.json"));
  CHECK_MESSAGE(run["turns"].size() == 4, run.dump(1));
  std::printf("manifest.json: %s\n", manifest.dump().c_str());

  // It spawns two children itself; cancel ends the work of all three.
  std::ofstream(home.work() / "children.sh") << R"(set -e
for child in s-one s-two; do
  "$AGENT_RUNNER_CLI" spawn $child --no-wait
  "$AGENT_RUNNER_CLI" send $child '[[sleep:120000]] [[say:too late]]'
done
)";
  program.turn("s", shell("sh children.sh"));
  program.send("s", "[[sleep:120000]] [[say:too late]]");
  auto const all_are = [&](char const* status) {
    return Installation::eventually([&] {
      return std::ranges::all_of(std::array{"s", "s-one", "s-two"},
                                 [&](char const* id) { return program.session(id)["turnStatus"] == status; });
    });
  };
  REQUIRE_MESSAGE(all_are("running"), program.ask("GET", "/v1/sessions", nullptr, 200).dump(1));
  CHECK(program.ask("POST", "/v1/sessions/s/cancel", json::object(), 200)["cancelledCount"] == 3);
  for (std::string const id : {"s", "s-one", "s-two"}) {
    auto const last = [&] {
      return program.ask("GET", "/v1/sessions/" + id + "/turns?limit=1", nullptr, 200)["turns"];
    };
    CHECK_MESSAGE(Installation::eventually([&] { return last()[0]["outcome"] == "interrupted"; }), last().dump(1),
                  home.run({"events", id}).out, home.run({"screen", id}).out);
  }
  CHECK(program.ask("POST", "/v1/sessions/s/cancel", json::object(), 200)["cancelledCount"] == 0);

  // What a child asks is asked at the root as well, and is answered there.
  program.send("s-one", cli.question);
  auto const question = program.next("child.asked", "s");
  auto const pending = program.ask("GET", "/v1/approvals?root=s", nullptr, 200)["approvals"];
  REQUIRE_MESSAGE(pending.size() == 1, pending.dump(1));
  CHECK(pending[0]["agent"] == "s-one");
  CHECK(pending[0]["rootSessionId"] == "s");
  CHECK(home.agent("s")["approvals"][0]["id"] == pending[0]["id"]);
  json const answer = {{"decision", "answer"}, {"answer", "Blue"}};
  (void)program.ask("POST", "/v1/approvals/" + pending[0]["id"].dump() + "/decision", answer, 200);
  (void)program.next("child.answered", "s");
  (void)program.next("turn.ended", "s-one");
  CHECK(cli.last_request().dump().find("Blue") != std::string::npos);

  CHECK(program.ask("DELETE", "/v1/sessions/s", nullptr, 200)["children"].size() == 2);
  (void)program.next("agent.removed", "s");
  auto const turns = program.count("turn.ended", "s");
  CHECK(Installation::eventually([&] { return std::ssize(outside.taken()) == turns; }));
  CHECK(std::ssize(outside.counts()) == turns);
  CHECK(caller.taken().size() == 1);
  program.check_stream();
  std::printf("turns of the session %td, webhook received %zu times, callback %zu\n", turns, outside.taken().size(),
              caller.taken().size());
}

}  // namespace

TEST_CASE("ASessionOfAProgramWithClaudeCode") {
  auto const claude = ar::test::claude_offline();
  ar::test::Stub stub;
  Installation home;
  auto const config = home.work() / "config";
  std::filesystem::create_directories(config);
  std::ofstream(config / ".claude.json") << R"({"hasCompletedOnboarding":true})";
  json const options = {
      {"command", claude}, {"trust_workspace", true}, {"accept_bypass", true}, {"sandboxed_root", true}};
  json const env = {{"CLAUDE_CONFIG_DIR", config.string()},
                    {"ANTHROPIC_BASE_URL", stub.url()},
                    {"ANTHROPIC_AUTH_TOKEN", "stub"},
                    {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"}};
  json const colours =
      json::array({{{"label", "Red"}, {"description", "warm"}}, {{"label", "Blue"}, {"description", "cold"}}});
  json const questions = json::array(
      {{{"question", "Which colour?"}, {"header", "Colour"}, {"multiSelect", false}, {"options", colours}}});
  live(home, {.specification = {{"provider", "claude"},
                                {"cwd", home.work().string()},
                                {"approvalMode", "full"},
                                {"env", env},
                                {"options", options}},
              .shell = "bash",
              .question = "[[tool:AskUserQuestion:" + json{{"questions", questions}}.dump() + "]]",
              .usage = {{"inputTokens", 2000},
                        {"outputTokens", 40},
                        {"cacheReadTokens", 0},
                        {"cacheWriteTokens", 0},
                        {"source", "transcript"}},
              .last_request = [&] { return stub.get("/__last"); }});
}

TEST_CASE("ASessionOfAProgramWithCodex") {
  auto const codex = ar::test::codex_offline();
  ar::test::OpenAiStub stub;
  Installation home;
  auto const codex_home = home.work() / "codex-home";
  stub.configure(codex_home);
  json options = {{"command", codex}, {"tool_hooks", true}};
  options["settings"]["features"]["default_mode_request_user_input"] = true;
  live(home, {.specification = {{"provider", "codex"},
                                {"cwd", home.work().string()},
                                {"approvalMode", "full"},
                                {"env", {{"CODEX_HOME", codex_home.string()}}},
                                {"options", options}},
              .shell = "exec",
              .question = "[[ask:Which colour?]]",
              .usage = {{"inputTokens", 2400},
                        {"outputTokens", 40},
                        {"cacheReadTokens", 0},
                        {"cacheWriteTokens", 0},
                        {"source", "rollout"}},
              .last_request = [&] { return stub.get("/__last"); }});
}
