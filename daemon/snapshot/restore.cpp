#include "daemon/snapshot/restore.hpp"

#include "base/paths.hpp"
#include "base/read_json.hpp"
#include "daemon/agent/agent_provider.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/config/config.hpp"
#include "daemon/snapshot/bus_restore.hpp"
#include "daemon/snapshot/bus_rows.hpp"
#include "daemon/snapshot/file_job.hpp"
#include "daemon/snapshot/record_rows.hpp"
#include "daemon/snapshot/sections.hpp"
#include "daemon/snapshot/shared_rows.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/tables/agent_table.hpp"
#include "daemon/store/tables/event_table.hpp"
#include "daemon/store/tables/turn_table.hpp"
#include "daemon/tools/hook_target.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::daemon {
namespace {

using Written = std::map<std::string, std::int64_t, std::less<>>;

/// Bytes of rows that are brought in one transaction, beside which the journal has other work.
constexpr std::size_t kAtOnce = 256 << 10;

/// A message wakes it, unless it was given up or told to stop.
AgentState state_here(std::string const& there) {
  auto const state = agent_state_from(there).value_or(AgentState::stopped);
  if (state == AgentState::failed || state == AgentState::stopped) return state;
  return state == AgentState::stopping ? AgentState::stopped : AgentState::suspended;
}

/// What is counted of a record is counted of the same one in its other place.
void move_usage(json& usage, std::string const& from, std::string const& to) {
  for (auto const* list : {"counted", "uncounted"}) {
    if (!usage.is_object() || !usage.contains(list) || !usage[list].is_array()) continue;
    for (auto& one : usage[list])
      if (text_at(one, "record") == from) one["record"] = to;
  }
}

Delivery first_prompt(std::string const& from, std::string const& text) {
  Delivery d;
  d.message = kInitialPrompt;
  d.from = from;
  d.kind = "prompt";
  d.local_body = text;
  d.step("queued");
  return d;
}

bool is_this_agents(Error const& error) { return !is_transient(error) && error.kind != ErrorKind::internal; }

}  // namespace

/// One agent on its way.
struct Restore::Arrival {
  std::string id;
  AgentSpec spec{};
  AgentRecord record{};
  AgentState state{};
  std::vector<Turn> turns{};  ///< that ran
  std::int64_t last_event = 0;
  bool has_record = true;  ///< of its conversation, as far as there was one
  std::vector<std::string> withheld{}, left_out{};
  std::vector<DeliveryTable::Row> deliveries{};
  std::vector<OwedWordTable::Row> words{};
  Written written{};
};

Restore::Restore(Services& services, Supervisor& supervisor, ToolHooks& tool_hooks, Worker& files,
                 std::shared_ptr<RowSpool> spool, SnapshotHead head, RestoreWishes wishes)
    : services_(services),
      supervisor_(supervisor),
      tool_hooks_(tool_hooks),
      files_(files),
      spool_(std::move(spool)),
      head_(std::move(head)),
      wishes_(std::move(wishes)) {}

awaitable<Result<json>> Restore::run() {
  if (auto looked = co_await look_at_agents(); !looked) co_return looked.error();
  if (!wishes_.agents) {
    if (auto brought = co_await bring_live_skills(); !brought) co_return brought.error();
    if (auto brought = co_await bring_tool_hooks(); !brought) co_return brought.error();
  }
  for (auto const& id : agents_)
    if (auto brought = co_await bring_agent(id); !brought) co_return brought.error();
  if (!wishes_.agents)
    if (auto brought = co_await bring_what_is_nobodys(); !brought) co_return brought.error();
  auto shown = co_await sections_shown();
  if (!shown) co_return shown.error();
  std::int64_t written = 0, skipped = 0;
  for (auto const& section : *shown) {
    written += section["written"].get<std::int64_t>();
    skipped += section["skipped"].get<std::int64_t>();
  }
  services_.events.append("", "snapshot.restored",
                          {{"snapshot", head_.id}, {"written", written}, {"skipped", skipped}});
  json answer = {{"snapshot", head_.id}, {"sections", std::move(*shown)}, {"agents", std::move(shown_)}};
  if (!left_out_.empty()) answer["leftOut"] = left_out_;
  co_return ok(std::move(answer));
}

