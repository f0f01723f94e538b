#include "daemon/delivery_queue.hpp"

#include "faulty_bus.hpp"
#include "relay/embedded/embedded_bus.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <deque>
#include <functional>
#include <memory>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;
using adapters::Handing;
using adapters::HandOutcome;
using adapters::Prompt;
using adapters::TurnEnded;
using adapters::Witness;

namespace {

/// A provider that does what the test says, and remembers what it was given.
class ScriptedSession final : public adapters::ProviderSession {
 public:
  std::string closed;  ///< gate for all; empty: open
  std::string closed_unless_urgent;
  std::function<Handing(Prompt const&)> on_hand;  ///< default: accepted
  Witness says = Witness::pending;
  std::vector<Prompt> handed;
  std::function<void()> before_proof;

  void start() override {}
  awaitable<void> stop() override { co_return; }
  Result<json> hook(std::string const&, json const&) override { return ok(json::object()); }
  std::string gate(bool urgent) const override { return !closed.empty() ? closed : urgent ? "" : closed_unless_urgent; }
  awaitable<Handing> hand(Prompt prompt, std::function<void(std::string_view)> on_step) override {
    handed.push_back(prompt);
    on_step("typed");
    if (before_proof) before_proof();
    co_await sleep_for(1ms);
    Handing handing;
    handing.outcome = HandOutcome::accepted;
    handing.proof = "transcript";
    if (on_hand) handing = on_hand(prompt);
    co_return handing;
  }
  awaitable<Witness> witness(Prompt, bool) override { co_return says; }
  awaitable<Result<void>> interrupt() override { co_return Result<void>(); }
  awaitable<Result<void>> compact() override { co_return Result<void>(); }
  awaitable<Result<void>> clear() override { co_return Result<void>(); }
  awaitable<Result<void>> quit() override { co_return Result<void>(); }
};

class NoTerminals final : public adapters::TerminalHost {
 public:
  awaitable<Result<std::shared_ptr<adapters::Terminal>>> start(adapters::TerminalSpec, OnExit) override {
    co_return unavailable("none", "no terminals in this test");
  }
  awaitable<Result<std::shared_ptr<adapters::Terminal>>> adopt(adapters::FoundTerminal, OnExit) override {
    co_return unavailable("none", "no terminals in this test");
  }
  awaitable<Result<std::vector<adapters::FoundTerminal>>> list() override {
    co_return std::vector<adapters::FoundTerminal>();
  }
  awaitable<Result<void>> remove(std::string, std::string) override { co_return Result<void>(); }
  std::vector<std::string> attach_command(std::string const&, bool) const override { return {}; }
};

/// A bus, a journal and one queue for agent "a", as one start of the daemon would have them.
class World final : public DeliveryHost {
 public:
  explicit World(net::io_context& io, std::filesystem::path const& dir, relay::BusLimits limits = {})
      : dir_(dir), changed_(io.get_executor()) {
    journal_ = *Journal::open(io.get_executor(), dir / "journal.db");
    bus = *relay::EmbeddedBus::open(io.get_executor(), dir / "relay.db", limits);
    faulty.emplace(*bus);
    events_.emplace(io.get_executor(), *journal_);
    approvals_.emplace(io.get_executor(), *journal_, *events_, ApprovalPolicy());
    services_.emplace(Services{io.get_executor(), config_, paths_, *journal_, *events_, *approvals_, *faulty,
                               terminals_, changed_, files_, files_, adapters_, "/", "/", brake_, "instance",
                               [] { return 0; }});
    std::filesystem::create_directories(dir / "files");
    queue.emplace(*services_, "a", *this);
    tasks_.emplace(io.get_executor(), "test");
  }
  /// As after a crash: what the journal holds is all there is. `adopted`: the provider has lived on.
  enum class Provider { fresh, adopted_busy, adopted_at_rest, gone };
  awaitable<void> load(Provider provider = Provider::fresh) {
    co_await events_->load(30);
    auto query = [](Database& db) -> Result<std::vector<Delivery>> {
      std::vector<Delivery> open;
      auto& rows = db.prepare("SELECT record FROM deliveries WHERE open = 1").bind();
      while (rows.step()) open.push_back(delivery_from_journal(json::parse(rows.text(0))));
      return open;
    };
    auto open = co_await journal_->read(std::move(query));
    REQUIRE(open.has_value());
    std::vector<relay::MessageId> known;
    queue->load(std::move(*open), std::move(known));
    queue->start(*tasks_);
    relay::Presence presence;
    presence.identity = who;
    presence.status = "idle";
    co_await bus->register_agent(presence);
    relay::BusHints hints;
    hints.message = [this](relay::Message const& m) { queue->offer(m); };
    subscription_ = bus->subscribe(who, "a", std::move(hints));
    if (fetches) co_await queue->fetch_unread(who);
    if (provider == Provider::gone) co_await queue->on_process_gone();
    if (provider == Provider::fresh || provider == Provider::gone)
      queue->on_ready();
    else
      queue->on_adopted(provider == Provider::adopted_busy);
  }
  awaitable<void> end() {
    subscription_.reset();
    co_await tasks_->stop();
    co_await queue->stop();
    co_await bus->stop();
    co_await journal_->stop();
  }
  awaitable<relay::MessageId> send(std::function<void(relay::NewMessage&)> change = {}) {
    relay::NewMessage message;
    message.from = "bob";
    message.to = "a";
    message.body = "hello";
    if (change) change(message);
    auto sent = co_await bus->send(std::move(message));
    REQUIRE(sent.has_value());
    co_return sent->message.id;
  }
  awaitable<bool> until(std::function<bool()> condition) {
    auto const deadline = Clock::now() + 10s;
    while (!condition()) {
      if (Clock::now() > deadline) co_return false;
      co_await changed_.wait(Clock::now() + 20ms);
    }
    co_return true;
  }
  DeliveryState state(relay::MessageId id) const {
    auto const it = queue->open().find(id);
    return it == queue->open().end() ? DeliveryState::done : it->second.state;
  }
  bool gone(relay::MessageId id) const { return !queue->open().contains(id); }
  awaitable<std::size_t> unread_count() {
    auto unread = co_await bus->unread(who, 100);
    co_return unread->size();
  }
  void end_turn(std::string text = "answer") {
    TurnEnded end;
    end.final_text = std::move(text);
    queue->on_turn_ended(end);
  }

