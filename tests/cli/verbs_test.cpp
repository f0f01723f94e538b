// Each verb of the real binary against a fake daemon: what it asks, what it prints, what status it ends with.
#include "base/clock.hpp"
#include "cli_process.hpp"
#include "fake_daemon.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <memory>
#include <sys/stat.h>

using namespace ar;
using namespace ar::test;

namespace {

json agent_document(std::string const& id, std::string const& state) {
  return {{"id", id},
          {"provider", "claude"},
          {"state", state},
          {"reason", "turn 3"},
          {"since", "2023-11-14T22:13:20.000Z"},
          {"providerSession", "0123456789abcdef"},
          {"queue", 2},
          {"held", "a person is typing"},
          {"contextUse", {{"utilization", 0.42}}},
          {"memoryBytes", 300 << 20},
          {"restarts", 1}};
}

json message_document(std::string const& state = "done") {
  return {{"id", 42},
          {"from", "operator"},
          {"to", "alice"},
          {"kind", "chat"},
          {"subject", "Build"},
          {"body", "please \033[31mbuild\n"},
          {"createdAt", "2023-11-14T22:13:20.000Z"},
          {"readBy", {"alice"}},
          {"attachments", {{{"id", "aa"}, {"name", "log.txt"}, {"size", 2048}}}},
          {"deliveries",
           {{{"agent", "alice"},
             {"state", state},
             {"proof", "transcript"},
             {"attempts", 1},
             {"steps",
              {{{"step", "queued"}, {"at", "2023-11-14T22:13:20.000Z"}},
               {{"step", "accepted"}, {"at", "2023-11-14T22:13:20.120Z"}}}}}}},
          {"reactions", {{{"by", "bob"}, {"word", "seen"}}}},
          {"replies", {{{"id", 43}, {"from", "alice"}, {"body", "built"}}}}};
}

/// Answers every route with something sensible.
FakeReply sensible(FakeRequest const& request) {
  auto const& path = request.path;
  auto const is = [&](char const* method, char const* where) { return request.method == method && path == where; };
  if (is("GET", "/v1/agents"))
    return json{{"agents", {agent_document("alice", "busy"), agent_document("bob", "stopped")}}};
  if (is("POST", "/v1/agents")) return {201, agent_document(request.object().value("id", "claude-1"), "starting")};
  if (is("GET", "/v1/agents/alice/screen")) return json{{"lines", {"one", "two"}}, {"text", "one\ntwo\n\n\n"}};
  if (is("POST", "/v1/agents/alice/restart")) return json{{"id", "alice"}, {"state", "idle"}};
  if (is("GET", "/v1/agents/alice/attach"))
    return json{{"tmuxSocket", "/none/tmux.sock"}, {"target", "$3"}, {"detachKey", "C-b d"}};
  if (is("GET", "/v1/agents/alice/inbox")) return json{{"unread", {message_document()}}, {"replies", json::array()}};
  if (is("POST", "/v1/messages")) {
    auto sent = message_document();
    sent["store"] = "s1";
    sent["matchingAgents"] = request.object().value("to", "") == "tag:nobody" ? 0 : 1;
    return {201, sent};
  }
  if (is("GET", "/v1/messages")) return json{{"messages", {message_document()}}};
  if (is("GET", "/v1/messages/42") || is("POST", "/v1/messages/42/read") || is("POST", "/v1/messages/42/settle"))
    return message_document();
  if (is("GET", "/v1/messages/42/body")) {
    FakeReply reply;
    reply.content_type = "application/octet-stream";
    reply.body = std::string("exact\r\n\033\t ", 10);
    return reply;
  }
  if (is("GET", "/v1/dead"))
    return json{{"deadLetters",
                 {{{"message", message_document()},
                   {"deliveryCount", 5},
                   {"reason", "max_deliveries"},
                   {"at", "2023-11-14T22:13:20.000Z"}}}}};
  if (is("GET", "/v1/attachments/aa")) {
    FakeReply reply;
    reply.content_type = "application/octet-stream";
    reply.body = "the log of " + request.query;
    return reply;
  }
  if (is("POST", "/v1/attachments")) return {201, {{"id", "cafe"}, {"name", "f"}, {"size", request.body.size()}}};
  if (is("POST", "/v1/events/ticket"))
    return {201, {{"ticket", "t-" + request.body}, {"expiresAt", "2023-11-14T22:13:50.000Z"}}};
  if (is("GET", "/v1/events/types"))
    return json{{"types", {{{"type", "turn.started"}, {"data", {"turn"}}, {"summary", "a turn has begun"}}}}};
  if (path == "/v1/events" || path == "/v1/agents/alice/events") {
    if (request.query.find("cursor") != std::string::npos) {
      if (request.query != "limit=1000&cursor=2") return problem(400, "invalid_argument", "cursor is given twice");
      return json{{"events", json::array()}, {"eventCursor", 2}};
    }
    json const event = {{"number", 2},
                        {"agentNumber", 1},
                        {"agent", "alice"},
                        {"type", "agent.state"},
                        {"at", "2023-11-14T22:13:20.000Z"},
                        {"data", {{"state", "busy"}}}};
    return json{{"events", {event}}, {"eventCursor", 2}, {"nextCursor", 2}};
  }
  if (path == "/v1/info") return json{{"version", "0.1.0"}, {"lastEvent", 2}};
  if (is("GET", "/v1/agents/alice")) return agent_document("alice", "busy");
  if (is("GET", "/v1/agents/bob")) return agent_document("bob", "stopped");
  if (is("GET", "/v1/agents/alice/turns"))
    return json{
        {"turns", {{{"number", 3}, {"status", "failed"}, {"durationMs", 1200}, {"error", "the model is away"}}}}};
  if (path == "/v1/config") return json{{"settings", {{{"key", "profiles.reviewer"}, {"help", "an agent profile"}}}}};
  if (path.find("nobody") != std::string::npos)
    return problem(404, "agent_not_found", "no agent nobody; agent-runner ps lists them");
  return json{{"done", path}};
}

struct Scene {
  CliHome home;
  std::unique_ptr<FakeDaemon> daemon;
  explicit Scene(FakeDaemon::Handler handler = sensible) {
    daemon = std::make_unique<FakeDaemon>(home.socket(), std::move(handler));
  }
  Ran run(std::vector<std::string> const& arguments, std::string input = {},
          std::vector<std::string> const& environment = {}) const {
    return home.run(arguments, std::move(input), environment);
  }
};

/// Every line is a JSON value.
std::vector<json> json_lines(std::string const& text) {
  std::vector<json> values;
  for (std::size_t at = 0; at < text.size();) {
    auto const end = std::min(text.find('\n', at), text.size());
    values.push_back(json::parse(text.substr(at, end - at), nullptr, false));
    CHECK_MESSAGE(!values.back().is_discarded(), text.substr(at, end - at));
    at = end + 1;
  }
  return values;
}

}  // namespace

