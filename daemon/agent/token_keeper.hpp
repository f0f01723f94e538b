// Keeps one agent's token good: renews it in time, has a new one made for a new process, and says once when the one
// that its process speaks by is good no longer.
#pragma once
#include "base/async.hpp"
#include "daemon/agent/agent_token.hpp"
#include "daemon/services.hpp"

#include <string>

namespace ar::daemon {

/// What it asks of its agent.
class TokenHost {
 public:
  virtual ~TokenHost() = default;
  /// A process is there, or about to be, that speaks by the token.
  virtual bool speaks() const = 0;
  /// It is another one now.
  virtual void token_changed() = 0;
  /// Its process cannot speak any more.
  virtual void token_ended() = 0;
};

/// io thread only.
class TokenKeeper {
 public:
  TokenKeeper(Services& services, std::string agent_id, AgentToken token, TokenHost& host);

  AgentToken const& token() const { return token_; }
  std::string hash() const;  ///< SHA-256, by which it is known
  /// If that is its hash, it is revoked.
  void revoke(std::string const& hash);
  /// For a process that is to be started: where the present one is not good, a new one.
  awaitable<Result<void>> make_good();
  /// For as long as the agent is here.
  awaitable<void> keep_fresh();
  /// Whether a process speaks by it may have changed.
  void look_again() { changed_.notify_all(); }
  /// Why its process cannot speak, for people; empty: it can, or there is none.
  std::string why_invalid() const;

 private:
  void note_end();
  awaitable<Result<void>> renew();

  Services& services_;
  std::string const agent_id_;
  AgentToken token_;
  TokenHost& host_;
  Notifier changed_;
  bool end_noted_ = false;
};

}  // namespace ar::daemon
