#include "control/tickets.hpp"

#include "base/ids.hpp"

#include <algorithm>

namespace ar::control {

Clock::duration Tickets::wait_of(Principal const& who) {
  forget_expired();
  std::size_t count = 0;
  auto first = Clock::time_point::max();
  for (auto const& [hash, held] : held_) {
    if (held.grant.who != who) continue;
    ++count;
    first = std::min(first, held.end);
  }
  return count < most_ ? Clock::duration::zero() : first - Clock::now();
}

Tickets::Issued Tickets::issue(Grant grant) {
  Issued const issued{random_hex(32), wall_now() + std::chrono::floor<milliseconds>(lifetime_)};
  held_.insert_or_assign(sha256_hex(issued.secret), Held{std::move(grant), Clock::now() + lifetime_});
  return issued;
}

Result<Tickets::Grant> Tickets::redeem(std::string_view secret) {
  forget_expired();
  auto used = held_.extract(sha256_hex(secret));
  if (used.empty())
    return Error{ErrorKind::unauthorized, "bad_ticket",
                 "the ticket is unknown, used or expired; POST /v1/events/ticket gives another one"};
  return std::move(used.mapped().grant);
}

void Tickets::forget_expired() {
  std::erase_if(held_, [now = Clock::now()](auto const& entry) { return entry.second.end <= now; });
}

}  // namespace ar::control
