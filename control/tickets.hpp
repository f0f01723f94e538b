// One-use tickets for the event streams, for clients that cannot set a header. Each stands for who asked for it; of
// its secret only the hash is kept, and only in memory: a daemon's end ends them.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "control/limits.hpp"
#include "model/principal.hpp"

#include <map>
#include <string>
#include <string_view>

namespace ar::control {

/// io thread only.
class Tickets {
 public:
  struct Grant {
    Principal who;
    std::string agent{};  ///< that alone may be reached; empty: all
  };
  struct Issued {
    std::string secret;
    WallTime expires_at;
  };

  explicit Tickets(Limits const& limits) : lifetime_(limits.ticket_time), most_(limits.tickets) {}

  /// How long until `who` may have another one; 0: now.
  Clock::duration wait_of(Principal const& who);
  Issued issue(Grant grant);
  /// It cannot be used again. Error: bad_ticket.
  Result<Grant> redeem(std::string_view secret);

 private:
  struct Held {
    Grant grant;
    Clock::time_point end;
  };
  void forget_expired();

  Clock::duration const lifetime_;
  std::size_t const most_;
  std::map<std::string, Held> held_;  ///< by the SHA-256 of their secrets
};

}  // namespace ar::control
