// Tool hooks over the real daemon and hook client, with a receiver on loopback. The agent is the demo agent; its hooks
// are called as a program of one's own would.
#include "control/run_program.hpp"
#include "support/http_receiver.hpp"
#include "system/installation.hpp"

#include <future>

using ar::json;
using ar::test::HttpReceiver;
using ar::test::Installation;

namespace {

std::string const kHook = AR_BIN_DIR "/agent-runner-hook";

json bash(std::string const& command = "ls") {
  return {{"tool_name", "Bash"}, {"tool_use_id", "toolu_1"}, {"tool_input", {{"command", command}}}};
}

struct Scene {
  Installation home;
  HttpReceiver receiver;

  Scene() { home.spawn("alice"); }
  void add(std::string const& name, std::string const& phase, std::vector<std::string> const& more = {}) {
    std::vector<std::string> words{
        "tool-hook", "add", "web/" + name, "--phase", phase, "--url", receiver.url("/" + name + "?secret=s3cr3t")};
    words.insert(words.end(), more.begin(), more.end());
    home.good(words);
  }
  /// What alice's process has been given.
  std::vector<std::string> as_alice() const {
    auto const info = json::parse(ar::test::file_text(home.state() / "agents" / "alice" / "runner.json"));
    auto const all = ar::test::file_text("/proc/" + std::to_string(info["pid"].get<int>()) + "/environ");
    std::vector<std::string> found;
    for (std::size_t at = 0; at < all.size(); at = all.find('\0', at) + 1)
      if (std::string const variable = all.c_str() + at; variable.starts_with("AGENT_")) found.push_back(variable);
    return found;
  }
  /// What the hook client prints; null: nothing.
  json hook(std::string const& event, json const& payload, std::vector<std::string> const& more = {}) {
    auto variables = as_alice();
    variables.insert(variables.end(), more.begin(), more.end());
    auto const ran = ar::test::run_program(kHook, {event}, variables, payload.dump());
    CHECK(ran.status == 0);
    return ran.out.empty() ? json() : json::parse(ran.out)["hookSpecificOutput"];
  }
  std::string told() { return home.good({"events", "--json", "--from", "0"}).out; }
};

}  // namespace

TEST_CASE("ToolHooksAreAskedAndTheirAnswersReachTheProvider") {
  Scene scene;
  CHECK(scene.hook("PreToolUse", bash()).is_null());
  scene.add("guard", "pre", {"--tool", "Bash"});
  scene.add("scan", "post");
  CHECK(scene.hook("PreToolUse", bash()).is_null());
  auto const calls = scene.receiver.calls("/guard");
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].target == "/guard?secret=s3cr3t");
  CHECK(calls[0].head.find("authorization") == std::string::npos);
  CHECK(calls[0].body == json{{"phase", "pre"},
                              {"agent", "alice"},
                              {"session", "alice"},
                              {"turn", nullptr},
                              {"tool_call", {{"id", "toolu_1"}, {"name", "Bash"}, {"input", {{"command", "ls"}}}}}});
  scene.receiver.answer("/guard", R"({"deny":{"text":"not \u001b[31mhere","is_error":true}})");
  CHECK(scene.hook("PreToolUse", bash())["permissionDecision"] == "deny");
  scene.receiver.answer("/guard", R"({"input":{"command":"ls -l"}})");
  CHECK(scene.hook("PreToolUse", bash())["updatedInput"] == json{{"command", "ls -l"}});
  scene.receiver.answer("/scan", R"({"result":{"text":"redacted"},"context":"look"})");
  auto result = bash();
  result["tool_response"] = {{"stdout", "the password"}, {"stderr", ""}};
  auto const seen = scene.hook("PostToolUse", result);
  CHECK(seen["updatedToolOutput"]["stdout"] == "redacted");
  CHECK(seen["additionalContext"] == "look");
  CHECK(scene.receiver.calls("/scan")[0].body["tool_result"] == json{{"text", "the password"}, {"is_error", false}});
  CHECK(scene.receiver.calls("/guard").size() == 3);
  auto read = bash();
  read["tool_name"] = "Read";
  CHECK(scene.hook("PreToolUse", read).is_null());
  auto const told = scene.told();
  for (auto const* type : {"tool_hook.added", "tool_hook.denied", "tool_hook.rewrote"})
    CHECK_MESSAGE(told.find(type) != std::string::npos, type);
  for (auto const* secret : {"s3cr3t", "the password"}) {
    CHECK(told.find(secret) == std::string::npos);
    CHECK(ar::test::file_text(scene.home.state() / "daemon.log").find(secret) == std::string::npos);
  }
}

