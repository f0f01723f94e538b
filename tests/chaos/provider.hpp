// What chaos gives its messages to, and how it sees at the receiver what arrived.
#pragma once
#include "chaos/lab.hpp"
#include "chaos/tally.hpp"

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace ar::chaos {

inline constexpr char const* kSharedTag = "chaos";

class Provider {
 public:
  virtual ~Provider() = default;
  /// The body of POST /v1/agents.
  virtual json spawn_request(std::string const& agent) const = 0;
  /// Seen in the command line of each of the agent's processes.
  virtual std::string program() const = 0;
  /// Those that may be killed; `pid`: the one that the daemon knows.
  virtual std::vector<pid_t> processes(pid_t pid) const { return {pid}; }
  virtual std::string body(std::int64_t serial, std::mt19937_64& random) const = 0;
  /// A message that makes it run a tool for a while; empty: it has no tools.
  virtual std::string tool_body(std::int64_t /*serial*/) const { return {}; }
  /// How many messages may wait on the bus: senders pause above that.
  virtual int backlog() const = 0;
  /// Everything that was received, in order for each agent. Called when all is quiet.
  virtual std::vector<Receipt> receipts(std::vector<std::string> const& agents) = 0;
};

std::unique_ptr<Provider> make_fast_provider(Lab const& lab);
/// `cli`: from test::claude_offline() or codex_offline(), which must have been called before anything was started.
std::unique_ptr<Provider> make_claude_provider(Lab const& lab, std::string cli, std::string road);
std::unique_ptr<Provider> make_codex_provider(Lab const& lab, std::string cli);

}  // namespace ar::chaos
