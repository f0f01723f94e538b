// Real agents with a scripted provider, a real bus and a real journal, on a clock of our own, which runs when nothing
// else does.
#pragma once
#include "base/completion_queue.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/agent/descriptor_budget.hpp"
#include "daemon/agent/lineage.hpp"
#include "daemon/agent/restart_policy.hpp"
#include "daemon/config/config.hpp"
#include "daemon/fleet/runtime_pause.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/limits/accounts.hpp"
#include "daemon/limits/budgets.hpp"
#include "daemon/outbox/outbox.hpp"
#include "daemon/resources/agent_groups.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/removed.hpp"
#include "daemon/store/skill_store.hpp"
#include "faulty_bus.hpp"
#include "relay/embedded/embedded_bus.hpp"
#include "scripted_sender.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ar::test {
using namespace ar::daemon;
using namespace std::chrono_literals;
using terminal::ExitStatus;

inline std::vector<CommandStatus> statuses_of(Command const& command) {
  std::vector<CommandStatus> all;
  for (auto const& step : command.history) all.push_back(step.status);
  return all;
}

/// What the provider's record says has been used; it is read on threads.
class ScriptedUsage {
 public:
  void set(adapters::RecordedUsage usage) {
    std::lock_guard const guard(lock_);
    says_ = usage;
  }
  adapters::RecordedUsage get() {
    std::lock_guard const guard(lock_);
    return says_;
  }

 private:
  std::mutex lock_;
  adapters::RecordedUsage says_{};
};

/// What the test decides about the provider, and what it sees of it. Outlives every daemon.
struct Script {
  bool quits = true;             ///< ends when asked to
  bool compact_hangs = false;    ///< never answers
  Clock::duration quit_takes{};  ///< from the process's end to the answer
  Clock::duration start_takes{}, remove_takes{}, submit_takes{};
  std::optional<Error> start_fails{}, remove_fails{}, interrupt_fails{};
  bool interrupt_ends_turn = false;
  bool dies_at_once = false;  ///< the process, whenever it is started
  bool resumable = true;
  std::string exit_diagnostic{};    ///< of the adapter
  std::vector<std::string> left{};  ///< on the screen of the process that has ended
  std::string gate = "it takes nothing in this test";
  std::string account{};       ///< of all agents; empty: the provider has no logins
  std::string running_work{};  ///< what the provider says when it is asked
  int asked_for_work = 0;
  std::string transcript{};  ///< its record; empty: it keeps none
  ScriptedUsage usage{};
  bool turn_runs = false;          ///< when it is taken over
  std::int64_t memory = 0;         ///< that the process uses; 0: nobody can tell
  ProcessActivity activity{};      ///< what looks at the process find; without processes: nobody can tell
  std::set<std::string> throws{};  ///< calls that throw, as none should
  int handed = 0;
  std::string correlation_id{};  ///< of the prompt handed last
  adapters::SubmitOutcome outcome = adapters::SubmitOutcome::accepted;
  std::function<void()> on_quit{};
  int starts = 0, asked_to_quit = 0, killed = 0, interrupted = 0;
  int starting = 0;                       ///< starts under way
  int overlaps = 0;                       ///< starts while another one was under way, or a process ran
  int captures = 0;                       ///< looks at the screen
  std::function<void(ExitStatus)> end{};  ///< ends the newest process; empty: it does not run
  std::map<std::string, std::function<void(ExitStatus)>> ends{};                ///< all that run, by terminal session
  std::function<void(adapters::ProviderEvent)> emit{};                          ///< as the newest session
  std::map<std::string, std::function<void(adapters::ProviderEvent)>> emits{};  ///< by agent
  std::function<void(std::string const&)> die{};  ///< a part of the session ends by an exception

  void fault(char const* call) const {
    if (throws.contains(call)) throw std::runtime_error(std::string("a bug in ") + call);
  }
};