TEST_CASE("PsShowsWhatAnAgentDoesAndWhy") {
  Scene const scene;
  auto const shown = scene.run({"ps"});
  CHECK(shown.status == 0);
  CHECK(shown.err.empty());
  for (auto const* word : {"alice", "busy", "claude", "01234567", "42%", "300M", "turn 3; held: a person is typing"})
    CHECK_MESSAGE(shown.out.find(word) != std::string::npos, word);
  CHECK(shown.out.find("bob") == std::string::npos);
  CHECK(shown.out.find("\033") == std::string::npos);
  CHECK(scene.run({"ps", "-a"}).out.find("bob") != std::string::npos);
  auto const lines = json_lines(scene.run({"ps", "-a", "--json"}).out);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["id"] == "alice");
}

TEST_CASE("APausedRuntimeStandsInTheFirstLineOfPs") {
  Scene const scene([](FakeRequest const& request) -> FakeReply {
    if (request.path == "/v1/info")
      return json{{"runtime",
                   {{"state", "paused"},
                    {"since", "2023-11-14T22:13:20.000Z"},
                    {"reason", "a \033[31mreboot"},
                    {"pausedRuns", json::array()}}}};
    return sensible(request);
  });
  auto const shown = scene.run({"ps"});
  CHECK_MESSAGE(shown.out.starts_with("the runtime is paused for "), shown.out);
  auto const first = shown.out.substr(0, shown.out.find('\n'));
  CHECK_MESSAGE(first.find("reboot): nothing new is handed to any agent; agent-runner ") != std::string::npos, first);
  CHECK_MESSAGE(first.ends_with(" runtime resume"), first);
  CHECK(first.find('\033') == std::string::npos);
  CHECK(shown.out.find("alice") != std::string::npos);
  auto const lines = json_lines(scene.run({"ps", "--json"}).out);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["runtime"]["state"] == "paused");
  CHECK(lines[1]["id"] == "alice");
}

