#include "daemon/resources/agent_groups.hpp"

#include "base/process/control_group.hpp"
#include "base/process/process.hpp"
#include "base/process/process_list.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace fs = std::filesystem;

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr auto kPlacePatience = 30s;  ///< longer than systemd-run waits for an answer
constexpr auto kPlaceLook = 20ms;
constexpr std::string_view kPrefix = "agent-runner-";

/// This daemon, the terminals' server and our command, which may have started the daemon and waits for it.
bool is_ours(pid_t pid) {
  if (pid == ::getpid()) return true;
  std::error_code ec;
  auto const folder = fs::path("/proc") / std::to_string(pid);
  auto const program = fs::read_symlink(folder / "exe", ec);
  if (program.parent_path() == fs::read_symlink("/proc/self/exe", ec).parent_path()) return true;
  std::ifstream in(folder / "comm");
  std::string name;
  return std::getline(in, name) && name.starts_with("tmux: ");
}

/// A group that has processes of its own cannot limit the groups below it: ours move into one of them. What else is
/// in it is left alone, and then there are groups, but no limits.
void divide(ResourceControl const& control) {
  auto const own = control.parent / kDaemonGroup;
  ::mkdir(own.c_str(), 0755);
  std::ifstream file(control.parent / "cgroup.procs");
  for (pid_t pid = 0; file >> pid;)
    if (pid > 0 && is_ours(pid))
      if (auto const moved = write_to_group(own, "cgroup.procs", std::to_string(pid)); !moved)
        spdlog::warn("{}", moved.error().message);
  for (auto const& name : control.controllers)
    if (auto const enabled = write_to_group(control.parent, "cgroup.subtree_control", "+" + name); !enabled)
      spdlog::debug("{}", enabled.error().message);
}

std::vector<std::string> enabled_in(fs::path const& parent) {
  std::ifstream in(parent / "cgroup.subtree_control");
  std::vector<std::string> names;
  for (std::string name; in >> name;) names.push_back(name);
  return names;
}

/// Processes and threads of this user.
std::int64_t tasks_of_user() {
  std::int64_t tasks = 0;
  std::error_code ec;
  for (auto const& entry : fs::directory_iterator("/proc", ec)) {
    auto const pid = static_cast<pid_t>(std::atol(entry.path().filename().c_str()));
    struct stat owner{};
    if (pid > 0 && ::stat(entry.path().c_str(), &owner) == 0 && owner.st_uid == ::geteuid())
      tasks += process_of(pid).threads;
  }
  return tasks;
}

/// What the group's controllers do not hold is left to limits of single processes, as far as these go.
void hold_by_rlimits(ResourceLimits const& limits, ResourceControl const& control, AgentGroups::Prepared& prepared) {
  auto& placement = prepared.placement;
  bool const memory = control.can("memory"), pids = control.can("pids"), cpu = control.can("cpu");
  auto const is_set = [](auto const& limit) { return limit && *limit > 0; };
  if (is_set(limits.memory_max) && !memory) {
    prepared.confinement.data_bytes = *limits.memory_max;
    placement.partly.emplace_back("memoryMax");
  }
  if (is_set(limits.memory_high) && !memory) placement.not_held.emplace_back("memoryHigh");
  if (is_set(limits.cpu_quota) && !cpu) placement.not_held.emplace_back("cpuQuota");
  if (is_set(limits.tasks_max) && !pids) {
    // The kernel lets the superuser have more.
    if (::geteuid() == 0) {
      placement.not_held.emplace_back("tasksMax");
    } else {
      prepared.confinement.user_tasks = *limits.tasks_max;
      placement.partly.emplace_back("tasksMax");
    }
  }
}

/// Swap does not count as memory for the kernel: a limit that ends there would only make things slow.
std::vector<std::pair<char const*, std::string>> settings_of(ResourceLimits const& limits,
                                                             ResourceControl const& control) {
  bool const scope = control.by == ResourceControl::By::scope;
  std::vector<std::pair<char const*, std::string>> settings;
  auto const add = [&](char const* of_scope, char const* of_group, std::string value) {
    settings.emplace_back(scope ? of_scope : of_group, std::move(value));
  };
  auto const is_set = [](auto const& limit) { return limit && *limit > 0; };
  if (control.can("memory")) {
    if (is_set(limits.memory_max)) {
      add("MemoryMax", "memory.max", std::to_string(*limits.memory_max));
      add("MemorySwapMax", "memory.swap.max", "0");
    }
    if (is_set(limits.memory_high)) add("MemoryHigh", "memory.high", std::to_string(*limits.memory_high));
  }
  if (control.can("cpu") && is_set(limits.cpu_quota)) {
    auto const percent = std::to_string(*limits.cpu_quota);
    constexpr int kPeriodUsec = 100'000;
    add("CPUQuota", "cpu.max",
        scope ? percent + "%"
              : std::to_string(*limits.cpu_quota * kPeriodUsec / 100) + " " + std::to_string(kPeriodUsec));
  }
  if (control.can("pids") && is_set(limits.tasks_max)) add("TasksMax", "pids.max", std::to_string(*limits.tasks_max));
  return settings;
}

