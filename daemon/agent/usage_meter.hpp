// Finds out what an agent's turns have used: after each, its provider's record says what has been added to it. The
// figures follow a turn's end by a moment, since the provider may write that moment later.
#pragma once
#include "adapters/usage.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "daemon/agent/agent_provider.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/delivery/turn_tracker.hpp"
#include "daemon/services.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace ar::daemon {

/// io thread only. The account itself is part of the agent's record.
class UsageMeter {
 public:
  struct Parts {
    Services& services;
    AgentSpec const& spec;
    AgentRecord& record;
    AgentProvider const& provider;
    TurnTracker const& turns;
  };
  /// `save`: the record has changed.
  UsageMeter(Parts parts, std::function<void()> save);

  /// For as long as the agent is here; vital.
  awaitable<void> run();
  /// It may be in another conversation now.
  void look_again() { changed_.notify_all(); }
  /// True: it is to be measured, and the record to be saved, where that stands.
  bool turn_over(std::int64_t turn);
  /// What its process has come to.
  void cost_is(double usd);
  /// Until then what a turn has used may still become known; the past: nothing is to come.
  Clock::time_point due() const;
  /// Returns when all turns that are over have been measured, or soon.
  awaitable<void> measured();

 private:
  struct Reading {
    std::shared_ptr<adapters::UsageReader> reader{};
    std::size_t turns = 0;  ///< whose ends have been seen
  };
  UsageAccount& account() { return parts_.record.usage; }
  bool is_in_new_record() const;
  bool is_measuring() const;
  awaitable<std::optional<adapters::RecordedUsage>> read(std::string record);
  awaitable<void> measure_first();
  void book(std::int64_t turn, std::optional<adapters::Usage> const& usage);

  Parts const parts_;
  std::function<void()> const save_;
  std::string const source_;
  std::map<std::string, Reading> readings_{};  ///< by their records
  Clock::time_point over_at_{};                ///< the newest turn that is over
  std::int64_t paid_turn_ = 0;                 ///< the newest one of which a cost is known
  Notifier changed_;
};

}  // namespace ar::daemon
