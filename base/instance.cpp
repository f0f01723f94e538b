#include "base/instance.hpp"

#include "base/paths.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace ar {
namespace {

constexpr std::size_t kLongestRecord = 8192;

/// How a process has a file.
enum class Hold { none, opened, locked };

Hold hold_of(pid_t pid, struct stat const& file) {
  auto found = Hold::none;
  auto const process = "/proc/" + std::to_string(pid);
  std::error_code ec;
  for (auto const& entry : fs::directory_iterator(process + "/fd", ec)) {
    struct stat info {};
    if (::stat(entry.path().c_str(), &info) != 0 || info.st_dev != file.st_dev || info.st_ino != file.st_ino) continue;
    // "lock:\t1: FLOCK  ADVISORY  WRITE 27598 fe:00:10952735 0 EOF": of this descriptor, and no other process's.
    auto const said = read_file(process + "/fdinfo/" + entry.path().filename().string(), kLongestRecord);
    auto const lock = said ? said->find("\nlock:") : std::string::npos;
    if (lock != std::string::npos && said->find("FLOCK  ADVISORY  WRITE", lock) != std::string::npos)
      return Hold::locked;
    found = Hold::opened;
  }
  return found;
}

/// The kernel's word, since a process that has changed its user owns nothing in /proc: "Uid:\t1000\t1000\t1000\t1000".
bool is_ours(pid_t pid) {
  auto const status = read_file("/proc/" + std::to_string(pid) + "/status", kLongestRecord);
  auto const line = status ? status->find("\nUid:\t") : std::string::npos;
  return line != std::string::npos && std::strtoul(status->c_str() + line + 6, nullptr, 10) == ::getuid();
}

bool is_our_folder(fs::path const& folder) {
  struct stat info {};
  return ::stat(folder.c_str(), &info) == 0 && info.st_uid == ::geteuid();
}

}  // namespace

fs::path instance_file(fs::path const& state_dir) { return state_dir / "daemon.lock"; }

std::string to_text(Instance const& instance) {
  return std::to_string(instance.pid) + "\n" + (instance.socket.empty() ? "" : instance.socket.string() + "\n");
}

std::optional<Instance> recorded_instance(fs::path const& state_dir) {
  auto const text = read_file(instance_file(state_dir), kLongestRecord);
  if (!text) return std::nullopt;
  auto const first = text->find('\n');
  Instance instance{static_cast<pid_t>(std::atol(text->c_str()))};
  if (first != std::string::npos) instance.socket = text->substr(first + 1, text->find('\n', first + 1) - first - 1);
  if (instance.pid <= 0) return std::nullopt;
  return instance;
}

std::optional<Instance> living_instance(fs::path const& state_dir) {
  struct stat file {};
  if (!is_our_folder(state_dir) || ::stat(instance_file(state_dir).c_str(), &file) != 0) return std::nullopt;
  auto instance = recorded_instance(state_dir);
  if (!instance || !is_ours(instance->pid) || hold_of(instance->pid, file) != Hold::locked) return std::nullopt;
  return instance;
}

std::string instance_problem(fs::path const& state_dir) {
  struct stat file {};
  if (::stat(instance_file(state_dir).c_str(), &file) != 0) return {};
  auto const instance = recorded_instance(state_dir);
  if (!instance) return {};
  auto const named =
      "process " + std::to_string(instance->pid) + ", which " + instance_file(state_dir).string() + " names, ";
  if (!is_our_folder(state_dir)) return named + "is not yours to end: the folder belongs to another user";
  auto const hold = hold_of(instance->pid, file);
  if (hold == Hold::none) return {};  // the record is an old one
  if (!is_ours(instance->pid)) return named + "runs as another user";
  return hold == Hold::opened ? named + "does not hold the lock on it" : std::string();
}

}  // namespace ar
