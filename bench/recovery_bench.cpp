// How soon the daemon knows: from the end of an agent's process to the event that says so, and from the start of the
// daemon to READY with a hundred agents to adopt.
#include "bench/daemon_process.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <time.h>

namespace {

using namespace ar;

/// What is noted of a program that has just got ready; few end in that moment.
constexpr std::chrono::milliseconds kSettled{50};

double now_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

void print(char const* what, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  auto const at = [&](double p) {
    return values[static_cast<std::size_t>(p * static_cast<double>(values.size() - 1))];
  };
  std::printf("%-44s p50 %7.2f ms   p95 %7.2f ms   max %7.2f ms   (N=%zu)\n", what, at(.5), at(.95), at(1),
              values.size());
  std::fflush(stdout);
}

/// Follows the event log over a connection of its own; returns at the first event of that type.
class EventReader {
 public:
  EventReader(std::string const& socket_path) {
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect to " + socket_path);
    std::string const request =
        "GET /v1/events?cursor=latest HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    (void)!::send(socket_, request.data(), request.size(), MSG_NOSIGNAL);
    read_until("\r\n\r\n");
  }
  ~EventReader() { ::close(socket_); }
  EventReader(EventReader const&) = delete;
  EventReader& operator=(EventReader const&) = delete;

  void read_until(std::string const& text) {
    char buffer[65536];
    for (;;) {
      if (auto const at = seen_.find(text); at != std::string::npos) {
        seen_.erase(0, at + text.size());
        return;
      }
      auto const n = ::recv(socket_, buffer, sizeof buffer, 0);
      if (n <= 0) throw std::runtime_error("the event stream ended");
      seen_.append(buffer, static_cast<std::size_t>(n));
    }
  }

 private:
  int socket_ = -1;
  std::string seen_;
};

}  // namespace

int main(int argc, char** argv) {
  int const agents = argc > 1 ? std::atoi(argv[1]) : 100;
  auto const self = std::filesystem::read_symlink("/proc/self/exe");
  bench::DaemonProcess daemon(self.parent_path().parent_path() / "bin");
  std::vector<std::string> const sleeper{"/bin/sh", "-c", "echo ready; exec sleep 1000000"};
  json const options = {{"ready", {{"pattern", "ready"}}}};  // without it, one that never reads a key is waited for

  std::vector<double> exits;
  for (int i = 0; i < 40; ++i) {
    auto const name = "exit-" + std::to_string(i);
    daemon.spawn(name, sleeper, options);
    auto const pid = daemon.request("GET", "/v1/agents/" + name)["pid"].get<pid_t>();
    EventReader events((daemon.dir() / "run" / "control.sock").string());
    std::this_thread::sleep_for(kSettled);
    auto const from = now_ms();
    ::kill(pid, SIGKILL);
    events.read_until("agent.exited");
    exits.push_back(now_ms() - from);
    daemon.request("POST", "/v1/agents/" + name + "/kill", json::object());
    daemon.request("DELETE", "/v1/agents/" + name);
  }
  print("exit of a process -> event at a reader", exits);

  for (int i = 0; i < agents; ++i) daemon.spawn("sleeper-" + std::to_string(i), sleeper, options);
  std::vector<double> starts;
  for (int i = 0; i < 10; ++i) {
    daemon.kill();
    auto const from = now_ms();
    daemon.start();
    starts.push_back(now_ms() - from);
  }
  auto const label = "start -> ready with " + std::to_string(agents) + " adopted agents";
  print(label.c_str(), starts);
}
