#include "daemon/outputs/output_store.hpp"

#include "base/ids.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ar::daemon {
namespace fs = std::filesystem;

fs::path output_store_dir(Paths const& paths, std::string const& agent) { return paths.agent_dir(agent) / "outputs"; }

OutputStore::Draft::~Draft() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<OutputStore::Draft> OutputStore::begin() const {
  auto path = folder_ / (".new-" + random_hex(8));
  OpenFile file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return from_errno("cannot write " + path.string(), errno);
  return Draft(std::move(path), std::move(file));
}

Result<void> OutputStore::keep(Draft draft, std::string const& sha256) const {
  if (::rename(draft.path_.c_str(), (folder_ / sha256).c_str()) != 0)
    return from_errno("cannot write " + (folder_ / sha256).string(), errno);
  draft.path_.clear();
  return {};
}

bool OutputStore::has(std::string const& sha256) const {
  struct stat file{};
  return ::lstat((folder_ / sha256).c_str(), &file) == 0 && S_ISREG(file.st_mode);
}

void OutputStore::flush() const {
  OpenFile const folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) (void)::syncfs(folder.fd());
}

Result<OpenFile> OutputStore::open(std::string const& sha256, std::int64_t bytes) const {
  OpenFile file(::open((folder_ / sha256).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat what{};
  if (file && ::fstat(file.fd(), &what) == 0 && S_ISREG(what.st_mode) && what.st_size == bytes) return file;
  return internal("output_lost", "the kept content " + sha256 + " is not there any more, or not whole");
}

void OutputStore::sweep(std::set<std::string> const& kept) const {
  std::error_code ec;
  for (fs::directory_iterator entry(folder_, ec), end; !ec && entry != end; entry.increment(ec))
    if (!kept.contains(entry->path().filename().string())) ::unlink(entry->path().c_str());
}

Result<OpenFile> unnamed_file(fs::path const& folder) {
  OpenFile file(::open(folder.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (file) return file;
  // Some file systems know no file without a name.
  auto name = (folder / ".copy-XXXXXX").string();
  file = OpenFile(::mkostemp(name.data(), O_CLOEXEC));
  if (!file) return from_errno("cannot write in " + folder.string(), errno);
  ::unlink(name.c_str());
  return file;
}

}  // namespace ar::daemon
