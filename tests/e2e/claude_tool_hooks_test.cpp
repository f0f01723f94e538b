// Tool hooks around the tool calls of the real Claude Code.
#include "e2e/approvals.hpp"
#include "e2e/offline.hpp"
#include "e2e/stub.hpp"
#include "support/http_receiver.hpp"

using ar::json;
using namespace ar::test;

namespace {

struct Road {
  std::string const claude = claude_offline();
  Installation home;
  Stub stub;
  HttpReceiver receiver;
  Asking cc{home, "cc"};

  explicit Road(std::string const& approval_mode) {
    spawn_claude(home, "cc", claude, stub, approval_mode);
    home.wait_for_state("cc", "idle");
  }
  void add(std::string const& name, std::string const& phase, std::vector<std::string> const& more = {}) {
    std::vector<std::string> words{"tool-hook", "add",   "test/" + name,          "--phase",
                                   phase,       "--url", receiver.url("/" + name)};
    words.insert(words.end(), more.begin(), more.end());
    home.good(words);
  }
  void send(std::string const& text) { home.good({"send", "cc", text, "--wait=done"}); }
  /// What the newest tool call gave the model.
  std::string result() {
    auto const results = stub.get("/__results");
    return results.empty() ? "" : results.back().get<std::string>();
  }
  bool made(std::string const& file) const { return std::filesystem::exists(home.work() / file); }
  std::string told() { return home.good({"events", "cc", "--json", "--from", "0"}).out; }
};

}  // namespace

TEST_CASE("APreHookDeniesClaudesCallAndAClosedOneThatIsAwayDoes") {
  Road road("full");
  road.add("guard", "pre", {"--tool", "Bash"});
  road.receiver.answer("/guard", R"({"deny":{"text":"not in this house","is_error":true}})");
  road.send("[[bash:touch one]]");
  CHECK_FALSE(road.made("one"));
  CHECK_MESSAGE(road.result().find("not in this house") != std::string::npos, road.result());
  auto const calls = road.receiver.calls("/guard");
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].body["tool_call"]["input"]["command"] == "touch one");
  CHECK(calls[0].body["turn"]["sequence"] == 0);
  CHECK(calls[0].body["turn"]["id"].get<std::string>().size() == 36);
  CHECK(road.told().find("tool_hook.denied") != std::string::npos);

  road.receiver.answer("/guard", "{}");
  road.send("[[bash:touch two]]");
  CHECK(road.made("two"));

  road.receiver.answer("/guard", "", 500);
  road.send("[[bash:touch three]]");
  CHECK(road.made("three"));
  road.add("guard", "pre", {"--tool", "Bash", "--fail-mode", "closed"});
  road.send("[[bash:touch four]]");
  CHECK_FALSE(road.made("four"));
  CHECK_MESSAGE(road.result().find("test/guard must be asked about this, and failed") != std::string::npos,
                road.result());
}

TEST_CASE("APostHookSeesWhatClaudesToolGaveBackAndReplacesIt") {
  Road road("full");
  road.add("scan", "post");
  road.send("[[bash:echo password-1]]");
  CHECK(road.result().find("password-1") != std::string::npos);
  auto const seen = road.receiver.calls("/scan");
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].body["tool_result"] == json{{"text", "password-1"}, {"is_error", false}});

  road.receiver.answer("/scan", R"({"result":{"text":"redacted"},"context":"LOOK-BESIDE"})");
  road.send("[[bash:echo password-2]]");
  CHECK_MESSAGE(road.result().find("redacted") != std::string::npos, road.result());
  auto const shown = road.stub.get("/__last").dump();
  CHECK(shown.find("LOOK-BESIDE") != std::string::npos);
  CHECK(road.result().find("password-2") == std::string::npos);

  std::ofstream(road.home.work() / "file") << "password-3\n";
  road.send("[[tool:Read:{\"file_path\":\"" + (road.home.work() / "file").string() + "\"}]]");
  CHECK(road.receiver.calls("/scan").back().body["tool_result"]["text"].get<std::string>().find("password-3") == 0);
  CHECK_MESSAGE(road.result().find("redacted") != std::string::npos, road.result());
  CHECK(road.result().find("password-3") == std::string::npos);

  road.receiver.answer("/scan", R"({"result":{"text":"OBJECTION","is_error":true}})");
  road.send("[[bash:echo password-4; false]]");
  CHECK(road.receiver.calls("/scan").back().body["tool_result"]["is_error"] == true);
  CHECK(road.stub.get("/__last").dump().find("OBJECTION") != std::string::npos);
  CHECK(road.told().find("the error of a call that failed") != std::string::npos);
}

TEST_CASE("WhatAPreHookMakesOfClaudesCallStillNeedsItsPermission") {
  Road road("guarded");
  road.add("change", "pre", {"--tool", "Bash"});
  road.receiver.answer("/change", R"({"input":{"command":"touch changed","description":"changed"}})");
  auto const asked = road.cc.asks("[[bash:touch original]]");
  CHECK(asked["input"]["command"] == "touch changed");
  CHECK_FALSE(road.made("changed"));
  CHECK(road.home.run({"approve", asked["id"].dump()}).status == 0);
  road.cc.wait_done();
  CHECK(road.made("changed"));
  CHECK_FALSE(road.made("original"));
}
