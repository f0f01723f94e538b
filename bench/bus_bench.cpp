// A bus under load: messages to 20 fast readers, each claimed and finished (so marked read) by the one it is for, with
// every commit on the disk; counts what was lost and doubled. Beside it, in the same run, the floor: frames of the same
// size echoed over 20 plain WebSockets.
//
//   bus_bench embedded|remote [MESSAGES]
#include "base/http/http_client.hpp"
#include "base/http/server.hpp"
#include "base/paths.hpp"
#include "relay/embedded/embedded_bus.hpp"
#include "relay/remote/remote_bus.hpp"
#include "relay/server/relay_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace ar;
using namespace ar::relay;
using namespace std::chrono_literals;

constexpr int kReaders = 20;
constexpr std::size_t kBody = 500;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

struct Figures {
  double per_second = 0;
  std::vector<double> ms{};
  std::size_t lost = 0, doubled = 0;

  void print(char const* name) {
    std::ranges::sort(ms);
    auto const at = [&](double part) {
      return ms.empty() ? 0.0 : ms[static_cast<std::size_t>(part * double(ms.size() - 1))];
    };
    std::printf("%-34s %8.0f /s   p50 %8.3f ms   p95 %8.3f ms", name, per_second, at(0.5), at(0.95));
  }
};

/// What runs on the other side, on a thread of its own.
class Side {
 public:
  net::io_context& io() { return io_; }
  template <class T>
  T run(awaitable<T> work) {
    return net::co_spawn(io_, std::move(work), net::use_future).get();
  }
  ~Side() {
    work_.reset();
    thread_.join();
  }

 private:
  net::io_context io_{1};
  net::executor_work_guard<net::io_context::executor_type> work_{io_.get_executor()};
  std::thread thread_{[this] { io_.run(); }};
};

class Echo final : public http::RequestHandler {
 public:
  std::variant<http::Admission, http::Response> admit(http::Request const&) override {
    return http::Admission{0, {}, [](http::Request, http::Peer&) { return accept(); }};
  }

 private:
  static awaitable<http::Response> accept() {
    http::Response response;
    response.websocket = [](http::WebSocket& socket) { return echo(socket); };
    co_return response;
  }
  static awaitable<void> echo(http::WebSocket& socket) {
    for (;;) {
      auto text = co_await socket.read();
      if (!text || !socket.send(std::move(*text))) co_return;
    }
  }
};

class Load {
 public:
  Load(net::io_context& io, int messages) : io_(io), messages_(messages), changed_(io.get_executor()) {}

  /// `heard`: waits until the bus knows of all who have subscribed.
  Figures through(Bus& bus, std::function<awaitable<bool>()> heard) { return whole(go(bus, std::move(heard))); }
  Figures echo(std::uint16_t port) { return whole(go_echo(port)); }

 private:
  Figures whole(awaitable<void> work) {
    std::exception_ptr failed;
    bool ended = false;
    net::co_spawn(io_, std::move(work), [&](std::exception_ptr e) {
      failed = e;
      ended = true;
    });
    io_.restart();
    while (!ended) io_.run_one();  // a bus goes on by itself
    if (failed) std::rethrow_exception(failed);
    Figures figures;
    figures.per_second = messages_ / seconds(took_);
    figures.ms = std::move(ms_);
    for (int i = 0; i < messages_; ++i) figures.lost += accepted_.contains(i) ? 0 : 1;
    for (auto const& [number, times] : accepted_) figures.doubled += static_cast<std::size_t>(times - 1);
    return figures;
  }

  struct Reader {
    std::string id;
    Notifier more;
    std::set<std::pair<MessageId, int>> waiting{};
    std::unique_ptr<Subscription> subscription{};
  };

