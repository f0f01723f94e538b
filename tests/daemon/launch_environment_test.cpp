#include "daemon/launch_environment.hpp"

#include <doctest/doctest.h>

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

TEST_CASE("WithoutATokenNoTokenVariableIsSet") {
  LaunchFacts facts{"a1", "a1", "ps-1", "", "full"};
  auto const env = launch_environment({}, {}, facts, {});
  CHECK(env.count("AGENT_RELAY_TOKEN") == 0);
  CHECK(env.at("AGENT_RELAY_APPROVAL") == "full");
  CHECK_FALSE(env.at("PATH").empty());
}
