#include "daemon/delivery/reporter.hpp"

#include "base/unicode.hpp"
#include "daemon/delivery/delivery_host.hpp"
#include "daemon/delivery/leases.hpp"
#include "daemon/delivery/open_deliveries.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "relay/bus.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;
using State = DeliveryState;

namespace {

constexpr Clock::duration kRefusedPause = std::chrono::seconds(30);  ///< somebody has to change a token first
constexpr std::size_t kLeastReply = 2048;                            ///< a bus that takes less than this takes no reply

/// What a person or program that waits for a reply gets in its place. The same for the same end, however often it is
/// said.
NewMessage no_answer(std::string const& agent, MessageId message, std::string const& to, std::string_view outcome,
                     std::string const& why) {
  auto const number = std::to_string(message);
  NewMessage reply;
  reply.from = agent;
  reply.to = to;
  reply.kind = "reply";
  reply.reply_to = message;
  reply.subject = "Message " + number + " is not answered";
  reply.body = "Agent " + agent + " does not answer message " + number + ": " + why;
  reply.payload["outcome"] = outcome;
  reply.idempotency_key = "no-answer:" + agent + ":" + number;
  return reply;
}

/// `whole` in at most so many bytes, with a word about what is missing.
NewMessage cut_reply(NewMessage reply, std::string const& whole, std::size_t most) {
  auto const command =
      reply.reply_to ? "message show " + std::to_string(*reply.reply_to) + " --json" : "transcript " + reply.from;
  auto const note = "\n\n[agent-runner: this is the beginning of " + std::to_string(whole.size()) +
                    " bytes, more than the bus takes; `agent-runner " + command +
                    "` shows all of it on the machine of agent " + reply.from + "]";
  reply.body = std::string(cut_utf8(whole, most > note.size() ? most - note.size() : 0)) + note;
  reply.payload["outcome"] = "cut";
  return reply;
}

}  // namespace

Reporter::Reporter(Services& services, OpenDeliveries& open, Leases& leases, DeliveryHost& host, std::string agent_id,
                   std::function<bool()> knows_store)
    : services_(services),
      open_(open),
      leases_(leases),
      host_(host),
      agent_id_(std::move(agent_id)),
      knows_store_(std::move(knows_store)) {}

Delivery* Reporter::next() {
  if (!knows_store_()) return nullptr;
  for (auto& [id, d] : open_.all())
    if (d.must_report() && d.retry_at <= Clock::now()) return &d;
  return nullptr;
}

awaitable<void> Reporter::report(Delivery& d) {
  auto const safe = co_await services_.journal.committed();
  if (!safe) {
    d.retry_at = Clock::now() + 1s;
    co_return;
  }
  if (!knows_store_()) co_return;             // it ends with its own
  services_.deliveries_changed.notify_all();  // "accepted" is the journal's word: its waiters need not wait for the bus
  bool const ended = d.has_ended();
  auto const later = [&](Error const& error) {
    spdlog::debug("agent {}: message {} cannot be reported: {}", agent_id_, d.message, error.message);
    bool const refused = error.kind == ErrorKind::unauthorized || error.kind == ErrorKind::forbidden;
    d.retry_at = Clock::now() + (refused ? kRefusedPause : retry_wait(++d.report_tries));
  };
  if (d.is_taken() && !d.acknowledged) {
    auto const told = co_await services_.bus.mark_read(d.message, agent_id_);
    if (!told && !is_definite(told.error())) {
      later(told.error());
      co_return;
    }
    if (!told) spdlog::warn("agent {}: message {} is not marked read: {}", agent_id_, d.message, told.error().message);
    d.acknowledged = true;
    d.report_tries = 0;
    d.step("acknowledged");
    open_.save(d);
  }
  if (ended && knows_store_()) {
    auto const reported = co_await report_end(d);
    if (!reported && !is_definite(reported.error())) {
      later(reported.error());
      co_return;
    }
    d.reported = true;
    open_.save(d);
  }
  services_.deliveries_changed.notify_all();
}

awaitable<Result<void>> Reporter::report_end(Delivery& d) {
  if (!d.claim_token.empty()) {
    auto const finished = co_await finish_claim(d);
    if (!finished) co_return finished.error();
  }
  if (d.task) host_.work().finish("task", std::to_string(*d.task));
  if (d.reply_requested) {
    if (!knows_store_()) co_return relay::other_store();
    auto const told = co_await tell_asker(d);
    if (!told) co_return told.error();
  }
  host_.work_changed();
  co_return Result<void>();
}

