// A reader of the event log, over the daemon's deaths.
#include "control/raw_websocket.hpp"
#include "system/installation.hpp"

using ar::json;
using ar::test::Frame;
using ar::test::Installation;
using ar::test::RawClient;
using ar::test::RawWebSocket;

namespace {

/// Follows the whole log by a WebSocket.
class Reader {
 public:
  explicit Reader(Installation& home) : client_(home.state() / "run" / "control.sock"), socket_(client_) {}

  void open(std::int64_t cursor) { REQUIRE(socket_.open("/v1/events?cursor=" + std::to_string(cursor)).status == 101); }
  /// Adds what comes to `numbers` until an event of that type has, or the connection is over. What ended it, if it has
  /// said so, stays as `end`.
  void read_until(std::string const& type, std::vector<std::int64_t>& numbers) {
    for (;;) {
      auto const message = socket_.next_answering();
      if (!message) return;
      if (message->kind != Frame::text) {
        end = message;
        return;
      }
      auto const event = json::parse(message->payload);
      numbers.push_back(event["number"].get<std::int64_t>());
      if (event["type"] == type) return;
    }
  }
  std::optional<RawWebSocket::Message> end{};

 private:
  RawClient client_;
  RawWebSocket socket_;
};

}  // namespace

TEST_CASE("AReaderResumesByItsCursorOverTheDaemonsDeathsAndNothingIsLostOrDoubled") {
  Installation home;
  home.spawn("demo");
  std::vector<std::int64_t> numbers;
  for (int round = 0; round < 3; ++round) {
    Reader reader(home);
    reader.open(numbers.empty() ? 0 : numbers.back());
    home.send("demo", "message " + std::to_string(round));
    if (round < 2) {
      reader.read_until("message.submitted", numbers);
      home.kill_daemon();  // in the midst of a turn
    } else {
      reader.read_until("message.done", numbers);
      home.good({"down"});
    }
    reader.read_until("", numbers);  // what had been sent when it died
    if (round == 2) {
      REQUIRE(reader.end.has_value());
      CHECK(reader.end->code() == 1001);
    }
    home.good({"up"});
  }
  REQUIRE(!numbers.empty());
  for (std::size_t i = 0; i < numbers.size(); ++i) REQUIRE(numbers[i] == static_cast<std::int64_t>(i + 1));
  // And they are what the log has.
  auto const log = Installation::lines(home.good({"events", "--from", "0", "--json"}).out);
  CHECK(log.size() >= numbers.size());
}
