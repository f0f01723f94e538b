// A delivery queue with a scripted provider, a real bus and a real journal.
#pragma once
#include "daemon/agent/approvals.hpp"
#include "daemon/agent/descriptor_budget.hpp"
#include "daemon/agent/lineage.hpp"
#include "daemon/agent/restart_policy.hpp"
#include "daemon/config/config.hpp"
#include "daemon/delivery/delivery_queue.hpp"
#include "daemon/limits/accounts.hpp"
#include "daemon/limits/budgets.hpp"
#include "daemon/outbox/outbox.hpp"
#include "daemon/resources/agent_groups.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/removed.hpp"
#include "daemon/store/runtime_state.hpp"
#include "daemon/store/skill_store.hpp"
#include "faulty_bus.hpp"
#include "relay/embedded/embedded_bus.hpp"
#include "scripted_sender.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ar::test::delivery {
using namespace ar::daemon;
using namespace std::chrono_literals;
using adapters::Prompt;
using adapters::RecordedOutcome;
using adapters::SubmitOutcome;
using adapters::SubmitResult;
using adapters::TurnEnded;

/// A provider that does what the test says, and remembers what it was given.
class ScriptedSession final : public adapters::ProviderSession {
 public:
  std::string closed;  ///< gate for all; empty: open
  std::string closed_unless_urgent;
  bool fetches_notices = false;                        ///< beside its input, whatever the gate says
  std::function<SubmitResult(Prompt const&)> on_hand;  ///< default: accepted
  RecordedOutcome says = RecordedOutcome::pending;
  bool look_up_throws = false;
  int look_ups = 0;  ///< it was asked so often
  std::vector<Prompt> handed;
  std::function<void()> before_proof;
  std::function<void(std::string const& correlation_id)> tell_proof;

  void start() override {}
  awaitable<void> stop() override { co_return; }
  Result<json> hook(std::string const&, json const&) override { return ok(json::object()); }
  std::string block_reason(bool urgent) const override {
    return !closed.empty() ? closed : urgent ? "" : closed_unless_urgent;
  }
  std::string block_reason_of_notice() const override { return fetches_notices ? "" : block_reason(false); }
  awaitable<SubmitResult> submit(Prompt prompt, std::function<void(std::string_view)> on_step) override {
    handed.push_back(prompt);
    if (prompt.is_notice && fetches_notices) {
      on_step("offered");
      SubmitResult submission;
      submission.outcome = SubmitOutcome::offered;
      co_return submission;
    }
    on_step("typed");
    if (before_proof) before_proof();
    co_await sleep_for(1ms);
    SubmitResult submission;
    submission.outcome = SubmitOutcome::accepted;
    if (on_hand) submission = on_hand(prompt);
    if (submission.outcome == SubmitOutcome::accepted) tell_proof(prompt.correlation_id);
    co_return submission;
  }
  awaitable<RecordedOutcome> query_outcome(Prompt, bool) override {
    ++look_ups;
    if (look_up_throws) throw std::runtime_error("a bug");
    co_return says;
  }
  awaitable<Result<void>> interrupt() override { co_return Result<void>(); }
  awaitable<Result<void>> compact() override { co_return Result<void>(); }
  awaitable<Result<void>> clear() override { co_return Result<void>(); }
  awaitable<Result<void>> quit() override { co_return Result<void>(); }
};

class NoTerminals final : public terminal::TerminalHost {
 public:
  awaitable<Result<std::shared_ptr<terminal::Terminal>>> start(terminal::TerminalSpec, OnExit) override {
    co_return unavailable("none", "no terminals in this test");
  }
  awaitable<Result<std::shared_ptr<terminal::Terminal>>> adopt(terminal::FoundTerminal, OnExit) override {
    co_return unavailable("none", "no terminals in this test");
  }
  awaitable<Result<std::vector<terminal::FoundTerminal>>> list() override {
    co_return std::vector<terminal::FoundTerminal>();
  }
  awaitable<Result<void>> remove(std::string, ProcessMark) override { co_return Result<void>(); }
  std::string attach_target(std::string const&) const override { return {}; }
};

