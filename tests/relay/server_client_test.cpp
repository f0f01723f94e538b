// The remote bus at a real relay: reconnects, large and many messages, superseding, tokens, nonsense.
#include "relay/server_lab.hpp"
#include "support/log_lines.hpp"
#include "support/patience.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <set>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;

TEST_CASE("AMachineThatMissedMuchComesBackOnce") {
  Relay relay;
  auto const token = relay.issue({"*"}).token;
  auto bus = RemoteBus::open(relay.io.get_executor(), relay.client(token));
  REQUIRE(bus.has_value());
  constexpr int kLarge = 24;
  Identity const who{"a"};
  Notifier heard(relay.io.get_executor());
  std::set<MessageId> hinted, read;
  BusHints hints;
  hints.message = [&](Message const& message) {
    hinted.insert(message.id);
    heard.notify_all();
  };
  auto message = to_a("small");
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(5s));
    auto const subscription = (*bus)->subscribe(who, "a", std::move(hints));
    CHECK(co_await (*bus)->reach(5s));
    CHECK((co_await relay.bus->send(message)).has_value());
    while (hinted.empty()) (void)co_await heard.wait(Clock::now() + 1s);
    co_await relay.server->stop();
    relay.server.reset();
    message.body = std::string(1'000'000, 'x');
    for (int i = 0; i < kLarge; ++i) CHECK((co_await relay.bus->send(message)).has_value());
    relay.server = std::make_unique<RelayServer>(relay.io.get_executor(), *relay.bus);
    CHECK(relay.server->open_tcp("127.0.0.1", relay.port, {}).has_value());
    CHECK(co_await (*bus)->reach(ar::test::kPatience * 10s));  // it has waited longer and longer between its tries
    while (hinted.size() < 2) (void)co_await heard.wait(Clock::now() + 1s);
    while (read.size() < kLarge + 1) {
      auto const unread = co_await (*bus)->unread(who, 100);
      if (!unread) continue;
      for (auto const& one : *unread) {
        read.insert(one.id);
        CHECK((co_await (*bus)->mark_read(one.id, "a")).has_value());
      }
    }
    CHECK(co_await (*bus)->reach(5s));
    CHECK((co_await (*bus)->status())["connections"] == 2);
    co_await (*bus)->stop();
  });
}

TEST_CASE("WhatCouldNotBeFetchedAfterAReconnectIsFetchedLater") {
  Relay relay;
  auto const token = relay.issue({"*"}).token;
  auto config = relay.client(token);
  config.times.least_backoff = config.times.most_backoff = 500ms;
  config.random = [] { return 0.9; };
  auto bus = RemoteBus::open(relay.io.get_executor(), config);
  REQUIRE(bus.has_value());
  Notifier heard(relay.io.get_executor());
  std::set<MessageId> hinted;
  BusHints hints;
  hints.message = [&](Message const& message) {
    hinted.insert(message.id);
    heard.notify_all();
  };
  std::unique_ptr<Subscription> subscription;
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(5s));
    subscription = (*bus)->subscribe({"a"}, "a", std::move(hints));
    CHECK(co_await (*bus)->reach(5s));
  });
  // Room for the WebSocket of the bus and one connection more, which somebody else has.
  ServerLimits limits;
  limits.connections = 2;
  MessageId missed = 0;
  std::unique_ptr<Wire> other;
  for (int round = 0; round < 20 && (!other || !other->refusal.empty()); ++round) {
    other.reset();
    relay.run([&]() -> awaitable<void> {
      co_await relay.server->stop();
      missed = (co_await relay.bus->send(to_a("missed")))->message.id;
    });
    relay.server.reset();
    relay.server = std::make_unique<RelayServer>(relay.io.get_executor(), *relay.bus, limits);
    REQUIRE(relay.server->open_tcp("127.0.0.1", relay.port, {}).has_value());
    other = std::make_unique<Wire>(relay, token);
  }
  REQUIRE(other->refusal.empty());
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(10s));
    (void)co_await sleep_for(200ms);
    CHECK_FALSE(hinted.contains(missed));
    other.reset();
    while (!hinted.contains(missed)) (void)co_await heard.wait(Clock::now() + 1s);
    co_await (*bus)->stop();
  });
}

