// Notices, which a provider fetches beside its input: they wait for nothing there, are proved like any message, and go
// as any message where the provider did not take them.
#include "delivery_world.hpp"

#include <algorithm>

using namespace ar;
using namespace ar::test::delivery;

namespace {

void as_notice(NewMessage& message) { message.kind = "notice"; }

awaitable<std::int64_t> count_of(World& w, std::string type) {
  auto const page = co_await w.events().page("a", 0, 1000);
  REQUIRE(page.has_value());
  co_return std::ranges::count_if(*page,
                                  [&](Event const& event) { return json::parse(event.json_text)["type"] == type; });
}

bool is_offered(World& w, MessageId id) {
  auto const it = w.queue->open().find(id);
  return it != w.queue->open().end() && it->second.is_offered();
}

}  // namespace

TEST_CASE("OnlyInformationIsANotice") {
  Delivery d;
  d.message = 7;
  for (std::string const kind : {"notice", "result", "expired", "dead-letter"}) {
    d.kind = kind;
    CHECK(d.is_notice());
    CHECK(prompt_of(d, "/").is_notice);
  }
  for (std::string const kind : {"chat", "reply", "prompt", ""}) {
    d.kind = kind;
    CHECK_FALSE(d.is_notice());
  }
  d.kind = "notice";
  auto const is_one_when = [&](auto change) {
    auto other = d;
    change(other);
    return other.is_notice();
  };
  CHECK_FALSE(is_one_when([](Delivery& o) { o.urgent = true; }));
  CHECK_FALSE(is_one_when([](Delivery& o) { o.claimable = true; }));
  CHECK_FALSE(is_one_when([](Delivery& o) { o.task = 9; }));
  CHECK_FALSE(is_one_when([](Delivery& o) { o.reply_requested = true; }));
  CHECK_FALSE(is_one_when([](Delivery& o) { o.output_schema = "{}"; }));
  CHECK_FALSE(is_one_when([](Delivery& o) { o.message = -2; }));
  CHECK_FALSE(is_one_when([](Delivery& o) { o.offered_in_vain = true; }));
}

TEST_CASE("NoticesGoIntoARunningTurnAndWaitForNoProofOfEachOther") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.fetches_notices = true;
    w.session.closed_unless_urgent = "a turn is running";
    std::vector<MessageId> ids;
    for (int i = 0; i < 10; ++i) ids.push_back(co_await w.send(as_notice));
    auto const chat = co_await w.send();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 10; }));
    CHECK(w.state(chat) == DeliveryState::queued);
    for (auto id : ids) {
      CHECK(w.state(id) == DeliveryState::submitted);
      CHECK(w.queue->open().at(id).has_step("offered"));
    }
    CHECK(co_await w.unread_count() == 11);  // nothing is acknowledged before its proof
    auto const proved = w.session.handed;
    for (auto const& prompt : proved) w.session.tell_proof(prompt.correlation_id);
    for (auto id : ids) CHECK(w.state(id) == DeliveryState::running);
    CHECK(w.turns->running()->messages == ids);
    w.session.closed_unless_urgent.clear();
    w.end_turn();
    CHECK(co_await w.until([&] { return std::ranges::all_of(ids, [&](auto id) { return w.gone(id); }); }));
    CHECK(co_await w.until([&] { return w.state(chat) == DeliveryState::running; }));
    CHECK(w.session.handed.size() == 11);
  };
  with_world(story);
}

TEST_CASE("AnOfferedNoticeHoldsBackNoOther") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.fetches_notices = true;
    auto const notice = co_await w.send(as_notice);
    CHECK(co_await w.until([&] { return is_offered(w, notice); }));
    auto const chat = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(chat) == DeliveryState::running; }));
    CHECK(w.state(notice) == DeliveryState::submitted);
    CHECK(w.queue->is_submitting());
  };
  with_world(story);
}

TEST_CASE("ANoticeThatIsOnItsWayIsAskedAboutAndNotGivenAgain") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.fetches_notices = true;
    auto const id = co_await w.send(as_notice);
    CHECK(co_await w.until([&] { return is_offered(w, id); }));
    w.queue->outcomes().on_gate_changed();
    CHECK(co_await w.until([&] { return w.session.look_ups == 1; }));
    CHECK(w.state(id) == DeliveryState::submitted);
    w.end_turn();
    CHECK(co_await w.until([&] { return w.session.look_ups == 2; }));
    CHECK(co_await count_of(w, "message.looked_up") == 0);
    CHECK(co_await count_of(w, "message.unknown") == 0);
    CHECK(w.session.handed.size() == 1);
  };
  with_world(story);
}

