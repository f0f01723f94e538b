// Counting at the receiver: what was sent, against what was received and what the daemon says about it. Pure.
#pragma once
#include "base/json.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ar::chaos {

/// As the sender knows it.
struct SentMessage {
  std::int64_t serial = 0;
  std::int64_t id = 0;  ///< what the bus answered
  std::uint64_t body_hash = 0;
  std::string to{};
  bool claimable = false;
};

/// As the receiver took it, in the order in which it did.
struct Receipt {
  std::string agent;
  std::int64_t id = 0;
  std::int64_t serial = 0;      ///< 0: not seen there; the id tells
  std::uint64_t body_hash = 0;  ///< 0: not compared
};

struct Tally {
  std::size_t sent = 0, received = 0;
  std::size_t lost = 0;               ///< never received
  std::size_t doubled = 0;            ///< received more than once, or stored twice by the bus
  std::size_t wrong_order = 0;        ///< received by its agent after a later one that was sent to the same agent
  std::size_t altered = 0;            ///< received with other bytes
  std::size_t astray = 0;             ///< received by an agent that it was not for
  std::size_t unsettled = 0;          ///< no end: queued, held, unknown, unverified or refused
  std::size_t false_proofs = 0;       ///< acknowledged and not received: the one thing that must never be
  std::size_t unacknowledged = 0;     ///< received, and the bus was never told
  std::vector<std::string> faults{};  ///< one line each
  bool good() const {
    return lost + doubled + wrong_order + altered + astray + unsettled + false_proofs + unacknowledged == 0;
  }
};

/// `shown`: the messages as the daemon shows them at the end, each with `deliveries` and `readBy`.
Tally count(std::vector<SentMessage> const& sent, std::vector<Receipt> const& receipts, std::vector<json> const& shown);

json to_json(Tally const& tally);
std::string describe(Tally const& tally);

}  // namespace ar::chaos
