#include "base/unicode.hpp"

#include "base/json.hpp"

#include <cstdio>

namespace ar {
namespace {

/// Each character that `is_escaped` as its number in hexadecimal: \u009b. They are all below U+10000.
std::string escaped(std::string_view text, bool (*is_escaped)(char32_t)) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto const symbol = first_symbol(text);
    if (symbol.well_formed && is_escaped(symbol.code)) {
      char number[8];
      std::snprintf(number, sizeof number, "\\u%04x", static_cast<unsigned>(symbol.code));
      out += number;
    } else {
      out += symbol.well_formed ? text.substr(0, symbol.bytes) : "\uFFFD";
    }
    text.remove_prefix(symbol.bytes);
  }
  return out;
}

}  // namespace

Symbol first_symbol(std::string_view text) {
  auto const lead = static_cast<unsigned char>(text[0]);
  std::size_t const length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (length == 0 || length > text.size() || !is_utf8(text.substr(0, length))) return {0xFFFD, 1, false};
  if (length == 1) return {lead, 1, true};
  char32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) code = (code << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  return {code, length, true};
}

bool steers_display(char32_t code) {
  return (code >= 0x7F && code < 0xA0) || (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

bool is_unseen(char32_t code) {
  return steers_display(code) || code == 0x061C || code == 0x200E || code == 0x200F || code == 0xFEFF;
}

std::string log_line(std::string_view text) {
  return escaped(text, [](char32_t code) { return code < 0x20 || steers_display(code); });
}

std::string shown_json(std::string_view text) { return escaped(text, steers_display); }

}  // namespace ar
