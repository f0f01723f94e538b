#include "daemon/agent/agent.hpp"

#include "base/ids.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/store/message_files.hpp"
#include "daemon/store/tables/agent_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;

namespace {
constexpr auto kLaunchAgain = 2s;                                  ///< after a failure that may pass by itself
constexpr Clock::duration kFirstPause = 1s, kLongestPause = 5min;  ///< before what has failed is begun again

}  // namespace

Agent::Agent(Services& services, std::shared_ptr<adapters::Adapter const> adapter, AgentSpec spec, AgentRecord record,
             AgentState state, AgentToken token, std::function<void(Agent const&)> tokens_changed)
    : services_(services),
      spec_(std::move(spec)),
      tokens_changed_(std::move(tokens_changed)),
      record_(std::move(record)),
      state_(state),
      token_(services, spec_.id, std::move(token), *this),
      provider_(services, std::move(adapter), spec_, record_, token_.token()),
      mail_came_(services.executor),
      changed_(services.executor),
      turns_(services, spec_.id, work_, *this),
      queue_(services, spec_.id, turns_, *this),
      process_(services, spec_, record_, token_, provider_, changed_, tasks_, *this),
      view_({services, spec_, record_, state_, provider_, token_, work_, queue_}),
      presence_(services, spec_, record_, *this),
      commands_(services, spec_, tasks_, *this),
      tasks_(services.executor, "agent " + spec_.id) {
  policy_.remember(record_.exits, Clock::now(), wall_now());
  queue_.restore(ProviderHold::from_stored(record_.hold));
}

Agent::~Agent() = default;

// ---- beginning and end ----

void Agent::begin(DescriptorBudget::Place place) {
  process_.reserve(std::move(place));
  record_.created_at = record_.since = wall_now();
  record_.tmux_session = "ar-" + spec_.id;
  save();
  services_.events.append(spec_.id, "agent.created", to_public(spec_));
  join_bus();
  (void)apply(AgentInput::start, "first start");
}

awaitable<void> Agent::take_over(std::optional<terminal::FoundTerminal> found) {
  bool const alive = found && found->alive;
  join_bus();
  bool const wants_process = !is_at_rest(state_) && state_ != AgentState::stopping && state_ != AgentState::suspending;
  if (alive && wants_process) {
    auto const adopted = co_await process_.adopt(*found);
    if (adopted) co_return;
    spdlog::warn("agent {}: cannot adopt its process: {}", spec_.id, adopted.error().message);
  }
  if (found) {
    if (found->exit.known) found->exit.left = co_await services_.terminals.left_by(record_.tmux_session, found->pane);
    co_await process_.note_exit(std::move(found->exit));
  }
  // What it still takes, and writes into its record, must come before the record is asked.
  if (found || !is_at_rest(state_)) (void)co_await process_.clear_away();
  services_.approvals.withdraw(spec_.id);
  co_await queue_.on_process_gone();
  switch (state_) {
    case AgentState::creating: (void)apply(AgentInput::start, "first start"); break;
    case AgentState::restarting: (void)apply(AgentInput::restart_due, "the daemon was restarted"); break;
    default:
      if (is_at_rest(state_)) {
        queue_.on_rest();
        wake_if_wanted();
        break;
      }
      (void)apply(AgentInput::exited, "it ended while no daemon ran");
  }
}

awaitable<void> Agent::let_go() {
  letting_go_ = true;
  subscription_.reset();
  co_await tasks_.stop();
  co_await queue_.stop();
  co_await process_.let_go();
}

awaitable<Result<json>> Agent::erase() {
  if (!is_at_rest(state_))
    co_return conflict("agent_running", "agent " + spec_.id + " is " + std::string(to_string(state_)) +
                                            "; stop it first: agent-runner stop " + spec_.id);
  if (std::exchange(removing_, true)) co_return being_removed();
  auto const cleared = co_await process_.clear_away();
  if (!cleared) {
    removing_ = false;
    co_return unavailable("not_removed", "agent " + spec_.id + " is not removed, since its terminal cannot be: " +
                                             cleared.error().message);
  }
  co_await let_go();
  // A bus that is away cannot keep an agent here: it takes it for stale.
  if (auto const told = co_await queue_.tell_of_removal(); !told)
    spdlog::warn("agent {}: who waits for its replies is not told of its removal: {}", spec_.id, told.error().message);
  (void)co_await services_.bus.revoke_token(token().jti);
  (void)co_await services_.bus.remove_agent(spec_.id);
  json answer = {{"removed", spec_.id}};
  if (spec_.workspace.is_worktree()) answer["workspace"] = co_await remove_workspace();
  services_.journal.write([id = spec_.id](Database& db) { AgentTable(db).erase(id); });
  services_.approvals.forget(spec_.id);
  services_.events.append(spec_.id, "agent.removed");
  auto job = [dir = services_.paths.agent_dir(spec_.id)]() -> Result<void> {
    std::error_code ec;
    std::filesystem::remove_all(dir, ec);
    return {};
  };
  Worker files(services_.files);
  (void)co_await files.run(std::move(job));
  co_return ok(std::move(answer));
}

