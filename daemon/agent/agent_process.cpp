// An agent's process: how it is started, taken over, ended, and begun again.
#include "adapters/exit_diagnostic.hpp"
#include "base/ids.hpp"
#include "daemon/agent/agent.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
using terminal::ExitStatus;

namespace {
constexpr auto kLaunchAgain = 2s;  ///< after a failure that may pass by itself

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
/// Nobody else's, and none that could be guessed.
ProcessMark new_process_mark() {
  auto const digits = random_hex(7);
  ProcessMark mark = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), mark, 16);
  return mark + 1;
}
}  // namespace

awaitable<void> Agent::launch() {
  struct Done {
    Agent& agent;
    ~Done() {
      agent.launching_ = false;
      agent.changed_.notify_all();
    }
  } done{*this};
  faults_ = 0;
  auto place = services_.descriptors.take();
  if (!place) {
    launch_failed(place.error());
    co_return;
  }
  // Of a start whose answer was lost, something may run.
  auto const cleared = co_await clear_away();
  if (!cleared) {
    launch_failed(cleared.error());
    co_return;
  }
  while (session_) co_await see_end();  // of a fault, whose process was not ended before
  if (record_.mark == 0) record_.mark = new_process_mark();
  record_.provider_session = new_uuid();
  record_.started_at = wall_now();
  record_.pid = 0;
  if (auto const good = co_await token_.make_good(); !good) {
    launch_failed(good.error());
    co_return;
  }
  if (auto made = provider_.make_folders(); !made) {
    launch_failed(made.error());
    co_return;
  }
  bool const resumes = co_await can_resume();
  auto request = provider_.request();
  // A provider refuses an id that was used before; one that was never prompted may be used again.
  request.new_session_id = record_.session_id.empty() ? new_uuid() : record_.session_id;
  if (!resumes) request.resume_session.clear();
  auto plan = co_await provider_.prepare(std::move(request));
  if (!plan) {
    launch_failed(plan.error());
    co_return;
  }
  record_.session_id = plan->session_id;
  if (!plan->resumes) record_.set_transcript({});
  record_.process_token_hash = token_.hash();
  tokens_changed_(*this);
  save();
  auto const safe = co_await services_.journal.committed();
  if (!safe) {
    launch_failed(safe.error());
    co_return;
  }
  (void)provider_.write_info_file();
  terminal::TerminalSpec terminal_spec;
  terminal_spec.session = record_.tmux_session;
  terminal_spec.argv = plan->argv;
  for (auto const& [name, value] : plan->environment) terminal_spec.environment.push_back(name + "=" + value);
  terminal_spec.directory = spec_.cwd;
  terminal_spec.columns = static_cast<int>(services_.config.attach_columns);
  terminal_spec.rows = static_cast<int>(services_.config.attach_rows);
  terminal_spec.mark = record_.mark;
  auto on_exit = [this, whose = record_.provider_session](ExitStatus status) { receive(Exit{status, whose}); };
  auto terminal = co_await services_.terminals.start(std::move(terminal_spec), std::move(on_exit));
  if (!terminal) {
    (void)co_await clear_away();  // it may have come about all the same
    launch_failed(terminal.error());
    co_return;
  }
  (void)launch_failures_.recovered("start");
  policy_.on_found();
  record_.pid = (*terminal)->pid();
  save();
  (void)provider_.write_info_file();
  services_.events.append(spec_.id, "agent.launched",
                          {{"pid", record_.pid}, {"resumed", plan->resumes}, {"sessionId", record_.session_id}});
  (void)apply(AgentInput::launched, plan->resumes ? "started, session resumed" : "started");
  place_ = std::move(*place);
  open_session(std::move(*terminal), false);
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

void Agent::open_session(std::shared_ptr<terminal::Terminal> terminal, bool adopted) {
  terminal_ = std::move(terminal);
  launched_as_ = record_.provider_session;
  provider_ready_ = false;
  adopted_ = adopted;
  adapters::SessionContext context;
  context.executor = services_.executor;
  context.terminal = terminal_;
  context.request = provider_.request();
  context.session_id = record_.session_id;
  context.transcript = record_.transcript;
  context.earlier_transcript = record_.earlier_transcript;
  context.adopted = adopted;
  if (adopted) context.open_turn = queue_.open_turn();
  context.emit = [this](adapters::ProviderEvent event) { receive(std::move(event)); };
  context.on_death = [this, whose = launched_as_](std::string const& why) {
    if (whose == launched_as_) fault("session", why);
  };
  session_ = provider_.adapter().open(std::move(context));
  session_->start();
}

// ---- its end ----

awaitable<Result<void>> Agent::adopt(terminal::FoundTerminal found) {
  if (auto made = provider_.make_folders(); !made) co_return made.error();
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
  auto const permanent_failure = at_start ? provider_.adapter().permanent_failure(last_status_) : std::string();
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

awaitable<void> Agent::note_exit(ExitStatus status) {
  auto const before = std::exchange(record_.last_exit, in_words(status));
  auto const lines_before = std::exchange(record_.last_lines, {});
  // tmux may not have read what was written in the very moment of the end. Of a start that is repeated, the one before
  // said the same.
  bool const repeated = !record_.exits.empty() && status.known && wall_now() - record_.started_at < 30s &&
                        (before == record_.last_exit || before.starts_with(record_.last_exit + ", "));
  if (status.known) {
    auto request = provider_.request();
    auto const secrets = adapters::secrets_in(request.environment);
    record_.last_lines = adapters::last_lines(status.left, secrets);
    if (may_explain_itself(status)) {
      auto said = co_await provider_.exit_diagnostic(std::move(request));
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

}  // namespace ar::daemon
