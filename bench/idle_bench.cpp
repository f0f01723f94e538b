// What the daemon costs while nothing happens: resident memory and CPU with 0, 10 and 50 idle agents.
#include "bench/daemon_process.hpp"

#include <fstream>

namespace {

using namespace ar;

double resident_mib(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/statm");
  long size = 0, resident = 0;
  in >> size >> resident;
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

}  // namespace

int main(int argc, char** argv) {
  int const seconds = argc > 1 ? std::atoi(argv[1]) : 60;
  auto const self = std::filesystem::read_symlink("/proc/self/exe");
  bench::DaemonProcess daemon(self.parent_path().parent_path() / "bin");
  int agents = 0;
  std::printf("%8s %12s %14s   (over %d s each)\n", "agents", "memory MiB", "CPU % of core", seconds);
  for (int target : {0, 10, 50}) {
    for (; agents < target; ++agents) daemon.spawn("idle-" + std::to_string(agents), {}, json::object());
    auto const before = bench::cpu_seconds(daemon.pid());
    ::sleep(static_cast<unsigned>(seconds));
    auto const used = bench::cpu_seconds(daemon.pid()) - before;
    std::printf("%8d %12.1f %14.3f\n", target, resident_mib(daemon.pid()), 100 * used / seconds);
    std::fflush(stdout);
  }
}
