// Brings messages into one agent's provider: verified, once, in order (docs/delivery.md). One coroutine does one thing
// at a time: tells the bus what was taken, queries the outcome of what is unknown, submits the next message.
#pragma once
#include "adapters/adapter.hpp"
#include "base/async.hpp"
#include "base/random.hpp"
#include "base/worker.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/delivery/known_messages.hpp"
#include "daemon/delivery/leases.hpp"
#include "daemon/delivery/owed_words.hpp"
#include "daemon/delivery/provider_hold.hpp"
#include "daemon/delivery/reporter.hpp"
#include "daemon/delivery/scheduler.hpp"
#include "daemon/delivery/turn_tracker.hpp"
#include "daemon/delivery/work.hpp"
#include "daemon/services.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace ar::daemon {

/// What the queue asks of its agent. Implemented by Agent, and by a scripted one in the tests.
class DeliveryHost {
 public:
  virtual ~DeliveryHost() = default;
  /// The provider process that may be given prompts now; null: none, and `why_not` says so for people.
  virtual adapters::ProviderSession* ready_session() = 0;
  virtual std::string not_ready_reason() const = 0;
  /// Nobody starts a provider before somebody asks for it.
  virtual bool at_rest() const { return false; }
  /// Why the bus's messages are not for this agent now; empty: they are.
  virtual std::string no_bus() const { return {}; }
  /// The record of a provider that has ended.
  virtual awaitable<adapters::RecordedOutcome> look_up_outcome(adapters::Prompt prompt) = 0;
  /// How the turn ended that took the last of these, by the provider's record; nothing: it has not, or nobody knows.
  virtual awaitable<std::optional<adapters::TurnEnded>> turn_end(std::vector<std::string> correlation_ids) = 0;
  /// Something waits: a suspended agent should come back.
  virtual void wanted() = 0;
  virtual Work& work() = 0;
  virtual void work_changed() = 0;
  /// The provider refuses work, or takes it again: the next daemon is to know.
  virtual void hold_changed() = 0;
  /// It has let go of the store that the bus had before: what the present one holds is to be fetched.
  virtual void store_changed() = 0;
  virtual std::filesystem::path files_dir() const = 0;  ///< 0700; bodies and attachments go below it
};

class DeliveryQueue {
 public:
  /// `turns`: of the same agent.
  DeliveryQueue(Services& services, std::string agent_id, TurnTracker& turns, DeliveryHost& host);

  /// What the journal holds: open deliveries, and which were ever taken up, of this `store` and of none.
  struct Stored {
    std::string store{};
    std::vector<Delivery> open{};
    KnownMessages known{};
    bool prompt_known = false;
    MessageId lowest_local = kInitialPrompt;  ///< of what never was on the bus
    std::vector<Delivery> left{};             ///< still open of other stores: a daemon ended before it could end them
    std::vector<NewMessage> to_tell{};
  };
  static Stored stored(Database& db, std::string const& agent, std::size_t known = KnownMessages::kKept);
  void load(Stored stored);
  void restore(ProviderHold hold) { hold_ = std::move(hold); }
  /// What has to run for as long as it is to work, by name. Each can be begun again after it has ended by an exception.
  using Loop = std::pair<std::string, std::function<awaitable<void>()>>;
  std::vector<Loop> loops();
  /// After its tasks have been stopped: cuts an attempt short. What it was about stays `submitted` in the journal.
  awaitable<void> stop();

  /// A message from the bus that is for this agent; a repeat changes nothing. It waits until what is older has been
  /// fetched.
  void offer(Message message);
  /// What the bus holds for it and it has not got yet; of many, as many as soon can be handed over. From the first
  /// again, though most may be known: some may have been missed, or given back.
  awaitable<Result<void>> fetch_unread(Identity who);
  /// There is more to be fetched, and few wait.
  bool wants_more() const;
  awaitable<Result<void>> fetch_more(Identity who);
  /// Something that never was on the bus.
  void offer_local(MessageId id, std::string from, std::string kind, std::string body);
  MessageId next_local_id() const { return lowest_local_ - 1; }
  /// A person has seen whether the provider took it; nothing happens unless it is unknown.
  void settle(MessageId id, bool taken);
  /// The bus has been reached; perhaps it has another store, or has lost the end of this one.
  void store_reached();
  /// The bus's numbers are those that are known here.
  bool knows_store() const;
  /// The agent is on the bus again: what waits may have been read for it elsewhere meanwhile.
  void look_again();

  // What the provider says.
  void on_turn_started();
  void on_turn_ended(adapters::TurnEnded const& end);
  /// A proof of the provider's own; where it gives none, its record is asked.
  void on_accepted(std::string const& correlation_id, std::string const& proof);
  void on_gate_changed();
  /// Its messages end with it.
  void on_turn_over(Turn const& turn, adapters::TurnEnded const& end);
  /// See TurnHost.
  awaitable<std::optional<adapters::TurnEnded>> recorded_end(Turn const& turn);
  void look_up_wanted() { changed_.notify_all(); }
  /// There is a process again, which will get ready.
  void on_process_started() { process_gone_ = no_process_ = false; }
  /// The provider is ready: a fresh process, or one that resumes its session.
  void on_ready();
  /// A process that ran on while no daemon did has been taken over; `turn_runs`: it is busy.
  void on_adopted(bool turn_runs);
  /// The process has ended (or the session is being let go of). Returns when nothing of it is in use any more.
  awaitable<void> on_process_gone();

