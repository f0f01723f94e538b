// A small disk of its own for the state directory, so that it can be filled without harm to others: a tmpfs
// in a private mount namespace, which root may make, or anybody where user namespaces are allowed.
#pragma once
#include <filesystem>
#include <string>

namespace ar::chaos {

/// Puts a tmpfs on `dir` for this process and its children. Empty, or why it cannot be. Call while the
/// process has one thread.
std::string mount_small_disk(std::filesystem::path const& dir, std::size_t bytes);

/// Takes all the room there is on the disk of `dir` but `left` bytes, until it goes out of scope.
class DiskFull {
 public:
  explicit DiskFull(std::filesystem::path const& dir, std::size_t left = 0);
  ~DiskFull();
  DiskFull(DiskFull const&) = delete;
  DiskFull& operator=(DiskFull const&) = delete;

 private:
  std::filesystem::path file_;
  int fd_;
};

}  // namespace ar::chaos