awaitable<Result<void>> Restore::look_at_agents() {
  auto look = [spool = spool_]() -> Result<std::map<std::string, Origin>> {
    std::map<std::string, Origin> origins;
    for (auto const& id : spool->owners("agents")) {
      auto const row = spool->page("agents", id, 0).at(0).value();
      origins[id] = {spec_from_journal(row.at("spec")).parent, agent_record_from(row.at("record")).created_at};
    }
    return origins;
  };
  auto origins = co_await file_job(files_, std::move(look));
  if (!origins) co_return origins.error();
  origins_ = std::move(*origins);
  std::vector<std::string> all;
  for (auto const& [id, origin] : origins_) all.push_back(id);
  agents_ = wishes_.agents.value_or(std::move(all));
  for (auto const& id : agents_)
    if (!origins_.contains(id))
      co_return invalid("agents", "the snapshot " + head_.id + " has no agent \"" + id.substr(0, 80) + "\"");
  auto const depth = [this](std::string const& id) {
    std::size_t depth = 0;
    // Somebody may have made a circle of them.
    for (auto at = origins_.find(id); at != origins_.end() && depth <= origins_.size(); ++depth)
      at = origins_.find(at->second.parent);
    return depth;
  };
  std::ranges::sort(agents_, {}, [&](std::string const& id) { return std::pair(depth(id), id); });
  co_return Result<void>();
}

/// If it is the same one that is here: another agent of its name would get power over the child.
void Restore::keep_parent(Arrival& arrival) const {
  auto& spec = arrival.spec;
  if (spec.parent.empty()) return;
  auto const origin = origins_.find(spec.parent);
  auto const parent = supervisor_.find(spec.parent);
  if (parent && origin != origins_.end() && parent->created_at() == origin->second.created_at) {
    spec.root = parent->spec().root.empty() ? spec.parent : parent->spec().root;
    spec.initiator = parent->spec().initiator;
    return;
  }
  arrival.left_out.push_back("its parent " + spec.parent + ", which is not here");
  AgentSpec const nobodys;
  if (spec.children.spawn) arrival.left_out.push_back("its right to spawn children, which its parent bounded");
  spec.named_by_agent = true;
  spec.parent.clear();
  spec.root.clear();
  spec.call = nobodys.call;
  spec.report_end = spec.detached = false;
  spec.children = nobodys.children;
  spec.user = nobodys.user;
  spec.initiator = nobodys.initiator;
}

/// What it was spawned with is pinned again: as it is kept here, or as the snapshot has it.
awaitable<Result<void>> Restore::bring_skills(Arrival& arrival) {
  auto& spec = arrival.spec;
  if (spec.skills.empty()) co_return Result<void>();
  auto const had = std::exchange(spec.skills, {});
  SkillStore::Fetch const fetch = [this](PinnedSkill skill) -> awaitable<Result<std::optional<Skill>>> {
    auto read = [spool = spool_, owner = owner_of_skill(skill.name, skill.hash)]() -> Result<std::optional<Skill>> {
      auto const row = spool->last("skills", owner);
      return row ? std::optional(skill_in(row->value()).skill) : std::nullopt;
    };
    co_return co_await file_job(files_, std::move(read));
  };
  auto here = co_await services_.skills.pin_again(arrival.id, had, fetch);
  if (!here) co_return here.error();
  arrival.written["skills"] += here->added;
  spec.skills = std::move(here->skills);
  auto profile = spec.agent_profile ? *spec.agent_profile : adapters::Profile();
  profile.skills.clear();
  for (auto const& skill : spec.skills) profile.skills.push_back(services_.skills.folder_of(skill).string());
  spec.agent_profile = std::make_shared<adapters::Profile>(std::move(profile));
  for (auto const& skill : had)
    if (std::ranges::find(spec.skills, skill.name, &PinnedSkill::name) == spec.skills.end())
      arrival.left_out.push_back("the skill " + skill.name +
                                 ", whose content is neither here nor in the snapshot, or has no room here");
  co_return Result<void>();
}

