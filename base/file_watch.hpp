// Tells when files in a few folders change (inotify): an event per batch, no polling. The files need not
// exist yet.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace ar {

class FileWatch {
 public:
  explicit FileWatch(Executor executor) : stream_(std::move(executor)) {}

  /// Watches the folder, which is created (0700) when absent. Adding it again changes nothing.
  Result<void> add(std::filesystem::path const& folder);
  /// The same, but hears only of what is created, removed and renamed in it: not of what is written to its files.
  Result<void> add_names_of(std::filesystem::path const& folder);

  struct Changes {
    std::set<std::string> names;  ///< of files written, created, renamed into place or removed
    bool everything = false;      ///< events were lost: look at all
  };
  /// The next batch; empty when cancelled or broken.
  awaitable<Changes> next();
  bool broken() const { return !stream_.is_open(); }

 private:
  Result<void> add(std::filesystem::path const& folder, std::uint32_t events);

  boost::asio::posix::stream_descriptor stream_;
  std::set<std::filesystem::path> folders_;
  alignas(8) std::array<char, 16384> buffer_{};
};

}  // namespace ar
