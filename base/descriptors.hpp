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
/// Has the kernel make this process's table of them large enough for a fleet. While a process has threads, each growth
/// of the table (beyond 64, 128, 256...) stands still until all processors have let go of the old one, some 10 ms: call
/// this before the first thread. Best effort.
void make_room_for_descriptors();
/// What this process was started with: for programs that we start, of which some cannot stand more (select).
std::size_t inherited_descriptor_limit();

}  // namespace ar
