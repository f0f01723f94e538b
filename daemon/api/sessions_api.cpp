#include "daemon/api/sessions_api.hpp"

#include "base/check_readable.hpp"
#include "base/http/peer.hpp"
#include "base/paths.hpp"
#include "daemon/agent/answer_checker.hpp"
#include "daemon/agent/lineage.hpp"
#include "daemon/api/listed_words.hpp"
#include "daemon/config/config.hpp"
#include "daemon/delivery/turn.hpp"
#include "daemon/outbox/target.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal_row.hpp"
#include "daemon/store/tables/spawn_key_table.hpp"
#include "daemon/store/tables/turn_table.hpp"
#include "relay/bus.hpp"

#include <algorithm>
#include <filesystem>

namespace ar::daemon {
using namespace std::chrono_literals;

namespace {

constexpr milliseconds kWaitAtOnce = 1h;     ///< for a turn's end, again and again
constexpr milliseconds kEndPatience = 5s;    ///< for what becomes of a message whose agent has just ended
constexpr std::size_t kLongestReason = 256;  ///< every message that is withdrawn shows it
std::vector<std::string> const kSessionStates{"creating",  "running",    "idle",     "suspending",
                                              "suspended", "cancelling", "deleting", "error"};

}  // namespace

awaitable<Result<control::OpenedSession>> SessionsApi::open(Principal who, json specification, IdempotencyKey key) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto const owner = who.kind == Principal::Kind::agent ? who.agent_id : std::string(kOperator);
  if (auto const url = text_at(specification, {"callback", "url"}); !url.empty())
    if (auto good = check_target(url, services_.config.allows_private_addresses(owner)); !good)
      co_return Error{good.error().kind, good.error().code, good.error().message, "callback.url"};
  auto spawned = co_await supervisor_.spawn(std::move(specification), std::move(key), std::move(who));
  if (!spawned) co_return spawned.error();
  control::OpenedSession opened{spawned->agent->session(), spawned->created};
  co_return opened;
}

awaitable<Result<json>> SessionsApi::sessions(Principal who, Page page) {
  if (page.status)
    if (auto good = check_listed("status", *page.status, kSessionStates, "status of a session"); !good)
      co_return good.error();
  json list = json::array();
  json next = nullptr;
  // They are in the order of their names, which neither comings nor goings change.
  auto const& all = supervisor_.agents();
  for (auto it = all.upper_bound(page.after); it != all.end(); ++it) {
    if (!access_.may_see(who, it->first)) continue;
    if (page.user && it->second->spec().user != *page.user) continue;
    auto shown = it->second->session();
    if (page.status && !is_listed(*page.status, shown["status"])) continue;
    if (to_millis(it->second->since()) < page.since) continue;
    if (static_cast<int>(list.size()) == page.limit) {
      next = list.back()["id"];
      break;
    }
    list.push_back(std::move(shown));
  }
  json answer = {{"sessions", std::move(list)}};
  if (!next.is_null()) answer["nextCursor"] = next;
  co_return ok(std::move(answer));
}

awaitable<Result<json>> SessionsApi::session(std::string id) {
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  co_return ok((*agent)->session());
}

awaitable<Result<control::SentInput>> SessionsApi::send(Principal who, std::string id, control::SessionInput input,
                                                        IdempotencyKey key) {
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  json message = {{"to", id}, {"body", std::move(input.text)}};
  for (auto& file : input.files) {
    auto attachment = co_await put(who, std::move(file));
    if (!attachment) co_return attachment.error();
    message["attachments"].push_back(std::move(*attachment));
  }
  if (!input.metadata.empty()) message["payload"]["metadata"] = std::move(input.metadata);
  if (!input.output_schema.is_null()) message["payload"]["outputSchema"] = std::move(input.output_schema);
  if (!key.key.empty()) message["idempotencyKey"] = key.key;
  auto const cursor = services_.events.last(id);
  auto sent = co_await messages_.send(std::move(who), std::move(message));
  if (!sent) co_return sent.error();
  control::SentInput done;
  done.message = (*sent)["id"].get<std::int64_t>();
  done.repeated = (*sent)["repeated"].get<bool>();
  json turn = {{"sessionId", id}, {"turnId", nullptr}, {"turnSeq", nullptr}};
  turn["status"] = "launching";
  turn["messages"] = {done.message};
  done.answer = {{"session", (*agent)->session()}, {"turn", std::move(turn)}, {"eventCursor", cursor}};
  co_return done;
}

