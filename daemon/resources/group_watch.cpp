#include "daemon/resources/group_watch.hpp"

#include "daemon/resources/victim.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <sys/inotify.h>
#include <unistd.h>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr auto kLook = 5s;            ///< at who is there: whoever is missing after a kill was the one
constexpr int kCpuEvery = 3;          ///< of these looks one is at the processor time as well
constexpr auto kPause = 100ms;        ///< between two looks, however often the kernel tells
constexpr auto kTellRefusals = 1min;  ///< a program that goes on forking would fill the event log
constexpr auto kFresh = 1s;

}  // namespace

struct GroupWatch::Look {
  std::optional<GroupUse> use{};
  std::vector<GroupMember> members{};
  std::optional<Victim> victim{};
};

GroupWatch::GroupWatch(Executor executor)
    : executor_(executor), changes_(executor), tasks_(executor, "control groups") {
  int const fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd >= 0)
    changes_.assign(fd);
  else
    spdlog::warn("control groups are looked at every {} s only: {}", kLook.count(), std::strerror(errno));
}

void GroupWatch::start(TaskGroup::OnDeath on_death) { tasks_.spawn_vital("watch", run(), std::move(on_death)); }

awaitable<void> GroupWatch::stop() { co_await tasks_.stop(); }

void GroupWatch::watch(Placement placement, pid_t main, Tell tell) {
  auto const group = placement.group;
  forget(group);
  // The files and not their folder: of a file that nobody watches the kernel tells only while it has it at hand.
  std::vector<int> numbers;
  for (char const* name : {"memory.events", "pids.events"}) {
    if (!changes_.is_open()) break;
    int const number = ::inotify_add_watch(changes_.native_handle(), (group / name).c_str(), IN_MODIFY);
    if (number >= 0) numbers.push_back(number);
  }
  watched_[group] = std::make_shared<Watched>(Watched{std::move(placement), main, std::move(tell), std::move(numbers)});
}

void GroupWatch::forget(std::filesystem::path const& group) {
  auto const at = watched_.find(group);
  if (at == watched_.end()) return;
  at->second->forgotten = true;
  for (int const number : at->second->numbers) ::inotify_rm_watch(changes_.native_handle(), number);
  watched_.erase(at);
  used_.erase(group);
}

awaitable<void> GroupWatch::look_once_more(std::filesystem::path group) {
  auto const at = watched_.find(group);
  if (at == watched_.end()) co_return;
  auto const one = at->second;
  co_await look(one, false);
}

awaitable<void> GroupWatch::look_at_use() {
  if (Clock::now() - used_at_ <= kFresh && used_.size() == watched_.size()) co_return;
  std::vector<std::filesystem::path> groups;
  for (auto const& [group, one] : watched_) groups.push_back(group);
  auto job = [groups = std::move(groups)] {
    std::map<std::filesystem::path, GroupUse> used;
    for (auto const& group : groups)
      if (auto const use = use_of_group(group)) used[group] = *use;
    return used;
  };
  used_ = co_await worker_.run(std::move(job));
  used_at_ = Clock::now();
}

std::optional<GroupUse> GroupWatch::use_of(std::filesystem::path const& group) const {
  auto const at = used_.find(group);
  if (at == used_.end() || Clock::now() - used_at_ > kFresh) return std::nullopt;
  return at->second;
}

awaitable<void> GroupWatch::run() {
  auto next = Clock::now() + kLook;
  for (int count = 0;;) {
    co_await wait(next);
    read_changes();
    bool const regular = Clock::now() >= next;
    if (regular) next = Clock::now() + kLook;
    bool const at_cpu = regular && ++count % kCpuEvery == 0;
    auto const all = watched_;  // some may go, and others come, meanwhile
    for (auto const& [group, one] : all)
      if (regular || std::exchange(one->changed, false)) co_await look(one, at_cpu);
    if (!co_await sleep_for(kPause)) co_return;
  }
}

