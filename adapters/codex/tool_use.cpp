#include "adapters/codex/tool_use.hpp"

#include <algorithm>

namespace ar::adapters::codex {
namespace {

constexpr char const* kEvents[] = {"PreToolUse", "PostToolUse"};
constexpr int kSeconds = 180;  // as plugins/claude/hooks says of the same ones

/// A shell runs it.
std::string command_of(LaunchRequest const& request, std::string const& event) {
  std::string quoted = "'";
  for (char const c : request.hook_client.string()) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "' " + event;
}

json member(json const& object, char const* name) {
  if (!object.is_object()) return nullptr;
  auto const it = object.find(name);
  return it == object.end() ? json() : *it;
}

}  // namespace

std::vector<std::string> tool_hook_overrides(LaunchRequest const& request) {
  std::vector<std::string> overrides;
  for (std::string const event : kEvents)
    overrides.push_back("hooks." + event + "=[{hooks=[{type=\"command\",command=" +
                        to_text(json(command_of(request, event))) + ",timeout=" + std::to_string(kSeconds) + "}]}]");
  return overrides;
}

json tool_hook_trust(LaunchRequest const& request, json const& listed, bool alone) {
  json states = json::object();
  for (auto const& folder : member(listed, "data"))
    for (auto const& hook : member(folder, "hooks")) {
      auto const key = text_at(hook, "key"), hash = text_at(hook, "currentHash"), command = text_at(hook, "command");
      if (key.empty()) continue;
      bool const ours =
          std::ranges::any_of(kEvents, [&](auto* event) { return command == command_of(request, event); });
      if (ours && !hash.empty())
        states[key] = {{"trusted_hash", hash}};
      else if (alone)
        states[key] = {{"enabled", false}};
    }
  return states;
}

std::optional<ToolCall> tool_call_of(std::string const& event, json const& payload) {
  if (std::ranges::find(kEvents, event) == std::end(kEvents)) return std::nullopt;
  ToolCall call;
  call.after = event == "PostToolUse";
  call.id = text_at(payload, "tool_use_id");
  call.name = text_at(payload, "tool_name");
  call.input = member(payload, "tool_input");
  auto const response = member(payload, "tool_response");
  call.result.text = response.is_string() ? response.get<std::string>() : response.is_null() ? "" : to_text(response);
  return call;
}

ToolAnswer tool_answer_to(std::string const& event, json const& payload, ToolVerdict const& verdict) {
  ToolAnswer answer;
  auto special = json{{"hookEventName", event}};
  auto const deny = [&](std::string const& why) {
    special["permissionDecision"] = "deny";
    special["permissionDecisionReason"] = why;
  };
  if (verdict.denied) {
    deny(verdict.denied->text);
  } else if (verdict.input && *verdict.input != member(payload, "tool_input")) {
    // A command is all that Codex takes back of a call that is one. It would go on with the old one.
    if (member(member(payload, "tool_input"), "command").is_string() &&
        !member(*verdict.input, "command").is_string()) {
      answer.shortfall =
          "Codex takes nothing but {\"command\": TEXT} in the place of this call's input; it was refused";
      deny("A tool hook has changed this call in a way that cannot be carried out.");
    } else {
      special["permissionDecision"] = "allow";  // which grants nothing that is asked for afterwards
      special["updatedInput"] = *verdict.input;
    }
  }
  if (!verdict.context.empty()) special["additionalContext"] = verdict.context;
  if (verdict.result) {
    // What Codex is told so stands in the result's place; it takes no empty one.
    auto const& text = verdict.result->text;
    answer.output["decision"] = "block";
    answer.output["reason"] = text.find_first_not_of(" \t\r\n") == std::string::npos ? "(nothing)" : text;
  }
  if (special.size() > 1) answer.output["hookSpecificOutput"] = std::move(special);
  return answer;
}

}  // namespace ar::adapters::codex
