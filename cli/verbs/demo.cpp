// Shows what agent-runner does, in an installation of its own: an agent is started, is sent a message, and answers.
#include "base/ids.hpp"
#include "base/paths.hpp"
#include "cli/agent_wait.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/daemon_process.hpp"
#include "cli/exit_status.hpp"
#include "cli/message_view.hpp"
#include "cli/message_wait.hpp"
#include "cli/text.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <unistd.h>

namespace ar::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestState = 85;  ///< a unix socket's path has at most 107 characters, and lies below it
constexpr milliseconds kPatience = std::chrono::minutes(3);

struct Demo {
  std::optional<std::string> provider;
  bool clean = false;
};

/// That of --state-dir where it is given, else one beside people's own.
fs::path state_dir() {
  if (char const* const given = std::getenv("AGENT_RUNNER_STATE_DIR")) return given;
  auto const own = Paths::resolve();
  auto const beside = own ? own->state_dir.parent_path() / "agent-runner-demo" : fs::path();
  if (own && beside.native().size() <= kLongestState) return beside;
  return fs::temp_directory_path() / ("agent-runner-demo-" + std::to_string(::getuid()));
}

class Steps {
 public:
  explicit Steps(Context const& context) : context_(context) {}
  void begin(std::string const& what) {
    end();
    began_ = std::chrono::steady_clock::now();
    open_ = true;
    context_.print(paint("[" + std::to_string(++number_) + "/3] ", Colour::dim, context_.colour()) + what + "\n");
  }
  void end() {
    if (open_) context_.print("      done in " + duration(since(began_)) + "\n\n");
    open_ = false;
  }
  milliseconds all() const { return since(start_); }

 private:
  using SteadyClock = std::chrono::steady_clock;
  static milliseconds since(SteadyClock::time_point time) {
    return std::chrono::duration_cast<milliseconds>(SteadyClock::now() - time);
  }
  Context const& context_;
  SteadyClock::time_point const start_ = SteadyClock::now();
  SteadyClock::time_point began_{};
  int number_ = 0;
  bool open_ = false;
};

/// The agent as it is: a new one, or that of the last time, started again where it is at rest.
Result<json> agent_of(ApiClient& api, std::string const& name, std::string const& provider, fs::path const& workspace) {
  auto const path = "/v1/agents/" + encoded(name);
  if (auto const there = api.get(path)) {
    auto const state = field(*there, "state");
    if (state != "failed" && state != "stopped") return there;
    if (auto const restarted = api.post(path + "/restart", json::object()); !restarted) return restarted.error();
    return api.get(path);
  } else if (there.error().kind != ErrorKind::not_found) {
    return there.error();
  }
  json const spec = {
      {"id", name}, {"provider", provider == "demo" ? "command" : provider}, {"cwd", workspace.string()}};
  Call call{.method = "POST", .target = "/v1/agents", .body = to_text(spec)};
  call.headers.emplace_back("Idempotency-Key", new_uuid());
  call.patience = milliseconds(120'000);
  return api.call(call);
}

Result<int> show(Context& context, fs::path const& state, std::string const& provider) {
  Steps steps(context);
  steps.begin("Starting the daemon, its bus and its state in " + state.string());
  auto const connected = context.api();
  if (!connected) return connected.error();
  auto& api = **connected;

  steps.begin("Starting an agent in a terminal");
  auto const workspace = state / "workspace";
  std::error_code ec;
  fs::create_directories(workspace, ec);
  if (ec) return unavailable("unwritable", "cannot make " + workspace.string() + ": " + ec.message());
  auto const name = provider == "demo" ? provider : "demo-" + provider;
  auto agent = agent_of(api, name, provider, workspace);
  if (!agent) return agent.error();
  if (auto const ready = wait_until_ready(context, api, *agent, std::chrono::minutes(1)); !ready) return ready.error();

  steps.begin("Sending it a message, and waiting for its answer");
  json const message = {{"to", name},
                        {"subject", "demo"},
                        {"body", "Hello from the demo: please answer this message."},
                        {"replyRequested", true}};
  Call send{.method = "POST", .target = "/v1/messages", .body = to_text(message)};
  send.headers.emplace_back("Idempotency-Key", new_uuid());
  auto const sent = api.call(send);
  if (!sent) return sent.error();
  auto const done = wait_for_message(context, api, field(*sent, "id"), field(*sent, "store"), "done", kPatience);
  if (!done) return done.error();
  steps.end();
  auto const outcome = outcome_of(message_in(*done), true);
  context.print("The message's life, and its answer:\n\n");
  print_message(context, message_in(*done));
  if (outcome.status != exit_done) {
    context.note("agent-runner: " + outcome.remark);
    return outcome.status;
  }
  context.print("\nAll of it took " + duration(steps.all()) + ". It goes on running.\n\n");
  auto const hint = [&](char const* what, std::string const& command) {
    context.print(std::string(what) + "\n  " + context.hints(command) + "\n");
  };
  hint("Its terminal (C-b d leaves):", "agent-runner attach " + name);
  hint("To say something else:", "agent-runner send " + name + " \"Hi\" --wait");
  hint("To watch it:", "agent-runner ps -w");
  context.print("To stop all of it and remove " + state.string() + ":\n  agent-runner demo --clean\n");
  context.print(
      "An agent of your own, in your own installation:\n"
      "  agent-runner spawn builder --provider claude --cwd ~/src/project\n");
  return exit_done;
}

Result<int> clean(Context& context, fs::path const& state) {
  std::error_code ec;
  // Nothing is removed that no demo has made.
  if (!fs::is_directory(state / "workspace", ec)) {
    context.note("there is no demo in " + state.string());
    return exit_done;
  }
  if (auto const running = context.running_api()) {
    auto const pid = (*running)->server_pid();
    int const process = open_pidfd(pid);
    auto const answer = (*running)->post("/v1/shutdown", json{{"agents", true}}, milliseconds(120'000));
    bool const gone = process < 0 || wait_for_exit(process, std::chrono::seconds(85));
    if (process >= 0) ::close(process);
    if (!answer && answer.error().code != "daemon_lost") return answer.error();
    if (!gone) return timed_out("the daemon (process " + std::to_string(pid) + ") has not ended; try again");
  } else if (running.error().code != "daemon_away") {
    return running.error();
  }
  fs::remove_all(state, ec);
  if (ec) return unavailable("unwritable", "cannot remove " + state.string() + ": " + ec.message());
  context.print("removed " + state.string() + "\n");
  return exit_done;
}

void add(Program& program) {
  auto const o = std::make_shared<Demo>();
  program.verb("Daemon", "demo", "Show it all in an installation of its own: an agent, a message, its answer", "demo")
      .choice("--provider", o->provider, {"demo", "claude", "codex"}, "Who answers: a bundled program, or the real CLI")
      .flag("--clean", o->clean, "Stop the demo's agents and daemon, and remove its state")
      .people_only()
      .runs([o](Context& context) {
        auto const state = state_dir();
        Globals const globals{.state_dir = state.string()};
        Context own(globals, context.commands());
        return o->clean ? clean(own, state) : show(own, state, o->provider.value_or("demo"));
      });
}
Family const family(9, add);

}  // namespace
}  // namespace ar::cli