awaitable<Result<void>> Restore::bring_agent(std::string id) {
  if (auto const namesake = supervisor_.find(id)) {
    shown_.push_back({{"agent", id}, {"result", "exists"}, {"state", to_string(namesake->state())}});
    bool const same = namesake->created_at() == origins_.at(id).created_at;
    co_return same&& wishes_.history ? co_await complete(id) : Result<void>();
  }
  Arrival arrival;
  arrival.id = id;
  auto brought = co_await bring(arrival);
  if (!brought && !is_this_agents(brought.error())) co_return brought.error();
  json shown = {{"agent", id}, {"result", brought ? "restored" : "failed"}};
  if (brought && wishes_.history)
    if (auto done = co_await bring_history(id, arrival.record.created_at, arrival.last_event); !done)
      co_return done.error();
  if (brought) {
    shown["state"] = to_string(arrival.state);
    for (auto const& [section, rows] : arrival.written) written_[section] += rows;
  } else {
    shown["reason"] = brought.error().message;
    spdlog::warn("agent {} is not restored from {}: {}", id, head_.id, brought.error().message);
  }
  if (!arrival.withheld.empty()) shown["withheld"] = arrival.withheld;
  if (!arrival.left_out.empty()) shown["leftOut"] = arrival.left_out;
  shown_.push_back(std::move(shown));
  co_return Result<void>();
}

awaitable<Result<void>> Restore::bring(Arrival& arrival) {
  auto read = [spool = spool_, id = arrival.id]() -> Result<json> {
    return ok(spool->page("agents", id, 0).at(0).value());
  };
  auto const row = co_await file_job(files_, std::move(read));
  if (!row) co_return row.error();
  arrival.spec = spec_from_journal(row->at("spec"));
  arrival.spec.id = arrival.id;
  // Its worktree is a directory like any other here: it is not removed with the agent.
  arrival.spec.workspace = Workspace();
  arrival.record = agent_record_from(row->at("record"));
  arrival.state = state_here(row->at("state").get<std::string>());
  arrival.turns = turns_in(*row);
  arrival.withheld = row->at("withheld").get<std::vector<std::string>>();
  arrival.last_event = services_.events.knows(arrival.id) ? 0 : row->at("lastEvent").get<std::int64_t>();
  if (arrival.spec.callback.token.empty()) arrival.spec.callback = {};  // it was withheld, and nobody takes it without
  keep_parent(arrival);
  if (!services_.adapters.contains(arrival.spec.provider))
    co_return invalid("provider", "this daemon does not know the provider " + arrival.spec.provider.substr(0, 40));
  auto look = [cwd = arrival.spec.cwd] { return check_directory(cwd); };
  if (auto usable = co_await file_job(files_, std::move(look)); !usable)
    co_return invalid("cwd", usable.error().message + ", then restore the snapshot again");
  Supervisor::Bring const come = [this, &arrival]() -> awaitable<Result<void>> {
    if (auto placed = co_await bring_records(arrival); !placed) co_return placed.error();
    if (auto pinned = co_await bring_skills(arrival); !pinned) co_return pinned.error();
    BusRestore bus(services_, files_, spool_, head_.store, arrival.id, arrival.has_record);
    auto const sent = co_await bus.run();
    if (!sent) co_return sent.error();
    for (auto& turn : arrival.turns) {
      if (turn.store != head_.store) continue;
      turn.messages = bus.numbers_here(std::move(turn.messages));
      turn.store = services_.store.id();
    }
    arrival.deliveries = std::move(bus.deliveries());
    arrival.words = bus.words();
    arrival.written["queue"] += bus.written();
    std::ranges::copy(bus.left_out(), std::back_inserter(arrival.left_out));
    co_return co_await bring_to_journal(arrival);
  };
  auto const adopted = co_await supervisor_.adopt(arrival.id, come);
  if (!adopted && !supervisor_.find(arrival.id)) co_await services_.skills.unpin(arrival.id);
  co_return adopted;
}

