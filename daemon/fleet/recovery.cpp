#include "daemon/fleet/recovery.hpp"

#include "base/kernel.hpp"
#include "daemon/agent/agent.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal_row.hpp"
#include "daemon/store/tables/delivery_table.hpp"
#include "daemon/store/tables/fact_table.hpp"
#include "daemon/store/tables/turn_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
using State = DeliveryState;
namespace {

/// An agent that is not there by then is reported as late.
constexpr Clock::duration kPatience = 10min;
/// What comes of a message may be known without an event that says so.
constexpr Clock::duration kLookAgain = 1s;
constexpr char kPending[] = "pending";

bool was_at_work(Delivery const& d) {
  return d.state == State::submitted || d.state == State::unknown || d.state == State::accepted || d.has_open_turn();
}

/// What an agent was at when everything ended.
json before(StoredAgent const& agent, json approvals) {
  auto const& stored = agent.deliveries;
  json messages = json::array(), turns = json::array();
  for (auto const& d : stored.open)
    if (was_at_work(d))
      messages.push_back(
          {{"message", d.message}, {"store", d.store}, {"before", to_string(d.state)}, {"attempts", d.attempts}});
  for (auto const& turn : stored.running) turns.push_back({{"turn", turn.number}, {"messages", turn.messages}});
  return {{"agent", agent.spec.id},
          {"before", to_string(agent.state)},
          {"session", agent.record.session_id},
          {"outcome", kPending},
          {"turns", std::move(turns)},
          {"messages", std::move(messages)},
          {"approvals", std::move(approvals)}};
}

/// Of the journal's; throws where it lacks what is built on here.
json report_from(json const& stored) {
  (void)stored.at("state").get<std::string>();
  (void)stored.at("cause").get<std::string>();
  (void)stored.at("startedAt").get<std::string>();
  for (auto const& agent : stored.at("agents")) {
    for (auto const* name : {"agent", "outcome", "session"}) (void)agent.at(name).get<std::string>();
    for (auto const& turn : agent.at("turns")) (void)turn.at("turn").get<std::int64_t>();
    for (auto const& approval : agent.at("approvals")) (void)approval.at("id").get<std::int64_t>();
    for (auto const& row : agent.at("messages")) {
      (void)row.at("message").get<MessageId>();
      (void)row.at("store").get<std::string>();
      (void)row.at("attempts").get<int>();
    }
  }
  return stored;
}

/// Those that are the agent's own, and about what its process does.
json pending_of(Approvals const& approvals, std::string const& agent) {
  auto const continuation = adapters::to_string(adapters::ApprovalRequest::Kind::continuation);
  json own = json::array();
  for (auto const& asked : approvals.pending_of(agent))
    if (!asked.contains("agent") && asked.value("kind", "") != continuation)
      own.push_back({{"id", asked["id"]}, {"summary", asked.value("summary", "")}});
  return own;
}

/// Rows of `more` that `rows` has not, by what names them.
void add_missing(json& rows, json const& more, char const* name) {
  for (auto const& row : more)
    if (std::ranges::none_of(rows, [&](json const& known) { return known[name] == row[name]; })) rows.push_back(row);
}

/// Everything has ended once more before all were back: what was known stays.
void add_to(json& report, json const& agents) {
  for (auto const& fresh : agents) {
    auto const known =
        std::ranges::find_if(report["agents"], [&](json const& agent) { return agent["agent"] == fresh["agent"]; });
    if (known == report["agents"].end()) {
      report["agents"].push_back(fresh);
      continue;
    }
    auto& agent = *known;
    add_missing(agent["turns"], fresh["turns"], "turn");
    add_missing(agent["messages"], fresh["messages"], "message");
    add_missing(agent["approvals"], fresh["approvals"], "id");
    agent["outcome"] = kPending;
    agent.erase("tookMs");
  }
}

/// What an agent has come to; `pending`: nothing yet.
std::string outcome_of(Agent& agent) {
  if (agent.queue().asks_record()) return kPending;  // what came of its messages is not known yet
  auto const& outcomes = agent.queue().outcomes();
  switch (agent.state()) {
    case AgentState::failed:
    case AgentState::stopped:
    case AgentState::suspended: return std::string(to_string(agent.state()));
    case AgentState::waiting: return "waiting";
    case AgentState::idle:
    case AgentState::busy: return outcomes.limited().is_null() ? "back" : "limited";
    default: return kPending;
  }
}

/// What came of a message that an agent was at.
char const* outcome_of(Delivery const& d, int attempts_before) {
  if (d.attempts > attempts_before || d.is_waiting()) return d.state == State::unknown ? "unknown" : "again";
  switch (d.state) {
    case State::done: return "done";
    case State::failed: return d.reason.starts_with("interrupted") ? "interrupted" : "failed";
    case State::accepted:
    case State::running: return "goes_on";
    default: return "failed";
  }
}

void add_outcomes(Database& db, json& agent) {
  auto const id = agent["agent"].get<std::string>();
  for (auto& row : agent["messages"]) {
    row["outcome"] = "removed";  // with its agent, or when it was old
    for (auto const& stored : DeliveryTable(db).of_message(row["message"].get<MessageId>(), row["store"])) {
      if (stored.agent != id) continue;
      auto const d = read_row(stored.record, "a message at agent " + id, delivery_from_journal);
      if (!d) continue;
      row["outcome"] = outcome_of(*d, row["attempts"].get<int>());
      row["state"] = to_string(d->state);
      row["proved"] = !d->proof.empty();
      if (!d->reason.empty() && d->state != State::done) row["reason"] = adapters::one_line(d->reason);
    }
  }
  if (agent["turns"].empty()) return;
  for (auto& row : agent["turns"]) row["status"] = "removed";
  TurnTable(db).each(id, [&](Record const& record) {
    for (auto& row : agent["turns"])
      if (row["turn"] == record.first)
        if (auto const turn = parse_json(record.second)) row["status"] = turn->value("status", "running");
  });
}

json counts_of(json const& agents) {
  json counts = {{"agents", agents.size()}};
  for (auto const* name : {"back", "limited", "suspended", "stopped", "waiting", "failed", "late", "removed"})
    counts[name] = 0;
  json messages = {{"proved", 0}, {"waiting", 0}};
  for (auto const* name : {"done", "failed", "interrupted", "goes_on", "again", "unknown", "removed"})
    messages[name] = 0;
  int turns = 0, approvals = 0;
  auto const add = [](json& to, std::string const& name) { to[name] = to.value(name, 0) + 1; };
  for (auto const& agent : agents) {
    add(counts, agent["outcome"]);
    approvals += static_cast<int>(agent["approvals"].size());
    messages["waiting"] = messages["waiting"].get<int>() + agent["waiting"].get<int>();
    for (auto const& turn : agent["turns"]) turns += turn["status"] == "interrupted";
    for (auto const& row : agent["messages"]) {
      add(messages, row["outcome"]);
      if (row.value("proved", false)) add(messages, "proved");
    }
  }
  counts["turnsCutOff"] = turns;
  counts["approvalsWithdrawn"] = approvals;
  counts["messages"] = std::move(messages);
  return counts;
}

}  // namespace

