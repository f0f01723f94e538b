// How the buses that have a server elsewhere, remote and nats, come back to it.
#pragma once
#include "base/clock.hpp"

#include <algorithm>
#include <cmath>

namespace ar::relay {

/// A connection that has lasted so long: only now do the pauses before the next one start small again, and is the
/// failure before it over for the log. So a server that drops everybody right after its greeting is not stormed, and
/// its failure stands in the log as one that goes on.
inline constexpr auto kLasted = std::chrono::seconds(10);

/// The pause after a failure that `failures` others came before: "full jitter", anything up to a bound that doubles
/// from `least` to `most`, so that those who lost the same server do not come back at the same moment. `random` in
/// [0, 1).
inline Clock::duration pause_after(int failures, Clock::duration least, Clock::duration most, double random) {
  auto const doubled = std::chrono::duration<double>(least) * std::exp2(std::min(failures, 30));
  auto const bound = std::min(doubled, std::chrono::duration<double>(most));
  return std::chrono::duration_cast<Clock::duration>(bound * random);
}

}  // namespace ar::relay
