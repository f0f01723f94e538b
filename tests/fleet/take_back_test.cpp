// Two daemons bring an agent of the same name to one relay: the newest start of it has it, and the other says so.
#include "relay/server/relay_server.hpp"
#include "support/run.hpp"
#include "system/installation.hpp"

#include <thread>

using ar::json;
using ar::test::Installation;

namespace {

/// A relay in a thread of its own.
class Hub {
 public:
  Hub() {
    auto opened = ar::relay::EmbeddedBus::open(io_.get_executor(), folder_.path() / "relay.db");
    REQUIRE(opened.has_value());
    bus_ = std::move(*opened);
    server_ = std::make_unique<ar::relay::RelayServer>(io_.get_executor(), *bus_);
    auto const port = server_->open_tcp("127.0.0.1", 0, {});
    REQUIRE(port.has_value());
    port_ = *port;
    ar::test::run(io_, [this]() -> ar::awaitable<void> {
      auto const issued = co_await bus_->issue_token("provider-agent", {{}, {"*"}}, std::nullopt);
      REQUIRE(issued.has_value());
      token_ = issued->token;
    });
    io_.restart();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Hub() {
    io_.stop();
    thread_.join();
    ar::test::run(io_, [this]() -> ar::awaitable<void> {
      co_await server_->stop();
      co_await bus_->stop();
    });
  }
  void admit(Installation& home) const {
    std::filesystem::create_directories(home.state());
    std::ofstream(home.work() / "token") << token_ << "\n";
    std::ofstream(home.state() / "config.toml") << "[relay]\nkind = \"remote\"\nurl = \"http://127.0.0.1:" << port_
                                                << "\"\ntoken_file = \"" << (home.work() / "token").string() << "\"\n";
  }

 private:
  ar::test::TempDir folder_;
  ar::net::io_context io_;
  std::unique_ptr<ar::relay::EmbeddedBus> bus_;
  std::unique_ptr<ar::relay::RelayServer> server_;
  std::uint16_t port_ = 0;
  std::string token_;
  std::thread thread_;
};

bool is_held(Installation& home) {
  return home.agent("w").value("held", "").find("agent-runner restart w") != std::string::npos;
}

}  // namespace

TEST_CASE("AnAgentThatAnotherDaemonHasSaysSoAndARestartTakesItBack") {
  Hub hub;
  Installation one, two;
  hub.admit(one);
  hub.admit(two);
  one.spawn("w");
  auto const first = one.send("w", "for the first");
  CHECK(Installation::eventually([&] { return one.delivery_state(first) == "done"; }));
  two.spawn("w");
  CHECK_MESSAGE(Installation::eventually([&] { return is_held(one); }), one.agent("w").dump());
  CHECK_FALSE(is_held(two));

  // With the other daemon dead nobody delivers, and the first says why.
  two.kill_daemon();
  auto const id = one.send("w", "hello there");
  auto const shown = one.message(id);
  REQUIRE_MESSAGE(shown["deliveries"].size() == 1, shown.dump());
  CHECK(shown["deliveries"][0]["state"] == "held");
  CHECK(shown["deliveries"][0].value("reason", "").find("agent-runner restart w") != std::string::npos);

  one.good({"restart", "w"});
  CHECK_MESSAGE(Installation::eventually([&] { return one.delivery_state(id) == "done"; }), one.message(id).dump());
  CHECK_FALSE(is_held(one));

  // A start of the daemon is a newer start of its agents.
  two.good({"up"});
  CHECK_MESSAGE(Installation::eventually([&] { return is_held(one); }), one.agent("w").dump());
  CHECK_FALSE(is_held(two));
}
