#include "cli/input.hpp"

#include "base/unicode.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <unistd.h>

namespace ar::cli {
namespace {
// Far over what any bus takes; the daemon's own limit gives the better answer below it.
constexpr std::size_t most_input = 64U << 20;
}  // namespace

Result<std::string> stdin_input() {
  std::string text;
  char buffer[65536];
  for (;;) {
    auto const n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return from_errno("cannot read stdin", errno);
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > most_input)
      return Error{ErrorKind::too_large, "too_large", "stdin holds more than 64 MiB; a message takes files: --attach"};
  }
}

Result<std::string> text_input(std::string const& word) {
  auto text = word == "-" ? stdin_input() : Result<std::string>(word);
  if (!text) return text;
  if (!is_utf8(*text))
    return invalid("TEXT",
                   "the text is not UTF-8, so it cannot be a message; convert it (iconv -t UTF-8), or send it "
                   "as a file: --attach");
  return text;
}

Result<std::int64_t> number_input(char const* option, std::string const& word) {
  std::int64_t number = 0;
  auto const [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size() || word.starts_with('-'))
    return invalid(option, "\"" + word + "\" is not a number");
  return number;
}

Result<std::string> message_id(std::string const& word) {
  if (!number_input("ID", word))
    return invalid("ID", "\"" + word + "\" is not a message's number; agent-runner messages lists them");
  return word;
}

Result<json> environment_input(std::vector<std::string> const& words) {
  json variables = json::object();
  for (auto const& word : words) {
    auto const equals = word.find('=');
    if (equals == 0 || equals == std::string::npos)
      return invalid("--env", "\"" + word.substr(0, equals) + "\" has no value; write NAME=VALUE");
    if (!is_utf8(word)) return invalid("--env", word.substr(0, equals) + " is not UTF-8");
    variables[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return ok(std::move(variables));
}

void set_if(json& object, char const* name, std::optional<std::string> const& value) {
  if (value) object[name] = *value;
}
void set_if(json& object, char const* name, std::vector<std::string> const& values) {
  if (!values.empty()) object[name] = values;
}

}  // namespace ar::cli
