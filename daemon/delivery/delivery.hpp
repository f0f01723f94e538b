// One message on its way into one agent (docs/delivery.md): its state, its times, and what is still to be done about
// it.
#pragma once
#include "adapters/prompt.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "daemon/delivery/delivery_state.hpp"
#include "model/message.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ar::daemon {

/// Ids of what never was on the bus are negative: -1 is the initial prompt.
inline constexpr MessageId kInitialPrompt = -1;
/// The step of a message whose answer decides, after its turn, how it ends.
inline constexpr char kChecked[] = "checked";

struct Delivery {
  MessageId message = 0;
  std::string store{};  ///< whose number that is; empty: of none, or nobody could tell yet. Not in the record
  DeliveryState state = DeliveryState::queued;
  std::string correlation_id{};
  std::string held{};    ///< queued: why it is not handed now
  std::string reason{};  ///< unknown, refused, failed: why
  std::string code{};    ///< failed, cut off: the same for programs, where it is known; see service_failure(), stalled
  std::string proof{};   ///< accepted: what showed it
  std::string screen{};  ///< unknown: what the terminal showed
  int attempts = 0;      ///< it was handed to the provider so often
  std::vector<std::pair<std::string, WallTime>> steps{};  ///< queued, claimed, typed, submitted, accepted, ...
  bool acknowledged = false;                              ///< the bus knows that it was taken
  bool reported = false;                                  ///< ... and how its turn ended: task, claim, reply
  std::string claim_token{};
  std::optional<std::int64_t> task{};
  std::int64_t turn = 0;               ///< the turn it started; 0: none yet
  std::vector<MessageId> continues{};  ///< a note after a crash: the messages whose turn it goes on with
  // What has to be known after a restart without asking the bus.
  std::string from{}, kind{};
  std::optional<std::string> subject{};
  bool urgent = false, reply_requested = false, claimable = false;
  std::string local_body{};             ///< of what never was on the bus
  std::string output_schema{};          ///< of the answer that is wanted (see answer.hpp); empty: any
  std::optional<std::string> answer{};  ///< what its turn ended with, until that has been checked
  std::int64_t cut_off = 0;             ///< running, but for a decision: the turn that was cut off in the middle
  int went_on = 0;                      ///< so often after such a turn
  int retries = 0;                      ///< it went back so often for what was wrong with the model's service
  int repairs = 0;                      ///< the agent was asked so often to mend it
  std::string output{};                 ///< done: the answer that fits, JSON

  // Not stored.
  std::optional<Message> content{};  ///< the message, while it waits
  std::size_t content_size = 0;
  Clock::time_point retry_at = Clock::time_point::min();
  int claim_tries = 0, fetch_tries = 0, report_tries = 0;  ///< in a row, without success; each by itself
  bool claim_refused = false;                              ///< this daemon may not claim it (now): it holds up no other
  bool offered = false;          ///< submitted: the provider fetches it by itself, and nothing of it is in its input
  bool offered_in_vain = false;  ///< it did not: it goes as any message

  bool is_local() const { return message < 0; }
  bool is_taken() const { return daemon::is_taken(state); }
  bool has_ended() const { return daemon::has_ended(state); }
  bool is_waiting() const { return !is_taken() && !has_ended(); }
  /// Information, of a program and not of its sender's own words; nothing is asked for.
  bool is_notice() const;
  bool is_offered() const { return offered && state == DeliveryState::submitted; }
  /// Whether it was taken, the provider's record may tell.
  bool is_in_question() const { return state == DeliveryState::unknown || is_offered(); }
  /// The bus, or who asked for a reply, has not been told all of it.
  bool must_report() const;
  /// A turn works on it, and has not ended.
  bool has_open_turn() const { return state == DeliveryState::running && turn > 0 && !answer; }
  /// Nothing is left to be done about it.
  bool is_settled() const { return has_ended() && !must_report(); }
  /// The only way its state changes.
  void take(DeliveryInput input) { state = next_state(state, input); }
  void step(std::string name) { steps.emplace_back(std::move(name), wall_now()); }
  bool has_step(std::string_view name) const {
    return std::ranges::any_of(steps, [&](auto const& step) { return step.first == name; });
  }
};

Delivery new_delivery(Message message);
/// What the provider is given of it; `files`: the agent's folder for bodies that go as a file.
adapters::Prompt prompt_of(Delivery const& delivery, std::filesystem::path const& files);
/// The bus has decided. What is none of these may pass (it is away, it does not know this daemon's token now, its disk
/// fails), and then it is to be asked again.
bool is_definite(Error const& error);
/// From a failed attempt to the next: 0.5 s, 1 s, 2 s ... 30 s.
Clock::duration retry_wait(int attempts);
json to_json(Delivery const& delivery, std::string const& agent);  ///< as the API shows it
json to_journal(Delivery const& delivery);
Delivery delivery_from_journal(json const& stored);

}  // namespace ar::daemon
