// chaos-reader RECEIPTS: the fast program that chaos gives its messages to. It reads whole envelopes from its
// terminal, in raw mode with bracketed paste, and for each one
//
//   1. appends `ID MESSAGE SERIAL HASH` to RECEIPTS, in one write: from here on the message is received,
//   whatever
//      becomes of this process;
//   2. prints "took ID", its declared proof;
//   3. works for some milliseconds, and prints "done ID".
//
// Before each of these steps one message in four finds it slow, so that kills find it there. It may be killed
// anywhere; RECEIPTS tells both the daemon (proof.receipts) and chaos what it took.
#include "chaos/body.hpp"
#include "support/envelope_reader.hpp"

#include <fcntl.h>

namespace {

using ar::chaos::hash_of;
using ar::chaos::serial_in;
using ar::test::between;
using ar::test::body_of;
using ar::test::print;

int receipts = -1;

/// Slow for up to 80 ms, at every fourth message, by its correlation id; `step` makes the choice another one.
void dawdle(std::string const& correlation_id, char step) {
  auto const choice = hash_of(correlation_id + step) >> 20;
  if (choice % 4 == 0) ::usleep(static_cast<useconds_t>(choice / 4 % 80'000));
}

void take(std::string const& correlation_id, std::string const& envelope) {
  auto const id = between(envelope, " \xC2\xB7 message ", " ");
  auto const body = body_of(correlation_id, envelope);
  auto const line = correlation_id + " " + (id.empty() ? "0" : id) + " " + std::to_string(serial_in(body)) + " " +
                    std::to_string(hash_of(body)) + "\n";
  dawdle(correlation_id, 'r');
  if (::write(receipts, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    return;  // then it was not taken
  dawdle(correlation_id, 't');
  print("took " + correlation_id + "\r\n");
  dawdle(correlation_id, 'd');
  print("done " + correlation_id + "\r\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  receipts = ::open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (receipts < 0) return 1;
  ar::test::read_pasted_envelopes(take);
}
