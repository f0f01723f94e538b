// What the event log tells, counted from the daemon's start on. Pure: events in, figures out.
#pragma once
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/metrics_text.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace ar::daemon {

class EventMetrics {
 public:
  EventMetrics();
  void take(json const& event);
  void write(MetricsText& out) const;

 private:
  using Delivery = std::pair<std::string, std::int64_t>;  ///< agent and message
  struct Times {
    WallTime queued{}, submitted{}, accepted{};  ///< not set: not seen
  };
  void on_message(std::string const& step, Delivery const& delivery, WallTime at);
  void note(std::string const& phase, WallTime from, WallTime to);

  std::uint64_t events_ = 0;
  std::map<std::string, std::uint64_t> outcomes_{};
  std::map<std::string, Histogram> phases_{};
  std::map<Delivery, Times> open_{};
  std::map<std::string, std::uint64_t> restarts_{};  ///< by agent
  std::map<std::string, WallTime> asked_{};          ///< approvals, by their ids
  Histogram approval_wait_;
};

}  // namespace ar::daemon