  adapters::ProviderSession* taker() override {
    if (goes_after == 0) has_process = false;
    if (goes_after >= 0) --goes_after;
    return has_process ? &session : nullptr;
  }
  bool at_rest() const override { return resting; }
  std::string why_not() const override { return "no process"; }
  Witness witness_offline(Prompt const&) override { return offline_says; }
  awaitable<std::optional<TurnEnded>> turn_end(std::vector<std::string> nonces) override {
    asked_record = std::move(nonces);
    co_return record_says;
  }
  void wanted() override {}
  Work& work() override { return work_; }
  void work_changed() override {}
  void turn_changed(std::string) override { turns_told.push_back(queue->turn_open()); }
  std::int64_t next_turn_number() override { return ++turns; }
  std::filesystem::path files_dir() const override { return dir_ / "files"; }

  relay::Identity who{"a"};
  ScriptedSession session;
  bool has_process = true;
  int goes_after = -1;  ///< the process goes after so many more looks at it; -1: it stays
  bool resting = false;
  bool fetches = true;
  Witness offline_says = Witness::absent;
  std::optional<TurnEnded> record_says{};
  std::vector<std::string> asked_record{};
  std::int64_t turns = 0;
  std::vector<bool> turns_told{};  ///< opened (true) and closed
  std::unique_ptr<relay::EmbeddedBus> bus;
  std::optional<test::FaultyBus> faulty;  ///< the same, as the queue sees it
  std::optional<DeliveryQueue> queue;

 private:
  std::filesystem::path const dir_;
  Config config_;
  Paths paths_;
  FleetBrake brake_;
  NoTerminals terminals_;
  Worker files_;
  std::map<std::string, std::shared_ptr<adapters::Adapter const>> const adapters_;
  Notifier changed_;
  Work work_;
  std::unique_ptr<Journal> journal_;
  std::optional<EventLog> events_;
  std::optional<Approvals> approvals_;
  std::optional<Services> services_;
  std::unique_ptr<relay::Subscription> subscription_;
  std::optional<TaskGroup> tasks_;
};

awaitable<std::vector<std::string>> replies_to(World& w, relay::MessageId id) {
  relay::MessageFilter answers;
  answers.reply_to = id;
  auto found = co_await w.bus->messages(answers);
  std::vector<std::string> bodies;
  for (auto const& reply : *found) bodies.push_back(reply.body);
  co_return bodies;
}

/// It was typed, and nothing shows whether it was taken.
Handing without_proof(Prompt const&) {
  Handing unknown;
  unknown.outcome = HandOutcome::unknown;
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

}  // namespace

TEST_CASE("AMessageIsAcknowledgedOnlyAfterItsProof") {
  auto story = [](World& w) -> awaitable<void> {
    std::size_t unread_while_typed = 0;
    w.session.before_proof = [&] { unread_while_typed = w.queue->waiting(); };
    auto const id = co_await w.send();
    CHECK(
        co_await w.until([&] { return w.state(id) == DeliveryState::running && w.queue->open().at(id).acknowledged; }));
    CHECK(unread_while_typed == 1);
    CHECK(co_await w.unread_count() == 0);
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.session.handed.size() == 1);
    CHECK(w.session.handed[0].body == "hello");
    CHECK(w.session.handed[0].nonce.size() == 10);
  };
  with_world(story);
}

