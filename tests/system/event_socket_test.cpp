// A reader of the event log, over the daemon's deaths.
#include "system/event_socket.hpp"

using ar::json;
using ar::test::EventSocket;
using ar::test::Installation;

TEST_CASE("AReaderResumesByItsCursorOverTheDaemonsDeathsAndNothingIsLostOrDoubled") {
  Installation home;
  home.spawn("demo");
  std::vector<std::int64_t> numbers;
  for (int round = 0; round < 3; ++round) {
    EventSocket reader(home);
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