/// The command that becomes what stands after it, in a scope.
std::vector<std::string> scope_starter(ResourceControl const& control, ResourceLimits const& limits,
                                       std::string const& agent, std::string const& unit) {
  // Before: at the user's last logout the daemon ends first, and does not take the agents' ends for crashes.
  std::vector<std::string> words{control.systemd_run.string(),
                                 "--user",
                                 "--scope",
                                 "--quiet",
                                 "--collect",
                                 "--unit=" + unit,
                                 "--description=Agent " + agent + " of agent-runner",
                                 "--property=Before=agent-runner.service"};
  for (auto const& [name, value] : settings_of(limits, control))
    words.push_back("--property=" + std::string(name) + "=" + value);
  if (control.has_oom_policy) words.emplace_back("--property=OOMPolicy=continue");
  words.emplace_back("--");
  return words;
}

std::vector<std::string> managers_environment() {
  std::vector<std::string> variables;
  for (char const* name : {"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"})
    if (char const* const value = std::getenv(name)) variables.push_back(std::string(name) + "=" + value);
  return variables;
}

/// The error says what could not be done; then there is no such group.
Result<void> make_group(fs::path const& group, ResourceLimits const& limits, ResourceControl const& control) {
  if (::mkdir(group.c_str(), 0755) != 0 && errno != EEXIST) return from_errno("cannot make " + group.string(), errno);
  for (auto const& [file, value] : settings_of(limits, control)) {
    if (std::string_view(file) == "memory.swap.max" && ::access((group / file).c_str(), F_OK) != 0) continue;
    if (auto const written = write_to_group(group, file, value); !written) {
      ::rmdir(group.c_str());
      return written;
    }
  }
  return {};
}

/// Or in one below it, that it has made itself.
bool is_in(fs::path const& place, fs::path const& group) {
  return place == group || place.string().starts_with(group.string() + "/");
}

json in_force(ResourceLimits const& limits) {
  json shown = to_json(limits);
  for (auto it = shown.begin(); it != shown.end();) it = *it == 0 ? shown.erase(it) : std::next(it);
  return shown;
}

}  // namespace

AgentGroups::AgentGroups(Executor executor, std::string installation)
    : executor_(executor), installation_(std::move(installation)), watch_(executor) {}

awaitable<void> AgentGroups::open(bool is_service) {
  is_service_ = is_service;
  control_ = co_await find_resource_control(executor_, ::getpid(), is_service);
  if (control_.by == ResourceControl::By::cgroup) {
    auto job = [control = control_] {
      divide(control);
      return true;
    };
    (void)co_await worker_.run(std::move(job));
  }
  spdlog::info("agents are kept together by {}: {}", to_string(control_.by), control_.why);
}

awaitable<AgentGroups::Prepared> AgentGroups::prepare(std::string agent, std::string start, ResourceLimits limits) {
  if (std::exchange(doubtful_, false)) co_await open(is_service_);
  auto const name = std::string(kPrefix) + installation_ + "-" + agent + "-" + start;
  Prepared prepared;
  prepared.placement.limits = in_force(limits);
  auto control = control_;
  if (control.by == ResourceControl::By::scope) {
    prepared.placement.group = control.parent / (name + ".scope");
    prepared.confinement.starter = scope_starter(control, limits, agent, name + ".scope");
    prepared.confinement.environment = managers_environment();
  } else if (control.by == ResourceControl::By::cgroup) {
    auto job = [limits, control, group = control.parent / name]() mutable {
      divide(control);  // who was in the way may have gone
      std::erase_if(control.controllers, [on = enabled_in(control.parent)](std::string const& one) {
        return std::ranges::find(on, one) == on.end();
      });
      auto const made = make_group(group, limits, control);
      if (!made) {
        spdlog::warn("an agent gets no control group: {}", made.error().message);
        control = ResourceControl();
      }
      return control;
    };
    control = co_await worker_.run(std::move(job));
    if (control.by == ResourceControl::By::cgroup)
      prepared.placement.group = prepared.confinement.group = control.parent / name;
  }
  prepared.placement.by = to_string(control.by);
  hold_by_rlimits(limits, control, prepared);
  if (prepared.confinement.user_tasks > 0) {
    auto job = [] { return tasks_of_user(); };
    prepared.confinement.user_tasks += co_await worker_.run(std::move(job));
  }
  co_return prepared;
}

awaitable<bool> AgentGroups::placed(pid_t pid, fs::path group) {
  Process program(executor_, pid);
  auto const deadline = Clock::now() + kPlacePatience;
  while (!is_in(control_group_of(pid), group)) {
    bool const ended = co_await program.wait(std::min(deadline, Clock::now() + kPlaceLook));
    if (!ended && Clock::now() < deadline) continue;
    doubtful_ = control_.by == ResourceControl::By::scope;
    co_return false;
  }
  co_return true;
}

awaitable<Result<void>> AgentGroups::end(fs::path group) {
  if (!group.filename().string().starts_with(std::string(kPrefix) + installation_ + "-")) co_return Result<void>();
  watch_.forget(group);
  co_return co_await end_group(executor_, worker_, std::move(group));
}

}  // namespace ar::daemon
