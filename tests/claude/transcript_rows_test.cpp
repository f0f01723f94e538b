#include "adapters/claude/transcript_rows.hpp"

#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace ar;
using namespace ar::adapters;

namespace {

std::vector<TranscriptRow> rows_of(json const& record) {
  std::vector<TranscriptRow> rows;
  claude::transcript_rows(record.dump(), rows);
  return rows;
}

json message(char const* role, json content) {
  return {{"type", role},
          {"timestamp", "2026-01-31T12:00:00.123Z"},
          {"message", {{"role", role}, {"content", std::move(content)}}}};
}

/// One row for each line.
void whole(std::string_view line, std::vector<TranscriptRow>& rows) {
  rows.push_back({.role = "user", .text = std::string(line)});
}

}  // namespace

TEST_CASE("ClaudesMessagesAndToolsAreRows") {
  auto const prompt = rows_of(message("user", "hello"));
  REQUIRE(prompt.size() == 1);
  CHECK(prompt[0].role == "user");
  CHECK(prompt[0].text == "hello");
  CHECK(prompt[0].time == "2026-01-31T12:00:00.123Z");

  json const blocks = {{{"type", "thinking"}, {"thinking", "hm"}, {"signature", "x"}},
                       {{"type", "text"}, {"text", "I look"}},
                       {{"type", "tool_use"}, {"id", "t1"}, {"name", "Bash"}, {"input", {{"command", "ls"}}}},
                       {{"type", "image"}}};
  auto const answer = rows_of(message("assistant", blocks));
  REQUIRE(answer.size() == 3);
  CHECK(answer[0].type == "reasoning");
  CHECK(answer[1].text == "I look");
  CHECK(answer[2].type == "tool_call");
  CHECK(answer[2].tool["input"]["command"] == "ls");

  json const results = {{{"type", "tool_result"},
                         {"tool_use_id", "t1"},
                         {"content", {{{"type", "text"}, {"text", "a"}}}},
                         {"is_error", true}}};
  auto const result = rows_of(message("user", results));
  REQUIRE(result.size() == 1);
  CHECK(result[0].type == "tool_result");
  CHECK(result[0].text == "a");
  CHECK(result[0].tool == json{{"id", "t1"}, {"isError", true}});
}

TEST_CASE("WhatClaudeWritesBesideMessagesIsTold") {
  auto record = message("user", "a summary");
  record["isCompactSummary"] = true;
  CHECK(rows_of(record)[0].type == "summary");
  record = message("user", "a caveat");
  record["isMeta"] = true;
  CHECK(rows_of(record)[0].role == "system");
  record = message("assistant", "of a subagent");
  record["isSidechain"] = true;
  CHECK(to_json(rows_of(record)[0])["subagent"] == true);
  json const queued = {{"type", "attachment"}, {"attachment", {{"type", "queued_command"}, {"prompt", "while busy"}}}};
  CHECK(rows_of(queued)[0].text == "while busy");
  for (auto const* line : {"", "no JSON", "[]", R"({"type":"user"})", R"({"type":"user","message":{"content":7}})",
                           R"({"type":"assistant","message":{"content":[7,{"type":"text"},{"type":7}]}})"}) {
    std::vector<TranscriptRow> rows;
    claude::transcript_rows(line, rows);
    CHECK(rows.empty());
  }
}

TEST_CASE("ARecordIsReadInPagesOfWholeLines") {
  test::TempDir dir;
  auto const file = dir.path() / "record";
  CHECK(read_transcript(file, 5, 2, whole).rows.empty());
  std::ofstream(file) << "one\ntwo\nthree\nfo";
  auto const first = read_transcript(file, 0, 2, whole);
  REQUIRE(first.rows.size() == 2);
  CHECK(first.more);
  CHECK(first.rows[1].text == "two");
  CHECK(first.rows[1].seq == 4);
  CHECK(first.cursor == 8);
  auto const second = read_transcript(file, first.cursor, 2, whole);
  REQUIRE(second.rows.size() == 1);
  CHECK_FALSE(second.more);
  CHECK(second.cursor == 14);
  CHECK(read_transcript(file, second.cursor, 2, whole).rows.empty());
  std::ofstream(file, std::ios::app) << "ur\n";
  auto const third = read_transcript(file, second.cursor, 2, whole);
  REQUIRE(third.rows.size() == 1);
  CHECK(third.rows[0].text == "four");
  CHECK(read_transcript(file, 1'000'000, 2, whole).cursor == 19);
}

TEST_CASE("APageOfARecordEndsWithItsBytesAndAHugeLineIsLeftOut") {
  test::TempDir dir;
  auto const file = dir.path() / "record";
  {
    std::ofstream out(file);
    for (int i = 0; i < 5; ++i) out << std::string(600'000, static_cast<char>('a' + i)) << "\n";
    out << std::string((64U << 20) + 1, 'x') << "\nlast\n";
  }
  std::string seen;
  std::int64_t cursor = 0;
  int pages = 0;
  for (bool more = true; more; ++pages) {
    auto const page = read_transcript(file, cursor, 1000, whole);
    for (auto const& row : page.rows) seen += row.text[0];
    CHECK(page.cursor > cursor);
    cursor = page.cursor;
    more = page.more;
  }
  CHECK(seen == "abcdel");
  CHECK(pages == 3);
}
