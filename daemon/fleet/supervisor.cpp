#include "daemon/fleet/supervisor.hpp"

#include "base/ids.hpp"
#include "base/suggest.hpp"
#include "base/words.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/agent/lineage.hpp"
#include "daemon/config/config.hpp"
#include "daemon/config/profile.hpp"
#include "daemon/fleet/child_rights.hpp"
#include "daemon/fleet/memory_watch.hpp"
#include "daemon/outputs/output_dirs.hpp"
#include "daemon/store/journal_row.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/removed.hpp"
#include "daemon/store/skill_store.hpp"
#include "daemon/store/tables/agent_table.hpp"
#include "daemon/store/tables/fact_table.hpp"
#include "daemon/store/tables/spawn_key_table.hpp"
#include "relay/message_rules.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sstream>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

/// While memory is tight and no agent may be suspended: whether it still is tight. (As often as MemoryWatch looks.)
constexpr auto kLookAgain = 10s;

/// What the daemon's own environment adds to a list of every agent, separated by commas.
void add_usual(char const* variable, std::vector<std::string>& list) {
  char const* const value = std::getenv(variable);
  std::istringstream words(value ? value : "");
  for (std::string word; std::getline(words, word, ',');) {
    auto const name = trimmed(word);
    if (!name.empty() && std::ranges::find(list, name) == list.end()) list.emplace_back(name);
  }
}

/// Nothing: it is damaged.
std::optional<StoredAgent> read_agent(Database& db, AgentTable::Row const& row) {
  auto spec = read_row(row.spec, "agent " + row.id, spec_from_journal);
  auto record = read_row(row.record, "agent " + row.id, agent_record_from);
  if (!spec || !record) return std::nullopt;
  spec->id = row.id;
  auto const state = agent_state_from(row.state).value_or(AgentState::stopped);
  return StoredAgent{std::move(*spec), state, std::move(*record), DeliveryQueue::stored(db, row.id)};
}

Result<std::vector<StoredAgent>> read_agents(Database& db) {
  std::vector<StoredAgent> stored;
  for (auto const& row : AgentTable(db).all())
    if (auto agent = read_agent(db, row)) stored.push_back(std::move(*agent));
  return stored;
}

Lineage::Member member_of(AgentSpec const& spec) {
  return {spec.parent, spec.root.empty() ? spec.id : spec.root, name_of(spec)};
}

bool is_agent(Principal const& who) { return who.kind == Principal::Kind::agent; }

}  // namespace

Supervisor::Supervisor(Services& services)
    : services_(services),
      recovery_(services, agents_),
      spawning_(services.executor),
      tasks_(services.executor, "supervisor"),
      ending_(services.executor, "end of descendants"),
      watching_(services.executor, "memory") {}
Supervisor::~Supervisor() = default;

awaitable<Result<void>> Supervisor::take_over() {
  services_.store.on_reached([this] {
    for (auto const& [id, agent] : agents_) agent->bus_reached();
  });
  auto query = [](Database& db) { return read_agents(db); };
  auto stored = co_await services_.journal.read(std::move(query));
  if (!stored) co_return stored.error();
  for (auto const& entry : *stored) services_.lineage.add(entry.spec.id, member_of(entry.spec));
  co_await discard_cut_off();
  std::map<std::string, terminal::FoundTerminal> found;
  if (!stored->empty()) {
    auto list = co_await services_.terminals.list();
    if (list)
      for (auto& terminal : *list) found.emplace(terminal.session, terminal);
    else if (list.error().code != "tmux_gone")
      co_return list.error();
  }
  auto const cold_start = co_await recovery_.begin(*stored, found.empty());
  if (!cold_start) co_return cold_start.error();
  std::optional<Error> failed;
  for (auto& entry : *stored) {
    auto const& id = entry.spec.id;
    if (!services_.adapters.contains(entry.spec.provider)) {
      spdlog::error("agent {}: this daemon does not know the provider {}; it is left alone", id, entry.spec.provider);
      continue;
    }
    std::optional<terminal::FoundTerminal> terminal;
    if (auto it = found.find(entry.record.tmux_session); it != found.end()) terminal = it->second;
    // Side by side: a hundred adoptions must not wait for each other.
    auto const name = "take over " + id;
    auto died = [this, id = entry.spec.id, &failed](std::string const& why) {
      if (auto const agent = find(id))
        agent->fault("take over", why);
      else
        failed = internal("bug", "agent " + id + " cannot be taken over: " + why);
    };
    tasks_.spawn_vital(name, take_over_one(std::move(entry), std::move(terminal), *cold_start, failed),
                       std::move(died));
  }
  co_await tasks_.join();
  if (failed) co_return *failed;
  watching_.spawn_vital("memory", free_memory(), services_.on_memory_watch_death);
  co_return Result<void>();
}

