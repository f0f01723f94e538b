#include "adapters/claude/profile.hpp"

#include "adapters/claude/claude_adapter.hpp"
#include "adapters/claude/launch.hpp"
#include "support/launch_setup.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ar;
using namespace ar::adapters;
using namespace ar::adapters::claude;
namespace fs = std::filesystem;
using test::after;

namespace {

struct Setup : test::LaunchSetup {
  Setup() : LaunchSetup(make_claude_adapter(), "home/src/project/sub") {
    fs::create_directories(request.cwd.parent_path() / ".git");
    command("bin/claude", "echo '2.1.197 (Claude Code)'");
    write("home/.claude/CLAUDE.md", "the person's");
    write("home/.claude/settings.json",
          R"({"model":"m","env":{"A":"1"},"hooks":{"Stop":[]},"enabledPlugins":{"x":true},"apiKeyHelper":"k"})");
    write("home/.claude.json", R"({"mcpServers":{"hosts":{"command":"h"}}})");
    write("home/src/project/.mcp.json", R"({"mcpServers":{"repos":{"command":"r"}}})");
  }
  json file(std::string const& name) const { return json::parse(text(request.agent_dir / "claude" / name)); }
};

}  // namespace

TEST_CASE("AnIsolatedProfileSeesNothingOfTheHost") {
  Setup setup;
  auto const plan = setup.plan(json::object());
  auto const home = setup.request.agent_dir / "claude" / "home";
  CHECK(plan.environment.at("CLAUDE_CONFIG_DIR") == home.string());
  CHECK_FALSE(plan.environment.contains("CLAUDE_SECURESTORAGE_CONFIG_DIR"));
  CHECK(setup.file("home/.claude.json")["hasCompletedOnboarding"] == true);
  CHECK_FALSE(fs::exists(home / "CLAUDE.md"));
  CHECK(after(plan.argv, "--setting-sources") == "user");
  // The repository's instructions are not the host's; from its root down.
  CHECK(after(plan.argv, "--add-dir") == setup.request.cwd.parent_path().string());
  CHECK(plan.environment.at("CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD") == "1");
  CHECK(std::ranges::count(plan.argv, "--strict-mcp-config") == 1);
  auto const servers = setup.file("mcp.json")["mcpServers"];
  CHECK(servers.size() == 1);
  CHECK(servers["agent-runner"]["args"] == json{"mcp"});
  auto const settings = setup.file("settings.json");
  for (auto const* key : {"env", "hooks", "model", "enabledPlugins", "apiKeyHelper"})
    CHECK_FALSE(settings.contains(key));
  CHECK(setup.outcome("base") == "applied");
  CHECK(setup.outcome("instructions.repoInstructions") == "approximated");
}

TEST_CASE("WhatOfTheHostIsAskedForComesAndNothingElse") {
  Setup setup;
  auto const plan = setup.plan({{"host", {"login", "settings", "env"}},
                                {"instructions", {{"globalInstructions", true}, {"repoInstructions", false}}},
                                {"mcp", {{"mode", "host"}, {"servers", {{"mine", {{"url", "http://x"}}}}}}},
                                {"hooks", {{"mode", "host"}}}});
  auto const host = setup.dir.path() / "home" / ".claude";
  CHECK(plan.environment.at("CLAUDE_SECURESTORAGE_CONFIG_DIR") == host.string());
  auto const settings = setup.file("settings.json");
  CHECK(settings["model"] == "m");
  CHECK(settings["env"]["A"] == "1");
  CHECK(settings["hooks"].contains("Stop"));
  CHECK(settings["apiKeyHelper"] == "k");
  CHECK_FALSE(settings.contains("enabledPlugins"));
  CHECK(fs::read_symlink(setup.request.agent_dir / "claude/home/CLAUDE.md") == host / "CLAUDE.md");
  auto const servers = setup.file("mcp.json")["mcpServers"];
  CHECK(servers.contains("hosts"));
  CHECK(servers.contains("repos"));
  CHECK(servers.contains("mine"));
  // With the repository's settings everything above and in it has to be kept out by name.
  CHECK(after(plan.argv, "--setting-sources") == "user,project,local");
  auto const excluded = settings["claudeMdExcludes"].dump();
  CHECK(excluded.find((setup.dir.path() / "home" / ".claude" / "**").string()) != std::string::npos);
  CHECK(excluded.find((setup.request.cwd / "CLAUDE.md").string()) != std::string::npos);
  // Asked for no more, it goes again.
  setup.plan(json::object());
  CHECK_FALSE(fs::is_symlink(setup.request.agent_dir / "claude/home/CLAUDE.md"));
}

