// One agent's provider, as its adapter knows it: what it is started with, what its files say. The adapter reads and
// writes files on threads, by a request that is a copy of all it needs.
#pragma once
#include "adapters/adapter.hpp"
#include "base/async.hpp"
#include "base/paths.hpp"
#include "base/worker.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/agent/agent_token.hpp"
#include "daemon/services.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// io thread only.
class AgentProvider {
 public:
  /// The references are to parts of the same agent.
  AgentProvider(Services& services, std::shared_ptr<adapters::Adapter const> adapter, AgentSpec const& spec,
                AgentRecord const& record, AgentToken const& token);

  adapters::Adapter const& adapter() const { return *adapter_; }
  /// Of the agent as it is now.
  adapters::LaunchRequest request() const;
  /// A value of its table in the configuration, or of the agent's own options; null: in neither.
  json option(char const* name) const;
  /// What it makes of the agent's profile; found out once.
  adapters::ProjectionReport const& projection() const;

  /// Whether it could be started on this machine: CLI there, options right, profile possible if it is strict.
  awaitable<Result<void>> check() const;
  /// Whose login it uses; `salt`: see adapters::account_name.
  awaitable<adapters::Account> account(std::string salt) const;
  Result<void> make_folders() const;
  awaitable<Result<adapters::LaunchPlan>> prepare(adapters::LaunchRequest request) const;
  /// For the process itself and its programs: where the daemon is. A failure is logged.
  awaitable<void> write_info_file() const;
  /// In its turn on a thread; what it says is not needed at once.
  void update_info_file() const;

  /// Its conversation goes on in another process.
  /// The line of its record that shows that it took the message; nothing: the records known now have none.
  awaitable<std::optional<adapters::RecordLine>> accepting_line(std::string correlation_id) const;
  awaitable<bool> can_resume() const;
  /// For what waits for the disk, in its turn.
  Worker& files() const { return files_; }
  /// The records of a process that has ended.
  awaitable<adapters::RecordedOutcome> look_up_outcome(adapters::Prompt prompt) const;
  /// How the turn ended that took the last of these; nothing: it has not, or nobody knows.
  awaitable<std::optional<adapters::TurnEnded>> turn_end(std::vector<std::string> correlation_ids) const;
  /// A part of its conversation, by its record. Error: unsupported.
  awaitable<Result<adapters::TranscriptPage>> transcript(std::int64_t cursor, std::size_t limit) const;
  /// Why a process of this request ended, by what it wrote; empty: nothing is known.
  awaitable<std::string> exit_diagnostic(adapters::LaunchRequest request) const;

 private:
  std::string info_text() const;
  std::filesystem::path agent_dir() const { return services_.paths.agent_dir(spec_.id); }

  Services& services_;
  std::shared_ptr<adapters::Adapter const> const adapter_;
  AgentSpec const& spec_;
  AgentRecord const& record_;
  AgentToken const& token_;
  mutable Worker files_, launches_;
  mutable std::optional<adapters::ProjectionReport> projection_{};
};

}  // namespace ar::daemon
