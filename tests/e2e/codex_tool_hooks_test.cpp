// Tool hooks around the tool calls of the real Codex, which runs agent-runner's hooks where tool_hooks is set.
#include "e2e/approvals.hpp"
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/profile_home.hpp"
#include "support/http_receiver.hpp"

using ar::json;
using namespace ar::test;

namespace {

struct Road : ProfileHome {
  std::string const codex = codex_offline();
  OpenAiStub stub;
  HttpReceiver receiver;
  Asking cx{home, "cx"};

  explicit Road(std::string const& approval_mode, std::vector<std::string> const& more = {}) {
    auto const host = person / ".codex";
    stub.configure(host);
    // Hooks of the person's own that nobody has trusted.
    json const theirs = {{"hooks", json::array({{{"type", "command"}, {"command", mark("theirs")}}})}};
    write(host / "hooks.json", json{{"hooks", {{"PreToolUse", json::array({theirs})}}}}.dump());
    configure("[profiles.own]\nhost = [\"settings\"]\n");
    json const options = {{"command", codex}, {"tool_hooks", true}};
    std::vector<std::string> words{"spawn",     "cx",          "--provider",      "codex",
                                   "--cwd",     repo.string(), "--approval-mode", approval_mode,
                                   "--options", options.dump()};
    words.insert(words.end(), more.begin(), more.end());
    home.good(words);
    home.wait_for_state("cx", "idle");
  }
  void add(std::string const& name, std::string const& phase, std::vector<std::string> const& more = {}) {
    std::vector<std::string> words{"tool-hook", "add",   "test/" + name,          "--phase",
                                   phase,       "--url", receiver.url("/" + name)};
    words.insert(words.end(), more.begin(), more.end());
    home.good(words);
  }
  void send(std::string const& text) { home.good({"send", "cx", text, "--wait=done"}); }
  std::string outputs() const { return stub.get("/__outputs").dump(); }
  bool made(std::string const& file) const { return std::filesystem::exists(repo / file); }
};

}  // namespace

TEST_CASE("ToolHooksDenyChangeAndSeeTheCallsOfCodex") {
  for (bool const isolated : {false, true}) {
    CAPTURE(isolated);
    Road road("full", isolated ? std::vector<std::string>{"--profile", "own"} : std::vector<std::string>());
    road.send("[[exec:touch none]]");  // nobody is registered
    CHECK(road.made("none"));
    road.add("guard", "pre", {"--fail-mode", "closed"});
    road.add("scan", "post");
    road.receiver.answer("/guard", R"({"deny":{"text":"not in this house"}})");
    road.send("[[exec:touch one]]");
    CHECK_FALSE(road.made("one"));
    CHECK_MESSAGE(road.outputs().find("not in this house") != std::string::npos, road.outputs());
    auto const calls = road.receiver.calls("/guard");
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].body["tool_call"]["name"] == "Bash");
    CHECK(calls[0].body["tool_call"]["input"]["command"].get<std::string>().find("touch one") != std::string::npos);
    CHECK(road.receiver.calls("/scan").empty());

    road.receiver.answer("/guard", R"({"input":{"command":"echo changed-1; touch changed"}})");
    road.receiver.answer("/scan", R"({"result":{"text":"redacted"},"context":"LOOK-BESIDE"})");
    road.send("[[exec:touch original]]");
    CHECK(road.made("changed"));
    CHECK_FALSE(road.made("original"));
    auto const seen = road.receiver.calls("/scan");
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].body["tool_result"]["text"].get<std::string>().find("changed-1") != std::string::npos);
    CHECK_MESSAGE(road.outputs().find("redacted") != std::string::npos, road.outputs());
    CHECK(road.outputs().find("changed-1") == std::string::npos);
    CHECK(road.stub.get("/__last").dump().find("LOOK-BESIDE") != std::string::npos);

    // Something else than a command is no input of a command.
    road.receiver.answer("/guard", R"({"input":{"file":"x"}})");
    road.send("[[exec:touch two]]");
    CHECK_FALSE(road.made("two"));
    road.receiver.answer("/guard", "", 500);
    road.send("[[exec:touch three]]");
    CHECK_FALSE(road.made("three"));
    CHECK_FALSE(road.ran("theirs"));
    // Its next process asks as well.
    road.home.good({"restart", "cx"});
    CHECK(Installation::eventually([&] { return road.home.agent("cx")["reason"] == "ready"; }));
    road.send("[[exec:touch four]]");
    CHECK_FALSE(road.made("four"));
  }
}

TEST_CASE("WhatAPreHookMakesOfCodexsCallStillNeedsItsPermission") {
  Road road("guarded");
  road.add("change", "pre");
  road.receiver.answer("/change", R"({"input":{"command":"touch changed"}})");
  auto const asked = road.cx.asks("[[exec:touch original]]");
  CHECK(asked["input"]["command"].get<std::string>().find("touch changed") != std::string::npos);
  CHECK_FALSE(road.made("changed"));
  CHECK(road.home.run({"approve", asked["id"].dump()}).status == 0);
  road.cx.wait_done();
  CHECK(road.made("changed"));
  CHECK_FALSE(road.made("original"));
}
