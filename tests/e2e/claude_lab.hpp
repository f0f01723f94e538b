// One agent on the real Claude Code CLI, a stub model API and a receiver of its hooks.
#pragma once
#include "adapters/claude/claude_adapter.hpp"
#include "adapters/claude/prompt_text.hpp"
#include "adapters/claude/versions.hpp"
#include "e2e/agent_lab.hpp"
#include "e2e/stub_api.hpp"

#include <boost/asio/local/stream_protocol.hpp>

namespace ar::test {

class ClaudeLab : public AgentLab {
 public:
  /// Skips the test where the CLI, node or the namespace is missing.
  ClaudeLab();

  /// The login of a subscription instead of an API key: all of it made up, for the stub asks nobody.
  bool subscription = false;

  /// Starts the stub, the tmux server and the receiver.
  awaitable<void> open();
  /// Starts the CLI as `request` says; Ready comes as an event.
  awaitable<void> launch();
  awaitable<void> close();

  StubApi const& stub() const { return *stub_; }
  /// Of the CLI that is tested.
  adapters::claude::VersionRow const& row() const { return *row_; }
  /// As the session types it: what a mention names depends on the CLI's folder and home.
  adapters::claude::Typed typed_form(adapters::Prompt const& prompt) const;
  /// Somebody scrolls back in the terminal.
  void copy_mode();

 private:
  std::string more() const override;
  awaitable<void> receive();
  awaitable<void> serve(net::local::stream_protocol::socket client);

  std::filesystem::path socket_;
  std::unique_ptr<net::local::stream_protocol::acceptor> acceptor_;
  TaskGroup tasks_;
  std::unique_ptr<StubApi> stub_;
  adapters::claude::VersionRow const* row_ = nullptr;
};

}  // namespace ar::test
