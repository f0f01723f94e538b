// Kills things at random moments, in an order and at times that come from the seed.
#pragma once
#include "chaos/lab.hpp"
#include "chaos/load.hpp"
#include "chaos/provider.hpp"

#include <chrono>
#include <csignal>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace ar::chaos {

/// Set by a signal: stop killing, count, clean up.
extern volatile std::sig_atomic_t interrupted;

enum class Blow { daemon, agent, agent_in_tool, tmux_client, tmux_server, disk_full };
char const* name_of(Blow blow);

/// How often each; the rest follows from the two that a person names.
struct Plan {
  int daemon_kills = 0, agent_kills = 0;
  bool tools = false;  ///< half of the agents' kills come while a tool runs
  bool disk = false;   ///< the state is on a small disk
  std::vector<Blow> shuffled(std::mt19937_64& random) const;
};

/// Milliseconds from each kill of the daemon.
struct Times {
  std::vector<double> gone{}, up{}, working{};
};

class Killer {
 public:
  Killer(Lab& lab, Load& load, Provider const& provider, std::vector<std::string> agents, std::uint64_t seed);
  /// Returns when all of it is done or the time is over; the daemon is up then.
  void run(Plan const& plan, std::chrono::steady_clock::time_point until);

  std::map<Blow, int> const& done() const { return done_; }
  Times const& times() const { return times_; }
  int operator_restarts() const { return operator_restarts_; }
  std::vector<std::string> const& troubles() const { return troubles_; }
  /// Restarts, as an operator would, the agents that were given up.
  void restart_given_up();
  bool bring_up();

 private:
  void strike(Blow blow);
  void kill_daemon();
  bool kill_agent(bool in_tool);
  void kill_tmux_client();
  void kill_tmux_server();
  void fill_disk();
  void measure_working(std::chrono::steady_clock::time_point killed);
  /// From some microseconds to some tens of milliseconds, small ones as likely as large ones; half of them
  /// behind a message that is just being sent.
  void random_moment();

  Lab& lab_;
  Load& load_;
  Provider const& provider_;
  std::vector<std::string> const agents_;
  std::mt19937_64 random_;
  std::map<Blow, int> done_;
  Times times_;
  int operator_restarts_ = 0;
  std::vector<std::string> troubles_;
};

}  // namespace ar::chaos
