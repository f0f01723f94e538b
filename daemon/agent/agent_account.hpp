// Which login the agent's provider uses: found out at each start of its process, and when somebody has logged in; and
// the agent's place among those that use the same one.
#pragma once
#include "base/async.hpp"
#include "daemon/agent/agent_provider.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/limits/accounts.hpp"
#include "daemon/services.hpp"

#include <functional>
#include <memory>
#include <string>

namespace ar::daemon {

/// io thread only.
class AgentAccount {
 public:
  /// The references are to parts of the same agent. What its record names it uses from the start.
  AgentAccount(Services& services, std::string const& agent, AgentRecord& record, AgentProvider const& provider,
               AccountMember& member, std::function<void()> save);
  awaitable<void> run();
  void look_again();

 private:
  void is_now(adapters::Account const& account);

  Services& services_;
  std::string const& agent_;
  AgentRecord& record_;
  AgentProvider const& provider_;
  AccountMember& member_;
  std::function<void()> const save_;
  std::shared_ptr<void> membership_{};
  bool due_ = true;
  bool may_move_;  ///< a process that was taken over keeps the account that it was started with
  Notifier changed_;
};

}  // namespace ar::daemon