TEST_CASE("ADaemonWithManyAgentsIsNoFlood") {
  ServerLimits limits;
  limits.frames_at_once = 50;
  limits.frames_per_second = 1;
  Relay relay(limits);
  Wire wire(relay, relay.issue({"*"}).token);
  constexpr int kAgents = 200;
  for (int i = 0; i < kAgents; ++i) wire.say(Wire::hello("a" + std::to_string(i), "i-1"));
  for (int i = 0; i < kAgents; ++i) REQUIRE(wire.hear()["type"] == "welcome");
}

TEST_CASE("LargeMessagesAreListedInPortions") {
  Relay relay;
  auto bus = RemoteBus::open(relay.io.get_executor(), relay.client(relay.issue({"*"}).token));
  REQUIRE(bus.has_value());
  constexpr int kLarge = 12;
  relay.run([&]() -> awaitable<void> {
    for (int i = 0; i < kLarge; ++i) CHECK((co_await relay.bus->send(to_a(std::string(1'000'000, 'x')))).has_value());
    CHECK(co_await (*bus)->reach(5s));
    for (bool const ascending : {false, true}) {
      MessageFilter filter;
      filter.limit = ascending ? 100 : kLarge - 1;
      if (ascending) filter.after = 0;
      auto const there = co_await relay.bus->messages(filter);
      auto const found = co_await (*bus)->messages(filter);
      REQUIRE_MESSAGE(found.has_value(), found.error().message);
      REQUIRE(found->size() == there->size());
      for (std::size_t i = 0; i < found->size(); ++i) CHECK((*found)[i].id == (*there)[i].id);
    }
  });
  relay.run([&]() -> awaitable<void> {
    // Six bytes on the wire for each of these.
    auto message = to_a(std::string(1'000'000, '\x01'));
    message.to = "b";
    for (int i = 0; i < kLarge; ++i) CHECK((co_await relay.bus->send(message)).has_value());
    auto const unread = co_await (*bus)->unread({"b"}, 100);
    REQUIRE_MESSAGE(unread.has_value(), unread.error().message);
    CHECK(unread->size() > 0);
    CHECK(unread->size() < kLarge);
    co_await (*bus)->stop();
  });
}

TEST_CASE("ARemovalWhileTheRelayIsAwayIsToldWhenItIsBack") {
  Relay relay;
  auto bus = RemoteBus::open(relay.io.get_executor(), relay.client(relay.issue({"*"}).token));
  REQUIRE(bus.has_value());
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(5s));
    for (char const* id : {"gone", "back"}) CHECK((co_await (*bus)->register_agent({{id}, "i-1", "idle"})).has_value());
    co_await relay.server->stop();
    relay.server.reset();
    for (char const* id : {"gone", "back"}) CHECK((co_await (*bus)->remove_agent(id)).has_value());
    relay.server = std::make_unique<RelayServer>(relay.io.get_executor(), *relay.bus);
    CHECK(relay.server->open_tcp("127.0.0.1", relay.port, {}).has_value());
    while (!(co_await (*bus)->register_agent({{"back"}, "i-2", "idle"})).has_value()) (void)co_await sleep_for(10ms);
    while ((co_await relay.bus->agents())->size() > 1) (void)co_await sleep_for(10ms);
    CHECK((co_await relay.bus->agents())->front().identity.agent_id == "back");
    co_await (*bus)->stop();
  });
}

