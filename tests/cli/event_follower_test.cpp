// The follower of events by itself, against a daemon that says nothing.
#include "cli/event_follower.hpp"

#include "fake_daemon.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <atomic>

using namespace ar;
using namespace ar::cli;
using namespace ar::test;

TEST_CASE("AStreamWithoutAWordIsOpenedAgainBehindTheLastEvent") {
  TempDir dir;
  auto const socket = dir.path() / "control.sock";
  std::atomic<int> opened{0};
  FakeDaemon daemon(socket, [&](FakeRequest const&) {
    FakeReply reply;
    reply.stream = [number = std::to_string(++opened)](FakeStream& stream) {
      stream.write("id: " + number + "\ndata: {}\n\n");
      stream.hold();
    };
    return reply;
  });
  EventFollower events({socket}, "/v1/events", "0", milliseconds(200));
  for (auto const* id : {"1", "2", "3"}) {
    auto const event = events.next();
    REQUIRE(event.has_value());
    REQUIRE(event->has_value());
    CHECK((*event)->id == id);
  }
  auto const requests = daemon.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[1].headers.at("last-event-id") == "1");
  CHECK(requests[2].headers.at("last-event-id") == "2");
}
