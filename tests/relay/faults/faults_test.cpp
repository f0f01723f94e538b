// The faults of docs/bus.md, made to a real relay on a host of its own: nothing lost, nothing done twice.
#include "base/http/http_client.hpp"
#include "relay/faults/fault_lab.hpp"

#include <set>
#include <vector>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;

namespace {

constexpr int kMessages = 300;

NewMessage work(std::string body) {
  NewMessage message;
  message.from = "sender";
  message.to = "tag:team";
  message.body = std::move(body);
  message.claimable = true;
  return message;
}

}  // namespace

TEST_CASE("ServerKilledAndRestarted") {
  ar::test::need_own_network();
  RelayHost relay(1);
  Load load(relay, kMessages);
  load.run("server killed, restarted", [&]() -> awaitable<void> {
    for (int i = 0; i < 3; ++i) {
      relay.kill();
      co_await sleep_for(300ms);
      relay.start();
      co_await sleep_for(500ms);
    }
  });
}

TEST_CASE("ServerStoppedForAWhile") {
  ar::test::need_own_network();
  RelayHost relay(2);
  Load load(relay, kMessages);
  load.run("server stopped 3 s (SIGSTOP)", [&]() -> awaitable<void> {
    relay.stop_running();
    co_await sleep_for(3s);
    relay.go_on();
  });
}

TEST_CASE("ConnectionCut") {
  ar::test::need_own_network();
  RelayHost relay(3);
  Load load(relay, kMessages);
  load.run("connection cut 2 s", [&]() -> awaitable<void> {
    relay.host().cut();
    co_await sleep_for(2s);
    relay.host().join();
  });
}

TEST_CASE("HalfOpenConnection") {
  ar::test::need_own_network();
  RelayHost relay(4);
  Load load(relay, kMessages);
  load.run("half-open 3 s (answers lost)", [&]() -> awaitable<void> {
    relay.host().mute(relay.host().ours());
    co_await sleep_for(3s);
    relay.host().unmute(relay.host().ours());
  });
}

TEST_CASE("ManyReconnectsReorderAndDoubleThePushes") {
  ar::test::need_own_network();
  RelayHost relay(5);
  Load load(relay, kMessages);
  load.run("5 short cuts (reordering)", [&]() -> awaitable<void> {
    for (int i = 0; i < 5; ++i) {
      relay.host().mute(relay.host().ours());
      co_await sleep_for(1200ms);
      relay.host().unmute(relay.host().ours());
      co_await sleep_for(400ms);
    }
  });
  // After each reconnect everything unread is pushed again: doubled pushes are the rule, and cost nothing.
  CHECK(load.hints() > kMessages);
}

TEST_CASE("RelaysClockAnHourAhead") {
  ar::test::need_own_network();
  RelayHost relay(6, 60, AR_SKEWED_CLOCK);
  Load load(relay, kMessages);
  load.run("clock skew of an hour", []() -> awaitable<void> { co_return; });
}

TEST_CASE("LeaseLostWhileATurnRuns") {
  ar::test::need_own_network();
  RelayHost relay(7, 1);
  net::io_context io;
  auto first = RemoteBus::open(io.get_executor(), relay.client());
  auto second = RemoteBus::open(io.get_executor(), relay.client());
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  std::string late, taken_by_other;
  int finished = 0;
  auto whole = [&]() -> awaitable<void> {
    CHECK(co_await (*first)->reach(20s));
    CHECK(co_await (*second)->reach(20s));
    auto const id = (co_await (*first)->send(work("long")))->message.id;
    auto const claim = co_await (*first)->claim(id, "a");
    REQUIRE(claim.has_value());
    // Its machine can no longer say that it is alive; the lease of 1 s runs out.
    for (;;) {
      auto const other = co_await (*second)->claim(id, "b");
      if (other) {
        taken_by_other = other->holder;
        auto const done = co_await (*second)->finish(id, other->token);
        finished += done.has_value();
        break;
      }
      CHECK(other.error().code == "already_claimed");
      co_await sleep_for(100ms);
    }
    auto const too_late = co_await (*first)->finish(id, claim->token);
    finished += too_late.has_value();
    if (!too_late) late = too_late.error().code;
    co_await (*first)->stop();
    co_await (*second)->stop();
  };
  ar::test::run(io, whole, std::chrono::seconds(120));
  CHECK(taken_by_other == "b");
  CHECK(late == "claim_lost");
  CHECK(finished == 1);
  std::printf("%-28s sent    1  finished %4d  late finish: %s\n", "lease lost in a turn", finished, late.c_str());
}

TEST_CASE("SlowConsumerMissesHintsAndTheOthersDoNotNotice") {
  ar::test::need_own_network();
  RelayHost relay(8);
  net::io_context io;
  auto bus = RemoteBus::open(io.get_executor(), relay.client());
  REQUIRE(bus.has_value());
  auto const token = read_file(relay.client().token_file, 1000);
  REQUIRE(token.has_value());
  http::HttpClient caller(io.get_executor(), *http::parse_endpoint(relay.url()), {});
  constexpr std::size_t kLarge = 60;  // 54 MB do not fit into what the relay keeps for one connection
  std::size_t sent = 0, pushed = 0;
  std::vector<MessageId> unread_after;
  bool connected = false;
  auto slowest = Clock::duration::zero();
  auto whole = [&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(20s));
    std::vector<http::Header> headers{{"Authorization", "Bearer " + token->substr(0, token->find('\n'))}};
    auto slow = co_await caller.open_websocket("/bus", headers, {}, 5s);
    REQUIRE(slow.has_value());
    // It says hello, and reads nothing.
    (*slow)->send(R"({"type":"hello","protocol":1,"role":"provider","agentId":"slow","componentId":"c",)"
                  R"("instanceId":"i","tags":[],"capabilities":[]})");
    auto large = work(std::string(900'000, 'x'));
    large.to = "slow";
    large.claimable = false;
    for (; sent < kLarge; ++sent) {
      auto const start = Clock::now();
      auto const answer = co_await (*bus)->send(large);
      REQUIRE_MESSAGE(answer.has_value(), answer.error().message);
      slowest = std::max(slowest, Clock::now() - start);
    }
    (*slow)->send(R"({"type":"ping"})");
    while (!connected) {
      auto const frame = co_await (*slow)->read();
      REQUIRE_MESSAGE(frame.has_value(), frame.error().message);
      pushed += frame->find("message.new") != std::string::npos;
      connected = frame->find("pong") != std::string::npos;
    }
    // What it missed comes in portions, the next when it has read the one before.
    Identity const who{"slow", "", {}, {}};
    for (;;) {
      auto const unread = co_await (*bus)->unread(who, 100);
      REQUIRE_MESSAGE(unread.has_value(), unread.error().message);
      if (unread->empty()) break;
      for (auto const& message : *unread) {
        unread_after.push_back(message.id);
        CHECK((co_await (*bus)->mark_read(message.id, "slow")).has_value());
      }
    }
    co_await (*bus)->stop();
  };
  ar::test::run(io, whole, std::chrono::seconds(120));
  std::set<MessageId> const received(unread_after.begin(), unread_after.end());
  std::printf("%-28s sent %4zu  received %4zu  lost %zu  doubled %zu  (%zu pushed; slowest send %.0f ms)\n",
              "slow consumer, 54 MB", sent, received.size(), sent - received.size(),
              unread_after.size() - received.size(), pushed,
              std::chrono::duration<double, std::milli>(slowest).count());
  CHECK(connected);
  CHECK(pushed < kLarge);
  CHECK(received.size() == kLarge);
  CHECK(unread_after.size() == received.size());
}