/// `cold_start`: see Agent::take_over. `failed` gets the reason when the agent cannot be given a token; it outlives
/// this.
awaitable<void> Supervisor::take_over_one(StoredAgent entry, std::optional<terminal::FoundTerminal> terminal,
                                          std::string cold_start, std::optional<Error>& failed) {
  auto const id = entry.spec.id;
  auto token = read_agent_token(services_.paths.agent_dir(id));
  // One that has ended stays: its process must not speak by it again, and the next one gets a new one.
  if (token && services_.bus.name() == "embedded" && token_problem(*token, wall_now()).empty()) {
    auto const known = co_await services_.bus.check_token(token->token);
    token->revoked = !known && known.error().code == relay::kRevokedToken;
    if (!known && !token->revoked) token = known.error();
  }
  if (!token) {
    spdlog::warn("agent {}: {}; it gets a new token", id, token.error().message);
    token = co_await make_agent_token(services_, id);
  }
  if (!token) {
    failed = token.error();
    co_return;
  }
  // The turn's own row is written before the agent's.
  entry.record.turns = std::max(entry.record.turns, entry.deliveries.newest_turn);
  auto const agent = make(std::move(entry.spec), std::move(entry.record), entry.state, std::move(*token));
  add(agent);
  agent->queue().load(std::move(entry.deliveries));
  if (agent->state() == AgentState::creating && !services_.events.knows(id)) tell_of(*agent);
  co_await agent->take_over(std::move(terminal), std::move(cold_start));
}

/// While memory is tight: suspends those that can go on later where they were, the longest idle first.
awaitable<void> Supervisor::free_memory() {
  auto const used = [this]() -> awaitable<std::int64_t> {
    co_await services_.terminals.look_at_memory();
    std::int64_t total = 0;
    for (auto const& [id, agent] : agents_) total += agent->memory_bytes();
    co_return total;
  };
  auto const limit = [this] { return services_.config.memory_limit_mb << 20; };
  MemoryWatch watch(services_.executor, services_.config.memory_pressure, limit, used);
  for (;;) {
    auto const why = co_await watch.tight();
    auto const idle = suspendable();
    bool freed = false;
    for (auto at = idle.begin(); at != idle.end() && !freed; ++at) {
      auto const agent = find(*at);
      if (!agent) continue;
      bool const can_go_on = co_await agent->can_resume();
      if (!can_go_on) continue;
      json params = {{"reason", "memory is tight: " + why}};
      auto suspended = co_await agent->act("suspend", std::move(params));
      freed = suspended.has_value();
      if (!freed) spdlog::info("not suspended: {}", suspended.error().message);
    }
    // All work, or could not go on after it.
    auto const until = Clock::now() + kLookAgain;
    while (!freed && suspendable() == idle && Clock::now() < until)
      (void)co_await services_.events.wait({}, services_.events.last(), until);
  }
}

std::vector<std::string> Supervisor::suspendable() const {
  std::vector<std::pair<WallTime, std::string>> idle;
  for (auto const& [id, agent] : agents_)
    if (agent->does_nothing()) idle.emplace_back(agent->since(), id);
  std::ranges::sort(idle);
  std::vector<std::string> ids;
  for (auto& [since, id] : idle) ids.push_back(std::move(id));
  return ids;
}

awaitable<void> Supervisor::shut_down(bool stop_agents) {
  services_.store.on_reached({});
  co_await recovery_.stop();
  co_await watching_.stop();
  if (stop_agents) {
    auto stop = [](Agent* agent) -> awaitable<void> {
      json const params = json::object();
      auto stopped = co_await agent->act("stop", params);
      if (!stopped) spdlog::warn("{}", stopped.error().message);
    };
    for (auto const& [id, agent] : agents_) tasks_.spawn("stop " + id, stop(agent.get()));
    co_await tasks_.join();
  }
  co_await ending_.stop();
  for (auto const& [id, agent] : agents_) tasks_.spawn("let go " + id, agent->let_go());
  co_await tasks_.join();
  agents_.clear();
}

awaitable<Result<void>> Supervisor::check_spawn(json body, Principal who) const {
  if (auto may = check_may_spawn(who); !may) co_return may.error();
  auto const spec = co_await check(std::move(body), std::move(who));
  if (!spec) co_return spec.error();
  co_return Result<void>();
}