class FakeTerminal final : public terminal::Terminal {
 public:
  FakeTerminal(Script& script, std::string session) : script_(script), session_(std::move(session)) {}
  std::string const& pane() const override { return session_; }
  std::string const& session() const override { return session_; }
  pid_t pid() const override { return script_.memory > 0 ? 4711 : 0; }
  bool alive() const override { return true; }
  void signal(int /*number*/) override {}
  awaitable<Result<terminal::Screen>> capture(bool) override {
    ++script_.captures;
    co_return terminal::Screen{};
  }
  awaitable<Result<void>> paste(std::string, std::string) override { co_return Result<void>(); }
  awaitable<Result<void>> keys(std::vector<std::string>) override { co_return Result<void>(); }
  awaitable<Result<void>> paste_and_enter(std::string, std::string) override { co_return Result<void>(); }
  awaitable<Result<void>> leave_copy_mode() override { co_return Result<void>(); }
  Result<std::unique_ptr<OutputWatch>> watch_output() override {
    return conflict("unsupported", "no output in this test");
  }

 private:
  Script& script_;
  std::string session_;
};

class FakeTerminals final : public terminal::TerminalHost {
 public:
  explicit FakeTerminals(Script& script) : script_(script) {}
  awaitable<Result<std::shared_ptr<terminal::Terminal>>> start(terminal::TerminalSpec spec, OnExit on_exit) override {
    if (script_.start_fails) co_return *script_.start_fails;
    if (script_.starting > 0 || script_.ends.contains(spec.session)) ++script_.overlaps;
    ++script_.starting;
    if (script_.start_takes > 0s) co_await sleep_for(script_.start_takes);
    --script_.starting;
    ++script_.starts;
    auto const terminal = std::make_shared<FakeTerminal>(script_, spec.session);
    newest_ = spec.session;
    std::function<void(ExitStatus)> end = [this, session = spec.session, hears = std::move(on_exit),
                                           there = std::weak_ptr<terminal::Terminal>(terminal)](ExitStatus status) {
      // What holds us goes next.
      auto const self = this;
      auto const name = session;
      auto const tell = hears;
      bool const heard = !there.expired();
      status.left = script_.left;
      self->script_.ends.erase(name);
      if (self->newest_ == name) self->script_.end = nullptr;
      if (heard) tell(status);
    };
    script_.end = script_.ends[spec.session] = end;
    if (script_.dies_at_once)
      net::post(co_await net::this_coro::executor, [end, terminal] { end(ExitStatus{1, 0, true}); });
    co_return terminal;
  }
  awaitable<Result<std::shared_ptr<terminal::Terminal>>> adopt(terminal::FoundTerminal found, OnExit on_exit) override {
    script_.fault("adopt");
    terminal::TerminalSpec spec;
    spec.session = found.session;
    --script_.starts;
    script_.ends.erase(found.session);  // its old host's
    co_return co_await start(std::move(spec), std::move(on_exit));
  }
  awaitable<Result<std::vector<terminal::FoundTerminal>>> list() override {
    std::vector<terminal::FoundTerminal> found;
    for (auto const& [session, end] : script_.ends) found.push_back({session, session, 0, true, {}});
    co_return found;
  }
  awaitable<std::vector<std::string>> left_by(std::string, std::string) override { co_return script_.left; }
  awaitable<Result<void>> remove(std::string session, ProcessMark) override {
    if (script_.remove_fails) co_return *script_.remove_fails;
    script_.fault("remove");
    if (script_.remove_takes > 0s) co_await sleep_for(script_.remove_takes);
    if (auto const it = script_.ends.find(session); it != script_.ends.end()) {
      ++script_.killed;
      auto const end = it->second;
      end(ExitStatus{0, 9, true});
    }
    co_return Result<void>();
  }
  std::string attach_target(std::string const&) const override { return {}; }
  ProcessUse use_of(pid_t, ProcessMark) override { return {script_.end ? script_.memory : 0, 0, 0}; }
  awaitable<ProcessActivity> look_at_activity(pid_t, ProcessMark) override {
    auto now = script_.activity;
    now.at = static_cast<std::uint64_t>(to_millis(wall_now()) / 10);
    co_return now;
  }

