// Who serves a state directory. Its daemon.lock, locked for as long as that process lives, names it: the process, and
// the socket that it answers at. Everything else about a running installation is found from there.
#pragma once
#include "base/error.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>

namespace ar {

struct Instance {
  pid_t pid = 0;
  std::filesystem::path socket{};  ///< the control socket, or the relay's of a lone relay; empty: none yet
};

/// The lock's file.
std::filesystem::path instance_file(std::filesystem::path const& state_dir);
/// What is written in it.
std::string to_text(Instance const& instance);
/// What the last one that held the lock has written, whether it lives or not.
std::optional<Instance> recorded_instance(std::filesystem::path const& state_dir);
/// The one that holds it now: a process of our own user, for which the kernel says so. (To try the lock would be in the
/// way of who wants it.)
std::optional<Instance> living_instance(std::filesystem::path const& state_dir);
/// What that record is worth nothing for: its process has the file open, and is not proved to hold the lock. Empty:
/// nothing is wrong with it.
std::string instance_problem(std::filesystem::path const& state_dir);

}  // namespace ar
