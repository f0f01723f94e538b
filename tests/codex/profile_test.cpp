#include "adapters/codex/profile.hpp"

#include "adapters/codex/codex_adapter.hpp"
#include "adapters/relay_note.hpp"
#include "support/launch_setup.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::adapters;
using namespace ar::adapters::codex;
namespace fs = std::filesystem;
using test::has;

namespace {

struct Setup : test::LaunchSetup {
  Setup() : LaunchSetup(make_codex_adapter()) {
    request.plugin_dir = fs::path(AR_SOURCE_DIR) / "plugins" / "codex";
    command("codex", "echo codex-cli 0.169.0");
    write("home/.codex/config.toml",
          "model = \"m\"\nnotify = [\"x\"]\n[mcp_servers.hosts]\ncommand = \"h\"\n[projects.\"/p\"]\ntrust_level = "
          "\"trusted\"\n");
    write("home/.codex/auth.json", "{}");
    write("home/.codex/AGENTS.md", "the person's");
  }
  fs::path home() const { return request.agent_dir / "codex" / "home"; }
};

}  // namespace

TEST_CASE("AnIsolatedCodexHasAHomeOfItsOwnAndItsCommandsThePersons") {
  Setup setup;
  fs::create_directory(setup.request.cwd / ".git");  // or one around it counts: Codex's sandbox makes some below /tmp
  auto const plan = setup.plan({{"instructions", {{"repoInstructions", false}}}});
  CHECK(plan.environment.at("CODEX_HOME") == setup.home().string());
  CHECK(plan.environment.at("HOME") != (setup.dir.path() / "home").string());
  CHECK(has(plan.argv, "shell_environment_policy.set.HOME=\"" + (setup.dir.path() / "home").string() + "\""));
  CHECK(has(plan.argv, "project_doc_max_bytes=0"));
  CHECK(has(plan.argv, "features.hooks=false"));
  CHECK(setup.text(setup.home() / "AGENTS.md").empty());
  for (auto const* name : {"auth.json", "hooks.json", ".env"}) CHECK_FALSE(fs::exists(setup.home() / name));
  CHECK(setup.text(setup.home() / "config.toml") ==
        "[projects.\"" + setup.request.cwd.string() + "\"]\ntrust_level = \"untrusted\"\n");
  CHECK(setup.text(setup.home() / "rules" / "agent-runner.rules")
            .starts_with("prefix_rule(pattern=[\"/opt/bin/agent-runner\", \"reply\"], decision=\"allow\")\n"));
  CHECK(setup.outcome("hooks.mode") == "applied");
}

TEST_CASE("WhatOfTheHostsCodexIsAskedForComesAndNothingElse") {
  Setup setup;
  setup.write("project/.git/HEAD", "");
  setup.write("project/AGENTS.md", "the repository's");
  setup.write("project/sub/AGENTS.md", "not these");
  setup.write("project/sub/AGENTS.override.md", "the folder's");
  setup.request.cwd /= "sub";
  setup.plan({{"host", {"login", "settings"}}, {"instructions", {{"globalInstructions", true}}}});
  CHECK(fs::read_symlink(setup.home() / "auth.json") == setup.dir.path() / "home/.codex/auth.json");
  CHECK(setup.text(setup.home() / "AGENTS.md") == "the person's\n\nthe repository's\n\nthe folder's");
  auto const config = setup.text(setup.home() / "config.toml");
  CHECK(config.find("model = 'm'") != std::string::npos);
  CHECK(config.find("hosts") == std::string::npos);
  CHECK(config.find("notify") == std::string::npos);
  CHECK(config.find("\"/p\"") == std::string::npos);
  setup.plan({{"mcp", {{"mode", "host"}}}});
  auto const servers = setup.text(setup.home() / "config.toml");
  CHECK(servers.find("hosts") != std::string::npos);
  CHECK(servers.find("model") == std::string::npos);
  CHECK(servers.find("trust_level = \"trusted\"") != std::string::npos);
  CHECK(setup.text(setup.home() / "AGENTS.md").empty());  // Codex reads the repository's itself then
  CHECK_FALSE(fs::exists(setup.home() / "auth.json"));
  // The agent's own login stays.
  REQUIRE(write_file(setup.home() / "auth.json", "own").has_value());
  setup.plan(json::object());
  CHECK(setup.text(setup.home() / "auth.json") == "own");
  setup.write("home/.codex/config.toml", "model = \n");
  auto const profile = profile_from({{"host", {"settings"}}}, "p", "");
  setup.request.profile = std::make_shared<Profile>(*profile);
  CHECK(make_codex_adapter()->prepare(setup.request).error().message.find("config.toml:1:9: ") != std::string::npos);
}

