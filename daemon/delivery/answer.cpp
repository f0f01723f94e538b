#include "daemon/delivery/answer.hpp"

namespace ar::daemon {
namespace {

constexpr std::string_view kBlank = " \t\r\n";
constexpr std::string_view kFence = "```";

std::string_view trimmed(std::string_view text) {
  auto const begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

}  // namespace

std::string output_schema_of(json const& payload) {
  auto const& schema = object_at(payload, "outputSchema");
  auto text = schema.empty() ? std::string() : to_text(schema);
  return text.size() <= kMostSchemaBytes ? text : std::string();
}

std::string_view json_in(std::string_view answer) {
  answer = trimmed(answer);
  auto const open = answer.find(kFence);
  auto const close = answer.rfind(kFence);
  if (open == close) return answer;
  auto const line_end = answer.find('\n', open);
  bool const is_only_one = answer.find(kFence, open + kFence.size()) == close;
  if (!is_only_one || line_end == std::string_view::npos || line_end > close) return answer;
  return trimmed(answer.substr(line_end, close - line_end));
}

std::string schema_note(std::string const& schema) {
  return "\n\nEnd your work on this message with one JSON document that is valid by this JSON Schema, as your last "
         "message, with nothing before or after it:\n" +
         schema;
}

std::string repair_note(std::string const& problems) {
  return "Your last message is not the JSON document that was asked for:\n" + problems +
         "\nPlease send it again as it should be: one JSON document, with nothing before or after it.";
}

}  // namespace ar::daemon
