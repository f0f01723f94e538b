// Messages through the NATS bus to 20 fast readers, beside the floor: JetStream publish, push and ack by the plain
// client library, with the same server, the same message and the same number of senders and readers at once.
//
//   nats_bench [--messages N] [--url nats://host:port]     without --url: a nats-server of its own, in a temporary
//   folder
#include "base/paths.hpp"
#include "relay/nats/nats_bus.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <spdlog/spdlog.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <malloc.h>
#include <mutex>
#include <nats/nats.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace ar;
using namespace ar::relay;
using Steady = std::chrono::steady_clock;
constexpr int kReaders = 20;
std::string const kFilling(400, 'x');

[[noreturn]] void give_up(std::string const& why) {
  std::fprintf(stderr, "nats_bench: %s\n", why.c_str());
  std::exit(1);
}
std::int64_t now_ns() { return Steady::now().time_since_epoch().count(); }

struct Server {
  std::string folder = "/tmp/nats-bench-XXXXXX";
  std::string url;
  pid_t pid = -1;
  int said = -1;  ///< what it says comes out here; kept open, since it may say more
  explicit Server(std::string given) {
    if (!given.empty()) {
      url = std::move(given);
      return;
    }
    if (!::mkdtemp(folder.data())) give_up("no temporary folder");
    // Debian's package puts it where an ordinary user's PATH does not look.
    auto const program = ar::find_executable("nats-server", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin");
    if (!program) give_up("nats-server is missing; scripts/install-deps --tests installs it");
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) give_up("no pipe");
    said = ends[0];
    pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(ends[1], STDERR_FILENO);
      // A port that is free, and told.
      ::execl(program->c_str(), "nats-server", "-js", "-a", "127.0.0.1", "-p", "-1", "-sd", folder.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    wait_until_ready();
  }
  void wait_until_ready() {
    std::string text;
    char block[4096];
    while (text.find("Server is ready") == std::string::npos) {
      auto const size = ::read(said, block, sizeof block);
      if (size <= 0) give_up("nats-server did not start: " + text);
      text.append(block, static_cast<std::size_t>(size));
    }
    std::string_view const mark = "client connections on 127.0.0.1:";
    auto const at = text.find(mark) + mark.size();
    url = "nats://127.0.0.1:" + text.substr(at, text.find('\n', at) - at);
  }
  ~Server() {
    if (pid < 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    ::close(said);
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
};

struct Run {
  std::vector<double> taken, acknowledged;  ///< milliseconds since the send
  std::map<std::string, int> got;
  double seconds = 0;
  void print(char const* name, int sent) {
    auto const at = [](std::vector<double>& all, double part) {
      std::ranges::sort(all);
      return all.empty() ? 0.0 : all[static_cast<std::size_t>(static_cast<double>(all.size() - 1) * part)];
    };
    int doubled = 0;
    for (auto const& [body, times] : got) doubled += times > 1 ? 1 : 0;
    std::printf("%-34s %8.0f/s   taken p50 %6.2f p95 %6.2f ms   acked p50 %6.2f p95 %6.2f ms   lost %d doubled %d\n",
                name, sent / seconds, at(taken, .5), at(taken, .95), at(acknowledged, .5), at(acknowledged, .95),
                sent - static_cast<int>(got.size()), doubled);
  }
};

/// A daemon's side of the bus: one bus on a thread of its own.
struct Daemon {
  net::io_context io;
  net::executor_work_guard<net::io_context::executor_type> work = net::make_work_guard(io);
  std::unique_ptr<NatsBus> bus;
  std::thread thread;
  explicit Daemon(std::string const& url) {
    NatsOptions options;
    options.url = url;
    options.prefix = "bench";
    auto opened = NatsBus::open(io.get_executor(), options);
    if (!opened) give_up(opened.error().message);
    bus = std::move(*opened);
    thread = std::thread([this] { io.run(); });
    wait([this] { return ready(); });
  }
  awaitable<void> ready() {
    auto const there = co_await bus->ready();
    if (!there) give_up(there.error().message);
  }
  template <class Make>
  void wait(Make make) {
    net::co_spawn(io, make(), net::use_future).get();
  }
  ~Daemon() {
    wait([this] { return bus->stop(); });
    work.reset();
    thread.join();
  }
};

Run through_the_bus(std::string const& url, int count) {
  Run run;
  Daemon sender(url), reader(url);
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  int left = count;  // on the reader's thread
  std::promise<void> all_read;
  auto const take = [&](Message const& message, std::string who) -> awaitable<void> {
    auto const sent = std::strtoll(message.body.c_str(), nullptr, 10);
    auto const id = message.id;
    run.taken.push_back(static_cast<double>(now_ns() - sent) / 1e6);
    ++run.got[message.body];
    auto const marked = co_await reader.bus->mark_read(id, who);
    if (!marked) give_up(marked.error().message);
    run.acknowledged.push_back(static_cast<double>(now_ns() - sent) / 1e6);
    if (--left == 0) all_read.set_value();
  };
  reader.wait([&]() -> awaitable<void> {
    for (int i = 0; i < kReaders; ++i) {
      Identity who;
      who.agent_id = "reader-" + std::to_string(i);
      BusHints hints;
      hints.message = [&, name = who.agent_id](Message const& message) {
        net::co_spawn(reader.io, take(message, name), net::detached);
      };
      subscriptions.push_back(reader.bus->subscribe(std::move(who), "", std::move(hints)));
    }
    co_return;
  });
  auto const send = [&](int number) -> awaitable<void> {
    for (int i = number; i < count; i += kReaders) {
      NewMessage message;
      message.from = "bench";
      message.to = "reader-" + std::to_string(number);
      message.idempotency_key = std::to_string(i);
      message.body = std::to_string(now_ns()) + " " + std::to_string(i) + " " + kFilling;
      auto const sent = co_await sender.bus->send(std::move(message));
      if (!sent) give_up(sent.error().message);
    }
  };
  auto const begun = Steady::now();
  std::vector<std::future<void>> senders;
  for (int i = 0; i < kReaders; ++i) senders.push_back(net::co_spawn(sender.io, send(i), net::use_future));
  for (auto& one : senders) one.get();
  (void)all_read.get_future().wait_for(std::chrono::seconds(60));
  run.seconds = std::chrono::duration<double>(Steady::now() - begun).count();
  reader.wait([&]() -> awaitable<void> {
    subscriptions.clear();
    for (int i = 0; i < kReaders; ++i) {
      Identity who;
      who.agent_id = "reader-" + std::to_string(i);
      auto const unread = co_await reader.bus->unread(who, 1000);
      if (!unread || !unread->empty()) give_up("messages are left unread");
    }
  });
  return run;
}

std::size_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  in >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// What a daemon does at its start: reads everything that is kept.
void read_history(std::string const& url, int count) {
  ::malloc_trim(0);
  auto const before = resident_bytes();
  auto const begun = Steady::now();
  Daemon const newcomer(url);
  auto const seconds = std::chrono::duration<double>(Steady::now() - begun).count();
  std::printf("%-34s %8.2f s for %d messages and their read marks, %.1f KiB of memory each with its body\n",
              "a daemon that starts", seconds, count, static_cast<double>(resident_bytes() - before) / 1024.0 / count);
}

void must(natsStatus status, char const* what) {
  if (status != NATS_OK) give_up(std::string(what) + ": " + natsStatus_GetText(status));
}

Run floor_of(std::string const& url, int count) {
  Run run;
  natsConnection* connection = nullptr;
  must(natsConnection_ConnectTo(&connection, url.c_str()), "connect");
  jsCtx* js = nullptr;
  must(natsConnection_JetStream(&js, connection, nullptr), "JetStream");
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  char const* subjects[] = {"floor.*"};
  config.Name = "floor";
  config.Subjects = subjects;
  config.SubjectsLen = 1;
  config.Storage = js_FileStorage;
  must(js_AddStream(nullptr, js, &config, nullptr, nullptr), "stream");
  std::mutex mutex;
  std::atomic<int> left = count;
  std::vector<std::thread> threads;
  std::vector<natsSubscription*> subscriptions(kReaders);
  for (int i = 0; i < kReaders; ++i) {
    auto const name = "reader-" + std::to_string(i);
    // Pushed: a fetch would wait until its batch is full.
    must(js_SubscribeSync(&subscriptions[static_cast<std::size_t>(i)], js, ("floor." + name).c_str(), nullptr, nullptr,
                          nullptr),
         "consumer");
  }
  auto const begun = Steady::now();
  for (int i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] {
      while (left > 0) {
        natsMsg* message = nullptr;
        if (natsSubscription_NextMsg(&message, subscriptions[static_cast<std::size_t>(i)], 200) != NATS_OK) continue;
        std::string body(natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message)));
        auto const sent = std::strtoll(body.c_str(), nullptr, 10);
        auto const taken = static_cast<double>(now_ns() - sent) / 1e6;
        must(natsMsg_AckSync(message, nullptr, nullptr), "ack");
        natsMsg_Destroy(message);
        std::lock_guard const lock(mutex);
        run.taken.push_back(taken);
        run.acknowledged.push_back(static_cast<double>(now_ns() - sent) / 1e6);
        ++run.got[body];
        if (--left == 0) run.seconds = std::chrono::duration<double>(Steady::now() - begun).count();
      }
    });
    threads.emplace_back([&, i] {
      auto const subject = "floor.reader-" + std::to_string(i);
      for (int n = i; n < count; n += kReaders) {
        auto const body = std::to_string(now_ns()) + " " + std::to_string(n) + " " + kFilling;
        must(js_Publish(nullptr, js, subject.c_str(), body.data(), static_cast<int>(body.size()), nullptr, nullptr),
             "publish");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto* const subscription : subscriptions) natsSubscription_Destroy(subscription);
  jsCtx_Destroy(js);
  natsConnection_Destroy(connection);
  return run;
}

}  // namespace

int main(int argc, char** argv) {
  int count = 10'000;
  std::string url;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--messages") == 0) count = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--url") == 0) url = argv[i + 1];
  }
  spdlog::set_level(spdlog::level::warn);
  {
    Server const server(url);
    std::printf("%d messages of 400 bytes, %d senders and %d readers at once, file storage\n", count, kReaders,
                kReaders);
    through_the_bus(server.url, count).print("the bus: send, hint, mark_read", count);
    read_history(server.url, count);
    floor_of(server.url, count).print("floor: publish, push, ack", count);
  }
  nats_CloseAndWait(5000);
}