awaitable<Result<AgentSpec>> Supervisor::check(json body, Principal who) const {
  auto const caller = is_agent(who) ? find(who.agent_id) : nullptr;
  if (is_agent(who) && !caller) co_return get(who.agent_id).error();
  auto spec = caller ? agent_spec_from(body, caller->spec().provider, caller->spec().cwd)
                     : agent_spec_from(body, services_.config.default_provider);
  if (!spec) co_return spec.error();
  if (caller) {
    if (!spec->parent.empty() && spec->parent != caller->id())
      co_return Error{ErrorKind::forbidden, "not_granted",
                      "an agent spawns children of its own only, and this is " + caller->id(), "parent"};
    spec->parent = spec->user = caller->id();
    if (spec->call.turn_id.empty() && !spec->call.turn_sequence && caller->turn_runs()) {
      spec->call.turn_id = caller->running_turn_id();
      spec->call.turn_sequence = caller->running_turn() - 1;
    }
    if (auto limited = limit_to_parent(*spec, body, caller->spec()); !limited) co_return limited.error();
    if (auto const due = caller->deadline()) {
      auto const left = (*due - wall_now()).count();
      if (left <= 0)
        co_return conflict("wrong_state", "the deadline of agent " + caller->id() + " is over, and it spawns nothing");
      spec->deadline_ms = spec->deadline_ms == 0 ? left : std::min(spec->deadline_ms, left);
    }
  } else {
    // A request that names no provider takes its profile's, where that is for one.
    auto profiled = co_await add_profile(*spec, body.value("provider", json()).is_null());
    if (!profiled) co_return profiled.error();
    if (auto good = check_grant(*spec, !body.value("children", json()).is_null()); !good) co_return good.error();
  }
  if (!services_.adapters.contains(spec->provider)) {
    std::string known;
    for (auto const& [name, adapter] : services_.adapters) known += (known.empty() ? "" : ", ") + name;
    co_return invalid("provider", "unknown provider \"" + spec->provider + "\"; known are: " + known);
  }
  bool const belongs = spec->report_end || spec->detached || body.value("parent", json()).is_object();
  if (spec->parent.empty() && belongs)
    co_return invalid("parent", "parent is missing: whose child it is that is detached, or of a turn, or reports");
  if (!spec->parent.empty()) {
    auto const parent = find(spec->parent);
    if (!parent) co_return invalid("parent", "the parent agent " + spec->parent + " does not exist");
    auto const& of = parent->spec();
    spec->root = of.root.empty() ? spec->parent : of.root;
    spec->initiator = of.initiator;
    spec->request_input = spec->request_input && of.request_input;
  }
  auto roots = services_.config.output_roots;
  roots.insert(roots.begin(), spec->cwd);
  for (auto const& dir : spec->output_dirs)
    if (root_of(dir, roots).empty())
      co_return invalid("outputDirs", dir + " does not lie in the agent's folder, " + spec->cwd +
                                          "; name one that does, or let outputs.roots of the configuration allow it");
  add_usual("AGENT_RELAY_TAGS", spec->tags);
  add_usual("AGENT_RELAY_CAPABILITIES", spec->capabilities);
  if (spec->approval_mode.empty())
    spec->approval_mode = spec->agent_profile && !spec->agent_profile->approval_mode.empty()
                              ? spec->agent_profile->approval_mode
                              : AgentSpec().approval_mode;
  co_return spec;
}

/// What the operator grants: as asked for, or as the profile says, within what the configuration allows.
Result<void> Supervisor::check_grant(AgentSpec& spec, bool asked) const {
  auto& grant = spec.children;
  if (!asked && spec.agent_profile) grant = spec.agent_profile->children;
  if (!grant.spawn) {
    grant = {};
    return {};
  }
  auto const& config = services_.config;
  auto const too_much = [](char const* field, std::int64_t most, char const* setting) {
    return invalid(std::string("children.") + field, "children." + std::string(field) + " is at most " +
                                                         std::to_string(most) + ", as " + setting +
                                                         " of the configuration says");
  };
  if (grant.max_depth > config.most_child_depth)
    return too_much("maxDepth", config.most_child_depth, "children.max_depth");
  if (grant.max_children > config.most_children)
    return too_much("maxChildren", config.most_children, "children.max_children");
  if (grant.max_depth == 0) grant.max_depth = config.most_child_depth;
  if (grant.max_children == 0) grant.max_children = config.most_children;
  return {};
}

/// Of an agent: whether it may now have another child.
Result<void> Supervisor::check_may_spawn(Principal const& who) const {
  if (!is_agent(who)) return {};
  auto const agent = get(who.agent_id);
  if (!agent) return agent.error();
  auto const& spec = (*agent)->spec();
  auto const kind = (*agent)->token().profile;  // empty: with another's bus, whose tokens these are not
  bool const right =
      spec.children.spawn && (kind.empty() || kind == "provider-agent" || kind == "provider-interactive");
  if (!right)
    return Error{ErrorKind::forbidden, "not_granted",
                 "agent " + spec.id + " may not spawn children; the operator allows it when spawning it: " +
                     "agent-runner spawn --children, or `children` in its profile"};
  // One that is suspended has no process, but what it has scheduled.
  if (auto const state = (*agent)->state(); !is_live(state) && state != AgentState::suspended)
    return conflict("wrong_state",
                    "agent " + spec.id + " is " + std::string(to_string((*agent)->state())) + " and spawns nothing");
  auto line = services_.lineage.ancestors(spec.id);
  line.insert(line.begin(), spec.id);
  for (auto const& one : line) {
    auto const ancestor = find(one);
    if (!ancestor || !ancestor->spec().children.spawn) continue;
    auto const most = ancestor->spec().children.max_children;
    if (std::ssize(services_.lineage.descendants(one)) >= most)
      return conflict("too_many_children",
                      "agent " + one + " has " + std::to_string(most) +
                          " descendants, as many as it may; remove those that have ended: " + "agent-runner rm");
  }
  return {};
}

