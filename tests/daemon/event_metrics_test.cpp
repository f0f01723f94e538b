#include "daemon/metrics/event_metrics.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::daemon;

namespace {

json event(std::string const& type, std::string const& second, json data, std::string const& agent = "a") {
  return {
      {"number", 1}, {"agent", agent}, {"type", type}, {"at", "2026-01-31T12:00:" + second + ".000Z"}, {"data", data}};
}

std::string text_of(EventMetrics const& metrics) {
  MetricsText out;
  metrics.write(out);
  return out.text();
}

bool has(std::string const& text, std::string const& line) { return text.find(line + "\n") != std::string::npos; }

}  // namespace

TEST_CASE("AMessagesPhasesAreCountedByItsEvents") {
  EventMetrics metrics;
  json const message = {{"message", 7}};
  metrics.take(event("message.queued", "00", message));
  metrics.take(event("message.submitted", "04", message));
  metrics.take(event("message.accepted", "05", message));
  metrics.take(event("message.done", "35", message));
  metrics.take(event("message.failed", "36", {{"message", 8}}));  // nobody saw it come
  auto const text = text_of(metrics);
  CHECK(has(text, "agent_runner_events_total 5"));
  CHECK(has(text, "agent_runner_messages_total{outcome=\"done\"} 1"));
  CHECK(has(text, "agent_runner_messages_total{outcome=\"failed\"} 1"));
  CHECK(has(text, "agent_runner_messages_total{outcome=\"unknown\"} 0"));
  CHECK(has(text, "agent_runner_message_seconds_sum{phase=\"wait\"} 4"));
  CHECK(has(text, "agent_runner_message_seconds_sum{phase=\"submit\"} 1"));
  CHECK(has(text, "agent_runner_message_seconds_sum{phase=\"turn\"} 30"));
  CHECK(has(text, "agent_runner_message_seconds_count{phase=\"turn\"} 1"));
}

TEST_CASE("RestartsAndApprovalsAreCountedAndForgottenWithTheirAgent") {
  EventMetrics metrics;
  metrics.take(event("agent.restarting", "00", json::object()));
  metrics.take(event("agent.restarting", "01", json::object()));
  metrics.take(event("approval.created", "00", {{"id", 3}}));
  metrics.take(event("approval.answered", "20", {{"id", 3}}));
  metrics.take(event("approval.created", "00", {{"id", 4}}));
  metrics.take(event("approval.withdrawn", "30", {{"id", 4}}));
  CHECK(has(text_of(metrics), "agent_runner_restarts_total{agent=\"a\"} 2"));
  CHECK(has(text_of(metrics), "agent_runner_approval_wait_seconds_sum 20"));
  CHECK(has(text_of(metrics), "agent_runner_approval_wait_seconds_count 1"));
  metrics.take(event("agent.removed", "40", json::object()));
  CHECK(text_of(metrics).find("restarts_total{agent") == std::string::npos);
  metrics.take(json("nothing"));
  metrics.take(event("message.done", "00", {{"message", "x"}}));
}
