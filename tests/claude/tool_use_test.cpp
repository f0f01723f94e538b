// What the hooks of Claude Code, and of a program of one's own, say of a tool's call, and the outputs that carry out
// what was decided about it.
#include "adapters/tool_use.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::adapters;

namespace {

json payload_of(json response) {
  return {{"tool_name", "T"}, {"tool_use_id", "toolu_1"}, {"tool_input", {{"a", 1}}}, {"tool_response", response}};
}
std::string text_of(json response) { return tool_call_of("PostToolUse", payload_of(std::move(response)))->result.text; }
/// What stands in the place of `response` when its text is replaced by "new"; null: it cannot be.
json replaced(json response) {
  ToolVerdict verdict;
  verdict.result = ToolResult{"new"};
  auto const answer = tool_answer_to("PostToolUse", payload_of(std::move(response)), verdict);
  auto const output = answer.output.value("/hookSpecificOutput/updatedToolOutput"_json_pointer, json());
  CHECK(output.is_null() == !answer.shortfall.empty());
  return output;
}

}  // namespace

TEST_CASE("ACallIsReadFromItsHook") {
  json const payload = {{"tool_name", "Bash"}, {"tool_use_id", "toolu_1"}, {"tool_input", {{"command", "ls"}}}};
  auto const before = tool_call_of("PreToolUse", payload);
  REQUIRE(before.has_value());
  CHECK_FALSE(before->after);
  CHECK(before->id == "toolu_1");
  CHECK(before->name == "Bash");
  CHECK(before->input == json{{"command", "ls"}});
  auto failed = payload;
  failed["error"] = "no such file";
  auto const after = tool_call_of("PostToolUseFailure", failed);
  REQUIRE(after.has_value());
  CHECK(after->after);
  CHECK(after->result.text == "no such file");
  CHECK(after->result.is_error);
  CHECK_FALSE(tool_call_of("Stop", payload).has_value());
  CHECK(tool_call_of("PreToolUse", json::object())->name.empty());
  CHECK(tool_call_of("PostToolUse", json::array())->result.text.empty());
}

TEST_CASE("TheTextOfAResultIsFoundAndReplacedInItsToolsOwnForm") {
  json const bash = {{"stdout", "out"}, {"stderr", "err"}, {"interrupted", false}};
  CHECK(text_of(bash) == "out\nerr");
  CHECK(replaced(bash) == json{{"stdout", "new"}, {"stderr", ""}, {"interrupted", false}});
  json const read = {{"type", "text"}, {"file", {{"filePath", "/f"}, {"content", "lines"}}}};
  CHECK(text_of(read) == "lines");
  CHECK(replaced(read)["file"] == json{{"filePath", "/f"}, {"content", "new"}});
  json const fetch = {{"url", "http://x"}, {"result", "page"}};
  CHECK(text_of(fetch) == "page");
  CHECK(replaced(fetch)["result"] == "new");
  json const blocks =
      json::array({{{"type", "text"}, {"text", "a"}}, {{"type", "image"}}, {{"type", "text"}, {"text", "b"}}});
  CHECK(text_of(blocks) == "a\nb");
  CHECK(replaced(blocks) == json::array({{{"type", "text"}, {"text", "new"}}}));
  CHECK(text_of({{"content", blocks}, {"agentId", "x"}}) == "a\nb");
  CHECK(replaced({{"content", blocks}, {"agentId", "x"}})["agentId"] == "x");
  CHECK(text_of("plain") == "plain");
  CHECK(replaced("plain") == "new");
  json const other = {{"filenames", {"a", "b"}}};
  CHECK(text_of(other) == other.dump());
  CHECK(replaced(other).is_null());
}

TEST_CASE("ADenialIsADecisionAndANewInputIsNone") {
  json const payload = {{"tool_name", "Bash"}, {"tool_input", {{"command", "ls"}}}};
  CHECK(tool_answer_to("PreToolUse", payload, {}).output == json::object());
  ToolVerdict verdict;
  verdict.input = json{{"command", "ls -l"}};
  CHECK(tool_answer_to("PreToolUse", payload, verdict).output["hookSpecificOutput"] ==
        json{{"hookEventName", "PreToolUse"}, {"updatedInput", {{"command", "ls -l"}}}});
  verdict.input = payload["tool_input"];
  CHECK(tool_answer_to("PreToolUse", payload, verdict).output == json::object());
  verdict.denied = ToolResult{"no", true};
  CHECK(tool_answer_to("PreToolUse", payload, verdict).output["hookSpecificOutput"] ==
        json{{"hookEventName", "PreToolUse"}, {"permissionDecision", "deny"}, {"permissionDecisionReason", "no"}});
}

TEST_CASE("WhatCannotBeReplacedIsToldBesideTheResult") {
  ToolVerdict verdict;
  verdict.context = "beside";
  auto const payload = payload_of({{"stdout", "x"}});
  CHECK(tool_answer_to("PostToolUse", payload, verdict).output ==
        json{{"hookSpecificOutput", {{"hookEventName", "PostToolUse"}, {"additionalContext", "beside"}}}});
  verdict.result = ToolResult{"refused", true};
  auto const error = tool_answer_to("PostToolUse", payload, verdict);
  CHECK(error.output["decision"] == "block");
  CHECK(error.output["reason"] == "refused");
  CHECK(error.output["hookSpecificOutput"]["updatedToolOutput"]["stdout"] == "refused");
  CHECK(error.shortfall.empty());
  auto const failure = tool_answer_to("PostToolUseFailure", payload, verdict);
  CHECK(failure.output["hookSpecificOutput"]["additionalContext"] == "refused\n\nbeside");
  CHECK_FALSE(failure.shortfall.empty());
}
