// Starting, stopping, and clients that leave while they wait.
#include "control/test_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

using namespace ar;
using namespace ar::test;
using namespace std::chrono_literals;

namespace {

/// Starts a second server on `config` and says how it went.
std::string start_code(FakeApi& daemon, net::io_context& io, control::ServerConfig const& config,
                       std::uint16_t* port = nullptr) {
  control::ControlServer server(io.get_executor(), daemon.topics(), config);
  auto const started = server.start();
  if (port) *port = server.port();
  if (started) {
    bool stopped = false;
    io.restart();
    net::co_spawn(io, server.stop(), [&](std::exception_ptr) { stopped = true; });
    while (!stopped) io.run_one();
  }
  return started ? "started" : started.error().code;
}

}  // namespace

TEST_CASE("TheSocketIsPrivateAndLeavesNoFile") {
  TestServer server;
  struct ::stat info{};
  REQUIRE(::lstat(server.socket().c_str(), &info) == 0);
  CHECK(S_ISSOCK(info.st_mode));
  CHECK((info.st_mode & 0777) == 0600);
  server.stop();
  CHECK(::lstat(server.socket().c_str(), &info) != 0);
}

TEST_CASE("AServedSocketIsNotTakenOverAndAStaleOneIs") {
  TestServer running;
  net::io_context io(1);
  FakeApi daemon(io.get_executor());
  control::ServerConfig config;
  config.socket = running.socket();
  CHECK(start_code(daemon, io, config) == "already_running");
  RawClient client(running.socket());
  CHECK(client.request("GET", "/healthz").status == 200);

  TempDir dir;
  config.socket = dir.path() / "stale.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, config.socket.c_str());
  int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  ::close(fd);
  CHECK(start_code(daemon, io, config) == "started");

  config.socket = dir.path() / "file";
  std::ofstream(config.socket) << "precious";
  CHECK(start_code(daemon, io, config) == "not_a_socket");
  CHECK(std::filesystem::file_size(config.socket) == 8);
  config.socket = dir.path() / std::string(120, 'x');
  CHECK(start_code(daemon, io, config) == "invalid_argument");
  config.socket = dir.path() / "absent" / "x.sock";
  CHECK(start_code(daemon, io, config) == "system_error");
}

TEST_CASE("ATakenPortIsReplacedByAFreeOne") {
  TestServer running;
  net::io_context io(1);
  FakeApi daemon(io.get_executor());
  TempDir dir;
  control::ServerConfig config;
  config.socket = dir.path() / "x.sock";
  config.port = running.port();
  std::uint16_t port = 0;
  CHECK(start_code(daemon, io, config, &port) == "started");
  CHECK(port != 0);
  CHECK(port != running.port());
  config.port = port;  // free again: the last used one is kept
  std::uint16_t again = 0;
  CHECK(start_code(daemon, io, config, &again) == "started");
  CHECK(again == port);
}

TEST_CASE("WithoutTcpOnlyTheSocketIsServed") {
  net::io_context io(1);
  FakeApi daemon(io.get_executor());
  TempDir dir;
  control::ServerConfig config;
  config.socket = dir.path() / "x.sock";
  config.tcp = false;
  std::uint16_t port = 1;
  CHECK(start_code(daemon, io, config, &port) == "started");
  CHECK(port == 0);
}

TEST_CASE("StoppingFinishesAnAnswerUnderWay") {
  TestServer server;
  RawClient client(server.socket());
  client.send(request_text("GET", "/v1/agents/b/screen"));
  REQUIRE(server.eventually([&] { return server.daemon().waiting == 1; }));
  auto stopped = server.start_stopping();
  CHECK(stopped.wait_for(50ms) == std::future_status::timeout);
  server.on_io([&] { server.daemon().release_waits(); });
  Reply const reply = client.reply();
  CHECK(reply.status == 200);
  CHECK(reply.headers.at("connection") == "close");
  CHECK(client.at_end());
  stopped.get();
}

TEST_CASE("StoppingCutsWhatDoesNotEnd") {
  control::Limits limits;
  limits.stop_time = 100ms;
  TestServer server(limits);
  RawClient client(server.socket());
  client.send(request_text("GET", "/v1/agents/b/screen"));
  REQUIRE(server.eventually([&] { return server.daemon().waiting == 1; }));
  server.stop();
  CHECK(client.at_end());
}

TEST_CASE("StoppingEndsIdleConnectionsWaitsAndStreamsAtOnce") {
  control::Limits limits;
  limits.stop_time = 60s;
  TestServer server(limits);
  RawClient idle(server.port()), half(server.socket()), waiter(server.socket()), reader(server.socket());
  CHECK(idle.request("GET", "/healthz").status == 200);
  half.send("GET /heal");
  waiter.send(request_text("GET", "/v1/messages/8?wait=done"));
  reader.send(request_text("GET", "/v1/events", {"Accept: text/event-stream"}));
  CHECK(reader.head().status == 200);
  EventReader events(reader);
  events.next();
  REQUIRE(server.eventually([&] { return server.daemon().waiting == 1; }));
  auto const start = std::chrono::steady_clock::now();
  server.stop();
  CHECK(std::chrono::steady_clock::now() - start < 20s);
  CHECK(idle.at_end());
  CHECK(half.at_end());
  Reply const reply = waiter.reply();
  CHECK(reply.status == 503);
  CHECK(reply.document()["code"] == "wait_ended");
  CHECK_FALSE(events.next().has_value());
}

