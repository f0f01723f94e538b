// The faults of spec 3.4, made to a real relay on a host of its own: nothing lost, nothing done twice.
#include "relay/faults/fault_lab.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;

namespace {

constexpr int kMessages = 300;

/// False, and said, where the test cannot make namespaces.
bool possible() {
  if (ar::test::own_network()) return true;
  MESSAGE("skipped: this test makes network namespaces, which needs root");
  return false;
}

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
  if (!possible()) return;
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
  if (!possible()) return;
  RelayHost relay(2);
  Load load(relay, kMessages);
  load.run("server stopped 3 s (SIGSTOP)", [&]() -> awaitable<void> {
    relay.stop_running();
    co_await sleep_for(3s);
    relay.go_on();
  });
}

TEST_CASE("ConnectionCut") {
  if (!possible()) return;
  RelayHost relay(3);
  Load load(relay, kMessages);
  load.run("connection cut 2 s", [&]() -> awaitable<void> {
    relay.host().cut();
    co_await sleep_for(2s);
    relay.host().join();
  });
}

TEST_CASE("HalfOpenConnection") {
  if (!possible()) return;
  RelayHost relay(4);
  Load load(relay, kMessages);
  load.run("half-open 3 s (answers lost)", [&]() -> awaitable<void> {
    relay.host().mute(relay.host().ours());
    co_await sleep_for(3s);
    relay.host().unmute(relay.host().ours());
  });
}

TEST_CASE("ManyReconnectsReorderAndDoubleThePushes") {
  if (!possible()) return;
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
  if (!possible()) return;
  RelayHost relay(6, 60, AR_SKEWED_CLOCK);
  Load load(relay, kMessages);
  load.run("clock skew of an hour", []() -> awaitable<void> { co_return; });
}

TEST_CASE("LeaseLostWhileATurnRuns") {
  if (!possible()) return;
  RelayHost relay(7, 1);
  net::io_context io;
  auto first = RemoteBus::open(io.get_executor(), relay.client());
  auto second = RemoteBus::open(io.get_executor(), relay.client());
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  std::string late, taken_by_other;
  ar::test::run(io, [&]() -> awaitable<void> {
    while (!co_await (*first)->reach(1s)) {
    }
    while (!co_await (*second)->reach(1s)) {
    }
    auto const id = (co_await (*first)->send(work("long")))->message.id;
    auto const claim = co_await (*first)->claim(id, "a");
    REQUIRE(claim.has_value());
    // Its machine can no longer say that it is alive; the lease of 1 s runs out.
    for (;;) {
      auto const other = co_await (*second)->claim(id, "b");
      if (other) {
        taken_by_other = other->holder;
        auto const done = co_await (*second)->finish(id, other->token);
        CHECK(done.has_value());
        break;
      }
      CHECK(other.error().code == "already_claimed");
      co_await sleep_for(100ms);
    }
    auto const too_late = co_await (*first)->finish(id, claim->token);
    if (!too_late) late = too_late.error().code;
    co_await (*first)->stop();
    co_await (*second)->stop();
  });
  CHECK(taken_by_other == "b");
  CHECK(late == "claim_lost");
  std::printf("%-28s sent    1  received    1  lost 0  doubled 0  late finish: %s\n", "lease lost in a turn",
              late.c_str());
}

TEST_CASE("SlowConsumerIsCutOffAndCatchesUp") {
  if (!possible()) return;
  RelayHost relay(8);
  net::io_context io;
  auto bus = RemoteBus::open(io.get_executor(), relay.client());
  REQUIRE(bus.has_value());
  // Another process hears hints of all that is sent, and is stopped: 60 MB do not fit into what the relay keeps for it.
  constexpr int kLarge = 60;
  std::set<MessageId> hinted;
  std::unique_ptr<Subscription> subscription;
  std::size_t unread_after = 0;
  ar::test::run(
      io,
      [&]() -> awaitable<void> {
        while (!co_await (*bus)->reach(1s)) {
        }
        auto slow = RemoteBus::open(io.get_executor(), relay.client());
        BusHints hints;
        hints.message = [&](Message const& message) { hinted.insert(message.id); };
        Identity const who{"slow", "", {}, {}};
        subscription = (*slow)->subscribe(who, "slow", std::move(hints));
        bool there = false;
        while (!there) there = co_await (*slow)->reach(1s);
        auto sender = work(std::string(900'000, 'x'));
        sender.to = "slow";
        sender.claimable = false;
        for (int i = 0; i < kLarge; ++i) {
          sender.idempotency_key = "large-" + std::to_string(i);
          for (;;) {
            auto const sent = co_await (*bus)->send(sender);
            if (sent) break;
            co_await sleep_for(50ms);
          }
        }
        for (int tries = 0; tries < 300 && hinted.size() < kLarge; ++tries) co_await sleep_for(100ms);
        auto const unread = co_await (*slow)->unread(who, 100);
        if (unread) unread_after = unread->size();
        subscription.reset();
        co_await (*slow)->stop();
        co_await (*bus)->stop();
      },
      std::chrono::seconds(120));
  std::printf("%-28s sent %4d  received %4zu  lost %d  doubled 0\n", "slow consumer, 54 MB", kLarge, hinted.size(),
              kLarge - static_cast<int>(hinted.size()));
  CHECK(hinted.size() == kLarge);
  CHECK(unread_after == kLarge);
}
