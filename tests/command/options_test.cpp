#include "adapters/command/command_adapter.hpp"
#include "adapters/command/command_options.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::adapters;
using command::Pattern;
using command::read_options;

namespace {
std::string field_of_error(char const* table) {
  auto const options = read_options(json::parse(table));
  REQUIRE(!options.has_value());
  CHECK(!options.error().message.empty());
  return options.error().field;
}
}  // namespace

TEST_CASE("NothingConfiguredMeansOneLineAtATimeAndNoProof") {
  auto const options = read_options(json::object());
  REQUIRE(options.has_value());
  CHECK_FALSE(options->has_proof());
  CHECK_FALSE(options->has_turns());
  CHECK_FALSE(options->inline_rules.newlines);
  CHECK(options->enter == "Enter");
  CHECK(options->proof_timeout == milliseconds(10'000));
}

TEST_CASE("EveryOptionIsReadAndMistakesAreNamed") {
  auto const options = read_options(json::parse(R"({"command":["x","-y"],"ready":{"pattern":"^> $"},"paste":"bracketed",
    "enter":"C-m","enter_delay_ms":20,"proof":{"pattern":"took {id} {correlation_id}"},"proof_timeout_ms":5,"proof_complete":true,
    "turn_end":"api","max_inline_bytes":7,"quit_keys":["C-d"],"env":{"A":"b"}})"));
  REQUIRE_MESSAGE(options.has_value(), options.error().message);
  CHECK(options->command == std::vector<std::string>{"x", "-y"});
  CHECK(options->ready->matches("> "));
  CHECK(options->inline_rules.newlines);
  CHECK(options->inline_rules.max_bytes == 7);
  CHECK(options->enter_delay == milliseconds(20));
  CHECK(options->turn_end_api);
  CHECK(options->proof_complete);
  auto const proof = options->proof_of("00ff00ff00", 42);
  REQUIRE(proof.has_value());
  CHECK(proof->matches("agent took 42 00ff00ff00."));
  CHECK_FALSE(proof->matches("agent took 43 00ff00ff00."));

  CHECK(field_of_error(R"({"comand":["x"]})") == "comand");
  CHECK(field_of_error(R"({"paste":"raw"})") == "paste");
  CHECK(field_of_error(R"({"ready":{"pattern":"("}})") == "ready.pattern");
  CHECK(field_of_error(R"({"ready":{"patern":"x"}})") == "ready.patern");
  CHECK(field_of_error(R"({"proof":{"pattern":"({correlation_id}"}})") == "proof.pattern");
  CHECK(field_of_error(R"({"proof":"screen"})") == "proof");
  CHECK(field_of_error(R"({"proof_complete":true})") == "proof_complete");
  CHECK(read_options(json::parse(R"({"proof":"api"})"))->proof_api);
}

TEST_CASE("AProofThatTheEchoOfTheMessageWouldGiveIsRefused") {
  CHECK(field_of_error(R"({"proof":{"pattern":"accepted {id}"}})") == "proof.pattern");  // a sender could write it
  CHECK(field_of_error(R"({"proof":{"pattern":"{correlation_id}"}})") == "proof.pattern");
  CHECK(field_of_error(R"({"proof":{"pattern":"agent.*{correlation_id}"}})") == "proof.pattern");
  CHECK(field_of_error(R"({"proof":{"pattern":"end {correlation_id}"}})") == "proof.pattern");
}

TEST_CASE("APatternCannotStopTheDaemon") {
  auto const evil = Pattern::compile("x", "(a*)*(a|aa)+$");
  REQUIRE(evil.has_value());
  // Of this length, what takes more than its share for each character does not end before the test's deadline.
  CHECK_FALSE(evil->matches(std::string(60'000, 'a') + "b"));
  CHECK(evil->matches(std::string(60'000, 'a')));
}

TEST_CASE("APatternIsSearchedForInTheWholeLine") {
  auto const matches = [](std::string const& expression, std::string const& line) {
    auto const pattern = Pattern::compile("x", expression);
    REQUIRE(pattern.has_value());
    return pattern->matches(line);
  };
  CHECK(matches("took", "it took 3 s"));
  CHECK(matches("^it|^took", "it took 3 s"));
  CHECK_FALSE(matches("^took", "it took 3 s"));
  CHECK(matches("s$", "it took 3 s"));
  CHECK_FALSE(matches("took$", "it took 3 s"));
  CHECK(matches("\\btook\\b", "it took 3 s"));
  CHECK_FALSE(matches("\\book\\b", "it took 3 s"));
  CHECK(matches("no|3", "it took 3 s"));
  CHECK(matches("", ""));
  CHECK_FALSE(Pattern::compile("x", "a)(b").has_value());
  CHECK_FALSE(Pattern::compile("x", "a\\").has_value());
}

TEST_CASE("AProgramIsResolvedAndAMissingOneIsExplained") {
  CommandAdapter adapter;
  LaunchRequest request;
  request.agent_id = "a";
  request.plugin_dir = AR_SOURCE_DIR "/plugins/command";
  request.environment = {{"PATH", "/usr/bin:/bin"}};
  auto demo = adapter.prepare(request);
  REQUIRE_MESSAGE(demo.has_value(), demo.error().message);
  CHECK(demo->argv == std::vector<std::string>{AR_SOURCE_DIR "/plugins/command/demo-agent"});

  request.provider_args = {"sh", "-c", "true"};
  auto given = adapter.prepare(request);
  REQUIRE(given.has_value());
  CHECK(given->argv.front().ends_with("/sh"));
  CHECK(given->environment == request.environment);

  request.options["command"] = json::array({"env", "-i"});
  auto both = adapter.prepare(request);
  REQUIRE(both.has_value());
  CHECK(both->argv.size() == 5);

  request.options["command"] = json::array({"no-such-program"});
  auto missing = adapter.prepare(request);
  REQUIRE(!missing.has_value());
  CHECK(missing.error().code == "cli_missing");
  CHECK(missing.error().message.find("no-such-program") != std::string::npos);
  auto const checks = adapter.doctor(request.options);
  REQUIRE(checks.size() == 1);
  CHECK(checks[0].level == Check::Level::error);
  CHECK(!checks[0].remedy.empty());
  CHECK(adapter.doctor(json::parse(R"({"command":["sh"]})"))[0].level == Check::Level::warning);
  CHECK(adapter.doctor(json::object())[0].level == Check::Level::ok);
}

TEST_CASE("WithoutAProcessOnlyADeclaredAndCompleteProofSaysAbsent") {
  CommandAdapter adapter;
  LaunchRequest request;
  request.options = json::parse(R"({"command":["sh"],"proof":{"pattern":"took {correlation_id}"}})");
  Prompt prompt;
  prompt.correlation_id = "0123456789";
  CHECK(adapter.look_up_outcome(request, "", prompt) == RecordedOutcome::blind);
  request.options["proof_complete"] = true;
  CHECK(adapter.look_up_outcome(request, "", prompt) == RecordedOutcome::absent);
  request.options = json::parse(R"({"command":["sh"]})");
  CHECK(adapter.look_up_outcome(request, "", prompt) == RecordedOutcome::blind);
}
