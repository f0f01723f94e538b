// All agents of this daemon: spawning, finding, taking over at start, letting go at the end.
#pragma once
#include "daemon/agent/agent.hpp"
#include "daemon/services.hpp"
#include "model/idempotency.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

struct StoredAgent;

class Supervisor {
 public:
  explicit Supervisor(Services& services);
  ~Supervisor();

  /// Reads the journal, looks at what the terminals' host really has, and reconciles the two: adopts the living,
  /// restarts the dead. Before any other call.
  awaitable<Result<void>> take_over();
  /// Leaves the agents running (or stops them first) and lets go of everything.
  awaitable<void> shut_down(bool stop_agents);

  struct Spawned {
    std::shared_ptr<Agent> agent{};
    bool created = true;
  };
  /// Errors: invalid fields, name_taken, idempotency_conflict, unknown provider, cli_missing.
  awaitable<Result<Spawned>> spawn(json body, IdempotencyKey key);
  /// {removed, workspace?}: what became of its worktree.
  awaitable<Result<json>> remove(std::string id);

  /// Null: no such agent. Shared with who awaits something of it: it can be removed meanwhile.
  std::shared_ptr<Agent> find(std::string_view id) const;
  Result<std::shared_ptr<Agent>> get(std::string_view id) const;
  std::map<std::string, std::shared_ptr<Agent>, std::less<>> const& agents() const { return agents_; }
  /// The agent that holds this token, good or not; null: none.
  std::shared_ptr<Agent> find_by_token(std::string_view token) const;
  /// By their SHA-256.
  void tokens_revoked(std::vector<std::string> const& hashes);

 private:
  awaitable<void> take_over_one(StoredAgent entry, std::optional<terminal::FoundTerminal> terminal,
                                std::optional<Error>& failed);
  awaitable<Result<AgentSpec>> check(json body) const;
  awaitable<Result<void>> add_profile(AgentSpec& spec, bool any_provider) const;
  awaitable<Result<void>> add_skills(AgentSpec& spec) const;
  awaitable<Result<void>> add_workspace(AgentSpec& spec) const;
  awaitable<Result<Spawned>> begin(AgentSpec spec, DescriptorBudget::Place place, IdempotencyKey key);
  awaitable<void> take_back(std::shared_ptr<Agent> agent);
  awaitable<void> discard_cut_off();
  void forget_worktree_of(std::string const& id) const;
  std::string free_name(std::string const& provider) const;
  awaitable<void> free_memory();
  std::vector<std::string> suspendable() const;  ///< agents, the longest idle first
  void know_tokens_of(Agent const& agent);
  void forget_tokens_of(std::string const& id);
  std::shared_ptr<Agent> make(AgentSpec spec, AgentRecord record, AgentState state, AgentToken token);
  void add(std::shared_ptr<Agent> const& agent);

  Services& services_;
  std::map<std::string, std::shared_ptr<Agent>, std::less<>> agents_;
  std::map<std::string, std::string, std::less<>> by_token_hash_;
  AsyncMutex spawning_;
  TaskGroup tasks_;  ///< short ones, that are waited for
  TaskGroup watching_;
};

}  // namespace ar::daemon
