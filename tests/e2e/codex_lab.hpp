// One agent on the real Codex CLI, a stub model API and a tmux host: everything around the adapter but the
// daemon. Owns its home, sockets, ports and processes.
#pragma once
#include "adapters/codex/codex_adapter.hpp"
#include "adapters/envelope.hpp"
#include "base/async.hpp"
#include "base/json.hpp"
#include "e2e/openai_stub.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"
#include "terminal/tmux/tmux_host.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ar::test {

class CodexLab {
 public:
  /// Skips the test where the CLI, node or the namespace is missing.
  CodexLab();
  ~CodexLab();

 private:
  std::string const codex_;  // first: nothing exists yet when the test is skipped

 public:
  TempDir dir;
  net::io_context io{1};
  OpenAiStub stub;
  std::vector<adapters::ProviderEvent> events;
  std::shared_ptr<terminal::Terminal> terminal;
  std::unique_ptr<adapters::ProviderSession> session;
  adapters::LaunchRequest request;
  adapters::LaunchPlan plan;

  awaitable<void> open();
  /// Starts the CLI as `request` says; Ready comes as an event.
  awaitable<void> launch();
  /// Ends the session only; another one may adopt the process.
  awaitable<void> let_go();
  void adopt();
  /// Ends the session of a process that has ended, and starts the process again, resuming its thread.
  awaitable<void> relaunch();
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
  template <class Event>
  Event const& last() const {
    Event const* found = nullptr;
    for (auto const& event : events)
      if (auto const* one = std::get_if<Event>(&event)) found = one;
    REQUIRE(found);
    return *found;
  }
  bool noted(std::string const& type, std::size_t from) const;

  adapters::Prompt prompt(std::string body, bool urgent = false);
  bool exited() const { return exited_; }
  terminal::ExitStatus exit_status() const { return exit_; }
  adapters::Adapter const& adapter() const { return *adapter_; }
  std::filesystem::path socket() const { return request.agent_dir / "codex" / "app.sock"; }
  /// The process of `terminal`'s child whose command line holds `word`; 0: there is none.
  pid_t child(std::string const& word) const;

 private:
  void open_session(bool adopted);
  int run_tmux(std::vector<std::string> words);

  std::filesystem::path home_;
  std::unique_ptr<terminal::TmuxHost> host_;
  std::shared_ptr<adapters::Adapter const> adapter_;
  Notifier changed_;
  std::int64_t next_message_ = 0;
  bool exited_ = false;
  terminal::ExitStatus exit_{};
};

}  // namespace ar::test
