// How many files a process has open, and may have: sockets, pipes and handles of processes are files here.
#pragma once
#include <cstddef>
#include <optional>
#include <sys/types.h>

namespace ar {

struct Descriptors {
  std::size_t open = 0, limit = 0;
};

/// Of a process of this user; nothing: it cannot be looked at.
std::optional<Descriptors> descriptors_of(pid_t process);
/// Lets a process of this user have as many open as the system allows it. Best effort.
void raise_descriptor_limit(pid_t process);
/// Lets this one, and keeps in mind what it was started with.
void raise_descriptor_limit();
/// What this process was started with: for programs that we start, of which some cannot stand more (select).
std::size_t inherited_descriptor_limit();

}  // namespace ar
