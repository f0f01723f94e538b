// Tells the bus what became of a delivery: read, claim finished, task done or failed, the reply that was asked for.
#include "daemon/delivery_queue.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;
using State = DeliveryState;

namespace {

constexpr Clock::duration kRefusedPause = 30s;  ///< somebody has to change a token first

/// The bus is away, or does not know this daemon's token (any more): both pass, and then it must be told.
bool may_pass(Error const& error) {
  return error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout ||
         error.kind == ErrorKind::unauthorized;
}

}  // namespace

awaitable<void> DeliveryQueue::report(Delivery& d) {
  auto const safe = co_await services_.journal.committed();
  if (!safe) {
    d.retry_at = Clock::now() + 1s;
    co_return;
  }
  services_.deliveries_changed.notify_all();  // "accepted" is the journal's word: its waiters need not wait for the bus
  bool const ended = d.state == State::done || d.state == State::failed;
  auto& bus = services_.bus;
  auto const later = [&](Error const& error) {
    spdlog::debug("agent {}: message {} cannot be reported: {}", agent_id_, d.message, error.message);
    bool const refused = error.kind == ErrorKind::unauthorized;
    d.retry_at = Clock::now() + (refused ? kRefusedPause : retry_wait(d.attempts));
  };
  if (!d.acknowledged) {
    Result<void> told;
    if (!d.claim_token.empty() && !d.task) {
      told = co_await bus.finish(d.message, d.claim_token);
      if (told) {
        leases_.drop(d.message);
        d.claim_token.clear();
      }
    } else {
      told = co_await bus.mark_read(d.message, agent_id_);
    }
    if (!told && may_pass(told.error())) {
      later(told.error());
      co_return;
    }
    if (!told && told.error().kind != ErrorKind::not_found) {
      services_.events.append(agent_id_, "claim.lost", {{"message", d.message}, {"reason", told.error().message}});
      d.claim_token.clear();
      (void)co_await bus.mark_read(d.message, agent_id_);
    }
    d.acknowledged = true;
    d.step("acknowledged");
    save(d);
  }
  if (ended) {
    auto reported = co_await report_end(d);
    if (!reported && may_pass(reported.error())) {
      later(reported.error());
      co_return;
    }
    d.reported = true;
    save(d);
  }
  services_.deliveries_changed.notify_all();
}

/// Whether this agent may say how the task ended: nobody else has got the work meanwhile.
awaitable<Result<bool>> DeliveryQueue::still_ours(Delivery& d) {
  auto& bus = services_.bus;
  auto const held = co_await bus.renew(d.message, d.claim_token);
  if (held) co_return true;
  if (may_pass(held.error())) co_return held.error();
  // Finished by this very claim, before the daemon's end: finishing again is fine.
  auto const finished = co_await bus.finish(d.message, d.claim_token);
  if (finished) co_return true;
  if (may_pass(finished.error())) co_return finished.error();
  services_.events.append(agent_id_, "claim.lost", {{"message", d.message}, {"reason", finished.error().message}});
  co_return false;
}

awaitable<Result<void>> DeliveryQueue::report_end(Delivery& d) {
  auto& bus = services_.bus;
  if (d.task && !d.claim_token.empty()) {
    auto const ours = co_await still_ours(d);
    if (!ours) co_return ours.error();
    if (*ours) {
      bool const done = d.state == State::done;
      relay::Task task{*d.task,   done ? relay::TaskStatus::done : relay::TaskStatus::failed,
                       {},        json::object(),
                       agent_id_, wall_now()};
      task.body = done ? "message " + std::to_string(d.message) : d.reason;
      task.metadata["messageId"] = d.message;
      task.metadata["completedBy"] = "runner";
      auto set = co_await bus.set_task(std::move(task));
      if (!set && may_pass(set.error())) co_return set.error();
      auto finished = co_await bus.finish(d.message, d.claim_token);
      if (!finished && may_pass(finished.error())) co_return finished.error();
    }
    leases_.drop(d.message);
    d.claim_token.clear();
  }
  if (d.task) host_.work().finish("task", std::to_string(*d.task));
  if (d.reply_requested && d.state == State::done && !d.reason.empty()) {
    auto owed = co_await bus.reply_obligations(agent_id_);
    if (!owed) co_return owed.error();
    bool const open = std::ranges::any_of(*owed, [&](auto const& m) { return m.id == d.message; });
    if (open) {
      relay::NewMessage reply;
      reply.from = agent_id_;
      reply.to = d.from;
      reply.kind = "reply";
      reply.body = d.reason;
      reply.reply_to = d.message;
      reply.payload["finalText"] = true;
      reply.idempotency_key = "final-text:" + agent_id_ + ":" + std::to_string(d.message);
      auto sent = co_await bus.send(std::move(reply));
      if (!sent) {
        if (may_pass(sent.error())) co_return sent.error();
        spdlog::warn("agent {}: the reply to message {} was refused: {}", agent_id_, d.message, sent.error().message);
      }
    }
  }
  host_.work_changed();
  co_return Result<void>();
}

}  // namespace ar::daemon
