// A real relay on loopback, and what speaks to it.
#pragma once
#include "base/http/http_client.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"
#include "relay/remote/remote_bus.hpp"
#include "relay/server/relay_server.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ar::relay::test {
using namespace std::chrono_literals;

/// A relay on loopback with its bus, and whoever asks it something.
class Relay {
 public:
  explicit Relay(ServerLimits limits = {}, BusLimits bus_limits = {}) {
    auto opened = EmbeddedBus::open(io.get_executor(), folder.path() / "relay.db", bus_limits);
    REQUIRE(opened.has_value());
    bus = std::move(*opened);
    server = std::make_unique<RelayServer>(io.get_executor(), *bus, limits);
    auto const used = server->open_tcp("127.0.0.1", 0, {});
    REQUIRE(used.has_value());
    port = *used;
  }
  ~Relay() {
    run([this]() -> awaitable<void> {
      co_await server->stop();
      co_await bus->stop();
    });
  }
  template <class Make>
  void run(Make make) {
    ar::test::run(io, make);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }
  IssuedToken issue(std::vector<std::string> rights, std::vector<std::string> agents = {},
                    std::optional<milliseconds> lifetime = std::nullopt) {
    std::optional<IssuedToken> token;
    run([&]() -> awaitable<void> {
      auto issued = co_await bus->issue_token("provider-agent", {agents, rights}, lifetime);
      REQUIRE(issued.has_value());
      token = *issued;
    });
    return *token;
  }
  /// "" for a good answer, else the code of the refusal.
  std::string ask(std::string method, std::string target, std::string const& token, std::string body = {},
                  std::string* answer = nullptr) {
    std::string code;
    http::HttpClient caller(io.get_executor(), *http::parse_endpoint(url()), {});
    http::Call call{.method = std::move(method), .target = std::move(target), .body = std::move(body)};
    if (!token.empty()) call.headers.push_back({"Authorization", "Bearer " + token});
    run([&]() -> awaitable<void> {
      auto const got = co_await caller.call(call);
      if (got && answer) *answer = *got;
      code = got ? std::string() : got.error().code;
    });
    return code;
  }
  RemoteConfig client(std::string const& token) {
    RemoteConfig config;
    config.url = url();
    config.token_file = folder.path() / ("token-" + std::to_string(++clients_));
    REQUIRE(write_file(config.token_file, token + "\n").has_value());
    config.times.wait_for_relay = 300ms;
    config.times.most_backoff = 100ms;
    return config;
  }

  ar::test::TempDir folder;
  net::io_context io;
  std::unique_ptr<EmbeddedBus> bus;
  std::unique_ptr<RelayServer> server;
  std::uint16_t port = 0;

 private:
  int clients_ = 0;
};

/// A WebSocket of which the test says every frame.
class Wire {
 public:
  Wire(Relay& relay, std::string const& token) : relay_(relay) {
    http::HttpClient caller(relay.io.get_executor(), *http::parse_endpoint(relay.url()), {});
    relay.run([&]() -> awaitable<void> {
      std::vector<http::Header> headers{{"Authorization", "Bearer " + token}};
      auto opened = co_await caller.open_websocket("/bus", headers, {}, 5s);
      if (opened)
        socket_ = std::move(*opened);
      else
        refusal = opened.error().code;
    });
  }
  void say(std::string text) { CHECK(socket_->send(std::move(text))); }
  void say(json const& frame) { say(frame.dump()); }
  json hear() {
    json frame;
    relay_.run([&]() -> awaitable<void> {
      auto const text = co_await socket_->read();
      frame = text ? json::parse(*text) : json{{"type", "end"}, {"code", text.error().code}};
    });
    return frame;
  }
  static json hello(std::string const& agent, std::string const& instance) {
    return {{"type", "hello"},  {"protocol", 1},          {"role", "provider"}, {"componentId", "runner"},
            {"agentId", agent}, {"instanceId", instance}, {"machine", "m"},     {"capabilities", json::array()},
            {"tags", {"team"}}, {"meta", json::object()}, {"status", "idle"}};
  }
  std::string refusal;

 private:
  Relay& relay_;
  std::unique_ptr<http::WebSocket> socket_;
};

inline NewMessage to_a(std::string body) {
  NewMessage message;
  message.from = "x";
  message.to = "a";
  message.body = std::move(body);
  return message;
}

}  // namespace ar::relay::test
