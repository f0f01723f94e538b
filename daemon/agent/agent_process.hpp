// One agent's process, from its start to what it leaves: its terminal, and the session that drives it.
#pragma once
#include "adapters/adapter.hpp"
#include "base/async.hpp"
#include "daemon/agent/agent_provider.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/agent/descriptor_budget.hpp"
#include "daemon/agent/token_keeper.hpp"
#include "daemon/services.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ar::daemon {

/// What it tells and asks its agent.
class ProcessHost {
 public:
  virtual ~ProcessHost() = default;
  virtual void launched(bool resumed) = 0;
  virtual void launch_failed(Error const& error) = 0;
  /// One that an earlier daemon has started is driven from here on.
  virtual void adopted() = 0;
  virtual void provider_said(adapters::ProviderEvent event) = 0;
  /// The process of that start has ended; ended() is to be called in its turn.
  virtual void exited(terminal::ExitStatus status, std::string provider_session) = 0;
  virtual void session_died(std::string const& why) = 0;
  /// Nothing of it runs any more. Returns when nothing of its session is in use.
  virtual awaitable<void> process_gone() = 0;
  virtual void ended() = 0;
  /// What an adopted process may be busy with.
  virtual std::vector<adapters::Prompt> open_turn() const = 0;
  virtual void token_changed() = 0;
  virtual void save() = 0;  ///< the record
};

/// io thread only. Await let_go() before its destruction.
class AgentProcess {
 public:
  /// `changed` is told when it is there, gets ready or has ended; `tasks` has what is done beside. The references are
  /// to parts of the same agent.
  AgentProcess(Services& services, AgentSpec const& spec, AgentRecord& record, TokenKeeper& token,
               AgentProvider const& provider, Notifier& changed, TaskGroup& tasks, ProcessHost& host);
  ~AgentProcess();

  /// Shared with who awaits something of it: the process may end meanwhile. Null: there is none.
  std::shared_ptr<adapters::ProviderSession> const& session() const { return session_; }
  std::shared_ptr<terminal::Terminal> const& terminal() const { return terminal_; }
  bool is_launching() const { return launching_; }
  bool is_ending() const { return ending_; }
  /// Its provider has said that it is ready, and it has not begun to end.
  bool is_ready() const { return ready_ && session_ && !ending_; }
  void set_ready();
  /// Once: that it ran before this daemon did, and had not been heard of yet.
  bool take_adopted() { return std::exchange(adopted_, false); }
  /// Names the start that session() drives.
  std::string const& provider_session() const { return launched_as_; }
  bool is_of(std::string const& provider_session) const { return provider_session == launched_as_; }
  terminal::ExitStatus const& last_status() const { return last_status_; }

  /// The next launch() has its place already.
  void reserve(DescriptorBudget::Place place) { reserved_ = std::move(place); }
  /// A start has been decided: until launch() is over, nothing else begins.
  void decide_launch() { launching_ = true; }
  awaitable<void> launch();
  awaitable<Result<void>> adopt(terminal::FoundTerminal found);
  /// Asks it to end, unless `hard`, and ends it at the deadline. Gives up once something else has been decided
  /// (`overtaken`). False: there was none.
  awaitable<bool> end(bool hard, Clock::time_point deadline, std::function<bool()> overtaken);
  /// Ends everything that runs because of it, wherever that hides, and takes its terminal away.
  awaitable<Result<void>> clear_away();
  awaitable<void> ended(terminal::ExitStatus status);
  /// Keeps how it ended and what it left on its terminal, and says so; before that is cleared away.
  awaitable<void> note_exit(terminal::ExitStatus status);
  /// Leaves it running, and drives it no more.
  awaitable<void> let_go();

 private:
  void open_session(std::shared_ptr<terminal::Terminal> terminal, bool adopted);
  awaitable<void> see_end();
  awaitable<void> watch_group(std::string whose);
  void group_told(std::string type, json data, Placement const& placement);
  awaitable<void> ask_to_quit(std::shared_ptr<adapters::ProviderSession> session);

  Services& services_;
  AgentSpec const& spec_;
  AgentRecord& record_;
  TokenKeeper& token_;
  AgentProvider const& provider_;
  Notifier& changed_;
  TaskGroup& tasks_;
  ProcessHost& host_;

  std::shared_ptr<terminal::Terminal> terminal_;
  std::shared_ptr<adapters::ProviderSession> session_;
  std::string launched_as_;  ///< provider_session of the process that session_ drives
  bool ready_ = false;
  bool adopted_ = false;
  bool launching_ = false;
  bool ending_ = false;  ///< ended() is under way
  DescriptorBudget::Place reserved_{};
  DescriptorBudget::Place place_{};                           ///< from its start until it is ready, or has ended
  adapters::ProviderSession const* asked_to_quit_ = nullptr;  ///< being asked now
  bool quit_refused_ = false;
  bool out_of_memory_ = false;  ///< that is what the kernel has ended it for
  terminal::ExitStatus last_status_{};
  AsyncMutex clearing_;
};

}  // namespace ar::daemon