/// A bus, a journal and one queue for agent "a", as one start of the daemon would have them.
class World final : public DeliveryHost, public TurnHost {
 public:
  ~World() override { queue.reset(); }  // its worker goes before the threads that it shares
  explicit World(net::io_context& io, std::filesystem::path const& dir, relay::BusLimits limits = {})
      : World(io, dir, *relay::EmbeddedBus::open(io.get_executor(), dir / "relay.db", limits), {"a"}) {}
  World(net::io_context& io, std::filesystem::path const& dir, std::shared_ptr<relay::Bus> on_bus, Identity identity)
      : who(std::move(identity)),
        bus(std::move(on_bus)),
        dir_(dir),
        groups_(io.get_executor(), "test"),
        changed_(io.get_executor()) {
    journal_ = *Journal::open(io.get_executor(), dir / "journal.db");
    faulty.emplace(*bus);
    events_.emplace(io.get_executor(), *journal_);
    outbox_.emplace(io.get_executor(), *journal_, *events_, receivers_);
    approvals_.emplace(io.get_executor(), *journal_, *events_, lineage_, ApprovalPolicy());
    store_.emplace(*faulty, *journal_, *events_);
    runtime_.emplace(io.get_executor(), *journal_);
    skills_.emplace(io.get_executor(), *journal_, files_, dir / "skills");
    removed_.emplace(*journal_, [] { return std::chrono::days(30); });
    accounts_.emplace(
        io.get_executor(), *journal_, *events_, files_, [this] { return config_.limits_margin_s; }, [] { return 0.5; });
    budgets_.emplace(io.get_executor(), *journal_, *events_);
    services_.emplace(
        Services{io.get_executor(), config_,    paths_,    *journal_, *events_,     *approvals_, lineage_,
                 *faulty,           *store_,    *runtime_, *outbox_,  *skills_,     *removed_,   *accounts_,
                 *budgets_,         terminals_, groups_,   changed_,  files_,       files_,      files_,
                 adapters_,         "/",        "/",       brake_,    descriptors_, "instance",  [] { return 0; },
                 [] { return 0; }});
    std::filesystem::create_directories(dir / "files");
    turns.emplace(*services_, who.agent_id, work_, *this);
    queue.emplace(*services_, who.agent_id, *turns, *this);
    session.tell_proof = [this](std::string const& correlation_id) {
      queue->outcomes().on_accepted(correlation_id, "transcript");
    };
    tasks_.emplace(io.get_executor(), "test");
  }
  /// As after a crash: what the journal holds is all there is. `adopted`: the provider has lived on.
  enum class Provider { fresh, adopted_busy, adopted_at_rest, gone };
  awaitable<void> load(Provider provider = Provider::fresh) {
    co_await events_->load();
    CHECK((co_await store_->load()).has_value());
    store_->on_reached([this] { queue->store().reached(); });
    auto query = [agent = who.agent_id, known = known_kept](Database& db) -> Result<DeliveryQueue::Stored> {
      return DeliveryQueue::stored(db, agent, known);
    };
    auto stored = co_await journal_->read(std::move(query));
    REQUIRE(stored.has_value());
    queue->load(std::move(*stored));
    for (auto const& [name, loop] : queue->loops()) tasks_->spawn(name, loop());
    relay::BusHints hints;
    hints.message = [this](Message const& m) { queue->intake().offer(m); };
    subscription_ = bus->subscribe(who, who.agent_id, std::move(hints));
    co_await join();
    if (provider == Provider::gone) co_await queue->outcomes().on_process_gone();
    if (provider == Provider::fresh || provider == Provider::gone)
      queue->outcomes().on_ready();
    else
      queue->outcomes().on_adopted(provider == Provider::adopted_busy);
  }
  awaitable<void> join() {
    Presence presence;
    presence.identity = who;
    presence.instance_id = "of a test";
    presence.status = "idle";
    REQUIRE((co_await faulty->register_agent(presence)).has_value());
    if (fetches) co_await queue->intake().fetch_unread(who);
  }
  awaitable<void> end() {
    co_await end_without_bus();
    co_await bus->stop();
  }
  awaitable<void> end_without_bus() {
    subscription_.reset();
    co_await tasks_->stop();
    co_await queue->stop();
    co_await journal_->stop();
  }
  awaitable<MessageId> send(std::function<void(NewMessage&)> change = {}) {
    NewMessage message;
    message.from = "bob";
    message.to = "a";
    message.body = "hello";
    if (change) change(message);
    auto sent = co_await bus->send(std::move(message));
    REQUIRE(sent.has_value());
    co_return sent->message.id;
  }
  awaitable<bool> until(std::function<bool()> condition, Clock::duration limit = 10s) {
    auto const deadline = Clock::now() + limit;
    while (!condition()) {
      if (Clock::now() > deadline) co_return false;
      co_await changed_.wait(Clock::now() + 20ms);
    }
    co_return true;
  }
  DeliveryState state(MessageId id) const {
    auto const it = queue->open().find(id);
    return it == queue->open().end() ? DeliveryState::done : it->second.state;
  }
  Journal& journal() { return *journal_; }
  EventLog& events() { return *events_; }
  RuntimeState& runtime() { return *runtime_; }
  Accounts& accounts() { return *accounts_; }
  Config& config() { return config_; }
  bool gone(MessageId id) const { return !queue->open().contains(id); }
  awaitable<std::size_t> unread_count() {
    auto unread = co_await bus->unread(who, 100);
    co_return unread->size();
  }
  void end_turn(std::string text = "answer") {
    TurnEnded end;
    end.final_text = std::move(text);
    queue->outcomes().on_turn_ended(end);
  }