TEST_CASE("SupersededAgentIsLeftAloneByItsOlderMachineUntilANewerStartOfIt") {
  Relay relay;
  auto const token = relay.issue({"*"}).token;
  auto older = RemoteBus::open(relay.io.get_executor(), relay.client(token));
  auto newer = RemoteBus::open(relay.io.get_executor(), relay.client(token));
  REQUIRE(older.has_value());
  REQUIRE(newer.has_value());
  Identity const who{"a"};
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*older)->reach(5s));
    auto const one = (*older)->subscribe(who, "a", {});
    CHECK((co_await (*older)->register_agent({who, "older-1", "idle"})).has_value());
    CHECK(co_await (*older)->reach(5s));
    CHECK(co_await (*newer)->reach(5s));
    auto const two = (*newer)->subscribe(who, "a", {});
    CHECK((co_await (*newer)->register_agent({who, "newer-1", "idle"})).has_value());
    CHECK(co_await (*newer)->reach(5s));
    CHECK(co_await (*older)->reach(5s));
    auto const refused = co_await (*older)->unread(who, 10);
    CHECK(refused.has_error());
    if (!refused) CHECK(refused.error().code == "superseded");
    auto const why = (*older)->refusal("a");
    CHECK(why.has_value());
    if (why) CHECK(why->message.find("agent-runner restart a") != std::string::npos);
    auto const good = co_await (*newer)->unread(who, 10);
    CHECK(good.has_value());
    CHECK_FALSE((*newer)->refusal("a").has_value());
    auto const status = co_await (*older)->status();
    CHECK(status["refused"].contains("a"));
    CHECK(status["transport"] == "connected");

    auto const same = co_await (*older)->register_agent({who, "older-1", "idle"});
    CHECK(same.has_error());
    auto const back = co_await (*older)->register_agent({who, "older-2", "idle"});
    CHECK(back.has_value());
    CHECK(co_await (*older)->reach(5s));
    CHECK(co_await (*newer)->reach(5s));
    CHECK((co_await (*older)->unread(who, 10)).has_value());
    CHECK((co_await (*newer)->unread(who, 10)).has_error());
    co_await (*older)->stop();
    co_await (*newer)->stop();
  });
}

TEST_CASE("AnAgentThatItsTokenIsNotForAsksNothingMoreUntilThereIsAnother") {
  Relay relay;
  auto const config = relay.client(relay.issue({"read"}).token);
  auto bus = RemoteBus::open(relay.io.get_executor(), config);
  REQUIRE(bus.has_value());
  Identity const who{"a"};
  auto const good = relay.issue({"*"}).token;
  ar::test::LogLines log;
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(5s));
    auto const code = [](auto const& answer) { return answer ? std::string() : answer.error().code; };
    auto const registered = co_await (*bus)->register_agent({who, "one", "idle"});
    CHECK(code(registered) == "wrong_scope");
    auto const why = (*bus)->refusal("a");
    CHECK(why.has_value());
    // From here on the relay is not asked: it would have to be there for that.
    co_await relay.server->stop();
    relay.server.reset();
    for (int tick = 0; tick < 3; ++tick) {
      auto const again = co_await (*bus)->register_agent({who, "one", "idle"});
      auto const status = co_await (*bus)->publish_status("a", "idle", true, json::object());
      auto const beat = co_await (*bus)->heartbeat("a", json::object());
      auto const unread = co_await (*bus)->unread(who, 10);
      for (auto const& answer : {code(again), code(status), code(beat), code(unread)}) CHECK(answer == "wrong_scope");
    }
    // A newer start of the agent asks once.
    auto const newer = co_await (*bus)->register_agent({who, "two", "idle"});
    CHECK(code(newer) != "wrong_scope");
    relay.server = std::make_unique<RelayServer>(relay.io.get_executor(), *relay.bus);
    CHECK(relay.server->open_tcp("127.0.0.1", relay.port, {}).has_value());
    CHECK(co_await (*bus)->reach(ar::test::kPatience * 10s));
    auto const refused = co_await (*bus)->register_agent({who, "two", "idle"});
    CHECK(code(refused) == "wrong_scope");
    CHECK(write_file(config.token_file, good + "\n").has_value());
    while ((*bus)->refusal("a")) (void)co_await sleep_for(5ms);
    CHECK(co_await (*bus)->reach(10s));
    auto const in = co_await (*bus)->register_agent({who, "two", "idle"});
    CHECK(in.has_value());
    co_await (*bus)->stop();
  });
  CHECK_MESSAGE(log.count("relay: a has no bus: ") == 2, log.text());
}

