#include "daemon/agent/bus_presence.hpp"

#include "base/ids.hpp"
#include "base/log.hpp"
#include "relay/bus.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr auto kHeartbeat = 30s;
constexpr auto kLiveness = 20s;
constexpr milliseconds kFirstRepeat = 1s, kLastRepeat = 30s;  ///< of what an absent bus has not heard

/// All agents at the same moment, so that an idle machine is woken once for all of them.
Clock::time_point next_multiple_of(Clock::duration period) {
  return Clock::time_point((Clock::now().time_since_epoch() / period + 1) * period);
}

}  // namespace

BusPresence::BusPresence(Services& services, AgentSpec const& spec, AgentRecord const& record, PresenceHost& host)
    : services_(services),
      spec_(spec),
      record_(record),
      host_(host),
      changed_(services.executor),
      told_changed_(services.executor),
      instance_id_(new_uuid()) {}

Presence BusPresence::presence() const {
  Presence presence;
  presence.identity = host_.identity();
  presence.instance_id = instance_id_;
  presence.status = host_.work().status();
  presence.ready = host_.is_ready();
  presence.meta = host_.meta(true);
  presence.registered_at = record_.created_at;
  presence.last_heartbeat = wall_now();
  return presence;
}

void BusPresence::publish() {
  ++changes_;
  changed_.notify_all();
}

awaitable<void> BusPresence::told(Clock::time_point deadline) {
  auto const all = changes_;
  while (told_ < all && Clock::now() < deadline) co_await told_changed_.wait(deadline);
}

awaitable<bool> BusPresence::changed(Clock::time_point deadline) { co_return co_await changed_.wait(deadline); }

awaitable<Result<void>> BusPresence::register_now() { co_return co_await services_.bus.register_agent(presence()); }

void BusPresence::register_again() {
  registered_ = false;
  publish();
}

void BusPresence::begin_anew() {
  instance_id_ = new_uuid();
  register_again();
}

awaitable<void> BusPresence::leave() {
  left_ = true;
  for (auto wait = kFirstRepeat; host_.at_rest(); wait = std::min(wait * 2, kLastRepeat)) {
    auto const left = co_await services_.bus.remove_agent(spec_.id);
    if (left || !is_transient(left.error())) co_return;
    bool const slept = co_await sleep_for(wait);
    if (!slept) co_return;
  }
}

awaitable<void> BusPresence::run() {
  LogThrottle gate;
  auto const note = [&](Result<void> const& told, char const* what) {
    if (!told && told.error().code == "unknown_agent") registered_ = false;  // the bus has forgotten it
    if (!told && gate.should_log(what, told.error().message))
      spdlog::warn("agent {}: cannot {} on the bus: {}", spec_.id, what, told.error().message);
    else if (told && gate.recovered(what))
      spdlog::info("agent {}: can {} on the bus again", spec_.id, what);
  };
  auto heartbeat_at = next_multiple_of(kHeartbeat);
  auto liveness_at = next_multiple_of(kLiveness);
  std::string published;
  for (;;) {
    left_ = has_left();
    if (left_) registered_ = false;
    if (!left_ && !registered_) {
      auto const instance = instance_id_, store = services_.bus.store().id;
      auto told = co_await services_.bus.register_agent(presence());
      bool const elsewhere = !store.empty() && store != services_.bus.store().id;
      registered_ = told && instance == instance_id_ && !elsewhere;
      note(told, "register");
      published.clear();
      if (registered_) host_.registered();
      (void)co_await host_.fetch_unread();  // the next tick asks again; the status says how the bus is
      if (!told) {
        told_ = changes_;  // nobody waits for a bus that takes nothing
        told_changed_.notify_all();
        (void)co_await changed_.wait(Clock::now() + kLiveness);
      }
      if (!registered_) continue;
    }
    auto const changes = changes_;
    auto status = host_.work().status();
    bool const ready = host_.is_ready();
    auto shown = host_.meta(false);
    auto const digest = status + (ready ? " ready " : " ") + to_text(shown);
    bool news = registered_ && (digest != published || !timeline_event_.is_null());
    if (news) {
      auto const event = timeline_event_;
      if (!event.is_null()) shown["timelineEvent"] = event;
      auto told = co_await services_.bus.publish_status(spec_.id, status, ready, std::move(shown));
      note(told, "publish the status");
      if (told) {
        published = digest;
        if (timeline_event_ == event) timeline_event_ = nullptr;
      } else {
        news = !registered_;  // else the bus is away: at the next change or tick
      }
    }
    told_ = changes;
    told_changed_.notify_all();
    if (!news && changes == changes_) co_await changed_.wait(std::min(heartbeat_at, liveness_at));
    if (registered_ && host_.wants_more()) {
      auto const told = co_await host_.fetch_more();
      note(told, "fetch the unread messages");
    }
    if (Clock::now() >= heartbeat_at) {
      heartbeat_at = next_multiple_of(kHeartbeat);
      if (registered_) {
        auto told = co_await services_.bus.heartbeat(spec_.id, host_.meta(false));
        note(told, "send a heartbeat");
      }
    }
    if (Clock::now() >= liveness_at) {
      liveness_at = next_multiple_of(kLiveness);
      published.clear();  // status and ready are told again: whatever else has heard of them may have lost them
      (void)co_await host_.fetch_unread();  // the next tick asks again; the status says how the bus is
    }
  }
}

}  // namespace ar::daemon
