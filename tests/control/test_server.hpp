// A real control server over a fake daemon, on a thread of its own, in a private folder.
#pragma once
#include "control/fake_api.hpp"
#include "control/raw_client.hpp"
#include "control/server.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <functional>
#include <future>
#include <memory>
#include <thread>

namespace ar::test {

class TestServer {
 public:
  explicit TestServer(control::Limits limits = {});
  ~TestServer();

  FakeApi& daemon() { return *daemon_; }
  std::filesystem::path socket() const { return dir_.path() / "control.sock"; }
  std::filesystem::path agents_socket() const { return dir_.path() / "agents.sock"; }
  std::uint16_t port() const { return port_; }
  std::filesystem::path const& dir() const { return dir_.path(); }

  /// Runs `job` on the io thread and waits for its value.
  template <class Job>
  auto on_io(Job job) {
    std::packaged_task<decltype(job())()> task(std::move(job));
    auto value = task.get_future();
    net::post(io_, [&task] { task(); });
    return value.get();
  }
  std::size_t connections() {
    return on_io([this] { return server_->connections(); });
  }
  bool connections_become(std::size_t count) {
    return eventually([this, count] { return server_->connections() == count; });
  }
  /// Waits up to 20 s until `condition`, asked on the io thread, holds.
  bool eventually(std::function<bool()> condition);
  void append(int count, std::string const& agent = "", std::size_t padding = 0);
  /// Stops the server and returns when it has; start_stopping only begins.
  void stop();
  std::future<void> start_stopping();

 private:
  TempDir dir_;
  net::io_context io_{1};
  net::executor_work_guard<net::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<FakeApi> daemon_;
  std::unique_ptr<control::ControlServer> server_;
  std::uint16_t port_ = 0;
  bool stopped_ = false;
  std::thread thread_;
};

inline std::vector<std::string> const as_operator{"Authorization: Bearer operator-token"};
inline std::vector<std::string> const as_agent_a{"Authorization: Bearer token-of-a"};

}  // namespace ar::test
