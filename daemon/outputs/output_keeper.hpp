// Keeps what one agent makes: captures its output folders when a turn is over and when its process has ended. A part of
// the agent.
#pragma once
#include "base/async.hpp"
#include "base/log.hpp"
#include "base/worker.hpp"
#include "daemon/outputs/capture.hpp"
#include "daemon/services.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace ar::daemon {

/// io thread only.
class OutputKeeper {
 public:
  struct Parts {
    Services& services;
    std::string const& agent;
    std::string const& cwd;
    std::vector<std::string> const& dirs;
    std::int64_t const& turns;  ///< so many have begun
    bool& due;                  ///< of the agent's record: a capture is owed, also over a daemon's death
  };
  /// `save`: the record has changed.
  OutputKeeper(Parts parts, std::function<void()> save);

  /// For as long as the agent is here; vital.
  awaitable<void> run();
  /// What is there now is to be captured. True: the record, which says so, is to be saved.
  bool capture();
  /// What the journal lists no more can go.
  void tidy();
  /// Ends the capture that is under way; it is done again later. Before run() is cancelled, which would wait for it.
  void stop();

  /// Returns when no capture is owed any more, at the deadline, or when the agent is let go.
  awaitable<void> settled(Clock::time_point deadline);
  bool is_due() const { return parts_.due; }
  /// Of what is kept.
  std::int64_t bytes() const { return bytes_; }
  std::filesystem::path store() const;
  OutputFolders folders() const;
  std::vector<std::string> const& dirs() const { return parts_.dirs; }

 private:
  awaitable<bool> capture_now();
  awaitable<bool> tidy_now();
  awaitable<Result<void>> write_down(std::shared_ptr<Capture const> capture, std::int64_t turn, WallTime at);
  void tell(Capture const& capture, std::int64_t turn);

  Parts const parts_;
  std::function<void()> const save_;
  std::uint64_t wanted_ = 0;  ///< captures that were asked for
  bool tidy_ = true;          ///< a daemon that died may have left something
  std::int64_t bytes_ = 0;
  std::stop_source stop_{};
  LogThrottle failures_;
  Notifier changed_;
  Worker worker_;
};

}  // namespace ar::daemon
