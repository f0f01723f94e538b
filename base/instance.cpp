#include "base/instance.hpp"

#include "base/paths.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/stat.h>

namespace fs = std::filesystem;

namespace ar {
namespace {

constexpr std::size_t kLongestRecord = 8192;

bool has_open(pid_t pid, struct stat const& file) {
  std::error_code ec;
  for (auto const& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", ec)) {
    struct stat info{};
    if (::stat(entry.path().c_str(), &info) == 0 && info.st_dev == file.st_dev && info.st_ino == file.st_ino)
      return true;
  }
  return false;
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
  struct stat file{};
  if (::stat(instance_file(state_dir).c_str(), &file) != 0) return std::nullopt;
  auto instance = recorded_instance(state_dir);
  if (!instance || !has_open(instance->pid, file)) return std::nullopt;
  return instance;
}

}  // namespace ar
