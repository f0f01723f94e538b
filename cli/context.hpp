// What a verb works with: the global options, the daemon, and where output goes.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"
#include "cli/api_client.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ar::cli {

struct Globals {
  bool json = false;
  bool no_start = false;
  std::optional<std::string> state_dir{};
};

class Context {
 public:
  Context(Globals const& globals, CommandInfo const& commands);

  bool json_output() const { return globals_.json; }
  CommandInfo const& commands() const { return commands_; }

  /// This command runs inside an agent, whose variables are in the environment (AGENT_RELAY_TOKEN, AGENT_RUNNER_SOCKET,
  /// AGENT_RELAY_ID): it acts as that agent, by its token, and says nothing without it.
  bool inside_agent() const { return agent_.has_value(); }
  /// Refuses (inside_agent) what an agent may not even try: a verb for people, another installation.
  Result<void> check(bool people_only, std::string const& verb) const;
  /// AGENT: the one named, else the agent this runs in.
  Result<std::string> agent_or_self(std::optional<std::string> const& named) const;

  Result<Paths> paths() const;
  /// Error: token_required, inside an agent that has not all of its variables.
  Result<Endpoint> endpoint() const;
  /// The connected daemon; started when none runs, unless --no-start or inside an agent.
  Result<ApiClient*> api();
  /// The connected daemon, or `daemon_away`: for verbs that look at a daemon but never start it.
  Result<ApiClient*> running_api();

  /// The commands named in a text, with the --state-dir that this one was given: what people are told to type reaches
  /// the installation that it is about.
  std::string hints(std::string text) const;

  // ---- output ----
  bool terminal() const { return terminal_; }
  bool colour() const { return colour_; }
  std::size_t columns() const { return columns_; }  ///< 0 when not a terminal
  /// One JSON value on one line; nothing in it steers a terminal.
  void print_json(json const& value) const;
  void print(Table const& table) const;
  void print(std::string_view text) const;
  /// Untrusted text: harmless on a terminal, byte for byte into a pipe or file.
  void print_foreign(std::string_view text) const;
  /// A remark for people, on stderr, not part of the output.
  void note(std::string const& text) const;
  void print_error(Error const& error) const;

 private:
  Globals const& globals_;
  CommandInfo const& commands_;
  std::optional<Endpoint> agent_;
  std::string agent_id_;
  std::unique_ptr<ApiClient> client_;
  bool terminal_, colour_;
  std::size_t columns_;
};

}  // namespace ar::cli
