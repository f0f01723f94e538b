#include "cli/event_view.hpp"

#include "cli/text.hpp"

namespace ar::cli {

std::string event_detail(json const& event, std::size_t widest) {
  if (!event.contains("data") || !event["data"].is_object()) return {};
  std::string text;
  for (auto const& [name, value] : event["data"].items()) {
    if (value.is_null() || value.is_object() || value.is_array()) continue;
    auto const shown = single_line(value.is_string() ? value.get<std::string>() : to_text(value));
    if (shown.empty()) continue;
    text += (text.empty() ? "" : " ") + name + "=" + (widest ? cut_to_width(shown, widest) : shown);
  }
  return text;
}

}  // namespace ar::cli
