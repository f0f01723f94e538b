#include "daemon/schedule/schedule.hpp"

#include "base/read_json.hpp"

namespace ar::daemon {
namespace {

json to_json(Firing const& firing) {
  return {{"key", firing.key},
          {"due", to_millis(firing.due)},
          {"begun", to_millis(firing.begun)},
          {"late", firing.late},
          {"byHand", firing.by_hand}};
}

Firing firing_from(json const& kept) {
  return {kept.at("key"), time_in(kept.at("due")), time_in(kept.at("begun")), kept.at("late"), kept.at("byHand")};
}

json shown_time(std::optional<WallTime> const& time) { return time ? json(to_iso8601(*time)) : json(nullptr); }

}  // namespace

json to_journal(Schedule const& schedule) {
  json kept = {{"name", schedule.name},
               {"does", schedule.does},
               {"to", schedule.to},
               {"text", schedule.text},
               {"timing", to_json(schedule.timing)},
               {"skipsMissed", schedule.skips_missed},
               {"paused", schedule.paused},
               {"createdAt", to_millis(schedule.created_at)},
               {"done", schedule.done},
               {"last", schedule.last}};
  if (schedule.next) kept["next"] = to_millis(*schedule.next);
  if (schedule.firing) kept["firing"] = to_json(*schedule.firing);
  return kept;
}

Schedule schedule_from_journal(std::string id, std::string owner, json const& kept) {
  Schedule schedule{.id = std::move(id), .owner = std::move(owner), .name = kept.at("name"), .does = kept.at("does")};
  schedule.to = kept.at("to");
  schedule.text = kept.at("text");
  schedule.timing = timing_from_journal(kept.at("timing"));
  schedule.skips_missed = kept.at("skipsMissed");
  schedule.paused = kept.at("paused");
  schedule.created_at = time_in(kept.at("createdAt"));
  schedule.done = kept.at("done");
  schedule.last = kept.at("last");
  if (kept.contains("next")) schedule.next = time_in(kept["next"]);
  if (kept.contains("firing")) schedule.firing = firing_from(kept["firing"]);
  return schedule;
}

json to_public(Schedule const& schedule) {
  auto shown = to_json(schedule.timing);
  shown["id"] = schedule.id;
  shown["owner"] = schedule.owner;
  shown["name"] = schedule.name.empty() ? json(nullptr) : json(schedule.name);
  shown["does"] = schedule.does;
  shown["to"] = schedule.to.empty() ? json(nullptr) : json(schedule.to);
  shown["text"] = schedule.text;
  shown["missed"] = schedule.skips_missed ? "skip" : "once";
  shown["state"] = schedule.paused ? "paused" : schedule.is_over() ? "over" : "active";
  shown["createdAt"] = to_iso8601(schedule.created_at);
  shown["nextAt"] = shown_time(schedule.next);
  shown["underWay"] = schedule.firing ? json(to_iso8601(schedule.firing->due)) : json(nullptr);
  shown["done"] = schedule.done;
  shown["last"] = schedule.last;
  return shown;
}

std::optional<Missed> take_due(Schedule& schedule, WallTime now) {
  auto const first = schedule.next.value_or(now);
  auto const due = now - first <= kOnTime ? first : last_due(schedule.timing, first, now);
  bool const late = now - due > kOnTime;
  schedule.next = next_due(schedule.timing, due);
  if (late && schedule.skips_missed)
    schedule.last = {
        {"dueAt", to_iso8601(due)}, {"at", to_iso8601(now)}, {"outcome", "skipped"}, {"late", true}, {"byHand", false}};
  else
    schedule.firing = Firing{schedule.id + "." + std::to_string(to_millis(due)), due, now, late, false};
  if (!late && due == first) return std::nullopt;
  return Missed{first, due, late && !schedule.skips_missed};
}

void take_by_hand(Schedule& schedule, WallTime now, std::string key) {
  schedule.firing = Firing{std::move(key), now, now, false, true};
}

void settle(Schedule& schedule, std::string_view outcome, WallTime now, json const& more) {
  if (!schedule.firing) return;
  auto const& firing = *schedule.firing;
  schedule.last = {{"dueAt", to_iso8601(firing.due)},
                   {"at", to_iso8601(now)},
                   {"outcome", outcome},
                   {"late", firing.late},
                   {"byHand", firing.by_hand}};
  schedule.last.update(more);
  if (outcome == "done") ++schedule.done;
  schedule.firing.reset();
}

bool set_paused(Schedule& schedule, bool paused, WallTime now) {
  if (schedule.paused == paused || schedule.is_over()) return false;
  schedule.paused = paused;
  schedule.next = paused ? std::nullopt : next_due(schedule.timing, now);
  return true;
}

}  // namespace ar::daemon
