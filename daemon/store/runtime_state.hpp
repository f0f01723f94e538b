// Whether this daemon gives its agents work, or pauses. A pause is in the journal, where the next daemon finds it: one
// that ended while it was pausing is paused then.
#pragma once
#include "base/async.hpp"
#include "base/json.hpp"
#include "daemon/store/journal.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

/// io thread only.
class RuntimeState {
 public:
  enum class Phase {
    running,
    pausing,  ///< nothing new is handed over; the turns that run have their grace
    paused,   ///< nothing new is handed over
  };
  /// A turn that ran when the pause came, or that was met in its grace.
  struct Run {
    std::string agent{};
    std::int64_t turn = 0;
    bool interrupted = false;  ///< by the pause
  };

  RuntimeState(Executor executor, Journal& journal);
  /// What the daemon before has left. Before anything is handed over.
  awaitable<Result<void>> load();

  Phase phase() const { return phase_; }
  WallTime since() const { return since_; }  ///< in that phase
  std::string const& reason() const { return reason_; }
  std::vector<Run> const& runs() const { return runs_; }
  /// Why nothing is handed to any agent, for people; empty: the runtime runs.
  std::string why_paused() const;
  bool is_paused() const { return phase_ != Phase::running; }

  /// From running to pausing; returns when it is on the disk, with the pause's number. Errors: already_pausing,
  /// already_paused; the disk's, and it runs as before.
  awaitable<Result<std::int64_t>> pause(std::string reason);
  /// From pausing to paused. False: that pause is over.
  awaitable<bool> settle(std::int64_t pause);
  /// To running; returns when it is on the disk. Errors: not_paused; the disk's, and the pause goes on.
  awaitable<Result<void>> resume();
  /// It is the present pause, settled or not.
  bool is_present(std::int64_t pause) const { return is_paused() && pause == number_; }

  // Of the present pause.
  void add_run(std::string const& agent, std::int64_t turn);
  void set_interrupted(Run const& run, bool interrupted);

 private:
  void run();
  void save();
  void erase();

  Journal& journal_;
  AsyncMutex changing_;
  Phase phase_ = Phase::running;
  WallTime since_;
  std::string reason_{};
  std::vector<Run> runs_{};
  std::int64_t number_ = 0;
  bool resuming_ = false;  ///< the journal forgets the pause: nothing more is written of it
};

std::string_view to_string(RuntimeState::Phase phase);

}  // namespace ar::daemon
