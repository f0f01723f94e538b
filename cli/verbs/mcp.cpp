// The daemon as tools of a model's host, over stdin and stdout.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/mcp_pipe.hpp"

#include <csignal>
#include <cstdlib>

namespace ar::cli {
namespace {

Result<int> mcp(Context& context) {
  // Starts the daemon for a person. An agent's, which starts it again, is waited for with each message.
  if (auto const api = context.api(); !api && !context.inside_agent()) return api.error();
  if (auto const where = context.endpoint(); !where) return where.error();
  std::signal(SIGPIPE, SIG_IGN);
  static McpPipe pipe([&context] { return context.endpoint(); });
  pipe.run();
  std::_Exit(exit_done);  // threads may still wait for answers that nobody wants
}

void add(Program& program) {
  program
      .verb("More", "mcp",
            "Serve the Model Context Protocol on stdin and stdout: agents, messages and memory as tools of a model",
            "mcp")
      .runs(mcp);
}
Family const family(47, add);

}  // namespace
}  // namespace ar::cli
