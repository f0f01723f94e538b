#include "adapters/codex/protocol.hpp"

#include "adapters/cli_probe.hpp"
#include "adapters/codex/record.hpp"
#include "adapters/codex/versions.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace ar;
using namespace ar::adapters;
using namespace ar::adapters::codex;

TEST_CASE("ARetrySaysWhichItIsAndWhy") {
  auto const retry = retrying({{"message", "Reconnecting... 2/5"}, {"codexErrorInfo", "internalServerError"}}, 1);
  CHECK(retry.attempt == 2);
  CHECK(retry.most == 5);
  CHECK(retry.error_kind == "server_error");
  auto const network = retrying({{"message", "Reconnecting... waiting for network"}}, 7);
  CHECK(network.attempt == 7);
  CHECK(network.most == 0);
  CHECK(network.error_kind == "connection_failed");
  CHECK(retrying(json::object(), 1).attempt == 1);
  CHECK(retrying({{"message", "..."}, {"codexErrorInfo", json::array()}}, 3).error_kind == "unknown");
}

TEST_CASE("EveryKindOfFailureHasAName") {
  auto const status = [](char const* name, json code) { return json{{name, {{"httpStatusCode", std::move(code)}}}}; };
  CHECK(error_kind(status("httpConnectionFailed", 401)) == "authentication_failed");
  CHECK(error_kind(status("httpConnectionFailed", 403)) == "authentication_failed");
  CHECK(error_kind(status("responseTooManyFailedAttempts", 429)) == "rate_limit");
  CHECK(error_kind(status("httpConnectionFailed", 503)) == "server_error");
  CHECK(error_kind(status("httpConnectionFailed", 404)) == "http_error");
  CHECK(error_kind(status("httpConnectionFailed", nullptr)) == "connection_failed");
  CHECK(error_kind("internalServerError") == "server_error");
  CHECK(error_kind("serverOverloaded") == "overloaded");
  CHECK(error_kind(status("httpConnectionFailed", 529)) == "overloaded");
  CHECK(error_kind("usageLimitExceeded") == "usage_limit");
  CHECK(error_kind("contextWindowExceeded") == "context_window");
  CHECK(error_kind("somethingNew") == "something_new");
  CHECK(error_kind(nullptr) == "unknown");
  CHECK(error_kind(json::object()) == "unknown");
}

TEST_CASE("ATurnsEndIsReadFromWhatTheServerShows") {
  json turn{
      {"id", "t"}, {"status", "completed"}, {"items", json::array({{{"type", "agentMessage"}, {"text", "bye"}}})}};
  CHECK(turn_end(turn, "earlier")->final_text == "bye");
  turn["items"] = json::array();
  CHECK(turn_end(turn, "earlier")->final_text == "earlier");
  turn["status"] = "inProgress";
  CHECK_FALSE(turn_end(turn, "").has_value());
  turn["status"] = "failed";
  CHECK(turn_end(turn, "")->error == "the turn failed without saying why");
  turn["error"] = {{"message", "no"}, {"codexErrorInfo", "other"}, {"additionalDetails", "really"}};
  CHECK(turn_end(turn, "")->error == "no (really)");
  CHECK(turn_end(turn, "")->error_kind == "other");
}

