#include "daemon/agent.hpp"

#include "base/ids.hpp"
#include "daemon/launch_environment.hpp"

#include <spdlog/spdlog.h>

#include <csignal>

namespace ar::daemon {
using namespace std::chrono_literals;
using adapters::ExitStatus;

namespace {
constexpr auto kLaunchAgain = 2s;  ///< after a failure that may pass by itself
}

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
      queue_(services, spec_.id, *this),
      tasks_(services.executor, "agent " + spec_.id) {
  policy_.remember(record_.exits, Clock::now(), wall_now());
}

Agent::~Agent() = default;

// ---- beginning and end ----

awaitable<Result<void>> Agent::check_launch() const {
  auto request = launch_request();
  if (!request) co_return request.error();
  request->new_session_id = new_uuid();
  if (auto const& profile = spec_.agent_profile; profile && profile->strict)
    if (auto const why = projection().first_impossible(); !why.empty())
      co_return invalid("agentProfile", "the profile " + profile->name + " is strict, and " + spec_.provider +
                                            " cannot be made to comply with it: " + why);
  auto const plan = co_await prepare(std::move(*request));
  if (!plan) co_return plan.error();
  co_return Result<void>();
}

awaitable<Result<adapters::LaunchPlan>> Agent::prepare(adapters::LaunchRequest request) const {
  auto job = [adapter = adapter_, request = std::move(request)] { return adapter->prepare(request); };
  co_return co_await services_.launches.run(std::move(job));
}

adapters::ProjectionReport const& Agent::projection() const {
  if (!projection_) {
    auto const request = launch_request();
    if (!request) {
      static adapters::ProjectionReport const none;
      return none;
    }
    projection_ = adapter_->projection(*request);
  }
  return *projection_;
}

void Agent::begin() {
  record_.created_at = record_.since = wall_now();
  record_.tmux_session = "ar-" + spec_.id;
  save();
  services_.events.append(spec_.id, "agent.created", to_public(spec_));
  join_bus();
  (void)apply(AgentInput::start, "first start");
}

awaitable<void> Agent::take_over(std::optional<adapters::FoundTerminal> found) {
  bool const alive = found && found->alive;
  join_bus();
  bool const wants_process = !is_at_rest(state_) && state_ != AgentState::stopping && state_ != AgentState::suspending;
  if (alive && wants_process) {
    auto const provider_session = record_.provider_session;
    auto on_exit = [this, provider_session](ExitStatus status) { receive(Exit{status, provider_session}); };
    auto terminal = co_await services_.terminals.adopt(*found, std::move(on_exit));
    if (terminal) {
      record_.pid = found->pid;
      state_ = AgentState::starting;  // until the adapter has seen where it stands
      services_.events.append(spec_.id, "agent.adopted", {{"pid", found->pid}});
      open_session(std::move(*terminal), true);
      save();
      co_return;
    }
    spdlog::warn("agent {}: cannot adopt its terminal: {}", spec_.id, terminal.error().message);
  }
  if (alive) (void)co_await services_.terminals.remove(found->session);
  // Its terminal may have died under it: what it still takes, and writes into its record, must come before the witness
  // is asked.
  if (!found && record_.pid > 0)
    co_await services_.terminals.end_lost(static_cast<pid_t>(record_.pid),
                                          "AGENT_RELAY_PROVIDER_SESSION_ID=" + record_.provider_session);
  services_.approvals.withdraw(spec_.id);
  co_await queue_.on_process_gone();
  switch (state_) {
    case AgentState::creating: (void)apply(AgentInput::start, "first start"); break;
    case AgentState::restarting: (void)apply(AgentInput::restart_due, "the daemon was restarted"); break;
    default:
      if (is_at_rest(state_)) break;
      if (found) record_.last_exit = exit_text(found->exit);
      (void)apply(AgentInput::exited, "it ended while no daemon ran");
  }
}

awaitable<void> Agent::let_go() {
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
  co_await let_go();
  (void)co_await services_.terminals.remove(record_.tmux_session);
  // A bus that is away cannot keep an agent here: it takes it for stale.
  (void)co_await services_.bus.revoke_token(token_.jti);
  (void)co_await services_.bus.remove_agent(spec_.id);
  json answer = {{"removed", spec_.id}};
  if (spec_.workspace.is_worktree()) answer["workspace"] = co_await remove_workspace();
  services_.journal.write([id = spec_.id](Database& db) {
    db.prepare("DELETE FROM deliveries WHERE agent = ?1").bind(id).run();
    db.prepare("DELETE FROM turns WHERE agent = ?1").bind(id).run();
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

// ---- the state machine ----

Result<void> Agent::apply(AgentInput input, std::string reason) {
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
    case Action::refuse: break;
    case Action::launch: tasks_.spawn("launch", launch()); break;
    case Action::terminate: tasks_.spawn("terminate", terminate()); break;
    case Action::recover: recover(); break;
    case Action::settle: tasks_.spawn("settle", settle()); break;
  }
}

Result<adapters::LaunchRequest> Agent::launch_request() const {
  adapters::LaunchRequest request;
  request.agent_id = spec_.id;
  request.cwd = spec_.cwd;
  request.model = spec_.model;
  request.effort = spec_.effort;
  request.approval_mode = spec_.approval_mode;
  request.label = spec_.label;
  request.request_input = spec_.request_input;
  request.system_prompt_append = spec_.system_prompt_append;
  request.provider_args = spec_.provider_args;
  request.profile = spec_.agent_profile;
  if (auto const it = services_.config.providers.find(spec_.provider); it != services_.config.providers.end())
    request.options = it->second;
  request.options.update(spec_.options);
  request.agent_dir = services_.paths.agent_dir(spec_.id);
  request.hook_client = services_.bin_dir / "agent-runner-hook";
  request.plugin_dir = services_.share_dir / "plugins" / spec_.provider;
  request.resume_session = record_.session_id;

  LaunchFacts facts{spec_.id, spec_.id, record_.provider_session, "", spec_.approval_mode};
  facts.workspace_mode = spec_.workspace.mode;
  facts.token = token_.token;
  facts.token_jti = token_.jti;
  facts.token_profile = token_.profile;
  if (token_.expires_at) facts.token_expires_at = std::to_string(to_millis(*token_.expires_at) / 1000);
  facts.tcp_port = services_.tcp_port();
  facts.relay_url = facts.tcp_port > 0 ? "http://127.0.0.1:" + std::to_string(facts.tcp_port) : "";
  facts.control_socket = services_.paths.control_socket();
  facts.info_file = request.agent_dir / "runner.json";
  facts.bin_dir = services_.bin_dir;
  auto extra = spec_.environment;
  if (auto const it = request.options.find("env"); it != request.options.end() && it->is_object())
    for (auto const& [name, value] : it->items())
      if (value.is_string()) extra.try_emplace(name, value.get<std::string>());
  request.environment = launch_environment(own_environment(), services_.config.pass_environment, facts, extra);
  if (auto made = make_private_dir(services_.paths.state_dir / "agents"); !made) return made.error();
  if (auto made = make_private_dir(request.agent_dir); !made) return made.error();
  if (auto made = make_private_dir(files_dir()); !made) return made.error();
  return request;
}

awaitable<void> Agent::launch() {
  launching_ = true;
  struct Done {
    Agent& agent;
    ~Done() {
      agent.launching_ = false;
      agent.changed_.notify_all();
    }
  } done{*this};
  record_.provider_session = new_uuid();
  record_.started_at = wall_now();
  record_.pid = 0;
  auto request = launch_request();
  if (!request) {
    launch_failed(request.error());
    co_return;
  }
  bool const resumes = !record_.session_id.empty() && adapter_->can_resume(*request, record_.session_id);
  // A provider refuses an id that was used before; one that was never prompted may be used again.
  request->new_session_id = record_.session_id.empty() ? new_uuid() : record_.session_id;
  if (!resumes) request->resume_session.clear();
  auto plan = co_await prepare(std::move(*request));
  if (!plan) {
    launch_failed(plan.error());
    co_return;
  }
  record_.session_id = plan->session_id;
  if (!plan->resumes) record_.set_transcript({});
  record_.process_token_hash = sha256_hex(token_.token);
  tokens_changed_(*this);
  save();
  auto const safe = co_await services_.journal.committed();
  if (!safe) {
    launch_failed(safe.error());
    co_return;
  }
  (void)write_info_file();
  adapters::TerminalSpec terminal_spec;
  terminal_spec.session = record_.tmux_session;
  terminal_spec.argv = plan->argv;
  for (auto const& [name, value] : plan->environment) terminal_spec.environment.push_back(name + "=" + value);
  terminal_spec.directory = spec_.cwd;
  terminal_spec.columns = static_cast<int>(services_.config.attach_columns);
  terminal_spec.rows = static_cast<int>(services_.config.attach_rows);
  auto on_exit = [this, whose = record_.provider_session](ExitStatus status) { receive(Exit{status, whose}); };
  auto terminal = co_await services_.terminals.start(terminal_spec, on_exit);
  if (!terminal && terminal.error().code == "session_exists") {
    // Left by a start whose answer was lost; nothing of ours drives it.
    (void)co_await services_.terminals.remove(record_.tmux_session);
    terminal = co_await services_.terminals.start(std::move(terminal_spec), std::move(on_exit));
  }
  if (!terminal) {
    launch_failed(terminal.error());
    co_return;
  }
  record_.pid = (*terminal)->pid();
  save();
  (void)write_info_file();
  services_.events.append(spec_.id, "agent.launched",
                          {{"pid", record_.pid}, {"resumed", plan->resumes}, {"sessionId", record_.session_id}});
  (void)apply(AgentInput::launched, plan->resumes ? "started, session resumed" : "started");
  open_session(std::move(*terminal), false);
}

void Agent::launch_failed(Error const& error) {
  // An agent that ran before is not given up because the disk is full or the tmux server has just been killed.
  bool const may_pass = error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout;
  if (!may_pass || state_ != AgentState::restarting) {
    (void)apply(AgentInput::launch_failed, error.message);
    return;
  }
  record_.reason = error.message + "; tried again every " + std::to_string(kLaunchAgain.count()) + " s";
  spdlog::warn("agent {}: cannot start it now: {}", spec_.id, error.message);
  save();
  tasks_.spawn("launch again", restart_later(kLaunchAgain));
}

void Agent::open_session(std::shared_ptr<adapters::Terminal> terminal, bool adopted) {
  terminal_ = std::move(terminal);
  launched_as_ = record_.provider_session;
  provider_ready_ = false;
  adopted_ = adopted;
  auto request = launch_request();
  adapters::SessionContext context;
  context.executor = services_.executor;
  context.terminal = terminal_;
  if (request) context.request = std::move(*request);
  context.session_id = record_.session_id;
  context.transcript = record_.transcript;
  context.earlier_transcript = record_.earlier_transcript;
  context.adopted = adopted;
  if (adopted) context.open_turn = queue_.open_turn();
  context.emit = [this](adapters::ProviderEvent event) { receive(std::move(event)); };
  session_ = adapter_->open(std::move(context));
  session_->start();
}

awaitable<void> Agent::terminate() {
  bool const hard = std::exchange(hard_, false);
  auto const patience = std::exchange(patience_, milliseconds(services_.config.shutdown_timeout_ms));
  while (launching_) co_await changed_.wait();
  if (!session_) {
    if (!ending_) (void)apply(AgentInput::exited, record_.reason);
    co_return;
  }
  auto const session = session_;  // when another one has taken its place, this one has ended
  if (!hard) {
    auto asked = co_await session->quit();
    if (!asked) spdlog::debug("agent {}: cannot ask it to quit: {}", spec_.id, asked.error().message);
    auto const deadline = Clock::now() + (patience.count() > 0 ? patience : 10'000ms);
    while (session_ == session && asked && Clock::now() < deadline) co_await changed_.wait(deadline);
  }
  if (session_ != session) co_return;
  (void)co_await services_.terminals.remove(record_.tmux_session);
  auto const deadline = Clock::now() + 5s;
  while (session_ == session && Clock::now() < deadline) co_await changed_.wait(deadline);
  if (session_ == session && !ending_) {  // the terminal's host has lost sight of it
    ExitStatus unknown;
    unknown.known = false;
    co_await process_ended(unknown);
  }
}

awaitable<void> Agent::process_ended(ExitStatus status) {
  if (ending_ || !session_) co_return;
  ending_ = true;
  provider_ready_ = false;
  record_.last_exit = exit_text(status);
  last_status_ = status;
  record_.pid = 0;
  services_.events.append(spec_.id, "agent.exited",
                          {{"status", record_.last_exit}, {"code", status.code}, {"signal", status.signal}});
  services_.approvals.withdraw(spec_.id);
  co_await queue_.on_process_gone();
  co_await session_->stop();
  session_.reset();
  terminal_.reset();
  ending_ = false;
  changed_.notify_all();
  // An end that was asked for keeps its reason; how the process took it is in the event.
  bool const asked_for = state_ == AgentState::stopping || state_ == AgentState::suspending;
  (void)apply(AgentInput::exited, asked_for ? record_.reason : record_.last_exit);
}

void Agent::recover() {
  auto const lived = std::max<milliseconds>(wall_now() - record_.started_at, 0ms);
  auto const decision = policy_.on_exit(Clock::now(), lived);
  record_.exits = policy_.history(Clock::now(), wall_now());
  ++record_.restarts;
  // Later than at its start, a shell's exit status is that of its last command, whatever that was.
  bool const at_start = last_status_.known && lived < 30s;
  auto const hopeless = at_start ? adapter_->hopeless(last_status_) : std::string();
  if (!hopeless.empty()) {
    give_up("not started again: " + hopeless);
    return;
  }
  if (!decision.wait) {
    give_up("gave up after " + std::to_string(decision.exits) + " exits in 2 min (last: " + record_.last_exit + ")");
    return;
  }
  auto const wait = services_.brake.slot(Clock::now(), *decision.wait);
  record_.reason =
      record_.last_exit + ", restart " + std::to_string(decision.exits) + " in " + std::to_string(wait.count()) + " ms";
  services_.events.append(spec_.id, "agent.restarting", {{"exits", decision.exits}, {"waitMs", wait.count()}});
  save();
  tasks_.spawn("restart", restart_later(wait));
}

void Agent::give_up(std::string const& why) {
  auto const text = why + "; see `agent-runner events " + spec_.id + "`, then `agent-runner restart " + spec_.id + "`";
  spdlog::error("agent {}: {}", spec_.id, text);
  (void)apply(AgentInput::gave_up, text);
}

awaitable<void> Agent::restart_later(milliseconds wait) {
  bool const due = co_await sleep_for(wait);
  if (due) (void)apply(AgentInput::restart_due, "restart after " + record_.last_exit);
}

awaitable<void> Agent::settle() {
  // A dead pane stays in tmux until somebody has looked at it; now nobody needs it any more.
  if (state_ == AgentState::stopped || state_ == AgentState::suspended)
    (void)co_await services_.terminals.remove(record_.tmux_session);
  changed_.notify_all();
  queue_.on_gate_changed();
}

awaitable<bool> Agent::wait_until_at_rest(milliseconds patience) {
  auto const deadline = Clock::now() + patience;
  while (!is_at_rest(state_) && Clock::now() < deadline) co_await changed_.wait(deadline);
  co_return is_at_rest(state_);
}

Result<void> Agent::write_info_file() const {
  auto const port = services_.tcp_port();
  json const info = {{"agentId", spec_.id},
                     {"runnerId", spec_.id},
                     {"provider", spec_.provider},
                     {"controlUrl", port > 0 ? json("http://127.0.0.1:" + std::to_string(port)) : json()},
                     {"controlSocket", services_.paths.control_socket().string()},
                     {"pid", record_.pid},
                     {"tmuxSession", record_.tmux_session},
                     {"tmuxSocket", services_.paths.tmux_socket().string()},
                     {"startedAt", to_iso8601(record_.started_at)}};
  return write_file(services_.paths.agent_dir(spec_.id) / "runner.json", info.dump(2) + "\n");
}

std::string Agent::exit_text(ExitStatus const& status) const {
  if (!status.known) return "ended unseen";
  if (status.signal != 0) return "signal " + std::to_string(status.signal);
  return "exit status " + std::to_string(status.code);
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