awaitable<Result<void>> SessionsApi::check_input(Principal who, control::SessionInput const& input) {
  for (auto const& file : input.files) {
    auto const good = co_await check_file(who, file);
    if (good) continue;
    auto error = good.error();
    error.field = file.place + (file.path.empty() ? file.attachment.empty() ? ".base64" : ".attachment" : ".path");
    co_return error;
  }
  if (input.output_schema.is_null()) co_return Result<void>();
  co_return co_await check_schema(input.output_schema);
}

awaitable<Result<void>> SessionsApi::check_file(Principal who, control::InputFile file) {
  auto const most = services_.bus.limits().max_attachment_bytes;
  if (!file.attachment.empty()) co_return co_await attachments_.check(who, file.attachment);
  if (file.path.empty()) {
    if (file.bytes.size() <= most) co_return Result<void>();
    co_return Error{
        ErrorKind::too_large, "too_large",
        "the file " + file.name + " has more than the " + std::to_string(most) + " bytes that an attachment may have"};
  }
  if (who.kind != Principal::Kind::operator_)
    co_return Error{ErrorKind::forbidden, "operator_only", "only the operator names files of this machine by path"};
  auto job = [path = file.path, most] { return check_readable(path, most); };
  co_return co_await files_.run(std::move(job));
}

awaitable<Result<void>> SessionsApi::check_schema(json schema) {
  auto text = to_text(schema);
  if (text.size() > kMostSchemaBytes) {
    std::string const most = std::to_string(kMostSchemaBytes >> 10);
    co_return invalid("outputSchema", "outputSchema is longer than " + most + " KiB");
  }
  if (schema.empty()) co_return invalid("outputSchema", "outputSchema is empty: any answer fits it");
  auto const verdict = co_await check_answer(services_.executor, services_.bin_dir / "agent-runner", text, "null");
  if (verdict.says == AnswerVerdict::Says::bad_schema)
    co_return invalid("outputSchema", "outputSchema is no JSON Schema: " + verdict.problems);
  if (verdict.says == AnswerVerdict::Says::cannot_tell)
    co_return invalid("outputSchema", "outputSchema cannot be used: " + verdict.problems);
  co_return Result<void>();
}

/// Its id as an attachment.
awaitable<Result<std::string>> SessionsApi::put(Principal who, control::InputFile file) {
  if (!file.attachment.empty()) co_return std::move(file.attachment);
  if (!file.path.empty()) {
    if (auto const good = co_await check_file(who, file); !good) co_return good.error();
    auto job = [path = file.path, most = services_.bus.limits().max_attachment_bytes] { return read_file(path, most); };
    auto bytes = co_await files_.run(std::move(job));
    if (!bytes) co_return bytes.error();
    file.bytes = std::move(*bytes);
    if (file.name.empty()) file.name = std::filesystem::path(file.path).filename();
  }
  if (file.media_type.empty()) file.media_type = "application/octet-stream";
  auto const stored = co_await attachments_.put_attachment(std::move(who), std::move(file.name),
                                                           std::move(file.media_type), std::move(file.bytes));
  if (!stored) co_return stored.error();
  co_return (*stored)["id"].get<std::string>();
}