TEST_CASE("WhateverIsWrongWithAReceiverOpenPassesAndClosedRefuses") {
  Scene scene;
  scene.add("open", "pre", {"--tool", "Read", "--timeout", "300ms"});
  scene.add("closed", "pre", {"--tool", "Bash", "--timeout", "300ms", "--fail-mode", "closed"});
  auto read = bash();
  read["tool_name"] = "Read";
  struct Wrong {
    std::string body;
    int status;
    std::string headers{};
  };
  auto const elsewhere = "Location: " + scene.receiver.url("/elsewhere") + "\r\n";
  for (auto const& wrong :
       {Wrong{"", 0}, Wrong{"{}", 500}, Wrong{"{}", 404}, Wrong{"{}", 307, elsewhere}, Wrong{"no", 200},
        Wrong{"{\"context\":\"" + std::string(2 << 20, 'x') + "\"}", 200}, Wrong{std::string(200, '['), 200}}) {
    CAPTURE(wrong.status);
    for (auto const* path : {"/open", "/closed"}) scene.receiver.answer(path, wrong.body, wrong.status, wrong.headers);
    CHECK(scene.hook("PreToolUse", read).is_null());
    auto const refused = scene.hook("PreToolUse", bash());
    CHECK(refused["permissionDecision"] == "deny");
    auto const why = refused["permissionDecisionReason"].get<std::string>();
    CHECK_MESSAGE(why.find("web/closed must be asked about this, and failed: ") != std::string::npos, why);
    CHECK(why.find("s3cr3t") == std::string::npos);
  }
  CHECK(scene.receiver.calls("/elsewhere").empty());
  CHECK(scene.told().find("s3cr3t") == std::string::npos);
}

TEST_CASE("AClosedToolHookHoldsWhileNoDaemonRuns") {
  Scene scene;
  scene.add("guard", "pre", {"--tool", "Bash", "--fail-mode", "closed"});
  auto const file = scene.home.state() / "run" / "agents" / "tool-hooks";
  CHECK(ar::test::file_text(file) == "pre closed Bash\n");
  scene.home.kill_daemon();
  CHECK(scene.hook("PreToolUse", bash(), {"AGENT_RUNNER_HOOK_TIMEOUT_MS=300"})["permissionDecision"] == "deny");
  auto read = bash();
  read["tool_name"] = "Read";
  CHECK(scene.hook("PreToolUse", read).is_null());
  scene.home.good({"up"});
  CHECK(scene.hook("PreToolUse", bash()).is_null());
  CHECK(scene.receiver.calls("/guard").size() == 1);
  std::filesystem::remove(file);
  CHECK(Installation::eventually([&] { return ar::test::file_text(file) == "pre closed Bash\n"; }));
  scene.home.good({"tool-hook", "rm", "web/guard"});
  CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("ACallThatWaitsForItsToolHookIsAskedAboutAgainByTheNextDaemon") {
  Scene scene;
  scene.add("guard", "pre", {"--fail-mode", "closed", "--timeout", "60s"});
  scene.receiver.answer("/guard", "", 0);
  for (bool const killed : {true, false}) {
    auto const before = scene.receiver.calls("/guard").size();
    auto const variables = scene.as_alice();
    auto waiting = std::async(std::launch::async, [variables] {
      return ar::test::run_program(kHook, {"PreToolUse"}, variables, bash().dump()).out;
    });
    REQUIRE(Installation::eventually([&] { return scene.receiver.calls("/guard").size() == before + 1; }));
    scene.receiver.answer("/guard", R"({"deny":{"text":"by the next one"}})");
    if (killed)
      scene.home.kill_daemon();
    else
      scene.home.good({"down"});
    scene.home.good({"up"});
    auto const answer = json::parse(waiting.get())["hookSpecificOutput"];
    CHECK(answer["permissionDecisionReason"] == "by the next one");
    scene.receiver.answer("/guard", "", 0);
  }
}

TEST_CASE("OnlyTheOperatorRegistersToolHooksAndOnlyOnHostsThatAreAllowed") {
  Scene scene;
  auto const refused = scene.home.run(
      {"tool-hook", "add", "web/x", "--phase", "pre", "--url", "http://169.254.169.254/latest", "--fail-mode", "open"});
  CHECK(refused.status == 4);
  CHECK_MESSAGE(refused.err.find("tool_hooks.hosts") != std::string::npos, refused.err);
  scene.home.environment = scene.as_alice();
  auto const inside = [&](std::vector<std::string> const& words) {
    return scene.home.run_program(std::string(AR_BIN_DIR) + "/agent-runner", words, "").status;
  };
  CHECK(inside({"tool-hook", "add", "web/x", "--phase", "pre", "--url", scene.receiver.url("/x")}) == 4);
  CHECK(inside({"tool-hook", "list"}) == 4);
  scene.home.environment.clear();
  CHECK(scene.home.good({"tool-hook", "list", "--json"}).out.empty());
}