/// That it is still there to be one. What it has been asked for takes a while.
Result<void> Supervisor::check_parent(AgentSpec const& spec) const {
  if (spec.parent.empty()) return {};
  auto const parent = find(spec.parent);
  if (!parent || parent->is_removing())
    return conflict("agent_removed", "the parent agent " + spec.parent + " is being removed");
  if (spec.user == spec.parent) return check_may_spawn({Principal::Kind::agent, spec.parent});
  return {};
}

/// The request's own profile, or the configuration's of that name; its texts are read now, so that a restart of the
/// agent finds it unchanged.
awaitable<Result<void>> Supervisor::add_profile(AgentSpec& spec, bool any_provider) const {
  auto const& known = services_.config.profiles;
  bool const own = !spec.profile_table.is_null();
  if (!own && spec.profile.empty()) co_return Result<void>();
  if (!own && !known.contains(spec.profile)) {
    std::string names;
    for (auto const& [name, table] : known) names += (names.empty() ? "" : ", ") + name;
    co_return invalid("profile", "there is no profile \"" + spec.profile.substr(0, 80) + "\"; " +
                                     (names.empty() ? "the configuration has none" : "known are: " + names));
  }
  auto job = [known, own, cwd = spec.cwd, name = spec.profile,
              table = own ? spec.profile_table : known.at(spec.profile)]() -> Result<adapters::Profile> {
    if (!own) return resolve_profile(table, name, known, "profiles." + name + ".");
    auto placed = profile_table(table, cwd, "agentProfile.");
    if (!placed) return placed.error();
    return resolve_profile(std::move(*placed), name, known, "agentProfile.");
  };
  Worker reader(services_.files);
  auto profile = co_await reader.run(std::move(job));
  if (!profile) co_return profile.error();
  if (profile->provider != "any" && any_provider) spec.provider = profile->provider;
  if (profile->provider != "any" && profile->provider != spec.provider)
    co_return invalid("profile",
                      "the profile " + profile->name + " is for " + profile->provider + ", not for " + spec.provider);
  if (spec.profile.empty()) spec.profile = profile->name;
  spec.profile_table = nullptr;
  spec.agent_profile = std::make_shared<adapters::Profile>(std::move(*profile));
  co_return Result<void>();
}

/// What its profile and the request name is kept for it as it is now: its processes find it unchanged.
awaitable<Result<void>> Supervisor::add_skills(AgentSpec& spec) const {
  auto names = spec.agent_profile ? spec.agent_profile->skills : std::vector<std::string>();
  names.insert(names.end(), spec.skills_named.begin(), spec.skills_named.end());
  if (names.empty()) co_return Result<void>();
  auto pinned = co_await services_.skills.pin(spec.id, std::move(names));
  if (!pinned) co_return pinned.error();
  // Without a profile it has all that the person has, and this.
  auto profile = spec.agent_profile ? *spec.agent_profile : *adapters::profile_from({{"base", "host"}}, "host", "");
  profile.skills.clear();
  for (auto const& skill : *pinned) profile.skills.push_back(services_.skills.folder_of(skill).string());
  spec.agent_profile = std::make_shared<adapters::Profile>(std::move(profile));
  spec.skills = std::move(*pinned);
  co_return Result<void>();
}

/// Last before the agent itself: what is made here has to be taken back when that fails.
awaitable<Result<void>> Supervisor::add_workspace(AgentSpec& spec) const {
  auto& workspace = spec.workspace;
  auto const* const usual = std::getenv("AGENT_RELAY_WORKSPACE_MODE");
  if (workspace.requested_mode.empty())
    workspace.requested_mode = !workspace.branch.empty() ? "worktree" : usual && *usual ? usual : "shared";
  auto const mode = workspace.requested_mode;
  if (mode != "shared" && mode != "worktree")
    co_return invalid("workspace.mode",
                      "the workspace mode \"" + mode.substr(0, 40) + "\" is neither shared nor worktree");
  if (mode == "shared") {
    if (!workspace.branch.empty())
      co_return invalid("workspace.branch", "a branch is for the workspace mode worktree only");
    co_return Result<void>();
  }
  auto const branch = workspace.branch.empty() ? "agent-runner/" + spec.id : workspace.branch;
  // Until the agent itself is in the journal: see discard_cut_off().
  auto announce = [this, id = spec.id](Workspace const& planned) {
    services_.journal.write([name = FactTable::kWorktree + id, value = to_text(to_json(planned))](Database& db) {
      FactTable(db).put(name, value);
    });
    return services_.journal.committed();
  };
  auto made = co_await make_worktree(services_.executor, spec.cwd, services_.paths.state_dir / "worktrees" / spec.id,
                                     branch, std::move(announce));
  if (!made) {
    forget_worktree_of(spec.id);
    co_return made.error();
  }
  workspace = std::move(made->workspace);
  for (auto& dir : spec.output_dirs) dir = moved_dir(dir, spec.cwd, made->cwd);
  spec.cwd = std::move(made->cwd);
  co_return Result<void>();
}

