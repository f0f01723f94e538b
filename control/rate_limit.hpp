// How often each principal may do something: so many times within any period of that length.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/http/http.hpp"
#include "model/principal.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <string>

namespace ar::control {

/// io thread only.
class RateLimit {
 public:
  RateLimit(std::size_t most, Clock::duration period) : most_(most), period_(period) {}
  /// 0: now, which counts as done. Else how long until then.
  Clock::duration take(Principal const& who);

 private:
  std::size_t const most_;
  Clock::duration const period_;
  std::map<std::string, std::deque<Clock::time_point>> done_;  ///< by who did; within the period
};

/// 429, with `Retry-After`.
http::Response too_soon(Error const& error, Clock::duration wait);

}  // namespace ar::control
