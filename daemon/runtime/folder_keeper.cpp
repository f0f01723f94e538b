#include "daemon/runtime/folder_keeper.hpp"

#include "base/file_watch.hpp"
#include "base/paths.hpp"

#include <boost/asio/this_coro.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <sys/stat.h>

namespace fs = std::filesystem;

namespace ar::daemon {
namespace {

constexpr int kTries = 20;
constexpr auto kPause = std::chrono::milliseconds(100);

/// What tells folders from others that have been made in their place; 0: there is none.
std::vector<ino_t> identities_of(std::vector<fs::path> const& folders) {
  std::vector<ino_t> identities;
  for (auto const& folder : folders) {
    struct stat info{};
    identities.push_back(::lstat(folder.c_str(), &info) == 0 ? info.st_ino : 0);
  }
  return identities;
}

Result<void> watch(FileWatch& files, fs::path const& folder) {
  if (auto made = make_private_dir(folder); !made) return made.error();
  // Its parent tells when the folder goes: while a socket in it is listened at, the kernel keeps a removed folder,
  // which then says nothing of its end.
  if (auto added = files.add_names_of(folder.parent_path()); !added) return added.error();
  return files.add(folder);
}

}  // namespace

awaitable<void> keep_folders(std::vector<fs::path> folders, std::function<bool()> restore) {
  for (int failures = 0; restore();) {
    FileWatch files(co_await net::this_coro::executor);
    Result<void> watching;
    for (auto const& folder : folders)
      if (watching) watching = watch(files, folder);
    if (!watching && ++failures < kTries) {  // it may have been removed again meanwhile
      (void)co_await sleep_for(kPause);
      continue;
    }
    if (!watching) {
      spdlog::warn("a socket that is removed from {} stays away until the daemon starts again: {}",
                   folders.front().string(), watching.error().message);
      co_return;
    }
    failures = 0;
    auto const watched = identities_of(folders);
    while (std::ranges::find(watched, 0U) == watched.end() && identities_of(folders) == watched && !files.broken()) {
      if (!restore()) co_return;
      (void)co_await files.next();
    }
  }
}

}  // namespace ar::daemon