/// One that could not be started: as if it had never been asked for.
awaitable<void> Supervisor::take_back(std::shared_ptr<Agent> agent) {
  (void)co_await services_.bus.revoke_token(agent->token().jti);
  if (agent->spec().workspace.is_worktree())
    (void)co_await remove_worktree(services_.executor, agent->spec().workspace);
  forget_worktree_of(agent->id());
  // One of this name that cannot be run here keeps its folder.
  auto look = [id = agent->id()](Database& db) -> Result<bool> { return AgentTable(db).contains(id); };
  auto const known = co_await services_.journal.read(std::move(look));
  if (known && !*known) co_await forget_token(agent->id());
}

void Supervisor::forget_worktree_of(std::string const& id) const {
  services_.journal.write([name = FactTable::kWorktree + id](Database& db) { FactTable(db).erase(name); });
}

/// Spawns in the midst of which a daemon ended: their worktrees are not agents', and would be in the way of the same
/// spawn when it is asked for again. One that cannot be removed now is tried at the next start.
awaitable<void> Supervisor::discard_cut_off() {
  using Cut = std::vector<std::pair<std::string, Workspace>>;
  // An agent that is in the journal keeps its own.
  services_.journal.write([](Database& db) { FactTable(db).erase_of_agents(FactTable::kWorktree); });
  auto query = [](Database& db) -> Result<Cut> {
    Cut cut;
    for (auto const& [agent, value] : FactTable(db).with_prefix(FactTable::kWorktree))
      if (auto workspace = read_row(value, FactTable::kWorktree + agent, workspace_from))
        cut.emplace_back(agent, std::move(*workspace));
    return cut;
  };
  auto cut = co_await services_.journal.read(std::move(query));
  if (!cut) {
    spdlog::warn("cannot look for spawns that were cut off: {}", cut.error().message);
    co_return;
  }
  for (auto const& [id, workspace] : *cut) {
    bool const gone = co_await discard_worktree(services_.executor, workspace);
    if (!gone) {
      spdlog::warn("agent {} was cut off while it was made; its worktree {} cannot be removed", id, workspace.path);
      continue;
    }
    spdlog::info("agent {} was cut off while it was made; its worktree {} is removed", id, workspace.path);
    co_await forget_token(id);
    forget_worktree_of(id);
  }
}

/// `is_new`: nobody had it before, either.
std::string Supervisor::free_name(std::string const& stem, bool is_new) const {
  for (int n = 1;; ++n) {
    auto name = stem + "-" + std::to_string(n);
    if (!agents_.contains(name) && (!is_new || !services_.events.knows(name))) return name;
  }
}

