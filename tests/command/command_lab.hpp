// An agent of the command adapter in a real terminal, as the daemon would run it.
#pragma once
#include "adapters/command/command_adapter.hpp"
#include "base/ids.hpp"
#include "terminal/lab.hpp"

#include <sys/stat.h>

namespace ar::test {

using namespace ar::adapters;

class Agent {
 public:
  Agent(Lab& lab, std::string name, json options) : lab_(lab), heard_(std::make_shared<Heard>(lab.io.get_executor())) {
    request_.agent_id = std::move(name);
    request_.cwd = lab.dir.path();
    request_.agent_dir = lab.dir.path();
    request_.plugin_dir = AR_SOURCE_DIR "/plugins/command";
    request_.options = std::move(options);
    request_.environment = {
        {"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", lab.dir.path().string()}, {"LANG", "C.UTF-8"}};
  }
  /// A check failed before stop(): what still runs in the session must not run into its destruction.
  ~Agent() { (void)session_.release(); }
  LaunchRequest& request() { return request_; }
  ProviderSession& session() { return *session_; }
  Terminal& terminal() { return *terminal_; }
  std::shared_ptr<Terminal> terminal_ptr() { return terminal_; }
  std::vector<ProviderEvent> const& events() const { return heard_->events; }

  awaitable<void> start(bool wait_until_ready = true) {
    auto plan = adapter_.prepare(request_);
    REQUIRE_MESSAGE(plan.has_value(), plan.error().message);
    TerminalSpec spec;
    spec.session = request_.agent_id;
    spec.argv = plan->argv;
    for (auto const& [key, value] : plan->environment) spec.environment.push_back(key + "=" + value);
    spec.directory = request_.cwd;
    auto started = co_await lab_.host->start(spec, nullptr);
    REQUIRE_MESSAGE(started.has_value(), started.error().message);
    terminal_ = *started;
    open(false);
    if (wait_until_ready) co_await until_event<Ready>();
  }
  void open(bool adopted, std::vector<Prompt> open_turn = {}) {
    SessionContext context{lab_.io.get_executor(), files_};
    context.terminal = terminal_;
    context.request = request_;
    context.adopted = adopted;
    context.open_turn = std::move(open_turn);
    context.emit = [heard = heard_](ProviderEvent event) {
      heard->events.push_back(std::move(event));
      heard->changed.notify_all();
    };
    session_ = adapter_.open(std::move(context));
    session_->start();
  }
  awaitable<void> stop() {
    if (session_) co_await session_->stop();
    session_.reset();
    terminal_.reset();
  }
  template <class Event>
  std::size_t count() const {
    std::size_t n = 0;
    for (auto const& event : heard_->events) n += std::holds_alternative<Event>(event);
    return n;
  }
  template <class Event>
  awaitable<Event> until_event(std::size_t number = 1) {
    auto const deadline = Clock::now() + 30s;
    while (count<Event>() < number && Clock::now() < deadline) co_await heard_->changed.wait(deadline);
    for (auto const& event : heard_->events)
      if (std::holds_alternative<Event>(event) && --number == 0) co_return std::get<Event>(event);
    FAIL("the event did not come");
    co_return Event{};
  }
  Prompt prompt(std::string body, std::int64_t id = 42) {
    Prompt p;
    p.message_id = id;
    p.correlation_id = random_hex(5);
    p.from = "operator";
    p.kind = "chat";
    p.body = std::move(body);
    p.body_file = lab_.dir.path() / ("body-" + p.correlation_id);
    return p;
  }
  awaitable<void> submit(Prompt const& p, SubmitResult& submission) {
    steps.clear();
    auto on_step = [this](std::string_view step) { steps += std::string(step) + " "; };
    submission = co_await session_->submit(p, on_step);
  }
  std::string steps;

 private:
  Lab& lab_;
  CommandAdapter adapter_;
  LaunchRequest request_;
  Worker files_;
  std::shared_ptr<Terminal> terminal_;
  std::unique_ptr<ProviderSession> session_;
  struct Heard {
    explicit Heard(Executor executor) : changed(std::move(executor)) {}
    std::vector<ProviderEvent> events;
    Notifier changed;
  };
  std::shared_ptr<Heard> heard_;
};

}  // namespace ar::test