  awaitable<void> go(Bus& bus, std::function<awaitable<bool>()> heard) {
    std::list<Reader> readers;
    TaskGroup tasks(io_.get_executor(), "load");
    for (int i = 0; i < kReaders; ++i) {
      auto const id = "reader-" + std::to_string(i);
      Presence presence;
      presence.identity = {id};
      presence.instance_id = "i";
      presence.status = "idle";
      must(co_await bus.register_agent(presence));
      auto& reader = readers.emplace_back(id, Notifier(io_.get_executor()));
      BusHints hints;
      hints.message = [&reader](Message const& message) {
        reader.waiting.emplace(message.id, std::atoi(message.body.c_str()));
        reader.more.notify_all();
      };
      reader.subscription = bus.subscribe(presence.identity, id, std::move(hints));
      tasks.spawn(id, read(bus, reader));
    }
    if (!co_await heard()) throw std::runtime_error("the bus does not answer");
    auto const start = Clock::now();
    for (int i = 0; i < kReaders; ++i) tasks.spawn("sender", send(bus));
    while (static_cast<int>(accepted_.size()) < messages_) {
      bool const some = co_await changed_.wait(Clock::now() + 30s);
      if (!some) break;  // what is missing is lost
    }
    took_ = Clock::now() - start;
    co_await tasks.stop();
  }

  awaitable<void> send(Bus& bus) {
    for (;;) {
      // No more than the readers can have in their hands: what is measured is the bus, not a queue before it.
      while (next_ - static_cast<int>(accepted_.size()) >= kReaders) (void)co_await changed_.wait();
      if (next_ >= messages_) co_return;
      int const number = next_++;
      NewMessage message;
      message.from = "sender";
      message.to = "reader-" + std::to_string(number % kReaders);
      message.body = std::to_string(number) + " " + std::string(kBody, 'x');
      message.claimable = true;
      message.idempotency_key = "k" + std::to_string(number);
      started_[number] = Clock::now();
      must(co_await bus.send(std::move(message)));
    }
  }

  awaitable<void> read(Bus& bus, Reader& reader) {
    for (;;) {
      if (reader.waiting.empty()) {
        (void)co_await reader.more.wait();
        continue;
      }
      auto const [message, number] = *reader.waiting.begin();
      reader.waiting.erase(reader.waiting.begin());
      auto const claim = co_await bus.claim(message, reader.id);
      if (!claim) continue;  // a doubled hint
      must(co_await bus.finish(message, claim->token));
      ++accepted_[number];
      ms_.push_back(seconds(Clock::now() - started_[number]) * 1000);
      changed_.notify_all();
    }
  }

  awaitable<void> go_echo(std::uint16_t port) {
    TaskGroup tasks(io_.get_executor(), "echo");
    http::HttpClient caller(io_.get_executor(), must(http::parse_endpoint("http://127.0.0.1:" + std::to_string(port))),
                            {});
    std::vector<std::unique_ptr<http::WebSocket>> sockets;
    for (int i = 0; i < kReaders; ++i) sockets.push_back(must(co_await caller.open_websocket("/", {}, {}, 5s)));
    auto const start = Clock::now();
    for (auto& socket : sockets) tasks.spawn("echo", echo_on(*socket));
    co_await tasks.join();
    took_ = Clock::now() - start;
  }
  awaitable<void> echo_on(http::WebSocket& socket) {
    while (next_ < messages_) {
      int const number = next_++;
      auto const start = Clock::now();
      (void)socket.send(std::string(kBody + 300, 'x'));
      (void)must(co_await socket.read());
      ++accepted_[number];
      ms_.push_back(seconds(Clock::now() - start) * 1000);
    }
  }

  net::io_context& io_;
  int const messages_;
  int next_ = 0;
  std::map<int, int> accepted_;
  std::map<int, Clock::time_point> started_;
  std::vector<double> ms_;
  Clock::duration took_{};
  Notifier changed_;
};