/// Whether this agent may say how the task ended: nobody else has got the work meanwhile.
awaitable<Result<bool>> Reporter::still_ours(Delivery const& d) {
  auto const held = co_await services_.bus.renew(d.message, d.claim_token);
  if (held) co_return true;
  if (!is_definite(held.error())) co_return held.error();
  // Finished by this very claim, before the daemon's end: finishing again is fine.
  auto const finished = co_await services_.bus.finish(d.message, d.claim_token);
  if (finished) co_return true;
  if (!is_definite(finished.error())) co_return finished.error();
  co_return false;
}

awaitable<Result<void>> Reporter::finish_claim(Delivery& d) {
  if (d.task) {
    auto const ours = co_await still_ours(d);
    if (!ours) co_return ours.error();
    if (!knows_store_()) co_return relay::other_store();
    if (*ours) {
      bool const done = d.state == State::done;
      Task task{*d.task, done ? TaskStatus::done : TaskStatus::failed, {}, json::object(), agent_id_, wall_now()};
      task.body = done ? "Runner observed provider completion for message #" + std::to_string(d.message) : d.reason;
      task.metadata["messageId"] = d.message;
      task.metadata["completedBy"] = "runner";
      auto const set = co_await services_.bus.set_task(std::move(task));
      if (!set && !is_definite(set.error())) co_return set.error();
    }
  }
  if (!knows_store_()) co_return relay::other_store();
  auto const finished = co_await services_.bus.finish(d.message, d.claim_token);
  if (!finished && !is_definite(finished.error())) co_return finished.error();
  if (!finished)
    services_.events.append(agent_id_, "claim.lost", {{"message", d.message}, {"reason", finished.error().message}});
  leases_.drop(d.message);
  d.claim_token.clear();
  co_return Result<void>();
}

awaitable<Result<void>> Reporter::tell_asker(Delivery const& d) {
  auto const owed = co_await services_.bus.reply_obligations(agent_id_);
  if (!owed) co_return owed.error();
  if (!knows_store_()) co_return relay::other_store();
  if (std::ranges::none_of(*owed, [&](auto const& m) { return m.id == d.message; })) co_return Result<void>();
  bool const answered = d.state == State::done && !d.reason.empty();
  if (!answered) {
    auto const why = d.state == State::done ? std::string("its turn ended without a text") : d.reason;
    auto word = no_answer(agent_id_, d.message, d.from, to_string(d.state), why);
    if (!d.code.empty()) word.payload["code"] = d.code;
    co_return co_await reply(std::move(word));
  }
  NewMessage answer;
  answer.from = agent_id_;
  answer.to = d.from;
  answer.kind = "reply";
  answer.body = d.reason;
  answer.reply_to = d.message;
  answer.payload["finalText"] = true;
  answer.idempotency_key = "final-text:" + agent_id_ + ":" + std::to_string(d.message);
  co_return co_await reply(std::move(answer));
}

awaitable<Result<void>> Reporter::reply(NewMessage reply) {
  auto const whole = reply.body;
  auto const what = reply.reply_to ? "reply to message " + std::to_string(*reply.reply_to) : "message to " + reply.to;
  auto most = services_.bus.limits().max_body_bytes;
  if (whole.size() > most) reply = cut_reply(std::move(reply), whole, most);
  auto sent = co_await services_.bus.send(reply);
  // A bus in between, or its server, may take less than ours.
  for (; !sent && sent.error().kind == ErrorKind::too_large && most > kLeastReply; most /= 2) {
    reply = cut_reply(std::move(reply), whole, most / 2);
    sent = co_await services_.bus.send(reply);
  }
  if (sent) co_return Result<void>();
  if (!is_definite(sent.error())) co_return sent.error();
  spdlog::warn("agent {}: the {} was refused: {}", agent_id_, what, sent.error().message);
  co_return Result<void>();
}

awaitable<Result<void>> Reporter::tell_of_removal() {
  auto const owed = co_await services_.bus.reply_obligations(agent_id_);
  if (!owed) co_return owed.error();
  for (auto const& message : *owed) {
    auto const told = co_await reply(no_answer(agent_id_, message.id, message.from, "removed", "it was removed"));
    if (!told) co_return told.error();
  }
  co_return Result<void>();
}

}  // namespace ar::daemon
