// What many agents on one daemon cost: the list of all, how soon a request is answered while many of them die at once
// (no later than the io thread is), and one broadcast to all of them, with the daemon's own share of its CPU time.
//   fleet_bench [AGENTS=200] [READERS=300]   the broadcast is to READERS agents
#include "bench/daemon_process.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <time.h>

namespace {

using namespace ar;

double now_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

void print(std::string const& what, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  auto const at = [&](double p) {
    return values[static_cast<std::size_t>(p * static_cast<double>(values.size() - 1))];
  };
  std::printf("%-52s p50 %7.2f ms   p95 %7.2f ms   p99 %7.2f ms   max %7.2f ms   (N=%zu)\n", what.c_str(), at(.5),
              at(.95), at(.99), at(1), values.size());
  std::fflush(stdout);
}

template <class What>
std::vector<double> times(int count, What what) {
  std::vector<double> found;
  for (int i = 0; i < count; ++i) {
    auto const from = now_ms();
    what();
    found.push_back(now_ms() - from);
  }
  return found;
}

void run(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  if (posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ) != 0)
    throw std::runtime_error("cannot start " + words[0]);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status != 0) throw std::runtime_error(words[0] + " failed");
}

/// What all processors have run: all but idle and waiting, in ticks of 10 ms.
double machine_seconds() {
  std::ifstream in("/proc/stat");
  std::string name;
  std::array<double, 8> ticks{};
  in >> name;
  for (auto& tick : ticks) in >> tick;
  return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / 100;
}

pid_t tmux_server(std::filesystem::path const& dir) {
  auto const socket = (dir / "run" / "tmux.sock").string();
  for (auto const& entry : std::filesystem::directory_iterator("/proc")) {
    auto const pid = static_cast<pid_t>(std::atol(entry.path().filename().c_str()));
    if (pid <= 0) continue;
    std::ifstream name(entry.path() / "comm"), words(entry.path() / "cmdline", std::ios::binary);
    std::string comm, all;
    std::getline(name, comm);
    all.assign(std::istreambuf_iterator<char>(words), {});
    if (comm == "tmux: server" && all.find(socket) != std::string::npos) return pid;
  }
  throw std::runtime_error("no tmux server");
}

class Fleet {
 public:
  explicit Fleet(std::filesystem::path const& bin) : daemon(bin) {}

  bench::DaemonProcess daemon;

  /// Started side by side.
  void grow_to(int count) {
    for (; size_ < count; ++size_) {
      auto const name = "reader-" + std::to_string(size_);
      daemon.request("POST", "/v1/agents", json{{"id", name}, {"provider", "command"}, {"cwd", "/tmp"}});
    }
    wait_for_all_idle();
  }
  void wait_for_all_idle() {
    for (int i = 0; i < 6000; ++i) {
      auto const rows = agents();
      if (std::ranges::all_of(rows, [](json const& agent) { return agent.value("state", "") == "idle"; })) return;
      ::usleep(20'000);
    }
    throw std::runtime_error("the agents did not become idle");
  }
  std::vector<json> agents() { return daemon.request("GET", "/v1/agents?limit=1000")["agents"]; }

 private:
  int size_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  int const agents = argc > 1 ? std::atoi(argv[1]) : 200;
  int const readers = argc > 2 ? std::atoi(argv[2]) : 300;
  auto const bin = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "bin";
  Fleet fleet(bin);
  auto& daemon = fleet.daemon;
  fleet.grow_to(agents);

  auto const of = " of " + std::to_string(agents) + " agents";
  auto const info = [&] { daemon.request("GET", "/v1/info"); };
  print("GET /v1/info", times(500, info));
  print("GET /v1/agents" + of, times(200, [&] { (void)daemon.request("GET", "/v1/agents?limit=1000"); }));
  auto const program = (bin / "agent-runner").string();
  print("agent-runner --version (the floor of a program)", times(40, [&] { run({program, "--version"}); }));
  print("agent-runner ps" + of, times(40, [&] { run({program, "--state-dir", daemon.dir().string(), "ps"}); }));

  int left = 50;
  for (auto const& agent : fleet.agents())
    if (left-- > 0) ::kill(agent["pid"].get<pid_t>(), SIGKILL);
  auto const until = now_ms() + 5'000;
  std::vector<double> late;
  while (now_ms() < until) {
    auto const from = now_ms();
    info();
    late.push_back(now_ms() - from);
    ::usleep(1'000);
  }
  print("GET /v1/info, while 50 of them die and start again", late);
  std::printf("the io thread's own count: %s\n", daemon.request("GET", "/v1/info")["loop"].dump().c_str());
  fleet.wait_for_all_idle();

  fleet.grow_to(readers);
  auto const tmux = tmux_server(daemon.dir());
  auto const daemon_before = bench::cpu_seconds(daemon.pid()), tmux_before = bench::cpu_seconds(tmux);
  auto const machine_before = machine_seconds();
  auto const from = now_ms();
  auto const sent = daemon.request("POST", "/v1/messages", json{{"to", "broadcast"}, {"body", "hello"}});
  auto const path = "/v1/messages/" + sent["id"].dump();
  double accepted = 0;
  for (int count = 0; count < readers;) {
    ::usleep(20'000);
    auto const deliveries = daemon.request("GET", path)["deliveries"];
    count = static_cast<int>(std::ranges::count_if(
        deliveries, [](json const& d) { return d["state"] == "running" || d["state"] == "done"; }));
    accepted = now_ms() - from;
    if (accepted > 120'000) throw std::runtime_error(std::to_string(count) + " of them have it after two minutes");
  }
  auto const share = [&](double seconds) { return 100 * seconds / (machine_seconds() - machine_before); };
  auto const daemon_used = bench::cpu_seconds(daemon.pid()) - daemon_before,
             tmux_used = bench::cpu_seconds(tmux) - tmux_before;
  std::printf(
      "broadcast to %d agents: all have it after %.2f s; CPU time of all processes %.2f s, of it the daemon %.2f s "
      "(%.0f %%), tmux %.2f s (%.0f %%)\n",
      readers, accepted / 1e3, machine_seconds() - machine_before, daemon_used, share(daemon_used), tmux_used,
      share(tmux_used));
}
