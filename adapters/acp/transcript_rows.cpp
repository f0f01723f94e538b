#include "adapters/acp/transcript_rows.hpp"

#include "adapters/acp/protocol.hpp"
#include "adapters/acp/record.hpp"

namespace ar::adapters::acp {

void transcript_rows(std::string_view text, std::vector<TranscriptRow>& rows) {
  // Most other frames are large, or tell of no conversation.
  if (text.find("\"session/update\"") == std::string_view::npos &&
      text.find("\"session/prompt\"") == std::string_view::npos)
    return;
  auto const line = line_of(text);
  auto const& params = object_at(line.frame, "params");
  TranscriptRow row{.time = line.time, .role = "assistant"};
  if (line.direction == '>' && text_at(line.frame, "method") == "session/prompt") {
    row.role = "user";
    if (auto const prompt = params.find("prompt"); prompt != params.end()) row.text = text_of(*prompt);
  } else if (line.direction == '<' && text_at(line.frame, "method") == "session/update") {
    auto const& update = object_at(params, "update");
    auto const kind = text_at(update, "sessionUpdate"), status = text_at(update, "status");
    auto const content = update.find("content");
    auto const words = content == update.end() ? std::string() : text_of(*content);
    auto const raw = update.find("rawInput");
    if (kind == "agent_message_chunk") {
      row.text = words;
    } else if (kind == "agent_thought_chunk") {
      row.type = "reasoning";
      row.text = words;
    } else if (kind == "tool_call") {
      auto const title = text_at(update, "title");
      row.type = "tool_call";
      row.tool = {{"id", text_at(update, "toolCallId")},
                  {"name", title.empty() ? text_at(update, "kind") : title},
                  {"input", raw == update.end() ? json() : *raw}};
    } else if (kind == "tool_call_update" && (status == "completed" || status == "failed")) {
      row.role = "user";
      row.type = "tool_result";
      row.tool = {{"id", text_at(update, "toolCallId")}, {"isError", status == "failed"}};
      row.text = words;
    }
  }
  if (!row.text.empty() || !row.tool.is_null()) rows.push_back(std::move(row));
}

}  // namespace ar::adapters::acp
