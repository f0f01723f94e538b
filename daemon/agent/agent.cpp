#include "daemon/agent/agent.hpp"

#include "adapters/exit_diagnostic.hpp"
#include "base/ids.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace ar::daemon {
using namespace std::chrono_literals;
using terminal::ExitStatus;

namespace {
constexpr auto kStartPatience = 40s;  ///< for the restart policy's wait and the start itself
constexpr Clock::duration kFirstPause = 1s, kLongestPause = 5min;  ///< before what has failed is begun again

std::string in_words(ExitStatus const& status) {
  if (!status.known) return "ended unseen";
  if (!status.not_started.empty()) return status.not_started;
  return status.signal != 0 ? "signal " + std::to_string(status.signal) : "exit status " + std::to_string(status.code);
}

/// What it said last is no account of an end that somebody else has made.
bool may_explain_itself(ExitStatus const& status) {
  if (!status.not_started.empty()) return false;
  constexpr std::array kFromOutside{SIGHUP, SIGINT, SIGKILL, SIGTERM};
  return status.signal == 0 ? status.code != 0 : std::ranges::find(kFromOutside, status.signal) == kFromOutside.end();
}
}  // namespace

Agent::Agent(Services& services, std::shared_ptr<adapters::Adapter const> adapter, AgentSpec spec, AgentRecord record,
             AgentState state, AgentToken token, std::function<void(Agent const&)> tokens_changed)
    : services_(services),
      adapter_(std::move(adapter)),
      spec_(std::move(spec)),
      token_(std::move(token)),
      tokens_changed_(std::move(tokens_changed)),
      record_(std::move(record)),
      state_(state),
      mail_came_(services.executor),
      changed_(services.executor),
      status_changed_(services.executor),
      clearing_(services.executor),
      queue_(services, spec_.id, *this),
      instance_id_(new_uuid()),
      tasks_(services.executor, "agent " + spec_.id) {
  policy_.remember(record_.exits, Clock::now(), wall_now());
  queue_.restore(ProviderHold::from_stored(record_.hold));
}

Agent::~Agent() = default;

// ---- beginning and end ----

void Agent::begin() {
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
    auto const adopted = co_await adopt(*found);
    if (adopted) co_return;
    spdlog::warn("agent {}: cannot adopt its process: {}", spec_.id, adopted.error().message);
  }
  if (found) {
    if (found->exit.known) found->exit.left = co_await services_.terminals.left_by(record_.tmux_session, found->pane);
    co_await note_exit(std::move(found->exit));
  }
  // What it still takes, and writes into its record, must come before the record is asked.
  if (found || !is_at_rest(state_)) (void)co_await clear_away();
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

awaitable<Result<void>> Agent::adopt(terminal::FoundTerminal found) {
  if (auto made = make_folders(); !made) co_return made.error();
  auto const pid = found.pid;
  auto on_exit = [this, whose = record_.provider_session](ExitStatus status) { receive(Exit{status, whose}); };
  auto terminal = co_await services_.terminals.adopt(std::move(found), std::move(on_exit));
  if (!terminal) co_return terminal.error();
  record_.pid = pid;
  state_ = AgentState::starting;  // until the adapter has seen where it stands
  services_.events.append(spec_.id, "agent.adopted", {{"pid", pid}});
  open_session(std::move(*terminal), true);
  save();
  co_return Result<void>();
}

awaitable<void> Agent::let_go() {
  letting_go_ = true;
  subscription_.reset();
  co_await tasks_.stop();
  co_await queue_.stop();
  if (session_) co_await session_->stop();
  session_.reset();
  terminal_.reset();
}

awaitable<Result<json>> Agent::erase() {
  if (!is_at_rest(state_))
    co_return conflict("agent_running", "agent " + spec_.id + " is " + std::string(to_string(state_)) +
                                            "; stop it first: agent-runner stop " + spec_.id);
  if (std::exchange(removing_, true)) co_return being_removed();
  auto const cleared = co_await clear_away();
  if (!cleared) {
    removing_ = false;
    co_return unavailable("not_removed", "agent " + spec_.id + " is not removed, since its terminal cannot be: " +
                                             cleared.error().message);
  }
  co_await let_go();
  // A bus that is away cannot keep an agent here: it takes it for stale.
  if (auto const told = co_await queue_.tell_of_removal(); !told)
    spdlog::warn("agent {}: who waits for its replies is not told of its removal: {}", spec_.id, told.error().message);
  (void)co_await services_.bus.revoke_token(token_.jti);
  (void)co_await services_.bus.remove_agent(spec_.id);
  json answer = {{"removed", spec_.id}};
  if (spec_.workspace.is_worktree()) answer["workspace"] = co_await remove_workspace();
  services_.journal.write([id = spec_.id](Database& db) {
    db.prepare("DELETE FROM deliveries WHERE agent = ?1").bind(id).run();
    db.prepare("DELETE FROM turns WHERE agent = ?1").bind(id).run();
    db.prepare("DELETE FROM words_owed WHERE agent = ?1").bind(id).run();
    db.prepare("DELETE FROM spawn_keys WHERE agent = ?1").bind(id).run();
    db.prepare("DELETE FROM agents WHERE id = ?1").bind(id).run();
  });
  services_.approvals.forget(spec_.id);
  services_.events.append(spec_.id, "agent.removed");
  auto job = [dir = services_.paths.agent_dir(spec_.id)]() -> Result<void> {
    std::error_code ec;
    std::filesystem::remove_all(dir, ec);
    return {};
  };
  (void)co_await services_.files.run(std::move(job));
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
  std::vector<std::string> hashes{sha256_hex(token_.token)};
  if (!record_.process_token_hash.empty()) hashes.push_back(record_.process_token_hash);
  return hashes;
}

