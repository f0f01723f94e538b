#include "base/process/control_group.hpp"

#include "base/process/process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <string_view>
#include <unistd.h>

namespace fs = std::filesystem;

namespace ar {
namespace {

using namespace std::chrono_literals;
constexpr auto kEndPatience = 2s;  ///< for processes that are killed; one in the kernel's hands may take longer

/// Empty: there is no such file, or it cannot be read.
std::string text_of(fs::path const& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  return text.str();
}

/// The number after a word at a line's beginning; 0: it is not there.
std::int64_t number_in(std::string const& text, std::string_view word) {
  std::istringstream in(text);
  std::string name;
  for (std::int64_t value = 0; in >> name >> value;)
    if (name == word) return value;
  return 0;
}

std::optional<std::int64_t> number_of(fs::path const& file) {
  auto const text = text_of(file);
  if (text.empty()) return std::nullopt;
  return std::atoll(text.c_str());
}

/// Mount points are written with blanks as \040.
std::string unescaped(std::string const& word) {
  std::string plain;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '\\' && i + 3 < word.size()) {
      plain += static_cast<char>(std::strtol(word.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      plain += word[i];
    }
  }
  return plain;
}

void remove_folders(fs::path const& group) {
  std::error_code ec;
  for (auto const& entry : fs::directory_iterator(group, ec))
    if (entry.is_directory(ec) && !entry.is_symlink(ec)) remove_folders(entry.path());
  ::rmdir(group.c_str());
}

}  // namespace

namespace {

fs::path find_mount() {
  std::ifstream in("/proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    auto const dash = line.find(" - cgroup2 ");
    if (dash == std::string::npos) continue;
    std::istringstream words(line);
    std::string skipped, point;
    words >> skipped >> skipped >> skipped >> skipped >> point;
    return unescaped(point);
  }
  return {};
}

}  // namespace

fs::path control_group_mount() {
  static fs::path const mount = find_mount();  // of a machine it does not change
  return mount;
}

fs::path control_group_of(pid_t pid) {
  auto const mount = control_group_mount();
  if (mount.empty()) return {};
  std::ifstream in("/proc/" + std::to_string(pid) + "/cgroup");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("0::/")) {
      auto const below = line.substr(4);
      return below.empty() ? mount : mount / below;
    }
  return {};
}

std::vector<std::string> controllers_of(fs::path const& group) {
  std::istringstream in(text_of(group / "cgroup.controllers"));
  std::vector<std::string> names;
  for (std::string name; in >> name;) names.push_back(name);
  return names;
}

std::optional<GroupUse> use_of_group(fs::path const& group) {
  std::error_code ec;
  if (group.empty() || !fs::exists(group / "cgroup.procs", ec)) return std::nullopt;
  GroupUse use;
  use.memory_bytes = number_of(group / "memory.current");
  auto const tasks = number_of(group / "pids.current");
  use.tasks = tasks ? *tasks : std::ssize(pids_in_group(group));
  auto const cpu = text_of(group / "cpu.stat");
  use.cpu_usec = number_in(cpu, "usage_usec");
  use.cpu_periods = number_in(cpu, "nr_periods");
  use.cpu_throttled = number_in(cpu, "nr_throttled");
  use.oom_kills = number_in(text_of(group / "memory.events"), "oom_kill");
  use.tasks_refused = number_in(text_of(group / "pids.events"), "max");
  return use;
}

std::vector<pid_t> pids_in_group(fs::path const& group) {
  std::vector<pid_t> pids;
  std::istringstream in(text_of(group / "cgroup.procs"));
  for (pid_t pid = 0; in >> pid;)
    if (pid > 0) pids.push_back(pid);  // 0: in another namespace of processes
  std::error_code ec;
  for (auto const& entry : fs::directory_iterator(group, ec)) {
    if (!entry.is_directory(ec) || entry.is_symlink(ec)) continue;
    auto const below = pids_in_group(entry.path());
    pids.insert(pids.end(), below.begin(), below.end());
  }
  return pids;
}

std::vector<GroupMember> members_of_group(fs::path const& group) {
  std::vector<GroupMember> members;
  for (auto const pid : pids_in_group(group)) {
    fs::path const folder = "/proc/" + std::to_string(pid);
    GroupMember member{pid, text_of(folder / "comm"), 0};
    if (member.name.empty()) continue;
    member.name.pop_back();
    std::istringstream in(text_of(folder / "statm"));
    std::int64_t size = 0, resident = 0;
    if (in >> size >> resident) member.memory_bytes = resident * ::sysconf(_SC_PAGESIZE);
    members.push_back(std::move(member));
  }
  return members;
}

Result<void> write_to_group(fs::path const& group, char const* file, std::string const& text) {
  auto const path = group / file;
  int const fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return from_errno("cannot open " + path.string(), errno);
  auto const written = ::write(fd, text.data(), text.size());
  int const reason = errno;
  ::close(fd);
  if (written < 0) return from_errno("cannot write " + text + " to " + path.string(), reason);
  return {};
}

awaitable<Result<void>> end_group(Executor executor, Worker& worker, fs::path group) {
  constexpr int kRounds = 10;  // where the kernel cannot kill a group at once (before Linux 5.14)
  auto const deadline = Clock::now() + kEndPatience;
  for (int round = 0; round < kRounds && Clock::now() < deadline; ++round) {
    auto kill = [group] {
      auto const killed = write_to_group(group, "cgroup.kill", "1");
      auto pids = pids_in_group(group);
      if (!killed)
        for (auto const pid : pids) ::kill(pid, SIGKILL);
      if (pids.empty()) remove_folders(group);
      return pids;
    };
    auto const pids = co_await worker.run(std::move(kill));
    if (pids.empty()) co_return Result<void>();
    for (auto const pid : pids) {
      Process const member(executor, pid);
      auto waited = member;
      (void)co_await waited.wait(deadline);
    }
  }
  co_return timed_out("processes in the control group " + group.string() + " do not end");
}

}  // namespace ar
