#include "daemon/resources/victim.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <ranges>
#include <unistd.h>

namespace ar::daemon {
namespace {

/// What stands between a word and the next comma; empty: the word is not there.
std::string_view value_in(std::string_view line, std::string_view word) {
  auto const at = line.find(word);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + word.size());
  return line.substr(0, line.find(','));
}

/// A path in the kernel's words, which may begin above what we see as the top.
bool is_in(std::string_view path, std::string_view group) {
  auto const folder = "/" + std::string(group);
  return path.ends_with(folder) || path.find(folder + "/") != std::string_view::npos;
}

/// The lines that the kernel still has; none: they are not for us.
std::vector<std::string> kernel_log() {
  std::vector<std::string> lines;
  int const fd = ::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return lines;
  char record[8192];  // each read gives one
  for (;;) {
    auto const size = ::read(fd, record, sizeof record);
    if (size < 0 && (errno == EPIPE || errno == EINTR)) continue;  // overwritten meanwhile: the next one comes
    if (size <= 0) break;
    std::string_view const text(record, static_cast<std::size_t>(size));
    auto const begin = text.find(';');
    if (begin != std::string_view::npos && text.substr(begin + 1).starts_with("oom-kill:"))
      lines.emplace_back(text.substr(begin + 1));
  }
  ::close(fd);
  return lines;
}

}  // namespace

std::optional<Victim> victim_in_log(std::vector<std::string> const& lines, std::string_view group) {
  for (auto const& line : std::views::reverse(lines)) {
    if (!is_in(value_in(line, "task_memcg="), group)) continue;
    Victim victim;
    // The name may hold a comma; what follows it does not.
    std::string_view const text = line;
    auto const name = text.find(",task="), pid = text.rfind(",pid=");
    if (name == std::string_view::npos || pid == std::string_view::npos || pid < name) continue;
    victim.name = text.substr(name + 6, pid - name - 6);
    victim.pid = static_cast<pid_t>(std::atol(line.c_str() + pid + 5));
    victim.by = "kernel log";
    return victim;
  }
  return std::nullopt;
}

std::optional<Victim> victim_by_comparison(std::vector<GroupMember> const& before,
                                           std::vector<GroupMember> const& after) {
  GroupMember const* largest = nullptr;
  for (auto const& one : before) {
    bool const lives = std::ranges::find(after, one.pid, &GroupMember::pid) != after.end();
    if (!lives && (!largest || one.memory_bytes > largest->memory_bytes)) largest = &one;
  }
  if (!largest) return std::nullopt;
  return Victim{largest->pid, largest->name, largest->memory_bytes, "comparison"};
}

std::optional<Victim> find_victim(std::filesystem::path const& group, std::vector<GroupMember> const& before) {
  auto victim = victim_in_log(kernel_log(), group.filename().string());
  if (!victim) return victim_by_comparison(before, members_of_group(group));
  auto const seen = std::ranges::find(before, victim->pid, &GroupMember::pid);
  if (seen != before.end()) victim->memory_bytes = seen->memory_bytes;
  return victim;
}

}  // namespace ar::daemon
