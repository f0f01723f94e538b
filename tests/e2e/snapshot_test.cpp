// Agents move to another host: the next request that the real CLIs send to their model there shows the conversation
// that they had before.
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/stub.hpp"
#include "support/host_pair.hpp"
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

/// Another host: a network of its own that has loopback alone, a name of its own, and of the first host's folder
/// nothing but the path.
class OtherHost {
 public:
  explicit OtherHost(Installation const& first) {
    REQUIRE(ar::test::share_namespace_rights());
    holder_ = ar::test::Child({"unshare", "-n", "-m", "-u", "sleep", "infinity"});
    auto const theirs = std::filesystem::path("/proc") / std::to_string(holder_.pid()) / "ns" / "uts";
    REQUIRE(Installation::eventually([&] {
      std::error_code ec;
      auto const name = std::filesystem::read_symlink(theirs, ec);
      return !ec && name != std::filesystem::read_symlink("/proc/self/ns/uts");
    }));
    auto const folder = first.state().parent_path();
    for (auto const& words : std::vector<std::vector<std::string>>{{"ip", "link", "set", "lo", "up"},
                                                                   {"hostname", "other"},
                                                                   {"mount", "-t", "tmpfs", "none", folder.string()},
                                                                   {"mkdir", "-p", first.work().string()}})
      REQUIRE(ar::test::run_words(inside(words)) == 0);
  }
  std::vector<std::string> inside(std::vector<std::string> const& words = {}) const {
    std::vector<std::string> all{"nsenter", "-t", std::to_string(holder_.pid()), "-n", "-m", "-u"};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }

 private:
  ar::test::Child holder_;
};

/// An exported document, carried over to the other host; the first one is switched off.
void move(Installation& home, Installation& other) {
  auto const id = home.good({"snapshot", "create", "--json"}).parsed()["id"].get<std::string>();
  home.good({"snapshot", "export", id, "--out", (home.work() / "agents.json").string()});
  home.good({"down", "--agents"});
  auto const carried = other.work() / "agents.json";
  std::filesystem::copy_file(home.work() / "agents.json", carried);
  auto const restore = [&] { return other.good({"snapshot", "restore", carried.string(), "--json"}).parsed(); };
  auto const restored = restore();
  REQUIRE_MESSAGE(restored["agents"][0]["result"] == "restored", restored.dump());
  CHECK_MESSAGE(!restored["agents"][0].contains("leftOut"), restored.dump());
  auto const again = restore();
  for (auto const& [name, section] : again["sections"].items())
    CHECK_MESSAGE(section["written"] == 0, name, ": ", again.dump());
}

json asked_there(Installation& other, ar::test::StubApi const& stub, std::string const& path) {
  return other.run_program("/usr/bin/curl", {"-s", stub.url() + path}, "").parsed();
}

}  // namespace

TEST_CASE("ClaudeCodeRemembersOnAnotherHost") {
  auto const claude = ar::test::claude_offline();
  Installation home, other;
  OtherHost const host(home);
  other.prefix = host.inside();
  ar::test::Stub const stub, there(host.inside());
  configure_claude(home, claude, stub);
  configure_claude(other, claude, there);
  home.good(
      {"spawn", "cc", "--no-wait", "--provider", "claude", "--cwd", home.work().string(), "--approval-mode", "full"});
  home.wait_for_state("cc", "idle");
  home.send("cc", "remember the heron [[say:I will remember the heron]]", {"--wait=done", "--timeout", "60s"});
  home.good({"runtime", "pause", "--timeout", "100ms"});
  auto const waits = home.send("cc", "this one waits [[say:it came]]");
  REQUIRE(Installation::eventually([&] { return home.delivery_state(waits) == "held"; }));
  move(home, other);
  REQUIRE(Installation::eventually([&] { return other.agent("cc").value("turns", 0) == 2; }));
  other.send("cc", "what was it? [[say:the heron]]", {"--wait=done", "--timeout", "60s"});
  auto const last = asked_there(other, there, "/__last").dump();
  CHECK(last.find("remember the heron") != std::string::npos);
  CHECK(last.find("I will remember the heron") != std::string::npos);
  CHECK(last.find("what was it?") != std::string::npos);
  auto const prompts = asked_there(other, there, "/__prompts").dump();
  auto const at = prompts.find("this one waits");
  CHECK(at != std::string::npos);
  CHECK(prompts.find("this one waits", at + 1) == std::string::npos);
}

TEST_CASE("CodexRemembersOnAnotherHost") {
  auto const codex = ar::test::codex_offline();
  Installation home, other;
  OtherHost const host(home);
  other.prefix = host.inside();
  ar::test::OpenAiStub const stub, there(host.inside());
  configure_codex(home, codex, stub);
  configure_codex(other, codex, there);
  home.good({"spawn", "cx", "--provider", "codex", "--cwd", home.work().string(), "--approval-mode", "full"});
  home.wait_for_state("cx", "idle");
  home.send("cx", "remember the heron", {"--wait=done", "--timeout", "60s"});
  move(home, other);
  other.send("cx", "what was it?", {"--wait=done", "--timeout", "60s"});
  auto const latest = asked_there(other, there, "/__latest").dump();
  CHECK(latest.find("remember the heron") != std::string::npos);
  CHECK(latest.find("what was it?") != std::string::npos);
}

TEST_CASE("TheDemoAgentGoesOnOnAnotherHostWithWhatWaitedForIt") {
  (void)ar::test::claude_offline();  // for the network of its own
  Installation home, other;
  OtherHost const host(home);
  other.prefix = host.inside();
  home.spawn("demo");
  home.send("demo", "one", {"--wait=done"});
  home.good({"runtime", "pause", "--timeout", "100ms"});
  auto const waits = home.send("demo", "two");
  REQUIRE(Installation::eventually([&] { return home.delivery_state(waits) == "held"; }));
  move(home, other);
  REQUIRE(Installation::eventually([&] { return other.agent("demo").value("turns", 0) == 2; }));
  CHECK(other.good({"messages", "demo", "--json"}).out.find("\"two\"") != std::string::npos);
}
