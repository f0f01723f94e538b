#include "adapters/codex/record.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace ar;
using adapters::Usage;
using adapters::codex::UsageRecord;

TEST_CASE("AThreadsUsageIsTheNewestTotalOfItsRecord") {
  test::TempDir dir;
  auto const file = dir.path() / "rollout.jsonl";
  auto const told =
      [&](char const* type, json more = json::object()) {
        more["type"] = type;
        std::ofstream(file, std::ios::app)
            << json{{"timestamp", "2026-02-06T12:00:00.000Z"}, {"type", "event_msg"}, {"payload", more}}.dump() << "\n";
      };
  auto const used = [&](std::int64_t input, std::int64_t cached, std::int64_t output) {
    json const total = {{"input_tokens", input},
                        {"cached_input_tokens", cached},
                        {"output_tokens", output},
                        {"reasoning_output_tokens", 3},
                        {"total_tokens", input + output}};
    told("token_count",
         {{"info", {{"total_token_usage", total}, {"last_token_usage", total}, {"model_context_window", 258400}}}});
  };
  UsageRecord record(file);
  CHECK(record.read()->total == Usage());
  told("task_started", {{"turn_id", "t1"}});
  CHECK(record.read()->turn_is_open);
  told("token_count", {{"info", nullptr}});
  used(1200, 200, 20);
  used(1200, 200, 20);  // of the limits
  used(2400, 1200, 40);
  told("task_complete", {{"turn_id", "t1"}});
  auto usage = *record.read();
  CHECK(usage.total == Usage{1200, 40, 1200, 0});
  CHECK(usage.turns == 1);
  CHECK_FALSE(usage.turn_is_open);
  used(2400, 1200, 40);  // resumed
  told("task_started", {{"turn_id", "t2"}});
  used(3400, 1200, 45);
  usage = *record.read();
  CHECK(usage.at_turn_end == Usage{1200, 40, 1200, 0});
  CHECK(usage.total == Usage{2200, 45, 1200, 0});
  used(0, 0, 0);  // it says less: that is nothing new
  told("turn_aborted", {{"turn_id", "t2"}});
  CHECK(record.read()->at_turn_end == Usage{2200, 45, 1200, 0});
  told("task_started", {{"turn_id", "t3"}});
  used(3500, 1200, 50);
  told("task_started", {{"turn_id", "t4"}});  // t3's process has died
  used(3600, 1200, 60);
  usage = *record.read();
  CHECK(usage.turns == 3);
  CHECK(usage.at_turn_end == Usage{2300, 50, 1200, 0});
  CHECK(UsageRecord(file).read()->total == Usage{2400, 60, 1200, 0});
  CHECK_FALSE(UsageRecord(dir.path()).read().has_value());
}
