// The embedded bus under the contract suite: a folder of its own and a frozen clock.
#include "relay/contract/bus_factory.hpp"
#include "relay/embedded/embedded_bus.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

namespace ar::relay::test {
namespace {

class EmbeddedFactory : public BusFactory {
 public:
  explicit EmbeddedFactory(BusLimits limits) : limits_(limits) { open(); }
  ~EmbeddedFactory() override { close(); }
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

 private:
  void open() {
    auto opened = EmbeddedBus::open(io_.get_executor(), folder_.path() / "relay" / "relay.db", limits_);
    REQUIRE(opened.has_value());
    bus_ = std::move(*opened);
  }
  void close() {
    ar::test::run(io_, [this] { return bus_->stop(); });
    bus_.reset();
  }

  ar::test::TempDir folder_;
  ManualClock clock_;
  net::io_context io_;
  BusLimits limits_;
  std::unique_ptr<EmbeddedBus> bus_;
};

}  // namespace

std::unique_ptr<BusFactory> make_bus_factory(BusLimits limits) { return std::make_unique<EmbeddedFactory>(limits); }

}  // namespace ar::relay::test
