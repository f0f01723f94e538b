// Finds the files in an agent's output folders.
#pragma once
#include "base/clock.hpp"
#include "daemon/outputs/output_file.hpp"

#include <cstddef>
#include <stop_token>
#include <string>
#include <vector>

namespace ar::daemon {

struct OutputFolders {
  std::vector<std::string> dirs;   ///< normal
  std::vector<std::string> roots;  ///< in which they have to lie: the workspace, and what the configuration names
  std::string own_state;           ///< the daemon's, which is nobody's output
};

/// What a look at them may cost.
struct WalkLimits {
  std::size_t files = 10'000;
  std::size_t entries = 100'000;  ///< of folders, of any kind
  std::size_t missing = 1000;     ///< that are told
  Clock::time_point deadline = Clock::time_point::max();
  std::stop_token stop{};
};

struct OutputWalk {
  std::vector<FoundOutput> found{};  ///< by their paths
  std::vector<MissingOutput> missing{};
  bool whole = true;  ///< false: a limit has ended it
};

/// Blocks. Follows no link, and goes into no pipe, device or socket.
OutputWalk walk_outputs(OutputFolders const& folders, WalkLimits const& limits);

}  // namespace ar::daemon
