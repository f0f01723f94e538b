// What agents have used, and the budgets of the configuration (docs/budgets.md): a budget that is used up keeps back
// the agents that it meets, and asks the operator once what is to become of them.
//
// What a turn has used is booked in the commit that writes the turn's usage down, and so are the state of its budgets,
// their events and the question: a daemon that dies has done all of it or nothing.
#pragma once
#include "adapters/usage.hpp"
#include "base/async.hpp"
#include "base/json.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "model/budget.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// What budgets ask of an agent. It outlives its membership.
class BudgetMember {
 public:
  virtual ~BudgetMember() = default;
  virtual std::string account() const = 0;  ///< empty: none
  virtual std::int64_t turns() const = 0;   ///< the number of its newest turn
  /// It has used tokens, and its provider names no price.
  virtual bool hides_cost() const = 0;
  /// Whether it is held may be another matter now.
  virtual void budget_changed() = 0;
};

/// io thread only.
class Budgets {
 public:
  /// One that is used up, for the operator.
  struct Question {
    std::string key;  ///< names it, also when it is asked again by the next daemon
    std::string budget;
    std::string text;
  };
  struct People {
    std::function<void(Question)> ask;
    std::function<void(std::string key)> withdraw;
  };
  static constexpr char kRaise[] = "raise", kOnceMore[] = "once more", kStop[] = "stop";

  Budgets(Executor executor, Journal& journal, EventLog& events);
  /// Where they stood. Before any agent joins.
  awaitable<Result<void>> load(std::vector<Budget> budgets);
  /// Asks what is open, and sees the days end. Once the agents that there are have joined. `on_death`: no day ends any
  /// more.
  void start(People people, TaskGroup::OnDeath on_death = {});
  awaitable<void> stop() { return tasks_.stop(); }
  /// Those of a configuration that was read again. What is used of one stays while its name, unit and period do.
  void set(std::vector<Budget> budgets);

  // ---- agents ----
  /// Until what it returns is destroyed.
  std::shared_ptr<void> join(std::string const& agent, std::vector<std::string> tags, BudgetMember& member);
  bool meets(std::string const& agent) const;  ///< any of them does
  /// Why the agent is given nothing, for people; empty: it may be.
  std::string why_held(std::string const& agent) const;
  /// {kind, error, since, until, resetsAt}; null: nothing is held.
  json hold_of(std::string const& agent) const;
  /// What was found out of that turn. In the io thread's step that writes the turn and the agent down. `usage` once a
  /// turn; `usd`: what is new, nothing: nobody says.
  void book(std::string const& agent, std::int64_t turn, std::optional<adapters::Usage> const& usage,
            std::optional<double> usd);

  // ---- people ----
  /// The answer to the question of that key: kRaise, kOnceMore or kStop. Nothing happens where it is not open.
  void answered(std::string const& key, std::string const& answer);
  json list() const;  ///< {budgets: [...]}, as the configuration has them
  /// `body`: {usd?} or {tokens?}; neither: the amount once more. Returns the budget once that is on the disk. Errors:
  /// no_such_budget, invalid.
  awaitable<Result<json>> raise(std::string name, json body);
  /// {by, since, usage: [...]}.
  awaitable<Result<json>> usage(std::string by, std::string since);

 private:
  struct Entry {
    Budget budget{};
    std::string period{};  ///< the day, or "total"
    double used = 0, raised = 0;
    bool warned = false;
    std::optional<WallTime> reached_at{};             ///< since then it is used up
    std::int64_t asked = 0;                           ///< questions, over all periods
    bool is_asking = false;                           ///< the last of them is open
    bool is_stopped = false;                          ///< by the answer to it
    std::map<std::string, std::int64_t> once_more{};  ///< agents that may have another turn than these

    double limit() const { return budget.amount + raised; }
    bool is_used_up() const;
    std::string key() const { return "budget " + budget.name + " " + std::to_string(asked); }
    bool holds(std::string const& agent) const { return reached_at && !once_more.contains(agent); }
  };
  struct Member {
    std::vector<std::string> tags{};
    BudgetMember* who = nullptr;
  };

  awaitable<void> run();
  static std::string period_of(Budget const& budget);
  bool meets(Budget const& budget, std::string const& agent, Member const& member) const;
  void roll(Entry& entry);
  void weigh(Entry& entry, std::string const& cause);
  void ask(Entry& entry);
  void free(Entry& entry, std::string const& cause);
  void close_question(Entry& entry);
  void raise(Entry& entry, double by);
  void save(Entry const& entry);
  void tell_members(Entry const& entry);
  Entry const* holder_of(std::string const& agent) const;
  std::string used_text(Entry const& entry) const;
  std::string why(Entry const& entry) const;
  json figures(Entry const& entry) const;
  json shown(Entry const& entry) const;
  static json stored(Entry const& entry);
  static Entry from_stored(Budget budget, json const& stored);

  Journal& journal_;
  EventLog& events_;
  People people_{};
  std::vector<std::string> to_withdraw_{};  ///< questions that were over before start()
  std::vector<Entry> entries_;              ///< in the configuration's order
  std::map<std::string, Member> members_;
  Notifier changed_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
