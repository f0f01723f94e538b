#include "adapters/claude/transcript_rows.hpp"

namespace ar::adapters::claude {
namespace {

/// A text, or the texts of its blocks.
std::string text_of(json const& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (content.is_array())
    for (auto const& block : content)
      if (text_at(block, "type") == "text") text += (text.empty() ? "" : "\n") + text_at(block, "text");
  return text;
}

/// A row for a block of a message; none for what is of no use to a reader (a signature, an image).
void add_block(json const& block, TranscriptRow row, std::vector<TranscriptRow>& rows) {
  auto const type = text_at(block, "type");
  if (type == "text") {
    row.text = text_at(block, "text");
  } else if (type == "thinking") {
    row.type = "reasoning";
    row.text = text_at(block, "thinking");
  } else if (type == "tool_use") {
    row.type = "tool_call";
    row.tool = {{"id", text_at(block, "id")}, {"name", text_at(block, "name")}, {"input", object_at(block, "input")}};
  } else if (type == "tool_result") {
    row.type = "tool_result";
    row.tool = {{"id", text_at(block, "tool_use_id")}, {"isError", truth_at(block, "is_error")}};
    if (auto const content = block.find("content"); content != block.end()) row.text = text_of(*content);
  } else {
    return;
  }
  if (!row.text.empty() || !row.tool.is_null()) rows.push_back(std::move(row));
}

}  // namespace

void transcript_rows(std::string_view line, std::vector<TranscriptRow>& rows) {
  auto const record = parse_object(line);
  if (!record) return;
  auto const kind = text_at(*record, "type");
  TranscriptRow row{.time = text_at(*record, "timestamp"), .role = kind};
  row.subagent = truth_at(*record, "isSidechain");
  if (kind == "attachment") {  // a message that was taken while a tool ran
    auto const& attachment = object_at(*record, "attachment");
    if (text_at(attachment, "type") != "queued_command" || !attachment.contains("prompt")) return;
    row.role = "user";
    row.text = text_of(attachment["prompt"]);
    if (!row.text.empty()) rows.push_back(std::move(row));
    return;
  }
  if (kind != "user" && kind != "assistant") return;
  if (truth_at(*record, "isMeta")) row.role = "system";
  if (truth_at(*record, "isCompactSummary")) row.type = "summary";
  auto const& message = object_at(*record, "message");
  auto const content = message.find("content");
  if (content == message.end()) return;
  if (content->is_array()) {
    for (auto const& block : *content) add_block(block, row, rows);
  } else if (row.text = text_of(*content); !row.text.empty()) {
    rows.push_back(std::move(row));
  }
}

}  // namespace ar::adapters::claude
