#include "daemon/agent/agent_process.hpp"

#include "adapters/exit_diagnostic.hpp"
#include "base/ids.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/config/config.hpp"
#include "daemon/resources/agent_groups.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <optional>

namespace ar::daemon {
using namespace std::chrono_literals;
using terminal::ExitStatus;

namespace {

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

AgentProcess::AgentProcess(Services& services, AgentSpec const& spec, AgentRecord& record, TokenKeeper& token,
                           AgentProvider const& provider, Notifier& changed, TaskGroup& tasks, ProcessHost& host)
    : services_(services),
      spec_(spec),
      record_(record),
      token_(token),
      provider_(provider),
      changed_(changed),
      tasks_(tasks),
      host_(host),
      clearing_(services.executor) {}

AgentProcess::~AgentProcess() { services_.groups.watch().forget(record_.placement.group); }

void AgentProcess::set_ready() {
  place_.reset();
  ready_ = true;
}

// ---- its start ----

awaitable<void> AgentProcess::launch() {
  struct Done {
    AgentProcess& process;
    ~Done() {
      process.launching_ = false;
      process.changed_.notify_all();
    }
  } done{*this};
  auto place = std::exchange(reserved_, {});
  if (!place) {
    auto taken = services_.descriptors.take();
    if (!taken) {
      host_.launch_failed(taken.error());
      co_return;
    }
    place = std::move(*taken);
  }
  // Of a start whose answer was lost, something may run.
  auto const cleared = co_await clear_away();
  if (!cleared) {
    host_.launch_failed(cleared.error());
    co_return;
  }
  while (session_) co_await see_end();  // of a fault, whose process was not ended before
  if (record_.mark == 0) record_.mark = new_process_mark();
  record_.provider_session = new_uuid();
  record_.started_at = wall_now();
  record_.pid = 0;
  if (auto const good = co_await token_.make_good(); !good) {
    host_.launch_failed(good.error());
    co_return;
  }
  auto const remade = co_await remake_worktree(services_.executor, spec_.workspace);
  if (!remade) {
    host_.launch_failed(remade.error());
    co_return;
  }
  if (*remade) services_.events.append(spec_.id, "workspace.remade", to_json(spec_.workspace));
  if (auto made = provider_.make_folders(); !made) {
    host_.launch_failed(made.error());
    co_return;
  }
  // After this, nothing that was written about an earlier process is still to come.
  co_await provider_.write_info_file();
  bool const resumes = co_await provider_.can_resume();
  auto request = provider_.request();
  // A provider refuses an id that was used before; one that was never prompted may be used again.
  request.new_session_id = record_.session_id.empty() ? new_uuid() : record_.session_id;
  if (!resumes) request.resume_session.clear();
  auto plan = co_await provider_.prepare(std::move(request));
  if (!plan) {
    host_.launch_failed(plan.error());
    co_return;
  }
  record_.session_id = plan->session_id;
  if (!plan->resumes) record_.set_transcript({});
  record_.process_token_hash = token_.hash();
  auto limits = spec_.resources;
  if (spec_.agent_profile) limits = limits.over(spec_.agent_profile->resources);
  limits = limits.over(services_.config.agent_limits());
  auto prepared = co_await services_.groups.prepare(spec_.id, record_.provider_session.substr(0, 8), limits);
  record_.placement = std::move(prepared.placement);
  host_.token_changed();
  host_.save();
  auto const safe = co_await services_.journal.committed();
  if (!safe) {
    host_.launch_failed(safe.error());
    co_return;
  }
  terminal::TerminalSpec terminal_spec;
  terminal_spec.session = record_.tmux_session;
  terminal_spec.argv = plan->argv;
  for (auto const& [name, value] : plan->environment) terminal_spec.environment.push_back(name + "=" + value);
  terminal_spec.directory = spec_.cwd;
  terminal_spec.columns = static_cast<int>(services_.config.attach_columns);
  terminal_spec.rows = static_cast<int>(services_.config.attach_rows);
  terminal_spec.mark = record_.mark;
  terminal_spec.confinement = std::move(prepared.confinement);
  auto on_exit = [this, whose = record_.provider_session](ExitStatus status) {
    host_.exited(std::move(status), whose);
  };
  auto terminal = co_await services_.terminals.start(std::move(terminal_spec), std::move(on_exit));
  if (!terminal) {
    (void)co_await clear_away();  // it may have come about all the same
    host_.launch_failed(terminal.error());
    co_return;
  }
  record_.pid = (*terminal)->pid();
  host_.save();
  provider_.update_info_file();
  services_.events.append(spec_.id, "agent.launched",
                          {{"pid", record_.pid}, {"resumed", plan->resumes}, {"sessionId", record_.session_id}});
  host_.launched(plan->resumes);
  place_ = std::move(place);
  open_session(std::move(*terminal), false);
  tasks_.spawn("control group", watch_group(launched_as_));
}

/// A scope is there only after a while.
awaitable<void> AgentProcess::watch_group(std::string whose) {
  auto& placement = record_.placement;
  auto const group = placement.group;
  auto const pid = static_cast<pid_t>(record_.pid);
  if (group.empty()) co_return;
  bool const placed = co_await services_.groups.placed(pid, group);
  if (!is_of(whose) || !session_ || record_.pid != pid) co_return;
  if (placed) {
    auto tell = [this](std::string type, json data, Placement const& now) {
      group_told(std::move(type), std::move(data), now);
    };
    services_.groups.watch().watch(placement, pid, std::move(tell));
    co_return;
  }
  spdlog::warn("agent {}: its process is not in its control group {}", spec_.id, group.string());
  placement.by = to_string(ResourceControl::By::rlimits);
  placement.group.clear();
  placement.partly.clear();
  placement.not_held.clear();
  for (auto const& [name, value] : placement.limits.items()) placement.not_held.push_back(name);
  host_.save();
}

void AgentProcess::group_told(std::string type, json data, Placement const& placement) {
  auto const& process = object_at(data, "process");
  out_of_memory_ = out_of_memory_ || truth_at(process, "main");
  record_.placement = placement;
  host_.save();
  spdlog::warn("agent {}: {}: {}", spec_.id, type, data.dump());
  services_.events.append(spec_.id, type, std::move(data));
}

awaitable<Result<void>> AgentProcess::adopt(terminal::FoundTerminal found) {
  if (auto made = provider_.make_folders(); !made) co_return made.error();
  auto const pid = found.pid;
  auto on_exit = [this, whose = record_.provider_session](ExitStatus status) {
    host_.exited(std::move(status), whose);
  };
  auto terminal = co_await services_.terminals.adopt(std::move(found), std::move(on_exit));
  if (!terminal) co_return terminal.error();
  record_.pid = pid;
  host_.adopted();
  services_.events.append(spec_.id, "agent.adopted", {{"pid", pid}});
  open_session(std::move(*terminal), true);
  host_.save();
  tasks_.spawn("control group", watch_group(launched_as_));
  co_return Result<void>();
}

void AgentProcess::open_session(std::shared_ptr<terminal::Terminal> terminal, bool adopted) {
  terminal_ = std::move(terminal);
  launched_as_ = record_.provider_session;
  ready_ = false;
  adopted_ = adopted;
  adapters::SessionContext context{services_.executor, provider_.files()};
  context.terminal = terminal_;
  context.request = provider_.request();
  context.session_id = record_.session_id;
  context.transcript = record_.transcript;
  context.earlier_transcript = record_.earlier_transcript;
  context.adopted = adopted;
  if (adopted) context.open_turn = host_.open_turn();
  context.emit = [this](adapters::ProviderEvent event) { host_.provider_said(std::move(event)); };
  context.on_death = [this, whose = launched_as_](std::string const& why) {
    if (whose == launched_as_) host_.session_died(why);
  };
  session_ = provider_.adapter().open(std::move(context));
  session_->start();
}

// ---- its end ----

awaitable<bool> AgentProcess::end(bool hard, Clock::time_point deadline, std::function<bool()> overtaken) {
  while (launching_ && !overtaken()) co_await changed_.wait();
  if (overtaken()) co_return true;
  if (!session_) co_return false;
  auto const session = session_;  // when another one has taken its place, this one has ended
  if (!hard) {
    quit_refused_ = false;
    if (std::exchange(asked_to_quit_, session.get()) != session.get()) tasks_.spawn("quit", ask_to_quit(session));
    while (session_ == session && !quit_refused_ && !overtaken() && Clock::now() < deadline)
      co_await changed_.wait(deadline);
  }
  if (session_ != session || overtaken()) co_return true;
  (void)co_await clear_away();
  co_await see_end();
  co_return true;
}

/// By itself, since it may wait for a turn at the keyboard longer than the stop may take.
awaitable<void> AgentProcess::ask_to_quit(std::shared_ptr<adapters::ProviderSession> session) {
  auto const asked = co_await session->quit();
  if (asked_to_quit_ == session.get()) asked_to_quit_ = nullptr;
  if (asked || session_ != session) co_return;
  spdlog::debug("agent {}: cannot ask it to quit: {}", spec_.id, asked.error().message);
  quit_refused_ = true;
  changed_.notify_all();
}

/// Its process has been cleared away.
awaitable<void> AgentProcess::see_end() {
  auto const session = session_;
  auto const seen_by = Clock::now() + 5s;
  while (session_ == session && Clock::now() < seen_by) co_await changed_.wait(seen_by);
  if (session_ == session && !ending_) {  // the terminal's host has lost sight of it, or nobody reads the mail
    ExitStatus unknown;
    unknown.known = false;
    co_await ended(unknown);
  }
}

awaitable<void> AgentProcess::ended(ExitStatus status) {
  if (ending_ || !session_) co_return;
  struct Ending {
    AgentProcess& process;
    explicit Ending(AgentProcess& of) : process(of) { process.ending_ = true; }
    ~Ending() {
      process.ending_ = false;
      process.changed_.notify_all();
    }
  };
  std::optional<Ending> ending(*this);
  ready_ = false;
  co_await services_.groups.watch().look_once_more(record_.placement.group);
  co_await note_exit(status);
  // Who listens hears of it before tmux, which may well run on our processor, is asked for what it left.
  (void)co_await services_.journal.committed();
  co_await sleep_for(Clock::duration::zero());
  last_status_ = status;
  record_.pid = 0;
  services_.approvals.withdraw(spec_.id);
  (void)co_await clear_away();  // before its record is asked what it has taken
  co_await host_.process_gone();
  co_await session_->stop();
  session_.reset();
  terminal_.reset();
  place_.reset();
  ending.reset();
  host_.ended();
}

awaitable<void> AgentProcess::note_exit(ExitStatus status) {
  auto const before = std::exchange(record_.last_exit, in_words(status));
  if (std::exchange(out_of_memory_, false)) record_.last_exit += ", killed by the kernel: out of memory";
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

/// The next process has the same mark: a start clears away as well, and so comes after all that was begun before it.
awaitable<Result<void>> AgentProcess::clear_away() {
  auto const lock = co_await clearing_.lock();
  auto cleared = co_await services_.terminals.remove(record_.tmux_session, record_.mark);
  if (!cleared) spdlog::warn("agent {}: cannot remove its terminal: {}", spec_.id, cleared.error().message);
  // What has hidden from the mark as well.
  auto const ended = co_await services_.groups.end(record_.placement.group);
  if (!ended) spdlog::warn("agent {}: {}", spec_.id, ended.error().message);
  co_return cleared;
}

awaitable<void> AgentProcess::let_go() {
  if (session_) co_await session_->stop();
  session_.reset();
  terminal_.reset();
  services_.groups.watch().forget(record_.placement.group);
}

}  // namespace ar::daemon
