// Agents with the real CLIs move to another state directory and another home: the next request that each sends to its
// model shows the conversation that it had before.
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/stub.hpp"
#include "system/installation.hpp"

#include <fstream>

using ar::json;
using ar::test::Installation;

namespace {

/// The secrets of a specification are not taken along, so that each machine has its own in its configuration.
void configure_claude(Installation& home, std::string const& claude, ar::test::Stub const& stub) {
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml")
      << "[providers.claude]\ncommand = " << json(claude)
      << "\ntrust_workspace = true\naccept_bypass = true\nsandboxed_root = true\n[providers.claude.env]\n"
      << "ANTHROPIC_BASE_URL = " << json(stub.url())
      << "\nANTHROPIC_AUTH_TOKEN = \"stub\"\nCLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = \"1\"\n";
  std::ofstream(home.state().parent_path() / ".claude.json") << R"({"hasCompletedOnboarding":true})";
}

void configure_codex(Installation& home, std::string const& codex, ar::test::OpenAiStub const& stub) {
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[providers.codex]\ncommand = " << json(codex) << "\n";
  stub.configure(home.state().parent_path() / ".codex");
}

/// To an exported document; the first machine is switched off.
std::filesystem::path take_along(Installation& home) {
  auto const id = home.good({"snapshot", "create", "--json"}).parsed()["id"].get<std::string>();
  auto const file = home.work() / "agents.json";
  home.good({"snapshot", "export", id, "--out", file.string()});
  home.good({"down", "--agents"});
  return file;
}

void bring(Installation& other, std::filesystem::path const& file) {
  auto const restored = other.good({"snapshot", "restore", file.string(), "--json"}).parsed();
  REQUIRE_MESSAGE(restored["agents"][0]["result"] == "restored", restored.dump());
  CHECK_MESSAGE(!restored["agents"][0].contains("leftOut"), restored.dump());
  CHECK_MESSAGE(restored["sections"]["sessions"]["written"] > 0, restored.dump());
}

}  // namespace

TEST_CASE("ClaudeCodeRemembersOnAnotherMachine") {
  auto const claude = ar::test::claude_offline();
  ar::test::Stub stub;
  Installation home, other;
  configure_claude(home, claude, stub);
  configure_claude(other, claude, stub);
  home.good(
      {"spawn", "cc", "--no-wait", "--provider", "claude", "--cwd", home.work().string(), "--approval-mode", "full"});
  home.wait_for_state("cc", "idle");
  home.send("cc", "remember the heron [[say:I will remember the heron]]", {"--wait=done", "--timeout", "60s"});
  home.good({"runtime", "pause", "--timeout", "100ms"});
  auto const waits = home.send("cc", "this one waits [[say:it came]]");
  REQUIRE(Installation::eventually([&] { return home.delivery_state(waits) == "held"; }));
  bring(other, take_along(home));
  REQUIRE(Installation::eventually([&] { return other.agent("cc").value("turns", 0) == 2; }));
  other.send("cc", "what was it? [[say:the heron]]", {"--wait=done", "--timeout", "60s"});
  auto const last = stub.get("/__last").dump();
  CHECK(last.find("remember the heron") != std::string::npos);
  CHECK(last.find("I will remember the heron") != std::string::npos);
  CHECK(last.find("what was it?") != std::string::npos);
  auto const prompts = stub.get("/__prompts").dump();
  auto const at = prompts.find("this one waits");
  CHECK(at != std::string::npos);
  CHECK(prompts.find("this one waits", at + 1) == std::string::npos);
}

TEST_CASE("CodexRemembersOnAnotherMachine") {
  auto const codex = ar::test::codex_offline();
  ar::test::OpenAiStub stub;
  Installation home, other;
  configure_codex(home, codex, stub);
  configure_codex(other, codex, stub);
  home.good({"spawn", "cx", "--provider", "codex", "--cwd", home.work().string(), "--approval-mode", "full"});
  home.wait_for_state("cx", "idle");
  home.send("cx", "remember the heron", {"--wait=done", "--timeout", "60s"});
  bring(other, take_along(home));
  other.send("cx", "what was it?", {"--wait=done", "--timeout", "60s"});
  auto const latest = stub.get("/__latest").dump();
  CHECK(latest.find("remember the heron") != std::string::npos);
  CHECK(latest.find("what was it?") != std::string::npos);
}