TEST_CASE("AnUnknownDeliveryIsNotAcknowledgedNorTypedAgainAndHoldsTheNext") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.on_hand = [](Prompt const&) {
      Handing unknown;
      unknown.outcome = HandOutcome::unknown;
      unknown.reason = "no proof";
      unknown.screen = "$ hello";
      return unknown;
    };
    auto const first = co_await w.send();
    auto const second = co_await w.send();
    CHECK(co_await w.until(
        [&] { return w.state(first) == DeliveryState::unknown && !w.queue->open().at(second).held.empty(); }));
    w.queue->on_gate_changed();
    co_await sleep_for(50ms);
    CHECK(w.session.handed.size() == 1);
    CHECK(co_await w.unread_count() == 2);
    CHECK(w.queue->open().at(first).screen == "$ hello");
    // A late proof settles it, and the next one goes.
    w.session.on_hand = {};
    w.queue->on_accepted(w.session.handed[0].nonce, "transcript");
    w.end_turn();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 2; }));
    CHECK(w.session.handed[1].message_id == second);
  };
  with_world(story);
}

TEST_CASE("APersonSettlesWhatNoWitnessCan") {
  for (bool const taken : {true, false}) {
    auto story = [taken](World& w) -> awaitable<void> {
      w.session.says = Witness::blind;
      w.session.on_hand = without_proof;
      auto const id = co_await w.send();
      auto const next = co_await w.send();
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::unknown; }));
      CHECK(co_await w.until([&] { return w.queue->open().at(next).held.find("message again") != std::string::npos; }));
      w.session.on_hand = {};
      w.queue->settle(id, taken);
      w.queue->settle(next, taken);  // it is not unknown: nothing happens
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
      CHECK(w.queue->open().at(id).proof == (taken ? "person" : "transcript"));
      CHECK(w.session.handed.size() == (taken ? 1 : 2));
      w.end_turn();
      CHECK(co_await w.until([&] { return w.state(next) == DeliveryState::running; }));
      CHECK(w.session.handed.back().message_id == next);
    };
    with_world(story);
  }
}

TEST_CASE("AProofThatComesAfterAPersonSaidOtherwiseCounts") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.on_hand = without_proof;
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::unknown; }));
    w.session.closed = "a dialog";
    w.queue->settle(id, false);
    CHECK(w.state(id) == DeliveryState::queued);
    w.queue->on_accepted(w.session.handed[0].nonce, "hook");
    CHECK(w.state(id) == DeliveryState::running);
    w.session.closed.clear();
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.session.handed.size() == 1);
  };
  with_world(story);
}

TEST_CASE("WhatAPersonCallsTakenAfterItsProcessHasGoneWasCutOff") {
  auto story = [](World& w) -> awaitable<void> {
    w.offline_says = w.session.says = Witness::blind;
    w.session.on_hand = without_proof;
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::unknown; }));
    w.has_process = false;
    co_await w.queue->on_process_gone();
    CHECK(w.state(id) == DeliveryState::unknown);
    w.queue->settle(id, true);
    CHECK_FALSE(w.queue->turn_open());
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(co_await w.unread_count() == 0);
  };
  with_world(story);
}

TEST_CASE("WhatTheBusRefusesForNowIsHeldAndToldLater") {
  auto story = [](World& w) -> awaitable<void> {
    Error const forbidden{ErrorKind::forbidden, "no_right", "this token may not claim"};
    w.faulty->faults["claim"] = forbidden;
    auto const id = co_await w.send([](relay::NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 9;
    });
    CHECK(co_await w.until([&] { return w.queue->held_reason() == forbidden.message; }));
    auto const younger = co_await w.send();  // what anybody may read does not wait for it
    CHECK(co_await w.until([&] { return w.state(younger) == DeliveryState::running; }));
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(younger); }));
    w.faulty->faults.clear();
    CHECK(co_await w.until([&] { return w.queue->open().at(id).acknowledged; }));

    // The bus goes between the proof and its news, and between the end and its own.
    w.faulty->faults["set_task"] = w.faulty->faults["finish"] = w.faulty->faults["renew"] =
        w.faulty->faults["mark_read"] = unavailable("bus_away", "the bus is away");
    auto const plain = co_await w.send([](relay::NewMessage& m) { m.payload["urgent"] = true; });
    CHECK(co_await w.until([&] { return w.state(plain) == DeliveryState::running; }));
    w.end_turn();
    CHECK(co_await w.until([&] { return w.faulty->calls["renew"] > 0 && w.faulty->calls["mark_read"] > 0; }));
    CHECK(w.state(id) == DeliveryState::done);
    CHECK_FALSE(w.gone(plain));
    w.faulty->faults.clear();
    CHECK(co_await w.until([&] { return w.gone(id) && w.gone(plain); }));
    CHECK(co_await w.unread_count() == 0);
    CHECK(w.session.handed.size() == 3);
    auto const task = co_await w.bus->task(9);
    CHECK(task->status == relay::TaskStatus::done);
  };
  with_world(story);
}

