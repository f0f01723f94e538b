// The bus inside the daemon: one SQLite database, nothing to install.
//
// Every call is one job, mostly one transaction, on a thread of its own; those that have gathered meanwhile share one
// commit, and one that is refused is rolled back alone. But for presence it is on the disk (synchronous=FULL) before
// the call returns, and hints follow the commit. What time does (leases and delays that end, expiry, retention) is done
// at the moment anything is asked, and by one timer armed for the earliest of it, so that subscribers hear of it.
// Attachments lie as files in attachments/ beside the database.
#pragma once
#include "relay/bus.hpp"

#include <filesystem>

namespace ar::relay {

class EmbeddedBus : public Bus {
 public:
  /// Opens or creates `file`, which no other process may use meanwhile. Await stop(), which ends the timer, before
  /// destroying the bus; calls in flight must have returned by then. `on_death`: of that timer.
  static Result<std::unique_ptr<EmbeddedBus>> open(Executor executor, std::filesystem::path file, BusLimits limits = {},
                                                   TaskGroup::OnDeath on_death = {});
  /// All tokens that are known, without their secrets.
  virtual awaitable<Result<std::vector<TokenInfo>>> tokens() = 0;

  /// Agents, and the addresses that reach them: what they sent or have read, and what went to the addresses.
  struct Parties {
    std::vector<std::string> agents{}, addresses{};
  };
  /// Whether a message of theirs carries the attachment, or is about the task.
  virtual awaitable<Result<bool>> carries_attachment(Parties parties, std::string id) = 0;
  virtual awaitable<Result<bool>> names_task(Parties parties, std::int64_t id) = 0;

  /// What became of an agent on the bus; `ready` and `status` are empty of meaning once it is gone.
  struct PresenceChange {
    std::string agent_id, status;
    bool ready = false, gone = false;
  };
  /// One listener: told of the SHA-256 (hex) of each token that was revoked.
  virtual void watch_revocations(std::function<void(std::vector<std::string> const&)> listener) = 0;
  /// One listener: told after each change.
  virtual void watch_presence(std::function<void(PresenceChange const&)> listener) = 0;
};

}  // namespace ar::relay
