// When the bus is told of a delivery: that it was taken, and how it ended.
#include "daemon/delivery/delivery_queue.hpp"

#include <spdlog/spdlog.h>

namespace ar::daemon {
using namespace std::chrono_literals;
using State = DeliveryState;

namespace {

constexpr Clock::duration kRefusedPause = 30s;  ///< somebody has to change a token first
}  // namespace

awaitable<void> DeliveryQueue::report(Delivery& d) {
  auto const safe = co_await services_.journal.committed();
  if (!safe) {
    d.retry_at = Clock::now() + 1s;
    co_return;
  }
  if (!knows_store()) co_return;              // it ends with its own
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
    save(d);
  }
  if (ended && knows_store()) {
    auto const reported = co_await report_end(d);
    if (!reported && !is_definite(reported.error())) {
      later(reported.error());
      co_return;
    }
    d.reported = true;
    save(d);
  }
  services_.deliveries_changed.notify_all();
}

awaitable<Result<void>> DeliveryQueue::report_end(Delivery& d) {
  if (!d.claim_token.empty()) {
    auto const finished = co_await reporter_.finish_claim(d);
    if (!finished) co_return finished.error();
  }
  if (d.task) host_.work().finish("task", std::to_string(*d.task));
  if (d.reply_requested) {
    if (!knows_store()) co_return relay::other_store();
    auto const told = co_await reporter_.tell_asker(d);
    if (!told) co_return told.error();
  }
  host_.work_changed();
  co_return Result<void>();
}

awaitable<Result<void>> DeliveryQueue::tell_of_removal() {
  auto const told = co_await owed_.tell_all();
  if (!told) co_return told.error();
  co_return co_await reporter_.tell_of_removal();
}

}  // namespace ar::daemon
