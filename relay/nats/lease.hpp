// The state of a claimable message as one document in the state bucket, changed only by compare-and-set.
//
// Why not a pull consumer's delivery: the contract claims a message by its id, for an agent; lets the holder claim
// anew; counts from 0 again after a requeue; and decides by the addressee's groups of now. A pull consumer hands out
// whichever message comes next and knows none of these. A key with its revision does: JetStream accepts one writer
// per revision, so there is one holder; the token in the document fences the others off.
//
// Time is evaluated, not executed: the document says until when a lease lasts, and whoever reads it later sees it
// ended (`settled`). So a lease ends though its holder, its daemon or every daemon is gone, and nobody has to write it
// down.
#pragma once
#include "base/clock.hpp"
#include "base/json.hpp"

#include <map>

namespace ar::relay::nats {

enum class LeaseState { free, held, finished, dead };

struct Lease {
  LeaseState state = LeaseState::free;
  std::string holder{}, token_hash{};
  WallTime until{};                      ///< while held
  std::optional<WallTime> not_before{};  ///< released for later
  int deliveries = 0;
  bool last = false;  ///< by the limits of the holder: ends among the dead letters
  WallTime dead_at{};
  std::optional<WallTime> kept_since{};   ///< of the last requeue: retention counts anew
  std::vector<std::string> recipients{};  ///< of a plain group message, since its last requeue
  std::map<std::string, WallTime> reads{};
};

/// The lease as it is at `now`.
Lease settled(Lease lease, WallTime now);

json to_json(Lease const& lease);
/// Nothing when the document is not one of ours.
std::optional<Lease> lease_from(std::string_view text);

}  // namespace ar::relay::nats
