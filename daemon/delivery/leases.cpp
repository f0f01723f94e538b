#include "daemon/delivery/leases.hpp"

#include "daemon/delivery/delivery.hpp"

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;

Leases::Leases(Executor executor, relay::Bus& bus, OnChange on_renewed, OnLost on_lost)
    : bus_(bus), on_renewed_(std::move(on_renewed)), on_lost_(std::move(on_lost)), changed_(std::move(executor)) {}

milliseconds Leases::renew_after(milliseconds left) {
  // The lower end keeps a bus whose clock is far off from being asked without a pause.
  return std::clamp<milliseconds>(left / 2, 100ms, 5min);
}

Clock::time_point Leases::renewal_of(Claim const& claim) {
  return Clock::now() + renew_after(claim.expires_at - wall_now());
}

void Leases::hold(Claim const& claim) {
  held_[claim.message_id] = {claim.token, renewal_of(claim)};
  changed_.notify_all();
}

awaitable<void> Leases::run() {
  for (;;) {
    if (held_.empty()) {
      co_await changed_.wait();
      continue;
    }
    auto const first = std::ranges::min_element(held_, {}, [](auto const& entry) { return entry.second.renew_at; });
    auto const due = first->second.renew_at;
    if (due > Clock::now()) {
      co_await changed_.wait(due);
      continue;
    }
    auto const id = first->first;
    auto const token = first->second.token;
    auto renewed = co_await bus_.renew(id, token);
    auto const still = held_.find(id);
    if (still == held_.end() || still->second.token != token) continue;  // dropped or claimed anew meanwhile
    if (renewed) {
      still->second = {renewed->token, renewal_of(*renewed)};
      on_renewed_(id, renewed->token);
    } else if (!is_definite(renewed.error())) {
      still->second.renew_at = Clock::now() + 5s;  // the lease may still be ours
    } else {
      held_.erase(still);
      on_lost_(id, renewed.error());
    }
  }
}

}  // namespace ar::daemon