  /// The agent is to be removed: whoever waits for a reply of its will get none. After stop().
  awaitable<Result<void>> tell_of_removal();
  /// A person wants it to take work again, whatever its provider said: the next message shows whether it does.
  void probe_now();

  /// Stopped, or given up: nobody starts a provider before somebody asks for it. Ends the tasks that were under way.
  void on_rest();

  /// The messages of the turn that was running when the daemon before this one ended, the latest last.
  std::vector<adapters::Prompt> open_turn() const;
  std::size_t waiting() const;      ///< messages not yet accepted
  std::string held_reason() const;  ///< why the first of them waits; empty: nothing holds it
  ProviderHold const& provider_hold() const { return hold_; }
  std::map<MessageId, Delivery> const& open() const { return open_; }

 private:
  awaitable<void> run();
  bool store_has_changed() const;
  awaitable<void> change_store();
  void end_with_store(Delivery d, bool restored);
  void hold_leases();
  void take_back_in_hand();
  Delivery* next_to_report();
  Delivery* next_to_resolve();
  Outlook outlook() const;
  Delivery* next_to_submit(Outlook const& now);
  Clock::time_point next_retry() const;
  bool provider_rests() const;
  void leave_the_youngest();
  std::size_t content_kept() const;
  bool is_known(MessageId id) const { return open_.contains(id) || known_.contains(id); }
  void take_up(Message message);
  awaitable<Result<void>> leave_out_known(std::vector<Message>& messages);
  awaitable<Result<void>> fetch(Identity who, MessageId after);

  awaitable<void> report(Delivery& d);
  awaitable<void> resolve(Delivery& d);
  awaitable<void> deliver(Delivery& d);
  awaitable<bool> take_claim(Delivery& d);
  awaitable<Result<adapters::Prompt>> prepare(Delivery& d);
  awaitable<Result<std::vector<std::string>>> fetch_attachments(Delivery& d);
  awaitable<adapters::SubmitResult> attempt(adapters::ProviderSession& session, adapters::Prompt prompt, Delivery& d);
  awaitable<void> give_back(Delivery& d, std::string reason);
  awaitable<Result<void>> release_claim(Delivery& d);
  awaitable<Result<void>> report_end(Delivery& d);

  void settle_outcome(Delivery& d, adapters::SubmitResult const& submission);
  void accept(Delivery& d, std::string const& proof);
  void accept_late(Delivery& d, std::string const& proof, std::optional<adapters::TurnEnded> const& end);
  void submit_again(Delivery& d);
  void take_up_turn();
  void settle_early_end();
  awaitable<std::optional<adapters::TurnEnded>> recorded_end(std::vector<std::string> correlation_ids);
  void take_note(adapters::TurnEnded const& end);
  void end_with_turn(Delivery& d, adapters::TurnEnded const& end);
  void go_back(Delivery& d);
  void ask_to_go_on();
  void end_delivery(Delivery& d, DeliveryInput end, std::string reason);
  void save(Delivery const& d);
  void announce(Delivery const& d, char const* type);
  void forget_settled();
  void forget(MessageId id);
  void erase(std::string const& store, MessageId id);  ///< out of the journal
  adapters::Prompt prompt_of(Delivery const& d) const;

  Services& services_;
  std::string const agent_id_;
  TurnTracker& turns_;
  DeliveryHost& host_;
  Leases leases_;
  Reporter reporter_;
  OwedWords owed_;
  ProviderHold hold_;
  Random const random_ = real_random();
  Worker files_;
  Notifier changed_;
  TaskGroup submitting_;  ///< the one attempt under way, so that it can be cut short when its process ends

  std::string store_;                    ///< whose numbers open_ and known_ hold, beside those of none
  std::optional<MessageId> lost_above_;  ///< the store was restored from a copy that ends with this one
  bool changing_store_ = false;          ///< what is known of the present one is being read
  std::map<MessageId, Delivery> open_;
  KnownMessages known_;  ///< beside open_: what waits only is not in the journal
  bool prompt_known_ = false;
  MessageId lowest_local_ = kInitialPrompt;   ///< of what never was on the bus: the next is lower
  MessageId fetched_to_ = 0;                  ///< of younger ones, others before them may be missing
  std::unordered_set<MessageId> in_process_;  ///< handed to the process that runs now
  std::unordered_set<MessageId> outcome_wanted_;
  std::optional<MessageId> in_hand_;              ///< the delivery being handed over
  std::optional<adapters::TurnEnded> early_end_;  ///< the end of a turn that came while a message was in hand
  bool process_gone_ = false;                     ///< what is in hand comes to its end now
  bool no_process_ = false;  ///< its turns are closed, too: what is proved from now on ended with it
  int session_users_ = 0;

  /// While one is there, what is in use of the session, and the turns, stay as they are.
  struct SessionUse {
    explicit SessionUse(DeliveryQueue& of) : queue(of) { ++queue.session_users_; }
    ~SessionUse() {
      --queue.session_users_;
      queue.changed_.notify_all();
    }
    SessionUse(SessionUse const&) = delete;
    SessionUse& operator=(SessionUse const&) = delete;
    DeliveryQueue& queue;
  };
};

}  // namespace ar::daemon
