// One agent on the real Claude Code CLI, a stub model API, a tmux host and a receiver of its hooks:
// everything around the adapter but the daemon. Owns its home, sockets, ports and processes.
#pragma once
#include "adapters/claude/claude_adapter.hpp"
#include "adapters/claude/versions.hpp"
#include "adapters/envelope.hpp"
#include "base/async.hpp"
#include "base/json.hpp"
#include "e2e/stub_api.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"
#include "terminal/tmux/tmux_host.hpp"

#include <boost/asio/local/stream_protocol.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ar::test {

class ClaudeLab {
 public:
  /// Skips the test where the CLI, node or the namespace is missing.
  ClaudeLab();
  ~ClaudeLab();

 private:
  std::string const claude_;  // first: nothing exists yet when the test is skipped

 public:
  TempDir dir;
  net::io_context io{1};
  std::vector<adapters::ProviderEvent> events;
  std::shared_ptr<terminal::Terminal> terminal;
  std::shared_ptr<adapters::ProviderSession> session;
  adapters::LaunchRequest request;
  adapters::LaunchPlan plan;
  /// The login of a subscription instead of an API key: all of it made up, for the stub asks nobody.
  bool subscription = false;

  /// Starts the stub, the tmux server and the receiver. Skips the test where the CLI or a namespace is
  /// missing.
  awaitable<void> open();
  /// Starts the CLI as `request` says; Ready comes as an event.
  awaitable<void> launch();
  /// A session for the running CLI that starts from what a journal would know.
  void adopt();
  awaitable<void> close();

  /// Waits until `condition` holds; it is looked at whenever the session said something. Fails the test
  /// otherwise.
  awaitable<void> until(std::function<bool()> condition, std::string what,
                        std::chrono::seconds limit = std::chrono::seconds(60));
  awaitable<void> until_free() {
    return until([this] { return session->block_reason(false).empty(); }, "the gate is open");
  }
  template <class Event>
  std::size_t count() const {
    std::size_t found = 0;
    for (auto const& event : events) found += std::holds_alternative<Event>(event);
    return found;
  }
  bool noted(std::string const& type, std::size_t from) const;

  StubApi const& stub() const { return *stub_; }
  /// Of the CLI that is tested.
  adapters::claude::VersionRow const& row() const { return *row_; }
  adapters::Prompt prompt(std::string body, bool urgent = false);
  bool exited() const { return exited_; }
  adapters::Adapter const& adapter() const { return *adapter_; }
  /// Somebody scrolls back in the terminal.
  void copy_mode();

 private:
  awaitable<void> receive();
  awaitable<void> serve(net::local::stream_protocol::socket client);
  void open_session(bool adopted);
  int run_tmux(std::vector<std::string> words);

  std::filesystem::path home_, socket_;
  std::unique_ptr<terminal::TmuxHost> host_;
  std::shared_ptr<adapters::Adapter const> adapter_;
  std::unique_ptr<net::local::stream_protocol::acceptor> acceptor_;
  TaskGroup tasks_;
  Notifier changed_;
  std::unique_ptr<StubApi> stub_;
  adapters::claude::VersionRow const* row_ = nullptr;
  std::int64_t next_message_ = 0;
  bool exited_ = false;
};

}  // namespace ar::test