TEST_CASE("AnAbsentWitnessHandsItAgainWithTheSameNonce") {
  auto story = [](World& w) -> awaitable<void> {
    int tries = 0;
    w.session.says = Witness::absent;
    w.session.on_hand = [&](Prompt const&) {
      Handing handing;
      handing.outcome = ++tries == 1 ? HandOutcome::unknown : HandOutcome::accepted;
      return handing;
    };
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    REQUIRE(w.session.handed.size() == 2);
    CHECK(w.session.handed[0].nonce == w.session.handed[1].nonce);
  };
  with_world(story);
}

TEST_CASE("ABusyProviderGetsUrgentMessagesOnlyAndTheRestInOrderLater") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.closed_unless_urgent = "a turn is running";
    auto const plain = co_await w.send();
    auto const other = co_await w.send();
    auto const urgent = co_await w.send([](relay::NewMessage& m) { m.payload["urgent"] = true; });
    CHECK(co_await w.until([&] { return w.session.handed.size() == 1; }));
    CHECK(w.session.handed[0].message_id == urgent);
    CHECK(w.queue->open().at(plain).held == "a turn is running");
    w.session.closed_unless_urgent.clear();
    w.queue->on_gate_changed();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 3; }));
    CHECK(w.session.handed[1].message_id == plain);
    CHECK(w.session.handed[2].message_id == other);
  };
  with_world(story);
}

TEST_CASE("AHeldAttemptGoesBackAndIsTriedAgainWhenTheGateMoves") {
  auto story = [](World& w) -> awaitable<void> {
    int tries = 0;
    w.session.on_hand = [&](Prompt const&) {
      Handing handing;
      handing.outcome = ++tries == 1 ? HandOutcome::held : HandOutcome::accepted;
      handing.reason = "a dialog is open";
      return handing;
    };
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return tries == 1 && w.state(id) == DeliveryState::queued; }));
    CHECK(w.queue->held_reason() == "a dialog is open");
    w.queue->on_gate_changed();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
  };
  with_world(story);
}

TEST_CASE("AClaimLostToAnotherIsDroppedSilently") {
  auto story = [](World& w) -> awaitable<void> {
    w.has_process = false;
    auto const id = co_await w.send([](relay::NewMessage& m) {
      m.claimable = true;
      m.to = "broadcast";
    });
    auto claim = co_await w.bus->claim(id, "other");
    REQUIRE(claim.has_value());
    w.has_process = true;
    w.queue->on_gate_changed();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.session.handed.empty());
  };
  with_world(story);
}

TEST_CASE("WhatComesWhileTheUnreadAreFetchedWaitsForThem") {
  test::TempDir temp;
  net::io_context io(1);
  World w(io, temp.path());
  w.fetches = false;
  test::run(io, [&]() -> awaitable<void> {
    co_await w.load();
    auto const young = co_await w.send();
    CHECK(co_await w.until([&] { return w.queue->held_reason().find("being fetched") != std::string::npos; }));
    CHECK(w.session.handed.empty());
    w.queue->offer_local(-1, "operator", "prompt", "never was on the bus");
    CHECK(co_await w.until([&] { return w.session.handed.size() == 1; }));
    w.end_turn();
    co_await w.queue->fetch_unread(w.who);
    CHECK(co_await w.until([&] { return w.state(young) == DeliveryState::running; }));
    co_await w.end();
  });
}

