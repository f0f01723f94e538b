// How an agent's process is started: the request made of its spec, the adapter's plan for it, the terminal, the
// session.
#include "base/ids.hpp"
#include "daemon/agent/agent.hpp"
#include "daemon/agent/launch_environment.hpp"

#include <spdlog/spdlog.h>

#include <charconv>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
using terminal::ExitStatus;

namespace {
constexpr auto kLaunchAgain = 2s;  ///< after a failure that may pass by itself

/// Nobody else's, and none that could be guessed.
ProcessMark new_process_mark() {
  auto const digits = random_hex(7);
  ProcessMark mark = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), mark, 16);
  return mark + 1;
}
}  // namespace

awaitable<Result<void>> Agent::check_launch() const {
  if (auto made = make_folders(); !made) co_return made.error();
  auto request = launch_request();
  request.new_session_id = new_uuid();
  if (auto const& profile = spec_.agent_profile; profile && profile->strict)
    if (auto const why = projection().first_impossible(); !why.empty())
      co_return invalid("agentProfile", "the profile " + profile->name + " is strict, and " + spec_.provider +
                                            " cannot be made to comply with it: " + why);
  auto const plan = co_await prepare(std::move(request));
  if (!plan) co_return plan.error();
  co_return Result<void>();
}

awaitable<Result<adapters::LaunchPlan>> Agent::prepare(adapters::LaunchRequest request) const {
  auto job = [adapter = adapter_, request = std::move(request)] { return adapter->prepare(request); };
  co_return co_await services_.launches.run(std::move(job));
}

adapters::ProjectionReport const& Agent::projection() const {
  if (!projection_) projection_ = adapter_->projection(launch_request());
  return *projection_;
}

adapters::LaunchRequest Agent::launch_request() const {
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
  facts.control_socket = services_.paths.agents_socket();
  facts.info_file = request.agent_dir / "runner.json";
  facts.bin_dir = services_.bin_dir;
  auto extra = spec_.environment;
  if (auto const it = request.options.find("env"); it != request.options.end() && it->is_object())
    for (auto const& [name, value] : it->items())
      if (value.is_string()) extra.try_emplace(name, value.get<std::string>());
  request.environment = launch_environment(own_environment(), services_.config.pass_environment, facts, extra);
  return request;
}

Result<void> Agent::make_folders() const {
  if (auto made = make_private_dir(services_.paths.state_dir / "agents"); !made) return made.error();
  if (auto made = make_private_dir(services_.paths.agent_dir(spec_.id)); !made) return made.error();
  return make_private_dir(files_dir());
}

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
  if (!token_problem(token_, wall_now()).empty()) {
    auto fresh = co_await make_agent_token(services_, spec_.id);
    if (!fresh) {
      launch_failed(fresh.error());
      co_return;
    }
    token_ = std::move(*fresh);
    token_invalid_noted_ = false;
    tokens_changed_(*this);
  }
  if (auto made = make_folders(); !made) {
    launch_failed(made.error());
    co_return;
  }
  bool const resumes = co_await can_resume();
  auto request = launch_request();
  // A provider refuses an id that was used before; one that was never prompted may be used again.
  request.new_session_id = record_.session_id.empty() ? new_uuid() : record_.session_id;
  if (!resumes) request.resume_session.clear();
  auto plan = co_await prepare(std::move(request));
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
  (void)write_info_file();
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
  context.request = launch_request();
  context.session_id = record_.session_id;
  context.transcript = record_.transcript;
  context.earlier_transcript = record_.earlier_transcript;
  context.adopted = adopted;
  if (adopted) context.open_turn = queue_.open_turn();
  context.emit = [this](adapters::ProviderEvent event) { receive(std::move(event)); };
  context.on_death = [this, whose = launched_as_](std::string const& why) {
    if (whose == launched_as_) fault("session", why);
  };
  session_ = adapter_->open(std::move(context));
  session_->start();
}

Result<void> Agent::write_info_file() const {
  auto const port = services_.tcp_port();
  json const info = {{"agentId", spec_.id},
                     {"runnerId", spec_.id},
                     {"provider", spec_.provider},
                     {"controlUrl", port > 0 ? json("http://127.0.0.1:" + std::to_string(port)) : json()},
                     {"controlSocket", services_.paths.agents_socket().string()},
                     {"pid", record_.pid},
                     {"tmuxSession", record_.tmux_session},
                     {"tmuxSocket", services_.paths.tmux_socket().string()},
                     {"startedAt", to_iso8601(record_.started_at)}};
  return write_file(services_.paths.agent_dir(spec_.id) / "runner.json", info.dump(2) + "\n");
}

}  // namespace ar::daemon