TEST_CASE("AProfileOnTheHostsGroundLeavesItsHomeAlone") {
  Setup setup;
  auto const plan = setup.plan({{"base", "host"},
                                {"mcp", {{"mode", "none"}}},
                                {"hooks", {{"mode", "none"}}},
                                {"instructions", {{"globalInstructions", false}, {"system", "You are S."}}}});
  CHECK_FALSE(plan.environment.contains("CLAUDE_CONFIG_DIR"));
  CHECK(after(plan.argv, "--setting-sources") == "absent");
  CHECK(std::ranges::count(plan.argv, "--strict-mcp-config") == 1);
  CHECK(setup.file("settings.json")["claudeMdExcludes"][0] ==
        (setup.dir.path() / "home" / ".claude" / "CLAUDE.md").string());
  CHECK(*read_file(after(plan.argv, "--system-prompt-file"), 100) == "You are S.");
  CHECK(setup.outcome("hooks.mode") == "not possible");
  CHECK(setup.outcome("mcp.mode") == "applied");
}

TEST_CASE("SkillsPluginsAndPermissionsArrive") {
  Setup setup;
  setup.write("skills/review/SKILL.md", "---\nname: review\n---\n");
  setup.request.system_prompt_append = "the request's";
  auto const plan = setup.plan({{"skills", {(setup.dir.path() / "skills/review").string()}},
                                {"plugins", {"/opt/plugin"}},
                                {"instructions", {{"append", {"first", "second"}}}},
                                {"permissions", {{"allow", {"Bash(git status:*)"}}, {"deny", {"WebFetch"}}}}});
  auto const plugin = setup.request.agent_dir / "claude" / "profile";
  CHECK(std::ranges::count(plan.argv, plugin.string()) == 1);
  CHECK(std::ranges::count(plan.argv, "/opt/plugin") == 1);
  CHECK(fs::exists(plugin / "skills" / "review" / "SKILL.md"));
  auto const settings = setup.file("settings.json");
  CHECK(settings["permissions"]["deny"] == json::array({"WebFetch"}));
  CHECK(settings["permissions"]["allow"][0] == "Bash(git status:*)");
  CHECK(settings["permissions"]["allow"].size() > 1);  // agent-runner's own as well
  auto const told = *read_file(after(plan.argv, "--append-system-prompt-file"), 10'000);
  CHECK(told.find("agent-runner CODE") < told.find("first"));
  CHECK(told.find("first\n\nsecond\n\nthe request's") != std::string::npos);
  CHECK(settings["permissions"]["allow"].dump().find("mcp__agent-runner__reply") != std::string::npos);
  CHECK(told.find("MCP server agent-runner") != std::string::npos);
  auto const quiet = setup.plan({{"relay", {{"context", false}}}});
  CHECK(setup.file("mcp.json")["mcpServers"].empty());
  CHECK(setup.file("settings.json")["permissions"]["allow"].dump().find("mcp__") == std::string::npos);
  CHECK(*read_file(after(quiet.argv, "--append-system-prompt-file"), 10'000) == "the request's");
}

TEST_CASE("AKeyThatWasHandedToTheAgentNeedsNoConfirmation") {
  Setup setup;
  setup.request.environment["ANTHROPIC_API_KEY"] = "sk-ant-0123456789-0123456789-abcdef";
  setup.plan(json::object());
  CHECK(setup.file("home/.claude.json")["customApiKeyResponses"]["approved"][0] == "89-0123456789-abcdef");
}