awaitable<Result<Supervisor::Spawned>> Supervisor::spawn(json body, IdempotencyKey key, Principal who) {
  // Before it has to wait for anybody: who may not spawn holds up nobody.
  if (auto may = check_may_spawn(who); !may && key.key.empty()) co_return may.error();
  if (is_agent(who) && !key.key.empty()) key.key = who.agent_id + " " + key.key;  // a key has no blanks
  auto const lock = co_await spawning_.lock();  // two spawns must not find the same free name
  if (!key.key.empty()) {
    auto query = [key = key.key](Database& db) -> Result<std::optional<SpawnKeyTable::Use>> {
      return SpawnKeyTable(db).find(key);
    };
    auto const found = co_await services_.journal.read(std::move(query));
    if (!found) co_return found.error();
    if (auto const& used = *found) {
      if (used->body_hash != key.body_hash)
        co_return idempotency_conflict(used->agent, "the idempotency key was used to spawn agent " + used->agent +
                                                        " with another request; use a new key");
      if (used->over) {
        auto const gone = services_.removed.gone(kAgentNoun, used->agent);
        co_return gone ? *gone : not_found("gone", "the agent " + used->agent + " was removed");
      }
      if (auto const agent = find(used->agent)) {
        Spawned const again{agent, false};
        co_return again;
      }
    }
  }
  if (auto may = check_may_spawn(who); !may) co_return may.error();
  auto place = services_.descriptors.take();  // what others begin meanwhile cannot make this start fail
  if (!place) co_return place.error();
  auto spec = co_await check(body, who);
  if (!spec) co_return spec.error();
  // What was told to, and by, an agent that is gone is not for who takes its name to read.
  if (is_agent(who) && !spec->id.empty() && !find(spec->id) && services_.events.knows(spec->id))
    co_return Error{ErrorKind::forbidden, "not_granted",
                    "there was an agent named " + spec->id + " before; choose a name that nobody had", "id"};
  if (spec->id.empty()) spec->id = free_name(is_agent(who) ? who.agent_id : spec->provider, is_agent(who));
  if (!is_safe_name(spec->id))
    co_return invalid("id",
                      "the name " + spec->id + " is longer than 64 characters; its parents' names are part of it");
  if (auto const namesake = find(spec->id)) {
    auto const there = "there is an agent named " + spec->id + " already, " +
                       std::string(to_string(namesake->state())) + "; choose another name, ";
    co_return conflict("name_taken", is_at_rest(namesake->state())
                                         ? there + "start it again (agent-runner start " + spec->id +
                                               ") or remove it (agent-runner rm " + spec->id + ")"
                                         : there + "or end and remove it: agent-runner stop " + spec->id +
                                               ", then agent-runner rm " + spec->id);
  }

  // What waits to be written, a removal too, must not come after the new row. One that cannot be run here is there.
  if (auto const safe = co_await services_.journal.committed(); !safe) co_return safe.error();
  auto look = [id = spec->id](Database& db) -> Result<bool> { return AgentTable(db).contains(id); };
  auto const left_alone = co_await services_.journal.read(std::move(look));
  if (!left_alone) co_return left_alone.error();
  if (*left_alone)
    co_return conflict("name_taken", "there is an agent named " + spec->id +
                                         " whose provider this daemon does not know; choose another name");

  auto pinned = co_await add_skills(*spec);
  if (!pinned) co_return pinned.error();
  auto const id = spec->id;
  bool const has_skills = !spec->skills.empty();
  auto spawned = co_await begin(std::move(*spec), std::move(*place), std::move(key));
  if (has_skills && !find(id)) co_await services_.skills.unpin(id);
  co_return spawned;
}

awaitable<Result<Supervisor::Spawned>> Supervisor::begin(AgentSpec spec, DescriptorBudget::Place place,
                                                         IdempotencyKey key) {
  auto placed = co_await add_workspace(spec);
  if (!placed) co_return placed.error();
  auto token = co_await make_agent_token(services_, spec.id);
  if (!token) {
    if (spec.workspace.is_worktree()) (void)co_await remove_worktree(services_.executor, spec.workspace);
    forget_worktree_of(spec.id);
    co_return token.error();
  }
  auto const id = spec.id;
  auto const agent = make(std::move(spec), AgentRecord{}, AgentState::creating, std::move(*token));
  // Tried dry, so that a missing CLI is an answer and not a failed agent. Nobody sees it until then.
  auto ready = relay::check_identity(agent->identity());
  if (ready) ready = co_await agent->check_launch();
  auto const wanted = ready ? check_parent(agent->spec()) : ready;
  if (!wanted) {
    co_await take_back(agent);
    co_return wanted.error();
  }
  auto note = [row = agent->prepare(std::move(place)), key](Database& db) -> Result<bool> {
    Transaction transaction(db);
    AgentTable(db).put(row);
    if (!key.key.empty()) SpawnKeyTable(db).put(key.key, {key.body_hash, row.id});
    transaction.commit();
    return true;
  };
  if (auto const noted = co_await services_.journal.run(std::move(note)); !noted) {
    co_await take_back(agent);
    co_return noted.error();
  }
  if (auto const still = check_parent(agent->spec()); !still) {
    services_.journal.write([id](Database& db) {
      AgentTable(db).erase(id);
      SpawnKeyTable(db).forget_agent(id);
    });
    co_await take_back(agent);
    co_return still.error();
  }
  add(agent);
  tell_of(*agent);
  agent->begin();
  if (agent->spec().workspace.is_worktree()) forget_worktree_of(id);
  (void)co_await services_.journal.committed();  // its events; on a disk that is full by now they come later
  Spawned const spawned{agent, true};
  co_return spawned;
}

/// That it has been made.
void Supervisor::tell_of(Agent const& agent) {
  auto const& spec = agent.spec();
  services_.events.append(spec.id, "agent.created", to_public(spec));
  if (!spec.parent.empty()) services_.events.append(spec.parent, "child.created", child_json(spec));
}

