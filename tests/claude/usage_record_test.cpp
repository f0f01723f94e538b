#include "adapters/claude/usage_record.hpp"

#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace ar;
using adapters::Usage;
using adapters::claude::UsageRecord;

namespace {

struct Transcript {
  test::TempDir dir;
  std::filesystem::path const file = dir.path() / "s.jsonl";
  std::filesystem::path const subagent = dir.path() / "s" / "subagents" / "agent-1.jsonl";

  void add(json const& record) const { write(file, record); }
  static void write(std::filesystem::path const& to, json const& record) {
    std::filesystem::create_directories(to.parent_path());
    std::ofstream(to, std::ios::app) << record.dump() << "\n";
  }
  void prompt() const {
    add({{"type", "user"}, {"promptSource", "typed"}, {"message", {{"role", "user"}, {"content", "go"}}}});
  }
  void end() const { add({{"type", "system"}, {"subtype", "turn_duration"}, {"durationMs", 5}}); }
};

/// One line of an answer, with what the message has used as that line knows it.
json answer(std::string const& id, std::int64_t output, bool of_subagent = false) {
  return {{"type", "assistant"},
          {"isSidechain", of_subagent},
          {"message",
           {{"id", id},
            {"model", "claude-opus"},
            {"content", {{{"type", "text"}, {"text", "words"}}}},
            {"usage",
             {{"input_tokens", 10},
              {"cache_creation_input_tokens", 300},
              {"cache_read_input_tokens", 2000},
              {"output_tokens", output},
              {"service_tier", "standard"}}}}}};
}

}  // namespace

TEST_CASE("AnAnswerCountsOnceWithTheFiguresOfItsLastLine") {
  Transcript transcript;
  UsageRecord record(transcript.file);
  CHECK(record.read()->total == Usage());  // it is not there yet
  transcript.prompt();
  transcript.add(answer("m1", 1));
  CHECK(record.read()->total == Usage{10, 1, 2000, 300});
  transcript.add(answer("m1", 20));
  transcript.add(answer("m1", 20));
  transcript.add(answer("m2", 5));
  CHECK(record.read()->total == Usage{20, 25, 4000, 600});
  CHECK(record.read()->total == Usage{20, 25, 4000, 600});
  CHECK(UsageRecord(transcript.file).read()->total == Usage{20, 25, 4000, 600});
}

TEST_CASE("TheEndOfATurnDividesWhatWasUsed") {
  Transcript transcript;
  UsageRecord record(transcript.file);
  transcript.prompt();
  CHECK(record.read()->turn_is_open);
  transcript.add(answer("m1", 20));
  transcript.add({{"type", "system"}, {"subtype", "stop_hook_summary"}});
  transcript.end();
  auto usage = *record.read();
  CHECK_FALSE(usage.turn_is_open);
  CHECK(usage.turns == 1);  // by both lines
  CHECK(usage.at_turn_end == usage.total);
  transcript.prompt();
  transcript.add(answer("m2", 7));
  usage = *record.read();
  CHECK(usage.turn_is_open);
  CHECK(usage.at_turn_end == Usage{10, 20, 2000, 300});
  CHECK(usage.total == Usage{20, 27, 4000, 600});
  transcript.add({{"type", "user"}, {"message", {{"content", "[Request interrupted by user]"}}}});
  CHECK(record.read()->turns == 2);
  transcript.prompt();
  transcript.add(answer("m3", 1));
  transcript.prompt();  // the process has died before
  transcript.add(answer("m4", 1));
  usage = *record.read();
  CHECK(usage.turns == 3);
  CHECK(usage.at_turn_end == Usage{30, 28, 6000, 900});
}

TEST_CASE("SubagentsCountInTheirOwnFilesAndInTheTranscript") {
  Transcript transcript;
  UsageRecord record(transcript.file);
  transcript.prompt();
  transcript.add(answer("m1", 20));
  Transcript::write(transcript.subagent, answer("m2", 5, true));
  CHECK(record.read()->total == Usage{20, 25, 4000, 600});
  transcript.add(answer("m3", 1, true));
  transcript.add(answer("m2", 5, true));
  transcript.end();
  auto const usage = *record.read();
  CHECK(usage.total == Usage{30, 26, 6000, 900});
  CHECK(usage.turns == 1);
}

TEST_CASE("WhatIsNoFigureOfAnAnswerCountsNothing") {
  Transcript transcript;
  auto odd = answer("m1", -5);
  odd["message"]["usage"]["input_tokens"] = "many";
  transcript.add(odd);
  odd = answer("m2", 5);
  odd["message"]["model"] = "<synthetic>";
  transcript.add(odd);
  odd = answer("m3", 5);
  odd["message"]["usage"] = 7;
  transcript.add(odd);
  CHECK(UsageRecord(transcript.file).read()->total == Usage{0, 0, 2000, 300});
  CHECK_FALSE(UsageRecord(transcript.dir.path()).read().has_value());
}
