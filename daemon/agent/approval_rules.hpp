// The rules that decide what providers ask for (docs/approval-rules.md): those of the configuration, and those that
// people have added, which are in the journal. One for the daemon. io thread only.
#pragma once
#include "adapters/approval.hpp"
#include "base/async.hpp"
#include "daemon/config/config.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "model/approval_match.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ar::daemon {

class ApprovalRules {
 public:
  /// That people have added; those that are over count no more.
  static constexpr std::size_t kMost = 256;

  /// `config`: its rules are read at each use, so that a reload counts at once.
  ApprovalRules(Executor executor, Journal& journal, EventLog& events, Config const& config)
      : journal_(journal), events_(events), config_(config), changing_(std::move(executor)) {}
  /// What was there when the last daemon ended. Once, before anything else.
  awaitable<Result<void>> load();

  /// What the rules in force say, without a trace.
  RuleVerdict verdict(Asker const& asker, ApprovalSubject const& subject) const;
  /// The same of a request that is decided by it: the rules' uses are counted.
  RuleVerdict decide(Asker const& asker, ApprovalSubject const& subject);

  /// {rules: [...]}: the configuration's, then the others, in their order.
  json all() const;
  /// There is one that was made of this approval's request.
  bool has_rule_of(std::int64_t approval) const;
  /// Gives it its id and time. Errors: no_such_agent, quota; already_decided (conflict) for a second one of an
  /// approval.
  awaitable<Result<json>> add(ApprovalRule rule);
  /// Errors: no_such_rule; rule_of_config (conflict).
  awaitable<Result<void>> remove(std::string id);
  /// The agent is removed; the journal forgets its rules with it.
  void forget(std::string const& agent);

 private:
  struct Use {
    std::int64_t count = 0;
    WallTime last{};
  };
  std::vector<ApprovalRule> in_force() const;
  json shown(ApprovalRule const& rule) const;
  void count(std::string const& id);

  Journal& journal_;
  EventLog& events_;
  Config const& config_;
  AsyncMutex changing_;
  std::string adding_{};  ///< the agent of the rule that is being added; empty: none, or it has been removed meanwhile
  std::vector<ApprovalRule> added_{};
  std::map<std::string, Use> uses_{};  ///< by id; of the configuration's since the daemon started
};

}  // namespace ar::daemon
