#include "daemon/api/scheduled_work.hpp"

#include "base/ids.hpp"
#include "base/unicode.hpp"
#include "control/open_session.hpp"
#include "relay/message_rules.hpp"

#include <utility>

namespace ar::daemon {
namespace {

constexpr std::size_t kShownText = 200;

/// The text of an input, which may be a text or a list of texts and parts.
std::string text_of(std::optional<control::SessionInput> const& input) { return input ? input->text : std::string(); }

Principal owner_of(Schedule const& schedule) {
  if (schedule.owner == kOperator) return {Principal::Kind::operator_, {}};
  return {Principal::Kind::agent, schedule.owner};
}

/// An error as of the schedule's request, where it is that of a part of it.
Error inside(Error error, std::string const& part) {
  if (error.kind == ErrorKind::invalid) error.field = error.field.empty() ? part : part + "." + error.field;
  return error;
}

}  // namespace

awaitable<Result<void>> ScheduledWork::check(Principal who, Schedule& schedule, json what) {
  auto const& part = schedule.does;
  std::string said;
  if (part == "message") {
    if (what.contains("idempotencyKey"))
      co_return invalid("message.idempotencyKey",
                        "leave out message.idempotencyKey: each due time has a key of its own");
    auto const message = co_await messages_.check(who, what);
    if (!message) co_return inside(message.error(), part);
    if (auto good = relay::check_message(*message, services_.bus.limits()); !good) co_return inside(good.error(), part);
    schedule.to = message->to;
    said = message->body;
  } else {
    auto specification = what;
    if (part == "session") {
      auto read = control::read_session_request(std::move(what));
      if (!read) co_return inside(read.error(), part);
      if (read->input)
        if (auto good = co_await sessions_.check_input(who, *read->input); !good) co_return inside(good.error(), part);
      said = text_of(read->input);
      specification = std::move(read->specification);
    } else {
      said = text_at(specification, "prompt");
    }
    schedule.to = text_at(specification, "id");
    auto const good = co_await supervisor_.check_spawn(std::move(specification), who);
    if (!good) co_return inside(good.error(), part);
  }
  schedule.text = cut_utf8(said, kShownText);
  co_return Result<void>();
}

awaitable<Result<json>> ScheduledWork::carry_out(DueWork work) {
  auto who = owner_of(work.schedule);
  if (who.kind == Principal::Kind::agent) {
    auto const there = supervisor_.get(who.agent_id);
    if (!there) co_return there.error();
    auto const state = (*there)->state();
    if (!is_live(state) && !is_at_rest(state))  // as after a crash, or a reboot
      co_return unavailable("not_ready",
                            "agent " + who.agent_id + ", whose schedule it is, is " + std::string(to_string(state)));
  }
  if (work.schedule.does == "message") co_return co_await send(std::move(who), std::move(work));
  IdempotencyKey key{work.schedule.firing->key, sha256_hex(to_text(work.what))};
  co_return co_await spawn(std::move(who), std::move(work), std::move(key));
}

awaitable<Result<json>> ScheduledWork::send(Principal who, DueWork work) {
  auto const& firing = *work.schedule.firing;
  auto message = std::move(work.what);
  if (!message.contains("mustReach")) message["mustReach"] = true;
  // A plain message does not come back to its sender, work does: an agent reminds itself.
  if (message["to"] == who.agent_id) message["claimable"] = true;
  message["idempotencyKey"] = firing.key;
  message["payload"]["schedule"] = {{"id", work.schedule.id}, {"dueAt", to_iso8601(firing.due)}, {"late", firing.late}};
  auto const sent = co_await messages_.send(std::move(who), std::move(message));
  if (!sent) co_return sent.error();
  json done = {{"message", (*sent)["id"]}};
  co_return ok(std::move(done));
}

awaitable<Result<json>> ScheduledWork::spawn(Principal who, DueWork work, IdempotencyKey key) {
  std::string id;
  if (work.schedule.does == "session") {
    auto const opened = co_await control::open_session(sessions_, std::move(who), std::move(work.what), std::move(key));
    if (!opened) co_return opened.error();
    id = text_at(opened->session.session, "id");
  } else {
    auto const spawned = co_await supervisor_.spawn(std::move(work.what), std::move(key), std::move(who));
    if (!spawned) co_return spawned.error();
    id = spawned->agent->id();
  }
  json done = {{"agent", id}};
  co_return ok(std::move(done));
}

}  // namespace ar::daemon