Error Agent::being_removed() const {
  return conflict("agent_removed", "agent " + spec_.id + " is being removed; spawn it anew once it is gone");
}

/// Its worktree goes with it, unless something would be lost: then people are told where it is.
awaitable<json> Agent::remove_workspace() {
  auto const done = co_await remove_worktree(services_.executor, spec_.workspace);
  auto shown = to_json(spec_.workspace);
  shown["removed"] = done && done->removed;
  shown["branchDeleted"] = done && done->branch_deleted;
  if (auto const kept = done ? done->kept : done.error().message; !kept.empty()) shown["kept"] = kept;
  services_.events.append(spec_.id, shown.contains("kept") ? "workspace.kept" : "workspace.removed", shown);
  co_return shown;
}

std::vector<std::string> Agent::token_hashes() const {
  std::vector<std::string> hashes{token_.hash()};
  if (!record_.process_token_hash.empty()) hashes.push_back(record_.process_token_hash);
  return hashes;
}

// ---- the state machine ----

Result<void> Agent::apply(AgentInput input, std::string reason) {
  if (removing_) return being_removed();
  auto const [next, action] = next_state(state_, input);
  if (action == Action::refuse)
    return conflict("wrong_state", "agent " + spec_.id + " is " + std::string(to_string(state_)) + " and cannot " +
                                       std::string(to_string(input)) + " now; see `agent-runner ps`");
  if (next != state_) {
    auto const before = std::exchange(state_, next);
    record_.since = wall_now();
    record_.reason = reason;
    if (next == AgentState::failed)
      work_.set_terminal("error");
    else if (is_at_rest(next) || next == AgentState::restarting)
      work_.set_terminal("offline");
    else if (next == AgentState::idle || next == AgentState::busy)
      work_.clear_terminal();
    view_.set_lifecycle_action(next == AgentState::stopping     ? (hard_ ? "killing" : "shutting-down")
                               : next == AgentState::restarting ? "restarting"
                                                                : "");
    save();
    services_.events.append(spec_.id, "agent.state",
                            {{"state", to_string(next)}, {"before", to_string(before)}, {"reason", reason}});
    spdlog::info("agent {}: {} -> {} ({})", spec_.id, to_string(before), to_string(next), reason);
    publish();
    token_.look_again();
    changed_.notify_all();
  }
  perform(action);
  return {};
}

void Agent::perform(Action action) {
  switch (action) {
    case Action::none:
    case Action::refuse: return;
    case Action::launch:
      if (process_.is_launching()) return;
      process_.decide_launch();
      ++epoch_;
      faults_ = 0;
      spawn_vital("launch", process_.launch());
      break;
    case Action::terminate: spawn_vital("terminate", terminate(++epoch_)); break;
    case Action::recover:
      ++epoch_;
      recover();
      break;
    case Action::settle:
      ++epoch_;
      queue_.on_rest();
      wake_if_wanted();
      break;
  }
}

void Agent::spawn_vital(std::string name, awaitable<void> task) {
  auto died = [this, name](std::string const& why) { fault(name, why); };
  tasks_.spawn_vital(name, std::move(task), std::move(died));
}

void Agent::keep_up(DeliveryQueue::Loop loop) {
  auto died = [this, loop](std::string const& why) {
    fault(loop.first, why);
    if (!letting_go_) tasks_.spawn(loop.first + " again", begin_again(loop, epoch_));
  };
  tasks_.spawn_vital(loop.first, loop.second(), std::move(died));
}

