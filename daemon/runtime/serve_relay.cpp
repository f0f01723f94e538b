#include "daemon/runtime/serve_relay.hpp"

#include "daemon/agent/descriptor_budget.hpp"
#include "daemon/runtime/folder_keeper.hpp"
#include "daemon/runtime/instance_lock.hpp"
#include "daemon/runtime/program.hpp"
#include "relay/first_token.hpp"

#include <boost/asio/this_coro.hpp>
#include <spdlog/spdlog.h>

#include <chrono>
#include <unistd.h>
#include <utility>

namespace ar::daemon {
namespace {

constexpr auto kLongestEnd = std::chrono::seconds(20);

/// Everything of a lone relay; the io_context outlives it.
class LoneRelay final : public Program {
 public:
  LoneRelay(Executor executor, InstanceLock const& lock, Paths const& paths, Config const& config,
            ServedRelay const& served, std::function<void()> on_ready)
      : Program(executor),
        executor_(std::move(executor)),
        lock_(lock),
        paths_(paths),
        config_(config),
        served_(served),
        on_ready_(std::move(on_ready)),
        tasks_(executor_, "relay") {}

  awaitable<Result<void>> serve() override {
    auto started = co_await start();
    if (!started) co_return started.error();
    on_ready_();
    co_return co_await until_stopped();
  }
  awaitable<void> end(bool) override {
    co_await tasks_.stop();
    if (server_) co_await server_->stop();
    if (bus_) co_await bus_->stop();
  }
  Clock::duration longest_end() const override { return kLongestEnd; }

 private:
  awaitable<Result<void>> start() {
    if (auto made = make_private_dir(paths_.runtime_dir); !made) co_return made.error();
    auto bus =
        relay::EmbeddedBus::open(executor_, paths_.state_dir / "relay" / "relay.db", config_.relay, on_death_of("bus"));
    if (!bus) co_return bus.error();
    bus_ = std::move(*bus);
    auto const token = co_await relay::first_token(*bus_, paths_.operator_token(), "operator");
    if (!token) co_return token.error();
    auto served = co_await serve_relay(*bus_, paths_, served_, on_death_of("relay"));
    if (!served) co_return served.error();
    server_ = std::move(*served);
    if (auto told = lock_.announce(paths_.relay_socket()); !told) co_return told.error();
    tasks_.spawn_vital("sockets",
                       keep_folders({paths_.runtime_dir},
                                    [this] {
                                      server_->restore_sockets();
                                      return true;
                                    }),
                       on_death_of("watch over the sockets"));
    co_return Result<void>();
  }

  Executor executor_;
  InstanceLock const& lock_;
  Paths const& paths_;
  Config const& config_;
  ServedRelay const& served_;
  std::function<void()> const on_ready_;
  TaskGroup tasks_;
  std::unique_ptr<relay::EmbeddedBus> bus_;
  std::unique_ptr<relay::RelayServer> server_;
};

}  // namespace

ServedRelay served_relay(Config const& config) {
  return {config.relay_serve, config.relay_tls_cert, config.relay_tls_key, config.relay_insecure};
}

awaitable<Result<std::unique_ptr<relay::RelayServer>>> serve_relay(relay::EmbeddedBus& bus, Paths const& paths,
                                                                   ServedRelay const& served,
                                                                   TaskGroup::OnDeath on_death) {
  // Everything that can be wrong is looked at before a door opens.
  relay::ListenAddress address;
  http::Tls tls;
  if (!served.listen.empty()) {
    auto parsed = relay::parse_listen_address(served.listen);
    if (!parsed) co_return parsed.error();
    address = std::move(*parsed);
    if (served.tls_cert.empty() != served.tls_key.empty())
      co_return invalid("tls_key", "TLS needs both files: the certificate and its key");
    if (!served.tls_cert.empty()) {
      auto context = http::server_tls(served.tls_cert, served.tls_key);
      if (!context) co_return context.error();
      tls = std::move(*context);
    }
    if (auto allowed = relay::RelayServer::check_exposure(address.host, tls != nullptr, served.insecure); !allowed)
      co_return allowed.error();
  }
  relay::ServerLimits limits;
  if (auto const has = descriptors_of(::getpid()))
    limits.connections = DescriptorBudget::connections(has->limit, limits.connections);
  auto server =
      std::make_unique<relay::RelayServer>(co_await net::this_coro::executor, bus, limits, std::move(on_death));
  auto opened = server->open_unix(paths.relay_socket());
  if (opened && !served.listen.empty()) {
    bool const secure = tls != nullptr;
    auto const port = server->open_tcp(address.host, address.port, std::move(tls));
    if (port)
      spdlog::info("the relay is served on {}:{}{}", address.host, *port, secure ? " with TLS" : "");
    else
      opened = port.error();
  }
  if (opened) co_return server;
  co_await server->stop();
  co_return opened.error();
}

Result<void> run_relay(Paths const& paths, Config const& config, ServedRelay const& served,
                       std::function<void()> on_ready, std::function<void(Error const&)> const& last_words) {
  auto lock = InstanceLock::take(paths.state_dir);
  if (!lock) return lock.error();
  auto const make = [&](net::io_context& io) {
    return std::make_unique<LoneRelay>(io.get_executor(), *lock, paths, config, served, on_ready);
  };
  return live(make, last_words);
}

}  // namespace ar::daemon
