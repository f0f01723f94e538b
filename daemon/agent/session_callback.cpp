#include "daemon/agent/session_callback.hpp"

#include "base/unicode.hpp"
#include "daemon/outbox/outbox.hpp"
#include "daemon/store/event_log.hpp"

namespace ar::daemon {
namespace {

constexpr std::size_t kMostText = 1 << 20;  ///< of the turn's text; the turn itself has all of it

json text_or_null(std::string_view text) { return text.empty() ? json(nullptr) : json(text); }

}  // namespace

void SessionCallback::turn_over(Turn const& turn) {
  tell(turn.status == "done" ? "completed" : turn.status, turn.error, {turn.number, turn.id, turn.final_text});
}

void SessionCallback::message_checked(Delivery const& delivery) {
  Answer answer{delivery.turn};
  if (newest_.first == delivery.turn) answer.turn_id = newest_.second;
  if (delivery.state != DeliveryState::done) return tell("failed", delivery.reason, answer);
  answer.text = delivery.reason;
  if (auto output = parse_json(delivery.output)) answer.output = std::move(*output);
  tell("completed", {}, answer);
}

void SessionCallback::tell(std::string outcome, std::string why, Answer const& answer) {
  if (!is_due()) return;
  record_.called_back = true;
  bool const completed = outcome == "completed";
  if (!completed && record_.deadline_over) outcome = "timed_out";
  auto const type = completed ? "session.completed" : "session.failed";
  json const number = answer.turn > 0 ? json(answer.turn) : json(nullptr);
  json data = {{"sessionId", spec_.id},
               {"callId", text_or_null(spec_.callback.call_id)},
               {"subagentName", text_or_null(spec_.callback.subagent_name)},
               {"status", completed ? "completed" : "failed"},
               {"outcome", outcome},
               {"text", text_or_null(cut_utf8(answer.text, kMostText))},
               {"output", answer.output},
               {"turnId", text_or_null(answer.turn_id)},
               {"turnSeq", answer.turn > 0 ? json(answer.turn - 1) : json(nullptr)},
               {"errorMessage", text_or_null(why)}};
  services_.outbox.call_back(spec_.user, spec_.id, spec_.callback, type, std::move(data));
  services_.events.append(
      spec_.id, type,
      {{"outcome", outcome}, {"turn", number}, {"callId", text_or_null(spec_.callback.call_id)}, {"reason", why}});
}

}  // namespace ar::daemon
