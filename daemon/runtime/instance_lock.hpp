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
  InstanceLock(InstanceLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)), file_(std::move(other.file_)) {}
  InstanceLock& operator=(InstanceLock&&) = delete;
  ~InstanceLock();
  /// Tells everybody at which socket this process answers (base/instance.hpp).
  Result<void> announce(std::filesystem::path const& socket) const;
  /// Whether the file is still there. Without it the state directory is no longer this process's.
  bool is_held() const;

 private:
  InstanceLock(int fd, std::filesystem::path file) : fd_(fd), file_(std::move(file)) {}
  int fd_;
  std::filesystem::path file_;
};

}  // namespace ar::daemon
