#include "control/test_server.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::test;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> stream_headers(std::string const& last_id = {}) {
  std::vector<std::string> headers{"Accept: text/event-stream"};
  if (!last_id.empty()) headers.push_back("Last-Event-ID: " + last_id);
  return headers;
}

/// Opens a stream; the head is checked.
void open(RawClient& client, std::string const& target, std::string const& last_id = {}) {
  client.send(request_text("GET", target, stream_headers(last_id)));
  Reply const head = client.head();
  REQUIRE(head.status == 200);
  CHECK(head.headers.at("content-type") == "text/event-stream");
}

}  // namespace

TEST_CASE("AStreamReplaysThenGoesLiveWithoutGapOrRepeatAcrossBreaks") {
  TestServer server;
  server.append(250);
  std::int64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    RawClient client(server.socket());
    // The URL is the same each time, as a browser's is: the id must win over it.
    open(client, "/v1/events?cursor=0", round == 0 ? "" : std::to_string(last));
    EventReader reader(client);
    for (int i = 0; i < 130; ++i) {
      if (i == 50) server.append(60);  // while it is being read
      auto const event = reader.event();
      REQUIRE(event.has_value());
      REQUIRE(event->id == last + 1);
      REQUIRE(json::parse(event->data)["number"] == event->id);
      last = event->id;
    }
    server.append(70);  // while nobody reads
  }
}

TEST_CASE("ALiveEventArrivesAtOnceOnEachDoor") {
  TestServer server;
  RawClient local(server.socket());
  RawClient tcp(server.port());
  open(local, "/v1/events?cursor=0");
  tcp.send(request_text("GET", "/v1/events", {"Accept: text/event-stream", as_operator[0]}));
  CHECK(tcp.head().status == 200);
  EventReader a(local), b(tcp);
  for (int i = 1; i <= 3; ++i) {
    server.append(1);
    CHECK(a.event()->id == i);
    CHECK(b.event()->id == i);
  }
}

TEST_CASE("LatestBeginsNowAndSaysWhereThatIs") {
  TestServer server;
  server.append(5);
  RawClient client(server.socket());
  open(client, "/v1/events?cursor=latest");
  EventReader reader(client);
  CHECK(reader.next()->id == 5);
  server.append(1);
  CHECK(reader.event()->id == 6);
}

TEST_CASE("AnAgentsStreamCountsByItsOwnNumbers") {
  TestServer server;
  server.append(3, "a");
  server.append(2, "b");
  RawClient client(server.socket());
  SUBCASE("as an agent") { open(client, "/v1/agents/b/events?cursor=1"); }
  SUBCASE("as a session") { open(client, "/v1/sessions/b/events?cursor=1"); }
  EventReader reader(client);
  CHECK(reader.event()->id == 2);
  server.append(1, "a");
  server.append(1, "b");
  auto const event = reader.event();
  CHECK(event->id == 3);
  CHECK(json::parse(event->data)["agent"] == "b");
}

TEST_CASE("AnAgentsLatestSkipsOthersAndItsOwnPast") {
  TestServer server;
  server.append(3, "a");
  server.append(2, "b");
  RawClient client(server.socket());
  open(client, "/v1/agents/b/events?cursor=latest");
  EventReader reader(client);
  CHECK(reader.next()->id == 2);
  server.append(2, "a");
  server.append(2, "b");
  server.append(1, "a");
  server.append(1, "b");
  for (int id = 3; id <= 5; ++id) CHECK(reader.event()->id == id);
}

TEST_CASE("AnUnknownAgentsStreamIsA404") {
  TestServer server;
  RawClient client(server.socket());
  CHECK(client.request("GET", "/v1/agents/nobody/events", stream_headers()).status == 404);
}

TEST_CASE("AQuietStreamIsKeptAlive") {
  control::Limits limits;
  limits.stream_keep_alive = 20ms;
  TestServer server(limits);
  RawClient client(server.socket());
  open(client, "/v1/events?cursor=0");
  EventReader reader(client);
  reader.next();
  for (int i = 0; i < 3; ++i) CHECK(reader.next()->comment == " keep-alive");
  server.append(1);
  CHECK(reader.event()->id == 1);
}

TEST_CASE("AStuckReaderIsCutOffHindersNobodyAndCanResume") {
  control::Limits limits;
  limits.stream_write_time = 300ms;
  TestServer server(limits);
  constexpr int count = 1500;
  server.append(count, "", 20'000);  // 30 MB: more than any socket buffers
  RawClient stuck(server.socket());
  open(stuck, "/v1/events?cursor=0");
  RawClient other(server.socket());
  CHECK(other.request("GET", "/v1/agents/a").status == 200);
  REQUIRE(server.connections_become(1));
  CHECK(other.request("GET", "/v1/agents/a").status == 200);
  std::int64_t last = 0;
  EventReader before(stuck);
  while (auto const event = before.event()) {
    REQUIRE(event->id == last + 1);
    last = event->id;
  }
  CHECK(last > 0);
  CHECK(last < count);
  RawClient again(server.socket());
  open(again, "/v1/events", std::to_string(last));
  EventReader after(again);
  while (last < count) {
    auto const event = after.event();
    REQUIRE(event.has_value());
    REQUIRE(event->id == last + 1);
    last = event->id;
  }
}

TEST_CASE("AReaderThatHangsUpIsLetGoAtOnce") {
  TestServer server;
  {
    RawClient client(server.socket());
    open(client, "/v1/events?cursor=0");
    EventReader reader(client);
    reader.next();
    CHECK(server.connections() == 1);
  }
  CHECK(server.connections_become(0));
}

TEST_CASE("AStreamNeedsHttp11") {
  TestServer server;
  RawClient client(server.socket());
  client.send("GET /v1/events HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n");
  CHECK(client.reply().status == 505);
  CHECK(client.at_end());
}