TEST_CASE("SkillsNameTheToolByAPathThatTheRulesLetOut") {
  Setup setup;
  setup.write("skills/review/SKILL.md", "---\nname: review\n---\n");
  setup.plan({{"skills", {(setup.dir.path() / "skills/review").string()}}});
  auto const roots = project(setup.request, Options()).skill_roots;
  REQUIRE(roots.size() == 1);
  auto const reply = setup.text(fs::path(roots[0]) / "reply" / "SKILL.md");
  CHECK(reply.find("/opt/bin/agent-runner reply 42 'Your answer") != std::string::npos);
  CHECK(reply.find("$AGENT_RUNNER_CLI") == std::string::npos);
  CHECK(fs::exists(fs::path(roots[0]) / "review" / "SKILL.md"));
  for (auto const* name : {"guide", "react", "read-message"}) CHECK(fs::exists(fs::path(roots[0]) / name / "SKILL.md"));
  CHECK(added_instructions(setup.request, cli_command(setup.request)).find("/opt/bin/agent-runner reply") !=
        std::string::npos);
  auto const server = project(setup.request, Options()).thread_config["mcp_servers.agent-runner"];
  CHECK(server["command"] == "/opt/bin/agent-runner");
  CHECK(server["env_vars"].dump().find("AGENT_RELAY_TOKEN") != std::string::npos);  // its name, and not its value
  Options without;
  without.relay_tools = false;
  CHECK_FALSE(project(setup.request, without).thread_config.contains("mcp_servers.agent-runner"));
  setup.plan({{"relay", {{"context", false}}}});
  CHECK_FALSE(project(setup.request, Options()).thread_config.contains("mcp_servers.agent-runner"));
  CHECK(fs::is_empty(roots[0]));
  CHECK(added_instructions(setup.request, cli_command(setup.request)).empty());
  setup.request.hook_client = "/opt/a b/agent-runner-hook";
  CHECK(cli_command(setup.request) == "\"$AGENT_RUNNER_CLI\"");
}

TEST_CASE("CommandRulesBecomeCodexsAndOthersAreReported") {
  Setup setup;
  setup.plan({{"permissions",
               {{"mode", "auto"},
                {"allow", {"Bash(git status:*)", "Read(./docs/**)"}},
                {"deny", {"Bash(rm:*)"}},
                {"ask", {"WebFetch"}}}},
              {"plugins", {"/opt/none"}},
              {"mcp", {{"servers", {{"mine", {{"url", "http://x"}, {"headers", {{"K", "secret"}}}}}}}}}});
  auto const rules = setup.text(setup.home() / "rules" / "agent-runner.rules");
  CHECK(rules.find("prefix_rule(pattern=[\"git\", \"status\"], decision=\"allow\")") != std::string::npos);
  CHECK(rules.find("prefix_rule(pattern=[\"rm\"], decision=\"forbidden\")") != std::string::npos);
  CHECK(setup.outcome("permissions.allow") == "approximated");
  CHECK(setup.outcome("permissions.ask") == "not possible");
  CHECK(setup.outcome("permissions.mode") == "applied");
  CHECK(setup.outcome("plugins") == "not possible");
  auto const projection = project(setup.request, Options());
  CHECK(projection.thread_config["mcp_servers.mine"]["http_headers"]["K"] == "secret");
  auto const plan = make_codex_adapter()->prepare(setup.request);
  for (auto const& word : plan->argv) CHECK(word.find("secret") == std::string::npos);
  CHECK(command_rule("Bash(git push $X)").empty());
  CHECK(command_rule("Bash(*)").empty());
  CHECK(command_rule("Edit(x)").empty());
}

TEST_CASE("AProfileOnTheHostsGroundSaysWhatCodexCannotLeaveOut") {
  Setup setup;
  auto const plan = setup.plan({{"base", "host"},
                                {"mcp", {{"mode", "none"}}},
                                {"hooks", {{"mode", "none"}}},
                                {"instructions", {{"globalInstructions", false}}}});
  CHECK_FALSE(plan.environment.contains("CODEX_HOME"));
  CHECK(setup.outcome("mcp.mode") == "not possible");
  CHECK(setup.outcome("instructions.globalInstructions") == "not possible");
  CHECK(setup.outcome("hooks.mode") == "applied");
  CHECK_FALSE(fs::exists(setup.home()));
}
