#include "adapters/tool_use.hpp"

#include <utility>

namespace ar::adapters {
namespace {

json const& member(json const& object, char const* name) {
  static json const none;
  if (!object.is_object()) return none;
  auto const it = object.find(name);
  return it == object.end() ? none : *it;
}

json text_block(std::string const& text) { return json::array({{{"type", "text"}, {"text", text}}}); }

/// Each tool has a form of its own for what it gives back. These are the ones whose text can be told from the rest,
/// each with the way to it.
constexpr char const* kTextPaths[] = {"/stdout", "/file/content", "/result", "/content"};

std::optional<json::json_pointer> way_to_text(json const& response) {
  if (!response.is_object()) return std::nullopt;
  for (auto const* path : kTextPaths) {
    json::json_pointer pointer(path);
    if (response.contains(pointer) && response.at(pointer).is_string()) return pointer;
  }
  return std::nullopt;
}

/// The texts of a list of content blocks, as MCP servers and subagents give it.
std::string text_of_blocks(json const& blocks) {
  std::string text;
  for (auto const& block : blocks)
    if (auto const part = text_at(block, "text"); !part.empty()) text += (text.empty() ? "" : "\n") + part;
  return text;
}

std::string text_of(json const& response) {
  if (response.is_string()) return response.get<std::string>();
  if (response.is_array()) return text_of_blocks(response);
  if (member(response, "content").is_array()) return text_of_blocks(response["content"]);
  auto const way = way_to_text(response);
  if (!way) return response.is_null() ? std::string() : to_text(response);
  auto text = response.at(*way).get<std::string>();
  if (auto const errors = text_at(response, "stderr"); !errors.empty()) text += (text.empty() ? "" : "\n") + errors;
  return text;
}

/// The same with another text, in the form that the tool has to give; nothing: its form is not known.
std::optional<json> with_text(json response, std::string const& text) {
  if (response.is_string()) return json(text);
  if (response.is_array()) return text_block(text);
  if (member(response, "content").is_array()) {
    response["content"] = text_block(text);
    return response;
  }
  auto const way = way_to_text(response);
  if (!way) return std::nullopt;
  response[*way] = text;
  if (response.contains("stderr")) response["stderr"] = "";
  return response;
}

ToolAnswer before(json const& payload, ToolVerdict const& verdict) {
  ToolAnswer answer;
  json special = {{"hookEventName", "PreToolUse"}};
  if (verdict.denied) {
    special["permissionDecision"] = "deny";
    special["permissionDecisionReason"] = verdict.denied->text;
  } else if (verdict.input && *verdict.input != member(payload, "tool_input")) {
    // Without a decision: what the call needs a permission for, it still needs one for.
    special["updatedInput"] = *verdict.input;
  }
  if (special.size() > 1) answer.output["hookSpecificOutput"] = std::move(special);
  return answer;
}

ToolAnswer after(std::string const& event, json const& payload, ToolVerdict const& verdict) {
  ToolAnswer answer;
  json special = json::object();
  if (!verdict.context.empty()) special["additionalContext"] = verdict.context;
  if (verdict.result) {
    auto const& text = verdict.result->text;
    auto output = event == "PostToolUse" ? with_text(member(payload, "tool_response"), text) : std::nullopt;
    if (output)
      special["updatedToolOutput"] = std::move(*output);
    else
      answer.shortfall = "its provider lets nobody replace " +
                         (event == "PostToolUse" ? "what " + text_at(payload, "tool_name") + " gives back"
                                                 : std::string("the error of a call that failed")) +
                         "; the model was told the hook's text beside it";
    if (!output || verdict.result->is_error) {
      if (event == "PostToolUse") {
        answer.output["decision"] = "block";
        answer.output["reason"] = text;
      } else {
        special["additionalContext"] = verdict.context.empty() ? text : text + "\n\n" + verdict.context;
      }
    }
  }
  if (special.empty()) return answer;
  special["hookEventName"] = event;
  answer.output["hookSpecificOutput"] = std::move(special);
  return answer;
}

}  // namespace

std::optional<ToolCall> tool_call_of(std::string const& event, json const& payload) {
  bool const failed = event == "PostToolUseFailure";
  if (event != "PreToolUse" && event != "PostToolUse" && !failed) return std::nullopt;
  ToolCall call;
  call.after = event != "PreToolUse";
  call.id = text_at(payload, "tool_use_id");
  call.name = text_at(payload, "tool_name");
  call.input = member(payload, "tool_input");
  if (call.after)
    call.result = {failed ? text_at(payload, "error") : text_of(member(payload, "tool_response")), failed};
  return call;
}

ToolAnswer tool_answer_to(std::string const& event, json const& payload, ToolVerdict const& verdict) {
  return event == "PreToolUse" ? before(payload, verdict) : after(event, payload, verdict);
}

}  // namespace ar::adapters
