#include "daemon/metrics/event_metrics.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

namespace ar::daemon {
namespace {

constexpr std::size_t kMostOpen = 10'000;  ///< what is more is counted without its times
constexpr std::array<std::string_view, 5> kOutcomes{"done", "failed", "refused", "unknown", "unverified"};
constexpr std::array<std::string_view, 3> kPhases{"wait", "submit", "turn"};

Histogram of_messages() { return Histogram({0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800, 7200, 28800}); }
Histogram of_people() { return Histogram({1, 10, 60, 300, 900, 3600, 14400, 43200, 86400}); }

}  // namespace

EventMetrics::EventMetrics() : approval_wait_(of_people()) {
  for (auto const outcome : kOutcomes) outcomes_[std::string(outcome)] = 0;
  for (auto const phase : kPhases) phases_.emplace(phase, of_messages());
}

void EventMetrics::take(json const& event) {
  ++events_;
  auto const type = text_at(event, "type"), agent = text_at(event, "agent");
  auto const& data = object_at(event, "data");
  auto const at = from_iso8601(text_at(event, "at")).value_or(WallTime());
  if (type.starts_with("message.")) {
    auto const message = data.find("message");
    if (message != data.end() && message->is_number_integer())
      on_message(type.substr(8), {agent, message->get<std::int64_t>()}, at);
  } else if (type == "agent.restarting") {
    ++restarts_[agent];
  } else if (type == "agent.removed") {
    restarts_.erase(agent);
    std::erase_if(open_, [&](auto const& entry) { return entry.first.first == agent; });
  } else if (type == "approval.created") {
    if (asked_.size() < kMostOpen) asked_[data.value("id", json()).dump()] = at;
  } else if (type.starts_with("approval.")) {
    auto const asked = asked_.find(data.value("id", json()).dump());
    if (asked == asked_.end()) return;
    if (type != "approval.withdrawn")
      approval_wait_.add(std::chrono::duration<double>(std::max<milliseconds>(at - asked->second, {})).count());
    asked_.erase(asked);
  }
}

void EventMetrics::on_message(std::string const& step, Delivery const& delivery, WallTime at) {
  if (auto const outcome = outcomes_.find(step); outcome != outcomes_.end()) ++outcome->second;
  if (step == "queued" && (open_.size() < kMostOpen || open_.contains(delivery))) open_[delivery] = {.queued = at};
  auto const known = open_.find(delivery);
  if (known == open_.end()) return;
  auto& times = known->second;
  if (step == "submitted") {
    note("wait", times.queued, at);
    times.submitted = at;
  } else if (step == "accepted") {
    note("submit", times.submitted, at);
    times.accepted = at;
  } else if (outcomes_.contains(step) && step != "unknown") {
    if (step == "done" || step == "failed") note("turn", times.accepted, at);
    open_.erase(known);
  } else if (step == "returned") {
    open_.erase(known);
  }
}

void EventMetrics::note(std::string const& phase, WallTime from, WallTime to) {
  if (from == WallTime()) return;
  phases_.at(phase).add(std::chrono::duration<double>(std::max<milliseconds>(to - from, {})).count());
}

void EventMetrics::write(MetricsText& out) const {
  out.family("agent_runner_events_total", "counter", "Events of the log since the daemon's start.");
  out.value(static_cast<double>(events_));
  out.family("agent_runner_messages_total", "counter", "Deliveries by what became of them, since the daemon's start.");
  for (auto const& [outcome, count] : outcomes_) out.value(static_cast<double>(count), {{"outcome", outcome}});
  out.family(
      "agent_runner_message_seconds", "histogram",
      "How long deliveries were in each phase: wait until submitted, submit until accepted, turn until its end.");
  for (auto const& [phase, histogram] : phases_) out.value(histogram, {{"phase", phase}});
  out.family("agent_runner_restarts_total", "counter", "Agents started again after an end that nobody asked for.");
  for (auto const& [agent, count] : restarts_) out.value(static_cast<double>(count), {{"agent", agent}});
  out.family("agent_runner_approval_wait_seconds", "histogram", "How long approvals waited until they were decided.");
  out.value(approval_wait_);
}

}  // namespace ar::daemon
