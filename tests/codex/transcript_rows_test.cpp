#include "adapters/codex/transcript_rows.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::adapters;

namespace {

std::vector<TranscriptRow> rows_of(json const& payload, char const* type = "response_item") {
  json const record = {{"timestamp", "2026-01-31T12:00:00.123Z"}, {"type", type}, {"payload", payload}};
  std::vector<TranscriptRow> rows;
  codex::transcript_rows(record.dump(), rows);
  return rows;
}

}  // namespace

TEST_CASE("CodexsMessagesAndToolsAreRows") {
  json const parts = {{{"type", "input_text"}, {"text", "one"}}, {{"type", "input_text"}, {"text", "two"}}};
  auto const prompt = rows_of({{"type", "message"}, {"role", "user"}, {"content", parts}});
  REQUIRE(prompt.size() == 1);
  CHECK(prompt[0].role == "user");
  CHECK(prompt[0].text == "one\ntwo");
  CHECK(rows_of({{"type", "message"}, {"role", "developer"}, {"content", parts}})[0].role == "system");
  json const summary = {{{"type", "summary_text"}, {"text", "hm"}}};
  CHECK(rows_of({{"type", "reasoning"}, {"summary", summary}})[0].type == "reasoning");
  CHECK(rows_of({{"type", "reasoning"}, {"summary", json::array()}}).empty());

  auto const call = rows_of(
      {{"type", "function_call"}, {"name", "shell"}, {"call_id", "c1"}, {"arguments", R"({"command":["ls"]})"}});
  REQUIRE(call.size() == 1);
  CHECK(call[0].tool == json{{"id", "c1"}, {"name", "shell"}, {"input", {{"command", {"ls"}}}}});
  CHECK(rows_of({{"type", "custom_tool_call"}, {"name", "patch"}, {"input", "no JSON"}})[0].tool["input"] == "no JSON");
  CHECK(rows_of({{"type", "local_shell_call"}, {"action", {{"type", "exec"}}}})[0].tool["name"] == "local_shell_call");

  auto const said = rows_of({{"type", "function_call_output"}, {"call_id", "c1"}, {"output", "a file"}});
  REQUIRE(said.size() == 1);
  CHECK(said[0].type == "tool_result");
  CHECK(said[0].text == "a file");
  CHECK(said[0].tool == json{{"id", "c1"}, {"isError", false}});
  json const failed = {{"content", "no"}, {"success", false}};
  CHECK(rows_of({{"type", "custom_tool_call_output"}, {"call_id", "c2"}, {"output", failed}})[0].tool["isError"] ==
        true);
}

TEST_CASE("OtherLinesOfARolloutAreNoRows") {
  json const item = {{"type", "message"}, {"role", "user"}, {"content", {{{"text", "x"}}}}};
  CHECK(rows_of(item, "event_msg").empty());
  CHECK(rows_of({{"type", "ghost_snapshot"}}).empty());
  CHECK(rows_of(json::array()).empty());
  for (auto const* line : {"", "response_item", R"("response_item")", R"({"type":"response_item","payload":7})"}) {
    std::vector<TranscriptRow> rows;
    codex::transcript_rows(line, rows);
    CHECK(rows.empty());
  }
}