 private:
  Script& script_;
  std::string newest_{};
};

class FakeSession final : public adapters::ProviderSession {
 public:
  FakeSession(Script& script, adapters::SessionContext context) : script_(script), context_(std::move(context)) {}
  void start() override {
    adapters::Ready ready;
    ready.session_id = "session";
    ready.transcript = script_.transcript;
    ready.turn_runs = context_.adopted && script_.turn_runs;
    context_.emit(ready);
    script_.emit = script_.emits[context_.request.agent_id] = context_.emit;
    script_.die = context_.on_death;
  }
  awaitable<void> stop() override {
    script_.fault("stop");
    co_return;
  }
  Result<json> hook(std::string const&, json const&) override { return ok(json::object()); }
  std::string block_reason(bool) const override { return script_.gate; }
  awaitable<std::string> running_work() override {
    ++script_.asked_for_work;
    co_return script_.running_work;
  }
  awaitable<adapters::SubmitResult> submit(adapters::Prompt prompt, std::function<void(std::string_view)>) override {
    ++script_.handed;
    script_.correlation_id = prompt.correlation_id;
    if (script_.submit_takes > 0s) co_await sleep_for(script_.submit_takes);
    adapters::SubmitResult submission;
    submission.outcome = script_.outcome;
    if (script_.outcome == adapters::SubmitOutcome::accepted)
      context_.emit(adapters::Accepted{prompt.correlation_id, "fake"});
    co_return submission;
  }
  awaitable<adapters::RecordedOutcome> query_outcome(adapters::Prompt, bool) override {
    co_return adapters::RecordedOutcome::absent;
  }
  awaitable<Result<void>> interrupt() override {
    ++script_.interrupted;
    if (script_.interrupt_fails) co_return *script_.interrupt_fails;
    if (script_.interrupt_ends_turn) {
      adapters::TurnEnded end;
      end.outcome = adapters::TurnEnded::Outcome::interrupted;
      context_.emit(std::move(end));
    }
    co_return Result<void>();
  }
  awaitable<Result<void>> compact() override {
    script_.fault("compact");
    while (script_.compact_hangs) co_await sleep_for(1h);
    co_return Result<void>();
  }
  awaitable<Result<void>> clear() override {
    co_return conflict("unsupported", "this provider has no command to clear its context");
  }
  awaitable<Result<void>> quit() override {
    ++script_.asked_to_quit;
    if (script_.on_quit) script_.on_quit();
    auto const it = script_.ends.find("ar-" + context_.request.agent_id);
    if (script_.quits && it != script_.ends.end()) {
      auto const end = it->second;
      end(ExitStatus{});
    }
    if (script_.quit_takes > 0s) co_await sleep_for(script_.quit_takes);
    co_return Result<void>();
  }

 private:
  Script& script_;
  adapters::SessionContext const context_;
};

class FakeUsageReader final : public adapters::UsageReader {
 public:
  explicit FakeUsageReader(Script& script) : script_(script) {}
  Result<adapters::RecordedUsage> read() override { return script_.usage.get(); }

 private:
  Script& script_;
};

