#include "e2e/agent_lab.hpp"

#include "base/ids.hpp"
#include "base/paths.hpp"
#include "base/process/spawn.hpp"

#include <sys/wait.h>

namespace ar::test {

using namespace ar::adapters;
using namespace ar::terminal;
namespace fs = std::filesystem;

AgentLab::AgentLab(std::string cli, std::shared_ptr<Adapter const> adapter, Clock::duration look_again)
    : cli_(std::move(cli)), adapter_(std::move(adapter)), changed_(io.get_executor()), look_again_(look_again) {}

AgentLab::~AgentLab() {
  if (host_) run_tmux({"kill-server"});  // a test that failed on its way
}

/// Runs a tmux command on our server to its end; its exit status.
int AgentLab::run_tmux(std::vector<std::string> words) {
  SpawnSpec spec;
  spec.executable = *find_executable("tmux", "/usr/local/bin:/usr/bin:/bin");
  spec.arguments = {"-S", (dir.path() / "t" / "tmux.sock").string()};
  spec.arguments.insert(spec.arguments.end(), words.begin(), words.end());
  spec.environment = {"PATH=/usr/bin:/bin"};
  auto process = spawn(io.get_executor(), spec);
  int status = -1;
  if (process) {
    ::waitpid(process->id(), &status, 0);
    process->detach();
  }
  return status;
}

awaitable<void> AgentLab::open_host() {
  home_ = dir.path() / "home";
  request.cwd = dir.path() / "project";
  request.agent_dir = dir.path() / "agent";
  for (auto const& folder : {home_, request.cwd, request.agent_dir}) fs::create_directories(folder);
  TmuxOptions options;
  options.socket = dir.path() / "t" / "tmux.sock";
  options.launcher = fs::path(AR_BIN_DIR) / "agent-runner-launch";
  auto host = co_await TmuxHost::open(io.get_executor(), options);
  REQUIRE_MESSAGE(host.has_value(), host.error().message);
  host_ = std::move(*host);
}

void AgentLab::open_session(bool adopted) {
  SessionContext context{io.get_executor(), files};
  context.terminal = terminal;
  context.request = request;
  context.session_id = plan.session_id;
  context.adopted = adopted;
  context.emit = [this](ProviderEvent event) {
    if (auto const* ready = std::get_if<Ready>(&event)) plan.session_id = ready->session_id;
    if (auto const* other = std::get_if<SessionChanged>(&event)) plan.session_id = other->session_id;
    events.push_back(std::move(event));
    changed_.notify_all();
  };
  session = adapter_->open(std::move(context));
  session->start();
}

awaitable<void> AgentLab::start() {
  request.agent_id = "alice";
  auto planned = adapter_->prepare(request);
  REQUIRE_MESSAGE(planned.has_value(), planned.error().message);
  plan = *planned;
  TerminalSpec spec;
  spec.session = "alice";
  spec.argv = plan.argv;
  for (auto const& [name, value] : plan.environment) spec.environment.push_back(name + "=" + value);
  spec.directory = request.cwd;
  TerminalHost::OnExit const on_exit = [this](ExitStatus status) {
    exited_ = true;
    exit_ = status;
    changed_.notify_all();
  };
  exited_ = false;
  auto started = co_await host_->start(spec, on_exit);
  REQUIRE_MESSAGE(started.has_value(), started.error().message);
  terminal = *started;
  open_session(false);
}

awaitable<void> AgentLab::let_go() {
  co_await session->stop();
  session.reset();
}

awaitable<void> AgentLab::end() {
  if (session && terminal->alive()) {
    (void)co_await session->quit();
    std::function<bool()> const ended = [this] { return exited_; };
    co_await until(ended, "the CLI has ended", std::chrono::seconds(30));
  }
  if (session) co_await let_go();
  (void)co_await host_->kill_server();
  co_await host_->stop();
  host_.reset();
}

awaitable<void> AgentLab::until(std::function<bool()> condition, std::string what, std::chrono::seconds limit) {
  auto const deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= deadline && terminal) {
      auto const screen = co_await terminal->capture();
      std::string shown;
      if (screen)
        for (auto const& line : screen->lines) shown += line + "\n";
      REQUIRE_MESSAGE(false, "did not happen in time: " << what << "\nblocked: "
                                                        << (session ? session->block_reason(false) : "") << "\n"
                                                        << more() << "\n"
                                                        << shown);
    }
    auto const next = look_again_ == Clock::duration::max() ? deadline : Clock::now() + look_again_;
    co_await changed_.wait(std::min(deadline, next));
  }
}

bool AgentLab::noted(std::string const& type, std::size_t from) const {
  for (auto i = from; i < events.size(); ++i)
    if (auto const* note = std::get_if<Noted>(&events[i]); note && note->type == type) return true;
  return false;
}

Prompt AgentLab::prompt(std::string body, bool urgent) {
  Prompt prompt;
  prompt.message_id = ++next_message_;
  prompt.correlation_id = random_hex(5);
  prompt.from = "bob";
  prompt.kind = "chat";
  prompt.body = std::move(body);
  prompt.urgent = urgent;
  prompt.body_file = request.agent_dir / ("body-" + std::to_string(prompt.message_id));
  return prompt;
}

}  // namespace ar::test