TEST_CASE("RuntimePauseSendsItsGraceAndSaysWhatStillRuns") {
  json answer{{"state", "paused"}, {"parked", {"bob"}}, {"running", {"alice", "carol"}}, {"ms", 1500}};
  Scene const scene([&](FakeRequest const& request) -> FakeReply {
    if (request.object().value("reason", "") == "again")
      return problem(409, "already_paused", "the runtime is paused since noon");
    return answer;
  });
  auto const ran = scene.run({"runtime", "pause", "--timeout", "2m", "--force", "--reason", "a reboot"});
  CHECK(ran.status == 0);
  CHECK(ran.out == "paused after 1.5 s; turns still run: alice, carol\n");
  json const expected = {{"timeoutMs", 120'000}, {"force", true}, {"reason", "a reboot"}};
  CHECK(scene.daemon->last("/v1/runtime/pause").object() == expected);
  CHECK(json::parse(scene.run({"runtime", "pause", "--json"}).out) == answer);
  CHECK(scene.daemon->last("/v1/runtime/pause").object() == json{{"force", false}});
  answer["running"] = json::array();
  CHECK(scene.run({"runtime", "pause"}).out == "paused after 1.5 s; no turn runs\n");
  answer["state"] = "running";
  auto const resumed = scene.run({"runtime", "pause"});
  CHECK(resumed.out.empty());
  CHECK(resumed.err.find("resumed meanwhile") != std::string::npos);
  auto const refused = scene.run({"runtime", "pause", "--reason", "again"});
  CHECK(refused.status == 4);
  CHECK(refused.err.find("paused since noon") != std::string::npos);
  CHECK(scene.run({"runtime", "pause", "--timeout", "soon"}).status == 2);
}

TEST_CASE("RuntimeStatusAndResumeShowTheRuntime") {
  json const paused{{"state", "paused"},
                    {"since", "2023-11-14T22:13:20.000Z"},
                    {"reason", "a reboot"},
                    {"pausedRuns", {{{"agent", "alice"}, {"turn", 3}, {"outcome", "interrupted"}}}}};
  Scene const scene([&](FakeRequest const& request) -> FakeReply {
    if (request.method == "GET") return paused;
    return json{{"state", "running"}, {"since", "2023-11-14T22:13:20.000Z"}, {"pausedRuns", json::array()}};
  });
  auto const shown = scene.run({"runtime", "status"});
  for (auto const* part : {"paused for ", "(a reboot)", "alice", "3", "interrupted"})
    CHECK_MESSAGE(shown.out.find(part) != std::string::npos, shown.out);
  CHECK(json::parse(scene.run({"runtime", "status", "--json"}).out) == paused);
  CHECK(scene.run({"runtime", "resume"}).out.starts_with("running for "));
  CHECK(scene.daemon->last("/v1/runtime/resume").method == "POST");
}

TEST_CASE("EventsSinceBootAreTheReportOfTheNewestColdStart") {
  auto report = json::parse(R"({"state": "recovered", "cause": "reboot", "startedAt": "2023-11-14T22:13:20.000Z",
    "endedAt": "2023-11-14T22:13:24.200Z", "tookMs": 4200, "starts": 1, "event": 41,
    "counts": {"agents": 2, "back": 1, "suspended": 1, "turnsCutOff": 1, "approvalsWithdrawn": 1,
               "messages": {"interrupted": 1, "unknown": 1, "waiting": 3}},
    "agents": [
      {"agent": "alice", "before": "busy", "session": "s", "outcome": "back", "tookMs": 1200, "waiting": 3,
       "turns": [{"turn": 7, "messages": [12], "status": "interrupted"}], "approvals": [{"id": 4, "summary": "Bash"}],
       "messages": [{"message": 12, "store": "", "before": "running", "attempts": 1, "outcome": "interrupted"},
                    {"message": 13, "store": "", "before": "submitted", "attempts": 1, "outcome": "unknown"}]},
      {"agent": "bo\u001bb", "before": "suspended", "session": "", "outcome": "suspended", "tookMs": 3, "waiting": 0,
       "turns": [], "approvals": [], "messages": []}]})");
  bool there = true;
  Scene const scene([&](FakeRequest const&) -> FakeReply {
    return there ? FakeReply(report) : problem(404, "no_recovery", "there was no cold start yet");
  });
  auto const shown = scene.run({"events", "--since-boot"});
  CHECK(shown.status == 0);
  for (auto const* part :
       {"the machine was started again; over after 4.2 s\n", "agents     2: 1 back, 1 suspended\n",
        "turns      1 cut off; their sessions are told\n", "messages   1 interrupted, 1 unknown, 3 waiting\n",
        "approvals  1 withdrawn\n", "7 cut off", "12 interrupted, 13 unknown"})
    CHECK_MESSAGE(shown.out.find(part) != std::string::npos, part, "\n", shown.out);
  CHECK(shown.out.find('\033') == std::string::npos);
  CHECK(shown.err.find("agent-runner events --from 41") != std::string::npos);
  CHECK(scene.daemon->last("/v1/runtime/recovery").method == "GET");
  CHECK(json::parse(scene.run({"events", "--since-boot", "--json"}).out) == report);
  report["state"] = "recovering";
  report["cause"] = "processes_gone";
  CHECK(scene.run({"events", "--since-boot"}).out.find("had ended at once; not all agents are back yet") !=
        std::string::npos);
  there = false;
  CHECK(scene.run({"events", "--since-boot"}).status == 3);
  CHECK(scene.run({"events", "--since-boot", "alice"}).status == 2);
  CHECK(scene.run({"events", "--since-boot", "-f"}).status == 2);
}

TEST_CASE("ShowIsEverythingAboutOneAgent") {
  Scene const scene;
  auto const shown = scene.run({"show", "alice"});
  CHECK(shown.status == 0);
  for (auto const* part :
       {"alice  busy for ", "why         turn 3", "held        a person is typing", "context     42% used",
        "last turns", "the model is away", "last messages", "done", "last events", "state=busy"})
    CHECK_MESSAGE(shown.out.find(part) != std::string::npos, part);
  auto const page = json_lines(scene.run({"show", "alice", "--json"}).out);
  REQUIRE(page.size() == 1);
  for (auto const* part : {"agent", "turns", "messages", "events"}) CHECK(page[0].contains(part));
  CHECK(scene.run({"show", "nobody"}).status == 3);
}

TEST_CASE("StartLeavesAloneWhatRuns") {
  Scene const scene;
  CHECK(scene.run({"start", "alice"}).out == "alice: runs already, busy\n");
  CHECK(scene.daemon->last("/v1/agents/alice/restart").method.empty());
  CHECK(scene.run({"start", "bob"}).status == 0);
  CHECK(scene.daemon->last("/v1/agents/bob/restart").method == "POST");
}

TEST_CASE("HabitsOfOtherProgramsAreUnderstood") {
  Scene const scene;
  CHECK(scene.run({"ls"}).out == scene.run({"ps"}).out);
  CHECK(scene.run({"--version"}).out.find("agent-runner ") == 0);
  CHECK(scene.run({"help"}).out == scene.run({"--help"}).out);
  CHECK(scene.run({"help", "message", "show"}).out == scene.run({"message", "show", "--help"}).out);
  auto const slip = scene.run({"spwan", "x"});
  CHECK(slip.status == 2);
  CHECK(slip.err.find("did you mean \"spawn\"?") != std::string::npos);
  CHECK(scene.run({"message", "sohw", "3"}).err.find("did you mean \"show\"?") != std::string::npos);
  CHECK(scene.run({"send", "a", "b", "--urgnet"}).err.find("did you mean \"--urgent\"?") != std::string::npos);
}

TEST_CASE("HintsNameTheInstallationThatWasNamed") {
  Scene const scene;
  auto const state = scene.home.state().string();
  auto const refused = scene.run({"--state-dir", state, "show", "nobody"});
  CHECK(refused.err.find("agent-runner --state-dir " + state + " ps lists them") != std::string::npos);
  CHECK(scene.run({"show", "nobody"}).err.find("agent-runner ps lists them") != std::string::npos);

  Scene const advice([](FakeRequest const& request) -> FakeReply {
    auto agent = agent_document("alice", "failed");
    agent["reason"] = "gave up; `agent-runner restart alice`";
    auto message = message_document("unknown");
    message["deliveries"][0]["reason"] = "look, then `agent-runner message again 42`";
    if (request.path == "/v1/agents") return json{{"agents", {agent}}};
    if (request.path == "/v1/messages") return json{{"messages", {message}}};
    return message;
  });
  auto const said = [&](std::vector<std::string> words, std::string const& hint) {
    words.insert(words.begin(), {"--state-dir", advice.home.state().string()});
    auto const out = advice.run(words).out;
    CHECK_MESSAGE(
        out.find("agent-runner --state-dir " + advice.home.state().string() + " " + hint) != std::string::npos, out);
  };
  said({"ps"}, "restart alice");
  said({"message", "show", "42"}, "message again 42");
  auto const cut = advice.run({"--state-dir", advice.home.state().string(), "messages"}).out;
  CHECK_MESSAGE(cut.find("`agent-runner --sta") != std::string::npos, cut);  // the column holds no more
}

TEST_CASE("ColourIsForTerminalsOnly") {
  Scene const scene;
  CHECK(scene.home.run_on_terminal({"ps"}).out.find("\033[34mbusy\033[0m") != std::string::npos);
  CHECK(scene.home.run_on_terminal({"ps"}, {"NO_COLOR=1"}).out.find("\033[") == std::string::npos);
}

TEST_CASE("PsReadsAllPages") {
  Scene const scene([](FakeRequest const& request) -> FakeReply {
    bool const second = request.query.find("cursor=one") != std::string::npos;
    json page = {{"agents", {agent_document(second ? "two" : "one", "idle")}}};
    if (!second) page["nextCursor"] = "one";
    return page;
  });
  CHECK(json_lines(scene.run({"ps", "--json"}).out).size() == 2);
}

TEST_CASE("SpawnSendsWhatWasAskedForAndSaysHowToAttach") {
  Scene const scene;
  auto const ran = scene.run({"spawn",
                              "alice",
                              "--provider",
                              "codex",
                              "--cwd",
                              "sub",
                              "--model",
                              "m",
                              "--effort",
                              "high",
                              "--approval-mode",
                              "auto",
                              "--profile",
                              "p",
                              "--label",
                              "l",
                              "--tag",
                              "t1",
                              "--tag",
                              "t2",
                              "--cap",
                              "c",
                              "--prompt",
                              "go",
                              "--append-system-prompt",
                              "be kind",
                              "--env",
                              "A=b=c",
                              "--idle-ttl",
                              "30m",
                              "--parent",
                              "root",
                              "--",
                              "--flag",
                              "-x"});
  CHECK(ran.status == 0);
  CHECK(ran.out.find("agent-runner attach alice") != std::string::npos);
  auto const request = scene.daemon->last("/v1/agents");
  CHECK(!request.headers.at("idempotency-key").empty());
  CHECK(request.headers.count("authorization") == 0);
  json const expected = {{"id", "alice"},
                         {"provider", "codex"},
                         {"cwd", (std::filesystem::canonical(scene.home.dir()) / "sub").string()},
                         {"model", "m"},
                         {"effort", "high"},
                         {"approvalMode", "auto"},
                         {"profile", "p"},
                         {"label", "l"},
                         {"tags", {"t1", "t2"}},
                         {"capabilities", {"c"}},
                         {"prompt", "go"},
                         {"systemPromptAppend", "be kind"},
                         {"env", {{"A", "b=c"}}},
                         {"idleTtlMs", 1'800'000},
                         {"parent", "root"},
                         {"providerArgs", {"--flag", "-x"}}};
  CHECK(request.object() == expected);
  CHECK(scene.run({"spawn", "--no-wait", "--worktree", "bob"}).status == 0);  // the flag leaves the next word alone
  CHECK(scene.daemon->last("/v1/agents").object()["id"] == "bob");
  CHECK(scene.daemon->last("/v1/agents").object()["workspace"] == json{{"mode", "worktree"}});
  CHECK(scene.run({"spawn", "bob", "--no-wait", "--worktree=topic/x"}).status == 0);
  CHECK(scene.daemon->last("/v1/agents").object()["workspace"] == json{{"mode", "worktree"}, {"branch", "topic/x"}});
  CHECK(scene.run({"spawn", "--env", "NOVALUE"}).status == 2);
  CHECK(scene.run({"spawn", "--idle-ttl", "soon"}).status == 2);
}

TEST_CASE("ControlVerbsReachEachAgentAndKeepTheFirstFailure") {
  Scene const scene;
  for (auto const* verb : {"interrupt", "restart", "suspend", "resume", "stop", "kill", "clear"}) {
    CAPTURE(verb);
    CHECK(scene.run({verb, "alice"}).status == 0);
    CHECK(scene.daemon->last(std::string("/v1/agents/alice/") + verb).method == "POST");
  }
  CHECK(scene.run({"restart", "alice"}).out == "alice: idle\n");  // what it has become
  CHECK(scene.run({"rm", "alice"}).status == 0);
  CHECK(scene.daemon->last("/v1/agents/alice").method == "DELETE");
  auto const ran = scene.run({"stop", "nobody", "carol"});
  CHECK(ran.status == 3);
  CHECK(ran.err.find("no agent nobody") != std::string::npos);
  CHECK(scene.daemon->last("/v1/agents/carol/stop").method == "POST");
  CHECK(json_lines(scene.run({"stop", "alice", "--json"}).out).size() == 1);
  CHECK(scene.run({"inject", "alice", "-"}, "context").status == 0);
  CHECK(scene.daemon->last("/v1/agents/alice/inject").object() == json{{"content", "context"}});
}

TEST_CASE("NamesCannotLeaveTheirPlaceInThePath") {
  Scene const scene;
  CHECK(scene.run({"interrupt", "../messages?x#y"}).status == 0);
  CHECK(scene.daemon->last("/v1/agents/..%2Fmessages%3Fx%23y/interrupt").method == "POST");
}

TEST_CASE("ScreenIsPrintedAsText") {
  Scene const scene;
  CHECK(scene.run({"screen", "alice"}).out == "one\ntwo\n");
  CHECK(json_lines(scene.run({"screen", "alice", "--json"}).out)[0]["lines"].size() == 2);
}

TEST_CASE("AttachBecomesTmuxOutsideOfTmux") {
  json answer;
  Scene const scene([&](FakeRequest const& request) -> FakeReply {
    return request.path == "/v1/agents/alice/attach" ? FakeReply(answer) : sensible(request);
  });
  auto const& home = scene.home;
  std::filesystem::create_directory(home.dir() / "bin");
  std::ofstream(home.dir() / "bin" / "tmux") << "#!/bin/sh\necho \"TMUX=[$TMUX] $*.\"\n";
  ::chmod((home.dir() / "bin" / "tmux").c_str(), 0700);
  auto environment = home.environment({"TMUX=/tmp/x,1,0", "TERM=xterm-256color"});
  for (auto& entry : environment)
    if (entry.starts_with("PATH=")) entry = "PATH=" + (home.dir() / "bin").string() + ":/usr/bin:/bin";
  auto const attach = [&](std::vector<std::string> const& more) {
    std::vector<std::string> words{"attach", "alice"};
    words.insert(words.end(), more.begin(), more.end());
    return CliProcess(home.program, words, environment, home.dir(), true).finish();
  };
  auto const socket = home.socket().string();  // of a server of ours, which is all that is asked of it
  answer = {{"tmuxSocket", socket}, {"target", "$3"}, {"detachKey", "C-b d"}};
  auto const looked = attach({"--read-only"});
  CHECK(looked.status == 0);
  auto const ran = "TMUX=[] -u -S " + socket + " attach-session -t $3 -r.";
  CHECK_MESSAGE(looked.out.find(ran) != std::string::npos, looked.out);
  CHECK(looked.out.find("detach with C-b d") < looked.out.find(ran));
  CHECK(attach({}).out.find("attach-session -t $3.") != std::string::npos);
  // What runs is not for the daemon to say.
  for (auto const& other :
       {json{{"argv", {"/bin/sh", "-c", "echo evil"}}}, json{{"tmuxSocket", socket}, {"target", "-r"}},
        json{{"tmuxSocket", "relative"}, {"target", "$3"}},
        json{{"tmuxSocket", "/none/tmux.sock"}, {"target", "$3"}}}) {
    answer = other;
    auto const refused = attach({});
    CHECK(refused.status == 1);
    CHECK(refused.out.find("evil") == std::string::npos);
    CHECK(refused.out.find("TMUX=") == std::string::npos);
  }
  auto const refused = scene.run({"attach", "alice"});
  CHECK(refused.status == 2);
  CHECK(refused.err.find("agent-runner screen alice") != std::string::npos);
  CHECK(json_lines(scene.run({"attach", "alice", "--json"}).out)[0] == answer);
}

TEST_CASE("ATerminalThatIsNotKnownHereIsTreatedAsOneThatIs") {
  std::string socket;
  Scene const scene([&](FakeRequest const&) -> FakeReply {
    return json{{"tmuxSocket", socket}, {"target", "$3"}, {"detachKey", "C-b d"}};
  });
  auto const& home = scene.home;
  socket = home.socket().string();
  std::filesystem::create_directory(home.dir() / "bin");
  std::ofstream(home.dir() / "bin" / "tmux") << "#!/bin/sh\necho as=[$TERM]\n";
  ::chmod((home.dir() / "bin" / "tmux").c_str(), 0700);
  auto const described = home.dir() / "terminfo";
  std::filesystem::create_directories(described / "m");
  std::ofstream(described / "m" / "my-terminal") << "";
  struct Case {
    std::string term, as;
  };
  for (auto const& c : {Case{"xterm-from-far-away", "xterm-256color"},
                        {"", "xterm-256color"},
                        {"../../x", "xterm-256color"},
                        {"xterm-256color", "xterm-256color"},
                        {"my-terminal", "my-terminal"}}) {
    auto environment = home.environment({"TERM=" + c.term, "TERMINFO=" + described.string()});
    for (auto& entry : environment)
      if (entry.starts_with("PATH=")) entry = "PATH=" + (home.dir() / "bin").string() + ":/usr/bin:/bin";
    auto const ran = CliProcess(home.program, {"attach", "alice"}, environment, home.dir(), true).finish();
    CHECK_MESSAGE(ran.out.find("as=[" + c.as + "]") != std::string::npos, ran.out);
    bool const told = ran.out.find("does not know the terminal \"" + c.term + "\"") != std::string::npos;
    CHECK(told == (c.term != c.as));
  }
}

TEST_CASE("SendCarriesEveryOption") {
  Scene const scene;
  std::ofstream(scene.home.dir() / "a b.txt") << "content";
  auto const ran = scene.run({"send", "tag:t", "hello", "--from", "me", "--subject", "S", "--claimable", "--task", "9",
                              "--urgent", "--attach", "a b.txt", "--reply-to", "7", "--key", "k", "--notice"});
  CHECK(ran.status == 0);
  CHECK(ran.out == "message 42\n");
  CHECK(scene.daemon->last("/v1/messages").object() == json{{"to", "tag:t"},
                                                            {"body", "hello"},
                                                            {"from", "me"},
                                                            {"subject", "S"},
                                                            {"claimable", true},
                                                            {"taskId", 9},
                                                            {"mustReach", true},
                                                            {"urgent", true},
                                                            {"kind", "notice"},
                                                            {"attachments", {"cafe"}},
                                                            {"replyTo", 7},
                                                            {"idempotencyKey", "k"}});
  auto const upload = scene.daemon->last("/v1/attachments");
  CHECK(upload.query == "name=a%20b.txt");
  CHECK(upload.body == "content");
  CHECK(ran.err.empty());
  CHECK(scene.run({"send", "a", "x", "--attach", "missing"}).status == 2);
  CHECK(scene.run({"send", "a", "x", "--task", "many"}).status == 2);
  auto const unheard = scene.run({"send", "tag:nobody", "hello", "--later"});
  CHECK(unheard.status == 0);
  CHECK(unheard.out == "message 42\n");
  CHECK_FALSE(scene.daemon->last("/v1/messages").object().contains("mustReach"));
  CHECK(unheard.err.find("no agent of this machine has the address tag:nobody") != std::string::npos);
}

TEST_CASE("AReplyTakesFilesAlongAndThoseThatCameAreSavedWithoutReplacingAny") {
  Scene const scene;
  std::ofstream(scene.home.dir() / "f") << "content";
  CHECK(scene.run({"reply", "42", "here", "--attach", "f", "--attach", "f"}).status == 0);
  CHECK(scene.daemon->last("/v1/messages/42/replies").object() ==
        json{{"body", "here"}, {"attachments", {"cafe", "cafe"}}});
  CHECK(scene.run({"reply", "42", "here", "--attach", "missing"}).status == 2);
  auto const saved = scene.run({"save", "42", "new folder"});
  CHECK(saved.out == "new folder/log.txt\n");
  std::ifstream file(scene.home.dir() / "new folder" / "log.txt");
  std::string content;
  std::getline(file, content);
  CHECK(content == "the log of message=42");
  auto const again = scene.run({"save", "42", "new folder"});
  CHECK(again.status == 4);
  CHECK(again.err.find("exists already") != std::string::npos);
}

TEST_CASE("FilesOfOneMessageWithTheSameNameAreAllSaved") {
  Scene const scene([](FakeRequest const&) -> FakeReply {
    auto shown = message_document();
    auto const file = shown["attachments"][0];
    shown["attachments"] = {file, file, file};
    return shown;
  });
  CHECK(scene.run({"save", "42", "f"}).out == "f/log.txt\nf/log-2.txt\nf/log-3.txt\n");
}

TEST_CASE("WhatWasKeptOfARemovedAgentsWorktreeIsTold") {
  Scene const scene([](FakeRequest const& request) -> FakeReply {
    json const workspace = {{"path", "/w/alice"},
                            {"branch", "b"},
                            {"removed", request.path.ends_with("bob")},
                            {"kept", "it holds changes"}};
    return json{{"removed", "x"}, {"workspace", workspace}};
  });
  CHECK(scene.run({"rm", "alice"}).err == "agent-runner: kept the worktree /w/alice: it holds changes\n");
  CHECK(scene.run({"rm", "bob"}).err == "agent-runner: kept the branch b: it holds changes\n");
}

TEST_CASE("TextFromStdinArrivesByteForByte") {
  Scene const scene;
  std::string big;
  while (big.size() < (1U << 20)) big += "żółw \\ \"quote\" \t\r\n";
  CHECK(scene.run({"send", "alice", "-"}, big).status == 0);
  CHECK(scene.daemon->last("/v1/messages").object()["body"] == big);
  CHECK(scene.run({"reply", "42", "-"}, "line\n\n").status == 0);
  CHECK(scene.daemon->last("/v1/messages/42/replies").object()["body"] == "line\n\n");
}

TEST_CASE("TextThatIsNotUtf8IsRefusedClearly") {
  Scene const scene;
  auto const ran = scene.run({"send", "alice", "-"}, "caf\xe9");
  CHECK(ran.status == 2);
  CHECK(ran.err.find("not UTF-8") != std::string::npos);
  CHECK(ran.err.find("iconv") != std::string::npos);
  CHECK(scene.run({"send", "alice", "caf\xe9"}).status == 2);
  CHECK(scene.run({"react", "42", "\xff"}).status == 2);
  CHECK(scene.daemon->requests().empty());
}

TEST_CASE("SendWaitsAndPrintsTheReply") {
  Scene const scene;
  auto const ran = scene.run({"send", "alice", "hi", "--wait", "--timeout", "5s"});
  CHECK(ran.status == 0);
  CHECK(ran.out == "built\n");
  CHECK(scene.daemon->last("/v1/messages/42").query == "wait=done&store=s1&timeoutMs=2000");
  CHECK(scene.daemon->last("/v1/messages").object()["replyRequested"] == true);
  auto const accepted = scene.run({"send", "alice", "hi", "--wait=accepted"});
  CHECK(accepted.out == "message 42: done\n");
  CHECK(json_lines(scene.run({"send", "alice", "hi", "--wait", "--json"}).out)[0]["replies"].size() == 1);
}

TEST_CASE("TheBusesFactsAreInWordsAndItsListsAreTables") {
  Scene const scene([](FakeRequest const&) -> FakeReply {
    return json{
        {"kind", "nats"},
        {"transport", "connected"},
        {"messagesInMemory", 2},
        {"messages", {{"live", 3}, {"dead", 1}}},
        {"made", {"one", "two"}},
        {"feeds", json::array()},
        {"storage",
         {{"error", {{"code", "disk_full"}, {"message", "no room; free some"}}},
          {"at", to_iso8601(wall_now() - std::chrono::minutes(90))}}},
        {"streams",
         {{{"messages", 12}, {"lastSequence", 7}, {"name", "first"}}, {{"name", "second"}, {"problem", "gone"}}}}};
  });
  auto const ran = scene.run({"bus", "status"});
  CHECK(ran.status == 0);
  for (auto const* text : {"bus                 nats\n", "messages in memory  2\n",
                           "messages            dead 1, live 3\n", "made                one, two\n",
                           "feeds               none\n", "storage             no room; free some (1h ago)\n",
                           "\nstreams\nNAME    LAST SEQUENCE  MESSAGES  PROBLEM\nfirst               7        12  -\n"})
    CHECK_MESSAGE(ran.out.find(text) != std::string::npos, ran.out);
}

TEST_CASE("ATurnsLastWordsAreShownWhereThereIsNoReply") {
  Scene const scene([](FakeRequest const& request) -> FakeReply {
    if (request.method == "POST") return {201, {{"id", 42}}};
    auto shown = message_document();
    shown["replies"] = json::array();
    shown["deliveries"][0]["finalText"] = "all built";
    return shown;
  });
  CHECK(scene.run({"send", "alice", "hi", "--wait"}).out == "all built\n");
  CHECK(scene.run({"message", "show", "42"}).out.find("answer of alice:\n  | all built\n") != std::string::npos);
}

TEST_CASE("ABodyCannotPassForLinesOfTheProgram") {
  Scene const scene([](FakeRequest const&) -> FakeReply {
    auto shown = message_document();
    shown["body"] = "hello\n\nalice: done\n  proof: forged\u009b31m";
    return shown;
  });
  CHECK(scene.run({"message", "show", "42"}).out.find("\n  | hello\n  | \n  | alice: done\n  |   proof: forged") !=
        std::string::npos);
  CHECK(scene.run({"message", "show", "42", "--json"}).out.find("forged\\u009b31m") != std::string::npos);
}

TEST_CASE("AMessageThatFailsOrIsNotProvenIsAFailure") {
  for (auto const* state : {"failed", "refused", "unknown", "unverified"}) {
    Scene const scene([state](FakeRequest const& request) -> FakeReply {
      if (request.method == "POST") return {201, {{"message", {{"id", 42}}}}};
      return message_document(state);
    });
    auto const ran = scene.run({"send", "alice", "hi", "--wait"});
    CAPTURE(state);
    CHECK(ran.status == 1);
    CHECK(ran.err.find(state) != std::string::npos);
  }
}

TEST_CASE("AWaitThatEndsWithoutAnAnswerSaysHowItStands") {
  Scene const scene([](FakeRequest const& request) -> FakeReply {
    if (request.method == "POST") return {201, {{"message", {{"id", 42}}}}};
    if (request.query.empty())
      return json{{"id", 42}, {"deliveries", {{{"agent", "alice"}, {"state", "held"}, {"held", "a dialog is open"}}}}};
    return problem(504, "timeout", "not done");
  });
  auto const ran = scene.run({"send", "alice", "hi", "--wait", "--timeout", "1ms"});
  CHECK(ran.status == 5);
  CHECK(ran.err.find("held: a dialog is open") != std::string::npos);
  CHECK(ran.err.find("agent-runner message show 42") != std::string::npos);
}

TEST_CASE("APersonWhoWaitsIsToldOnceWhatHoldsTheMessage") {
  std::atomic<int> waits{0};
  Scene const scene([&waits](FakeRequest const& request) -> FakeReply {
    if (request.method == "POST") return {201, {{"message", {{"id", 42}}}}};
    if (!request.query.empty() && ++waits == 4) return message_document();
    if (!request.query.empty()) return problem(504, "timeout", "not done");
    return json{{"id", 42}, {"deliveries", {{{"agent", "alice"}, {"state", "held"}, {"held", "a dialog is open"}}}}};
  });
  auto const text = scene.home.run_on_terminal({"send", "alice", "hi", "--wait"}).out;
  auto const told = text.find("message 42 is held: a dialog is open");
  REQUIRE(told != std::string::npos);
  CHECK(text.find("message 42 is held", told + 1) == std::string::npos);
  CHECK(text.find("built") > told);
}

TEST_CASE("AWaitGoesOnThroughARestartOfTheDaemon") {
  std::atomic<int> calls{0};
  Scene const scene([&calls](FakeRequest const& request) -> FakeReply {
    if (request.method == "POST") return {201, {{"message", {{"id", 42}}}}};
    FakeReply reply = ++calls < 3 ? FakeReply() : FakeReply(message_document());
    reply.hang_up = calls < 3;
    return reply;
  });
  auto const ran = scene.run({"send", "alice", "hi", "--wait"});
  CHECK(ran.status == 0);
  CHECK(ran.out == "built\n");
  CHECK(calls >= 3);
}

TEST_CASE("ASendThatLosesItsAnswerIsSaidAgainWithTheSameKey") {
  std::atomic<int> calls{0};
  Scene const scene([&calls](FakeRequest const&) -> FakeReply {
    FakeReply reply(201, {{"message", {{"id", 42}}}});
    reply.hang_up = ++calls == 1;
    return reply;
  });
  CHECK(scene.run({"send", "alice", "hi"}).status == 0);
  auto const requests = scene.daemon->requests();
  REQUIRE(requests.size() == 2);
  CHECK(!requests[0].object()["idempotencyKey"].get<std::string>().empty());
  CHECK(requests[0].object() == requests[1].object());
}

TEST_CASE("MessageShowPrintsTheLifeWithTimes") {
  Scene const scene;
  auto const ran = scene.run({"message", "show", "42"});
  CHECK(ran.status == 0);
  for (auto const* word : {"message 42 from operator to alice", "2023-11-14 22:13:20", "Build", "log.txt (2.0K)",
                           "alice: done", "+0 ms  queued", "+120 ms  accepted", "after 120 ms", "proof: transcript",
                           "reply 43 from alice:\n  | built", "reaction from bob: seen"})
    CHECK_MESSAGE(ran.out.find(word) != std::string::npos, word);
  CHECK(ran.out.find("\033[31mbuild") != std::string::npos);  // a pipe gets the bytes
  CHECK(scene.home.run_on_terminal({"message", "show", "42"}).out.find("␛[31mbuild") != std::string::npos);
  CHECK(json_lines(scene.run({"message", "show", "42", "--json"}).out).size() == 1);
  CHECK(scene.run({"message", "show", "forty"}).status == 2);
}

TEST_CASE("ListsOfMessages") {
  Scene const scene;
  auto const listed = scene.run({"messages", "alice", "--limit", "5"});
  CHECK(listed.status == 0);
  CHECK(listed.out.find("Build: please ␛[31mbuild") != std::string::npos);
  CHECK(scene.daemon->last("/v1/messages").query == "agent=alice&limit=5");
  CHECK(json_lines(scene.run({"messages", "--json"}).out).size() == 1);
  CHECK(scene.run({"inbox", "alice"}).out.find("unread:") == 0);
  (void)scene.run({"inbox"});
  CHECK(scene.daemon->last("/v1/agents/operator/inbox").method == "GET");
  CHECK(scene.run({"dead"}).out.find("max_deliveries") != std::string::npos);
  CHECK(json_lines(scene.run({"dead", "--json"}).out)[0]["deliveryCount"] == 5);
  CHECK(scene.run({"message", "taken", "42"}).status == 0);
  CHECK(scene.daemon->last("/v1/messages/42/settle").object() == json{{"taken", true}});
  CHECK(scene.run({"message", "again", "42", "--agent", "alice"}).status == 0);
  CHECK(scene.daemon->last("/v1/messages/42/settle").object() == json{{"taken", false}, {"agent", "alice"}});
  CHECK(scene.run({"dead", "requeue", "42"}).status == 0);
  CHECK(scene.daemon->last("/v1/dead/42/requeue").method == "POST");
}

TEST_CASE("ReplyReactAndRead") {
  Scene const scene;
  CHECK(scene.run({"reply", "42", "done"}).status == 0);
  CHECK(scene.daemon->last("/v1/messages/42/replies").object() == json{{"body", "done"}});
  CHECK(scene.run({"react", "42", "seen"}).status == 0);
  CHECK(scene.daemon->last("/v1/messages/42/reactions").object() == json{{"word", "seen"}});
  auto const read = scene.run({"read", "42"});
  CHECK(read.out.find("message 42 from operator: Build\nfile log.txt (2.0K)\n\nplease") == 0);
  CHECK(scene.run({"read", "42", "--raw"}).out == std::string("exact\r\n\033\t ", 10));
}

TEST_CASE("EventsAreListedFromACursor") {
  Scene const scene;
  auto const ran = scene.run({"events"});
  CHECK(ran.status == 0);
  CHECK(ran.err.empty());
  CHECK(ran.out.find("alice  agent.state  state=busy") != std::string::npos);
  CHECK(json_lines(scene.run({"events", "alice", "--json"}).out)[0]["number"] == 2);
  auto const asked = [&](std::string const& query) {
    auto const all = scene.daemon->requests();
    return std::ranges::any_of(all, [&](auto const& request) { return request.query == query; });
  };
  CHECK(asked("limit=1000&last=50"));
  (void)scene.run({"events", "-n", "7"});
  CHECK(asked("limit=1000&last=7"));
  CHECK(scene.run({"events", "-n", "few"}).status == 2);
  CHECK(scene.run({"events", "--from", "2"}).out.empty());
  CHECK(scene.daemon->last("/v1/events").query == "limit=1000&cursor=2");
  CHECK(scene.run({"events", "--from", "soon"}).status == 2);
  CHECK(scene.run({"events", "--types"}).out.find("turn.started  a turn has begun   turn") != std::string::npos);
  CHECK(scene.run({"events", "alice", "--types"}).status == 2);
  CHECK(json_lines(scene.run({"events", "--types", "--json"}).out)[0]["data"] == json::array({"turn"}));
}

TEST_CASE("ATicketForEventsIsPrintedForOneAgentOrAll") {
  Scene const scene;
  CHECK(scene.run({"events", "--ticket"}).out == "t-{}\n");
  CHECK(scene.run({"events", "alice", "--ticket"}).out == "t-{\"agent\":\"alice\"}\n");
  CHECK(json_lines(scene.run({"events", "--ticket", "--json"}).out)[0]["ticket"] == "t-{}");
  for (auto const* other : {"-f", "--types"}) CHECK(scene.run({"events", "--ticket", other}).status == 2);
}

TEST_CASE("EventsAreWholeInAPipeAndFitATerminal") {
  std::string const reason(500, 'r');
  Scene const scene([&](FakeRequest const&) -> FakeReply {
    return json{{"events",
                 {{{"number", 1},
                   {"agent", "alice"},
                   {"type", "agent.state"},
                   {"at", "2023-11-14T22:13:20.000Z"},
                   {"data", {{"reason", reason}}}}}},
                {"eventCursor", 1}};
  });
  CHECK(scene.run({"events"}).out.find(reason) != std::string::npos);
  auto const shown = scene.home.run_on_terminal({"events"}).out;
  CHECK(shown.find("agent.state") != std::string::npos);
  CHECK(shown.find(reason) == std::string::npos);
}

TEST_CASE("TheAnswersOfAGroupSayWhoseTheyAre") {
  Scene const scene([](FakeRequest const&) -> FakeReply {
    auto message = message_document();
    message["to"] = "tag:reviewers";
    message["matchingAgents"] = 2;
    message["readBy"] = {"alice", "bob"};
    for (auto const* who : {"alice", "bob", "carol"})
      message["replies"].push_back(
          {{"id", 43}, {"from", who}, {"to", "operator"}, {"body", std::string("from ") + who}});
    return FakeReply(201, message);
  });
  auto const out = scene.run({"send", "tag:reviewers", "what do you think?", "--wait"}).out;
  CHECK(out.find("alice:\nfrom alice\n") != std::string::npos);
  CHECK(out.find("bob:\nfrom bob\n") != std::string::npos);
  CHECK(out.find("carol") == std::string::npos);  // it was not for her
}

TEST_CASE("InsideAnAgentTheCommandActsAsThatAgent") {
  Scene const scene;
  CliHome const elsewhere;
  std::vector<std::string> const environment{"AGENT_RUNNER_SOCKET=" + scene.home.socket().string(),
                                             "AGENT_RELAY_TOKEN=secret-7", "AGENT_RELAY_ID=alice"};
  CHECK(elsewhere.run({"inbox"}, {}, environment).status == 0);
  auto const request = scene.daemon->last("/v1/agents/alice/inbox");
  CHECK(request.headers.at("authorization") == "Bearer secret-7");
}

TEST_CASE("NothingIsSaidFromInsideAnAgentWithoutItsToken") {
  Scene const scene;
  auto const socket = "AGENT_RUNNER_SOCKET=" + scene.home.socket().string();
  std::vector<std::string> const whole{socket, "AGENT_RELAY_TOKEN=secret-7", "AGENT_RELAY_ID=alice"};
  auto const state = scene.home.state().string();
  for (auto const& words : std::vector<std::vector<std::string>>{{"read", "42", "--state-dir", state},
                                                                 {"--state-dir", state, "reply", "42", "x"},
                                                                 {"react", "42", "seen", "--state-dir=" + state},
                                                                 {"up"},
                                                                 {"daemon"},
                                                                 {"down"},
                                                                 {"logs"},
                                                                 {"doctor"},
                                                                 {"config", "show"},
                                                                 {"relay", "token", "list"},
                                                                 {"relay", "serve", "--listen", "127.0.0.1:0"}}) {
    auto const ran = scene.run(words, {}, whole);
    CHECK_MESSAGE(ran.status == 4, words[0], ran.err);
    CHECK_MESSAGE(ran.err.find("inside agent alice") != std::string::npos, ran.err);
  }
  // One of its variables is enough to be inside.
  for (auto const& some :
       std::vector<std::vector<std::string>>{{socket},
                                             {"AGENT_RELAY_TOKEN=t"},
                                             {"AGENT_RELAY_ID=alice"},
                                             {socket, "AGENT_RELAY_ID=alice", "AGENT_RELAY_TOKEN="}}) {
    auto const ran = scene.run({"read", "42"}, {}, some);
    CHECK_MESSAGE(ran.status == 4, some[0], ran.err);
  }
  CHECK(scene.daemon->requests().empty());
}

TEST_CASE("AnAgentAttachesOnlyFilesOfItsWorkspace") {
  CliHome const home;
  auto const work = home.dir() / "work";
  std::filesystem::create_directory(work);
  FakeDaemon const daemon(home.socket(), [&](FakeRequest const& request) -> FakeReply {
    if (request.path == "/v1/agents/alice/workspace") return json{{"cwd", work.string()}, {"messages", "/nowhere"}};
    return sensible(request);
  });
  std::vector<std::string> const inside{"AGENT_RUNNER_SOCKET=" + home.socket().string(), "AGENT_RELAY_TOKEN=secret-7",
                                        "AGENT_RELAY_ID=alice"};
  std::ofstream(work / "report") << "all well";
  std::ofstream(home.dir() / "secret") << "key";
  std::filesystem::create_symlink(home.dir() / "secret", work / "link");
  REQUIRE(::mkfifo((work / "pipe").c_str(), 0600) == 0);
  auto const attach = [&](std::filesystem::path const& file) {
    return home.run({"reply", "42", "x", "--attach", file.string()}, {}, inside);
  };
  CHECK(attach(work / "report").status == 0);
  CHECK(daemon.last("/v1/attachments").body == "all well");
  for (auto const& file : {home.dir() / "secret", work / "link", std::filesystem::path("/etc/passwd")}) {
    auto const ran = attach(file);
    CHECK(ran.status == 4);
    CHECK_MESSAGE(ran.err.find("of its workspace only") != std::string::npos, ran.err);
  }
  CHECK(attach(work / "pipe").status == 2);
  CHECK(attach("/dev/zero").status == 2);
  CHECK(home.run({"send", "bob", "x", "--attach", (home.dir() / "secret").string()}, {}, inside).status == 4);
  CHECK(daemon.last("/v1/attachments").body == "all well");
  CHECK(home.run({"reply", "42", "x", "--attach", (home.dir() / "secret").string()}).status == 0);  // a person may
  CHECK(home.run({"reply", "42", "x", "--attach", (work / "pipe").string()}).status == 2);
}

TEST_CASE("AnAgentNeverStartsADaemon") {
  CliHome const home;
  auto const ran = home.run({"ps"}, {}, {"AGENT_RUNNER_SOCKET=" + home.socket().string(), "AGENT_RELAY_TOKEN=t"});
  CHECK(ran.status == 1);
  CHECK(ran.err.find("no daemon answers") != std::string::npos);
  CHECK(!std::filesystem::exists(home.state()));
}

TEST_CASE("RefusalsKeepTheirKindAndSayWhatToDo") {
  struct Case {
    int http, status;
    char const* code;
  };
  for (auto const& refused :
       {Case{400, 2, "invalid_argument"}, Case{401, 4, "unauthorized"}, Case{403, 4, "operator_only"},
        Case{404, 3, "agent_not_found"}, Case{409, 4, "agent_not_running"}, Case{413, 4, "too_large"},
        Case{500, 1, "internal"}, Case{503, 1, "starting"}, Case{504, 5, "timeout"}}) {
    Scene const scene([refused](FakeRequest const&) {
      return problem(refused.http, refused.code, "what happened; what to do", "cwd");
    });
    CAPTURE(refused.http);
    auto const ran = scene.run({"screen", "alice"});
    CHECK(ran.status == refused.status);
    CHECK(ran.out.empty());
    CHECK(ran.err == "agent-runner: cwd: what happened; what to do\n");
  }
}

TEST_CASE("AnAnswerThatIsNotOursIsAnError") {
  Scene const scene([](FakeRequest const&) {
    FakeReply reply;
    reply.body = "<html>";
    return reply;
  });
  auto const ran = scene.run({"screen", "alice"});
  CHECK(ran.status == 1);
  CHECK(ran.err.find("agent-runner version") != std::string::npos);
}

TEST_CASE("CompletionAsksTheDaemonForAgents") {
  Scene const scene;
  CHECK(scene.run({"__complete", "--", "stop", "al"}).out == "alice\tbusy\n");
  CHECK(scene.run({"__complete", "--", "send", "--attach", ""}).out == ":files\n");
  CHECK(scene.run({"__complete", "--", "send", "br"}).out == "broadcast\tall agents\n");
  CHECK(scene.run({"__complete", "--", "spawn", "--profile", ""}).out == "reviewer\tan agent profile\n");
  CHECK(scene.run({"__complete", "--", "spawn", "--approval-mode", "gu"}).out.starts_with("guarded\t"));
  Scene const groups([](FakeRequest const&) -> FakeReply {
    auto agent = agent_document("alice", "idle");
    agent.update({{"label", "reviewer"}, {"tags", {"ci"}}, {"capabilities", {"review"}}});
    return json{{"agents", {agent}}};
  });
  CHECK(groups.run({"__complete", "--", "send", ""}).out ==
        "alice\tidle\ncap:review\tall agents that have it\nlabel:reviewer\tall agents that have it\n"
        "tag:ci\tall agents that have it\nbroadcast\tall agents\n");
  CHECK(groups.run({"__complete", "--", "stop", ""}).out == "alice\tidle\n");
  CliHome const nobody;
  CHECK(nobody.run({"__complete", "--", "stop", ""}).out.empty());
  CHECK(!std::filesystem::exists(nobody.state()));
}

TEST_CASE("CompletionScriptsAreGoodShell") {
  CliHome const home;
  for (auto const* shell : {"bash", "zsh", "fish"}) {
    auto const script = home.run({"completion", shell});
    CHECK(script.status == 0);
    std::error_code ec;
    auto const program = std::filesystem::path("/usr/bin") / shell;
    if (!std::filesystem::exists(program, ec)) {
      MESSAGE(std::string(shell) << " is not installed: its script is not checked");
      continue;
    }
    auto const checked = CliProcess(program, {"-n", "/dev/stdin"}, home.environment(), home.dir()).finish(script.out);
    CAPTURE(shell);
    CHECK(checked.status == 0);
    CHECK(checked.err.empty());
  }
}

TEST_CASE("BashCompletesThroughTheScript") {
  Scene const scene;
  auto const bin = std::filesystem::path(AR_BIN_DIR).string();
  std::string const script =
      "source <(" + bin +
      "/agent-runner completion bash)\n"
      "COMP_WORDS=(" +
      bin +
      "/agent-runner stop al); COMP_CWORD=2; _agent_runner; echo \"${COMPREPLY[*]}\"\n"
      "COMP_WORDS=(" +
      bin +
      "/agent-runner spawn --provider ''); COMP_CWORD=3; _agent_runner; echo \"${COMPREPLY[*]}\"\n"
      "COMP_WORDS=(" +
      bin + "/agent-runner inb); COMP_CWORD=1; _agent_runner; echo \"${COMPREPLY[*]}\"\n";
  auto const ran =
      CliProcess("/usr/bin/bash", {"--norc", "-c", script}, scene.home.environment(), scene.home.dir()).finish();
  CHECK(ran.out.starts_with("alice\nclaude codex command acp gemini "));
  CHECK(ran.out.ends_with("\ninbox\n"));
}

TEST_CASE("EveryVerbsHelpHasAnExample") {
  CliHome const home;
  auto const help = home.run({"--help"});
  CHECK(help.status == 0);
  CHECK(help.out.find("Exit status:") != std::string::npos);
  CHECK(help.out.find("__complete") == std::string::npos);
  auto const verbs = home.run({"__complete", "--", ""}).out;
  int count = 0;
  for (std::size_t at = 0; at < verbs.size(); at = verbs.find('\n', at) + 1, ++count) {
    auto const verb = verbs.substr(at, verbs.find('\t', at) - at);
    auto const shown = home.run({verb, "--help"});
    CAPTURE(verb);
    CHECK(shown.status == 0);
    CHECK(shown.out.find("Example:\n  agent-runner " + verb) != std::string::npos);
  }
  CHECK(count >= 30);
}

TEST_CASE("OutputThatCannotBeWrittenIsAFailure") {
  Scene const scene;
  auto const ran = CliProcess("/bin/sh", {"-c", "exec " + scene.home.program.string() + " ps > /dev/full"},
                              scene.home.environment(), scene.home.dir())
                       .finish();
  CHECK(ran.status == 1);
}
