// What providers ask of people (docs/control-api.md): the records, who decides them first, their deadlines. One for the
// daemon.
//
// The first decision wins, wherever it comes from; later ones are told who was first. A decision is in the journal
// before the provider hears of it. A pending record survives the daemon: the provider asks again under the same key and
// finds it here. What a child asks is its ancestors' too: one record, of which their events and lists tell. io thread
// only.
#pragma once
#include "base/async.hpp"
#include "daemon/agent/approval.hpp"
#include "daemon/agent/approval_rules.hpp"
#include "daemon/agent/lineage.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ar::daemon {

struct ApprovalPolicy {
  milliseconds deadline{0};       ///< after being asked; 0: none
  bool deny_at_deadline = false;  ///< else it is left to the person at the terminal
};

class Approvals {
 public:
  Approvals(Executor executor, Journal& journal, EventLog& events, Lineage const& lineage, ApprovalPolicy policy);
  /// For what is asked from now on.
  void set_policy(ApprovalPolicy policy) { policy_ = policy; }
  /// They are asked before anybody else; they outlive this.
  void use(ApprovalRules& rules) { rules_ = &rules; }
  /// `told`: what is pending for that agent has changed by a descendant of its.
  void watch_families(std::function<void(std::string const& agent)> told) { family_changed_ = std::move(told); }
  /// What was pending when the last daemon ended. Once, before anything else.
  awaitable<Result<void>> load();
  /// `tell` gets every decision, once it is on the disk, to hand it to the agent's provider. `on_death`: nobody watches
  /// the deadlines any more.
  void start(std::function<void(Approval const&)> tell, TaskGroup::OnDeath on_death = {});
  awaitable<void> stop();

  // ---- an agent's provider ----
  /// Decided by a rule at once where one does. `may_ask` false: else told no at once.
  void asked(Asker const& asker, std::string const& provider_session, adapters::ApprovalRequest request, bool may_ask);
  /// Over without a decision of ours. `answered`: at the terminal; else only the terminal can answer it now.
  void ended(std::string const& agent, std::string const& key, bool answered);
  /// Whatever is pending for the agent has been answered at the terminal. (A dialog tells of its own end, unless its
  /// session has not told of it in this daemon's life.)
  void nothing_asked(std::string const& agent);
  /// Its process has ended. What is asked about its work, rather than by its provider, stays.
  void withdraw(std::string const& agent);
  /// That one alone.
  void withdraw(std::string const& agent, std::string const& key);
  /// For records that are written past this, of an agent that comes from elsewhere: the first of so many ids.
  std::int64_t take_ids(std::int64_t count) { return std::exchange(last_id_, last_id_ + count) + 1; }
  /// The agent is removed; the journal forgets them with it.
  void forget(std::string const& agent);

  // ---- people ----
  struct Filter {
    std::optional<std::string> status{};
    std::optional<std::vector<std::string>> agents{};  ///< only theirs
    std::int64_t before = 0;                           ///< only smaller ids; 0: the newest
    int limit = 100;
  };
  awaitable<Result<json>> list(Filter filter);  ///< {approvals: [...], nextCursor?}, newest first
  awaitable<Result<json>> show(std::int64_t id);
  /// Error: no_such_approval.
  awaitable<Result<Approval>> stored(std::int64_t id);
  /// `body`: see answer_from. `of_agent`: only if it is this one's, or a descendant's. Errors besides:
  /// no_such_approval, already_decided (conflict), not_asked_again (unavailable).
  awaitable<Result<json>> decide(std::int64_t id, json body, Decider decider, std::string of_agent = {});

  /// Short forms of what is pending for it and its descendants, oldest first: {id, kind, tool, summary, createdAt,
  /// deadline}, and of descendants {agent, name}.
  json pending_of(std::string const& agent) const;
  std::size_t pending() const;  ///< of all agents
  /// A request of the turn that runs: nobody else's, and not whether one that was cut off goes on.
  bool turn_waits(std::string const& agent) const;

 private:
  struct Entry {
    Approval approval;
    bool asked = false;  ///< in this daemon's life: its provider can be told
  };
  Entry* find(std::string const& agent, std::string const& key, std::string const* provider_session = nullptr);
  Entry* same_dialog(std::string const& agent, std::string const& provider_session,
                     adapters::ApprovalRequest const& request);
  void end(Entry& entry, ApprovalStatus status, Decider decider, adapters::Answer answer, bool tell);
  void save(Approval const& approval, bool tell);
  json shown(Approval const& approval) const;
  void tell_family(Approval const& approval, std::string const& type, json data);
  bool decide_by_rule(Entry& entry, Asker const& asker);
  awaitable<void> watch_deadlines();

  Journal& journal_;
  EventLog& events_;
  Lineage const& lineage_;
  ApprovalPolicy policy_;
  ApprovalRules* rules_ = nullptr;  ///< null: there are none
  std::function<void(Approval const&)> tell_;
  std::function<void(std::string const&)> family_changed_;
  std::int64_t last_id_ = 0;
  std::map<std::int64_t, Entry> entries_;  ///< all pending ones, and the newest of the others
  Notifier changed_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
