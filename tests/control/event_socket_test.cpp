// The event log over a WebSocket.
#include "control/event_stream.hpp"
#include "control/raw_websocket.hpp"
#include "control/test_server.hpp"
#include "support/run.hpp"

#include <boost/asio/co_spawn.hpp>
#include <doctest/doctest.h>

using namespace ar;
using namespace ar::test;
using namespace std::chrono_literals;

namespace {

std::int64_t number_of(std::optional<RawWebSocket::Message> const& message) {
  REQUIRE(message.has_value());
  REQUIRE(message->kind == Frame::text);
  return json::parse(message->payload)["number"].get<std::int64_t>();
}

/// A reader that takes nothing: whatever is sent stays unread.
class StuckSocket final : public http::WebSocket {
 public:
  explicit StuckSocket(Executor executor) : over_(std::move(executor)) {}
  awaitable<Result<std::string>> read() override {
    while (open_) (void)co_await over_.wait();
    co_return unavailable("connection_closed", "it is over");
  }
  bool send(std::string text) override {
    sent.push_back(std::move(text));
    return open_;
  }
  awaitable<bool> flush(Clock::time_point deadline) override {
    co_await sleep_for(deadline - Clock::now());
    co_return sent.empty();
  }
  void ping() override {}
  void finish(http::CloseReason) override {}
  awaitable<void> close(Clock::duration, http::CloseReason why) override {
    reason = std::move(why);
    cut("closed");
    co_return;
  }
  void cut(std::string why) override {
    open_ = false;
    why_ = std::move(why);
    over_.notify_all();
  }
  bool is_open() const override { return open_; }
  std::size_t unsent() const override { return 0; }
  std::string const& why() const override { return why_; }

  std::vector<std::string> sent;
  http::CloseReason reason;

 private:
  bool open_ = true;
  std::string why_;
  Notifier over_;
};

}  // namespace

TEST_CASE("ASocketReplaysThenGoesLiveWithoutGapOrRepeatAcrossBreaks") {
  TestServer server;
  server.append(250);
  std::int64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    RawClient client(server.socket());
    RawWebSocket socket(client);
    REQUIRE(socket.open("/v1/events?cursor=" + std::to_string(last)).status == 101);
    for (int i = 0; i < 130; ++i) {
      if (i == 50) server.append(60);  // while it is being read
      REQUIRE(number_of(socket.next()) == last + 1);
      ++last;
    }
    server.append(70);  // while nobody reads
  }
}

