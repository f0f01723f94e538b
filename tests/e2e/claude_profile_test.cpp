// Profiles with the real Claude Code: what its model is shown, and which hooks run, on each ground.
#include "e2e/offline.hpp"
#include "e2e/profile_home.hpp"
#include "e2e/stub.hpp"

#include <filesystem>

using ar::json;
using namespace ar::test;

namespace {

std::vector<std::string> const kHosts{"HOST-INSTRUCTIONS", "PARENT-INSTRUCTIONS", "THE-hostskill", "hostmcp_tool"};
std::vector<std::string> const kRepos{"REPO-INSTRUCTIONS", "THE-reposkill", "repomcp_tool"};
std::vector<std::string> const kProfiles{"APPENDED", "THE-ownskill", "mine_tool", "SYSTEM-REPLACED"};

struct Scene : ProfileHome {
  std::string const claude = claude_offline();
  Stub stub;

  Scene() {
    write(person / ".claude" / "CLAUDE.md", "HOST-INSTRUCTIONS");
    write(person / "CLAUDE.md", "PARENT-INSTRUCTIONS");
    write_skill(person / ".claude" / "skills" / "hostskill");
    auto const hooks = [&](std::string const& name) {
      json const hook = {{"type", "command"}, {"command", mark(name)}};
      return json{{"UserPromptSubmit", {{{"hooks", json::array({hook})}}}}};
    };
    write(person / ".claude" / "settings.json", json{{"hooks", hooks("host")}}.dump());
    write(person / ".claude.json",
          json{{"hasCompletedOnboarding", true}, {"mcpServers", {{"hostmcp", server("hostmcp")}}}}.dump());
    write(repo / "CLAUDE.md", "REPO-INSTRUCTIONS");
    write_skill(repo / ".claude" / "skills" / "reposkill");
    write(repo / ".claude" / "settings.json", json{{"hooks", hooks("repo")}}.dump());
    write(repo / ".mcp.json", json{{"mcpServers", {{"repomcp", server("repomcp")}}}}.dump());
    write_skill(person / "own" / "ownskill");
    configure(R"([profiles.own]
skills = [")" +
              (person / "own" / "ownskill").string() +
              R"("]
instructions = {append = ["APPENDED"]}
mcp = {servers = {mine = {command = "node", args = [")" +
              std::string(AR_SOURCE_DIR) + R"(/tests/e2e/stub_mcp.mjs", "mine"]}}}
[profiles.bare]
base = "isolated"
instructions = {system = "SYSTEM-REPLACED", repoInstructions = false}
relay = {context = false}
[profiles.repos]
mcp = {mode = "project"}
hooks = {mode = "project"}
[profiles.hosts]
base = "host"
instructions = {append = ["APPENDED"]}
)");
  }
  void spawn(std::string const& profile, std::vector<std::string> const& more = {}) {
    json const options = {
        {"command", claude}, {"accept_bypass", true}, {"sandboxed_root", true}, {"enable_project_mcp", true}};
    std::vector<std::string> words{"spawn",           profile,
                                   "--provider",      "claude",
                                   "--profile",       profile,
                                   "--cwd",           repo.string(),
                                   "--approval-mode", "full",
                                   "--env",           "ANTHROPIC_BASE_URL=" + stub.url(),
                                   "--env",           "ANTHROPIC_AUTH_TOKEN=stub",
                                   "--env",           "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
                                   "--options",       options.dump()};
    words.insert(words.end(), more.begin(), more.end());
    home.good(words);
    home.wait_for_state(profile, "idle");
  }
  /// What the model was shown with a message; asked again until `wanted` is there, since MCP servers come when they are
  /// ready.
  std::string shown(std::string const& agent, std::string const& wanted) {
    std::string text;
    Installation::eventually([&] {
      home.good({"send", agent, "hello", "--wait=done"});
      text = home.run_program("/usr/bin/curl", {"-s", stub.url() + "/__last"}, "").out;
      return text.find(wanted) != std::string::npos;
    });
    return text;
  }
};

}  // namespace

TEST_CASE("AnIsolatedClaudeSeesTheRepositorysInstructionsAndItsProfileAndNothingOfTheHost") {
  Scene scene;
  scene.spawn("own");
  auto const text = scene.shown("own", "mine_tool");
  CHECK(found_in(text, kHosts).empty());
  CHECK(found_in(text, kRepos) == std::vector<std::string>{"REPO-INSTRUCTIONS"});
  CHECK(found_in(text, kProfiles) == std::vector<std::string>{"APPENDED", "THE-ownskill", "mine_tool"});
  CHECK(text.find("[agent-runner CODE ...]") != std::string::npos);
  CHECK(text.find("agent-runner:guide") != std::string::npos);
  CHECK_FALSE(scene.ran("host"));
  CHECK_FALSE(scene.ran("repo"));
  // It goes on with its session in its own home.
  scene.home.good({"restart", "own"});
  CHECK(Installation::eventually([&] { return scene.home.agent("own")["reason"] == "ready"; }));
  CHECK(scene.home.good({"events", "own", "--json", "--from", "0"}).out.find("\"resumed\":true") != std::string::npos);
}

TEST_CASE("ABareClaudeSeesItsOwnSystemPromptOnly") {
  Scene scene;
  scene.spawn("bare");
  auto const text = scene.shown("bare", "SYSTEM-REPLACED");
  CHECK(found_in(text, kHosts).empty());
  CHECK(found_in(text, kRepos).empty());
  CHECK(found_in(text, kProfiles) == std::vector<std::string>{"SYSTEM-REPLACED"});
  CHECK(text.find("[agent-runner CODE ...]") == std::string::npos);
  CHECK(text.find("agent-runner:guide") == std::string::npos);
}

TEST_CASE("AProfileMayLetTheRepositoryIn") {
  Scene scene;
  scene.spawn("repos");
  auto const text = scene.shown("repos", "repomcp_tool");
  CHECK(found_in(text, kHosts).empty());
  CHECK(found_in(text, kRepos) == kRepos);
  CHECK(scene.ran("repo"));
  CHECK_FALSE(scene.ran("host"));
}

TEST_CASE("AHostBasedClaudeSeesWhatThePersonSees") {
  Scene scene;
  scene.spawn("hosts");
  auto const text = scene.shown("hosts", "hostmcp_tool");
  CHECK(found_in(text, kHosts) == kHosts);
  CHECK(found_in(text, kProfiles) == std::vector<std::string>{"APPENDED"});
  CHECK(scene.ran("host"));
}

TEST_CASE("AClaudeKeepsTheSkillThatItWasSpawnedWithAndWhatItSaidIsFound") {
  Scene scene;
  scene.home.good({"skill", "add", (scene.person / "own" / "ownskill").string()});
  scene.spawn("bare", {"--skill", "ownskill"});
  CHECK(scene.shown("bare", "THE-ownskill").find("THE-ownskill") != std::string::npos);
  scene.home.good({"skill", "rm", "ownskill"});
  std::filesystem::remove_all(scene.person / "own");
  scene.home.good({"restart", "bare"});
  CHECK(Installation::eventually([&] { return scene.home.agent("bare")["reason"] == "ready"; }));
  CHECK(scene.shown("bare", "THE-ownskill").find("THE-ownskill") != std::string::npos);
  auto const found = scene.home.good({"search", "hello", "--agent", "bare", "--json"}).out;
  CHECK(found.find("\"kind\":\"message\"") != std::string::npos);
  CHECK(found.find("\"kind\":\"transcript\"") != std::string::npos);
  for (auto const& line : Installation::lines(found)) CHECK_MESSAGE(json::parse(line)["turn"].is_number(), line);
}