TEST_CASE("ThousandsOfUnreadMessagesAreFetchedAsTheyAreNeededAndComeInOrder") {
  test::TempDir temp;
  net::io_context io(1);
  World w(io, temp.path());
  w.fetches = false;
  test::run(io, [&]() -> awaitable<void> {
    std::vector<relay::MessageId> ids;
    for (int i = 0; i < 500; ++i) ids.push_back(co_await w.send());
    co_await w.load();
    co_await w.queue->fetch_unread(w.who);
    CHECK(w.queue->waiting() == 200);
    ids.push_back(co_await w.send());  // told at once, while 300 before it have not been fetched
    while (w.session.handed.size() < ids.size()) {
      auto const already = w.session.handed.size();
      if (w.queue->turn_open()) w.end_turn();
      if (w.queue->wants_more()) co_await w.queue->fetch_unread(w.who);
      REQUIRE(co_await w.until([&] { return w.session.handed.size() > already && w.queue->turn_open(); }));
    }
    std::vector<relay::MessageId> handed;
    for (auto const& prompt : w.session.handed) handed.push_back(prompt.message_id);
    CHECK(handed == ids);
    CHECK_FALSE(w.queue->wants_more());
    co_await w.end();
  });
}

TEST_CASE("ClaimedWorkWhoseProcessGoesBeforeItIsHandedIsHandedToTheNext") {
  auto story = [](World& w) -> awaitable<void> {
    w.goes_after = 1;
    auto const id = co_await w.send([](relay::NewMessage& m) { m.claimable = true; });
    CHECK(co_await w.until([&] { return !w.has_process; }));
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::queued; }));
    CHECK(w.session.handed.empty());
    w.has_process = true;
    w.queue->on_ready();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
  };
  with_world(story);
}

TEST_CASE("ClaimedWorkOfAnAgentThatWasStoppedIsFreeForOthersAndForgottenOnceTheyHaveIt") {
  test::TempDir temp;
  {
    net::io_context io(1);
    World w(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await w.load();
      w.goes_after = 1;
      w.resting = true;
      auto const id = co_await w.send([](relay::NewMessage& m) { m.claimable = true; });
      CHECK(co_await w.until([&] { return !w.queue->held_reason().empty(); }));
      auto const claim = co_await w.bus->claim(id, "other");
      REQUIRE_MESSAGE(claim.has_value(), claim.error().message);
      w.resting = false;
      w.goes_after = -1;
      w.has_process = true;
      w.queue->on_ready();
      CHECK(co_await w.until([&] { return w.gone(id); }));
      CHECK(w.session.handed.empty());
      co_await w.end();
    });
  }
  net::io_context io(1);
  World w(io, temp.path());
  test::run(io, [&]() -> awaitable<void> {
    co_await w.load();
    CHECK(w.queue->open().empty());
    co_await w.end();
  });
}

TEST_CASE("ATaskIsInProgressFromTheClaimAndDoneWithItsTurn") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](relay::NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 7;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    auto task = co_await w.bus->task(7);
    REQUIRE(task.has_value());
    CHECK(task->status == relay::TaskStatus::in_progress);
    CHECK(task->metadata["messageId"] == id);
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    task = co_await w.bus->task(7);
    CHECK(task->status == relay::TaskStatus::done);
    CHECK(task->metadata["completedBy"] == "runner");
    auto again = co_await w.bus->claim(id, "other");
    CHECK_FALSE(again.has_value());
  };
  with_world(story);
}

TEST_CASE("ATaskThatSomebodyElseHasGotMeanwhileIsNotReportedDone") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](relay::NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 11;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    // Its lease ends without anybody here noticing, and another agent takes the work.
    auto const token = w.queue->open().at(id).claim_token;
    REQUIRE((co_await w.bus->release(id, token, 0ms)).has_value());
    auto const other = co_await w.bus->claim(id, "b");
    REQUIRE(other.has_value());
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto const task = co_await w.bus->task(11);
    CHECK(task->status == relay::TaskStatus::in_progress);
    CHECK((co_await w.bus->finish(id, other->token)).has_value());
  });
}

TEST_CASE("ATaskOfAnAgentThatWasStoppedInTheMiddleHasFailed") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](relay::NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 12;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.has_process = false;
    co_await w.queue->on_process_gone();
    CHECK(w.state(id) == DeliveryState::running);  // a restart would go on with it
    w.resting = true;
    w.queue->on_rest();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto const task = co_await w.bus->task(12);
    CHECK(task->status == relay::TaskStatus::failed);
    CHECK(task->body == "interrupted: no process");
    CHECK_FALSE((co_await w.bus->claim(id, "other")).has_value());
  });
}

