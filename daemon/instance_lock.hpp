// One daemon per state directory: a lock that the kernel gives back however its holder ends.
#pragma once
#include "base/error.hpp"

#include <filesystem>
#include <utility>

namespace ar::daemon {

class InstanceLock {
 public:
  /// Fails with `already_running`, naming the holder's pid, when another daemon has it and is not just ending: that
  /// is waited for, a second at most.
  static Result<InstanceLock> take(std::filesystem::path const& state_dir);
  InstanceLock(InstanceLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  InstanceLock& operator=(InstanceLock&&) = delete;
  ~InstanceLock();

 private:
  explicit InstanceLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace ar::daemon
