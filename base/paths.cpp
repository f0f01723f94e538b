#include "base/paths.hpp"

#include "base/ids.hpp"
#include "base/instance.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace ar {
namespace {

std::string env(char const* name) {
  char const* const value = std::getenv(name);
  return value ? value : "";
}
fs::path home_dir() {
  if (auto home = env("HOME"); !home.empty()) return home;
  if (auto const* entry = ::getpwuid(::getuid()); entry && entry->pw_dir) return entry->pw_dir;
  return {};
}
struct FileDescriptor {
  int fd;
  ~FileDescriptor() {
    if (fd >= 0) ::close(fd);
  }
};

bool has_room_for_sockets(fs::path const& dir) {
  Paths const paths{{}, {}, dir};
  return paths.agents_socket().native().size() <= 106;
}

bool is_own_dir(fs::path const& dir) {
  struct stat info{};
  return dir.is_absolute() && ::stat(dir.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::geteuid();
}

/// A logout has taken the user's runtime folder away, but not the daemon: it can be told to end, by its process.
bool daemon_outlives(fs::path const& runtime, fs::path const& state_dir) {
  std::error_code ec;
  return !fs::exists(runtime, ec) && !ec && living_instance(state_dir);
}

/// Below the state directory, so that whoever knows that one finds the sockets, from whatever environment, and no
/// logout takes them away. Where its path is too long for them: in the user's runtime folder, by a name that belongs to
/// this state directory alone; the last daemon's, if one has recorded it. Empty: there is no place.
fs::path runtime_dir_of(fs::path const& state_dir) {
  if (auto const usual = state_dir / "run"; has_room_for_sockets(usual)) return usual;
  auto const name = "agent-runner-" + sha256_hex(state_dir.string()).substr(0, 12);
  if (auto const last = recorded_instance(state_dir)) {
    auto const dir = last->socket.parent_path();
    if (dir.filename() == name && (is_own_dir(dir.parent_path()) || daemon_outlives(dir.parent_path(), state_dir)))
      return dir;
  }
  fs::path const runtime = env("XDG_RUNTIME_DIR");
  if (!is_own_dir(runtime) || !has_room_for_sockets(runtime / name)) return {};
  return runtime / name;
}

}  // namespace

Result<Paths> Paths::resolve(std::string const& state) {
  Paths paths;
  std::string const own = state.empty() ? env("AGENT_RUNNER_STATE_DIR") : state;
  if (!own.empty()) {
    auto const root = fs::absolute(own).lexically_normal();
    paths = {root / "config.toml", root, {}};
  } else {
    auto const home = home_dir();
    auto const base = [&](char const* variable, char const* fallback) {
      auto const value = env(variable);
      return (value.empty() || value.front() != '/' ? home / fallback : fs::path(value)) / "agent-runner";
    };
    if (home.empty())
      return unavailable("no_home", "HOME is not set and the user has no home; set HOME or AGENT_RUNNER_STATE_DIR");
    paths.config_file = base("XDG_CONFIG_HOME", ".config") / "config.toml";
    paths.state_dir = base("XDG_STATE_HOME", ".local/state");
  }
  paths.runtime_dir = runtime_dir_of(paths.state_dir);
  if (paths.runtime_dir.empty())
    return invalid("state directory",
                   "the path " + paths.state_dir.string() +
                       " is too long for unix sockets below it; choose one of at most 85 characters, "
                       "or set XDG_RUNTIME_DIR to a shorter folder of yours");
  return paths;
}

Result<void> make_private_dir(fs::path const& dir) {
  std::error_code ec;
  fs::create_directories(dir.parent_path(), ec);
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) return from_errno("cannot create " + dir.string(), errno);
  struct stat info{};
  if (::stat(dir.c_str(), &info) != 0) return from_errno("cannot look at " + dir.string(), errno);
  if (!S_ISDIR(info.st_mode))
    return conflict("not_a_directory", dir.string() + " exists and is not a directory; move it away");
  if (info.st_uid != ::geteuid())
    return conflict("foreign_directory", dir.string() + " belongs to another user; remove it or choose another one");
  if ((info.st_mode & 0077) != 0 && ::chmod(dir.c_str(), 0700) != 0)
    return from_errno("cannot make " + dir.string() + " private", errno);
  return {};
}