TEST_CASE("WrongTokenStopsTheClientUntilItsFileHoldsAnother") {
  Relay relay;
  ar::test::LogLines log;
  auto const config = relay.client("art_wrong");
  auto bus = RemoteBus::open(relay.io.get_executor(), config);
  REQUIRE(bus.has_value());
  auto const good = relay.issue({"*"}).token;
  relay.run([&]() -> awaitable<void> {
    while ((*bus)->transport_state() != "auth-failed") (void)co_await sleep_for(5ms);
    auto const refused = co_await (*bus)->agents();
    CHECK(refused.has_error());
    if (!refused) {
      CHECK(refused.error().code == "auth_failed");
      CHECK(refused.error().kind == ErrorKind::unavailable);
    }
    (void)co_await (*bus)->agents();
    CHECK_MESSAGE(log.count("relay: the token is refused: ") == 1, log.text());
    CHECK(write_file(config.token_file, good + "\n").has_value());
    CHECK(co_await (*bus)->reach(10s));
    CHECK((co_await (*bus)->agents()).has_value());
    co_await (*bus)->stop();
  });
}

TEST_CASE("ATokenThatEndsIsRenewedAndTheConnectionWithIt") {
  Relay relay;
  auto const old = relay.issue({"*"}, {}, 3s).token;
  auto const config = relay.client(old);
  auto bus = RemoteBus::open(relay.io.get_executor(), config);
  REQUIRE(bus.has_value());
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(5s));
    for (int tries = 0; tries < 2000; ++tries) {
      auto const kept = read_file(config.token_file, 1000);
      if (kept && *kept != old + "\n") break;
      (void)co_await sleep_for(10ms);
    }
    auto const kept = read_file(config.token_file, 1000);
    CHECK(kept.has_value());
    if (kept) CHECK(*kept != old + "\n");
    while (!co_await (*bus)->reach(1s)) (void)co_await sleep_for(10ms);
    CHECK((co_await (*bus)->agents()).has_value());
    co_await (*bus)->stop();
  });
}

TEST_CASE("AServerThatSpeaksNonsenseCostsAnErrorAndAReconnect") {
  net::io_context io;
  net::ip::tcp::acceptor acceptor(io, {net::ip::make_address("127.0.0.1"), 0});
  ar::test::TempDir folder;
  RemoteConfig config;
  config.url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  config.token_file = folder.path() / "token";
  config.times.most_backoff = 20ms;
  config.times.wait_for_relay = 50ms;
  REQUIRE(write_file(config.token_file, "t\n").has_value());
  auto bus = RemoteBus::open(io.get_executor(), config);
  REQUIRE(bus.has_value());
  ar::test::run(io, [&]() -> awaitable<void> {
    for (int i = 0; i < 3; ++i) {
      auto [ec, socket] = co_await acceptor.async_accept(nothrow);
      CHECK(!ec);
      auto const text = net::buffer("220 mail.example ESMTP\r\n", 24);
      (void)co_await net::async_write(socket, text, nothrow);
      socket.close();
    }
    auto const refused = co_await (*bus)->agents();
    CHECK(refused.has_error());
    auto const status = co_await (*bus)->status();
    CHECK(status["transport"] != "connected");
    CHECK(!status["lastError"]["message"].get<std::string>().empty());
    co_await (*bus)->stop();
  });
}
