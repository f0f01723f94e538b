#include "cli/log_reader.hpp"

#include <climits>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ar::cli {

LogReader::LogReader(std::filesystem::path file) : file_(std::move(file)) {}
LogReader::~LogReader() {
  if (fd_ >= 0) ::close(fd_);
  if (inotify_ >= 0) ::close(inotify_);
}

/// True when `file_` is another file than the one being read, which is then open (or none is).
bool LogReader::reopen_if_replaced() {
  struct stat named {
  }, held{};
  bool const exists = ::stat(file_.c_str(), &named) == 0;
  if (fd_ >= 0 && exists && ::fstat(fd_, &held) == 0 && held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
    if (::lseek(fd_, 0, SEEK_CUR) <= named.st_size) return false;
    ::lseek(fd_, 0, SEEK_SET);  // cut short: begin again
    return true;
  }
  if (!exists) return false;
  if (fd_ >= 0) ::close(fd_);
  fd_ = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC);
  partial_.clear();
  return fd_ >= 0;
}

Result<void> LogReader::read(std::function<void(std::string_view)> const& line) {
  if (fd_ < 0 && !reopen_if_replaced()) {
    if (errno == ENOENT) return {};
    return from_errno("cannot read " + file_.string(), errno);
  }
  do {
    char buffer[65536];
    for (;;) {
      auto const n = ::read(fd_, buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return from_errno("cannot read " + file_.string(), errno);
      if (n == 0) break;
      partial_.append(buffer, static_cast<std::size_t>(n));
      std::size_t begin = 0;
      for (auto end = partial_.find('\n'); end != std::string::npos; end = partial_.find('\n', begin)) {
        line(std::string_view(partial_).substr(begin, end - begin));
        begin = end + 1;
      }
      partial_.erase(0, begin);
    }
    // The old file is read to its end before the new one is begun.
  } while (reopen_if_replaced());
  return {};
}

Result<void> LogReader::watch() {
  inotify_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_ < 0) return from_errno("cannot watch files", errno);
  auto const folder = file_.parent_path();
  if (::inotify_add_watch(inotify_, folder.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
    return from_errno("cannot watch " + folder.string(), errno);
  return {};
}

bool LogReader::wait(std::chrono::milliseconds patience) {
  auto const deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd entry{inotify_, POLLIN, 0};
    int const ready = ::poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    // The folder holds databases that change all the time: only the log's own events count.
    alignas(inotify_event) char buffer[4096];
    bool ours = false;
    for (auto n = ::read(inotify_, buffer, sizeof buffer); n > 0; n = ::read(inotify_, buffer, sizeof buffer))
      for (char const* at = buffer; at < buffer + n;) {
        auto const* event = reinterpret_cast<inotify_event const*>(at);
        if (event->mask & IN_Q_OVERFLOW || (event->len > 0 && file_.filename() == event->name)) ours = true;
        at += sizeof(inotify_event) + event->len;
      }
    if (ours) return true;
  }
}

}  // namespace ar::cli