awaitable<Result<void>> Restore::bring_records(Arrival& arrival) {
  auto const adapter = services_.adapters.at(arrival.spec.provider);
  AgentToken const token{};
  auto request = AgentProvider(services_, adapter, arrival.spec, arrival.record, token).request();
  auto place = [spool = spool_, adapter, request = std::move(request), id = arrival.id,
                session = arrival.record.session_id]() -> Result<PlacedRecords> {
    return place_records(*spool, id,
                         [&](std::string const& name) { return adapter->record_place(request, session, name); });
  };
  auto placed = co_await file_job(files_, std::move(place));
  if (!placed) co_return placed.error();
  arrival.written["sessions"] += placed->written;
  std::ranges::move(placed->left, std::back_inserter(arrival.left_out));
  auto const before = std::exchange(arrival.record.transcript, placed->first.string());
  auto const earlier = std::exchange(arrival.record.earlier_transcript, {});
  arrival.has_record = earlier.empty() && (before.empty() || !arrival.record.transcript.empty());
  auto usage = arrival.record.usage.stored();
  move_usage(usage, before, arrival.record.transcript);
  arrival.record.usage = UsageAccount::from_stored(usage);
  co_return Result<void>();
}

/// All of the agent in one transaction.
awaitable<Result<void>> Restore::bring_to_journal(Arrival& arrival) {
  auto& record = arrival.record;
  record.tmux_session = "ar-" + arrival.id;
  record.reason = "restored from the snapshot " + head_.id;
  record.since = wall_now();
  if (!record.prompt_given && !arrival.spec.prompt.empty()) {
    record.prompt_given = true;
    arrival.deliveries.push_back(row_of(arrival.id, first_prompt(arrival.spec.user, arrival.spec.prompt)));
  }
  struct Counted {
    std::int64_t approvals = 0;
    json newest_event{};
  };
  auto count = [spool = spool_, id = arrival.id, history = wishes_.history]() -> Result<Counted> {
    auto const last = history ? spool->last("history", id) : std::nullopt;
    return Counted{spool->count("approvals", id), last ? last->value() : json()};
  };
  auto counted = co_await file_job(files_, std::move(count));
  if (!counted) co_return counted.error();
  AgentTable::Row row{arrival.id, to_text(to_journal(arrival.spec)), std::string(to_string(arrival.state)),
                      to_text(to_json(record))};
  auto job = [spool = spool_, row = std::move(row), deliveries = arrival.deliveries, words = arrival.words,
              turns = arrival.turns, first_approval = services_.approvals.take_ids(counted->approvals),
              newest_event = std::move(counted->newest_event), history = wishes_.history,
              last_event = arrival.last_event, now = wall_now()](Database& db) -> Result<Written> {
    Transaction transaction(db);
    Written written;
    if (AgentTable(db).contains(row.id))
      return conflict("name_taken", "the journal has an agent named " + row.id + " already, which cannot be run here");
    AgentTable(db).put(row);
    ++written["agents"];
    for (auto const& delivery : deliveries) DeliveryTable(db).put(delivery);
    for (auto const& word : words) OwedWordTable(db).put(row.id, word);
    // They end here, as after a daemon's death. The history that comes later leaves them as they are.
    for (auto const& turn : turns) TurnTable(db).put(row.id, turn.number, to_text(to_json(turn)));
    SnapshotTarget target{db, row.id, first_approval, history, last_event, now};
    for (auto const& section : sections())
      if (section.bring && !section.afterwards)
        spool->each(std::string(section.name), row.id, [&](json brought) {
          if (section.bring(target, brought)) ++written[std::string(section.name)];
        });
    // The rest of its log comes later: from now on its numbers go on after this one.
    if (!newest_event.is_null() && kHistorySection.bring(target, newest_event)) ++written["history"];
    transaction.commit();
    return written;
  };
  auto const written = co_await services_.journal.run(std::move(job));
  if (!written) co_return written.error();
  for (auto const& [section, rows] : *written) arrival.written[section] += rows;
  if (arrival.last_event > 0) services_.events.go_on(arrival.id, arrival.last_event);
  services_.events.append(arrival.id, "agent.restored", {{"snapshot", head_.id}, {"state", to_string(arrival.state)}});
  co_return Result<void>();
}

