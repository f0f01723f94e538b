// One agent on a real provider CLI and a tmux host: everything around the adapter but the daemon. Owns its home,
// sockets and processes; what a provider needs besides stands in the class derived for it.
#pragma once
#include "adapters/adapter.hpp"
#include "adapters/envelope.hpp"
#include "base/async.hpp"
#include "base/json.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"
#include "terminal/tmux/tmux_host.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ar::test {

class AgentLab {
 public:
  virtual ~AgentLab();

 protected:
  /// `look_again`: how often a condition is looked at that is about processes which tell nobody.
  AgentLab(std::string cli, std::shared_ptr<adapters::Adapter const> adapter,
           Clock::duration look_again = Clock::duration::max());
  std::string const cli_;

 public:
  TempDir dir;
  net::io_context io{1};
  Worker files;
  std::vector<adapters::ProviderEvent> events;
  std::shared_ptr<terminal::Terminal> terminal;
  std::shared_ptr<adapters::ProviderSession> session;
  adapters::LaunchRequest request;
  adapters::LaunchPlan plan;

  /// A session for the running CLI that starts from what a journal would know.
  void adopt() { open_session(true); }
  /// Ends the session only; another one may adopt the process.
  awaitable<void> let_go();

  /// Waits until `condition` holds; it is looked at whenever the session said something. Fails the test otherwise.
  awaitable<void> until(std::function<bool()> condition, std::string what,
                        std::chrono::seconds limit = std::chrono::seconds(60));
  awaitable<void> until_free() {
    return until([this] { return session->block_reason(false).empty(); }, "nothing blocks it");
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

 protected:
  awaitable<void> open_host();
  /// Starts the CLI as `request` says; Ready comes as an event.
  awaitable<void> start();
  /// Ends the CLI, its session and the tmux server.
  awaitable<void> end();
  void open_session(bool adopted);
  int run_tmux(std::vector<std::string> words);
  /// For people, when a condition does not come to hold.
  virtual std::string more() const { return {}; }

  std::filesystem::path home_;
  std::unique_ptr<terminal::TmuxHost> host_;
  std::shared_ptr<adapters::Adapter const> adapter_;
  Notifier changed_;

 private:
  Clock::duration const look_again_;
  std::int64_t next_message_ = 0;
  bool exited_ = false;
  terminal::ExitStatus exit_{};
};

}  // namespace ar::test
