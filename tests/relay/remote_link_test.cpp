// How the remote bus bears a relay that is none: of another version, out of storage, or one that drops everybody. A
// relay of the test's own on loopback, in frozen time.
#include "base/http/server.hpp"
#include "base/http/websocket.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"
#include "relay/protocol.hpp"
#include "relay/reconnect.hpp"
#include "relay/remote/remote_bus.hpp"
#include "support/log_lines.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

using namespace ar;
using namespace ar::relay;
using namespace std::chrono_literals;

namespace {

/// Welcomes whoever comes; its other answers are the test's.
class FakeRelay : public http::RequestHandler {
 public:
  /// `dead`: without a frame for so long, a connection is given up.
  explicit FakeRelay(Clock::duration dead = 24h) {
    auto const used = server_.open_tcp("127.0.0.1", 0);
    REQUIRE(used.has_value());
    RemoteConfig config;
    config.url = "http://127.0.0.1:" + std::to_string(*used);
    config.token_file = folder_.path() / "token";
    config.times.dead = dead;
    config.random = [] { return 0.5; };
    REQUIRE(write_file(config.token_file, "t\n").has_value());
    auto opened = RemoteBus::open(io.get_executor(), config);
    REQUIRE(opened.has_value());
    bus = std::move(*opened);
  }
  ~FakeRelay() {
    ar::test::run(io, [this]() -> awaitable<void> {
      co_await bus->stop();
      co_await server_.stop();
    });
  }

  std::variant<http::Admission, http::Response> admit(http::Request const& head) override {
    http::Admission admission;
    admission.body_limit = 1U << 20;
    if (head.target != "/bus") {
      admission.handle = [this](http::Request request, http::Peer&) -> awaitable<http::Response> {
        co_return answer(request);
      };
      return admission;
    }
    admission.handle = [this](http::Request, http::Peer&) -> awaitable<http::Response> {
      ++connects;
      http::Response response;
      response.websocket = [this](http::WebSocket& socket) { return serve(socket); };
      co_return response;
    };
    return admission;
  }

  /// Lets so much time pass, and what happens in it.
  void pass(Clock::duration time) {
    for (Clock::duration passed{}; passed < time; passed += 50ms) {
      await_state([](std::string const& state) { return state != "connecting"; });
      if (drops) await_state([](std::string const& state) { return state == "backoff"; });
      ar::test::advance(io, clock, 50ms);
    }
  }
  template <class Wanted>
  void await_state(Wanted wanted) {
    auto const end = std::chrono::steady_clock::now() + 30s;
    while (!wanted(bus->transport_state()) && std::chrono::steady_clock::now() < end) io.run_one_for(10ms);
    REQUIRE(wanted(bus->transport_state()));
  }
  void end() { socket_->finish(); }
  /// Moves the clock at once, then lets arrive what was sent.
  void jump(Clock::duration time) {
    ar::test::advance(io, clock, time);
    while (io.run_one_for(20ms) > 0) {
    }
  }
  void await_pings(int count) {
    auto const end = std::chrono::steady_clock::now() + 30s;
    while (pings < count && std::chrono::steady_clock::now() < end) io.run_one_for(10ms);
    REQUIRE(pings == count);
  }
  json status() {
    json shown;
    ar::test::run(io, [&]() -> awaitable<void> { shown = co_await bus->status(); });
    return shown;
  }

  ManualClock clock;
  net::io_context io;
  std::unique_ptr<RemoteBus> bus;
  json welcome{{"type", "welcome"}, {"protocol", 1}};
  bool drops = false;   ///< everybody, right after the welcome
  bool answers = true;  ///< pings
  int connects = 0, pings = 0;
  std::function<http::Response(http::Request const&)> answer = [](http::Request const&) {
    return http::json_response({{"token", nullptr}});
  };

 private:
  awaitable<void> serve(http::WebSocket& socket) {
    (void)socket.send(to_text(welcome));
    if (drops) co_return co_await socket.close(1s);
    socket_ = &socket;
    while (auto const text = co_await socket.read()) {
      if (text_at(json::parse(*text), "type") != "ping") continue;
      ++pings;
      if (answers) (void)socket.send(R"({"type":"pong"})");
    }
    socket_ = nullptr;
  }

  http::WebSocket* socket_ = nullptr;  ///< the newest that is kept
  ar::test::TempDir folder_;
  http::Server server_{io.get_executor(), *this, {}, "fake relay"};
};

}  // namespace

