// Tells when files in a few folders change (inotify): an event per batch, no polling. The files need not
// exist yet.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/worker.hpp"

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
  /// `closer`: closes it in the end, which takes the kernel some tens of ms; null: the thread that this ends on does.
  explicit FileWatch(Executor executor, Worker* closer = nullptr) : stream_(std::move(executor)), closer_(closer) {}
  ~FileWatch() { close(); }
  FileWatch(FileWatch const&) = delete;
  FileWatch& operator=(FileWatch const&) = delete;

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
  void close();

  boost::asio::posix::stream_descriptor stream_;
  Worker* const closer_;
  std::set<std::filesystem::path> folders_;
  alignas(8) std::array<char, 16384> buffer_{};
};

}  // namespace ar
