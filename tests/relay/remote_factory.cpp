// The remote bus under the contract suite: a real server on loopback over an embedded bus, and a client of it, in one
// frozen time.
#include "base/paths.hpp"
#include "relay/contract/bus_factory.hpp"
#include "relay/remote/remote_bus.hpp"
#include "relay/server/relay_server.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

namespace ar::relay::test {
namespace {

class RemoteFactory : public BusFactory {
 public:
  explicit RemoteFactory(BusLimits limits) : limits_(limits) { open(); }
  ~RemoteFactory() override { close(); }
  net::io_context& io() override { return io_; }
  Bus& bus() override { return *bus_; }
  void restart() override {
    close();
    open();
  }
  void replace_store() override {
    close();
    std::filesystem::remove_all(folder_.path() / "relay");
    open();
  }
  void advance(milliseconds by) override { ar::test::advance(io_, clock_, by); }
  void settle() override {
    bool reached = false;
    ar::test::run(io_, [&]() -> awaitable<void> { reached = co_await bus_->reach(std::chrono::seconds(10)); });
    REQUIRE(reached);
  }

 private:
  void open() {
    auto opened = EmbeddedBus::open(io_.get_executor(), folder_.path() / "relay" / "relay.db", limits_);
    REQUIRE(opened.has_value());
    store_ = std::move(*opened);
    ServerLimits server_limits;
    server_limits.session_idle = std::chrono::hours(24 * 365);  // the suite lets days pass in no time
    server_limits.frames_per_second = server_limits.frames_at_once = 1e9;
    server_ = std::make_unique<RelayServer>(io_.get_executor(), *store_, server_limits);
    auto const port = server_->open_tcp("127.0.0.1", 0, {});
    REQUIRE(port.has_value());
    RemoteConfig config;
    config.url = "http://127.0.0.1:" + std::to_string(*port);
    config.token_file = folder_.path() / "token";
    config.times.dead = std::chrono::hours(24 * 365);
    ar::test::run(io_, [&]() -> awaitable<void> {
      TokenScope scope;
      scope.rights = {"*"};
      auto token = co_await store_->issue_token("operator", scope, std::nullopt);
      REQUIRE(token.has_value());
      REQUIRE(write_file(config.token_file, token->token).has_value());
    });
    auto bus = RemoteBus::open(io_.get_executor(), config);
    REQUIRE(bus.has_value());
    bus_ = std::move(*bus);
    settle();
  }
  void close() {
    ar::test::run(io_, [this]() -> awaitable<void> {
      co_await bus_->stop();
      co_await server_->stop();
      co_await store_->stop();
    });
    bus_.reset();
    server_.reset();
    store_.reset();
  }

  ar::test::TempDir folder_;
  ManualClock clock_;
  net::io_context io_;
  BusLimits limits_;
  std::unique_ptr<EmbeddedBus> store_;
  std::unique_ptr<RelayServer> server_;
  std::unique_ptr<RemoteBus> bus_;
};

}  // namespace

std::unique_ptr<BusFactory> make_bus_factory(BusLimits limits) { return std::make_unique<RemoteFactory>(limits); }

}  // namespace ar::relay::test
