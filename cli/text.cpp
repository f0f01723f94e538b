#include "cli/text.hpp"

#include "base/unicode.hpp"

#include <algorithm>
#include <charconv>
#include <clocale>
#include <cstdio>
#include <ctime>
#include <cwchar>

namespace ar::cli {
namespace {

std::size_t width_of(char32_t code) {
  if (code < 0x20 || code == 0x7F) return 1;
  int const width = ::wcwidth(static_cast<wchar_t>(code));
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

std::string with_unit(double value, char const* unit) {
  char text[32];
  std::snprintf(text, sizeof text, value < 9.95 ? "%.1f%s" : "%.0f%s", value, unit);
  return text;
}

}  // namespace

void use_utf8() {
  if (!std::setlocale(LC_CTYPE, "C.UTF-8")) std::setlocale(LC_CTYPE, "");
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    auto const symbol = first_symbol(text);
    width += width_of(symbol.code);
    text.remove_prefix(symbol.bytes);
  }
  return width;
}

std::string cut_to_width(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::string cut;
  std::size_t width = 0;
  while (!text.empty()) {
    auto const symbol = first_symbol(text);
    if (width + width_of(symbol.code) > columns - 1) break;
    width += width_of(symbol.code);
    cut += text.substr(0, symbol.bytes);
    text.remove_prefix(symbol.bytes);
  }
  return cut + "…";
}

std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    auto const [code, bytes, well_formed] = first_symbol(text);
    if ((code < 0x20 && code != '\n' && code != '\t') || code == 0x7F) {
      // U+2400 onwards are the pictures of the control characters; DEL's is U+2421.
      char const last = static_cast<char>(code == 0x7F ? 0xA1 : 0x80 + code);
      clean += "\xE2\x90";
      clean += last;
    } else if (!well_formed || steers_display(code)) {
      clean += "\uFFFD";
    } else {
      clean += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return clean;
}

std::string single_line(std::string_view text) {
  auto line = printable(text);
  std::replace_if(line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  auto const first = line.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return line.substr(first, line.find_last_not_of(' ') - first + 1);
}

std::string shell_word(std::string const& text) {
  auto const harmless = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, harmless)) return text;
  std::string quoted = "'";
  for (char const c : text) c == '\'' ? quoted += "'\\''" : quoted += c;
  return quoted + "'";
}

std::string age(milliseconds span) {
  auto const seconds = std::max<std::int64_t>(0, span.count() / 1000);
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

std::string duration(milliseconds span) {
  auto const ms = span.count();
  char text[48];
  if (ms < 1000)
    std::snprintf(text, sizeof text, "%lld ms", static_cast<long long>(ms));
  else if (ms < 60'000)
    std::snprintf(text, sizeof text, "%lld.%lld s", static_cast<long long>(ms / 1000),
                  static_cast<long long>(ms % 1000 / 100));
  else if (ms < 3600'000)
    std::snprintf(text, sizeof text, "%lldm %02llds", static_cast<long long>(ms / 60'000),
                  static_cast<long long>(ms / 1000 % 60));
  else
    std::snprintf(text, sizeof text, "%lldh %02lldm", static_cast<long long>(ms / 3600'000),
                  static_cast<long long>(ms / 60'000 % 60));
  return text;
}

std::string size_text(std::int64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + "B";
  auto value = static_cast<double>(bytes);
  for (char const* unit : {"K", "M", "G"}) {
    value /= 1024;
    if (value < 1023.5) return with_unit(value, unit);
  }
  return with_unit(value / 1024, "T");
}

std::optional<WallTime> time_of(json const& value) {
  if (value.is_number_integer()) return from_millis(value.get<std::int64_t>());
  if (!value.is_string()) return std::nullopt;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, millis = 0;
  auto const text = value.get<std::string>();
  int const read =
      std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3d", &year, &month, &day, &hour, &minute, &second, &millis);
  if (read < 6) return std::nullopt;
  auto const date = std::chrono::year(year) / std::chrono::month(static_cast<unsigned>(month)) /
                    std::chrono::day(static_cast<unsigned>(day));
  if (!date.ok()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + milliseconds(millis);
}

std::string clock_text(WallTime time) {
  std::time_t const seconds = to_millis(time) / 1000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d.%03d", parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(to_millis(time) % 1000));
  return text;
}

std::string date_text(WallTime time) {
  std::time_t const seconds = to_millis(time) / 1000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

std::string field(json const& object, char const* name) {
  if (!object.is_object()) return {};
  auto const found = object.find(name);
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : to_text(*found);
}

std::int64_t number(json const& object, char const* name, std::int64_t otherwise) {
  if (!object.is_object()) return otherwise;
  auto const found = object.find(name);
  if (found == object.end() || !found->is_number()) return otherwise;
  return found->get<std::int64_t>();
}

json const& array(json const& object, char const* name) {
  static json const none = json::array();
  if (!object.is_object()) return none;
  auto const found = object.find(name);
  return found != object.end() && found->is_array() ? *found : none;
}

}  // namespace ar::cli