TEST_CASE("ARelayThatDropsEverybodyAfterItsWelcomeIsNotStormedAndLoggedOnce") {
  ar::test::LogLines const log;
  FakeRelay relay;
  relay.drops = true;
  relay.await_state([](std::string const& state) { return state == "backoff"; });
  relay.pass(2min);
  CHECK(relay.connects >= 10);
  CHECK(relay.connects <= 16);
  CHECK_MESSAGE(log.count("connection") + log.count("connected") == 1, log.text());

  relay.drops = false;
  relay.await_state([&](std::string const& state) {
    if (state == "backoff") ar::test::advance(relay.io, relay.clock, 50ms);
    return state == "connected";
  });
  relay.pass(9s);
  CHECK(log.count("connected again") == 0);
  relay.pass(2s);
  CHECK_MESSAGE(log.count("connected again") == 1, log.text());

  // That was a good one: the next failure is a new one, and the pauses before it are forgotten.
  relay.drops = true;
  auto const before = relay.connects;
  relay.end();
  relay.await_state([](std::string const& state) { return state == "backoff"; });
  relay.pass(1s);
  CHECK(relay.connects - before >= 3);
  CHECK_MESSAGE(log.count("connection") == 2, log.text());
}

TEST_CASE("ARelayOfAnotherProtocolIsRefusedWithBothVersions") {
  ar::test::LogLines const log;
  FakeRelay relay;
  relay.welcome["protocol"] = 2;
  relay.await_state([](std::string const& state) { return state == "backoff"; });
  auto shown = relay.status();
  CHECK(shown["connections"] == 0);
  CHECK(shown["lastError"]["code"] == "unsupported_protocol");
  for (auto const* version : {"protocol 2", "protocol 1"}) {
    CHECK(shown["lastError"]["message"].get<std::string>().find(version) != std::string::npos);
    CHECK_MESSAGE(log.count(version) == 1, log.text());
  }
  relay.welcome.erase("protocol");
  relay.pass(5s);
  CHECK(relay.status()["connections"] == 0);
  // The relay's machine has another version installed: found without anybody's doing.
  relay.welcome["protocol"] = 1;
  relay.await_state([&](std::string const& state) {
    if (state == "backoff") ar::test::advance(relay.io, relay.clock, 50ms);
    return state == "connected";
  });
  CHECK(relay.status()["connections"] == 1);
}

TEST_CASE("ARelayThatAnswersWithAnotherStoreIsGreetedAnew") {
  FakeRelay relay;
  relay.welcome["store"] = {{"id", "first"}, {"newest", 7}};
  relay.await_state([](std::string const& state) { return state == "connected"; });
  CHECK(relay.bus->store().id == "first");
  CHECK(relay.bus->store().newest == 7);
  std::vector<std::string> told;
  relay.bus->watch_store([&] { told.push_back(relay.bus->store().id); });
  relay.answer = [&](http::Request const& request) {
    auto const meant = request.header(kStoreHeader);
    if (!meant || *meant != relay.welcome["store"]["id"].get<std::string>()) return http::problem(other_store());
    return http::json_response(json::object());
  };
  auto const mark = [&] {
    std::string code;
    ar::test::run(relay.io, [&]() -> awaitable<void> {
      auto const done = co_await relay.bus->mark_read(3, "a");
      if (!done) code = done.error().code;
    });
    return code;
  };
  CHECK(mark().empty());
  // Its machine was set up anew before our connection has noticed.
  relay.welcome["store"] = {{"id", "second"}, {"newest", 0}};
  CHECK(mark() == "other_store");
  relay.await_state([&](std::string const& state) {
    if (state == "backoff") ar::test::advance(relay.io, relay.clock, 50ms);
    return state == "connected" && !told.empty();
  });
  CHECK(told == std::vector<std::string>{"second"});
  CHECK(mark().empty());
}

TEST_CASE("ARelayThatNamesNoStoreIsOneByItsUrl") {
  FakeRelay relay;
  relay.await_state([](std::string const& state) { return state == "connected"; });
  CHECK(relay.bus->store().id.starts_with("http://127.0.0.1:"));
  CHECK(relay.bus->store().id == relay.bus->store().formerly);
  CHECK_FALSE(relay.bus->store().newest.has_value());
  bool named = false;
  relay.answer = [&](http::Request const& request) {
    named = named || request.header(kStoreHeader).has_value();
    return http::json_response(json::object());
  };
  ar::test::run(relay.io, [&]() -> awaitable<void> { CHECK((co_await relay.bus->mark_read(3, "a")).has_value()); });
  CHECK_FALSE(named);
}