void Agent::token_revoked(std::string const& hash) {
  if (hash != sha256_hex(token_.token)) return;
  token_.revoked = true;
  note_token_invalid();
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
    lifecycle_action_ = next == AgentState::stopping     ? (hard_ ? "killing" : "shutting-down")
                        : next == AgentState::restarting ? "restarting"
                                                         : "";
    save();
    services_.events.append(spec_.id, "agent.state",
                            {{"state", to_string(next)}, {"before", to_string(before)}, {"reason", reason}});
    spdlog::info("agent {}: {} -> {} ({})", spec_.id, to_string(before), to_string(next), reason);
    publish();
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
      if (launching_) return;
      launching_ = true;
      ++epoch_;
      spawn_vital("launch", launch());
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

awaitable<void> Agent::terminate(std::uint64_t decision) {
  bool const hard = std::exchange(hard_, false);
  auto const patience = std::exchange(patience_, milliseconds(shutdown_timeout_ms()));
  auto const deadline = Clock::now() + (patience.count() > 0 ? patience : 10'000ms);
  while (launching_ && !is_stale(decision)) co_await changed_.wait();
  if (is_stale(decision)) co_return;
  if (!session_) {
    if (state_ == AgentState::failed) (void)co_await clear_away();  // what a start that failed half way has left
    if (!ending_ && !is_stale(decision)) (void)apply(AgentInput::exited, record_.reason);
    co_return;
  }
  auto const session = session_;  // when another one has taken its place, this one has ended
  if (!hard) {
    quit_refused_ = false;
    if (std::exchange(asked_to_quit_, session.get()) != session.get()) tasks_.spawn("quit", ask_to_quit(session));
    while (session_ == session && !quit_refused_ && !is_stale(decision) && Clock::now() < deadline)
      co_await changed_.wait(deadline);
  }
  if (session_ != session || is_stale(decision)) co_return;
  (void)co_await clear_away();
  co_await see_end();
}

/// Its process has been cleared away.
awaitable<void> Agent::see_end() {
  auto const session = session_;
  auto const seen_by = Clock::now() + 5s;
  while (session_ == session && Clock::now() < seen_by) co_await changed_.wait(seen_by);
  if (session_ == session && !ending_) {  // the terminal's host has lost sight of it, or nobody reads the mail
    ExitStatus unknown;
    unknown.known = false;
    co_await process_ended(unknown);
  }
}

/// Ends everything that runs because of it, wherever that hides, and takes its terminal away. The next process has the
/// same mark: a start clears away as well, and so comes after all that was begun before it.
awaitable<Result<void>> Agent::clear_away() {
  auto const lock = co_await clearing_.lock();
  auto cleared = co_await services_.terminals.remove(record_.tmux_session, record_.mark);
  if (!cleared) spdlog::warn("agent {}: cannot remove its terminal: {}", spec_.id, cleared.error().message);
  co_return cleared;
}

/// By itself, since it may wait for a turn at the keyboard longer than the stop may take.
awaitable<void> Agent::ask_to_quit(std::shared_ptr<adapters::ProviderSession> session) {
  auto const asked = co_await session->quit();
  if (asked_to_quit_ == session.get()) asked_to_quit_ = nullptr;
  if (asked || session_ != session) co_return;
  spdlog::debug("agent {}: cannot ask it to quit: {}", spec_.id, asked.error().message);
  quit_refused_ = true;
  changed_.notify_all();
}

awaitable<void> Agent::process_ended(ExitStatus status) {
  if (ending_ || !session_) co_return;
  struct Ending {
    Agent& agent;
    explicit Ending(Agent& of) : agent(of) { agent.ending_ = true; }
    ~Ending() {
      agent.ending_ = false;
      agent.changed_.notify_all();
    }
  };
  std::optional<Ending> ending(*this);
  provider_ready_ = false;
  co_await note_exit(status);
  (void)co_await services_.journal.committed();  // who listens hears of it before what it left is looked for in /proc
  last_status_ = status;
  record_.pid = 0;
  services_.approvals.withdraw(spec_.id);
  (void)co_await clear_away();  // before its record is asked what it has taken
  co_await queue_.on_process_gone();
  co_await session_->stop();
  session_.reset();
  terminal_.reset();
  place_.reset();
  ending.reset();
  // An end that was asked for keeps its reason; how the process took it is in the event.
  bool const asked_for = state_ == AgentState::stopping || state_ == AgentState::suspending;
  (void)apply(AgentInput::exited, asked_for ? record_.reason : record_.last_exit);
}

void Agent::recover() {
  auto const lived = std::max<milliseconds>(wall_now() - record_.started_at, 0ms);
  auto const decision = policy_.on_exit(Clock::now(), lived);
  record_.exits = policy_.history(Clock::now(), wall_now());
  // Later than at its start, a shell's exit status is that of its last command, whatever that was.
  bool const at_start = last_status_.known && lived < 30s;
  auto const permanent_failure = at_start ? adapter_->permanent_failure(last_status_) : std::string();
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

bool Agent::is_wanted() const {
  return std::ranges::any_of(queue_.open(),
                             [](auto const& entry) { return entry.second.state == DeliveryState::queued; });
}

/// What came while it was being suspended found nobody to wake.
void Agent::wake_if_wanted() {
  if (is_wanted()) wanted();
}

/// A message may wake it, or somebody start it, as soon as it has.
awaitable<bool> Agent::wait_until_ended(milliseconds patience) {
  auto const deadline = Clock::now() + patience;
  auto const is_ending = [this] { return state_ == AgentState::stopping || state_ == AgentState::suspending; };
  while (is_ending() && Clock::now() < deadline) co_await changed_.wait(deadline);
  co_return !is_ending();
}

awaitable<Result<void>> Agent::wait_until_started(milliseconds patience) {
  auto const deadline = Clock::now() + patience + kStartPatience;
  // Who asks should hear at once that the program is not there, though it is looked for again.
  auto const not_now = [this] { return is_at_rest(state_) || policy_.program_missing(); };
  while (!is_live(state_) && !not_now() && Clock::now() < deadline) co_await changed_.wait(deadline);
  if (is_live(state_)) co_return Result<void>();
  if (not_now())
    co_return conflict("start_failed", "agent " + spec_.id + " was not started: it is " +
                                           std::string(to_string(state_)) + " (" + record_.reason + ")");
  co_return timed_out("agent " + spec_.id + " is still " + std::string(to_string(state_)) + " (" + record_.reason +
                      "); see `agent-runner events " + spec_.id + "`");
}

awaitable<void> Agent::note_exit(ExitStatus status) {
  auto const before = std::exchange(record_.last_exit, in_words(status));
  auto const lines_before = std::exchange(record_.last_lines, {});
  // tmux may not have read what was written in the very moment of the end. Of a start that is repeated, the one before
  // said the same.
  bool const repeated = !record_.exits.empty() && status.known && wall_now() - record_.started_at < 30s &&
                        (before == record_.last_exit || before.starts_with(record_.last_exit + ", "));
  if (status.known) {
    auto request = launch_request();
    auto const secrets = adapters::secrets_in(request.environment);
    record_.last_lines = adapters::last_lines(status.left, secrets);
    if (may_explain_itself(status)) {
      auto job = [adapter = adapter_, request = std::move(request)]() -> std::string {
        try {
          return adapter->exit_diagnostic(request);
        } catch (std::exception const&) {  // a file that cannot be read
          return {};
        }
      };
      auto said = co_await services_.files.run(std::move(job));
      if (said.empty()) {
        std::string text;
        for (auto const& line : record_.last_lines) text += line + "\n";
        said = adapters::exit_diagnostic(text, secrets);
        if (!said.empty()) said = "it said \"" + said + "\"";
      }
      if (!said.empty()) record_.last_exit += ", " + said;
    }
  }
  if (repeated && record_.last_lines.empty()) {
    record_.last_lines = lines_before;
    if (record_.last_exit.size() < before.size()) record_.last_exit = before;
  }
  services_.events.append(spec_.id, "agent.exited",
                          {{"status", record_.last_exit},
                           {"code", status.code},
                           {"signal", status.signal},
                           {"lastLines", record_.last_lines}});
}

void Agent::save() {
  auto change = [id = spec_.id, spec = to_text(to_journal(spec_)), state = std::string(to_string(state_)),
                 record = to_text(to_json(record_))](Database& db) {
    db.prepare(
          "INSERT INTO agents(id, spec, state, record) VALUES(?1, ?2, ?3, ?4) "
          "ON CONFLICT(id) DO UPDATE SET state = ?3, record = ?4")
        .bind(id, spec, state, record)
        .run();
  };
  services_.journal.write(std::move(change));
}

}  // namespace ar::daemon