class FakeAdapter final : public adapters::Adapter {
 public:
  explicit FakeAdapter(Script& script) : script_(script) {
    facts_.name = "fake";
    facts_.usage_source = "transcript";
  }
  adapters::AdapterFacts const& facts() const override { return facts_; }
  std::vector<adapters::Check> doctor(json const&) const override { return {}; }
  Result<void> check_options(json const&) const override { return {}; }
  Result<adapters::LaunchPlan> prepare(adapters::LaunchRequest const&) const override {
    script_.fault("prepare");
    return adapters::LaunchPlan{{"fake"}, {}, "session", false};
  }
  adapters::Account account(adapters::LaunchRequest const&, std::string const&) const override {
    return {script_.account};
  }
  std::unique_ptr<adapters::ProviderSession> open(adapters::SessionContext context) const override {
    return std::make_unique<FakeSession>(script_, std::move(context));
  }
  bool can_resume(adapters::LaunchRequest const&, std::string const&) const override {
    script_.fault("can_resume");
    return script_.resumable;
  }
  std::string exit_diagnostic(adapters::LaunchRequest const&) const override { return script_.exit_diagnostic; }
  adapters::RecordedOutcome look_up_outcome(adapters::LaunchRequest const&, std::string const&,
                                            adapters::Prompt const&) const override {
    return adapters::RecordedOutcome::absent;
  }
  /// A line is a row as JSON: {time, role, text}.
  adapters::TranscriptParser transcript_parser() const override {
    if (script_.transcript.empty()) return {};
    return [](std::string_view line, std::vector<adapters::TranscriptRow>& rows) {
      auto const row = json::parse(line);
      rows.push_back({.time = row["time"], .role = row["role"], .text = row["text"]});
    };
  }
  std::unique_ptr<adapters::UsageReader> usage_reader(std::string const&) const override {
    return std::make_unique<FakeUsageReader>(script_);
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
    config_.memory_pressure = false;  // the machine's own has no place here
    paths_ = {dir_.path() / "config.toml", dir_.path(), dir_.path()};
    adapters_["fake"] = std::make_shared<FakeAdapter>(script);
    real_bus_ = *relay::EmbeddedBus::open(io_.get_executor(), dir_.path() / "relay.db", {});
    bus.emplace(*real_bus_);
    start();
  }
  ~World() {
    crash();
    await(bus->stop());
  }
  void start() {
    journal_ = *Journal::open(io_.get_executor(), dir_.path() / "journal.db");
    events_.emplace(io_.get_executor(), *journal_);
    REQUIRE(await(events_->load()).has_value());
    outbox_.emplace(io_.get_executor(), *journal_, *events_, receivers, outbox_limits, [] { return 0.5; });
    REQUIRE(await(outbox_->load()).has_value());
    outbox_->start({});
    lineage_ = {};
    approvals_.emplace(io_.get_executor(), *journal_, *events_, lineage_, approval_policy);
    REQUIRE(await(approvals_->load()).has_value());
    approvals_->start([](Approval const&) {});
    store_.emplace(*bus, *journal_, *events_);
    REQUIRE(await(store_->load()).has_value());
    runtime_.emplace(io_.get_executor(), *journal_);
    REQUIRE(await(runtime_->load()).has_value());
    skills_.emplace(io_.get_executor(), *journal_, files_, dir_.path() / "skills");
    REQUIRE(await(skills_->load()).has_value());
    removed_.emplace(*journal_, [this] { return std::chrono::days(config_.history_retention_days); });
    REQUIRE(await(removed_->load()).has_value());
    accounts_.emplace(
        io_.get_executor(), *journal_, *events_, files_, [this] { return config_.limits_margin_s; },
        [] { return 0.5; });
    REQUIRE(await(accounts_->load()).has_value());
    budgets_.emplace(io_.get_executor(), *journal_, *events_);
    REQUIRE(await(budgets_->load(config_.budgets)).has_value());
    services_.emplace(Services{io_.get_executor(),
                               config_,
                               paths_,
                               *journal_,
                               *events_,
                               *approvals_,
                               lineage_,
                               *bus,
                               *store_,
                               *runtime_,
                               *outbox_,
                               *skills_,
                               *removed_,
                               *accounts_,
                               *budgets_,
                               terminals_,
                               groups_,
                               changed_,
                               files_,
                               files_,
                               files_,
                               adapters_,
                               "/",
                               "/",
                               brake_,
                               descriptors,
                               "instance",
                               [] { return 0; },
                               [] { return 0; }});
    supervisor_.emplace(*services_);
    pause_.emplace(*services_, *supervisor_);
    REQUIRE(await(supervisor_->take_over()).has_value());
    supervisor_->recovery().start({});
    accounts_->start();
  }
  /// Nothing is said to anybody any more. (The journal's queued writes go to the disk: of a kill they may be missing,
  /// which the chaos tests try.)
  void crash() {
    if (!supervisor_) return;
    await(pause_->stop());
    await(accounts_->stop());
    await(budgets_->stop());
    await(supervisor_->shut_down(false));
    pause_.reset();
    supervisor_.reset();
    await(outbox_->stop());
    await(approvals_->stop());
    await(journal_->stop());
    services_.reset();
    budgets_.reset();
    accounts_.reset();
    removed_.reset();
    skills_.reset();
    runtime_.reset();
    store_.reset();
    approvals_.reset();
    outbox_.reset();
    events_.reset();
    journal_.reset();
  }
  void spawn(json const& more = json::object()) {
    begin_spawn(more);
    auto const id = more.value("id", "a");
    until([&] { return supervisor_->find(id)->state() == AgentState::idle; }, "the agent is idle");
  }
  /// It starts then.
  void begin_spawn(json const& more = json::object()) {
    json body = {{"id", "a"}, {"cwd", dir_.path().string()}};
    body.update(more);
    auto const spawned = await(supervisor_->spawn(body, {}));
    REQUIRE_MESSAGE(spawned.has_value(), spawned.error().message);
  }
  Result<Supervisor::Spawned> try_spawn(json const& more) {
    json body = {{"cwd", dir_.path().string()}};
    body.update(more);
    return await(supervisor_->spawn(body, {}));
  }
  Result<json> act(std::string action, json params = json::object()) {
    return await(agent().act(std::move(action), std::move(params)));
  }
  Agent& agent() { return *supervisor_->find("a"); }
  std::string state() { return std::string(to_string(agent().state())); }

