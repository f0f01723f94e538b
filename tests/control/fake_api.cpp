#include "control/fake_api.hpp"

#include <algorithm>
#include <stdexcept>

namespace ar::test {

using control::Spawned;

namespace {

std::string name(Principal const& who) {
  return who.kind == Principal::Kind::operator_ ? "operator" : who.kind == Principal::Kind::agent ? who.agent_id : "?";
}
std::string text(std::int64_t number) { return std::to_string(number); }
bool known(std::string const& agent) { return agent == "a" || agent == "b"; }
std::string words_of(control::MemoryCondition const& condition) {
  return std::string(condition.absent ? " absent" : "") + (condition.present ? " present" : "") +
         (condition.version ? " version " + *condition.version : "");
}
Error no_agent(std::string const& id) { return not_found("no_such_agent", "no agent " + id); }
Error no_message(std::int64_t id) { return not_found("no_such_message", "no message " + text(id)); }
json shown(std::int64_t id) { return {{"id", id}, {"from", "b"}, {"to", "a"}, {"body", "hello"}}; }
std::string page_text(Page const& page) {
  return page.status.value_or("-") + " " + page.agent.value_or("-") + " " + text(page.since) + " " +
         (page.after.empty() ? text(page.cursor) : page.after) + " " + text(page.limit);
}

}  // namespace

std::vector<std::string> FakeApi::calls() const {
  std::lock_guard const lock(mutex_);
  return calls_;
}
bool FakeApi::called(std::string const& line) const {
  auto const all = calls();
  return std::ranges::find(all, line) != all.end();
}
void FakeApi::record(std::string line) {
  std::lock_guard const lock(mutex_);
  calls_.push_back(std::move(line));
}

void FakeApi::append(std::string const& agent, std::size_t padding) {
  Event event;
  event.number = last_event("") + 1;
  event.agent = agent;
  if (!agent.empty()) event.agent_number = last_event(agent) + 1;
  json const shown_event{{"number", event.number},
                         {"agentNumber", event.agent_number},
                         {"agent", agent},
                         {"type", "test"},
                         {"data", std::string(padding, 'x')}};
  event.json_text = shown_event.dump();
  log_.push_back(std::move(event));
  events_.notify_all();
}
std::int64_t FakeApi::last_event(std::string const& agent) const {
  return agent.empty() ? std::ssize(log_) : std::ranges::count(log_, agent, &Event::agent);
}
void FakeApi::release_waits() { waits_.notify_all(); }

Result<Principal> FakeApi::authenticate(std::string_view token) {
  if (token == "operator-token") return Principal{Principal::Kind::operator_};
  if (token.starts_with("token-of-") && token.size() == 10)
    return Principal{Principal::Kind::agent, std::string(token.substr(9))};
  return Error{ErrorKind::unauthorized, "bad_token", "the token is unknown"};
}

awaitable<Result<json>> FakeApi::info() {
  record("info");
  co_return ok(json{{"version", "0"}});
}
awaitable<Result<std::string>> FakeApi::metrics() {
  record("metrics");
  co_return std::string("up 1\n");
}
awaitable<Result<json>> FakeApi::bus() {
  record("bus");
  co_return ok(json{{"kind", "embedded"}});
}
awaitable<Result<json>> FakeApi::reload_configuration() {
  record("reload");
  co_return ok(json::object());
}
awaitable<Result<json>> FakeApi::configuration() { throw std::runtime_error("a fault on purpose"); }
awaitable<Result<json>> FakeApi::shut_down(bool stop_agents) {
  record(stop_agents ? "shutdown with agents" : "shutdown");
  co_return ok(json::object());
}
awaitable<Result<json>> FakeApi::runtime() {
  record("runtime");
  co_return ok(json{{"state", "running"}});
}
awaitable<Result<std::int64_t>> FakeApi::pause(json request) {
  record("pause " + request.dump());
  if (request.value("reason", "") == "again") co_return conflict("already_paused", "it is paused");
  co_return request.value("force", false) ? 2 : 1;
}
awaitable<Result<json>> FakeApi::wait_paused(std::int64_t pause) {
  if (pause == 2) co_await wait_for_release(std::chrono::hours(1));
  record("paused " + text(pause));
  co_return ok(json{{"state", "paused"}});
}
awaitable<Result<json>> FakeApi::resume() {
  record("resume");
  co_return ok(json{{"state", "running"}});
}
awaitable<Result<json>> FakeApi::recovery() {
  record("recovery");
  co_return not_found("no_recovery", "there was none");
}
awaitable<Result<Spawned>> FakeApi::spawn(Principal, json spec, IdempotencyKey key) {
  record("spawn " + key.key);
  if (spec.contains("bad")) co_return invalid("bad", "bad is bad");
  Spawned spawned;
  spawned.agent = json{{"id", "a"}, {"state", "creating"}};
  spawned.created = key.key != "again";
  co_return spawned;
}
awaitable<Result<std::optional<control::KeptAnswer>>> FakeApi::answer_of(std::string owner, std::string key) {
  auto const found = kept_.find({std::move(owner), std::move(key)});
  std::optional<control::KeptAnswer> answer;
  if (found != kept_.end()) answer = found->second;
  co_return answer;
}
awaitable<Result<void>> FakeApi::keep(std::string owner, std::string key, control::KeptAnswer answer) {
  kept_[{std::move(owner), std::move(key)}] = std::move(answer);
  co_return Result<void>();
}
awaitable<Result<control::OpenedSession>> FakeApi::open(Principal, json specification, IdempotencyKey key) {
  record("open " + key.key + " " + text(specification.value("idleTtlMs", std::int64_t{-1})));
  control::OpenedSession opened{{{"id", "a"}}, key.key != "again"};
  co_return opened;
}
awaitable<Result<json>> FakeApi::sessions(Principal, Page page) {
  record("sessions " + page_text(page));
  co_return ok(json{{"sessions", json::array()}});
}
awaitable<Result<json>> FakeApi::session(std::string id) {
  record("session " + id);
  if (id != "a") co_return no_agent(id);
  co_return ok(json{{"id", id}});
}
awaitable<Result<control::SentInput>> FakeApi::send(Principal who, std::string id, control::SessionInput input,
                                                    IdempotencyKey key) {
  record("input " + name(who) + " " + id + " key=" + key.key + " " + input.text);
  if (input.text == "away") co_return unavailable("bus_away", "the bus is away");
  if (input.text == "refused") co_return not_found("unknown_attachment", "there is no such attachment");
  control::SentInput sent{7, {{"session", {{"id", id}}}, {"turn", nullptr}, {"eventCursor", 0}}, key.key == "again"};
  co_return sent;
}
awaitable<Result<json>> FakeApi::result_of(Principal, std::string id, std::int64_t message) {
  record("result " + id + " " + text(message));
  (void)co_await wait_for_release(std::chrono::minutes(1));
  co_return ok(json{{"runId", id}, {"ok", true}});
}
awaitable<Result<json>> FakeApi::cancel(std::string id, std::string reason) {
  record("cancel " + id + (reason.empty() ? "" : " " + reason));
  co_return ok(json{{"cancelledCount", 0}});
}
awaitable<Result<json>> FakeApi::take_back(std::string id) {
  record("take back " + id);
  co_return ok({{"removed", id}});
}
awaitable<Result<json>> FakeApi::close(std::string id) {
  record("close " + id);
  co_return ok(json{{"removed", id}});
}
awaitable<Result<json>> FakeApi::agents(Principal, Page page) {
  record("agents " + page_text(page));
  co_return ok(json{{"agents", json::array()}});
}
awaitable<Result<json>> FakeApi::agent(std::string id) {
  record("agent " + id);
  if (!known(id)) co_return no_agent(id);
  co_return ok(json{{"id", id}, {"state", "idle"}});
}
awaitable<Result<json>> FakeApi::remove_agent(std::string id) {
  record("remove " + id);
  co_return ok(json{{"id", id}});
}
awaitable<Result<json>> FakeApi::act(std::string id, std::string action, json params) {
  record(action + " " + id + " " + params.dump());
  if (action == "clear") co_return conflict("busy", id + " is busy; wait for its turn's end");
  co_return ok(json{{"id", id}});
}
Result<json> FakeApi::report_status(std::string const& id, json const& report) {
  record("status " + id + " " + report.dump());
  return ok(json{{"status", report.value("status", "")}});
}
awaitable<Result<json>> FakeApi::screen(std::string id) {
  record("screen " + id);
  if (id == "b") co_await wait_for_release(std::chrono::hours(1));
  co_return ok(json{{"lines", json::array()}});
}
awaitable<Result<json>> FakeApi::attach(std::string id) {
  record("attach " + id);
  co_return ok(json{{"tmuxSocket", "/t"}, {"target", "$1"}});
}
awaitable<Result<json>> FakeApi::inbox(std::string id) {
  record("inbox " + id);
  co_return ok(json{{"unread", json::array()}});
}
awaitable<Result<json>> FakeApi::transcript(std::string id, Page page) {
  record("transcript " + id + " " + page_text(page));
  co_return ok(json{{"conversation", "c"}, {"rows", json::array()}, {"cursor", 0}});
}
awaitable<Result<json>> FakeApi::workspace(std::string id) {
  record("workspace " + id);
  co_return ok(json{{"cwd", "/w"}, {"messages", "/m"}});
}
awaitable<Result<json>> FakeApi::turns(std::string id, Page page) {
  record("turns " + id + " " + page_text(page));
  co_return ok(json{{"turns", json::array()}});
}
awaitable<Result<json>> FakeApi::send(Principal who, json message) {
  record("send " + name(who) + " " + message.value("to", "?") + " key=" + message.value("idempotencyKey", "") +
         " reply=" + text(message.value("replyTo", 0)) +
         " bytes=" + text(static_cast<std::int64_t>(message.value("body", "").size())));
  if (message.value("to", "").empty()) co_return invalid("to", "to is missing");
  co_return ok(shown(message.value("body", "") == "never" ? 8 : 7));
}
awaitable<Result<json>> FakeApi::messages(Principal who, Page page) {
  record("messages " + name(who) + " " + page_text(page));
  co_return ok(json{{"messages", json::array()}});
}
awaitable<Result<json>> FakeApi::message(Principal who, std::int64_t id) {
  record("message " + name(who) + " " + text(id));
  if (id != 7 && id != 8) co_return no_message(id);
  co_return ok(shown(id));
}
awaitable<bool> FakeApi::wait_for_release(milliseconds patience) {
  ++waiting;
  bool const released = co_await waits_.wait(Clock::now() + patience);
  --waiting;
  auto const state = co_await net::this_coro::cancellation_state;
  if (state.cancelled() != net::cancellation_type::none) ++waits_cancelled;
  co_return released;
}
awaitable<Result<json>> FakeApi::wait_message(Principal who, std::int64_t id, std::string until,
                                              milliseconds patience) {
  record("wait " + name(who) + " " + text(id) + " " + until + " " + text(patience.count()));
  if (id == 7) co_return ok(shown(id));
  if (id != 8) co_return no_message(id);
  bool const released = co_await wait_for_release(patience);
  if (!released) co_return timed_out("nobody accepted it in time");
  co_return ok(shown(id));
}
awaitable<Result<json>> FakeApi::react(Principal who, std::int64_t id, std::string word) {
  record("react " + name(who) + " " + text(id) + " " + word);
  co_return ok(json::object());
}
awaitable<Result<json>> FakeApi::read(Principal who, std::int64_t id) {
  record("read " + name(who) + " " + text(id));
  co_return ok(shown(id));
}
awaitable<Result<std::string>> FakeApi::body(Principal who, std::int64_t id) {
  record("body " + name(who) + " " + text(id));
  co_return std::string("raw\0bytes", 9);
}
awaitable<Result<json>> FakeApi::dead_letters(Page page) {
  record("dead " + page_text(page));
  co_return ok(json{{"dead", json::array()}});
}
awaitable<Result<json>> FakeApi::proof(std::int64_t id, std::string agent) {
  record("proof " + text(id) + " " + agent);
  co_return ok(json{{"version", 1}});
}
awaitable<Result<json>> FakeApi::settle(std::int64_t id, std::string agent, bool taken) {
  record("settle " + text(id) + " " + agent + (taken ? " taken" : " again"));
  co_return ok(json::object());
}
awaitable<Result<json>> FakeApi::requeue(std::int64_t id) {
  record("requeue " + text(id));
  co_return ok(json::object());
}
awaitable<Result<json>> FakeApi::put_attachment(Principal, std::string file, std::string media_type,
                                                std::string bytes) {
  record("attachment " + file + " " + media_type + " " + text(static_cast<std::int64_t>(bytes.size())));
  co_return ok(json{{"id", "f00"}});
}
awaitable<Result<std::string>> FakeApi::attachment(Principal who, std::string id, std::int64_t message) {
  record("get-attachment " + id + (message > 0 ? " of " + text(message) + " by " + name(who) : ""));
  if (id == "large") co_return std::string(32U << 20, 'z');
  co_return std::string("file");
}
awaitable<Result<json>> FakeApi::hook(Principal who, std::string event, std::string session, json payload) {
  record("hook " + name(who) + " " + event + " " + session + " " + payload.value("session_id", "-"));
  if (event == "Silent" || text_at(payload, "session_id") == "slow") co_await wait_for_release(std::chrono::hours(1));
  if (event == "Stop") co_return ok(json::object());
  if (event == "FileChanged") {
    auto const notices = text_at(payload, "notices");
    co_return ok(notices.empty() ? json::object() : json{{"notices", notices}});
  }
  if (event == "Refused") co_return conflict("stale_provider_session", "an earlier process");
  auto const bytes = static_cast<std::int64_t>(payload.dump().size());
  co_return ok(json{{"hookSpecificOutput", {{"hookEventName", event}, {"bytes", bytes}}}});
}
awaitable<Result<json>> FakeApi::ask(Principal who, std::string session, std::string call, json /*payload*/) {
  record("ask " + name(who) + " " + session + " " + call);
  bool const decided = co_await wait_for_release(std::chrono::hours(1));
  if (!decided) co_return timed_out("nobody decided");
  co_return ok(json{{"hookSpecificOutput", {{"hookEventName", "PermissionRequest"}}}});
}
void FakeApi::ask_left(Principal const& who, std::string const& session, std::string const& call) {
  record("ask_left " + name(who) + " " + session + " " + call);
}
awaitable<Result<json>> FakeApi::approvals(Page page) {
  record("approvals " + page.status.value_or("-") + " " + page.agent.value_or("-") + " " + std::to_string(page.cursor) +
         " " + std::to_string(page.limit));
  co_return ok(json{{"approvals", json::array({json{{"id", 1}}})}});
}
awaitable<Result<json>> FakeApi::approval(std::int64_t id) {
  record("approval " + std::to_string(id));
  if (id > 2) co_return not_found("no_such_approval", "there is no approval " + std::to_string(id));
  co_return ok(json{{"id", id}});
}
awaitable<Result<json>> FakeApi::decide(std::int64_t id, json decision, std::string where) {
  record("decide " + std::to_string(id) + " " + decision.value("decision", "-") + " " + where);
  if (id > 2) co_return not_found("no_such_approval", "there is no approval " + std::to_string(id));
  if (id == 2) co_return conflict("already_decided", "approval 2 was denied over http");
  co_return ok(json{{"id", id}, {"status", "approved"}});
}
awaitable<Result<json>> FakeApi::approval_rules() {
  record("approval rules");
  co_return ok(json{{"rules", json::array()}});
}
awaitable<Result<json>> FakeApi::add_approval_rule(json rule) {
  record("add approval rule " + rule.value("decision", "-"));
  rule["id"] = "1";
  co_return ok(std::move(rule));
}
awaitable<Result<json>> FakeApi::remove_approval_rule(std::string id) {
  record("remove approval rule " + id);
  if (id != "1") co_return not_found("no_such_rule", "there is no such rule");
  co_return ok(json{{"deleted", id}});
}
awaitable<Result<json>> FakeApi::test_approval_rules(json request) {
  record("test approval rules " + request.value("tool", "-"));
  co_return ok(json{{"decision", "ask"}});
}
awaitable<Result<std::vector<Event>>> FakeApi::events(std::string agent, std::int64_t cursor, int limit) {
  if (!agent.empty() && !known(agent)) co_return no_agent(agent);
  std::vector<Event> page;
  for (auto const& event : log_) {
    if (static_cast<int>(page.size()) == limit) break;
    if (!agent.empty() && event.agent != agent) continue;
    if ((agent.empty() ? event.number : event.agent_number) > cursor) page.push_back(event);
  }
  co_return page;
}
awaitable<Result<json>> FakeApi::check_log() {
  record("check log");
  co_return ok(json{{"checked", 2}});
}
awaitable<bool> FakeApi::wait_events(std::string agent, std::int64_t cursor, Clock::time_point deadline) {
  while (last_event(agent) <= cursor) {
    bool const notified = co_await events_.wait(deadline);
    if (!notified) co_return false;
  }
  co_return true;
}

awaitable<Result<json>> FakeApi::memory_scopes() {
  record("memory");
  co_return ok(json{{"scopes", json::array()}});
}
awaitable<Result<json>> FakeApi::memory_ids(std::string scope, control::MemoryPage page) {
  record("memory " + scope + " " + page.after + " " + text(page.limit));
  co_return ok(json{{"ids", json::array()}});
}
awaitable<Result<json>> FakeApi::memory_entries(std::string scope, std::string id, control::MemoryPage page) {
  record("memory " + scope + " " + id + " " + page.prefix + " " + page.after + " " + text(page.limit));
  co_return ok(json{{"entries", json::array()}});
}
awaitable<Result<json>> FakeApi::memory_entry(MemoryAddress address) {
  record("memory-entry " + to_string(address));
  if (address.key == "none") co_return not_found("no_such_entry", "there is no such entry");
  co_return ok(json{{"key", address.key}, {"value", "v"}, {"version", 7}});
}
awaitable<Result<control::MemoryWritten>> FakeApi::put_memory(MemoryAddress address, json value,
                                                              control::MemoryCondition condition) {
  record("put-memory " + to_string(address) + " " + value.dump() + words_of(condition));
  if (condition.version.value_or("7") != "7") co_return conflict("precondition_failed", "it has version 7");
  if (address.key == "full") co_return Error{ErrorKind::too_large, "quota", "there is no room"};
  co_return control::MemoryWritten{json{{"key", address.key}, {"version", 8}}, condition.absent};
}
awaitable<Result<json>> FakeApi::remove_memory(MemoryAddress address, control::MemoryCondition condition) {
  record("remove-memory " + to_string(address) + words_of(condition));
  if (condition.version.value_or("7") != "7") co_return conflict("precondition_failed", "it has version 7");
  co_return ok(json{{"removed", to_string(address)}});
}
awaitable<Result<json>> FakeApi::search(Principal who, control::SearchRequest request) {
  record("search " + name(who) + " " + request.words + " " + request.agent.value_or("-") + " " + text(request.since) +
         " " + text(request.before) + " " + text(request.limit));
  co_return ok(json{{"results", json::array()}});
}
awaitable<Result<control::SkillAdded>> FakeApi::add_skill(control::NewSkill skill) {
  record("add-skill " + skill.name + " zip=" + text(static_cast<std::int64_t>(skill.zip.size())) + " " +
         skill.markdown + " " + skill.description);
  bool const created = skill.name != "same";
  control::SkillAdded added{json{{"id", "skl_1"}, {"name", skill.name}}, created};
  co_return added;
}
awaitable<Result<json>> FakeApi::skills(control::SkillFilter filter) {
  record("skills " + filter.name.value_or("-") + " " + filter.hash.value_or("-") + " " + filter.after + " " +
         text(filter.limit));
  co_return ok(json{{"skills", json::array()}});
}
awaitable<Result<json>> FakeApi::skill(std::string id) {
  record("skill " + id);
  if (id != "skl_1") co_return not_found("no_such_skill", "there is no such skill");
  co_return ok(json{{"id", id}});
}
awaitable<Result<json>> FakeApi::remove_skill(std::string id) {
  record("remove-skill " + id);
  if (id != "skl_1") co_return not_found("no_such_skill", "there is no such skill");
  co_return ok(json{{"removed", id}});
}

awaitable<Result<json>> FakeApi::add_schedule(Principal who, json request, IdempotencyKey) {
  record("add-schedule " + name(who) + " " + text_at(request, "cron"));
  co_return ok(json{{"id", "sch_1"}});
}
awaitable<Result<json>> FakeApi::schedules(Principal who, Page page) {
  record("schedules " + name(who) + " " + page.after + " " + text(page.limit));
  co_return ok(json{{"schedules", json::array()}});
}
awaitable<Result<json>> FakeApi::schedule(Principal who, std::string id) {
  record("schedule " + name(who) + " " + id);
  if (id != "sch_1") co_return not_found("no_such_schedule", "there is no such schedule");
  co_return ok(json{{"id", id}});
}
awaitable<Result<json>> FakeApi::pause_schedule(Principal who, std::string id, bool paused) {
  record((paused ? "pause-schedule " : "resume-schedule ") + name(who) + " " + id);
  co_return ok(json{{"id", id}});
}
awaitable<Result<json>> FakeApi::remove_schedule(Principal who, std::string id) {
  record("remove-schedule " + name(who) + " " + id);
  co_return ok(json{{"removed", id}});
}
awaitable<Result<json>> FakeApi::run_schedule(Principal who, std::string id) {
  record("run-schedule " + name(who) + " " + id);
  co_return ok(json{{"id", id}});
}
awaitable<Result<json>> FakeApi::add_webhook(Principal who, json request) {
  record("add-webhook " + name(who) + " " + request["url"].get<std::string>());
  co_return ok(json{{"id", "whk_1"}, {"secret", "whsec_x"}});
}
awaitable<Result<json>> FakeApi::webhooks(Principal who, Page page) {
  record("webhooks " + name(who) + " " + page.after + " " + text(page.limit));
  co_return ok(json{{"webhooks", json::array()}});
}
awaitable<Result<json>> FakeApi::webhook(Principal who, std::string id) {
  record("webhook " + name(who) + " " + id);
  if (id != "whk_1") co_return not_found("no_such_webhook", "there is no such webhook");
  co_return ok(json{{"id", id}});
}
awaitable<Result<json>> FakeApi::remove_webhook(Principal who, std::string id) {
  record("remove-webhook " + name(who) + " " + id);
  co_return ok(json{{"removed", id}});
}
awaitable<Result<json>> FakeApi::webhook_deliveries(Principal who, std::string id, Page page) {
  record("deliveries " + name(who) + " " + id + " " + text(page.cursor) + " " + text(page.limit));
  co_return ok(json{{"deliveries", json::array()}});
}
awaitable<Result<json>> FakeApi::redeliver(Principal who, std::string id, std::string delivery) {
  record("redeliver " + name(who) + " " + id + " " + delivery);
  if (delivery != "msg_1") co_return not_found("no_such_delivery", "there is no such delivery");
  co_return ok(json{{"delivery", delivery}});
}

namespace {

awaitable<Result<void>> send_output(std::string id, http::Peer& peer) {
  (void)co_await peer.write("<b>");
  if (id == "broken") co_return internal("output_lost", "the disk is broken");
  co_return Result<void>();
}

awaitable<Result<void>> send_for_ever(http::Peer& peer, int& ended) {
  std::string const part(1 << 16, 'x');
  for (bool present = true; present;) present = co_await peer.write(part);
  ++ended;
  co_return Result<void>();
}

}  // namespace

awaitable<Result<json>> FakeApi::outputs(std::string session, control::OutputQuery query) {
  record("outputs " + session + " " + query.name.value_or("-") + " " + query.type.value_or("-") + " " +
         text(query.since) + " " + text(query.after) + " " + text(query.limit));
  co_return ok(json{{"outputs", json::array()}, {"missing", json::array()}});
}
awaitable<Result<control::Download>> FakeApi::output(std::string session, std::string id) {
  record("output " + session + " " + id);
  if (id != "f00" && id != "broken") co_return not_found("unknown_output", "there is no such output");
  control::Download download{"a_b.html", "text/html", {}};
  download.send = [id](http::Peer& peer) { return send_output(id, peer); };
  co_return download;
}
awaitable<Result<control::Download>> FakeApi::archive(std::string session) {
  record("archive " + session);
  if (session != "a") co_return conflict("run_not_started", "there was no turn");
  control::Download download{"a.zip", "application/zip", {}};
  download.send = [this](http::Peer& peer) { return send_for_ever(peer, archives_ended); };
  co_return download;
}

awaitable<Result<json>> FakeApi::worktrees() {
  record("worktrees");
  co_return ok(json{{"worktrees", json::array()}});
}

awaitable<Result<json>> FakeApi::worktree_diff(std::string agent) {
  record("worktree_diff " + agent);
  co_return ok(json{{"agent", agent},
                    {"path", "/w"},
                    {"branch", "b"},
                    {"base", "0"},
                    {"stat", ""},
                    {"diff", ""},
                    {"untracked", json::array()},
                    {"truncated", false}});
}

awaitable<Result<json>> FakeApi::finish_worktree(std::string agent, json body) {
  record("finish_worktree " + agent + " " + body.dump());
  co_return ok(json{{"agent", agent},
                    {"how", "merge"},
                    {"branch", "b"},
                    {"into", "main"},
                    {"before", "0"},
                    {"after", "1"},
                    {"commits", 1},
                    {"removed", false}});
}

awaitable<Result<json>> FakeApi::users(Page page) {
  record("users " + page_text(page));
  co_return ok(json{{"users", json::array()}});
}

awaitable<Result<json>> FakeApi::create_snapshot(json request) {
  record("create-snapshot " + request.dump());
  if (request.value("label", "") == "full")
    co_return Error{ErrorKind::too_large, "snapshot_too_large", "the snapshot would have too many bytes"};
  co_return ok(json{{"id", "snp_1"}});
}
awaitable<Result<json>> FakeApi::snapshots(std::string label_contains, int limit) {
  record("snapshots " + label_contains + " " + text(limit));
  co_return ok(json{{"snapshots", json::array()}});
}
awaitable<Result<json>> FakeApi::snapshot(std::string id) {
  record("snapshot " + id);
  if (id != "snp_1") co_return not_found("no_such_snapshot", "there is no snapshot " + id);
  co_return ok(json{{"id", id}});
}
awaitable<Result<std::unique_ptr<control::SnapshotDocument>>> FakeApi::export_snapshot(std::string id) {
  record("export-snapshot " + id);
  if (id != "snp_1") co_return not_found("no_such_snapshot", "there is no snapshot " + id);
  class Document final : public control::SnapshotDocument {
   public:
    awaitable<Result<std::string>> next() override {
      ++given_;
      co_return given_ == 1 ? std::string("{\"format\":") : given_ == 2 ? std::string("1}") : std::string();
    }

   private:
    int given_ = 0;
  };
  co_return std::make_unique<Document>();
}
awaitable<Result<void>> FakeApi::remove_snapshot(std::string id) {
  record("remove-snapshot " + id);
  co_return Result<void>();
}
awaitable<Result<json>> FakeApi::restore_snapshot(json request) {
  record("restore-snapshot " + request.dump());
  if (request.value("file", "") == "/newer")
    co_return Error{ErrorKind::invalid, "snapshot_version", "the section agents is newer", "agents"};
  co_return ok(json{{"snapshot", "snp_1"}});
}

awaitable<Result<control::ToolHookAdded>> FakeApi::add_tool_hook(json hook) {
  record("add-tool-hook " + hook.dump());
  if (hook["owner"] == "full") co_return Error{ErrorKind::too_large, "quota", "there is no room"};
  co_return control::ToolHookAdded{json{{"id", "known"}}, hook["owner"] != "old"};
}
awaitable<Result<json>> FakeApi::tool_hooks() {
  record("tool-hooks");
  co_return ok(json{{"hooks", json::array()}});
}
awaitable<Result<json>> FakeApi::remove_tool_hook(std::string id) {
  record("remove-tool-hook " + id);
  if (id != "known") co_return not_found("no_such_tool_hook", "there is no such tool hook");
  co_return ok(json{{"deleted", id}});
}

awaitable<Result<json>> FakeApi::usage(std::string by, std::string since) {
  record("usage " + by + " " + since);
  co_return ok(json{{"by", by}, {"since", nullptr}, {"usage", json::array()}});
}
awaitable<Result<json>> FakeApi::notify_rules() {
  record("notify rules");
  co_return ok(json{{"notify", json::array()}});
}
awaitable<Result<json>> FakeApi::test_notify(std::string rule) {
  record("notify test " + rule);
  if (rule != "known") co_return not_found("no_such_notify_rule", "there is no such rule");
  co_return ok(json{{"name", rule}, {"sent", true}, {"error", nullptr}});
}
awaitable<Result<json>> FakeApi::budgets() {
  record("budgets");
  co_return ok(json{{"budgets", json::array()}});
}
awaitable<Result<json>> FakeApi::raise_budget(std::string name, json amount) {
  record("raise-budget " + name + " " + amount.dump());
  if (name != "known") co_return not_found("no_such_budget", "there is no such budget");
  co_return ok(json{{"name", name}});
}

awaitable<Result<json>> FakeApi::limits() {
  record("limits");
  co_return ok(json{{"limits", json::array()}});
}
awaitable<Result<json>> FakeApi::release_limit(std::string account) {
  record("release-limit " + account);
  if (account != "known") co_return not_found("no_such_account", "there is no such account");
  co_return ok(json{{"account", account}});
}
awaitable<Result<json>> FakeApi::hold_limit(std::string account, std::string reason) {
  record("hold-limit " + account + " " + reason);
  if (account != "known") co_return not_found("no_such_account", "there is no such account");
  co_return ok(json{{"account", account}});
}
awaitable<Result<json>> FakeApi::forget_limit(std::string account) {
  record("forget-limit " + account);
  if (account != "known") co_return not_found("no_such_account", "there is no such account");
  co_return ok(json{{"account", account}});
}

}  // namespace ar::test
