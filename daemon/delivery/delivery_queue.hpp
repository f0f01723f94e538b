// Brings messages into one agent's provider: verified, once, in order (docs/delivery.md). One coroutine does one thing
// at a time: tells the bus what was taken, queries the outcome of what is unknown, submits the next message.
#pragma once
#include "base/async.hpp"
#include "daemon/delivery/current_store.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/delivery/delivery_host.hpp"
#include "daemon/delivery/delivery_parts.hpp"
#include "daemon/delivery/in_process.hpp"
#include "daemon/delivery/intake.hpp"
#include "daemon/delivery/known_messages.hpp"
#include "daemon/delivery/leases.hpp"
#include "daemon/delivery/open_deliveries.hpp"
#include "daemon/delivery/outcomes.hpp"
#include "daemon/delivery/owed_words.hpp"
#include "daemon/delivery/reporter.hpp"
#include "daemon/delivery/scheduler.hpp"
#include "daemon/delivery/submitter.hpp"
#include "daemon/delivery/turn_tracker.hpp"
#include "daemon/services.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace ar::daemon {

/// io thread only.
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
    std::vector<Turn> running{};   ///< with no end written down, in their order
    std::int64_t newest_turn = 0;  ///< its number
  };
  static Stored stored(Database& db, std::string const& agent, std::size_t known = KnownMessages::kKept);
  void load(Stored stored);
  /// What has to run for as long as it is to work, by name. Each can be begun again after it has ended by an exception.
  using Loop = std::pair<std::string, std::function<awaitable<void>()>>;
  std::vector<Loop> loops();
  /// After its tasks have been stopped: cuts an attempt short. What it was about stays `submitted` in the journal.
  awaitable<void> stop() { return submitter_.stop(); }

  /// What comes from the bus.
  Intake& intake() { return intake_; }
  Intake const& intake() const { return intake_; }
  /// What the provider, or a person, says of what it was given.
  Outcomes& outcomes() { return outcomes_; }
  Outcomes const& outcomes() const { return outcomes_; }
  /// Whose numbers the messages have.
  CurrentStore& store() { return store_; }
  CurrentStore const& store() const { return store_; }
  OpenDeliveries& deliveries() { return open_; }
  OpenDeliveries const& deliveries() const { return open_; }
  OpenDeliveries::Map const& open() const { return open_.all(); }
  /// There is a process again, which will get ready.
  void on_process_started() { process_.started(); }
  void look_up_wanted() { changed_.notify_all(); }
  /// Something that is to be said on the bus, once, by its idempotency key.
  void owe(NewMessage word);
  /// The agent is to be removed: whoever waits for a reply of its will get none. After stop().
  awaitable<Result<void>> tell_of_removal();

  bool is_submitting() const;       ///< a message is being typed, or is typed and not proved yet
  bool asks_record();               ///< of some message the provider's record is asked whether it was taken
  std::string held_reason() const;  ///< why the first that waits does; empty: nothing holds it

 private:
  DeliveryParts parts();
  awaitable<void> run();
  awaitable<void> change_store();
  void set_claim(MessageId id, std::string token);
  Outlook outlook() const;
  Delivery* next_to_submit(Outlook const& now);
  Clock::time_point next_retry() const;
  bool provider_rests() const;

  Services& services_;
  std::string const agent_id_;
  TurnTracker& turns_;
  DeliveryHost& host_;
  Notifier changed_;
  OpenDeliveries open_;
  InProcess process_;
  Leases leases_;
  Reporter reporter_;
  OwedWords owed_;
  CurrentStore store_;
  Intake intake_;
  Outcomes outcomes_;
  Submitter submitter_;
};

}  // namespace ar::daemon