Recovery::Recovery(Services& services, Agents const& agents)
    : services_(services), agents_(agents), tasks_(services.executor, "recovery") {}

awaitable<Result<std::string>> Recovery::begin(std::vector<StoredAgent> const& agents, bool found_nothing) {
  struct Known {
    std::string boot, report;
  };
  auto query = [](Database& db) -> Result<Known> {
    return Known{FactTable(db).get(FactTable::kBoot), FactTable(db).get(FactTable::kRecovery)};
  };
  auto const known = co_await services_.journal.read(std::move(query));
  if (!known) co_return known.error();
  if (!known->report.empty()) report_ = read_row(known->report, "the newest recovery", report_from).value_or(json());
  auto const boot = boot_id();
  if (!boot.empty() && boot != known->boot)
    services_.journal.write([boot](Database& db) { FactTable(db).put(FactTable::kBoot, boot); });
  bool const rebooted = !known->boot.empty() && !boot.empty() && boot != known->boot;
  bool const goes_on = is_unfinished();
  if (goes_on) {
    report_["starts"] = report_.value("starts", 1) + 1;
    save();
  }
  bool const had_processes = std::ranges::any_of(agents, is_live, &StoredAgent::state);
  if (!found_nothing || agents.empty() || (!rebooted && !had_processes && !goes_on)) co_return std::string();

  json rows = json::array();
  for (auto const& agent : agents)
    if (services_.adapters.contains(agent.spec.provider))
      rows.push_back(before(agent, pending_of(services_.approvals, agent.spec.id)));
  if (goes_on)
    add_to(report_, rows);
  else
    report_ = {{"state", "recovering"},
               {"cause", rebooted ? "reboot" : "processes_gone"},
               {"startedAt", to_iso8601(wall_now())},
               {"starts", 1},
               {"event", services_.events.last()},
               {"agents", std::move(rows)}};
  save();
  services_.events.append("", "runtime.recovering",
                          {{"cause", report_["cause"]}, {"agents", report_["agents"].size()}});
  auto const safe = co_await services_.journal.committed();
  if (!safe) co_return safe.error();
  std::string const why =
      report_["cause"] == "reboot" ? "the machine was started again" : "all agents' processes had ended at once";
  spdlog::warn("cold start: {}; {} agents are known", why, agents.size());
  co_return why;
}

