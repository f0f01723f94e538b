// The token by which this machine is known to the relay: read from its file, renewed in time, read again when the file
// changes (docs/bus.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/file_watch.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "model/message.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace ar::relay::remote {

class OwnToken {
 public:
  struct Actions {
    std::function<awaitable<Result<TokenInfo>>()> ask;      ///< what the relay knows of it, its times by our clock
    std::function<awaitable<Result<IssuedToken>>()> renew;  ///< the same
    std::function<void()> changed;                          ///< there is another one now
  };
  OwnToken(Executor executor, std::filesystem::path file, Random random, Actions actions);

  std::string const& secret() const { return secret_; }  ///< empty: none
  /// Error: what is wrong with the file; the present one stays.
  Result<void> read();
  /// Known of it since the last connection; nothing yet: null.
  json shown() const;
  /// The relay can be asked: its end is looked at again.
  void connected();

  /// The two loops; run them in a task group.
  awaitable<void> keep_fresh();
  awaitable<void> follow_file();

 private:
  void complain(Error const& error);

  std::filesystem::path const file_;
  Random const random_;
  Actions const actions_;
  std::string secret_;
  std::optional<TokenInfo> info_{};
  bool asked_ = false;
  bool unwritten_ = false;  ///< renewed, and not in the file yet
  LogThrottle gate_;
  FileWatch watch_;
  Notifier changed_;
};

/// When a renewal of a token with this end is due, counted from `now` on: the end minus a lead (20 % of what is left,
/// held within 60 s and 1 h), minus a jitter of up to min(30 s, lead / 2); `random` in [0, 1) chooses it. Never sooner
/// than in 1 s.
WallTime renewal_due(WallTime now, WallTime end, double random);

}  // namespace ar::relay::remote
