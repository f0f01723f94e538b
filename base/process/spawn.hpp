// Starts child processes: posix_spawn under Boost.Process handles. No code of ours runs between fork and exec, a bad
// executable or directory comes back as an error, and every inherited descriptor but the named ones is closed.
#pragma once
#include "base/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/detail/throw_error.hpp>  // Boost 1.81's process.hpp uses it without including it
#include <boost/process/v2/process.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace ar {

struct SpawnSpec {
  std::filesystem::path executable;      ///< absolute
  std::vector<std::string> arguments;    ///< without argv[0], which is the executable
  std::vector<std::string> environment;  ///< complete, "K=V"
  std::filesystem::path directory{};     ///< empty: inherited
  int in = -1, out = -1, err = -1;       ///< descriptors the child gets as 0, 1, 2; -1: /dev/null
};

/// The child leads a session and process group of its own, so kill(-pid, signal) reaches its tree. Destroying the
/// handle kills the child unless it was awaited (async_wait, a pidfd) or detached.
Result<boost::process::v2::process> spawn(boost::asio::any_io_executor executor, SpawnSpec const& spec);

}  // namespace ar