TEST_CASE("WorkThatCannotBeProvedKeepsNobodyBusyAndNoLease") {
  relay::BusLimits limits;
  limits.lease = 300ms;
  auto story = [](World& w) -> awaitable<void> {
    for (auto const outcome : {HandOutcome::unverified, HandOutcome::refused}) {
      w.session.on_hand = [&](Prompt const&) {
        Handing handing;
        handing.outcome = outcome;
        return handing;
      };
      auto const id = co_await w.send([](relay::NewMessage& m) {
        m.claimable = true;
        m.payload["taskId"] = 13;
      });
      CHECK(co_await w.until([&] { return w.gone(id); }));
      w.work().clear_terminal();
      CHECK(w.work().status() == "idle");
      auto const begun = Clock::now();
      bool free = false;
      while (!free && Clock::now() - begun < 10s) {
        free = (co_await w.bus->claim(id, "other")).has_value();
        co_await sleep_for(20ms);
      }
      CHECK(free);
    }
  };
  with_world(story, limits);
}

TEST_CASE("AFailedTurnFailsItsTaskWithTheProvidersError") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](relay::NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 8;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    TurnEnded end;
    end.outcome = TurnEnded::Outcome::failed;
    end.error = "rate limited";
    w.queue->on_turn_ended(end);
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto task = co_await w.bus->task(8);
    CHECK(task->status == relay::TaskStatus::failed);
    CHECK(task->body.find("rate limited") != std::string::npos);
  };
  with_world(story);
}

TEST_CASE("TheEndOfAShortTurnWaitsForItsMessagesProof") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.before_proof = [&] {
      w.queue->on_turn_started();
      w.end_turn("quick");
    };
    auto const id = co_await w.send([](relay::NewMessage& m) { m.payload["replyRequested"] = true; });
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.turns == 1);
    relay::MessageFilter answers;
    answers.reply_to = id;
    auto replies = co_await w.bus->messages(answers);
    REQUIRE(replies->size() == 1);
    CHECK((*replies)[0].body == "quick");
    CHECK((*replies)[0].to == "bob");
  };
  with_world(story);
}

TEST_CASE("AnUrgentMessageProvedAfterTheEndOfItsTurnBelongsToThatTurn") {
  auto story = [](World& w) -> awaitable<void> {
    auto const first = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(first) == DeliveryState::running; }));
    w.session.before_proof = [&] { w.end_turn("both"); };
    auto const urgent = co_await w.send([](relay::NewMessage& m) { m.payload["urgent"] = true; });
    CHECK(co_await w.until([&] { return w.gone(first) && w.gone(urgent); }));
    CHECK(w.turns == 1);
    CHECK_FALSE(w.queue->turn_open());
  };
  with_world(story);
}

TEST_CASE("AnUrgentMessageThatStartsATurnOfItsOwnBelongsToThatOne") {
  auto story = [](World& w) -> awaitable<void> {
    auto const first = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(first) == DeliveryState::running; }));
    w.session.before_proof = [&] {
      w.end_turn("first");
      w.queue->on_turn_started();
    };
    auto const urgent = co_await w.send([](relay::NewMessage& m) { m.payload["urgent"] = true; });
    CHECK(co_await w.until([&] { return w.gone(first) && w.state(urgent) == DeliveryState::running; }));
    CHECK(w.turns == 2);
    w.end_turn("second");
    CHECK(co_await w.until([&] { return w.gone(urgent); }));
  };
  with_world(story);
}

TEST_CASE("AnEndThatTheProviderCannotExplainIsLookedUpInItsRecord") {
  for (bool const known : {true, false}) {
    auto story = [known](World& w) -> awaitable<void> {
      auto const id = co_await w.send([](relay::NewMessage& m) {
        m.claimable = true;
        m.payload["taskId"] = 9;
      });
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
      if (known) w.record_says = TurnEnded{TurnEnded::Outcome::failed, {}, "rate_limit", "too many"};
      TurnEnded end;
      end.outcome = TurnEnded::Outcome::unseen;
      w.queue->on_turn_ended(end);
      CHECK(co_await w.until([&] { return w.gone(id); }));
      CHECK(w.asked_record.size() == 1);
      auto const task = co_await w.bus->task(9);
      REQUIRE(task.has_value());
      CHECK(task->status == relay::TaskStatus::failed);
      CHECK(task->body.find(known ? "too many" : "how it ended nobody saw") != std::string::npos);
      CHECK(w.turns_told == std::vector<bool>{true, false});
    };
    with_world(story);
  }
}

