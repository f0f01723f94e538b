#include "control/test_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <stdexcept>

namespace ar::test {

TestServer::TestServer(control::Limits limits) {
  daemon_ = std::make_unique<FakeApi>(io_.get_executor());
  control::ServerConfig config;
  config.socket = socket();
  config.agents_socket = agents_socket();
  config.limits = limits;
  server_ = std::make_unique<control::ControlServer>(io_.get_executor(), daemon_->topics(), config);
  if (auto started = server_->start(); !started) throw std::runtime_error(started.error().message);
  port_ = server_->port();
  thread_ = std::thread([this] { io_.run(); });
}

TestServer::~TestServer() {
  if (!stopped_) stop();
  work_.reset();
  thread_.join();
}

std::future<void> TestServer::start_stopping() {
  stopped_ = true;
  return net::co_spawn(io_, server_->stop(), net::use_future);
}
void TestServer::stop() { start_stopping().get(); }

bool TestServer::eventually(std::function<bool()> condition) {
  auto const deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    if (on_io(condition)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

void TestServer::append(int count, std::string const& agent, std::size_t padding) {
  on_io([&] {
    for (int i = 0; i < count; ++i) daemon_->append(agent, padding);
  });
}

}  // namespace ar::test