awaitable<Result<json>> SessionsApi::result_of(Principal who, std::string id, std::int64_t message) {
  Result<json> seen = timed_out("");
  bool alive = true;
  while (alive && !seen && seen.error().kind == ErrorKind::timeout) {
    auto ended = wait_until_at_rest(id);
    auto waiting = messages_.wait_message(who, message, "done", kWaitAtOnce);
    auto waited = co_await http::until(std::move(ended), std::move(waiting));
    alive = waited.has_value();
    if (waited) seen = std::move(*waited);
  }
  if (!alive) seen = co_await messages_.wait_message(who, message, "done", kEndPatience);
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  if (!seen && alive) co_return seen.error();
  co_await (*agent)->usage_measured();
  json const shown = (*agent)->session();
  json result = {{"runId", id},
                 {"status", shown["status"]},
                 {"ok", false},
                 {"outcome", shown["timedOut"] == true ? "timed_out" : "failed"},
                 {"text", nullptr},
                 {"output", nullptr},
                 {"usage", shown["usage"]},
                 {"costUsd", shown["costUsd"]},
                 {"turns", json::array()},
                 {"errorMessage", nullptr}};
  if (!seen) {  // it waits for an agent that nobody starts before a person does
    auto const what = (*agent)->view();
    result["errorMessage"] = "the agent is " + text_at(what, "state") + ": " + text_at(what, "reason");
    co_return ok(std::move(result));
  }
  for (auto const& delivery : (*seen)["deliveries"]) {
    if (delivery["agent"] != id) continue;
    result["ok"] = delivery["state"] == "done";
    if (result["ok"] == true) result["outcome"] = "completed";
    if (delivery.contains("finalText")) result["text"] = delivery["finalText"];
    if (delivery.contains("output")) result["output"] = delivery["output"];
    if (delivery.contains("reason")) result["errorMessage"] = delivery["reason"];
    auto const number = delivery.value("turn", std::int64_t{0});
    bool const failed = result["outcome"] == "failed";
    bool const began = std::ranges::any_of(delivery["steps"], [](json const& s) { return s["step"] == "accepted"; });
    if (failed && number == 0 && delivery["state"] == "failed") result["outcome"] = began ? "interrupted" : "cancelled";
    if (number == 0) continue;
    auto turns = co_await read_turns(id, number + 1, 1);
    if (!turns) co_return turns.error();
    if (failed && !turns->empty() && turns->front()["outcome"] == "interrupted")
      result["outcome"] = turns->front()["outcome"];
    for (auto& turn : *turns) result["turns"].push_back(std::move(turn));
  }
  co_return ok(std::move(result));
}

/// Stopped, failed or removed: by itself it will not go on.
awaitable<void> SessionsApi::wait_until_at_rest(std::string id) {
  for (;;) {
    auto const seen = services_.events.last(id);
    auto const agent = supervisor_.find(id);
    if (!agent || agent->state() == AgentState::failed || agent->state() == AgentState::stopped) co_return;
    (void)co_await services_.events.wait(id, seen, Clock::time_point::max());
  }
}

awaitable<Result<std::vector<json>>> SessionsApi::read_turns(std::string id, std::int64_t before, int limit) {
  auto query = [id, before, limit](Database& db) -> Result<std::vector<Record>> {
    return TurnTable(db).page(id, before, limit);
  };
  auto rows = co_await services_.journal.read(std::move(query));
  if (!rows) co_return rows.error();
  std::vector<json> turns;
  auto const read = [&](json const& stored) { return session_turn(id, stored); };
  for (auto const& [number, record] : *rows)
    if (auto turn = read_row(record, "turn " + std::to_string(number) + " of agent " + id, read))
      turns.push_back(std::move(*turn));
  co_return turns;
}

awaitable<Result<json>> SessionsApi::turns(std::string id, Page page) {
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  co_await (*agent)->usage_measured();
  auto turns = co_await read_turns(id, page.cursor, page.limit + 1);
  if (!turns) co_return turns.error();
  json answer = {{"turns", json::array()}};
  bool const more = turns->size() > static_cast<std::size_t>(page.limit);
  if (more) turns->pop_back();
  if (more) answer["nextCursor"] = turns->back()["turnSeq"].get<std::int64_t>() + 1;
  for (auto& turn : *turns) answer["turns"].push_back(std::move(turn));
  co_return ok(std::move(answer));
}

awaitable<Result<json>> SessionsApi::cancel(std::string id, std::string reason) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  if (reason.size() > kLongestReason) co_return invalid("reason", "a reason has at most 256 bytes");
  auto count = co_await (*agent)->cancel(reason);
  for (auto const& one : services_.lineage.descendants(id))
    if (auto const child = supervisor_.find(one)) count += co_await child->cancel(reason);
  json answer = {{"session", (*agent)->session()}, {"cancelledCount", count}};
  co_return ok(std::move(answer));
}

awaitable<Result<json>> SessionsApi::close(std::string id) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  if (auto removable = supervisor_.check_removable(id); !removable) co_return removable.error();
  auto const closing = (*agent)->begin_closing();
  if (!is_at_rest((*agent)->state()) || !services_.lineage.descendants(id).empty()) {
    json why = {{"reason", "its session is closed"}};
    auto const stopped = co_await (*agent)->act("stop", std::move(why));
    if (!stopped) co_return stopped.error();
  }
  co_return co_await supervisor_.remove(std::move(id));
}

awaitable<Result<json>> SessionsApi::take_back(std::string id) {
  auto closed = co_await close(id);
  if (closed) services_.journal.write([id](Database& db) { SpawnKeyTable(db).forget_agent(id); });
  co_return closed;
}

}  // namespace ar::daemon
