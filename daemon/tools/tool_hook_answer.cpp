#include "daemon/tools/tool_hook_answer.hpp"

#include <optional>
#include <string>

namespace ar::daemon {
namespace {

constexpr char kDenied[] = "A tool hook has denied this call.";

std::optional<adapters::ToolResult> result_in(FieldReader& in, json const& answer, char const* name,
                                              bool error_otherwise) {
  auto const object = in.object(name);
  auto const it = answer.find(name);
  if (it == answer.end() || !it->is_object()) return std::nullopt;
  FieldReader fields(object, std::string(name) + ".");
  adapters::ToolResult result{fields.string("text"), fields.boolean("is_error", error_otherwise)};
  fields.require("text");
  if (auto const error = fields.finish()) in.fail(name, "is wrong: " + error->message);
  return result;
}

}  // namespace

Result<adapters::ToolVerdict> read_tool_hook_answer(std::string_view body, bool after) {
  adapters::ToolVerdict verdict;
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return verdict;
  auto const answer = parse_object(body);
  if (!answer) return answer.error();
  FieldReader in(*answer);
  if (after) {
    verdict.result = result_in(in, *answer, "result", false);
    verdict.context = in.string("context");
  } else {
    verdict.denied = result_in(in, *answer, "deny", true);
    auto input = in.object("input");
    if (auto const it = answer->find("input"); it != answer->end() && it->is_object()) verdict.input = std::move(input);
    // Providers take no denial without words.
    if (verdict.denied && verdict.denied->text.find_first_not_of(" \t\r\n") == std::string::npos)
      verdict.denied->text = kDenied;
  }
  if (auto error = in.finish()) return *error;
  return verdict;
}

}  // namespace ar::daemon