awaitable<void> Agent::begin_again(DeliveryQueue::Loop loop, std::uint64_t decision) {
  auto const pause = std::min(kFirstPause * (1 << std::min(faults_, 10)), kLongestPause);
  auto const due = Clock::now() + pause;
  while (Clock::now() < due && !is_stale(decision)) co_await changed_.wait(due);
  keep_up(std::move(loop));
}

void Agent::fault(std::string const& part, std::string const& why) {
  if (letting_go_) return;
  ++faults_;
  auto const text = "its part \"" + part + "\" ended by an internal error: " + why;
  spdlog::error("agent {}: {}", spec_.id, text);
  services_.events.append(spec_.id, "agent.fault", {{"part", part}, {"reason", why}});
  (void)apply(AgentInput::faulted,
              text + "; see the daemon's log, then `agent-runner restart " + spec_.id + "` starts it again");
}

bool Agent::is_wanted() const {
  return std::ranges::any_of(queue_.open(),
                             [](auto const& entry) { return entry.second.state == DeliveryState::queued; });
}

/// What came while it was being suspended found nobody to wake.
void Agent::wake_if_wanted() {
  if (is_wanted()) wanted();
}

// ---- its process ----

void Agent::launched(bool resumed) {
  (void)launch_failures_.recovered("start");
  policy_.on_found();
  queue_.on_process_started();
  (void)apply(AgentInput::launched, resumed ? "started, session resumed" : "started");
}

/// An end that was asked for keeps its reason; how the process took it is in the event.
void Agent::ended() {
  bool const asked_for = state_ == AgentState::stopping || state_ == AgentState::suspending;
  (void)apply(AgentInput::exited, asked_for ? record_.reason : record_.last_exit);
}

