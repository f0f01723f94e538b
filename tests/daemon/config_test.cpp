#include "daemon/config/config.hpp"

#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

using namespace ar;
using namespace ar::daemon;

namespace {
Result<Config> load(std::string const& text) {
  test::TempDir temp;
  auto const file = temp.path() / "config.toml";
  std::ofstream(file) << text;
  return Config::load(file);
}
Config::Explained const& explained(Config const& config, std::string const& key) {
  for (auto const& entry : config.explained)
    if (entry.key == key) return entry;
  throw std::runtime_error("no such key");
}
}  // namespace

TEST_CASE("NoFileMeansDefaults") {
  auto const config = Config::load("/does/not/exist/config.toml");
  REQUIRE(config.has_value());
  CHECK(config->log_level == "info");
  CHECK(explained(*config, "log.level").origin == "default");
}

TEST_CASE("AFlagIsSetByItsVariable") {
  ::setenv("AGENT_RUNNER_MEMORY_PRESSURE", "false", 1);
  auto const off = Config::load("/does/not/exist/config.toml");
  ::setenv("AGENT_RUNNER_MEMORY_PRESSURE", "0", 1);
  auto const neither = Config::load("/does/not/exist/config.toml");
  ::unsetenv("AGENT_RUNNER_MEMORY_PRESSURE");
  REQUIRE(off.has_value());
  CHECK_FALSE(off->memory_pressure);
  CHECK(explained(*off, "agents.memory_pressure").origin == "environment AGENT_RUNNER_MEMORY_PRESSURE");
  REQUIRE_FALSE(neither.has_value());
  CHECK(neither.error().message.find("AGENT_RUNNER_MEMORY_PRESSURE must be true or false") != std::string::npos);
}

TEST_CASE("ValuesRememberWhereTheyCameFrom") {
  ::setenv("AGENT_RUNNER_CONTROL_PORT", "4711", 1);
  auto const config = load(
      "[log]\nlevel = \"debug\"\n[control]\nport = 1\n[relay]\nlease_seconds = 60\n"
      "[providers.command]\ncommand = [\"sh\"]\n");
  ::unsetenv("AGENT_RUNNER_CONTROL_PORT");
  REQUIRE(config.has_value());
  CHECK(config->log_level == "debug");
  CHECK(explained(*config, "log.level").origin.ends_with("config.toml:2"));
  CHECK(config->tcp_port == 4711);
  CHECK(explained(*config, "control.port").origin == "environment AGENT_RUNNER_CONTROL_PORT");
  CHECK(config->relay.lease == std::chrono::seconds(60));
  CHECK(config->providers.at("command")["command"][0] == "sh");
}

TEST_CASE("WhatMayBeSecretIsUsedAndNotShown") {
  auto const config = load(
      "[providers.codex]\nenv = {API_KEY = \"s3cret\"}\n[providers.codex.settings]\nhttp_headers = {a = \"s3cret\"}\n");
  REQUIRE(config.has_value());
  CHECK(config->providers.at("codex")["env"]["API_KEY"] == "s3cret");
  auto const shown = explained(*config, "providers.codex").value.dump();
  CHECK(shown.find("API_KEY") != std::string::npos);
  CHECK(shown.find("s3cret") == std::string::npos);
}

TEST_CASE("MistakesAreNamedWithLineAndColumn") {
  auto const message = [](std::string const& text) {
    auto const config = load(text);
    return config.has_value() ? std::string("accepted") : config.error().message;
  };
  CHECK(message("[log]\nlevle = \"x\"\n").find("config.toml:2:") != std::string::npos);
  CHECK(message("[log]\nlevle = \"x\"\n").find("unknown key log.levle") != std::string::npos);
  CHECK(message("[log]\nlevel = 3\n").find("must be a string") != std::string::npos);
  CHECK(message("[log]\nlevel = \"loud\"\n").find("trace, debug") != std::string::npos);
  CHECK(message("[control]\nport = 70000\n").find("from 0 to 65535") != std::string::npos);
  CHECK(message("[contrl]\nport = 1\n").find("unknown section") != std::string::npos);
  CHECK(message("[log\n").find("config.toml:1:") != std::string::npos);
  CHECK(message("log = 3\n").find("must be a section") != std::string::npos);
  CHECK(message("[agents]\npass_environment = [1]\n").find("list of strings") != std::string::npos);
}

TEST_CASE("AVariableThatIsNeverPassedOnIsAMistake") {
  for (std::string const name :
       {"CLAUDE_CODE_OAUTH_TOKEN", "CLAUDECODE", "CODEX_HOME", "TMUX", "AI_AGENT", "AGENT_RELAY_TOKEN", "A=B", ""}) {
    auto const config = load("[agents]\npass_environment = [\"PATH\", \"" + name + "\"]\n");
    REQUIRE_MESSAGE(!config.has_value(), name);
    CHECK(config.error().field == "agents.pass_environment");
    CHECK_MESSAGE(config.error().message.find("config.toml:2: agents.pass_environment: \"" + name + "\" is ") !=
                      std::string::npos,
                  config.error().message);
  }
  CHECK(load("[agents]\npass_environment = [\"ANTHROPIC_API_KEY\", \"TERM\"]\n").has_value());
}

