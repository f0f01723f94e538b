// chaos-reader RECEIPTS: the fast program that chaos gives its messages to. It reads whole envelopes from its
// terminal, in raw mode with bracketed paste, and for each one
//
//   1. appends `NONCE MESSAGE SERIAL HASH` to RECEIPTS, in one write: from here on the message is received,
//   whatever
//      becomes of this process;
//   2. prints "took NONCE", its declared proof;
//   3. works for some milliseconds, and prints "done NONCE".
//
// Before each of these steps one message in four finds it slow, so that kills find it there. It may be killed
// anywhere; RECEIPTS tells both the daemon (proof.receipts) and chaos what it took.
#include "chaos/body.hpp"

#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <string>
#include <termios.h>
#include <unistd.h>

namespace {

using ar::chaos::hash_of;
using ar::chaos::serial_in;

int receipts = -1;

void print(std::string const& text) { (void)!::write(1, text.data(), text.size()); }

/// The part of `text` between two marks, behind `from`; empty when one of them is missing.
std::string between(std::string const& text, std::string const& before, std::string const& after,
                    std::size_t from = 0) {
  auto const start = text.find(before, from);
  if (start == std::string::npos) return {};
  auto const end = text.find(after, start + before.size());
  if (end == std::string::npos) return {};
  return text.substr(start + before.size(), end - start - before.size());
}

/// Slow for up to 80 ms, at every fourth message, by its nonce; `step` makes the choice another one.
void dawdle(std::string const& nonce, char step) {
  auto const choice = hash_of(nonce + step) >> 20;
  if (choice % 4 == 0) ::usleep(static_cast<useconds_t>(choice / 4 % 80'000));
}

void take(std::string const& nonce, std::string const& envelope) {
  auto const id = between(envelope, " \xC2\xB7 message ", " ");
  auto body = between(envelope, "]\n", "\n[end " + nonce + "]");
  if (body.starts_with("The body (")) {
    auto const path = body.substr(body.find(" of this file: ") + 15);
    std::ifstream in(path, std::ios::binary);
    body.assign(std::istreambuf_iterator<char>(in), {});
  }
  auto const line = nonce + " " + (id.empty() ? "0" : id) + " " + std::to_string(serial_in(body)) + " " +
                    std::to_string(hash_of(body)) + "\n";
  dawdle(nonce, 'r');
  if (::write(receipts, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    return;  // then it was not taken
  dawdle(nonce, 't');
  print("took " + nonce + "\r\n");
  dawdle(nonce, 'd');
  print("done " + nonce + "\r\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  receipts = ::open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (receipts < 0) return 1;
  termios mode{};
  ::tcgetattr(0, &mode);
  ::cfmakeraw(&mode);
  ::tcsetattr(0, TCSANOW, &mode);
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
      // One submit is one envelope; should two have run into each other, each is counted.
      for (auto at = text.find("[agent-runner "); at != std::string::npos; at = text.find("[agent-runner ", at + 1)) {
        auto const nonce = text.substr(at + 14, 10);
        auto const end = text.find("[end " + nonce + "]", at);
        if (end != std::string::npos) take(nonce, text.substr(at, end + 16 - at));
      }
      text.clear();
    }
  }
}