awaitable<void> Agent::terminate(std::uint64_t decision) {
  bool const hard = std::exchange(hard_, false);
  auto const patience = std::exchange(patience_, milliseconds(shutdown_timeout_ms()));
  auto const deadline = Clock::now() + (patience.count() > 0 ? patience : 10'000ms);
  bool const was_there = co_await process_.end(hard, deadline, [this, decision] { return is_stale(decision); });
  if (was_there) co_return;
  if (state_ == AgentState::failed) (void)co_await process_.clear_away();  // what a start that failed half way has left
  if (!process_.is_ending() && !is_stale(decision)) (void)apply(AgentInput::exited, record_.reason);
}

void Agent::launch_failed(Error const& error) {
  // An agent that ran before is not given up because the disk is full, the tmux server has just been killed, or an
  // update replaces its program.
  bool const missing = error.code == "cli_missing";
  if (!missing) policy_.on_found();
  bool const may_pass = missing || is_transient(error);
  if (!may_pass || state_ != AgentState::restarting) {
    (void)apply(AgentInput::launch_failed, error.message);
    return;
  }
  milliseconds wait = kLaunchAgain;
  if (missing) {
    auto const decision = policy_.on_missing(Clock::now());
    if (!decision.wait) {
      give_up(error.message + "; gave up after " + std::to_string(decision.exits) + " tries in 2 min");
      return;
    }
    wait = *decision.wait;
  }
  if (launch_failures_.should_log("start", error.message)) {
    spdlog::warn("agent {}: cannot start it now: {}", spec_.id, error.message);
    services_.events.append(spec_.id, "agent.restarting", {{"reason", error.message}, {"waitMs", wait.count()}});
  }
  auto const reason = error.message + "; tried again in " + std::to_string(wait.count()) + " ms";
  if (std::exchange(record_.reason, reason) != reason) save();
  spawn_vital("launch again", restart_later(wait, epoch_));
}

void Agent::recover() {
  auto const lived = std::max<milliseconds>(wall_now() - record_.started_at, 0ms);
  auto const decision = policy_.on_exit(Clock::now(), lived);
  record_.exits = policy_.history(Clock::now(), wall_now());
  // Later than at its start, a shell's exit status is that of its last command, whatever that was.
  bool const at_start = process_.last_status().known && lived < 30s;
  auto const permanent_failure =
      at_start ? provider_.adapter().permanent_failure(process_.last_status()) : std::string();
  if (!permanent_failure.empty()) {
    give_up("not started again: " + permanent_failure +
            (permanent_failure == record_.last_exit ? "" : " (" + record_.last_exit + ")"));
    return;
  }
  if (!decision.wait) {
    give_up("gave up after " + std::to_string(decision.exits) + " exits in 2 min (last: " + record_.last_exit + ")");
    return;
  }
  ++record_.restarts;
  auto const wait = services_.brake.slot(Clock::now(), *decision.wait);
  record_.reason =
      record_.last_exit + ", restart " + std::to_string(decision.exits) + " in " + std::to_string(wait.count()) + " ms";
  services_.events.append(spec_.id, "agent.restarting", {{"exits", decision.exits}, {"waitMs", wait.count()}});
  save();
  spawn_vital("restart", restart_later(wait, epoch_));
}

void Agent::give_up(std::string const& why) {
  auto const text = why + "; see `agent-runner events " + spec_.id + "`, then `agent-runner restart " + spec_.id + "`";
  spdlog::error("agent {}: {}", spec_.id, text);
  (void)apply(AgentInput::gave_up, text);
}

awaitable<void> Agent::restart_later(milliseconds wait, std::uint64_t decision) {
  bool const due = co_await sleep_for(wait);
  if (due && !is_stale(decision)) (void)apply(AgentInput::restart_due, "restart after " + record_.last_exit);
}

// ---- the bus ----

void Agent::join_bus() {
  relay::BusHints hints;
  hints.message = [this](Message const& message) { queue_.offer(message); };
  hints.command = [this](Command const& command) { commands_.take(command); };
  subscription_ = services_.bus.subscribe(identity(), spec_.id, std::move(hints));
  keep_up({"mail", [this] { return read_mail(); }});
  keep_up({"bus", [this] { return presence_.run(); }});
  keep_up({"token", [this] { return token_.keep_fresh(); }});
  if (spec_.idle_ttl_ms > 0) keep_up({"idle", [this] { return idle_watch(); }});
  for (auto& loop : queue_.loops()) keep_up(std::move(loop));
}

awaitable<Result<void>> Agent::fetch_unread() {
  auto const fetched = co_await queue_.fetch_unread(identity());
  if (!fetched) co_return fetched.error();
  co_return co_await fetch_commands();
}

awaitable<Result<void>> Agent::fetch_commands() {
  std::vector<std::string> targets{spec_.id};
  auto commands = co_await services_.bus.commands_for(std::move(targets));
  if (!commands) co_return commands.error();
  for (auto const& command : *commands) commands_.take(command);
  co_return Result<void>();
}

void Agent::bus_reached() {
  queue_.store_reached();
  publish();
}

void Agent::store_changed() { presence_.register_again(); }

// ---- its token ----

bool Agent::speaks() const {
  return !is_at_rest(state_) && state_ != AgentState::creating && state_ != AgentState::restarting;
}

void Agent::token_changed() {
  tokens_changed_(*this);
  publish();
}

void Agent::token_ended() {
  queue_.on_gate_changed();
  publish();
}

// ---- deliveries ----

adapters::ProviderSession* Agent::ready_session() {
  if (!process_.is_ready() || !token_.why_invalid().empty()) return nullptr;
  return state_ == AgentState::idle || state_ == AgentState::busy ? process_.session().get() : nullptr;
}

std::string Agent::not_ready_reason() const {
  if (auto why = token_.why_invalid(); !why.empty()) return why;
  switch (state_) {
    case AgentState::waiting: return "waits for a person: " + record_.reason;
    case AgentState::failed: return "the agent has failed: " + record_.reason;
    case AgentState::stopped: return "the agent is stopped; `agent-runner restart " + spec_.id + "` starts it";
    default: return "the agent is " + std::string(to_string(state_));
  }
}

std::string Agent::no_bus() const {
  auto const refused = services_.bus.refusal(spec_.id);
  return refused ? refused->message : std::string();
}

void Agent::wanted() {
  if (state_ == AgentState::suspended) (void)apply(AgentInput::wake, "a message came");
}

void Agent::hold_changed() {
  record_.hold = queue_.provider_hold().stored();
  save();
  publish();
}

std::filesystem::path Agent::files_dir() const { return message_files_dir(services_.paths, spec_.id); }

void Agent::save() {
  AgentTable::Row row{spec_.id, to_text(to_journal(spec_)), std::string(to_string(state_)), to_text(to_json(record_))};
  auto change = [row = std::move(row)](Database& db) { AgentTable(db).put(row); };
  services_.journal.write(std::move(change));
}

}  // namespace ar::daemon
