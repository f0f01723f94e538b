// The accounts of this daemon's agents, and their holds (docs/limits.md): what one agent finds out about its login, a
// usage limit or that it is not logged in, keeps back all that use the same one. When the hold's time is over one of
// them is given a message; its turn shows whether the others may follow, which they do one after the other.
//
// A hold is in the journal, where the next daemon finds it. That of a limit, and a person's, is true of the whole bus:
// AccountNotes (account_notes.hpp) tells the other daemons, and brings in what they tell.
#pragma once
#include "adapters/account.hpp"
#include "base/async.hpp"
#include "base/json.hpp"
#include "base/random.hpp"
#include "base/worker.hpp"
#include "daemon/limits/account_note.hpp"
#include "daemon/limits/provider_hold.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "model/message.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// What an account asks of an agent that uses it. It outlives its membership.
class AccountMember {
 public:
  virtual ~AccountMember() = default;
  /// Since when the oldest message waits that it could be handed if its account allowed; nothing: none does.
  virtual std::optional<WallTime> waits_since() const = 0;
  /// It has one at all: its process may have to be started for it first.
  virtual bool has_message() const = 0;
  /// A turn runs, or a message is being handed over.
  virtual bool is_at_work() const = 0;
  /// Whether it is held, or may go, may be another matter now.
  virtual void account_changed() = 0;
  /// Somebody has logged in: it may be another account now.
  virtual void login_changed() = 0;
};

/// io thread only.
class Accounts {
 public:
  /// `margin_s`: after a limit's end; read at each refusal.
  Accounts(Executor executor, Journal& journal, EventLog& events, WorkerPool& files,
           std::function<std::int64_t()> margin_s, Random random = real_random());
  /// The holds that the daemon before has left. Before any agent joins.
  awaitable<Result<void>> load();
  /// Once the agents that there are have joined. `on_death`: no hold ends by itself any more.
  void start(TaskGroup::OnDeath on_death = {});
  awaitable<void> stop() { return tasks_.stop(); }
  /// Of this installation: see adapters::account_name.
  std::string const& salt() const { return salt_; }

  // ---- agents ----
  /// Until what it returns is destroyed. `before`: the account that the agent had until now; a login that is over goes
  /// with it to the new one, which is tried at once.
  std::shared_ptr<void> join(adapters::Account const& account, std::string const& agent, AccountMember& member,
                             std::string const& before = {});
  /// What was found out about an account that has members.
  void know(adapters::Account const& account);
  /// Why the agent is given nothing, for people; empty: it may be. `turn_runs`: of its own.
  std::string why_held(std::string const& account, std::string const& agent, bool turn_runs) const;
  /// It is about to be handed that message. Where its account's hold is over for it alone, it is the probe.
  void handing(std::string const& account, std::string const& agent, MessageId message);
  /// The model has refused a turn that began then.
  void refused(std::string const& account, std::string const& agent, Refusal refusal, adapters::TurnEnded const& end,
               WallTime began);
  /// A turn that began then got through.
  void worked(std::string const& account, std::string const& agent, WallTime began);
  /// {kind, error, since, until, resetsAt}; null: nothing is held.
  json hold_of(std::string const& account) const;

  // ---- people ----
  json list() const;  ///< {limits: [...]}, by name: those that agents use, and those that are held
  /// Returns the account. Error of each: no_such_account.
  /// Its wait is over: a message goes now and shows whether the others may follow. What a person holds goes on at once.
  awaitable<Result<json>> release(std::string name);
  /// Until it is released.
  awaitable<Result<json>> hold(std::string name, std::string reason);
  /// Nothing is known of a limit any more: all go on, one after the other.
  awaitable<Result<json>> forget(std::string name);
  /// The same as release, for one of its agents.
  void probe_now(std::string const& account);

  // ---- the other daemons of the bus ----
  /// Told when there is something that they should know, or a probe is wanted. One listener.
  void watch(std::function<void()> listener) { shared_listener_ = std::move(listener); }
  /// Whether they are to be asked before a limit is tried. False: they cannot be reached, so each tries by itself.
  void ask_others(bool whether);
  /// All that they say now, by account. `probe`: of another daemon, whose turn it is.
  void learn(std::map<std::string, AccountNote> told);
  /// By account: what is known here, but for the probe.
  std::map<std::string, AccountNote> known() const;
  /// A message waits here, and only the others' consent is missing to try it.
  bool wants_probe(std::string const& account) const;
  /// They agree. Nothing happens where it is not wanted any more.
  void may_probe(std::string const& account);
  /// It has been allowed to, and has not come to an end with it.
  bool is_probing(std::string const& account) const;

 private:
  struct Member {
    AccountMember* who = nullptr;
    Clock::time_point goes_at{};  ///< after a hold, one after the other; the past: now
  };
  struct Entry {
    std::string login_command{};
    std::filesystem::path login_file{};
    std::map<std::string, Member> members{};  ///< by agent
    ProviderHold hold{};
    std::optional<AccountNote::Person> by_person{};
    std::string found_by{};    ///< the agent whose turn was refused
    std::string host{};        ///< of the daemon that has found it; empty: this one
    std::string lifted_by{};   ///< the agent whose turn got through, or the operator
    std::int64_t hold_at = 0;  ///< versions of what the others know as well: see AccountNote
    std::int64_t refusal = 0, person_at = 0;
    std::string login_stamp{};                     ///< of the file, when the login was over
    std::string prober{};                          ///< the agent that has been given the probe; empty: none
    MessageId probe = 0;                           ///< the message that it is
    Clock::time_point prober_until{};              ///< then it is seen whether the prober is still at it
    std::optional<Clock::time_point> due_since{};  ///< the hold's time is over, and nobody has been given the probe
    std::string first{};                           ///< whose the probe is to be; empty: whoever has a message
    bool asks = false;                             ///< the others have been asked for the probe
    bool allowed = false;                          ///< and it is this daemon's

    bool is_held() const { return hold.is_on() || by_person; }
  };
  using Found = std::map<std::string, Entry>::iterator;

  awaitable<void> run();
  void forget_the_unused();
  Clock::time_point look(std::string const& name, Entry& entry);
  void choose(Entry& entry);
  awaitable<void> look_at_logins();
  void takes_work(std::string const& name, Entry& entry, std::string const& by);
  void lift(std::string const& name, Entry& entry, std::string const& by);
  void spread(Entry& entry, std::string const& first);
  static Entry entry_of(AccountNote const& told);
  void adopt(std::string const& name, Entry& entry, AccountNote const& told);
  bool asks_others(Entry const& entry) const;
  bool is_told(std::string const& name, Entry const& entry) const;
  static json hold_in(Entry const& entry);
  void tell_others() const;
  static void no_probe(Entry& entry);
  void tell(Entry& entry);
  void save(std::string const& name, Entry const& entry);
  Result<Found> find(std::string const& name);
  awaitable<Result<json>> saved(std::string name);
  json shown(std::string const& name, Entry const& entry) const;

  Journal& journal_;
  EventLog& events_;
  Worker files_;
  std::function<std::int64_t()> const margin_s_;
  Random const random_;
  std::string salt_{};
  std::map<std::string, Entry> entries_;
  std::map<std::string, AccountNote> told_;  ///< by other daemons, or by this one: what the bus has
  bool others_ = false;                      ///< they are to be asked
  std::function<void()> shared_listener_{};
  Clock::time_point next_login_look_{};
  Notifier changed_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