TEST_CASE("AnUnexplainedEndIsOfTheTurnBeforeAndNotOfTheOneThatFollowsAtOnce") {
  auto story = [](World& w) -> awaitable<void> {
    auto const first = co_await w.send([](relay::NewMessage& m) { m.payload["replyRequested"] = true; });
    CHECK(co_await w.until([&] { return w.state(first) == DeliveryState::running; }));
    w.record_says = TurnEnded{TurnEnded::Outcome::completed, "the first answer", {}, {}};
    w.session.before_proof = [&] {
      TurnEnded end;
      end.outcome = TurnEnded::Outcome::unseen;
      w.queue->on_turn_ended(end);
      w.queue->on_turn_started();
    };
    auto const urgent = co_await w.send([](relay::NewMessage& m) { m.payload["urgent"] = true; });
    CHECK(co_await w.until([&] { return w.gone(first) && w.state(urgent) == DeliveryState::running; }));
    CHECK((co_await replies_to(w, first)) == std::vector<std::string>{"the first answer"});
    CHECK(w.asked_record.size() == 1);
    CHECK(w.queue->open().at(urgent).turn == 2);
    w.end_turn("the second");
    CHECK(co_await w.until([&] { return w.gone(urgent); }));
    CHECK(w.turns == 2);
  };
  with_world(story);
}

TEST_CASE("ATurnWhoseEndWasLostEndsWhenTheProviderIsAtRest") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.before_proof = [&] { w.session.closed_unless_urgent = "a turn is running"; };
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    co_await sleep_for(3200ms);  // longer than the patience with a provider at rest
    CHECK(w.state(id) == DeliveryState::running);
    w.session.closed_unless_urgent.clear();
    w.queue->on_gate_changed();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.turns_told == std::vector<bool>{true, false});
  };
  with_world(story);
}

TEST_CASE("WhatCannotBeProvedIsNeitherAcknowledgedNorTypedTwice") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.on_hand = [](Prompt const&) {
      Handing handing;
      handing.outcome = HandOutcome::unverified;
      return handing;
    };
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(co_await w.unread_count() == 1);
    auto unread = co_await w.bus->unread(w.who, 10);
    for (auto& m : *unread) w.queue->offer(m);
    co_await sleep_for(30ms);
    CHECK(w.session.handed.size() == 1);
  };
  with_world(story);
}

TEST_CASE("ProcessDeathDuringHandingAsksTheRecordAndHandsAgain") {
  auto story = [](World& w) -> awaitable<void> {
    bool first = true;
    w.session.on_hand = [&](Prompt const&) {
      Handing handing;
      handing.outcome = std::exchange(first, false) ? HandOutcome::unknown : HandOutcome::accepted;
      return handing;
    };
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::unknown; }));
    w.has_process = false;
    co_await w.queue->on_process_gone();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::queued; }));
    w.has_process = true;
    w.queue->on_ready();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    CHECK(w.session.handed.size() == 2);
  };
  with_world(story);
}

TEST_CASE("ATurnCutOffByACrashIsInterruptedAndNotRepeated") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.has_process = false;
    co_await w.queue->on_process_gone();
    w.has_process = true;
    w.queue->on_ready();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.session.handed.size() == 1);
    CHECK(co_await w.unread_count() == 0);
  };
  with_world(story);
}

TEST_CASE("ACutOffTaskGoesOnInTheResumedSession") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](relay::NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 9;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.has_process = false;
    co_await w.queue->on_process_gone();
    w.has_process = true;
    w.queue->on_ready();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 2 && w.queue->turn_open(); }));
    CHECK(w.session.handed[1].kind == "resume");
    CHECK(w.session.handed[1].message_id == 0);
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto task = co_await w.bus->task(9);
    CHECK(task->status == relay::TaskStatus::done);
  };
  with_world(story);
}

TEST_CASE("ADaemonKilledAfterHandingAsksTheWitnessAndDoesNotTypeAgain") {
  for (bool was_taken : {true, false}) {
    test::TempDir temp;
    net::io_context io(1);
    relay::MessageId id = 0;
    {
      World before(io, temp.path());
      test::run(io, [&]() -> awaitable<void> {
        co_await before.load();
        before.session.on_hand = without_proof;
        id = co_await before.send();
        CHECK(co_await before.until([&] { return before.state(id) == DeliveryState::unknown; }));
        co_await before.end();
      });
    }
    World after(io, temp.path());
    after.session.says = was_taken ? Witness::accepted : Witness::absent;
    test::run(io, [&]() -> awaitable<void> {
      co_await after.load();
      if (was_taken) {
        CHECK(co_await after.until([&] { return after.gone(id); }));
        CHECK(after.session.handed.empty());
      } else {
        CHECK(co_await after.until([&] { return after.state(id) == DeliveryState::running; }));
        CHECK(after.session.handed.size() == 1);
      }
      CHECK(co_await after.until([&] { return after.gone(id) || after.queue->open().at(id).acknowledged; }));
      CHECK(co_await after.unread_count() == 0);
      co_await after.end();
    });
  }
}