/// Until the kernel has told of something, or the deadline.
awaitable<void> GroupWatch::wait(Clock::time_point deadline) {
  if (!changes_.is_open()) {
    (void)co_await sleep_for(deadline - Clock::now());
    co_return;
  }
  Timer timer(executor_, deadline);
  timer.async_wait([this](error_code ec) {
    if (!ec) changes_.cancel();
  });
  auto [ec] = co_await changes_.async_wait(net::posix::stream_descriptor::wait_read, nothrow);
  if (ec && Clock::now() < deadline) throw boost::system::system_error(ec);  // cancelled: the task ends
}

void GroupWatch::read_changes() {
  if (!changes_.is_open()) return;
  alignas(8) std::array<char, 4096> buffer;
  for (;;) {
    auto const size = ::read(changes_.native_handle(), buffer.data(), buffer.size());
    if (size <= 0) return;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(size);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      at += sizeof event + event.len;
      bool const lost = (event.mask & IN_Q_OVERFLOW) != 0;
      for (auto const& [group, one] : watched_)
        one->changed = one->changed || lost || std::ranges::find(one->numbers, event.wd) != one->numbers.end();
    }
  }
}

awaitable<void> GroupWatch::look(std::shared_ptr<Watched> one, bool at_cpu) {
  if (one->forgotten) co_return;
  bool const limited = one->placement.limits.contains("memoryMax") || one->placement.limits.contains("memoryHigh");
  static std::vector<GroupMember> const none;
  auto job = [group = one->placement.group, known = one->placement.oom_kills, before = one->members, limited] {
    Look look;
    look.use = use_of_group(group);
    // A scope is gone with its last process; then only the kernel's log can tell.
    if (!look.use || look.use->oom_kills > known) look.victim = find_victim(group, look.use ? before : none);
    if (limited) look.members = members_of_group(group);
    return look;
  };
  auto look = co_await worker_.run(std::move(job));
  if (one->forgotten) co_return;
  if (!look.use && look.victim && look.victim->pid == one->main && !one->main_killed) {
    look.use.emplace();
    look.use->oom_kills = one->placement.oom_kills + 1;
  }
  if (look.use) tell_of(*one, std::move(look), at_cpu);
}

void GroupWatch::tell_of(Watched& one, Look look, bool at_cpu) {
  auto& placement = one.placement;
  auto const& use = *look.use;
  auto const now = Clock::now();
  auto const limit = [&](char const* name) { return placement.limits.value(name, json(nullptr)); };
  one.members = std::move(look.members);
  // Whoever asks because of the event is not to be shown less than it says.
  if (auto const shown = used_.find(placement.group); shown != used_.end()) shown->second = use;
  if (use.oom_kills > placement.oom_kills) {
    json process = nullptr;
    if (auto const& victim = look.victim) {
      one.main_killed = one.main_killed || victim->pid == one.main;
      process = {{"pid", victim->pid}, {"name", victim->name}, {"main", victim->pid == one.main}};
      if (victim->memory_bytes > 0) process["memoryBytes"] = victim->memory_bytes;
    }
    json data = {{"process", std::move(process)},
                 {"by", look.victim ? json(look.victim->by) : json(nullptr)},
                 {"kills", use.oom_kills - std::exchange(placement.oom_kills, use.oom_kills)},
                 {"memoryMax", limit("memoryMax")}};
    one.tell("agent.out_of_memory", std::move(data), placement);
  }
  bool const may_tell = !one.refusals_told || now - *one.refusals_told >= kTellRefusals;
  if (use.tasks_refused > placement.tasks_refused && may_tell) {
    one.refusals_told = now;
    json data = {{"refused", use.tasks_refused - std::exchange(placement.tasks_refused, use.tasks_refused)},
                 {"tasks", use.tasks},
                 {"tasksMax", limit("tasksMax")}};
    one.tell("agent.tasks_limit", std::move(data), placement);
  }
  if (at_cpu && one.cpu.look(now, use.cpu_periods, use.cpu_throttled)) {
    json data = {{"cpuQuota", limit("cpuQuota")},
                 {"minutes", std::chrono::duration_cast<std::chrono::minutes>(CpuRunaway::kAfter).count()}};
    one.tell("agent.cpu_runaway", std::move(data), placement);
  }
}

}  // namespace ar::daemon
