// Commands from the bus (spec 1.5) and the restart policy's memory, on real agents with a scripted provider, a real
// bus and a real journal; on a clock of our own, which runs when nothing else does.
#include "daemon/supervisor.hpp"
#include "relay/embedded/embedded_bus.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;
using adapters::ExitStatus;
using relay::CommandStatus;

namespace {

/// What the test decides about the provider, and what it sees of it. Outlives every daemon.
struct Script {
  bool quits = true;             ///< ends when asked to
  bool compact_hangs = false;    ///< never answers
  Clock::duration quit_takes{};  ///< from the process's end to the answer
  int starts = 0, asked_to_quit = 0, killed = 0;
  std::function<void(ExitStatus)> end{};  ///< ends the running process; empty: none runs
};

class FakeTerminal final : public adapters::Terminal {
 public:
  explicit FakeTerminal(std::string session) : session_(std::move(session)) {}
  std::string const& pane() const override { return session_; }
  std::string const& session() const override { return session_; }
  pid_t pid() const override { return 0; }
  bool alive() const override { return true; }
  awaitable<Result<adapters::Screen>> capture(bool) override { co_return adapters::Screen{}; }
  awaitable<Result<void>> paste(std::string) override { co_return Result<void>(); }
  awaitable<Result<void>> keys(std::vector<std::string>) override { co_return Result<void>(); }
  awaitable<Result<void>> paste_and_enter(std::string) override { co_return Result<void>(); }
  awaitable<Result<void>> leave_copy_mode() override { co_return Result<void>(); }
  awaitable<Result<std::unique_ptr<OutputWatch>>> watch_output() override {
    co_return conflict("unsupported", "no output in this test");
  }

 private:
  std::string session_;
};

class FakeTerminals final : public adapters::TerminalHost {
 public:
  explicit FakeTerminals(Script& script) : script_(script) {}
  awaitable<Result<std::shared_ptr<adapters::Terminal>>> start(adapters::TerminalSpec spec, OnExit on_exit) override {
    ++script_.starts;
    on_exit_ = std::move(on_exit);
    script_.end = [this](ExitStatus status) {
      auto const self = this;  // what holds us goes next
      script_.end = nullptr;
      if (!self->terminal_.expired()) self->on_exit_(status);  // else nobody is there to hear it
    };
    auto const terminal = std::make_shared<FakeTerminal>(spec.session);
    terminal_ = terminal;
    co_return terminal;
  }
  awaitable<Result<std::shared_ptr<adapters::Terminal>>> adopt(adapters::FoundTerminal found, OnExit on_exit) override {
    adapters::TerminalSpec spec;
    spec.session = found.session;
    --script_.starts;
    co_return co_await start(std::move(spec), std::move(on_exit));
  }
  awaitable<Result<std::vector<adapters::FoundTerminal>>> list() override {
    std::vector<adapters::FoundTerminal> found;
    if (script_.end) found.push_back({"ar-a", "ar-a", 0, true, {}});
    co_return found;
  }
  awaitable<Result<void>> remove(std::string) override {
    if (auto const end = script_.end) {
      ++script_.killed;
      end(ExitStatus{0, 9, true});
    }
    co_return Result<void>();
  }
  std::vector<std::string> attach_command(std::string const&, bool) const override { return {}; }

 private:
  Script& script_;
  OnExit on_exit_{};
  std::weak_ptr<adapters::Terminal> terminal_{};
};

class FakeSession final : public adapters::ProviderSession {
 public:
  FakeSession(Script& script, adapters::SessionContext context) : script_(script), context_(std::move(context)) {}
  void start() override {
    adapters::Ready ready;
    ready.session_id = "session";
    context_.emit(ready);
  }
  awaitable<void> stop() override { co_return; }
  Result<json> hook(std::string const&, json const&) override { return ok(json::object()); }
  std::string gate(bool) const override { return "it takes nothing in this test"; }
  awaitable<adapters::Handing> hand(adapters::Prompt, std::function<void(std::string_view)>) override {
    co_return adapters::Handing{};
  }
  awaitable<adapters::Witness> witness(adapters::Prompt, bool) override { co_return adapters::Witness::absent; }
  awaitable<Result<void>> interrupt() override { co_return Result<void>(); }
  awaitable<Result<void>> compact() override {
    while (script_.compact_hangs) co_await sleep_for(1h);
    co_return Result<void>();
  }
  awaitable<Result<void>> clear() override {
    co_return conflict("unsupported", "this provider has no command to clear its context");
  }
  awaitable<Result<void>> quit() override {
    ++script_.asked_to_quit;
    if (script_.quits && script_.end) script_.end(ExitStatus{});
    if (script_.quit_takes > 0s) co_await sleep_for(script_.quit_takes);
    co_return Result<void>();
  }

