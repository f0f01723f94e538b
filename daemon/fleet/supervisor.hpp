// All agents of this daemon: spawning, finding, taking over at start, letting go at the end.
#pragma once
#include "daemon/agent/agent.hpp"
#include "daemon/fleet/recovery.hpp"
#include "daemon/services.hpp"
#include "model/idempotency.hpp"
#include "model/principal.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

class Supervisor final : private AgentOwner {
 public:
  explicit Supervisor(Services& services);
  ~Supervisor() override;

  /// Reads the journal, looks at what the terminals' host really has, and reconciles the two: adopts the living,
  /// restarts the dead. Before any other call.
  awaitable<Result<void>> take_over();
  /// What a cold start has met, and what came of it. To be started once they are taken over.
  Recovery& recovery() { return recovery_; }
  /// Leaves the agents running (or stops them first) and lets go of everything.
  awaitable<void> shut_down(bool stop_agents);

  struct Spawned {
    std::shared_ptr<Agent> agent{};
    bool created = true;
  };
  /// Errors: invalid fields, name_taken, idempotency_conflict, unknown provider, cli_missing; where an agent spawns a
  /// child of its own: not_granted, too_many_children, wrong_state.
  awaitable<Result<Spawned>> spawn(json body, IdempotencyKey key,
                                   Principal who = Principal{Principal::Kind::operator_});
  /// Whether it could be spawned now, as far as that can be told without making anything.
  awaitable<Result<void>> check_spawn(json body, Principal who) const;
  /// Takes up an agent that comes from elsewhere, as a start of the daemon does. `bring` has given the journal all of
  /// it when it returns, or nothing. Errors: name_taken; those of a new token; bring's own.
  using Bring = std::function<awaitable<Result<void>>()>;
  awaitable<Result<void>> adopt(std::string id, Bring bring);
  /// And its descendants. {removed, workspace?, children?}: what became of its worktree; their names. Errors: an
  /// agent_running among them, has_children: one that is detached.
  awaitable<Result<json>> remove(std::string id, std::string finished = {});
  /// Error: has_children, since no detached one may lose its parent.
  Result<void> check_removable(std::string const& id) const;

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
                                std::string cold_start, std::optional<Error>& failed);
  // AgentOwner
  void tokens_changed(Agent const& agent) override { know_tokens_of(agent); }
  awaitable<void> end_descendants(std::string id, std::string verb, json params) override;

  awaitable<Result<AgentSpec>> check(json body, Principal who) const;
  Result<void> check_may_spawn(Principal const& who) const;
  Result<void> check_parent(AgentSpec const& spec) const;
  Result<void> check_grant(AgentSpec& spec, bool asked) const;
  bool goes_on_without(Agent const& agent, std::string const& of) const;
  awaitable<Result<json>> erase(std::shared_ptr<Agent> agent, bool with_parent, std::string finished = {});
  awaitable<Result<void>> erase_left_alone(std::string id);
  awaitable<Result<void>> add_profile(AgentSpec& spec, bool any_provider) const;
  awaitable<Result<void>> add_skills(AgentSpec& spec) const;
  awaitable<Result<void>> add_workspace(AgentSpec& spec) const;
  awaitable<Result<Spawned>> begin(AgentSpec spec, DescriptorBudget::Place place, IdempotencyKey key);
  awaitable<void> forget_token(std::string id);
  awaitable<void> take_back(std::shared_ptr<Agent> agent);
  awaitable<void> discard_cut_off();
  void forget_worktree_of(std::string const& id) const;
  std::string free_name(std::string const& stem, bool is_new) const;
  awaitable<void> free_memory();
  std::vector<std::string> suspendable() const;  ///< agents, the longest idle first
  void know_tokens_of(Agent const& agent);
  void forget_tokens_of(std::string const& id);
  std::shared_ptr<Agent> make(AgentSpec spec, AgentRecord record, AgentState state, AgentToken token);
  void add(std::shared_ptr<Agent> const& agent);
  void tell_of(Agent const& agent);

  Services& services_;
  std::map<std::string, std::shared_ptr<Agent>, std::less<>> agents_;
  std::map<std::string, std::string, std::less<>> by_token_hash_;
  Recovery recovery_;
  AsyncMutex spawning_;
  TaskGroup tasks_;   ///< short ones, that are waited for
  TaskGroup ending_;  ///< of descendants
  TaskGroup watching_;
};

}  // namespace ar::daemon
