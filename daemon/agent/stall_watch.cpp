#include "daemon/agent/stall_watch.hpp"

#include "adapters/exit_diagnostic.hpp"
#include "base/duration.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/config/config.hpp"
#include "daemon/store/event_log.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr int kLooks = 10;  ///< at its processes, in the time that makes a stall
constexpr milliseconds kOftenest = 500ms, kSeldomest = 60s;

}  // namespace

StallWatch::StallWatch(Parts parts, End end) : parts_(parts), end_(std::move(end)), changed_(parts.services.executor) {}

milliseconds StallWatch::limit() const {
  auto const own = parts_.provider.option("stall_s");
  return std::chrono::seconds(own.is_number_integer() ? own.get<std::int64_t>() : parts_.services.config.stall_s);
}

std::string StallWatch::at_stall() const {
  auto const own = parts_.provider.option("at_stall");
  return own.is_string() ? own.get<std::string>() : parts_.services.config.at_stall;
}

/// A turn runs, its process is there, and it waits for nobody: no person, and no agent whose answer it waits for here.
bool StallWatch::may_stall() const {
  return parts_.turns.running() && parts_.state == AgentState::busy && parts_.process.is_ready() && limit() > 0ms &&
         waits_ == 0 && !parts_.services.approvals.turn_waits(parts_.spec.id);
}

void StallWatch::heard() {
  last_sign_ = Clock::now();
  before_.reset();
  moves();
}

void StallWatch::waits_for_message(bool whether) {
  waits_ += whether ? 1 : -1;
  heard();
  changed_.notify_all();
}

void StallWatch::moves() {
  if (!stall_) return;
  auto const stall = *std::exchange(stall_, std::nullopt);
  parts_.services.events.append(parts_.spec.id, "agent.moving",
                                {{"turn", stall.turn}, {"stalledMs", (wall_now() - stall.since).count()}});
}

json StallWatch::shown() const {
  if (!stall_) return nullptr;
  return {{"turn", stall_->turn}, {"since", to_iso8601(stall_->since)}};
}

awaitable<void> StallWatch::run() {
  for (;;) {
    auto const* const running = parts_.turns.running();
    bool const is_watched = running && may_stall();
    if (!is_watched || running->number != turn_) {
      turn_ = is_watched ? running->number : 0;
      heard();
    }
    if (!is_watched) {
      // A person's answer, or another setting, need not be told here.
      (void)co_await changed_.wait(running ? Clock::now() + kSeldomest : Clock::time_point::max());
      continue;
    }
    auto const step = std::clamp<milliseconds>(limit() / kLooks, kOftenest, kSeldomest);
    if (auto const due = last_sign_ + step; Clock::now() < due) {
      (void)co_await changed_.wait(due);
      continue;
    }
    co_await look(*running);
    (void)co_await changed_.wait(Clock::now() + step);
  }
}

awaitable<void> StallWatch::look(Turn turn) {
  auto const silent_since = last_sign_;
  auto now =
      co_await parts_.services.terminals.look_at_activity(static_cast<pid_t>(parts_.record.pid), parts_.record.mark);
  if (last_sign_ != silent_since || !may_stall()) co_return;
  bool const nobody_can_tell = now.processes.empty() || !now.knows_network;
  bool const lives =
      before_ &&
      !sign_of_life(*before_, now, wall_now() - turn.started_at, parts_.provider.adapter().facts().animates).empty();
  if (nobody_can_tell || !before_ || lives) {
    heard();
    before_ = std::move(now);
  } else if (!stall_ && Clock::now() - last_sign_ >= limit()) {
    co_await tell(std::move(turn));
  }
}

awaitable<void> StallWatch::tell(Turn turn) {
  auto const silent_since = last_sign_;
  std::vector<std::string> lines;
  if (auto const terminal = parts_.process.terminal())
    if (auto const screen = co_await terminal->capture()) lines = screen->lines;
  if (last_sign_ != silent_since || !may_stall()) co_return;
  auto const silent = std::chrono::duration_cast<milliseconds>(Clock::now() - silent_since);
  auto const action = at_stall();
  auto const secrets = adapters::secrets_in(parts_.provider.request().environment);
  stall_ = Stall{turn.number, wall_now() - silent};
  parts_.services.events.append(parts_.spec.id, "agent.stalled",
                                {{"turn", turn.number},
                                 {"silentMs", silent.count()},
                                 {"atStall", action},
                                 {"lastLines", adapters::last_lines(lines, secrets)}});
  auto const why = "no sign of life for " + duration_text(std::chrono::floor<std::chrono::seconds>(silent));
  spdlog::warn("agent {}: turn {} stands still: {}", parts_.spec.id, turn.number, why);
  if (action == "tell") co_return;
  auto const ended = co_await end_(turn.number, action, why);
  if (!ended) spdlog::warn("agent {}: its turn is not ended ({}): {}", parts_.spec.id, action, ended.error().message);
}

}  // namespace ar::daemon