TEST_CASE("AClientThatHangsUpEndsItsWaitOnly") {
  TestServer server;
  for (bool const over_unix : {true, false}) {
    auto client = over_unix ? std::make_unique<RawClient>(server.socket()) : std::make_unique<RawClient>(server.port());
    client->send(request_text("POST", "/v1/messages?wait=done", as_operator, R"({"to":"a","body":"never"})"));
    REQUIRE(server.eventually([&] { return server.daemon().waiting == 1; }));
    client.reset();
    CHECK(server.eventually([&] { return server.daemon().waiting == 0; }));
    CHECK(server.connections_become(0));
  }
  CHECK(server.daemon().waits_cancelled == 2);
  CHECK(server.daemon().called("send operator a key= reply=0 bytes=5"));
}

TEST_CASE("AClientThatHangsUpEndsNoPause") {
  TestServer server;
  auto client = std::make_unique<RawClient>(server.socket());
  client->send(request_text("POST", "/v1/runtime/pause", as_operator, R"({"force":true})"));
  REQUIRE(server.eventually([&] { return server.daemon().waiting == 1; }));
  client.reset();
  CHECK(server.eventually([&] { return server.daemon().waiting == 0; }));
  CHECK(server.connections_become(0));
  CHECK(server.daemon().called(R"(pause {"force":true})"));
  CHECK_FALSE(server.daemon().called("resume"));
}

TEST_CASE("AClientThatOnlySendsNoMoreGetsItsAnswer") {
  TestServer server;
  for (bool const over_unix : {true, false})
    for (bool const ahead : {false, true}) {
      auto client =
          over_unix ? std::make_unique<RawClient>(server.socket()) : std::make_unique<RawClient>(server.port());
      client->send(request_text("GET", "/v1/messages/8?wait=done", as_operator));
      if (ahead) client->send(request_text("GET", "/healthz", as_operator));
      client->end_sending();
      REQUIRE(server.eventually([&] { return server.daemon().waiting == 1; }));
      // Longer than it takes to notice one that has hung up.
      if (!ahead) std::this_thread::sleep_for(over_unix ? 1s : 5s);
      CHECK(server.on_io([&] { return server.daemon().waiting; }) == 1);
      server.on_io([&] { server.daemon().release_waits(); });
      CHECK(client->reply().status == 200);
      if (ahead) CHECK(client->reply().body == R"({"status":"ok"})");
      CHECK(client->at_end());
    }
  CHECK(server.on_io([&] { return server.daemon().waits_cancelled; }) == 0);
}

TEST_CASE("AStreamGoesOnToAClientThatOnlySendsNoMore") {
  TestServer server;
  RawClient client(server.socket());
  client.send(request_text("GET", "/v1/events?cursor=0", {"Accept: text/event-stream"}));
  client.end_sending();
  CHECK(client.head().status == 200);
  EventReader events(client);
  for (int i = 0; i < 3; ++i) {
    server.append(1);
    CHECK(events.event().has_value());
  }
}

TEST_CASE("AClientThatSendsNoMoreAndThenHangsUpIsNoticed") {
  TestServer server;
  for (bool const over_unix : {true, false}) {
    auto client = over_unix ? std::make_unique<RawClient>(server.socket()) : std::make_unique<RawClient>(server.port());
    client->send(request_text("GET", "/v1/messages/8?wait=accepted&timeoutMs=3600000", as_operator));
    client->end_sending();
    REQUIRE(server.eventually([&] { return server.daemon().waiting == 1; }));
    client.reset();
    CHECK(server.eventually([&] { return server.daemon().waiting == 0; }));
  }
  CHECK(server.daemon().waits_cancelled == 2);
}

TEST_CASE("AWaitGoesOnWhenTheNextRequestIsAlreadySent") {
  TestServer server;
  RawClient client(server.socket());
  client.send(request_text("GET", "/v1/messages/8?wait=done") + request_text("GET", "/healthz"));
  REQUIRE(server.eventually([&] { return server.daemon().waiting == 1; }));
  client.send(request_text("GET", "/healthz"));
  server.on_io([&] { server.daemon().release_waits(); });
  CHECK(client.reply().status == 200);
  CHECK(client.reply().body == R"({"status":"ok"})");
  CHECK(client.reply().body == R"({"status":"ok"})");
  CHECK(server.on_io([&] { return server.daemon().waits_cancelled; }) == 0);
}

TEST_CASE("AClientThatHasAskedAheadAndLeavesIsNoticed") {
  TestServer server;
  for (bool const over_unix : {true, false}) {
    auto client = over_unix ? std::make_unique<RawClient>(server.socket()) : std::make_unique<RawClient>(server.port());
    auto const waits = request_text("GET", "/v1/messages/8?wait=accepted&timeoutMs=3600000", as_operator);
    client->send(waits);
    CHECK(server.eventually([&] { return server.daemon().waiting == 1; }));
    client->send(waits);
    client.reset();
    CHECK(server.eventually([&] { return server.daemon().waiting == 0; }));
  }
  CHECK(server.daemon().waits_cancelled >= 2);  // the one asked ahead may have begun
}
