// When the buses that have a server elsewhere, remote and nats, call a connection to it a good one.
#pragma once
#include <chrono>

namespace ar::relay {

/// A connection that has lasted so long: only now do the pauses before the next one start small again, and is the
/// failure before it over for the log. So a server that drops everybody right after its greeting is not stormed, and
/// its failure stands in the log as one that goes on.
inline constexpr auto kLasted = std::chrono::seconds(10);

}  // namespace ar::relay
