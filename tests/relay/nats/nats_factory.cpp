// The NATS bus under the contract suite: one real server for the program, a prefix of its own for each test, and a
// frozen clock (the bus goes by its machine's time here; the server's own time decides nothing of the contract).
#include "base/ids.hpp"
#include "relay/contract/bus_factory.hpp"
#include "relay/nats/jetstream.hpp"
#include "relay/nats/names.hpp"
#include "relay/nats/nats_bus.hpp"
#include "relay/nats/nats_server.hpp"
#include "support/run.hpp"

namespace ar::relay::test {
namespace {

class NatsFactory : public BusFactory {
 public:
  explicit NatsFactory(BusLimits limits) : limits_(limits) {
    static NatsServer server;
    options_ = server.options();
    options_.prefix = "contract-" + random_hex(4);
    options_.time = NatsOptions::Time::machine;
    open();
  }
  ~NatsFactory() override { close(); }
  net::io_context& io() override { return io_; }
  Bus& bus() override { return *bus_; }
  void restart() override {
    close();
    open();
  }
  void replace_store() override {
    close();
    ar::test::run(io_, [this]() -> awaitable<void> {
      Worker thread;
      nats::JetStream js{options_.request_timeout};
      auto connection = co_await nats::Connection::open(io_.get_executor(), thread, options_, nullptr);
      REQUIRE(connection.has_value());
      js.use(*connection);
      nats::Names const names(options_.prefix);
      for (auto const store : nats::kStores)
        REQUIRE((co_await js.api("STREAM.DELETE." + names.stream(store), json::object())).has_value());
      co_await js.connection()->close();
    });
    open();
  }
  void advance(milliseconds by) override { ar::test::advance(io_, clock_, by); }

 private:
  void open() {
    auto opened = NatsBus::open(io_.get_executor(), options_, limits_);
    REQUIRE(opened.has_value());
    bus_ = std::move(*opened);
    ar::test::run(io_, [this]() -> awaitable<void> {
      auto const ready = co_await bus_->ready();
      if (!ready) FAIL(ready.error().message);
    });
  }
  void close() {
    ar::test::run(io_, [this] { return bus_->stop(); });
    bus_.reset();
  }

  ManualClock clock_;
  net::io_context io_;
  BusLimits limits_;
  NatsOptions options_;
  std::unique_ptr<NatsBus> bus_;
};

}  // namespace

std::unique_ptr<BusFactory> make_bus_factory(BusLimits limits) { return std::make_unique<NatsFactory>(limits); }

}  // namespace ar::relay::test
