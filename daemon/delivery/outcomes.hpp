// What becomes of deliveries inside the provider: their proof, what its record says of those in doubt, and the turns
// that work on them.
#pragma once
#include "adapters/adapter.hpp"
#include "base/async.hpp"
#include "base/random.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/delivery/delivery_host.hpp"
#include "daemon/delivery/delivery_parts.hpp"
#include "daemon/delivery/turn_tracker.hpp"
#include "daemon/limits/accounts.hpp"
#include "daemon/limits/budgets.hpp"
#include "daemon/limits/provider_hold.hpp"
#include "daemon/services.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ar::daemon {

/// io thread only.
class Outcomes final : public AccountMember {
 public:
  Outcomes(DeliveryParts const& parts, TurnTracker& turns);

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
  /// The provider is ready: a fresh process, or one that resumes its session.
  void on_ready();
  /// A process that ran on while no daemon did has been taken over; `turn_runs`: it is busy.
  void on_adopted(bool turn_runs);
  /// The process has ended (or the session is being let go of). Returns when nothing of it is in use any more.
  /// `cold_start`: with all others, and why, for people: the next process is told once what was cut off.
  awaitable<void> on_process_gone(std::string cold_start = {});
  /// Nobody starts a provider before somebody asks for it: ends the tasks that were under way. `is_over`: it is stopped
  /// or given up, and not suspended.
  void on_rest(bool is_over);

  /// What has come of handing it over.
  void on_submitted(Delivery& d, adapters::SubmitResult const& result);
  /// The end of a turn that came while a message was in hand.
  void settle_early_end();
  /// What the loop before this one had in hand when it ended by an exception.
  void take_back_in_hand();

  /// The next whose record is to be asked; null: none.
  Delivery* next_to_resolve();
  awaitable<void> resolve(Delivery& d);
  /// The next whose answer is to be compared with the schema that it has; null: none.
  Delivery* next_to_check();
  awaitable<void> check(Delivery& d);
  /// A person has seen whether the provider took it; nothing happens unless it is unknown.
  void settle(MessageId id, bool taken);

  /// Ends what waits for this agent alone, and tells who has sent it: how many that were. What others may take stays.
  /// `because` ends the sentence that they are told; may be empty.
  std::int64_t withdraw_waiting(std::string const& because);

  /// A person wants it to take work again, whatever its provider said: the next message shows whether it does.
  void probe_now();
  /// What the daemon before has left.
  void restore(ProviderHold hold);
  /// For what is the agent's own; its account has another.
  ProviderHold const& hold() const { return hold_; }
  /// Why the model's refusal keeps work back, for people; empty: it does not, or this is the next try.
  std::string why_limited() const;
  /// The same, and while the next try is under way as well.
  std::string held_for() const;
  /// {kind, error, since, until, resetsAt}, of a budget, the agent or its account; null: nothing is held.
  json limited() const;
  /// A person has said whether the messages of that turn go on, which was cut off in the middle.
  void go_on(std::int64_t turn, bool goes_on);

  // AccountMember
  std::optional<WallTime> waits_since() const override;
  bool has_message() const override;
  bool is_at_work() const override;
  void account_changed() override;
  void login_changed() override { parts_.host.login_changed(); }

  /// That turn is about to be ended because it stands still, `why` for people: so say its messages then.
  void stands_still(std::int64_t turn, std::string why) { stall_ = Stall{turn, std::move(why)}; }

  /// The messages of the turn that was running when the daemon before this one ended, the latest last.
  std::vector<adapters::Prompt> open_turn() const;

 private:
  void accept(Delivery& d, std::string const& proof);
  void accept_late(Delivery& d, std::string const& proof, std::optional<adapters::TurnEnded> const& end);
  void doubt(Delivery& d, std::string reason, std::string screen);
  void submit_again(Delivery& d);
  void take_up_turn();
  awaitable<std::optional<adapters::TurnEnded>> recorded_end(std::vector<std::string> correlation_ids);
  void take_note(Turn const& turn, adapters::TurnEnded const& end);
  void held_anew(json shown);
  bool may_go_on(Delivery const& d, adapters::TurnEnded const& end) const;
  bool goes_back(Delivery const& d, adapters::TurnEnded const& end) const;
  bool has_note(Delivery const& d) const;
  bool is_retried(std::string_view code) const;
  void fail(Delivery& d, std::string const& status, std::string_view code, std::string const& error);
  void ask_about(std::int64_t turn, std::string const& code, std::string const& error);
  void ask_again_about_cut_off();
  void end_cut_off(std::int64_t turn, std::string const& because);
  void end_with_turn(Delivery& d, adapters::TurnEnded const& end);
  void ask_to_repair(Delivery& d, std::string const& problems);
  void keep_output(Delivery& d, std::string_view output);
  void go_back(Delivery& d, adapters::TurnEnded const& end);
  void ask_to_go_on();
  bool has_note(MessageId message) const;
  std::vector<MessageId> to_go_on_with() const;
  void tell_cut_off(std::vector<MessageId> messages);
  void add_note(char const* kind, std::string text, std::vector<MessageId> about);
  void end_delivery(Delivery& d, DeliveryInput end, std::string reason);
  void end_with_its_notes(Delivery const& ended);

  DeliveryParts const parts_;
  TurnTracker& turns_;
  ProviderHold hold_;
  bool told_limited_ = false;  ///< the newest event about it says that it is
  Random const random_ = real_random();
  std::optional<adapters::TurnEnded> early_end_{};
  std::string cold_start_{};  ///< what the process before has ended with; empty: that was its own end
  struct Stall {
    std::int64_t turn = 0;
    std::string why{};
  };
  std::optional<Stall> stall_{};  ///< the newest that was ended for it
};

}  // namespace ar::daemon
