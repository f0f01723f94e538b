// The hooks that Codex runs for us, which of them it is told to trust, and what it is told of a call.
#include "adapters/codex/tool_use.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ar;
using namespace ar::adapters;
using namespace ar::adapters::codex;

namespace {

LaunchRequest request_with(std::string const& hook_client) {
  LaunchRequest request;
  request.hook_client = hook_client;
  return request;
}
json payload() { return {{"tool_name", "Bash"}, {"tool_use_id", "call_1"}, {"tool_input", {{"command", "ls"}}}}; }

}  // namespace

TEST_CASE("CodexRunsTheHookClientAroundEachCall") {
  auto const overrides = tool_hook_overrides(request_with("/opt/it's/agent-runner-hook"));
  REQUIRE(overrides.size() == 2);
  CHECK(
      overrides[0] ==
      R"(hooks.PreToolUse=[{hooks=[{type="command",command="'/opt/it'\\''s/agent-runner-hook' PreToolUse",timeout=180}]}])");
  CHECK(overrides[1].starts_with("hooks.PostToolUse="));
}

TEST_CASE("OursAreTrustedByTheirHashAndNobodyElses") {
  auto const request = request_with("/bin/agent-runner-hook");
  auto const hook = [](char const* key, char const* command) {
    return json{{"key", key}, {"command", command}, {"currentHash", std::string("sha256:") + key}};
  };
  json const listed = {
      {"data",
       json::array({{{"hooks", json::array({hook("a", "'/bin/agent-runner-hook' PreToolUse"),
                                            hook("b", "'/bin/agent-runner-hook' Stop"), hook("c", "./other")})}}})}};
  CHECK(tool_hook_trust(request, listed, false) == json{{"a", {{"trusted_hash", "sha256:a"}}}});
  CHECK(tool_hook_trust(request, listed, true) ==
        json{{"a", {{"trusted_hash", "sha256:a"}}}, {"b", {{"enabled", false}}}, {"c", {{"enabled", false}}}});
  for (json const& odd : {json(), json::array(), json{{"data", 5}}, json{{"data", {1, nullptr}}},
                          json{{"data", json::array({{{"hooks", {1}}}})}}})
    CHECK(tool_hook_trust(request, odd, true).empty());
}

TEST_CASE("WhatToolHooksDecideIsPutInCodexsWords") {
  auto const call = tool_call_of("PostToolUse", [] {
    auto after = payload();
    after["tool_response"] = "out";
    return after;
  }());
  REQUIRE(call.has_value());
  CHECK(call->after);
  CHECK(call->result.text == "out");
  CHECK_FALSE(tool_call_of("Stop", payload()).has_value());
  CHECK(tool_answer_to("PreToolUse", payload(), {}).output == json::object());

  ToolVerdict verdict;
  verdict.input = json{{"command", "ls -l"}};
  auto answer = tool_answer_to("PreToolUse", payload(), verdict);
  CHECK(answer.output["hookSpecificOutput"] == json{{"hookEventName", "PreToolUse"},
                                                    {"permissionDecision", "allow"},
                                                    {"updatedInput", {{"command", "ls -l"}}}});
  verdict.input = json{{"file", "x"}};
  answer = tool_answer_to("PreToolUse", payload(), verdict);
  CHECK(answer.output["hookSpecificOutput"]["permissionDecision"] == "deny");
  CHECK_FALSE(answer.shortfall.empty());

  ToolVerdict after;
  after.result = ToolResult{" "};
  after.context = "beside";
  answer = tool_answer_to("PostToolUse", payload(), after);
  CHECK(answer.output ==
        json{{"decision", "block"},
             {"reason", "(nothing)"},
             {"hookSpecificOutput", {{"hookEventName", "PostToolUse"}, {"additionalContext", "beside"}}}});
}
