#include "model/tool_hook.hpp"

#include "base/ids.hpp"
#include "base/unicode.hpp"

#include <algorithm>

namespace ar {
namespace {

constexpr std::size_t kMostTools = 64, kMostToolBytes = 128, kMostUrlBytes = 2048;
constexpr std::int64_t kUsualTimeoutMs = 5'000;

/// What the hook client reads a line of: docs/tool-hooks.md.
bool is_pattern(std::string_view text) {
  auto const name = text.ends_with('*') ? text.substr(0, text.size() - 1) : text;
  return !text.empty() && text.size() <= kMostToolBytes &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~' && c != '*' && c != '"' && c != '\\'; });
}

}  // namespace

bool matches_tool(std::string_view pattern, std::string_view tool) {
  if (!pattern.ends_with('*')) return pattern == tool;
  return tool.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool ToolHook::wants(std::string_view tool) const {
  return tools.empty() || std::ranges::any_of(tools, [&](auto const& pattern) { return matches_tool(pattern, tool); });
}

Result<ToolHook> read_tool_hook(json const& body) {
  FieldReader in(body);
  ToolHook hook;
  hook.owner = in.string("owner");
  hook.name = in.string("name");
  for (auto const& [field, value] : {std::pair{"owner", &hook.owner}, {"name", &hook.name}})
    if (!is_safe_name(*value))
      in.fail(field, "must have 1 to 64 letters, digits, '.', '_' or '-', and begin with a letter or digit");
  hook.after = in.string("phase") == "post";
  hook.tools = in.strings("tools");
  if (hook.tools.size() > kMostTools) in.fail("tools", "may hold " + std::to_string(kMostTools) + " patterns");
  for (auto const& tool : hook.tools)
    if (!is_pattern(tool))
      in.fail("tools", "has \"" + std::string(cut_utf8(tool, 80)) +
                           "\", which is no tool's name; write it as the provider does, and * at its end for all that "
                           "begin so");
  hook.callback_url = in.string("callbackUrl");
  if (hook.callback_url.size() > kMostUrlBytes)
    in.fail("callbackUrl", "may have " + std::to_string(kMostUrlBytes) + " bytes");
  hook.closed = in.string("failMode", "open") == "closed";
  auto const timeout = in.integer("timeoutMs", 0, 0, 60'000);
  hook.timeout = milliseconds(timeout == 0 ? kUsualTimeoutMs : timeout);
  if (auto error = in.finish()) return *error;
  return hook;
}

json to_json(ToolHook const& hook) {
  return {{"id", hook.id},
          {"owner", hook.owner},
          {"name", hook.name},
          {"phase", hook.phase()},
          {"tools", hook.tools},
          {"callbackUrl", hook.callback_url},
          {"failMode", hook.fail_mode()},
          {"timeoutMs", hook.timeout.count()},
          {"createdAt", to_iso8601(hook.created_at)}};
}

std::string to_string(ToolHook const& hook) { return hook.owner + "/" + hook.name; }

}  // namespace ar