bool Recovery::is_unfinished() const { return report_.is_object() && report_["state"] == "recovering"; }

void Recovery::start(TaskGroup::OnDeath on_death) {
  if (is_unfinished()) tasks_.spawn_vital("follow", follow(), std::move(on_death));
}

awaitable<void> Recovery::follow() {
  auto const deadline = Clock::now() + kPatience;
  for (;;) {
    auto const seen = services_.events.last();
    if (note_agents(Clock::now() >= deadline)) break;
    (void)co_await services_.events.wait({}, seen, std::min(deadline, Clock::now() + kLookAgain));
  }
  co_await finish();
}

/// True: all have come to something, and what came of their messages is known as far as it will be.
bool Recovery::note_agents(bool is_late) {
  auto const started = from_iso8601(report_["startedAt"].get<std::string>()).value_or(wall_now());
  bool all = true;
  for (auto& row : report_["agents"]) {
    auto const found = agents_.find(row["agent"].get<std::string>());
    auto* const agent = found == agents_.end() ? nullptr : found->second.get();
    if (row["outcome"] != kPending) continue;
    auto outcome = agent ? outcome_of(*agent) : std::string("removed");
    if (outcome == kPending && is_late) outcome = "late";
    all = all && outcome != kPending;
    if (outcome == kPending) continue;
    row["outcome"] = outcome;
    row["tookMs"] = std::max<milliseconds>(wall_now() - started, 0ms).count();
    if (!agent) continue;
    auto const shown = agent->view();
    row["state"] = shown["state"];
    row["reason"] = shown["reason"];
    row["sameSession"] = row["session"] != "" && row["session"] == shown["providerSession"];
  }
  return all;
}

awaitable<void> Recovery::finish() {
  for (;;) {
    auto query = [agents = report_["agents"]](Database& db) mutable -> Result<json> {
      for (auto& agent : agents) add_outcomes(db, agent);
      return ok(std::move(agents));
    };
    auto agents = co_await services_.journal.read(std::move(query));
    if (agents) {
      report_["agents"] = std::move(*agents);
      break;
    }
    spdlog::warn("what came of a cold start cannot be read now: {}", agents.error().message);
    bool const slept = co_await sleep_for(kLookAgain);
    if (!slept) co_return;
  }
  for (auto& row : report_["agents"]) {
    auto const found = agents_.find(row["agent"].get<std::string>());
    row["waiting"] = found == agents_.end() ? 0 : found->second->queue().deliveries().waiting();
  }
  auto const ended = wall_now();
  auto const started = from_iso8601(report_["startedAt"].get<std::string>()).value_or(ended);
  report_["state"] = "recovered";
  report_["endedAt"] = to_iso8601(ended);
  report_["tookMs"] = std::max<milliseconds>(ended - started, 0ms).count();
  report_["counts"] = counts_of(report_["agents"]);
  save();
  json told = json::object();
  for (auto const* name : {"cause", "startedAt", "tookMs", "counts", "agents"}) told[name] = report_[name];
  services_.events.append("", "runtime.recovered", std::move(told));
  spdlog::info("cold start: all agents have come to something after {} ms", report_["tookMs"].get<std::int64_t>());
}

void Recovery::save() {
  services_.journal.write([text = to_text(report_)](Database& db) { FactTable(db).put(FactTable::kRecovery, text); });
}

}  // namespace ar::daemon