 private:
  Script& script_;
  adapters::SessionContext const context_;
};

class FakeAdapter final : public adapters::Adapter {
 public:
  explicit FakeAdapter(Script& script) : script_(script) { facts_.name = "fake"; }
  adapters::AdapterFacts const& facts() const override { return facts_; }
  std::vector<adapters::Check> doctor(json const&) const override { return {}; }
  Result<adapters::LaunchPlan> prepare(adapters::LaunchRequest const&) const override {
    return adapters::LaunchPlan{{"fake"}, {}, "session", false};
  }
  std::unique_ptr<adapters::ProviderSession> open(adapters::SessionContext context) const override {
    return std::make_unique<FakeSession>(script_, std::move(context));
  }
  bool can_resume(adapters::LaunchRequest const&, std::string const&) const override { return true; }
  adapters::Witness witness_offline(adapters::LaunchRequest const&, std::string const&,
                                    adapters::Prompt const&) const override {
    return adapters::Witness::absent;
  }

 private:
  Script& script_;
  adapters::AdapterFacts facts_;
};

/// One machine. `start` and `crash` are the daemon's; what is on the disk, and the provider's process, stay.
class World {
 public:
  World() {
    config_.default_provider = "fake";
    config_.tcp = false;
    paths_ = {dir_.path() / "config.toml", dir_.path(), dir_.path()};
    adapters_["fake"] = std::make_shared<FakeAdapter>(script);
    bus = *relay::EmbeddedBus::open(io_.get_executor(), dir_.path() / "relay.db", {});
    start();
  }
  ~World() {
    crash();
    await(bus->stop());
  }
  void start() {
    journal_ = *Journal::open(io_.get_executor(), dir_.path() / "journal.db");
    events_.emplace(io_.get_executor(), *journal_);
    REQUIRE(await(events_->load(30)).has_value());
    approvals_.emplace(io_.get_executor(), *journal_, *events_, ApprovalPolicy{});
    REQUIRE(await(approvals_->load(30)).has_value());
    services_.emplace(Services{io_.get_executor(), config_, paths_, *journal_, *events_, *approvals_, *bus, terminals_,
                               changed_, files_, files_, adapters_, "/", "/", brake_, "instance", [] { return 0; }});
    supervisor_.emplace(*services_);
    REQUIRE(await(supervisor_->take_over()).has_value());
  }
  /// Nothing is said to anybody any more. (The journal's queued writes go to the disk: of a kill they may be missing,
  /// which the chaos tests try.)
  void crash() {
    if (!supervisor_) return;
    await(supervisor_->shut_down(false));
    supervisor_.reset();
    await(approvals_->stop());
    await(journal_->stop());
    services_.reset();
    approvals_.reset();
    events_.reset();
    journal_.reset();
  }
  void spawn() {
    json const body = {{"id", "a"}, {"cwd", dir_.path().string()}};
    auto const spawned = await(supervisor_->spawn(body, ""));
    REQUIRE_MESSAGE(spawned.has_value(), spawned.error().message);
    until_state("idle");
  }
  Agent& agent() { return *supervisor_->find("a"); }
  std::string state() { return std::string(to_string(agent().state())); }

  std::int64_t command(std::string type, json params = json::object()) {
    auto const sent = await(bus->send_command(std::move(type), "a", std::move(params), std::nullopt));
    REQUIRE(sent.has_value());
    return sent->id;
  }
  relay::Command seen(std::int64_t id) { return *await(bus->command(id)); }
  relay::Command ended(std::int64_t id) {
    until([&] { return seen(id).status > CommandStatus::running; }, "the command has ended");
    return seen(id);
  }
  bool on_bus() {
    auto const agents = await(bus->agents());
    return std::ranges::any_of(*agents, [](auto const& presence) { return presence.identity.agent_id == "a"; });
  }

