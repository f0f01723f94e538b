#include "daemon/outputs/output_walk.hpp"

#include "base/unicode.hpp"
#include "daemon/outputs/open_below.hpp"
#include "daemon/outputs/output_dirs.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <set>

namespace ar::daemon {
namespace {

constexpr int kDeepest = 32;
constexpr std::size_t kLongestPath = 1024;

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

/// Of a name that is not UTF-8 what can be shown.
std::string shown(std::string const& path) {
  auto const readable = parse_json(to_text(path));
  return readable ? readable->get<std::string>() : std::string();
}

class Walk {
 public:
  Walk(OutputFolders const& folders, WalkLimits const& limits) : folders_(folders), limits_(limits) {
    if (::stat(folders.own_state.c_str(), &own_state_) != 0) own_state_ = {};
  }

  OutputWalk all() {
    for (auto const& dir : folders_.dirs) begin(dir);
    std::ranges::sort(done_.found, {}, &FoundOutput::path);
    return std::move(done_);
  }

 private:
  void miss(std::string const& path, char const* reason, std::string message) {
    if (done_.missing.size() < limits_.missing) done_.missing.push_back({shown(path), reason, std::move(message)});
  }

  void begin(std::string const& dir) {
    root_ = root_of(dir, folders_.roots);
    if (root_.empty())
      return miss(dir, missing::kDirMissing, "it is neither in the workspace nor in a root of the configuration");
    auto folder = open_below(root_, dir, O_RDONLY | O_DIRECTORY);
    if (!folder && errno == ELOOP)
      return miss(dir, missing::kNotRegular, "it, or a folder on the way to it, is a symbolic link");
    if (!folder) return miss(dir, errno == ENOENT ? missing::kDirMissing : missing::kReadFailed, std::strerror(errno));
    enter(std::move(folder), dir, "", 0);
  }

  void enter(OpenFile folder, std::string const& path, std::string const& name, int depth) {
    struct stat itself{};
    if (::fstat(folder.fd(), &itself) == 0 && own_state_.st_ino != 0 && itself.st_ino == own_state_.st_ino &&
        itself.st_dev == own_state_.st_dev)
      return miss(path, missing::kReadFailed, "agent-runner's own state is no output");
    if (depth == kDeepest)
      return miss(path, missing::kReadFailed, "it lies more than " + std::to_string(kDeepest) + " folders deep");
    std::unique_ptr<DIR, CloseDir> const dir(::fdopendir(folder.fd()));
    if (!dir) return miss(path, missing::kReadFailed, std::strerror(errno));
    int const fd = folder.release();
    for (errno = 0; dirent const* entry = ::readdir(dir.get()); errno = 0) {
      std::string const own(entry->d_name);
      if (own == "." || own == "..") continue;
      if (!may_go_on(path)) return;
      look_at(fd, own, path == "/" ? "/" + own : path + "/" + own, name.empty() ? own : name + "/" + own, depth);
    }
    if (errno != 0) miss(path, missing::kReadFailed, std::strerror(errno));
  }

  void look_at(int folder, std::string const& own, std::string const& path, std::string const& name, int depth) {
    if (!is_utf8(own)) return miss(path, missing::kReadFailed, "its name is not UTF-8");
    if (path.size() > kLongestPath)
      return miss(path, missing::kReadFailed, "its path has more than " + std::to_string(kLongestPath) + " bytes");
    struct stat what{};
    if (::fstatat(folder, own.c_str(), &what, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) miss(path, missing::kReadFailed, std::strerror(errno));
      return;
    }
    if (S_ISDIR(what.st_mode)) {
      OpenFile inner(::openat(folder, own.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (inner) return enter(std::move(inner), path, name, depth + 1);
      return miss(path, missing::kReadFailed, std::strerror(errno));
    }
    if (!S_ISREG(what.st_mode))
      return miss(path, missing::kNotRegular,
                  S_ISLNK(what.st_mode) ? "it is a symbolic link" : "it is a pipe, a socket or a device");
    if (!paths_.insert(path).second) return;  // of a folder that lies in another one
    done_.found.push_back({path, name, root_, stamp_of(what)});
  }

  bool may_go_on(std::string const& path) {
    if (!done_.whole) return false;
    done_.whole = false;
    if (limits_.stop.stop_requested()) return false;
    if (done_.found.size() == limits_.files) {
      miss(path, missing::kCap, "there are more than " + std::to_string(limits_.files) + " files");
    } else if (++entries_ > limits_.entries) {
      miss(path, missing::kCap, "there are more than " + std::to_string(limits_.entries) + " files and folders");
    } else if (Clock::now() > limits_.deadline) {
      miss(path, missing::kReadFailed, "looking through the folders took too long");
    } else {
      done_.whole = true;
    }
    return done_.whole;
  }

  OutputFolders const& folders_;
  WalkLimits const& limits_;
  struct stat own_state_{};
  std::string root_{};
  std::size_t entries_ = 0;
  std::set<std::string> paths_{};
  OutputWalk done_{};
};

}  // namespace

OutputWalk walk_outputs(OutputFolders const& folders, WalkLimits const& limits) { return Walk(folders, limits).all(); }

}  // namespace ar::daemon