Figures measure_embedded(std::filesystem::path const& folder, int messages) {
  net::io_context io(1);
  auto bus = must(EmbeddedBus::open(io.get_executor(), folder / "relay.db"));
  auto at_once = []() -> awaitable<bool> { co_return true; };
  auto figures = Load(io, messages).through(*bus, at_once);
  auto const stopped = net::co_spawn(io, bus->stop(), net::use_future);
  while (stopped.wait_for(0s) != std::future_status::ready) io.run_one();
  return figures;
}

awaitable<void> serve(Side& side, std::filesystem::path const& folder, std::unique_ptr<EmbeddedBus>& store,
                      std::unique_ptr<RelayServer>& server, std::uint16_t& port) {
  store = must(EmbeddedBus::open(side.io().get_executor(), folder / "relay.db"));
  server = std::make_unique<RelayServer>(side.io().get_executor(), *store);
  port = must(server->open_tcp("127.0.0.1", 0, {}));
  TokenScope scope;
  scope.rights = {"*"};
  auto const token = must(co_await store->issue_token("operator", scope, std::nullopt));
  must(write_file(folder / "token", token.token));
}

Figures measure_remote(std::filesystem::path const& folder, int messages) {
  Side side;
  std::unique_ptr<EmbeddedBus> store;
  std::unique_ptr<RelayServer> server;
  std::uint16_t port = 0;
  side.run(serve(side, folder, store, server, port));
  net::io_context io(1);
  RemoteConfig config;
  config.url = "http://127.0.0.1:" + std::to_string(port);
  config.token_file = folder / "token";
  auto bus = must(RemoteBus::open(io.get_executor(), config));
  auto reached = [&bus] { return bus->reach(10s); };
  auto wait = net::co_spawn(io, reached(), net::use_future);
  while (wait.wait_for(0s) != std::future_status::ready) io.run_one();
  if (!wait.get()) throw std::runtime_error("the relay does not answer");
  // The relay takes the frames of a connection in their order: after the pong it has heard every subscriber.
  auto figures = Load(io, messages).through(*bus, reached);
  auto const stopped = net::co_spawn(io, bus->stop(), net::use_future);
  while (stopped.wait_for(0s) != std::future_status::ready) io.run_one();
  bus.reset();
  side.run(server->stop());
  side.run(store->stop());
  server.reset();
  store.reset();
  return figures;
}

Figures measure_echo(int messages) {
  Side side;
  Echo echo;
  http::Server server(side.io().get_executor(), echo, {}, "echo");
  std::uint16_t port = 0;
  auto open = [&]() -> awaitable<void> {
    port = must(server.open_tcp("127.0.0.1", 0, {}));
    co_return;
  };
  side.run(open());
  net::io_context io(1);
  auto figures = Load(io, messages).echo(port);
  side.run(server.stop());
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  std::string const kind = argc > 1 ? argv[1] : "";
  int const messages = argc > 2 ? std::atoi(argv[2]) : 10'000;
  if ((kind != "embedded" && kind != "remote") || messages < 1) {
    std::fprintf(stderr, "usage: bus_bench embedded|remote [MESSAGES]\n");
    return 2;
  }
  spdlog::set_level(spdlog::level::err);
  std::string folder = (std::filesystem::current_path() / "bus-bench-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return 1;
  int status = 0;
  try {
    auto figures = kind == "embedded" ? measure_embedded(folder, messages) : measure_remote(folder, messages);
    std::printf("%d messages of %zu bytes to %d readers\n", messages, kBody, kReaders);
    figures.print((kind + ": send -> claimed, finished").c_str());
    std::printf("   lost %zu   doubled %zu\n", figures.lost, figures.doubled);
    auto floor = measure_echo(messages);
    floor.print("floor: WebSocket echo, 20 at once");
    std::printf("\n");
    status = figures.lost + figures.doubled > 0 ? 1 : 0;
  } catch (std::exception const& e) {
    std::fprintf(stderr, "bus_bench: %s\n", e.what());
    status = 1;
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return status;
}
