#include "base/http/url.hpp"

#include "base/json.hpp"
#include "base/unicode.hpp"

#include <algorithm>
#include <charconv>

namespace ar::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// A client's own text inside a message for people: short and printable.
std::string shown(std::string_view text) {
  std::string result;
  for (char c : text.substr(0, 40)) result += c >= ' ' && c < 0x7f ? c : '?';
  return text.size() > 40 ? result + "..." : result;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      int const high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return std::nullopt;
    result += c;
  }
  if (!is_utf8(result)) return std::nullopt;
  return result;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t value = 0;
  if (text.empty() || text.front() == '-') return std::nullopt;
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Query> Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    auto const end = text.find('&');
    std::string_view const part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (part.empty()) continue;
    auto const equals = part.find('=');
    auto name = percent_decode(part.substr(0, equals), true);
    if (!name || name->empty())
      return invalid("query", "the query parameter \"" + shown(part) + "\" has no readable name; write name=value");
    auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                  : percent_decode(part.substr(equals + 1), true);
    if (!value) return invalid(*name, "the value of " + shown(*name) + " is not percent-encoded UTF-8");
    if (query.text(*name)) return invalid(*name, shown(*name) + " is given twice; give it once");
    query.parameters_.push_back({std::move(*name), std::move(*value)});
  }
  return query;
}

std::optional<std::string> Query::unknown(std::string_view known) const {
  std::string const padded = " " + std::string(known) + " ";
  for (auto const& parameter : parameters_) {
    bool const one_word = parameter.name.find(' ') == std::string::npos;
    if (!one_word || padded.find(" " + parameter.name + " ") == std::string::npos) return parameter.name;
  }
  return std::nullopt;
}

std::optional<std::string> Query::text(std::string_view name) const {
  auto const found = std::ranges::find(parameters_, name, &Parameter::name);
  if (found == parameters_.end()) return std::nullopt;
  return found->value;
}

std::int64_t Query::integer(std::string_view name, std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  auto const value = text(name);
  if (!value) return otherwise;
  auto const number = parse_number(*value);
  if (!number || *number < least || *number > most) {
    fail(name, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) + ", not \"" +
                   shown(*value) + "\"");
    return otherwise;
  }
  return *number;
}

void Query::fail(std::string_view name, std::string message) {
  if (!error_) error_ = invalid(std::string(name), std::string(name) + " " + message);
}

}  // namespace ar::http