TEST_CASE("ARelayFromBeforeThereWereNotesKeepsNone") {
  FakeRelay relay;
  relay.answer = [](http::Request const&) { return http::problem(not_found("no_such_route", "there is none")); };
  relay.await_state([](std::string const& state) { return state == "connected"; });
  int told = 0;
  auto const watch = relay.bus->watch_notes([&] { ++told; });
  ar::test::run(relay.io, [&]() -> awaitable<void> {
    auto const notes = co_await relay.bus->notes();
    REQUIRE_FALSE(notes.has_value());
    CHECK_FALSE(is_transient(notes.error()));
  });
  CHECK(relay.bus->transport_state() == "connected");
  // Of each connection its watchers are told, since they may have missed something.
  relay.end();
  relay.await_state([](std::string const& state) { return state == "backoff"; });
  relay.pass(1s);
  relay.await_state([](std::string const& state) { return state == "connected"; });
  CHECK(told == 1);
}

TEST_CASE("ARelayWithoutRoomIsInTheStatusUntilItTakesSomethingAgain") {
  FakeRelay relay;
  relay.await_state([](std::string const& state) { return state == "connected"; });
  bool full = true;
  relay.answer = [&](http::Request const& request) {
    if (request.target == "/api/unread") return http::json_response({{"messages", json::array()}});
    if (full) return http::problem(unavailable("disk_full", "the relay's disk is full"));
    return http::json_response(json::object());
  };
  auto const storage = [&] { return relay.status().value("storage", json()); };
  auto const heartbeat = [&] {
    std::string code;
    ar::test::run(relay.io, [&]() -> awaitable<void> {
      auto const told = co_await relay.bus->heartbeat("a", json::object());
      if (!told) code = told.error().code;
    });
    return code;
  };
  CHECK(storage().is_null());
  CHECK(heartbeat() == "disk_full");
  CHECK(storage()["error"]["code"] == "disk_full");
  CHECK(storage()["error"]["message"] == "the relay's disk is full");
  CHECK(storage()["at"] == to_iso8601(wall_now()));
  CHECK(relay.status()["transport"] == "connected");
  // What only asks says nothing about it.
  ar::test::run(relay.io, [&]() -> awaitable<void> {
    Identity who;
    who.agent_id = "a";
    CHECK((co_await relay.bus->unread(who, 10)).has_value());
  });
  CHECK(storage().is_object());
  full = false;
  CHECK(heartbeat().empty());
  CHECK(storage().is_null());
}

TEST_CASE("APauseIsAnythingUpToABoundThatDoublesFromAQuarterSecondToHalfAMinute") {
  RemoteTimes const times;
  auto const pause = [&](int failures, double random) {
    return pause_after(failures, times.least_backoff, times.most_backoff, random);
  };
  Clock::duration bound = 250ms;
  for (int failures = 0; failures < 100; ++failures) {
    CAPTURE(failures);
    REQUIRE(pause(failures, 0) == 0s);
    REQUIRE(pause(failures, 0.5) == bound / 2);
    REQUIRE(pause(failures, 1) == bound);
    bound = std::min<Clock::duration>(bound * 2, 30s);
  }
}

TEST_CASE("AConnectionIsPingedEveryFifteenSecondsAndStaysWhileItIsAnswered") {
  FakeRelay relay(RemoteTimes().dead);
  relay.await_state([](std::string const& state) { return state == "connected"; });
  relay.jump(0s);
  auto const before = relay.pings;
  for (int pings = before; pings < before + 5; ++pings) {
    relay.jump(15s - 1ms);
    REQUIRE(relay.pings == pings);
    relay.jump(1ms);
    relay.await_pings(pings + 1);
    relay.jump(0s);  // its answer
  }
  CHECK(relay.bus->transport_state() == "connected");
  CHECK(relay.connects == 1);
}

TEST_CASE("AConnectionWithoutAFrameForFortyFiveSecondsIsDead") {
  FakeRelay relay(RemoteTimes().dead);
  relay.answers = false;
  relay.await_state([](std::string const& state) { return state == "connected"; });
  relay.jump(0s);
  relay.jump(45s - 1ms);
  CHECK(relay.bus->transport_state() == "connected");
  relay.jump(1ms);
  relay.await_state([](std::string const& state) { return state == "backoff"; });
  CHECK(relay.status()["lastError"]["message"].get<std::string>().find("45 s") != std::string::npos);
}
