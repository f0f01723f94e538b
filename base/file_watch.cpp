#include "base/file_watch.hpp"

#include "base/paths.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <sys/inotify.h>
#include <unistd.h>

namespace ar {
namespace {

// Outside the coroutine, whose frame cannot hold the kernel's record with its open end.
void read_events(std::string_view bytes, FileWatch::Changes& changes) {
  for (std::size_t at = 0; at + sizeof(inotify_event) <= bytes.size();) {
    std::uint32_t mask = 0, length = 0;
    std::memcpy(&mask, bytes.data() + at + offsetof(inotify_event, mask), sizeof mask);
    std::memcpy(&length, bytes.data() + at + offsetof(inotify_event, len), sizeof length);
    at += sizeof(inotify_event);
    if (mask & IN_Q_OVERFLOW)
      changes.everything = true;
    else if (length > 0 && at + length <= bytes.size())
      changes.names.emplace(bytes.data() + at);
    at += length;
  }
}

}  // namespace

namespace {
constexpr std::uint32_t kNames = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
}

Result<void> FileWatch::add(std::filesystem::path const& folder) {
  return add(folder, kNames | IN_MODIFY | IN_CLOSE_WRITE);
}

Result<void> FileWatch::add_names_of(std::filesystem::path const& folder) { return add(folder, kNames); }

Result<void> FileWatch::add(std::filesystem::path const& folder, std::uint32_t events) {
  if (folders_.contains(folder)) return {};
  std::error_code ec;
  if (!std::filesystem::is_directory(folder, ec)) {
    if (auto made = make_private_dir(folder); !made) return made.error();
  }
  if (!stream_.is_open()) {
    int const fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) return from_errno("cannot watch files (inotify)", errno);
    stream_.assign(fd);
  }
  if (::inotify_add_watch(stream_.native_handle(), folder.c_str(), events) < 0) {
    if (errno == ENOSPC)
      return unavailable("inotify_limit",
                         "cannot watch " + folder.string() +
                             ": the user's inotify watches are used up; raise fs.inotify.max_user_watches");
    return from_errno("cannot watch " + folder.string(), errno);
  }
  folders_.insert(folder);
  return {};
}

void FileWatch::close() {
  if (!stream_.is_open()) return;
  int const fd = stream_.release();
  if (closer_)
    closer_->post([fd] { ::close(fd); });
  else
    ::close(fd);
}

awaitable<FileWatch::Changes> FileWatch::next() {
  Changes changes;
  auto [ec, size] = co_await stream_.async_read_some(net::buffer(buffer_), nothrow);
  if (ec) {
    if (ec != net::error::operation_aborted) close();
    co_return changes;
  }
  read_events(std::string_view(buffer_.data(), size), changes);
  co_return changes;
}

}  // namespace ar