namespace {

Result<void> write_beside(fs::path const& file, std::string_view content, unsigned mode, bool to_disk) {
  auto const beside = file.string() + ".new-" + random_hex(4);
  FileDescriptor const out{::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, static_cast<mode_t>(mode))};
  if (out.fd < 0) return from_errno("cannot write " + file.string(), errno);
  while (!content.empty()) {
    auto const n = ::write(out.fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      int const reason = errno;
      ::unlink(beside.c_str());
      return from_errno("cannot write " + file.string(), reason);
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  if ((to_disk && ::fsync(out.fd) != 0) || ::rename(beside.c_str(), file.c_str()) != 0) {
    int const reason = errno;
    ::unlink(beside.c_str());
    return from_errno("cannot write " + file.string(), reason);
  }
  return {};
}

}  // namespace

Result<void> write_file(fs::path const& file, std::string_view content, unsigned mode) {
  return write_beside(file, content, mode, false);
}
Result<void> write_file_to_disk(fs::path const& file, std::string_view content) {
  return write_beside(file, content, 0600, true);
}

namespace {

/// Opened without waiting for whoever has the other end of a pipe. `in` is set as soon as it is open.
Result<void> open_regular(fs::path const& file, FileDescriptor& in) {
  in.fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (in.fd < 0) {
    if (errno == ENOENT) return not_found("file_not_found", file.string() + " does not exist");
    return from_errno("cannot read " + file.string(), errno);
  }
  struct stat info{};
  if (::fstat(in.fd, &info) != 0) return from_errno("cannot look at " + file.string(), errno);
  if (!S_ISREG(info.st_mode))
    return conflict("not_a_file", file.string() + " is " +
                                      (S_ISDIR(info.st_mode) ? "a folder" : "a pipe, a socket or a device") +
                                      ", and no regular file");
  return {};
}

Result<std::string> read_to_end(FileDescriptor const& in, fs::path const& file, std::size_t limit) {
  std::string content;
  char buffer[65536];
  for (;;) {
    auto const n = ::read(in.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return from_errno("cannot read " + file.string(), errno);
    if (n == 0) return content;
    content.append(buffer, static_cast<std::size_t>(n));
    if (content.size() > limit)
      return Error{ErrorKind::too_large, "too_large",
                   file.string() + " is larger than " + std::to_string(limit) + " bytes"};
  }
}

bool is_below(fs::path const& folder, fs::path const& file) {
  return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first == folder.end();
}

}  // namespace

Result<std::string> read_file(fs::path const& file, std::size_t limit) {
  FileDescriptor in{-1};
  if (auto opened = open_regular(file, in); !opened) return opened.error();
  return read_to_end(in, file, limit);
}

Result<std::string> read_file_below(std::vector<fs::path> const& folders, fs::path const& file, std::size_t limit) {
  FileDescriptor in{-1};
  if (auto opened = open_regular(file, in); !opened) return opened.error();
  // Of what is open, so that no link can be changed between the look and the reading.
  std::error_code ec;
  auto const place = fs::read_symlink("/proc/self/fd/" + std::to_string(in.fd), ec);
  if (ec) return from_errno("cannot tell where " + file.string() + " lies", ec.value());
  std::string names;
  for (auto const& folder : folders) {
    if (auto const real = fs::canonical(folder, ec); !ec && is_below(real, place)) return read_to_end(in, file, limit);
    names += (names.empty() ? "" : " nor ") + folder.string();
  }
  return Error{ErrorKind::forbidden, "outside_folders", place.string() + " lies neither below " + names};
}

Result<void> check_directory(fs::path const& dir) {
  auto const wrong = [&](std::string const& why) {
    return invalid("directory", "the directory " + dir.string() + why);
  };
  struct stat info{};
  int const reason = ::stat(dir.c_str(), &info) == 0 ? 0 : errno;
  if (reason == ENOENT) return wrong(" does not exist; create it or name another");
  if (reason == ENOTDIR || (reason == 0 && !S_ISDIR(info.st_mode))) return wrong(" is no directory; name another");
  if (reason != 0) return wrong(" cannot be reached: " + std::string(std::strerror(reason)));
  if (::faccessat(AT_FDCWD, dir.c_str(), X_OK, AT_EACCESS) != 0)
    return wrong(" cannot be entered: " + std::string(std::strerror(errno)));
  return {};
}

Result<fs::path> find_executable(std::string const& name, std::string const& search_path) {
  auto const runnable = [](fs::path const& p) {
    std::error_code ec;
    return fs::is_regular_file(p, ec) && ::access(p.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos) {
    auto const path = fs::absolute(name);
    if (runnable(path)) return path;
    return not_found("command_not_found", path.string() + " is not an executable file");
  }
  std::string rest = search_path.empty() ? env("PATH") : search_path;
  while (!name.empty() && !rest.empty()) {
    auto const colon = rest.find(':');
    auto const dir = rest.substr(0, colon);
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
    if (!dir.empty() && runnable(fs::path(dir) / name)) return fs::path(dir) / name;
  }
  return not_found("command_not_found",
                   "no \"" + name + "\" on the PATH; install it, or name its full path in the configuration");
}

fs::path executable_dir() {
  std::error_code ec;
  return fs::read_symlink("/proc/self/exe", ec).parent_path();
}

}  // namespace ar