/// The same agent is here already. A daemon may have ended before all that is over of it had come.
awaitable<Result<void>> Restore::complete(std::string id) {
  auto read = [spool = spool_, id]() -> Result<json> {
    auto const last = spool->last("history", id);
    return ok(last ? last->value() : json());
  };
  auto const newest = co_await file_job(files_, std::move(read));
  if (!newest) co_return newest.error();
  if (newest->is_null() || text_at(*newest, "kind") != "event")
    co_return co_await bring_history(id, origins_.at(id).created_at, 0);
  // Another log would have another event of that number.
  auto look = [id, row = *newest](Database& db) -> Result<std::int64_t> {
    auto const number = row.at("number").get<std::int64_t>();
    auto const known = EventTable(db).page(id, number - 1, 1);
    if (known.empty() || known.front().agent_number != number) return 0;
    auto const event = parse_object(known.front().json_text);
    return event && *event == row.at("event") ? number : 0;
  };
  auto const last = co_await services_.journal.read(std::move(look));
  if (!last) co_return last.error();
  co_return co_await bring_history(id, origins_.at(id).created_at, *last);
}

/// Of an agent that is here, for as long as it is: its rows go with it. `last_event`: up to which its log is the
/// snapshot's; 0: it is another one.
awaitable<Result<void>> Restore::bring_history(std::string id, WallTime created_at, std::int64_t last_event) {
  struct Part {
    std::vector<RowSpool::Row> rows{};
    std::int64_t approvals = 0;
  };
  for (std::int64_t after = 0;;) {
    auto read = [spool = spool_, id, after]() -> Result<Part> {
      Part part{spool->page("history", id, after, kAtOnce)};
      part.approvals =
          std::ranges::count(part.rows, "approval", [](auto const& row) { return text_at(row.value(), "kind"); });
      return part;
    };
    auto part = co_await file_job(files_, std::move(read));
    if (!part) co_return part.error();
    if (part->rows.empty()) co_return Result<void>();
    after = part->rows.back().number;
    auto job = [id, rows = std::move(part->rows), first_approval = services_.approvals.take_ids(part->approvals),
                created_at, last_event, now = wall_now()](Database& db) -> Result<std::int64_t> {
      Transaction transaction(db);
      auto const agent = AgentTable(db).find(id);
      auto const record = agent ? maybe_json(agent->record, agent_record_from) : std::nullopt;
      if (!record || record->created_at != created_at) return -1;
      SnapshotTarget target{db, id, first_approval, true, last_event, now};
      std::int64_t written = 0;
      for (auto const& row : rows) written += kHistorySection.bring(target, row.value()) ? 1 : 0;
      transaction.commit();
      return written;
    };
    auto const written = co_await services_.journal.run(std::move(job));
    if (!written) co_return written.error();
    if (*written < 0) co_return Result<void>();  // it has been removed
    written_["history"] += *written;
  }
}

awaitable<Result<std::vector<json>>> Restore::rows_of(std::string section, std::string owner) {
  auto read = [spool = spool_, section = std::move(section), owner = std::move(owner)]() -> Result<std::vector<json>> {
    std::vector<json> rows;
    spool->each(section, owner, [&](json row) { rows.push_back(std::move(row)); });
    return rows;
  };
  co_return co_await file_job(files_, std::move(read));
}

