#include "app_server.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <doctest/doctest.h>

#include <deque>

namespace ar::test {
namespace {
namespace websocket = boost::beast::websocket;
using Local = net::local::stream_protocol;
}  // namespace

struct AppServer::Impl {
  Impl(AppServer& server, Executor executor, std::filesystem::path const& socket)
      : self(server),
        acceptor(executor, Local::endpoint(socket.string())),
        wake(executor),
        tasks(executor, "app server") {}

  AppServer& self;
  Local::acceptor acceptor;
  std::unique_ptr<websocket::stream<Local::socket>> client{};
  std::deque<std::string> queue{};
  Notifier wake;
  TaskGroup tasks;

  awaitable<void> accept() {
    for (;;) {
      auto [ec, socket] = co_await acceptor.async_accept(nothrow);
      if (ec) co_return;
      if (self.refuse_) continue;
      client = std::make_unique<websocket::stream<Local::socket>>(std::move(socket));
      client->read_message_max(64U << 20);
      auto [failed] = co_await client->async_accept(nothrow);
      if (failed) continue;
      queue.clear();
      co_await read();
    }
  }
  awaitable<void> read() {
    boost::beast::flat_buffer buffer;
    for (;;) {
      auto [ec, size] = co_await client->async_read(buffer, nothrow);
      if (ec) co_return;
      auto const frame = json::parse(std::string_view(static_cast<char const*>(buffer.data().data()), size));
      buffer.consume(size);
      self.received.push_back(frame);
      auto const method = frame.value("method", "");
      if (!frame.contains("id") || method.empty()) continue;
      auto const found = self.answers.find(method);
      auto answer =
          found == self.answers.end() ? result(json::object()) : found->second(frame.value("params", json::object()));
      if (answer.is_null()) continue;
      answer["id"] = frame["id"];
      self.send(answer.dump());
    }
  }
  awaitable<void> write() {
    for (;;) {
      if (queue.empty() || !client) {
        co_await wake.wait();
        continue;
      }
      auto const text = std::move(queue.front());
      queue.pop_front();
      auto const bytes = net::buffer(text);
      co_await client->async_write(bytes, nothrow);
    }
  }
};

AppServer::AppServer(Executor executor, std::filesystem::path socket)
    : impl_(std::make_unique<Impl>(*this, std::move(executor), socket)) {
  auto const there = [this](json const&) {
    return result({{"thread", {{"id", thread}, {"path", record.string()}, {"status", status}}}, {"model", "m"}});
  };
  answers["initialize"] = [](json const&) { return result({{"userAgent", "agent-runner/0.169.0 (test)"}}); };
  answers["account/read"] = [](json const&) { return result({{"account", nullptr}, {"requiresOpenaiAuth", false}}); };
  answers["skills/list"] = [](json const&) {
    return result({{"data", json::array({{{"skills", json::array({{{"name", "deploy"}}})}}})}});
  };
  answers["thread/start"] = there;
  answers["thread/resume"] = there;
  answers["thread/turns/list"] = [](json const&) { return result({{"data", json::array()}}); };
  impl_->tasks.spawn("accept", impl_->accept());
  impl_->tasks.spawn("write", impl_->write());
}
AppServer::~AppServer() = default;

awaitable<void> AppServer::stop() {
  error_code ignored;
  impl_->acceptor.close(ignored);
  co_await impl_->tasks.stop();
}

std::size_t AppServer::count(std::string const& method) const {
  std::size_t found = 0;
  for (auto const& frame : received) found += frame.value("method", "") == method;
  return found;
}

json const& AppServer::last(std::string const& method) const {
  for (auto frame = received.rbegin(); frame != received.rend(); ++frame)
    if (frame->value("method", "") == method) return (*frame)["params"];
  FAIL("nobody called " << method);
  throw 0;
}

void AppServer::send(std::string text) {
  impl_->queue.push_back(std::move(text));
  impl_->wake.notify_all();
}

void AppServer::notify(std::string const& method, json params) {
  send(json{{"method", method}, {"params", std::move(params)}}.dump());
}

void AppServer::drop() {
  error_code ignored;
  if (impl_->client) impl_->client->next_layer().close(ignored);
}

void AppServer::item(bool finished, std::string const& client_id, std::string const& turn) {
  notify(finished ? "item/completed" : "item/started",
         {{"threadId", thread}, {"turnId", turn}, {"item", {{"type", "userMessage"}, {"clientId", client_id}}}});
}

void AppServer::turn_started(std::string const& turn) {
  notify("turn/started", {{"threadId", thread}, {"turn", {{"id", turn}, {"status", "inProgress"}}}});
}

void AppServer::turn_completed(std::string const& turn, std::string const& how, json error) {
  notify("turn/completed",
         {{"threadId", thread}, {"turn", {{"id", turn}, {"status", how}, {"error", std::move(error)}}}});
}

}  // namespace ar::test