TEST_CASE("TheEndOfALimitIsThatOfTheWindowsThatAreUsedUp") {
  auto const window = [](json used, json resets_at) {
    return json{{"usedPercent", std::move(used)}, {"windowDurationMins", 300}, {"resetsAt", std::move(resets_at)}};
  };
  auto const at = [](std::int64_t seconds) { return from_millis(seconds * 1000); };
  json limits{{"primary", window(100, 1'770'000'000)}, {"secondary", window(40.5, 1'780'000'000)}};
  CHECK(limit_end(limits) == at(1'770'000'000));
  limits["secondary"]["usedPercent"] = 100.0;
  CHECK(limit_end(limits) == at(1'780'000'000));
  limits = {{"primary", window(99, 1'770'000'000)}, {"secondary", nullptr}};
  CHECK_FALSE(limit_end(limits).has_value());
  for (json const& bad : {json(nullptr), json("soon"), json(-1), json(1'770'000'000'000)}) {
    limits["primary"] = window(100, bad);
    CHECK_FALSE(limit_end(limits).has_value());
  }
  CHECK_FALSE(limit_end(nullptr).has_value());
}

TEST_CASE("ContextUseNeedsAWindow") {
  json usage{{"last", {{"totalTokens", 50}}}, {"modelContextWindow", 200}};
  CHECK(context_use(usage)->utilization == doctest::Approx(0.25));
  usage["modelContextWindow"] = nullptr;
  CHECK_FALSE(context_use(usage).has_value());
  CHECK_FALSE(context_use(json::array()).has_value());
}

TEST_CASE("ALineOfTheRecordProvesOnlyAWholeMessage") {
  auto const said = [](std::string const& text, char const* role = "user") {
    json part{{"type", "input_text"}, {"text", text}};
    json payload{{"type", "message"}, {"role", role}, {"content", json::array({part})}};
    return json{{"type", "response_item"}, {"payload", payload}}.dump();
  };
  std::string const whole = "[agent-runner 0123456789 · message 1]\nbody\n[end 0123456789]";
  CHECK(taken_correlation_id(said(whole)) == "0123456789");
  CHECK(taken_correlation_id(said(whole, "assistant")).empty());
  CHECK(taken_correlation_id(said("look: " + whole)).empty());
  CHECK(taken_correlation_id(said(whole.substr(0, 50))).empty());
  auto const parts = [](std::vector<std::string> const& texts) {
    json payload{{"type", "message"}, {"role", "user"}, {"content", json::array()}};
    for (auto const& text : texts) payload["content"].push_back({{"type", "input_text"}, {"text", text}});
    payload["content"].push_back({{"type", "input_image"}, {"image_url", "data:image/png;base64,AAAA"}});
    return json{{"type", "response_item"}, {"payload", payload}}.dump();
  };
  CHECK(taken_correlation_id(parts({whole, "<image>", "</image>"})) == "0123456789");
  CHECK(taken_correlation_id(parts({"<image>", "</image>", whole})) == "0123456789");
  CHECK(taken_correlation_id(parts({whole.substr(0, 50), whole.substr(50)})).empty());
  CHECK(
      taken_correlation_id(
          R"({"type":"event_msg","payload":{"type":"item_completed","item":{"type":"UserMessage","client_id":"ar-0123456789"}}})") ==
      "0123456789");
  CHECK(
      taken_correlation_id(
          R"({"type":"event_msg","payload":{"type":"item_started","item":{"type":"UserMessage","client_id":"ar-0123456789"}}})")
          .empty());
  CHECK(taken_correlation_id("garbage [agent-runner 0123456789").empty());
  CHECK(taken_correlation_id(R"({"x":1e400,"y":"[agent-runner 0123456789"})").empty());
  CHECK(taken_correlation_id("{\"y\":\"[agent-runner 0123456789\",\"x\":" + std::string(100'000, '[')).empty());
  CHECK(taken_correlation_id(R"({"payload":[],"type":7,"y":"[agent-runner 0123456789"})").empty());
}

TEST_CASE("ARecordIsReadAsItGrowsAndItsTornEndIsNoProof") {
  test::TempDir dir;
  auto const file = dir.path() / "rollout-x-thread-1.jsonl";
  std::string const line =
      R"({"type":"event_msg","payload":{"type":"item_completed","item":{"type":"UserMessage","client_id":"ar-0123456789"}}})";
  Record record(file);
  record.read();
  CHECK_FALSE(record.holds("0123456789"));
  std::ofstream out(file);
  out << std::string(3U << 20, 'x') << "\n" << line.substr(0, 60) << std::flush;
  record.read();
  CHECK_FALSE(record.holds("0123456789"));
  out << line.substr(60) << std::flush;
  record.read();
  CHECK_FALSE(record.holds("0123456789"));  // without its newline it may still be growing
  out << "\n" << std::flush;
  record.read();
  CHECK(record.holds("0123456789"));
  std::filesystem::create_directories(dir.path() / "sessions" / "2026" / "01");
  auto const kept = dir.path() / "sessions" / "2026" / "01" / file.filename();
  std::filesystem::copy_file(file, kept);
  CHECK(find_record(dir.path(), "thread-1") == kept);
  CHECK_FALSE(find_record(dir.path(), "thread").has_value());
  CHECK_FALSE(find_record(dir.path(), "").has_value());
  CHECK_FALSE(find_record(dir.path() / "nowhere", "thread-1").has_value());
}

TEST_CASE("VersionsAreComparedByTheirNumbers") {
  CHECK(version_of("agent-runner/0.169.0 (Debian 12.0.0; x86_64) unknown") == "0.169.0");
  CHECK(version_of("nonsense").empty());
  CHECK(version_in("codex-cli 0.169.0\n") == "0.169.0");
  CHECK(version_in("WARNING: odd\ncodex-cli 0.170.0-alpha.1\n") == "0.170.0-alpha.1");
  CHECK(version_in("no number").empty());
  CHECK(compare_numbers("0.169.0", "0.99.0") > 0);
  CHECK(compare_numbers("0.169", "0.169.0") == 0);
  CHECK(row_for("0.1.0").seen_in == "0.169.0");  // the oldest row
  CHECK(row_for("9.0.0").seen_in == newest_row().seen_in);
}
