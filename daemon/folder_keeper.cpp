#include "daemon/folder_keeper.hpp"

#include "base/file_watch.hpp"
#include "base/paths.hpp"

#include <boost/asio/this_coro.hpp>
#include <spdlog/spdlog.h>

#include <sys/stat.h>

namespace fs = std::filesystem;

namespace ar::daemon {
namespace {

/// What tells a folder from another one that has been made in its place; 0: there is none.
ino_t identity_of(fs::path const& folder) {
  struct stat info{};
  return ::lstat(folder.c_str(), &info) == 0 ? info.st_ino : 0;
}

Result<void> watch(FileWatch& files, fs::path const& folder) {
  if (auto made = make_private_dir(folder); !made) return made.error();
  // Its parent tells when the folder goes: while a socket in it is listened at, the kernel keeps a removed folder, which
  // then says nothing of its end.
  if (auto added = files.add_names_of(folder.parent_path()); !added) return added.error();
  return files.add(folder);
}

}  // namespace

awaitable<void> keep_folder(fs::path folder, std::function<bool()> restore) {
  while (restore()) {
    FileWatch files(co_await net::this_coro::executor);
    if (auto watching = watch(files, folder); !watching) {
      spdlog::warn("a socket that is removed from {} stays away until the daemon starts again: {}", folder.string(),
                   watching.error().message);
      co_return;
    }
    auto const watched = identity_of(folder);
    while (watched != 0 && identity_of(folder) == watched && !files.broken()) {
      if (!restore()) co_return;
      (void)co_await files.next();
    }
  }
}

}  // namespace ar::daemon