  template <class T>
  T await(awaitable<T> task) {
    if constexpr (std::is_void_v<T>) {
      bool done = false;
      net::co_spawn(io_, std::move(task), [&](std::exception_ptr) { done = true; });
      until([&] { return done; }, "the call has returned");
    } else {
      std::optional<T> value;
      net::co_spawn(io_, std::move(task), [&](std::exception_ptr, T got) { value.emplace(std::move(got)); });
      until([&] { return value.has_value(); }, "the call has returned");
      return std::move(*value);
    }
  }
  void until_state(std::string const& wanted) {
    until([&] { return state() == wanted; }, "the agent is " + wanted);
  }
  void until(std::function<bool()> const& condition, std::string const& what) {
    auto const deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      REQUIRE_MESSAGE(std::chrono::steady_clock::now() < deadline, "did not happen: " << what);
      io_.restart();
      if (io_.run_one_for(2ms) == 0) test::advance(io_, clock_, 20ms);
    }
  }
  WallTime now() const { return wall_now(); }

  Script script;
  std::unique_ptr<relay::EmbeddedBus> bus;

 private:
  ManualClock clock_;
  test::TempDir dir_;
  net::io_context io_{1};
  Config config_;
  Paths paths_;
  FleetBrake brake_;
  FakeTerminals terminals_{script};
  Worker files_;
  std::map<std::string, std::shared_ptr<adapters::Adapter const>> adapters_;
  Notifier changed_{io_.get_executor()};
  std::unique_ptr<Journal> journal_;
  std::optional<EventLog> events_;
  std::optional<Approvals> approvals_;
  std::optional<Services> services_;
  std::optional<Supervisor> supervisor_;
};

std::vector<CommandStatus> statuses(relay::Command const& command) {
  std::vector<CommandStatus> all;
  for (auto const& step : command.history) all.push_back(step.status);
  return all;
}

json error_of(relay::Command const& command) {
  REQUIRE(command.status == CommandStatus::failed);
  return command.history.back().detail["error"];
}

}  // namespace

TEST_CASE("ACommandGoesThroughItsStatusesAndTellsItsResult") {
  World world;
  world.spawn();
  auto const command = world.ended(world.command("agent.compact", {{"reason", "it is full"}}));
  CHECK(statuses(command) == std::vector<CommandStatus>{CommandStatus::pending, CommandStatus::accepted,
                                                        CommandStatus::running, CommandStatus::succeeded});
  auto const result = command.history.back().detail["result"];
  CHECK(result["action"] == "agent.compact");
  CHECK(result["agentId"] == "a");
  CHECK(result["runnerId"] == "a");
  CHECK(result["reason"] == "it is full");
  CHECK(result["providerResult"]["state"] == "idle");
  for (auto const* field : {"policyName", "spawnRequestId"}) CHECK(result.contains(field));
}

TEST_CASE("AShutDownAgentLeavesTheBusAndComesBackWithItsRestart") {
  World world;
  world.spawn();
  CHECK(world.on_bus());
  world.ended(world.command("agent.shutdown"));
  CHECK(world.state() == "stopped");
  CHECK(world.script.asked_to_quit == 1);
  CHECK(world.script.killed == 0);
  CHECK_FALSE(world.on_bus());
  auto const restart = world.ended(world.command("agent.restart"));
  CHECK(restart.status == CommandStatus::succeeded);
  world.until_state("idle");
  world.until([&] { return world.on_bus(); }, "it is on the bus again");
}

