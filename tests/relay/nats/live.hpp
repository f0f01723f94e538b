// Buses on real time against a real server, traffic through them, and its figures.
#pragma once
#include "relay/nats/nats_bus.hpp"
#include "relay/nats/nats_server.hpp"
#include "support/run.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <functional>
#include <map>
#include <set>

namespace ar::relay::test {

inline Identity agent(std::string id, std::vector<std::string> tags = {}) {
  Identity who;
  who.agent_id = std::move(id);
  who.tags = std::move(tags);
  return who;
}
inline NewMessage message_to(std::string to, std::string body = "hello") {
  NewMessage message;
  message.from = "alice";
  message.to = std::move(to);
  message.body = std::move(body);
  return message;
}
inline NewMessage work_for(std::string to, std::string body = "work") {
  auto message = message_to(std::move(to), std::move(body));
  message.claimable = true;
  return message;
}

/// One bus on the given io thread, stopped at the end.
class LiveBus {
 public:
  LiveBus(net::io_context& io, NatsOptions options, BusLimits limits = {}) : io_(io) {
    auto opened = NatsBus::open(io.get_executor(), std::move(options), limits);
    REQUIRE(opened.has_value());
    bus_ = std::move(*opened);
  }
  ~LiveBus() { stop(); }
  void stop() {
    if (!bus_) return;
    ar::test::run(io_, [this] { return bus_->stop(); });
    bus_.reset();
  }
  NatsBus* operator->() const { return bus_.get(); }
  NatsBus& operator*() const { return *bus_; }

  template <class T>
  Result<T> get(awaitable<Result<T>> call, std::chrono::seconds limit = std::chrono::seconds(30)) {
    std::optional<Result<T>> result;
    ar::test::run(
        io_, [&] { return keep(std::move(call), result); }, limit);
    return std::move(*result);
  }
  /// Its value; again and again while the bus is away, for as long as a test may take: a cluster on a busy machine has
  /// taken more than a minute to find a leader.
  template <class Make>
  auto insist(Make make) {
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(180);
    for (;;) {
      auto result = get(make());
      if (result) return result;
      bool const away = result.error().kind == ErrorKind::unavailable;
      if (!away || std::chrono::steady_clock::now() > end) FAIL(result.error().code << ": " << result.error().message);
      run_for(std::chrono::milliseconds(20));
    }
  }
  json status() {
    json shown;
    ar::test::run(io_, [&]() -> awaitable<void> { shown = co_await bus_->status(); });
    return shown;
  }
  void wait_state(std::string const& state) {
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(40);
    while (bus_->transport_state() != state && std::chrono::steady_clock::now() < end)
      run_for(std::chrono::milliseconds(20));
    REQUIRE(bus_->transport_state() == state);
  }
  void run_for(std::chrono::milliseconds time) {
    io_.restart();
    io_.run_for(time);
  }

 private:
  template <class T>
  static awaitable<void> keep(awaitable<Result<T>> call, std::optional<Result<T>>& result) {
    result.emplace(co_await std::move(call));
  }
  net::io_context& io_;
  std::unique_ptr<NatsBus> bus_;
};

/// Why the bus is not ready: "CODE: MESSAGE".
inline std::string problem_of(LiveBus& bus) {
  auto const ready = bus.get(bus->ready());
  REQUIRE_FALSE(ready.has_value());
  return ready.error().code + ": " + ready.error().message;
}

/// What was sent and what a reader got, by body.
struct Figures {
  std::set<std::string> sent{};
  std::map<std::string, int> got{};
  std::size_t lost() const {
    std::size_t count = 0;
    for (auto const& body : sent) count += got.contains(body) ? 0 : 1;
    return count;
  }
  std::size_t doubled() const {
    std::size_t count = 0;
    for (auto const& [body, times] : got) count += times > 1 ? 1 : 0;
    return count;
  }
  void report(char const* fault) const {
    std::printf("%-34s sent %5zu  received %5zu  lost %zu  doubled %zu\n", fault, sent.size(), got.size(), lost(),
                doubled());
    std::fflush(stdout);
    CHECK(got.size() == sent.size());
    CHECK(lost() == 0);
    CHECK(doubled() == 0);
  }
};

inline NewMessage numbered(int number, std::string to = "worker") {
  auto message = message_to(std::move(to), "body " + std::to_string(number));
  message.idempotency_key = "key " + std::to_string(number);
  return message;
}
/// Sends `count` messages, each until it is taken; `at_half` happens in between.
inline void send_all(LiveBus& bus, Figures& figures, int count, std::function<void()> const& at_half) {
  for (int i = 0; i < count; ++i) {
    if (i == count / 2) at_half();
    figures.sent.insert("body " + std::to_string(i));
    (void)bus.insist([&] { return bus->send(numbered(i)); });
  }
}
inline void read_all(LiveBus& bus, Figures& figures) {
  for (auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(180);
       std::chrono::steady_clock::now() < end;) {
    auto const unread = bus.insist([&] { return bus->unread(agent("worker"), 1000); });
    if (unread->empty()) return;
    for (auto const& message : *unread) {
      ++figures.got[message.body];
      (void)bus.insist([&] { return bus->mark_read(message.id, "worker"); });
    }
  }
}

}  // namespace ar::relay::test