namespace {

/// A message with task 9 that wants a reply is running when the daemon is killed. What the next one makes of it: the
/// outcome, the task and the reply.
struct Next {
  World::Provider provider = World::Provider::adopted_at_rest;
  std::optional<TurnEnded> record{};
  std::function<awaitable<void>(World&, relay::MessageId)> then{};
};
void after_a_kill_mid_turn(Next next) {
  test::TempDir temp;
  relay::MessageId id = 0;
  std::string nonce;
  {
    net::io_context io(1);
    World before(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await before.load();
      id = co_await before.send([](relay::NewMessage& m) {
        m.claimable = true;
        m.payload["taskId"] = 9;
        m.payload["replyRequested"] = true;
      });
      CHECK(co_await before.until([&] { return before.state(id) == DeliveryState::running; }));
      nonce = before.session.handed[0].nonce;
      co_await before.end();
    });
  }
  net::io_context io(1);
  World after(io, temp.path());
  after.turns = 1;
  after.record_says = next.record;
  if (next.provider == World::Provider::adopted_busy) after.session.closed_unless_urgent = "a turn is running";
  test::run(io, [&]() -> awaitable<void> {
    co_await after.load(next.provider);
    co_await next.then(after, id);
    CHECK(after.asked_record == std::vector<std::string>{nonce});
    co_await after.end();
  });
}
TurnEnded ended(TurnEnded::Outcome outcome, std::string text, std::string error = {}) {
  return {outcome, std::move(text), {}, std::move(error)};
}
}  // namespace

TEST_CASE("ATurnThatEndedWhileNoDaemonRanEndsAsTheProvidersRecordSays") {
  for (auto const provider : {World::Provider::adopted_at_rest, World::Provider::gone}) {
    after_a_kill_mid_turn(
        {provider, ended(TurnEnded::Outcome::completed, "42"), [](World& w, relay::MessageId id) -> awaitable<void> {
           CHECK(co_await w.until([&] { return w.gone(id); }));
           auto const task = co_await w.bus->task(9);
           CHECK(task->status == relay::TaskStatus::done);
           CHECK(co_await replies_to(w, id) == std::vector<std::string>{"42"});
           CHECK(w.session.handed.empty());
         }});
    after_a_kill_mid_turn({provider, ended(TurnEnded::Outcome::failed, "", "rate limited"),
                           [](World& w, relay::MessageId id) -> awaitable<void> {
                             CHECK(co_await w.until([&] { return w.gone(id); }));
                             auto const task = co_await w.bus->task(9);
                             CHECK(task->status == relay::TaskStatus::failed);
                             CHECK(task->body.find("rate limited") != std::string::npos);
                             CHECK((co_await replies_to(w, id)).empty());
                           }});
  }
}

TEST_CASE("ATurnWhoseEndNobodyKnowsIsNeverDone") {
  after_a_kill_mid_turn(
      {World::Provider::adopted_at_rest, std::nullopt, [](World& w, relay::MessageId id) -> awaitable<void> {
         auto const next = co_await w.send();
         CHECK(co_await w.until([&] { return w.queue->held_reason().find("looked up") != std::string::npos; }));
         CHECK(w.state(id) == DeliveryState::running);
         CHECK(co_await w.until([&] { return w.gone(id); }));
         auto const task = co_await w.bus->task(9);
         CHECK(task->status == relay::TaskStatus::failed);
         CHECK(task->body.find("nobody saw") != std::string::npos);
         CHECK(co_await w.until([&] { return w.state(next) == DeliveryState::running; }));
       }});
}

TEST_CASE("ATurnThatRunsOnOverTheDaemonsDeathIsAwaited") {
  after_a_kill_mid_turn(
      {World::Provider::adopted_busy, std::nullopt, [](World& w, relay::MessageId id) -> awaitable<void> {
         co_await sleep_for(3500ms);  // longer than the patience with a provider at rest
         CHECK(w.state(id) == DeliveryState::running);
         w.end_turn("43");
         CHECK(co_await w.until([&] { return w.gone(id); }));
         auto const task = co_await w.bus->task(9);
         CHECK(task->status == relay::TaskStatus::done);
         CHECK(co_await replies_to(w, id) == std::vector<std::string>{"43"});
       }});
}

TEST_CASE("ATurnThatAPersonBeganMeanwhileDoesNotAnswerForTheOneBefore") {
  after_a_kill_mid_turn({World::Provider::adopted_busy, ended(TurnEnded::Outcome::completed, "42"),
                         [](World& w, relay::MessageId id) -> awaitable<void> {
                           CHECK(co_await w.until([&] { return w.gone(id); }));
                           CHECK(w.queue->turn_open());
                           w.end_turn("the person's");
                           CHECK_FALSE(w.queue->turn_open());
                           CHECK(co_await replies_to(w, id) == std::vector<std::string>{"42"});
                         }});
}