TEST_CASE("AnAgentThatDoesNotEndIsKilledWhenItsTimeIsOver") {
  World world;
  world.script.quits = false;
  world.spawn();
  auto const begun = world.now();
  world.ended(world.command("agent.shutdown", {{"timeoutMs", 3'000}}));
  CHECK(world.state() == "stopped");
  CHECK(world.script.asked_to_quit == 1);
  CHECK(world.script.killed == 1);
  CHECK(world.now() - begun >= 3s);
  CHECK(world.now() - begun < 8s);
}

TEST_CASE("AStopThatHasNotNoticedTheEndLeavesTheNextProcessAlone") {
  World world;
  world.script.quit_takes = 5s;
  world.spawn();
  json const none = json::object();
  CHECK(world.await(world.agent().act("stop", none)).has_value());
  CHECK(world.await(world.agent().act("restart", none)).has_value());
  world.until_state("idle");
  auto const begun = world.now();
  world.until([&] { return world.now() - begun > 30s; }, "30 s have passed");
  CHECK(world.state() == "idle");
  CHECK(world.script.starts == 2);
  CHECK(world.script.killed == 0);
}

TEST_CASE("AKillDoesNotAskFirst") {
  World world;
  world.spawn();
  world.ended(world.command("agent.kill"));
  CHECK(world.state() == "stopped");
  CHECK(world.script.asked_to_quit == 0);
  CHECK(world.script.killed == 1);
  CHECK_FALSE(world.on_bus());
}

TEST_CASE("ACommandThatCannotBeCarriedOutFailsWithItsReason") {
  World world;
  world.spawn();
  auto const failure = [&](char const* type, json params) {
    return error_of(world.ended(world.command(type, params)));
  };
  CHECK(failure("agent.dance", json::object())["error"].get<std::string>().find("agent.dance") != std::string::npos);
  for (auto const& bad : {json(0), json(60'001), json(-5), json("soon"), json(1.5)}) {
    auto const error = failure("agent.shutdown", {{"timeoutMs", bad}});
    CHECK_MESSAGE(error["error"].get<std::string>().find("timeoutMs") != std::string::npos, error.dump());
  }
  CHECK(failure("agent.injectContext", {{"content", ""}})["code"] == "invalid_argument");
  CHECK(failure("agent.clearContext", json::object())["code"] == "unsupported");
  CHECK(failure("agent.compact", {{"reason", 7}})["error"].get<std::string>().find("reason") != std::string::npos);
  CHECK(world.state() == "idle");
  CHECK(world.script.asked_to_quit == 0);
}

TEST_CASE("InjectedContextIsQueuedAndCounted") {
  World world;
  world.spawn();
  auto const command =
      world.ended(world.command("agent.injectContext", {{"content", "remember"}, {"memoryIds", {"m1", "m2"}}}));
  auto const result = command.history.back().detail["result"]["providerResult"];
  CHECK(result["injectedMemoryCount"] == 2);
  CHECK(result["memoryIds"] == json::array({"m1", "m2"}));
  CHECK(world.agent().queue().waiting() == 1);
}

TEST_CASE("ACommandCutOffByTheEndOfTheDaemonIsToldToHaveBeen") {
  World world;
  world.script.compact_hangs = true;
  world.spawn();
  auto const id = world.command("agent.compact");
  world.until([&] { return world.seen(id).status == CommandStatus::running; }, "the command runs");
  world.crash();
  world.start();
  auto const error = error_of(world.ended(id));
  CHECK(error["code"] == "interrupted");
  CHECK(world.script.starts == 1);  // adopted
}

TEST_CASE("AShutdownCutOffByTheEndOfTheDaemonIsSeenThrough") {
  World world;
  world.script.quits = false;
  world.spawn();
  auto const id = world.command("agent.shutdown", {{"timeoutMs", 60'000}});
  world.until([&] { return world.seen(id).status == CommandStatus::running && world.script.asked_to_quit == 1; },
              "the command runs");
  world.crash();
  world.start();
  CHECK(world.ended(id).status == CommandStatus::succeeded);
  CHECK(world.state() == "stopped");
  CHECK_FALSE(world.on_bus());
}

TEST_CASE("ExitsCountAcrossTheEndOfTheDaemon") {
  World world;
  world.spawn();
  for (int exit = 1; exit <= 3; ++exit) {
    world.script.end(ExitStatus{1, 0, true});
    world.until([&] { return world.script.starts == exit + 1 && world.state() == "idle"; }, "it was started again");
    world.crash();
    world.start();
    world.until_state("idle");
  }
  world.script.end(ExitStatus{1, 0, true});
  world.until_state("failed");
  CHECK(world.script.starts == 4);
  CHECK(world.agent().view()["reason"].get<std::string>().find("gave up after 4 exits") != std::string::npos);
  // A person's restart begins anew.
  json const none = json::object();
  CHECK(world.await(world.agent().act("restart", none)).has_value());
  world.until_state("idle");
  world.script.end(ExitStatus{1, 0, true});
  world.until([&] { return world.script.starts == 6; }, "it was started again");
}
