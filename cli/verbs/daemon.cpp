// The daemon itself: run it here, start it, stop it; and the hook client, which is another program too.
#include "base/instance.hpp"
#include "base/kernel.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/daemon_process.hpp"
#include "cli/exit_status.hpp"
#include "cli/text.hpp"

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace ar::cli {
namespace {

/// A daemon is cut off before: it takes 20 s at most, and 60 s more to stop its agents.
constexpr std::chrono::seconds end_patience{85};

Result<int> run_here(bool foreground) {
  std::vector<std::string> arguments;
  if (char const* const state = std::getenv("AGENT_RUNNER_STATE_DIR")) arguments = {"--state-dir", state};
  if (foreground) arguments.emplace_back("--foreground");
  return become("agent-runnerd", arguments);
}

Result<int> up(Context& context) {
  auto const paths = context.paths();
  if (!paths) return paths.error();
  auto running = context.running_api();
  bool const was_there = running.has_value();
  if (!running && running.error().code != "daemon_away") return running.error();
  if (!was_there) {
    auto const started = start_daemon(*paths);
    if (!started) return started.error();
    running = context.running_api();
    if (!running) return running.error();
  }
  auto const pid = (*running)->server_pid();
  if (context.json_output())
    context.print_json(json{{"pid", pid}, {"started", !was_there}, {"socket", paths->control_socket().string()}});
  else
    context.print("the daemon " + std::string(was_there ? "runs already" : "runs") + " (process " +
                  std::to_string(pid) + ", " + paths->control_socket().string() + ")\n");
  return exit_done;
}

int say_ended(Context& context, bool agents) {
  if (context.json_output())
    context.print_json(json{{"stopped", true}, {"agents", agents}});
  else
    context.print(agents ? "the daemon and its agents have ended\n"
                         : "the daemon has ended; its agents go on in their terminals\n");
  return exit_done;
}

/// No socket answers. There may be a daemon all the same, which its lock names.
Result<int> down_unreachable(Context& context, bool agents) {
  auto const paths = context.paths();
  if (!paths) return paths.error();
  auto const holder = living_instance(paths->state_dir);
  if (auto const wrong = holder ? std::string() : instance_problem(paths->state_dir); !wrong.empty())
    return conflict("not_the_daemon", wrong + "; it is left alone");
  if (!holder || (!holder->socket.empty() && holder->socket != paths->control_socket())) {
    if (context.json_output())
      context.print_json(json{{"stopped", false}});
    else
      context.note("no daemon runs");
    return exit_done;
  }
  if (agents)
    return conflict("unreachable", "the daemon (process " + std::to_string(holder->pid) + ") has no socket at " +
                                       paths->control_socket().string() +
                                       " to be told to stop its agents; first: agent-runner down, agent-runner up");
  if (auto ended = end_unreachable(*paths, holder->pid, end_patience); !ended) return ended.error();
  return say_ended(context, agents);
}

Result<int> down(Context& context, bool agents) {
  if (auto given = check_kernel(); !given) return given.error();  // its end could not be waited for
  auto const running = context.running_api();
  if (!running) {
    if (running.error().code != "daemon_away") return running.error();
    return down_unreachable(context, agents);
  }
  // Opened before the daemon is told, so that the number cannot have gone to another process.
  auto const pid = (*running)->server_pid();
  int const process = open_pidfd(pid);
  auto const answer = (*running)->post("/v1/shutdown", json{{"agents", agents}}, milliseconds(120'000));
  // A daemon that is gone before its answer came is gone all the same.
  if (!answer && answer.error().code != "daemon_lost") {
    if (process >= 0) ::close(process);
    return answer.error();
  }
  bool const gone = process < 0 || wait_for_exit(process, end_patience);
  if (process >= 0) ::close(process);
  if (!gone)
    return timed_out("the daemon (process " + std::to_string(pid) + ") has not ended within " +
                     std::to_string(end_patience.count()) + " s; see agent-runner logs");
  return say_ended(context, agents);
}

/// Never stops a provider: without the client, or without a daemon, a hook says nothing and succeeds.
Result<int> hook(Context& context, std::string const& event) {
  context.print_error(become("agent-runner-hook", {event}));
  return exit_done;
}

void add(Program& program) {
  auto const foreground = std::make_shared<bool>(false);
  program.verb("Daemon", "daemon", "Run the daemon here, until it is told to stop", "daemon --foreground")
      .flag("--foreground", *foreground, "Its log goes to stderr as well")
      .people_only()
      .runs([foreground](Context&) { return run_here(*foreground); });
  program.verb("Daemon", "up", "Start the daemon in the background", "up").people_only().runs(up);
  auto const agents = std::make_shared<bool>(false);
  program.verb("Daemon", "down", "Stop the daemon; agents stay and are found again", "down --agents")
      .flag("--agents", *agents, "Stop the agents too")
      .people_only()
      .runs([agents](Context& context) { return down(context, *agents); });
}

void add_hook(Program& program) {
  auto const event = std::make_shared<std::string>();
  program
      .verb("More", "hook", "What a provider's hook runs: its JSON on stdin, the answer on stdout",
            "hook Stop < event.json")
      .argument("EVENT", *event, "The hook's name")
      .runs([event](Context& context) { return hook(context, *event); });
}
Family const family(1, add);
Family const hook_family(60, add_hook);

}  // namespace
}  // namespace ar::cli