TEST_CASE("AFrameIsTheEventAsInAPage") {
  TestServer server;
  server.append(1, "a", 100'000);
  RawClient client(server.socket()), pages(server.socket());
  RawWebSocket socket(client);
  REQUIRE(socket.open("/v1/events").status == 101);
  auto const page = pages.request("GET", "/v1/events").document();
  CHECK(json::parse(socket.next()->payload) == page["events"][0]);
}

TEST_CASE("AnAgentsSocketCountsByItsOwnNumbers") {
  TestServer server;
  server.append(3, "a");
  server.append(2, "b");
  for (auto const* query : {"?cursor=1", "?startIndex=1"}) {
    CAPTURE(query);
    RawClient client(server.port());
    RawWebSocket socket(client);
    REQUIRE(socket.open(std::string("/v1/agents/b/events") + query, as_operator).status == 101);
    CHECK(json::parse(socket.next()->payload)["agentNumber"] == 2);
    server.append(1, "a");
    server.append(1, "b");
    auto const event = json::parse(socket.next()->payload);
    CHECK(event["agentNumber"] == 3);
    CHECK(event["agent"] == "b");
  }
}

TEST_CASE("AnAgentsTokenOpensItsOwnSocketOnly") {
  TestServer server;
  server.append(1, "a");
  auto const status = [&](std::string const& target) {
    RawClient client(server.port());
    return RawWebSocket(client).open(target, as_agent_a).status;
  };
  CHECK(status("/v1/agents/a/events") == 101);
  CHECK(status("/v1/agents/b/events") == 403);
  CHECK(status("/v1/events") == 403);
}

TEST_CASE("WhatIsNoHandshakeIsRefusedAndAnUnknownAgentIsA404") {
  TestServer server;
  RawClient unknown(server.socket()), keyless(server.socket());
  CHECK(RawWebSocket(unknown).open("/v1/agents/nobody/events").status == 404);
  auto const refused = keyless.request("GET", "/v1/events", {"Connection: Upgrade", "Upgrade: websocket"});
  CHECK(refused.status == 426);
}

TEST_CASE("APingIsAnsweredWithItsPong") {
  TestServer server;
  RawClient client(server.socket());
  RawWebSocket socket(client);
  REQUIRE(socket.open("/v1/events").status == 101);
  socket.send(Frame::text, "aex:ping");
  CHECK(socket.next()->payload == "aex:pong");
  socket.send(Frame::text, "ping");
  CHECK(socket.next()->payload == "pong");
  socket.send(Frame::ping, "are you there?");
  auto const pong = socket.next();
  CHECK(pong->kind == Frame::pong);
  CHECK(pong->payload == "are you there?");
  server.append(1);
  CHECK(number_of(socket.next()) == 1);
}

TEST_CASE("OtherTextEndsTheSocketWithAReason") {
  TestServer server;
  for (auto const* text : {"hello", "", ":ping", "a b:ping", "aex:ping ", "{\"type\":\"ping\"}", "shopping"}) {
    CAPTURE(text);
    RawClient client(server.socket());
    RawWebSocket socket(client);
    REQUIRE(socket.open("/v1/events").status == 101);
    socket.send(Frame::text, text);
    auto const end = socket.next();
    REQUIRE(end.has_value());
    CHECK(end->kind == Frame::close);
    CHECK(end->code() == 1008);
    CHECK(end->reason().find("ping") != std::string::npos);
    socket.send(Frame::close, end->payload);
    CHECK_FALSE(socket.next().has_value());
  }
  CHECK(server.connections_become(0));
}

TEST_CASE("ALargeFrameFromAReaderEndsItsSocket") {
  TestServer server;
  RawClient client(server.socket());
  RawWebSocket socket(client);
  REQUIRE(socket.open("/v1/events").status == 101);
  client.send(std::string("\x81\xff\0\0\0\0\0\x10\0\0\0\0\0\0", 14) +
              std::string(1000, 'x'));  // says that it has 1 MiB
  auto const end = socket.next();
  CHECK((!end || (end->kind == Frame::close && end->code() == 1009)));
  CHECK(server.connections_become(0));
}

TEST_CASE("AQuietSocketIsPinged") {
  control::Limits limits;
  limits.stream_keep_alive = 20ms;
  TestServer server(limits);
  RawClient client(server.socket());
  RawWebSocket socket(client);
  REQUIRE(socket.open("/v1/events").status == 101);
  for (int i = 0; i < 3; ++i) CHECK(socket.next()->kind == Frame::ping);
  server.append(1);
  CHECK(number_of(socket.next_answering()) == 1);
}

TEST_CASE("AStuckSocketIsCutOffHindersNobodyAndCanResume") {
  control::Limits limits;
  limits.stream_write_time = 300ms;
  TestServer server(limits);
  constexpr int count = 1500;
  server.append(count, "", 20'000);  // 30 MB: more than any socket buffers
  RawClient stuck(server.socket()), other(server.socket());
  RawWebSocket before(stuck);
  REQUIRE(before.open("/v1/events").status == 101);
  CHECK(other.request("GET", "/v1/agents/a").status == 200);
  REQUIRE(server.connections_become(1));
  CHECK(other.request("GET", "/v1/agents/a").status == 200);
  std::int64_t last = 0;
  for (auto event = before.next(); event && event->kind == Frame::text; event = before.next())
    REQUIRE(number_of(event) == ++last);
  CHECK(last > 0);
  CHECK(last < count);
  RawClient again(server.socket());
  RawWebSocket after(again);
  REQUIRE(after.open("/v1/events?cursor=" + std::to_string(last)).status == 101);
  while (last < count) REQUIRE(number_of(after.next_answering()) == ++last);
}

TEST_CASE("AReaderThatIsTooSlowIsToldToResume") {
  ManualClock clock;
  net::io_context io;
  FakeApi daemon(io.get_executor());
  daemon.append("a");
  StuckSocket socket(io.get_executor());
  control::Limits const limits;
  bool ended = false;
  auto stream = control::stream_to_websocket(daemon, socket, control::EventCursor{}, limits);
  net::co_spawn(io, std::move(stream), [&](std::exception_ptr fault) { ended = !fault; });
  for (int step = 0; step < 4 && !ended; ++step) test::advance(io, clock, limits.stream_write_time);
  REQUIRE(ended);
  CHECK(socket.reason.code == http::CloseCode::try_again_later);
  CHECK(socket.reason.text.find("resume") != std::string::npos);
  CHECK(socket.reason.text.size() <= 123);
}

TEST_CASE("AReaderThatLeavesIsLetGoAtOnce") {
  TestServer server;
  {
    RawClient rude(server.socket()), polite(server.socket());
    RawWebSocket left(rude), closed(polite);
    REQUIRE(left.open("/v1/events").status == 101);
    REQUIRE(closed.open("/v1/events").status == 101);
    CHECK(server.connections() == 2);
    closed.send(Frame::close, "\x03\xe8");
    CHECK(closed.next()->kind == Frame::close);
    CHECK(server.connections_become(1));
  }
  CHECK(server.connections_become(0));
}

TEST_CASE("AServerThatStopsSaysSoAndWaitsForNobody") {
  control::Limits limits;
  limits.stop_time = 60s;
  TestServer server(limits);
  RawClient client(server.socket()), silent(server.port());
  RawWebSocket reader(client), mute(silent);
  REQUIRE(reader.open("/v1/events").status == 101);
  REQUIRE(mute.open("/v1/events", as_operator).status == 101);
  auto const start = std::chrono::steady_clock::now();
  auto stopped = server.start_stopping();
  auto const end = reader.next();
  REQUIRE(end.has_value());
  CHECK(end->kind == Frame::close);
  CHECK(end->code() == 1001);
  CHECK(end->reason().find("stops") != std::string::npos);
  reader.send(Frame::close, end->payload);
  CHECK_FALSE(reader.next().has_value());
  stopped.get();  // though the other one has not answered
  CHECK(std::chrono::steady_clock::now() - start < 20s);
}
