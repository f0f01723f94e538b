// How often something may be done: so many times within any period of that length.
#pragma once
#include "base/clock.hpp"
#include "base/http/http.hpp"
#include "control/limits.hpp"

#include <deque>
#include <map>
#include <string>

namespace ar::control {

/// Of many things at once, each with a rate of its own. io thread only.
class RateLimits {
 public:
  /// `what`: what is done, and by whom. 0: now, which counts as done. Else how long until then.
  Clock::duration take(std::string const& what, Rate const& rate);
  /// The newest that was taken does not count: there was nothing to be done.
  void give_back(std::string const& what);

 private:
  std::map<std::string, std::deque<Clock::time_point>> over_;  ///< when each that was done counts no more
};

/// The header that says so.
http::Header retry_after(Clock::duration wait);

}  // namespace ar::control
