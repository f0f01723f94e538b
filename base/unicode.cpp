#include "base/unicode.hpp"

#include <algorithm>
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

bool holds_unseen(std::string_view text) {
  for (Symbol symbol; !text.empty(); text.remove_prefix(symbol.bytes))
    if (symbol = first_symbol(text); is_unseen(symbol.code)) return true;
  return false;
}

}  // namespace

bool is_utf8(std::string_view s) {
  std::size_t i = 0;
  auto const continuation = [&](std::size_t at) {
    return at < s.size() && (static_cast<unsigned char>(s[at]) & 0xC0) == 0x80;
  };
  while (i < s.size()) {
    auto const c = static_cast<unsigned char>(s[i]);
    if (c < 0x80) {
      ++i;
      continue;
    }
    std::size_t const length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4) return false;
    for (std::size_t k = 1; k < length; ++k)
      if (!continuation(i + k)) return false;
    auto const second = static_cast<unsigned char>(s[i + 1]);
    if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) || (c == 0xF0 && second < 0x90) ||
        (c == 0xF4 && second > 0x8F))
      return false;
    i += length;
  }
  return true;
}

std::string_view cut_utf8(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

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

std::string line_problem(std::string_view text) {
  if (text.empty()) return "is empty";
  if (!is_utf8(text)) return "is not UTF-8; encode it so";
  auto const is_control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; };
  if (std::ranges::any_of(text, is_control)) return "holds a control character; leave line breaks and escapes out";
  if (holds_unseen(text)) return "holds a character that nobody sees; leave out what ends lines or turns the writing";
  return {};
}

std::string log_line(std::string_view text) {
  return escaped(text, [](char32_t code) { return code < 0x20 || steers_display(code); });
}

std::string shown_json(std::string_view text) { return escaped(text, steers_display); }

}  // namespace ar