awaitable<Result<void>> Supervisor::adopt(std::string id, Bring bring) {
  auto const lock = co_await spawning_.lock();
  if (find(id)) co_return conflict("name_taken", "there is an agent named " + id + " already");
  // One that cannot be run here keeps its folder.
  auto look = [id](Database& db) -> Result<bool> { return AgentTable(db).contains(id); };
  auto const known = co_await services_.journal.read(std::move(look));
  if (!known) co_return known.error();
  if (*known)
    co_return conflict("name_taken", "the journal has an agent named " + id + " already, which cannot be run here");
  auto const token = co_await make_agent_token(services_, id);
  if (!token) co_return token.error();
  auto const brought = co_await bring();
  if (!brought) {
    (void)co_await services_.bus.revoke_token(token->jti);
    co_await forget_token(id);
    co_return brought.error();
  }
  auto query = [id](Database& db) -> Result<StoredAgent> {
    if (auto const row = AgentTable(db).find(id))
      if (auto agent = read_agent(db, *row)) return std::move(*agent);
    return internal("agent_damaged", "what the journal was given of agent " + id + " cannot be read");
  };
  auto stored = co_await services_.journal.read(std::move(query));
  if (!stored) co_return stored.error();
  std::optional<Error> failed;
  co_await take_over_one(std::move(*stored), std::nullopt, {}, failed);
  if (failed) co_return *failed;
  co_return Result<void>();
}

/// And the folder that it is in: no agent of that name is here.
awaitable<void> Supervisor::forget_token(std::string id) {
  auto job = [dir = services_.paths.agent_dir(id)]() -> Result<void> {
    std::error_code ec;
    std::filesystem::remove_all(dir, ec);
    return {};
  };
  Worker files(services_.files);
  (void)co_await files.run(std::move(job));
}

awaitable<Result<json>> Supervisor::remove(std::string id, std::string finished) {
  auto agent = get(id);
  if (!agent) co_return agent.error();
  if (auto removable = check_removable(id); !removable) co_return removable.error();
  if (!is_at_rest((*agent)->state())) co_return co_await (*agent)->erase();  // which says why not
  auto const family = services_.lineage.descendants(id);
  for (auto const& one : family)
    if (auto const child = find(one); child && !is_at_rest(child->state()))
      co_return conflict("agent_running", "agent " + id + " would be removed with its child " + one + ", which is " +
                                              std::string(to_string(child->state())) +
                                              "; stop it first: agent-runner stop " + one);
  bool has_skills = !(*agent)->spec().skills.empty();
  json children = json::array();
  for (auto it = family.rbegin(); it != family.rend(); ++it) {
    auto const child = find(*it);
    if (!child && !services_.lineage.find(*it)) continue;  // somebody has removed it meanwhile
    if (!child) {
      if (auto const erased = co_await erase_left_alone(*it); !erased) co_return erased.error();
      has_skills = true;  // perhaps
      children.push_back(*it);
      continue;
    }
    if (auto const late = services_.lineage.descendants(*it); !late.empty())
      co_return conflict("agent_running", "agent " + *it + " has got the child " + late.front() + " meanwhile");
    has_skills = has_skills || !child->spec().skills.empty();
    auto const erased = co_await erase(child, true);
    if (!erased) co_return erased.error();
    children.push_back(*it);
  }
  if (auto const late = services_.lineage.descendants(id); !late.empty())
    co_return conflict("agent_running", "agent " + id + " has got the child " + late.front() + " meanwhile");
  auto erased = co_await erase(*agent, false, std::move(finished));
  if (!erased) co_return erased.error();
  if (!children.empty()) (*erased)["children"] = std::move(children);
  auto const safe = co_await services_.journal.committed();
  if (!safe) co_return safe.error();
  if (has_skills) co_await services_.skills.collect();
  co_return ok(std::move(*erased));
}

Result<void> Supervisor::check_removable(std::string const& id) const {
  for (auto const& one : services_.lineage.descendants(id))
    if (auto const child = find(one); child && child->spec().detached)
      return conflict("has_children", "agent " + id + " has the detached child " + one +
                                          ", which would lose its parent; remove that first: agent-runner rm " + one);
  return {};
}

awaitable<Result<json>> Supervisor::erase(std::shared_ptr<Agent> agent, bool with_parent, std::string finished) {
  auto erased = co_await agent->erase(with_parent, std::move(finished));
  if (!erased) co_return erased.error();
  forget_tokens_of(agent->id());
  services_.lineage.remove(agent->id());
  agents_.erase(agent->id());
  co_return erased;
}

