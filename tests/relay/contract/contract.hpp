// What the contract's tests are written with: a bus, calls that are awaited in place, and short ways to say
// things.
#pragma once
#include "base/json.hpp"
#include "relay/contract/bus_factory.hpp"
#include "relay/message_rules.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ar::relay::test {

Identity agent(std::string id, std::string label = {}, std::vector<std::string> tags = {},
               std::vector<std::string> capabilities = {});
NewMessage message_to(std::string to, std::string body = "hello", std::string from = "alice");
NewMessage work_for(std::string to, std::string body = "work");
std::vector<MessageId> ids_of(std::vector<Message> const& messages);
/// That no bus waits for, up to where adding one to a time would overflow.
std::vector<milliseconds> impossible_spans();

class Contract {
 public:
  explicit Contract(BusLimits limits = {}) : factory_(make_bus_factory(limits)) {}

  Bus& bus() { return factory_->bus(); }
  void restart() { factory_->restart(); }
  void replace_store() { factory_->replace_store(); }
  void advance(milliseconds by) {
    factory_->advance(by);
    factory_->settle();
  }

  /// Runs until the call has returned.
  template <class T>
  T get(awaitable<T> call) {
    std::optional<T> result;
    complete(keep(std::move(call), result));
    return std::move(*result);
  }
  /// Its value; an error fails the test.
  template <class T>
  T good(awaitable<Result<T>> call) {
    auto result = get(std::move(call));
    if (!result) fail_with(result.error());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }
  /// Its error code; empty: it went well.
  template <class T>
  std::string code(awaitable<Result<T>> call) {
    auto const result = get(std::move(call));
    return result ? std::string() : result.error().code;
  }
  /// Its error's kind and field, as "too_large body"; empty: it went well.
  template <class T>
  std::string problem(awaitable<Result<T>> call) {
    auto const result = get(std::move(call));
    if (result) return {};
    return std::string(to_string(result.error().kind)) + " " + result.error().field;
  }

  Message send(NewMessage message) { return good(bus().send(std::move(message))).message; }
  std::vector<MessageId> unread(Identity who) { return ids_of(good(bus().unread(std::move(who), 100))); }
  void add(Identity who);
  /// Runs the io thread until `condition` holds; fails after some seconds.
  void wait_until(std::function<bool()> const& condition);
  /// Starts both calls before either can end, then waits for both.
  template <class T>
  std::pair<T, T> both(awaitable<T> one, awaitable<T> other) {
    std::optional<T> first, second;
    complete(keep(std::move(one), first), keep(std::move(other), second));
    return {std::move(*first), std::move(*second)};
  }

 private:
  template <class T>
  static awaitable<void> keep(awaitable<T> call, std::optional<T>& result) {
    result.emplace(co_await std::move(call));
  }
  void complete(awaitable<void> call, std::optional<awaitable<void>> beside = std::nullopt);
  static void fail_with(Error const& error);
  std::unique_ptr<BusFactory> factory_;
};

}  // namespace ar::relay::test
