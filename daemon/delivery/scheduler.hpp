// Which message an agent is given next, and why the others wait. Pure: what waits and how things stand in, a decision
// out.
#pragma once
#include "daemon/delivery/delivery.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ar::daemon {

/// Why a message waits.
struct BlockReason {
  enum class Kind {
    none,
    paused,      ///< the runtime is paused: nothing is handed to any agent
    no_bus,      ///< the bus's messages are not for this agent now
    no_store,    ///< whether the bus's numbers are those known here, nobody knows yet
    limited,     ///< the model refuses work
    not_ready,   ///< no process may be given prompts now
    order,       ///< older ones are being fetched, or are tried again soon
    doubt,       ///< text of another one may stand in the provider's input
    closed,      ///< the provider takes nothing now
    looking_up,  ///< how the turn before it ended is being looked up
  };
  Kind kind = Kind::none;
  std::string text{};    ///< for people
  bool is_news = false;  ///< worth an event of its own
};

/// How things stand, beside the messages themselves.
struct Outlook {
  std::string paused{};             ///< why no agent is given anything; empty: they are
  std::string no_bus{};             ///< why its messages are not for this agent; empty: they are
  bool knows_store = true;          ///< the bus's numbers are those that are known here
  std::string limit{};              ///< why the model's refusal keeps work back; empty: it does not
  bool is_ready = true;             ///< a process may be given prompts
  bool at_rest = false;             ///< nobody starts one before somebody asks for it
  std::string not_ready{};          ///< why there is none
  std::string closed{};             ///< why that process takes none now; empty: it does
  std::string closed_to_urgent{};   ///< ... nor one that is urgent
  std::string closed_to_notices{};  ///< ... nor a notice
  bool turn_runs = false;
  bool end_unseen = false;              ///< the turn may have ended while nobody watched
  MessageId fetched_to = 0;             ///< of younger ones, others before them may be missing
  std::optional<MessageId> in_doubt{};  ///< one that this very process may hold in its input
  std::string agent{};                  ///< its name, for what people are told to do
  Clock::time_point now = Clock::now();
};

struct Decision {
  std::optional<MessageId> next{};
  /// Of those that wait for another reason than they have said so far.
  std::vector<std::pair<MessageId, BlockReason>> blocked{};
};

/// What never was on the bus comes first, in the order it was given; then the bus's messages by number. None overtakes
/// another, but an urgent one, and one that waits for something of its own.
Decision decide(std::map<MessageId, Delivery> const& open, Outlook const& outlook);

/// Work whose lease was kept for the next try, which will not come soon: others may be free for it.
std::optional<MessageId> to_give_back(std::map<MessageId, Delivery> const& open, Outlook const& outlook);

/// Why it could not be handed over at once, whatever waits beside it. Nothing while the agent starts: that passes.
std::string why_not_now(Delivery const& d, Outlook const& outlook);

}  // namespace ar::daemon
