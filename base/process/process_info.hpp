// What can be asked about one process.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/types.h>

namespace ar {

/// The process that listens at a Unix socket. 0: nobody does, as far as we see. -1: one that does not let us ask.
pid_t listener_at(std::filesystem::path const& socket);

/// When the process was started, in the kernel's ticks since boot: with its number, it is no other one. 0: there is
/// none.
std::uint64_t start_time_of(pid_t pid);

/// Whether the process is known to run another file than this one; an update may have replaced its own. False for one
/// that is just ending.
bool runs_another(pid_t pid, std::filesystem::path const& program);

/// Whether the process was started with `variable` ("K=V") in its environment. False for those of others.
bool was_started_with(pid_t pid, std::string const& variable);

}  // namespace ar