TEST_CASE("ANoticeThatWasNotTakenGoesAsAnyMessage") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.fetches_notices = true;
    auto const id = co_await w.send(as_notice);
    CHECK(co_await w.until([&] { return is_offered(w, id); }));
    w.session.closed_unless_urgent = "a turn is running";
    w.session.says = RecordedOutcome::absent;
    w.queue->outcomes().on_gate_changed();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::queued; }));
    CHECK(co_await w.until([&] { return w.queue->open().at(id).held == "a turn is running"; }));
    CHECK(w.session.handed.size() == 1);
    w.session.closed_unless_urgent.clear();
    w.queue->outcomes().on_gate_changed();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    REQUIRE(w.session.handed.size() == 2);
    CHECK(w.session.handed[0].is_notice);
    CHECK_FALSE(w.session.handed[1].is_notice);
    CHECK(w.session.handed[1].correlation_id == w.session.handed[0].correlation_id);
  };
  with_world(story);
}

TEST_CASE("ANoticeThatAProcessTookWithItIsOfferedToTheNext") {
  for (bool const was_taken : {true, false}) {
    auto story = [was_taken](World& w) -> awaitable<void> {
      w.session.fetches_notices = true;
      auto const id = co_await w.send(as_notice);
      CHECK(co_await w.until([&] { return is_offered(w, id); }));
      w.has_process = false;
      w.offline_says = was_taken ? RecordedOutcome::accepted : RecordedOutcome::absent;
      co_await w.queue->outcomes().on_process_gone();
      if (was_taken) {
        CHECK(co_await w.until([&] { return w.gone(id); }));
        CHECK(w.session.handed.size() == 1);
        co_return;
      }
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::queued; }));
      w.has_process = true;
      w.queue->outcomes().on_ready();
      CHECK(co_await w.until([&] { return w.session.handed.size() == 2; }));
      CHECK(w.session.handed[1].is_notice);
      CHECK(w.state(id) == DeliveryState::submitted);
    };
    with_world(story);
  }
}

TEST_CASE("ADaemonKilledWithANoticeOfferedAsksTheRecord") {
  for (bool const was_taken : {true, false}) {
    test::TempDir temp;
    net::io_context io(1);
    MessageId id = 0;
    {
      World before(io, temp.path());
      before.session.fetches_notices = true;
      test::run(io, [&]() -> awaitable<void> {
        co_await before.load();
        id = co_await before.send(as_notice);
        CHECK(co_await before.until([&] { return is_offered(before, id); }));
        co_await before.end();
      });
    }
    World after(io, temp.path());
    after.session.fetches_notices = true;
    test::run(io, [&]() -> awaitable<void> {
      co_await after.load(World::Provider::adopted_at_rest);
      CHECK(co_await after.until([&] { return after.session.look_ups == 1; }));
      CHECK(after.state(id) == DeliveryState::unknown);
      CHECK(after.session.handed.empty());
      after.session.says = was_taken ? RecordedOutcome::accepted : RecordedOutcome::absent;
      after.queue->outcomes().on_gate_changed();
      if (was_taken) {
        CHECK(co_await after.until([&] { return after.gone(id) || after.queue->open().at(id).is_taken(); }));
        CHECK(after.session.handed.empty());
      } else {
        CHECK(co_await after.until([&] { return after.session.handed.size() == 1; }));
        CHECK(after.state(id) == DeliveryState::submitted);
      }
      co_await after.end();
    });
  }
}

TEST_CASE("OfManyNoticesOneIsTheProbeOfAModelThatRefusedWork") {
  auto story = [](World& w) -> awaitable<void> {
    w.config().retry_max = 0;
    auto const refused = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(refused) == DeliveryState::running; }));
    TurnEnded end;
    end.outcome = TurnEnded::Outcome::failed;
    end.error_kind = "overloaded";
    w.queue->outcomes().on_turn_ended(end);
    CHECK(co_await w.until([&] { return w.gone(refused) || w.queue->open().at(refused).has_ended(); }));
    w.session.fetches_notices = true;
    std::vector<MessageId> ids;
    for (int i = 0; i < 3; ++i) ids.push_back(co_await w.send(as_notice));
    CHECK(co_await w.until([&] { return w.queue->open().contains(ids[2]); }));
    CHECK(w.session.handed.size() == 1);
    w.queue->outcomes().probe_now();
    CHECK(co_await w.until([&] { return is_offered(w, ids[0]); }));
    co_await sleep_for(100ms);
    CHECK(w.session.handed.size() == 2);
    CHECK(w.state(ids[1]) == DeliveryState::queued);
    w.session.tell_proof(w.session.handed[1].correlation_id);
    w.end_turn();
    CHECK(co_await w.until([&] { return is_offered(w, ids[1]) && is_offered(w, ids[2]); }));
  };
  with_world(story);
}
