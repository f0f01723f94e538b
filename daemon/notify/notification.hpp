// What a person is told of an event, in words for a phone. Pure.
#pragma once
#include "base/clock.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

struct Notification {
  std::string kind;        ///< of kNotifyKinds, or `test`
  std::string agent{};     ///< empty: it is about none
  std::int64_t event = 0;  ///< its number
  WallTime at{};
  std::string title{};     ///< what has happened, to whom; without anything that a sender or a tool said
  std::string approval{};  ///< that is asked for: once it is decided, it need not be told
  std::string text{};      ///< the rest, and what to do; of bounded length
};

/// Nothing: people are not notified of such an event.
std::optional<Notification> notification_of(json const& event);

/// The approval that this event says is over; empty: it says no such thing.
std::string approval_over(json const& event);

/// Some in one: their kinds together, in the order in which they are told.
struct Notice {
  std::string title, text;
  std::string kind;  ///< of the first
  bool urgent = false;
  std::vector<Notification> parts{};
  std::int64_t more = 0;  ///< that are counted and not told
};
Notice notice_of(std::vector<Notification> parts, std::int64_t more);

}  // namespace ar::daemon
