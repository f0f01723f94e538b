#include "cli/context.hpp"

#include "base/unicode.hpp"
#include "cli/daemon_process.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ar::cli {
namespace {

std::string env(char const* name) {
  char const* const value = std::getenv(name);
  return value ? value : "";
}

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

Context::Context(Globals const& globals, CommandInfo const& commands) : globals_(globals), commands_(commands) {
  // Any of an agent's variables will do: to leave one of them out makes nobody a person.
  agent_id_ = env("AGENT_RELAY_ID");
  Endpoint const own{env("AGENT_RUNNER_SOCKET"), env("AGENT_RELAY_TOKEN")};
  if (!agent_id_.empty() || !own.socket.empty() || !own.token.empty()) agent_ = own;
  // Absolute, because the daemon it may start runs in another directory. Programs started from here see it too.
  if (globals.state_dir && !agent_)
    ::setenv("AGENT_RUNNER_STATE_DIR", std::filesystem::absolute(*globals.state_dir).c_str(), 1);
  terminal_ = ::isatty(STDOUT_FILENO) == 1;
  colour_ = terminal_ && env("NO_COLOR").empty() && env("TERM") != "dumb";
  columns_ = terminal_ ? terminal_columns() : 0;
}

Result<std::string> Context::agent_or_self(std::optional<std::string> const& named) const {
  if (named) return *named;
  if (agent_ && !agent_id_.empty()) return agent_id_;
  return invalid("AGENT", "name the agent; agent-runner ps lists them");
}

Result<void> Context::check(bool people_only, std::string const& verb) const {
  if (!agent_) return {};
  auto const here = "this runs inside " + (agent_id_.empty() ? std::string("an agent") : "agent " + agent_id_);
  if (people_only)
    return Error{ErrorKind::forbidden, "inside_agent", here + ", and `agent-runner " + verb + "` is for people"};
  if (globals_.state_dir)
    return Error{ErrorKind::forbidden, "inside_agent",
                 here + ", which speaks to its own daemon as itself; leave out --state-dir"};
  return {};
}

Result<Paths> Context::paths() const { return Paths::resolve(); }

Result<Endpoint> Context::endpoint() const {
  if (agent_ && (agent_->token.empty() || agent_->socket.empty()))
    return Error{ErrorKind::unauthorized, "token_required",
                 std::string("this runs inside an agent, but without ") +
                     (agent_->token.empty() ? "AGENT_RELAY_TOKEN" : "AGENT_RUNNER_SOCKET") +
                     ", and an agent says nothing without its token; run it with the environment that the agent was "
                     "started with"};
  if (agent_) return *agent_;
  auto const found = paths();
  if (!found) return found.error();
  return Endpoint{found->control_socket()};
}

Result<ApiClient*> Context::running_api() {
  if (client_) return client_.get();
  auto const where = endpoint();
  if (!where) return where.error();
  auto client = std::make_unique<ApiClient>(*where);
  if (auto reached = client->reach(); !reached) return reached.error();
  client_ = std::move(client);
  return client_.get();
}

Result<ApiClient*> Context::api() {
  auto api = running_api();
  // Never from inside an agent: its sandbox may let this program out, and a daemon would start what its state names.
  if (api || api.error().code != "daemon_away" || agent_) return api;
  if (globals_.no_start) return api;
  auto const where = paths();
  if (!where) return where.error();
  bool const tell = ::isatty(STDERR_FILENO) == 1;
  if (tell) std::fputs("starting the daemon ... ", stderr);
  auto const begin = std::chrono::steady_clock::now();
  auto started = start_daemon(*where);
  if (tell) {
    auto const took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
    std::fprintf(stderr, "%s\n", started ? ("ready in " + duration(took)).c_str() : "failed");
  }
  if (!started) return started.error();
  return running_api();
}

void Context::print_json(json const& value) const { print(shown_json(to_text(value)) + "\n"); }
void Context::print(Table const& table) const { print(table.text(columns_, colour_)); }
void Context::print(std::string_view text) const { std::fwrite(text.data(), 1, text.size(), stdout); }
void Context::print_foreign(std::string_view text) const {
  if (terminal_)
    print(printable(text));
  else
    print(text);
}
void Context::note(std::string const& text) const { std::fprintf(stderr, "%s\n", printable(hints(text)).c_str()); }

std::string Context::hints(std::string text) const {
  if (!globals_.state_dir) return text;
  static constexpr std::string_view program = "agent-runner ";
  auto const option = "--state-dir " + shell_word(*globals_.state_dir) + " ";
  for (auto at = text.find(program); at != std::string::npos; at = text.find(program, at)) {
    at += program.size();
    auto const word = text.substr(at, text.find_first_not_of("abcdefghijklmnopqrstuvwxyz", at) - at);
    bool const is_command =
        std::ranges::any_of(commands_.commands, [&](auto const& verb) { return verb->name == word; });
    if (is_command) text.insert(at, option);
  }
  return text;
}

void Context::print_error(Error const& error) const {
  std::fflush(stdout);
  bool const colour = ::isatty(STDERR_FILENO) == 1 && env("NO_COLOR").empty() && env("TERM") != "dumb";
  auto message = printable(hints(error.message));
  if (!error.field.empty() && message.find(error.field) == std::string::npos) message = error.field + ": " + message;
  std::fprintf(stderr, "%s %s\n", paint("agent-runner:", Colour::red, colour).c_str(), message.c_str());
}

}  // namespace ar::cli