/// Of an agent whose provider this daemon does not know it has the journal's rows, and perhaps a terminal.
awaitable<Result<void>> Supervisor::erase_left_alone(std::string id) {
  auto const lock = co_await spawning_.lock();  // a new one of its name must not lose its row and its folder
  auto query = [id](Database& db) -> Result<std::optional<StoredAgent>> {
    auto const row = AgentTable(db).find(id);
    return row ? read_agent(db, *row) : std::nullopt;
  };
  auto const stored = co_await services_.journal.read(std::move(query));
  if (!stored) co_return stored.error();
  if (auto const& agent = *stored; agent && !agent->record.tmux_session.empty()) {
    auto const ended = co_await services_.terminals.remove(agent->record.tmux_session, agent->record.mark);
    if (!ended) co_return ended.error();
    if (agent->spec.workspace.is_worktree()) (void)co_await remove_worktree(services_.executor, agent->spec.workspace);
  }
  if (auto const token = read_agent_token(services_.paths.agent_dir(id)))
    (void)co_await services_.bus.revoke_token(token->jti);
  (void)co_await services_.bus.remove_agent(id);
  auto const* const member = services_.lineage.find(id);
  services_.journal.write([id](Database& db) { AgentTable(db).erase(id); });
  services_.removed.note_agent(id, member ? member->parent : std::string());
  services_.approvals.forget(id);
  services_.events.append(id, "agent.removed");
  services_.lineage.remove(id);
  co_await forget_token(id);
  co_return Result<void>();
}

/// Side by side: each may take its time.
awaitable<void> Supervisor::end_descendants(std::string id, std::string verb, json params) {
  struct Left {
    explicit Left(Executor executor) : changed(std::move(executor)) {}
    int count = 0;
    Notifier changed;
  };
  auto const left = std::make_shared<Left>(services_.executor);
  auto end = [](std::shared_ptr<Agent> agent, std::string what, json how, std::shared_ptr<Left> of) -> awaitable<void> {
    struct Done {
      Left& left;
      ~Done() {
        --left.count;
        left.changed.notify_all();
      }
    } const done{*of};
    auto const ended = co_await agent->act_alone(std::move(what), std::move(how));
    if (!ended) spdlog::warn("agent {} does not end with its parent: {}", agent->id(), ended.error().message);
  };
  for (auto const& one : services_.lineage.descendants(id)) {
    auto const agent = find(one);
    if (!agent || agent->state() == AgentState::stopped || goes_on_without(*agent, id)) continue;
    ++left->count;
    ending_.spawn("end " + one, end(agent, verb, params, left));
  }
  while (left->count > 0) (void)co_await left->changed.wait();
}

/// It, or an ancestor of it below `of`, is detached.
bool Supervisor::goes_on_without(Agent const& agent, std::string const& of) const {
  if (agent.spec().detached) return true;
  for (auto const& one : services_.lineage.ancestors(agent.id())) {
    if (one == of) return false;
    auto const ancestor = find(one);
    if (ancestor && ancestor->spec().detached) return true;
  }
  return false;
}

std::shared_ptr<Agent> Supervisor::find(std::string_view id) const {
  auto const it = agents_.find(id);
  return it == agents_.end() ? nullptr : it->second;
}

Result<std::shared_ptr<Agent>> Supervisor::get(std::string_view id) const {
  if (auto agent = find(id)) return agent;
  if (auto gone = services_.removed.gone(kAgentNoun, std::string(id))) return *gone;
  std::vector<std::string> names;
  for (auto const& [name, agent] : agents_) names.push_back(name);
  return not_found("no_such_agent", "there is no agent \"" + std::string(id.substr(0, 80)) + "\"" +
                                        suggestion(id, names) + "; `agent-runner ps -a` lists them");
}

std::shared_ptr<Agent> Supervisor::find_by_token(std::string_view token) const {
  auto const it = by_token_hash_.find(sha256_hex(token));
  return it == by_token_hash_.end() ? nullptr : find(it->second);
}

void Supervisor::tokens_revoked(std::vector<std::string> const& hashes) {
  for (auto const& hash : hashes)
    if (auto const it = by_token_hash_.find(hash); it != by_token_hash_.end())
      if (auto const agent = find(it->second)) agent->token_revoked(hash);
}

void Supervisor::know_tokens_of(Agent const& agent) {
  forget_tokens_of(agent.id());
  for (auto& hash : agent.token_hashes()) by_token_hash_[std::move(hash)] = agent.id();
}

void Supervisor::forget_tokens_of(std::string const& id) {
  std::erase_if(by_token_hash_, [&](auto const& entry) { return entry.second == id; });
}

std::shared_ptr<Agent> Supervisor::make(AgentSpec spec, AgentRecord record, AgentState state, AgentToken token) {
  auto const adapter = services_.adapters.at(spec.provider);
  AgentOwner& owner = *this;
  return std::make_shared<Agent>(services_, adapter, std::move(spec), std::move(record), state, std::move(token),
                                 owner);
}

void Supervisor::add(std::shared_ptr<Agent> const& agent) {
  know_tokens_of(*agent);
  services_.lineage.add(agent->id(), member_of(agent->spec()));
  agents_.emplace(agent->id(), agent);
}

}  // namespace ar::daemon
