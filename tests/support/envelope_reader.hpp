// For programs that stand in for an agent: reads whole envelopes (adapters/envelope.hpp) from its terminal.
#pragma once
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <termios.h>
#include <unistd.h>

namespace ar::test {

inline void print(std::string_view text) { (void)!::write(1, text.data(), text.size()); }

/// The part of `text` between two marks, behind `from`; empty when one of them is missing.
inline std::string between(std::string const& text, std::string const& before, std::string const& after,
                           std::size_t from = 0) {
  auto const start = text.find(before, from);
  if (start == std::string::npos) return {};
  auto const end = text.find(after, start + before.size());
  if (end == std::string::npos) return {};
  return text.substr(start + before.size(), end - start - before.size());
}

/// The message's body, from the envelope or from the file that it names; `line`: the envelope is one line.
inline std::string body_of(std::string const& correlation_id, std::string const& envelope, bool line = false) {
  std::string const blank = line ? " " : "\n";
  auto body = between(envelope, "]" + blank, blank + "[end " + correlation_id + "]");
  if (!body.starts_with("The body (")) return body;
  std::ifstream in(body.substr(body.find(" of this file: ") + 15), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// One submit is one envelope; should two have run into each other, each is counted.
template <class Take>
void take_envelopes(std::string const& submitted, Take const& take) {
  for (auto at = submitted.find("[agent-runner "); at != std::string::npos;
       at = submitted.find("[agent-runner ", at + 1)) {
    auto const correlation_id = submitted.substr(at + 14, 10);
    auto const end = submitted.find("[end " + correlation_id + "]", at);
    if (end != std::string::npos) take(correlation_id, submitted.substr(at, end + 16 - at));
  }
}

/// In raw mode with bracketed paste; `take(correlation_id, envelope)` is called for each that was submitted. Until the
/// end. `when`: TCSAFLUSH forgets what was typed before.
template <class Take>
void read_pasted_envelopes(Take const& take, int when = TCSANOW) {
  termios mode{};
  ::tcgetattr(0, &mode);
  ::cfmakeraw(&mode);
  ::tcsetattr(0, when, &mode);
  print("\033[?2004hready\r\n");
  std::string text;
  char buffer[65536];
  bool pasting = false;
  for (ssize_t n; (n = ::read(0, buffer, sizeof buffer)) > 0;) {
    for (ssize_t i = 0; i < n; ++i) {
      text += buffer[i];
      if (buffer[i] == '~') {
        if (text.ends_with("\033[200~")) pasting = true;
        if (text.ends_with("\033[201~")) pasting = false;
      }
      if (pasting || buffer[i] != '\r') continue;
      take_envelopes(text, take);
      text.clear();
    }
  }
}

}  // namespace ar::test