/// The others come with the agents that have them. From the newest down, as the section has them: each is older here
/// than what has come before it.
awaitable<Result<void>> Restore::bring_live_skills() {
  auto list = [spool = spool_]() -> Result<std::vector<std::string>> { return spool->owners_as_they_came("skills"); };
  auto const owners = co_await file_job(files_, std::move(list));
  if (!owners) co_return owners.error();
  for (auto const& owner : *owners) {
    auto read = [spool = spool_, owner]() -> Result<SkillRow> {
      auto const row = spool->last("skills", owner);
      return row ? skill_in(row->value()) : SkillRow();
    };
    auto row = co_await file_job(files_, std::move(read));
    if (!row) co_return row.error();
    if (!row->live) continue;
    auto const name = row->skill.name;
    auto const brought = co_await services_.skills.bring(std::move(row->skill), row->created_at);
    if (!brought && brought.error().code != "quota") co_return brought.error();
    if (!brought) left_out_.push_back("the skill " + name + ": " + brought.error().message);
    written_["skills"] += brought && brought->created ? 1 : 0;
  }
  co_return Result<void>();
}

awaitable<Result<void>> Restore::bring_tool_hooks() {
  auto const rows = co_await rows_of("hooks", {});
  if (!rows) co_return rows.error();
  for (auto const& row : *rows) {
    auto hook = hook_in(row);
    auto const name = "the tool hook " + to_string(hook);
    auto const known = [&](ToolHook const& other) { return other.owner == hook.owner && other.name == hook.name; };
    if (std::ranges::any_of(tool_hooks_.all(), known)) continue;
    if (hook.callback_url.empty()) {
      left_out_.push_back(name + ", whose URL was not taken along, since it may hold a secret; register it again");
      continue;
    }
    auto const target = read_hook_target(hook.callback_url);
    if (auto const allowed = check_host(target->endpoint.host, services_.config.tool_hook_hosts); !allowed) {
      left_out_.push_back(name + ": " + allowed.error().message);
      continue;
    }
    auto const brought = co_await tool_hooks_.bring(std::move(hook));
    if (!brought && brought.error().code != "quota") co_return brought.error();
    if (!brought) left_out_.push_back(name + ": " + brought.error().message);
    written_["hooks"] += brought && *brought ? 1 : 0;
  }
  co_return Result<void>();
}

awaitable<Result<void>> Restore::bring_what_is_nobodys() {
  struct Part {
    std::int64_t after = 0, written = 0;
    bool more = true;
  };
  for (auto const& section : sections()) {
    if (!section.bring) continue;
    for (Part part; part.more;) {
      auto job = [spool = spool_, &section, after = part.after](Database& db) -> Result<Part> {
        Transaction transaction(db);
        SnapshotTarget target{db, {}, 0, false, 0, wall_now()};
        auto const rows = spool->page(std::string(section.name), {}, after, kAtOnce);
        Part next{rows.empty() ? after : rows.back().number, 0, !rows.empty()};
        for (auto const& row : rows) next.written += section.bring(target, row.value()) ? 1 : 0;
        transaction.commit();
        return next;
      };
      auto const next = co_await services_.journal.run(std::move(job));
      if (!next) co_return next.error();
      part = *next;
      written_[std::string(section.name)] += part.written;
    }
  }
  co_return Result<void>();
}

/// All that was not written was skipped. Attachments are parts of their messages.
awaitable<Result<json>> Restore::sections_shown() {
  auto count = [spool = spool_, all = !wishes_.agents, agents = agents_, written = written_]() -> Result<json> {
    json shown = json::object();
    for (auto const& section : sections()) {
      std::string const name(section.name);
      std::int64_t rows = 0;
      for (auto const& owner : all ? spool->owners(name) : agents)
        if (!owns_attachment(owner)) rows += spool->count(name, owner);
      auto const at = written.find(name);
      auto const done = at == written.end() ? 0 : at->second;
      shown[name] = {{"written", done}, {"skipped", std::max<std::int64_t>(rows - done, 0)}};
    }
    return ok(std::move(shown));
  };
  co_return co_await file_job(files_, std::move(count));
}

}  // namespace ar::daemon
