#include "adapters/exit_diagnostic.hpp"

#include "adapters/output_lines.hpp"
#include "base/json.hpp"
#include "base/unicode.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace ar::adapters {
namespace {

constexpr std::size_t kLongest = 300, kLines = 20;
constexpr std::size_t kShortestSecret = 9, kShortestKey = 12;
constexpr std::string_view kHidden = "[hidden]";

/// What programs, their argument parsers and Rust itself begin the account of their end with.
bool is_error(std::string_view line) {
  return line.starts_with("Error:") || line.starts_with("error:") || line.find(" panicked at ") != line.npos;
}

bool is_key_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '~' || c == '+';
}

/// A message about a wrong setting may quote the setting.
std::string without_keys(std::string_view text) {
  std::string shown;
  bool after_bearer = false;
  while (!text.empty()) {
    auto const word =
        text.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(text, is_key_char) - text.begin()));
    if (word.empty()) {
      shown += text.front();
      text.remove_prefix(1);
      continue;
    }
    bool const key = after_bearer || word.starts_with("sk-") || word.starts_with("eyJ");
    shown += key && word.size() >= kShortestKey ? kHidden : word;
    after_bearer = word == "Bearer" || word == "bearer";
    text.remove_prefix(word.size());
  }
  return shown;
}

/// "https://name:password@host" without the name and the password.
std::string without_credentials(std::string text) {
  for (auto at = text.find("://"); at != text.npos; at = text.find("://", at)) {
    at += 3;
    auto const end = text.find_first_of("/ \"'", at);
    auto const sign = text.rfind('@', end);
    if (sign != text.npos && sign > at) text.replace(at, sign - at, kHidden);
  }
  return text;
}

/// UTF-8, of bounded length.
std::string fit(std::string words, std::vector<std::string> const& secrets) {
  std::ranges::replace(words, '\t', ' ');
  for (auto const& secret : secrets)
    for (auto at = words.find(secret); secret.size() >= kShortestSecret && at != words.npos; at = words.find(secret))
      words.replace(at, secret.size(), kHidden);
  words = without_credentials(without_keys(words));
  if (!is_utf8(words))
    if (auto const clean = parse_json(to_text(words))) words = clean->get<std::string>();
  if (words.size() <= kLongest) return words;
  return std::string(cut_utf8(words, kLongest - 3)) + "...";
}

}  // namespace

std::vector<std::string> secrets_in(std::map<std::string, std::string> const& environment) {
  constexpr std::array kMarks{"KEY", "TOKEN", "SECRET", "PASSWORD"};
  std::vector<std::string> secrets;
  for (auto const& [name, value] : environment) {
    if (std::ranges::none_of(kMarks, [&](auto const* mark) { return name.find(mark) != std::string::npos; })) continue;
    for (std::size_t at = 0; at < value.size();) {  // a key in PEM is shown line by line
      auto const end = std::min(value.find('\n', at), value.size());
      if (end > at) secrets.push_back(value.substr(at, end - at));
      at = end + 1;
    }
  }
  return secrets;
}

std::string exit_diagnostic(std::string_view log, std::vector<std::string> const& secrets) {
  OutputLines reader;
  auto lines = reader.feed(log);
  if (!reader.partial().empty()) lines.push_back(reader.partial());
  if (lines.empty()) return {};
  auto const error = std::ranges::find_if(lines.rbegin(), lines.rend(), is_error);
  std::string words;
  for (auto line = error == lines.rend() ? lines.end() - 1 : error.base() - 1; line != lines.end(); ++line)
    words += (words.empty() ? "" : " ") + *line;
  return fit(std::move(words), secrets);
}

std::vector<std::string> last_lines(std::vector<std::string> const& lines, std::vector<std::string> const& secrets) {
  std::vector<std::string> last;
  for (auto line = lines.rbegin(); line != lines.rend() && last.size() < kLines; ++line)
    if (line->find_first_not_of(" \t") != std::string::npos) last.push_back(fit(*line, secrets));
  std::ranges::reverse(last);
  return last;
}

}  // namespace ar::adapters