  adapters::ProviderSession* ready_session() override {
    if (goes_after == 0) has_process = false;
    if (goes_after >= 0) --goes_after;
    return has_process ? &session : nullptr;
  }
  bool at_rest() const override { return resting; }
  std::string not_ready_reason() const override { return "no process"; }
  awaitable<RecordedOutcome> look_up_outcome(Prompt) override {
    if (offline_throws) throw std::runtime_error("a bug");
    co_return offline_says;
  }
  awaitable<std::optional<TurnEnded>> turn_end(std::vector<std::string> correlation_ids) override {
    asked_record = std::move(correlation_ids);
    if (record_throws) throw std::runtime_error("a bug");
    co_return record_says;
  }
  awaitable<AnswerVerdict> check_answer(std::string schema, std::string answer) override {
    checked.emplace_back(std::move(schema), answer);
    if (check_throws) throw std::runtime_error("a bug");
    do co_await sleep_for(1ms);
    while (check_waits);
    co_return verdict(answer);
  }
  void wanted() override {}
  Work& work() override { return work_; }
  void work_changed() override {}
  void turn_changed(std::string) override { turns_told.push_back(turns->running() != nullptr); }
  void store_changed() override { tasks_->spawn("join", join()); }
  std::string account() const override { return uses; }
  void ask_to_go_on(std::int64_t turn, std::string const&) override { asked_about.push_back(turn); }
  void ask_no_more(std::int64_t turn) override { std::erase(asked_about, turn); }
  void hold_changed() override { hold = queue->outcomes().hold().stored(); }
  std::int64_t next_turn_number() override { return ++turns_numbered; }
  awaitable<std::optional<TurnEnded>> recorded_end(Turn turn) override { return queue->outcomes().recorded_end(turn); }
  void turn_over(Turn const& turn, TurnEnded const& end) override { queue->outcomes().on_turn_over(turn, end); }
  void look_up_wanted() override { queue->look_up_wanted(); }
  std::filesystem::path files_dir() const override { return dir_ / "files"; }

  Identity const who;
  ScriptedSession session;
  bool has_process = true;
  int goes_after = -1;  ///< the process goes after so many more looks at it; -1: it stays
  bool resting = false;
  bool fetches = true;
  std::size_t known_kept = KnownMessages::kKept;
  RecordedOutcome offline_says = RecordedOutcome::absent;
  bool offline_throws = false, record_throws = false;
  std::optional<TurnEnded> record_says{};
  std::vector<std::string> asked_record{};
  std::string uses{};                                          ///< its account; empty: none
  std::vector<std::int64_t> asked_about{};                     ///< turns that a limit has cut off
  json hold = nullptr;                                         ///< as the agent keeps it
  std::vector<std::pair<std::string, std::string>> checked{};  ///< schemas, answers
  bool check_throws = false, check_waits = false;
  std::function<AnswerVerdict(std::string const&)> verdict = [](std::string const& answer) {
    using Says = AnswerVerdict::Says;
    return answer == "{}" ? AnswerVerdict{Says::fits, {}} : AnswerVerdict{Says::does_not_fit, "it is no object"};
  };
  std::int64_t turns_numbered = 0;
  std::vector<bool> turns_told{};  ///< opened (true) and closed
  std::shared_ptr<relay::Bus> const bus;
  std::optional<test::FaultyBus> faulty;  ///< the same, as the queue sees it
  std::optional<TurnTracker> turns;
  std::optional<DeliveryQueue> queue;

 private:
  std::filesystem::path const dir_;
  Config config_;
  Paths paths_;
  RestartRateLimiter brake_;
  DescriptorBudget descriptors_{[] { return std::optional<Descriptors>(); },
                                [] { return std::optional<Descriptors>(); }};
  NoTerminals terminals_;
  AgentGroups groups_;
  WorkerPool files_{2};
  std::map<std::string, std::shared_ptr<adapters::Adapter const>> const adapters_;
  Notifier changed_;
  Work work_;
  std::unique_ptr<Journal> journal_;
  std::optional<EventLog> events_;
  test::ScriptedSender receivers_;
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
  std::unique_ptr<relay::Subscription> subscription_;
  std::optional<TaskGroup> tasks_;
};

inline awaitable<std::vector<std::string>> replies_to(World& w, MessageId id) {
  relay::MessageFilter answers;
  answers.reply_to = id;
  auto found = co_await w.bus->messages(answers);
  std::vector<std::string> bodies;
  for (auto const& reply : *found) bodies.push_back(reply.body);
  co_return bodies;
}

/// It was typed, and nothing shows whether it was taken.
inline SubmitResult without_proof(Prompt const&) {
  SubmitResult unknown;
  unknown.outcome = SubmitOutcome::unknown;
  return unknown;
}

template <class Story>
void with_world(Story story, relay::BusLimits limits = {}) {
  test::TempDir temp;
  net::io_context io(1);
  World world(io, temp.path(), limits);
  test::run(io, [&]() -> awaitable<void> {
    co_await world.load();
    co_await story(world);
    co_await world.end();
  });
}

}  // namespace ar::test::delivery
