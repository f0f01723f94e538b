#include "adapters/codex/transcript_rows.hpp"

namespace ar::adapters::codex {
namespace {

/// All parts' texts.
std::string text_of(json const& parts) {
  if (parts.is_string()) return parts.get<std::string>();
  std::string text;
  if (parts.is_array())
    for (auto const& part : parts)
      if (auto words = text_at(part, "text"); !words.empty()) text += (text.empty() ? "" : "\n") + words;
  return text;
}

json const& member(json const& payload, char const* name) {
  static json const none;
  auto const it = payload.find(name);
  return it == payload.end() ? none : *it;
}

/// What a tool was given is a text that holds JSON, or JSON, or a text of its own.
json input_of(json const& given) {
  if (!given.is_string()) return given;
  auto parsed = parse_json(given.get_ref<std::string const&>());
  return parsed ? std::move(*parsed) : given;
}

/// Its output is a text, or {content, success}, or a list of parts.
std::string output_of(json const& output) {
  if (output.is_object()) return text_of(member(output, "content"));
  return text_of(output);
}

}  // namespace

void transcript_rows(std::string_view line, std::vector<TranscriptRow>& rows) {
  if (line.find("\"response_item\"") == std::string_view::npos) return;  // most others are large, and tell it again
  auto const record = parse_object(line);
  if (!record || text_at(*record, "type") != "response_item") return;
  auto const& payload = object_at(*record, "payload");
  auto const kind = text_at(payload, "type");
  TranscriptRow row{.time = text_at(*record, "timestamp"), .role = "assistant"};
  if (kind == "message") {
    auto const role = text_at(payload, "role");
    row.role = role == "user" || role == "assistant" ? role : "system";
    row.text = text_of(member(payload, "content"));
  } else if (kind == "reasoning") {
    row.type = "reasoning";
    row.text = text_of(member(payload, "summary"));
  } else if (kind.ends_with("_call_output")) {
    row.role = "user";
    row.type = "tool_result";
    auto const& output = member(payload, "output");
    bool const failed = output.is_object() && output.value("success", json(true)) == json(false);
    row.tool = {{"id", text_at(payload, "call_id")}, {"isError", failed}};
    row.text = output_of(output);
  } else if (kind.ends_with("_call")) {
    row.type = "tool_call";
    auto const name = text_at(payload, "name");
    json input = input_of(member(payload, payload.contains("arguments") ? "arguments"
                                          : payload.contains("input")   ? "input"
                                                                        : "action"));
    row.tool = {{"id", text_at(payload, "call_id")}, {"name", name.empty() ? kind : name}, {"input", std::move(input)}};
  } else {
    return;
  }
  if (!row.text.empty() || !row.tool.is_null()) rows.push_back(std::move(row));
}

}  // namespace ar::adapters::codex
