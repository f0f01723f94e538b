#include "daemon/agent/agent_account.hpp"

#include <utility>

namespace ar::daemon {

AgentAccount::AgentAccount(Services& services, std::string const& agent, AgentRecord& record,
                           AgentProvider const& provider, AccountMember& member, std::function<void()> save)
    : services_(services),
      agent_(agent),
      record_(record),
      provider_(provider),
      member_(member),
      save_(std::move(save)),
      may_move_(record.account.empty()),
      changed_(services.executor) {
  if (!record_.account.empty()) membership_ = services_.accounts.join({record_.account}, agent_, member_);
}

awaitable<void> AgentAccount::run() {
  for (;;) {
    while (!due_) (void)co_await changed_.wait();
    due_ = false;
    is_now(co_await provider_.account(services_.accounts.salt()));
  }
}

void AgentAccount::look_again() {
  due_ = may_move_ = true;
  changed_.notify_all();
}

void AgentAccount::is_now(adapters::Account const& account) {
  if (account.name == record_.account) return services_.accounts.know(account);
  if (!may_move_) {
    // The process goes on with the login that it was started with; one like it is made at the same place.
    services_.accounts.know({record_.account, account.login_file, account.login_command});
    return;
  }
  auto const before = std::exchange(record_.account, account.name);
  save_();
  // It leaves the other one after it has joined this one: what is known there may go with it.
  auto joined = account.name.empty() ? nullptr : services_.accounts.join(account, agent_, member_, before);
  membership_ = std::move(joined);
  member_.account_changed();
}

}  // namespace ar::daemon
