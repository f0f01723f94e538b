// One prompt to its completion inside the provider.
#pragma once
#include "adapters/provider_event.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "model/message.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

struct Turn {
  std::int64_t number = 0;            ///< 1, 2, ... within its agent
  std::string id{};                   ///< a UUID, for programs; of old turns empty
  std::int64_t event_cursor = 0;      ///< of its agent's events, before its first
  std::vector<MessageId> messages{};  ///< empty: a person at the terminal, or the provider itself
  std::string store{};                ///< whose numbers those are
  std::string status = "running";     ///< running, done, failed, interrupted
  WallTime started_at{}, ended_at{};
  std::string final_text{}, error_kind{}, error{};
};

inline json to_json(Turn const& t) {
  json shown = {{"number", t.number},
                {"messages", t.messages},
                {"startedBy", t.messages.empty() ? "human" : "message"},
                {"status", t.status},
                {"startedAt", to_iso8601(t.started_at)}};
  if (!t.store.empty()) shown["store"] = t.store;
  if (!t.id.empty()) shown["id"] = t.id;
  if (!t.id.empty()) shown["eventCursor"] = t.event_cursor;
  if (t.status != "running") {
    shown["endedAt"] = to_iso8601(t.ended_at);
    shown["durationMs"] = (t.ended_at - t.started_at).count();
    shown["finalText"] = t.final_text;
  }
  if (!t.error_kind.empty()) shown["errorKind"] = t.error_kind;
  if (!t.error.empty()) shown["error"] = t.error;
  return shown;
}

/// What to_json has made of one that runs.
inline Turn running_turn(json const& stored) {
  Turn turn;
  turn.number = stored.value("number", std::int64_t{0});
  turn.id = stored.value("id", "");
  turn.event_cursor = stored.value("eventCursor", std::int64_t{0});
  turn.messages = stored.value("messages", std::vector<MessageId>());
  turn.store = stored.value("store", "");
  turn.started_at = from_iso8601(stored.value("startedAt", "")).value_or(WallTime());
  return turn;
}

/// As a program sees it that drives a session; `stored`: what to_json has made of a turn of that agent.
inline json session_turn(std::string const& agent, json const& stored) {
  auto const get = [&](char const* name) { return stored.value(name, json()); };
  auto const status = stored.value("status", "running");
  auto const text = [&](char const* name) { return stored.value(name, "").empty() ? json(nullptr) : get(name); };
  json shown = {{"sessionId", agent},
                {"turnId", get("id")},
                {"turnSeq", stored.value("number", std::int64_t{1}) - 1},
                {"messages", stored.value("messages", json::array())},
                {"startedAt", get("startedAt")},
                {"endedAt", get("endedAt")},
                {"status", status == "running" || status == "failed" ? status : "idle"},
                {"outcome", nullptr},
                {"text", text("finalText")},
                {"output", get("output")},
                {"usage", get("usage")},
                {"costUsd", get("costUsd")},
                {"eventCursor", get("eventCursor")},
                {"errorMessage", text("error")}};
  if (status != "running") shown["outcome"] = status == "done" ? "completed" : status;
  return shown;
}

inline std::string status_of(adapters::TurnEnded const& end) {
  using Outcome = adapters::TurnEnded::Outcome;
  return end.outcome == Outcome::completed ? "done" : end.outcome == Outcome::failed ? "failed" : "interrupted";
}

/// The end of a turn of which nothing better is known. Never `done`.
inline adapters::TurnEnded unseen_end(std::string why) {
  adapters::TurnEnded end;
  end.outcome = adapters::TurnEnded::Outcome::interrupted;
  end.error = std::move(why);
  return end;
}

}  // namespace ar::daemon