  std::int64_t command(std::string type, json params = json::object()) {
    auto const sent = await(bus->send_command(std::move(type), "a", std::move(params), std::nullopt));
    REQUIRE(sent.has_value());
    return sent->id;
  }
  Command seen(std::int64_t id) { return *ask(bus->command(id)); }
  Command ended(std::int64_t id) {
    until([&] { return seen(id).status > CommandStatus::running; }, "the command has ended");
    return seen(id);
  }
  /// As others see it; nothing: it is not on the bus.
  std::optional<Presence> presence() {
    auto const agents = ask(bus->agents());
    for (auto const& one : *agents)
      if (one.identity.agent_id == "a") return one;
    return std::nullopt;
  }
  bool on_bus() { return presence().has_value(); }
  void send(std::string text, bool claimable = false, std::string to = "a") {
    NewMessage message;
    message.claimable = claimable;
    message.from = "tester";
    message.to = std::move(to);
    message.body = std::move(text);
    REQUIRE(await(bus->send(std::move(message))).has_value());
  }
  /// All that have happened: one can be read once it is on the disk.
  std::vector<json> events(std::string const& type) {
    (void)ask(journal_->committed());
    auto const page = ask(events_->page("a", 0, 1000));
    REQUIRE(page.has_value());
    std::vector<json> found;
    for (auto const& event : *page)
      if (auto shown = json::parse(event.json_text); shown["type"] == type) found.push_back(std::move(shown));
    return found;
  }
  /// Lets all that is asked of the bus, and given to threads, be answered, in no time.
  void settle() {
    auto const deadline = std::chrono::steady_clock::now() + kPatience * 60s;
    while (run_some())
      REQUIRE_MESSAGE(std::chrono::steady_clock::now() < deadline, "the bus or a worker did not answer");
  }
  /// To the nanosecond, and what is due then is done.
  void step(Clock::duration time) {
    settle();
    test::advance(io_, clock_, time);
    settle();
  }
  /// Lets so much time pass.
  void pass(Clock::duration time) {
    auto const end = wall_now() + std::chrono::duration_cast<milliseconds>(time);
    until([&] { return wall_now() >= end; }, "the time has passed", std::max<Clock::duration>(20ms, time / 250));
  }
  Journal& journal() { return *journal_; }
  EventLog& event_log() { return *events_; }
  Executor executor() { return io_.get_executor(); }
  Supervisor& supervisor() { return *supervisor_; }
  RuntimePause& pause() { return *pause_; }
  SkillStore& skills() { return *skills_; }
  Services& services() { return *services_; }
  std::filesystem::path const& dir() const { return dir_.path(); }
  Outbox& outbox() { return *outbox_; }
  Approvals& approvals() { return *approvals_; }
  Config& config() { return config_; }
  template <class T>
  void begin(awaitable<T> task) {
    net::co_spawn(io_, std::move(task), [](auto&&...) {});
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
  /// The answer to a question that takes no time, however long the worker takes that it goes to.
  template <class T>
  T ask(awaitable<T> question) {
    std::optional<T> value;
    net::co_spawn(io_, std::move(question), [&](std::exception_ptr, T got) { value.emplace(std::move(got)); });
    auto const deadline = std::chrono::steady_clock::now() + kPatience * 20s;
    while (!value) {
      REQUIRE_MESSAGE(std::chrono::steady_clock::now() < deadline, "the question was not answered");
      io_.restart();
      (void)io_.run_one_for(2ms);
    }
    return std::move(*value);
  }
  void until_state(std::string const& wanted) {
    until([&] { return state() == wanted; }, "the agent is " + wanted);
  }
  void until(std::function<bool()> const& condition, std::string const& what, Clock::duration step = 20ms) {
    auto const deadline = std::chrono::steady_clock::now() + kPatience * 60s;
    while (!condition()) {
      REQUIRE_MESSAGE(std::chrono::steady_clock::now() < deadline, "did not happen: " << what);
      if (!run_some()) test::advance(io_, clock_, step);
    }
  }
  WallTime now() const { return wall_now(); }

  Script script;
  ScriptedSender receivers;
  OutboxLimits outbox_limits{};                  ///< of the next daemon
  std::optional<Descriptors> open_files{};       ///< of the daemon; nothing: it cannot be told
  std::optional<Descriptors> open_files_then{};  ///< once somebody has asked
  DescriptorBudget descriptors{[this] {
                                 auto const now = open_files;
                                 if (open_files_then) open_files = std::exchange(open_files_then, std::nullopt);
                                 return now;
                               },
                               [] { return std::optional<Descriptors>(); }};
  std::optional<FaultyBus> bus;
  ApprovalPolicy approval_policy{};  ///< of the next daemon

 private:
  /// False: nothing is left to be done at this time, and no thread has anything to answer, however late it comes to its
  /// processor.
  bool run_some() {
    io_.restart();
    bool const at_work = CompletionQueue::of(io_.get_executor()).expected() > 0 || bus->asked > 0;
    return (at_work ? io_.run_one_for(2ms) : io_.poll_one()) > 0 || at_work;
  }

  ManualClock clock_;
  test::TempDir dir_;
  net::io_context io_{1};
  std::unique_ptr<relay::EmbeddedBus> real_bus_;
  Config config_;
  Paths paths_;
  RestartRateLimiter brake_;
  FakeTerminals terminals_{script};
  AgentGroups groups_{io_.get_executor(), "test"};
  WorkerPool files_{1};
  std::map<std::string, std::shared_ptr<adapters::Adapter const>> adapters_;
  Notifier changed_{io_.get_executor()};
  std::unique_ptr<Journal> journal_;
  std::optional<EventLog> events_;
  std::optional<Outbox> outbox_;
  std::optional<KnownStore> store_;
  std::optional<RuntimeState> runtime_;
  std::optional<SkillStore> skills_;
  std::optional<Removed> removed_;
  std::optional<Accounts> accounts_;
  std::optional<Budgets> budgets_;
  Lineage lineage_;
  std::optional<Approvals> approvals_;
  std::optional<Services> services_;
  std::optional<Supervisor> supervisor_;
  std::optional<RuntimePause> pause_;
};

}  // namespace ar::test
