#include "daemon/api/schedules_api.hpp"

#include "base/ids.hpp"
#include "base/read_json.hpp"
#include "base/unicode.hpp"
#include "base/words.hpp"
#include "daemon/store/removed.hpp"

#include <utility>

namespace ar::daemon {
namespace {

constexpr std::size_t kLongestName = 100;

/// Whose schedules they see and change; empty: all.
std::string seen_by(Principal const& who) { return who.kind == Principal::Kind::agent ? who.agent_id : std::string(); }

/// Which of the things that a schedule can do the request names.
Result<std::string> work_in(json const& request) {
  std::string found;
  for (auto const word : words_of(kScheduledWork)) {
    auto const part = request.find(std::string(word));
    if (part == request.end() || part->is_null()) continue;
    if (!found.empty()) return invalid(std::string(word), "a schedule does one thing: message, agent or session");
    found = word;
  }
  if (found.empty()) return invalid("message", "say what is to be done: message, agent or session");
  return found;
}

/// null is as good as absent, and is not kept.
json without_nulls(json part) {
  for (auto it = part.begin(); it != part.end();) it = it->is_null() ? part.erase(it) : std::next(it);
  return part;
}

/// By this a request that is repeated finds what it has made, also where the daemon has ended before it could keep the
/// answer.
std::string id_of(std::string const& owner, IdempotencyKey const& key) {
  if (key.key.empty()) return {};
  return "sch_" + sha256_hex(owner + '\n' + key.key + '\n' + key.body_hash).substr(0, 16);
}

}  // namespace

awaitable<Result<json>> SchedulesApi::add_schedule(Principal who, json request, IdempotencyKey key) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto does = work_in(request);
  if (!does) co_return does.error();
  Schedule schedule;
  schedule.owner = who.kind == Principal::Kind::agent ? who.agent_id : std::string(kOperator);
  schedule.id = id_of(schedule.owner, key);
  schedule.name = text_at(request, "name");
  schedule.does = std::move(*does);
  schedule.skips_missed = text_at(request, "missed") == "skip";
  if (schedule.name.size() > kLongestName || !is_utf8(schedule.name))
    co_return invalid("name", "name is a text of at most 100 bytes");
  auto what = without_nulls(std::move(request[schedule.does]));
  request.erase(schedule.does);
  if (deeper_than(what, kMostInside))
    co_return invalid(schedule.does,
                      schedule.does + " is nested more than " + std::to_string(kMostInside) + " levels deep");
  if (auto good = co_await work_.check(std::move(who), schedule, what); !good) co_return good.error();
  auto const added = co_await schedules_.add(std::move(schedule), std::move(request), std::move(what));
  if (!added) co_return added.error();
  co_return ok(to_public(*added));
}

awaitable<Result<json>> SchedulesApi::schedules(Principal who, Page page) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto found = co_await schedules_.page(seen_by(who), page.after, page.limit + 1);
  if (!found) co_return found.error();
  json answer = {{"schedules", json::array()}};
  if (std::cmp_greater(found->size(), page.limit)) {
    found->resize(static_cast<std::size_t>(page.limit));
    answer["nextCursor"] = found->back().id;
  }
  for (auto const& one : *found) answer["schedules"].push_back(to_public(one));
  co_return ok(std::move(answer));
}

awaitable<Result<json>> SchedulesApi::schedule(Principal who, std::string id) {
  auto found = co_await schedules_.look(id, seen_by(who));
  if (!found) co_return told(who, id, found.error());
  auto shown = to_public(found->schedule);
  // Of what is spawned no more is shown than that: it may hold secrets.
  if (found->schedule.does == "message") shown["message"] = std::move(found->what);
  co_return ok(std::move(shown));
}

awaitable<Result<json>> SchedulesApi::pause_schedule(Principal who, std::string id, bool paused) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto const changed = co_await schedules_.set_paused(id, seen_by(who), paused);
  if (!changed) co_return told(who, id, changed.error());
  co_return ok(to_public(*changed));
}

awaitable<Result<json>> SchedulesApi::remove_schedule(Principal who, std::string id) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto const found = co_await schedules_.find(id, seen_by(who));
  if (!found && found.error().code == "no_such_schedule") co_return told(who, id, found.error());
  // First: a daemon that ends in between has it removed once more.
  bool const agents = found && found->owner != kOperator;
  services_.removed.note(kScheduleNoun, id, agents ? found->owner : std::string());
  auto const removed = co_await schedules_.remove(id, seen_by(who));
  if (!removed) co_return told(who, id, removed.error());
  if (auto const safe = co_await services_.journal.committed(); !safe) co_return safe.error();
  json answer = {{"removed", id}};
  co_return ok(std::move(answer));
}

awaitable<Result<json>> SchedulesApi::run_schedule(Principal who, std::string id) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto const done = co_await schedules_.run_now(id, seen_by(who));
  if (!done) co_return told(who, id, done.error());
  co_return ok(to_public(*done));
}

/// Who could see one that was removed is told that it is gone.
Error SchedulesApi::told(Principal const& who, std::string const& id, Error error) const {
  if (error.code != "no_such_schedule") return error;
  auto const* const owner = services_.removed.owner_of(kScheduleNoun, id);
  if (owner && (who.kind != Principal::Kind::agent || *owner == who.agent_id))
    return *services_.removed.gone(kScheduleNoun, id);
  return error;
}

}  // namespace ar::daemon
