// The agent's terminal: look at it, or take it.
#include "base/peer.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/terminfo.hpp"
#include "cli/text.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace ar::cli {
namespace {

Result<int> screen(Context& context, std::string const& agent) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/agents/" + encoded(agent) + "/screen");
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  auto text = field(*answer, "text");
  if (text.empty())
    for (auto const& line : array(*answer, "lines"))
      if (line.is_string()) text += line.get<std::string>() + "\n";
  if (truth_at(*answer, "ended"))
    context.note("agent-runner: " + single_line(agent) + " has ended; this is what it left on its screen");
  // Blank lines below the last text are the rest of an empty screen.
  text.erase(text.find_last_not_of(" \n") + 1);
  context.print_foreign(text + "\n");
  return exit_done;
}

struct Attach {
  std::string agent;
  bool read_only = false;
};

/// tmux knows terminals by their names only.
void name_known_terminal(Context const& context) {
  char const* const given = std::getenv("TERM");
  std::string const name = given ? given : "";
  auto const known = known_terminal(name);
  if (known.empty() || known == name) return;  // with none described in the usual places, tmux may know others
  ::setenv("TERM", known.c_str(), 1);
  context.note("agent-runner: this machine does not know the terminal \"" + name + "\"; it is treated as " + known);
}

Result<int> attach(Context& context, Attach const& options) {
  bool const terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  if (!terminal && !context.json_output())
    return invalid("attach", "attach needs a terminal; look with: agent-runner screen " + options.agent);
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/agents/" + encoded(options.agent) + "/attach");
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  // What runs here is not for the daemon to say.
  auto const socket = field(*answer, "tmuxSocket"), target = field(*answer, "target");
  if (!socket.starts_with('/') || !(target.starts_with('=') || target.starts_with('$')))
    return internal("bad_answer", "the daemon did not say how to attach; see agent-runner version");
  if (auto trusted = check_server(socket); !trusted) return trusted.error();
  std::vector<std::string> words{"tmux", "-u", "-S", socket, "attach-session", "-t", target};
  if (options.read_only) words.emplace_back("-r");
  if (auto const key = field(*answer, "detachKey"); !key.empty())
    context.print("attaching to " + single_line(options.agent) + "; detach with " + single_line(key) + "\n");
  std::fflush(stdout);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  name_known_terminal(context);
  ::unsetenv("TMUX");  // tmux refuses to run inside itself otherwise; ours is another server
  ::unsetenv("TMUX_PANE");
  ::execvp(argv[0], argv.data());
  return from_errno("cannot run " + words[0], errno);
}

void add(Program& program) {
  auto const name = std::make_shared<std::string>();
  program.verb("Agents", "screen", "Print the terminal's present screen", "screen alice")
      .argument("AGENT", *name, "The agent", Words::agent)
      .runs([name](Context& context) { return screen(context, *name); });
  auto const o = std::make_shared<Attach>();
  program.verb("Agents", "attach", "Make your terminal the agent's; works inside tmux too", "attach alice --read-only")
      .argument("AGENT", o->agent, "The agent", Words::agent)
      .flag("-r,--read-only", o->read_only, "Look, but do not type")
      .runs([o](Context& context) { return attach(context, *o); });
}
Family const family(12, add);

}  // namespace
}  // namespace ar::cli