TEST_CASE("AWrongEnvironmentVariableIsNamed") {
  ::setenv("AGENT_RUNNER_LOG_LEVEL", "loud", 1);
  auto const config = Config::load("/none");
  ::unsetenv("AGENT_RUNNER_LOG_LEVEL");
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().message.find("AGENT_RUNNER_LOG_LEVEL") != std::string::npos);
}

TEST_CASE("ARunningDaemonTakesWhatIsReadAtItsUseAndNamesTheRest") {
  auto config = load(
      "[log]\nlevel = \"info\"\n[control]\nport = 1\n[providers.command]\ncommand = [\"sh\"]\n"
      "[profiles.old]\nbase = \"isolated\"\n");
  auto fresh = load(
      "[log]\nlevel = \"debug\"\n[control]\nport = 2\n[history]\nmost = 200\n[relay]\nlease_seconds = 9\n"
      "[providers.command]\ncommand = [\"cat\"]\n[profiles.new]\nbase = \"isolated\"\n");
  REQUIRE(config.has_value());
  REQUIRE_MESSAGE(fresh.has_value(), fresh.error().message);
  auto const changes = config->take(std::move(*fresh));
  std::string live, restart;
  for (auto const& change : changes) (change.live ? live : restart) += change.key + " ";
  CHECK(live == "log.level history.most providers.command profiles.new profiles.old ");
  CHECK(restart == "control.port relay.lease_seconds ");
  CHECK(config->log_level == "debug");
  CHECK(config->most_history == 200);
  CHECK(config->providers.at("command")["command"][0] == "cat");
  CHECK(config->profiles.contains("new"));
  CHECK_FALSE(config->profiles.contains("old"));
  // What needs a restart stays, and is shown as it is.
  CHECK(config->tcp_port == 1);
  CHECK(config->relay.lease != std::chrono::seconds(9));
  CHECK(explained(*config, "control.port").value == 1);
  CHECK(explained(*config, "log.level").value == "debug");
  CHECK(explained(*config, "log.level").live);
  CHECK_FALSE(explained(*config, "control.port").live);
}

TEST_CASE("ASecretThatHasChangedIsNamedAndNotShown") {
  auto config = load("[providers.claude]\nenv = { KEY = \"one\" }\n");
  auto fresh = load("[providers.claude]\nenv = { KEY = \"two\" }\n");
  REQUIRE((config.has_value() && fresh.has_value()));
  auto const changes = config->take(std::move(*fresh));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].key == "providers.claude");
  CHECK((changes[0].before.is_null() && changes[0].after.is_null()));
  CHECK(config->providers.at("claude")["env"]["KEY"] == "two");
  CHECK(config->take(*load("[providers.claude]\nenv = { KEY = \"two\" }\n")).empty());
}

TEST_CASE("ApprovalRulesHaveTheNumbersOfTheirPlaces") {
  auto const config = load(
      "[approvals]\ndeadline_s = 5\n"
      "[[approvals.rules]]\ndecision = \"allow\"\ntool = \"Bash\"\ninput = \"make test\"\n"
      "[[approvals.rules]]\ndecision = \"deny\"\ntool = \"mcp__*\"\n");
  REQUIRE_MESSAGE(config.has_value(), config.error().message);
  REQUIRE(config->approval_rules.size() == 2);
  CHECK(config->approval_rules[0].id == "config:1");
  CHECK(config->approval_rules[0].allow);
  CHECK(config->approval_rules[1].tool == "mcp__*");
  CHECK(explained(*config, "approvals.rules.1").value["input"] == "make test");
  CHECK(explained(*config, "approvals.rules.2").origin.ends_with("config.toml:7"));
  // A rule that could never decide anything, or not what was meant, keeps the daemon from starting.
  auto const bad = load("[[approvals.rules]]\ndecision = \"allow\"\ntool = \"Bash\"\ninput = \"ls; rm x\"\n");
  REQUIRE(!bad.has_value());
  CHECK(bad.error().message.find("config.toml:1:") != std::string::npos);
  CHECK(bad.error().message.find("rule 1") != std::string::npos);
  CHECK(load("[approvals]\nrules = \"all\"\n").error().message.find("[[approvals.rules]]") != std::string::npos);
}

TEST_CASE("WhatIsHandedAgainIsATableOfSettings") {
  auto const config = load("[delivery]\nretry_failed = { kinds = [\"network\"], max = 3, backoff = \"1m\" }\n");
  REQUIRE_MESSAGE(config.has_value(), config.error().message);
  CHECK(config->retry_kinds == std::vector<std::string>{"network"});
  CHECK(config->retry_max == 3);
  CHECK(config->retry_wait() == std::chrono::minutes(1));
  CHECK(explained(*config, "delivery.retry_failed.max").origin.ends_with("config.toml:2"));
  auto const same = load("[delivery.retry_failed]\nmax = 3\n");
  REQUIRE_MESSAGE(same.has_value(), same.error().message);
  CHECK(same->retry_max == 3);
  for (auto const* wrong : {"retry_failed = true", "retry_failed = { kinds = [\"weather\"] }",
                            "retry_failed = { most = 3 }", "retry_failed = { backoff = \"soon\" }",
                            "retry_failed = { backoff = \"1h\" }", "retry_failed = { max = -1 }"}) {
    CAPTURE(wrong);
    auto const refused = load(std::string("[delivery]\n") + wrong + "\n");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find("delivery.retry_failed") != std::string::npos);
  }
}
