#include "daemon/config/launch_environment.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

using namespace ar::daemon;

TEST_CASE("OnlyListedVariablesAndNoSessionMarksReachAnAgent") {
  LaunchFacts facts{"a1", "a1", "ps-1", "http://127.0.0.1:1", "guarded"};
  facts.token = "secret";
  facts.bin_dir = "/opt/ar/bin";
  auto const env = launch_environment({{"PATH", "/bin"},
                                       {"HOME", "/home/u"},
                                       {"LC_ALL", "C.UTF-8"},
                                       {"AWS_SECRET_ACCESS_KEY", "x"},
                                       {"CLAUDECODE", "1"},
                                       {"CLAUDE_CODE_CHILD_SESSION", "1"},
                                       {"CODEX_HOME", "/c"},
                                       {"TMUX", "/tmp/t"},
                                       {"MY_VAR", "mine"}},
                                      {"MY_VAR", "CLAUDECODE", "TMUX"}, facts, {{"EXTRA", "e"}});
  CHECK(env.at("PATH") == "/opt/ar/bin:/bin");
  CHECK(env.at("HOME") == "/home/u");
  CHECK(env.at("LC_ALL") == "C.UTF-8");
  CHECK(env.at("MY_VAR") == "mine");
  CHECK(env.at("EXTRA") == "e");
  CHECK(env.at("AGENT_RELAY_TOKEN") == "secret");
  CHECK(env.at("AGENT_RELAY_PROVIDER_SESSION_ID") == "ps-1");
  for (auto const* name : {"AWS_SECRET_ACCESS_KEY", "CLAUDECODE", "CLAUDE_CODE_CHILD_SESSION", "CODEX_HOME", "TMUX"})
    CHECK_MESSAGE(env.count(name) == 0, name);
}

TEST_CASE("AnAgentIsToldWhoItIsAndByWhichTokenItSpeaks") {
  LaunchFacts facts{"alice", "alice", "ps-1", "http://127.0.0.1:4711", "guarded"};
  facts.workspace_mode = "worktree";
  facts.token = "secret";
  facts.token_jti = "jti-1";
  facts.token_profile = "provider-agent";
  facts.token_expires_at = "1700000000";
  facts.tcp_port = 4711;
  facts.control_socket = "/s/agents.sock";
  facts.info_file = "/s/agents/alice/runner.json";
  facts.bin_dir = "/opt/ar/bin";
  // Nobody else says any of this.
  std::map<std::string, std::string> const others{{"AGENT_RELAY_ID", "mallory"}, {"AGENT_RELAY_TOKEN", "other"}};
  std::map<std::string, std::string> const expected{{"AGENT_RELAY_ID", "alice"},
                                                    {"AGENT_RELAY_RUNNER_ID", "alice"},
                                                    {"AGENT_RELAY_PROVIDER_SESSION_ID", "ps-1"},
                                                    {"AGENT_RELAY_URL", "http://127.0.0.1:4711"},
                                                    {"AGENT_RELAY_RUNNER_PORT", "4711"},
                                                    {"AGENT_RELAY_APPROVAL", "guarded"},
                                                    {"AGENT_RELAY_WORKSPACE_MODE", "worktree"},
                                                    {"AGENT_RELAY_TOKEN", "secret"},
                                                    {"AGENT_RELAY_TOKEN_JTI", "jti-1"},
                                                    {"AGENT_RELAY_TOKEN_PROFILE", "provider-agent"},
                                                    {"AGENT_RELAY_TOKEN_EXPIRES_AT", "1700000000"},
                                                    {"AGENT_RELAY_RUNNER_INFO_FILE", "/s/agents/alice/runner.json"},
                                                    {"AGENT_RUNNER_SOCKET", "/s/agents.sock"},
                                                    {"AGENT_RUNNER_CLI", "/opt/ar/bin/agent-runner"},
                                                    {"PATH", "/opt/ar/bin:/usr/local/bin:/usr/bin:/bin"}};
  CHECK(launch_environment(others, {}, facts, others) == expected);
}

TEST_CASE("WhatAShellHasAndAgentsDoNotGetIsNamed") {
  std::vector<std::string> const wanted{"ANTHROPIC_*", "CLAUDE_CODE_OAUTH_TOKEN", "HTTPS_PROXY"};
  std::map<std::string, std::string> const shell{
      {"ANTHROPIC_API_KEY", "x"}, {"ANTHROPIC_BASE_URL", "u"}, {"CLAUDE_CODE_OAUTH_TOKEN", "t"},
      {"CLAUDE_CODE_OTHER", "1"}, {"HTTPS_PROXY", "p"},        {"EDITOR", "vi"}};
  using Names = std::vector<std::string>;
  CHECK(not_handed_on(shell, shell, {"ANTHROPIC_API_KEY"}, wanted) ==
        Names{"ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN"});
  // A daemon of another shell: it has none, or another one.
  CHECK(not_handed_on(shell, {{"ANTHROPIC_API_KEY", "y"}}, {"ANTHROPIC_API_KEY"}, wanted) ==
        Names{"ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN", "HTTPS_PROXY"});
  CHECK(not_handed_on({}, shell, {}, wanted).empty());
}

TEST_CASE("AProcessesEnvironmentIsRead") {
  auto const own = environment_of(::getpid());
  REQUIRE(own.has_value());
  CHECK(own->contains("PATH"));
  CHECK_FALSE(environment_of(0).has_value());
}

TEST_CASE("WithoutATokenNoTokenVariableIsSet") {
  LaunchFacts facts{"a1", "a1", "ps-1", "", "full"};
  auto const env = launch_environment({}, {}, facts, {});
  CHECK(env.count("AGENT_RELAY_TOKEN") == 0);
  CHECK(env.at("AGENT_RELAY_APPROVAL") == "full");
  CHECK_FALSE(env.at("PATH").empty());
}
