// Answers that a schema describes: what is checked, what is repaired, and what of that outlives a process or a daemon.
#include "daemon/delivery/answer.hpp"
#include "daemon/store/tables/turn_table.hpp"
#include "delivery_world.hpp"

using namespace ar;
using namespace ar::test::delivery;

namespace {

void wants_an_object(NewMessage& message) {
  message.payload["outputSchema"] = {{"type", "object"}};
  message.payload["replyRequested"] = true;
}

/// A turn works on it.
awaitable<bool> runs(World& w, MessageId id) {
  co_return co_await w.until([&] { return w.state(id) == DeliveryState::running && w.turns->running(); });
}

/// The newest prompt asks for a repair, and its turn runs.
awaitable<bool> repairs(World& w, std::size_t handed) {
  co_return co_await w.until([&] {
    return w.session.handed.size() == handed && w.session.handed.back().kind == "repair" && w.turns->running();
  });
}

}  // namespace

TEST_CASE("AnAnswersJsonIsAllOfItOrItsOnlyCodeBlock") {
  struct {
    char const *answer, *found;
  } const rows[] = {
      {" {\"a\": 1}\n", "{\"a\": 1}"},
      {"```json\n{}\n```", "{}"},
      {"Here it is:\n```\n[1]\n```\nThat was it.", "[1]"},
      {"```json\n{}\n```\nor\n```json\n[]\n```", "```json\n{}\n```\nor\n```json\n[]\n```"},
      {"```{}```", "```{}```"},
      {"``` unfinished\n{}", "``` unfinished\n{}"},
      {"", ""},
  };
  for (auto const& row : rows) CHECK(json_in(row.answer) == row.found);
}

TEST_CASE("ASchemaIsAnObjectOfAtMost32KiB") {
  CHECK(output_schema_of({{"outputSchema", {{"type", "object"}}}}) == "{\"type\":\"object\"}");
  CHECK(output_schema_of({{"outputSchema", true}}).empty());
  CHECK(output_schema_of({{"outputSchema", json::object()}}).empty());
  CHECK(output_schema_of({{"outputSchema", {{"title", std::string(40'000, 'x')}}}}).empty());
  CHECK(output_schema_of(nullptr).empty());
}

TEST_CASE("AnAnswerThatFitsIsTheOutput") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send(wants_an_object);
    CHECK(co_await runs(w, id));
    CHECK(w.session.handed[0].body == "hello" + schema_note("{\"type\":\"object\"}"));
    w.verdict = [&](std::string const&) { return AnswerVerdict{AnswerVerdict::Says::fits, {}}; };
    w.end_turn("As asked:\n```json\n{\"a\": 1}\n```");
    CHECK(co_await w.until([&] { return w.gone(id); }));
    REQUIRE(w.checked.size() == 1);
    CHECK(w.checked[0].first == "{\"type\":\"object\"}");
    CHECK(w.checked[0].second == "{\"a\": 1}");
    auto const replies = co_await replies_to(w, id);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].starts_with("As asked"));
    auto query = [](Database& db) -> Result<std::vector<Record>> { return TurnTable(db).page("a", 0, 1); };
    auto const turns = co_await w.journal().read(std::move(query));
    REQUIRE(turns->size() == 1);
    CHECK(parse_json(turns->front().second)->at("output")["a"] == 1);
  };
  with_world(story);
}

TEST_CASE("AnAnswerThatDoesNotFitIsRepairedBeforeAnythingElseIsHanded") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.before_proof = [&] { w.session.closed = "a turn runs"; };
    auto const end_turn = [&](char const* text) {
      w.session.closed.clear();
      w.end_turn(text);
    };
    auto const id = co_await w.send(wants_an_object);
    CHECK(co_await runs(w, id));
    auto const next = co_await w.send();
    CHECK(co_await w.until([&] { return w.queue->open().contains(next); }));
    end_turn("none");
    CHECK(co_await repairs(w, 2));
    CHECK(w.session.handed[1].body.find("it is no object") != std::string::npos);
    CHECK(w.state(id) == DeliveryState::running);
    CHECK(w.state(next) == DeliveryState::queued);
    end_turn("{}");
    CHECK(co_await w.until([&] { return w.gone(id) && w.state(next) == DeliveryState::running; }));
    CHECK(co_await replies_to(w, id) == std::vector<std::string>{"{}"});
    end_turn("");
    CHECK(co_await w.until([&] { return w.gone(next); }));
    CHECK(w.checked.size() == 2);
  };
  with_world(story);
}

TEST_CASE("AnAnswerIsRepairedThreeTimesAtMost") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send(wants_an_object);
    CHECK(co_await runs(w, id));
    for (std::size_t handed = 2; handed <= 4; ++handed) {
      w.end_turn("none");
      CHECK(co_await repairs(w, handed));
    }
    w.end_turn("none");
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.session.handed.size() == 4);
    auto const replies = co_await replies_to(w, id);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].find("the answer does not fit outputSchema: it is no object") != std::string::npos);
  };
  with_world(story);
}

TEST_CASE("WhatCannotBeCheckedFailsAtOnce") {
  using Says = AnswerVerdict::Says;
  for (auto const says : {Says::bad_schema, Says::cannot_tell}) {
    auto story = [says](World& w) -> awaitable<void> {
      w.verdict = [says](std::string const&) { return AnswerVerdict{says, "words"}; };
      w.check_throws = says == Says::cannot_tell;
      auto const id = co_await w.send(wants_an_object);
      CHECK(co_await runs(w, id));
      w.end_turn("{}");
      CHECK(co_await w.until([&] { return w.gone(id); }));
      CHECK(w.session.handed.size() == 1);
      CHECK((co_await replies_to(w, id)).size() == 1);
    };
    with_world(story);
  }
}

TEST_CASE("ATurnThatFailsIsNotChecked") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send(wants_an_object);
    CHECK(co_await runs(w, id));
    w.queue->outcomes().on_turn_ended(unseen_end("a person"));
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.checked.empty());
  };
  with_world(story);
}

TEST_CASE("ARepairThatWaitsGoesToTheNextProcess") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send(wants_an_object);
    CHECK(co_await runs(w, id));
    w.session.closed = "a dialog";
    w.end_turn("none");
    CHECK(co_await w.until([&] { return w.queue->open().size() == 2; }));
    w.has_process = false;
    co_await w.queue->outcomes().on_process_gone();
    CHECK(w.state(id) == DeliveryState::running);
    w.session.closed.clear();
    w.has_process = true;
    w.queue->outcomes().on_ready();
    CHECK(co_await repairs(w, 2));
    w.end_turn("{}");
    CHECK(co_await w.until([&] { return w.gone(id); }));
  };
  with_world(story);
}

TEST_CASE("ARepairThatIsCutOffFailsItsMessage") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send(wants_an_object);
    CHECK(co_await runs(w, id));
    w.end_turn("none");
    CHECK(co_await repairs(w, 2));
    w.has_process = false;
    co_await w.queue->outcomes().on_process_gone();
    CHECK(co_await w.until([&] { return w.queue->open().empty(); }));
    auto const replies = co_await replies_to(w, id);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].find("interrupted") != std::string::npos);
  };
  with_world(story);
}

TEST_CASE("NobodyWaitsForTheRepairOfAnAgentThatIsStopped") {
  for (bool const stops_before : {true, false}) {
    auto story = [stops_before](World& w) -> awaitable<void> {
      auto const id = co_await w.send(wants_an_object);
      CHECK(co_await runs(w, id));
      w.session.closed = "a dialog";
      w.resting = stops_before;
      w.end_turn("none");
      if (!stops_before) {
        CHECK(co_await w.until([&] { return w.queue->open().size() == 2; }));
        w.has_process = false;
        co_await w.queue->outcomes().on_process_gone();
        w.resting = true;
        w.queue->outcomes().on_rest(true);
      }
      CHECK(co_await w.until([&] { return w.queue->open().empty(); }));  // the note too
      CHECK((co_await replies_to(w, id)).size() == 1);
    };
    with_world(story);
  }
}

TEST_CASE("ACancelledRepairEndsItsMessage") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send(wants_an_object);
    CHECK(co_await runs(w, id));
    w.session.closed = "a dialog";
    w.end_turn("none");
    CHECK(co_await w.until([&] { return w.queue->open().size() == 2; }));
    CHECK(w.queue->outcomes().withdraw_waiting("") == 1);
    CHECK(co_await w.until([&] { return w.queue->open().empty(); }));
    CHECK((co_await replies_to(w, id)).size() == 1);
  };
  with_world(story);
}

TEST_CASE("ADaemonKilledAroundACheckGoesOnWithIt") {
  enum class Killed { before_check, before_repair, in_repair };
  for (auto const killed : {Killed::before_check, Killed::before_repair, Killed::in_repair}) {
    CAPTURE(static_cast<int>(killed));
    test::TempDir temp;
    net::io_context io(1);
    MessageId id = 0;
    std::int64_t turns = 0;
    {
      World before(io, temp.path());
      test::run(io, [&]() -> awaitable<void> {
        co_await before.load();
        id = co_await before.send(wants_an_object);
        CHECK(co_await runs(before, id));
        before.check_waits = killed == Killed::before_check;
        if (killed == Killed::before_repair) before.session.closed = "a dialog";
        before.end_turn("none");
        if (killed == Killed::before_check)
          CHECK(co_await before.until([&] { return !before.checked.empty(); }));
        else
          CHECK(co_await before.until([&] { return before.queue->open().size() == 2; }));
        if (killed == Killed::in_repair) CHECK(co_await repairs(before, 2));
        turns = before.turns_numbered;
        co_await before.end();
      });
    }
    World after(io, temp.path());
    after.turns_numbered = turns;
    test::run(io, [&]() -> awaitable<void> {
      bool const in_repair = killed == Killed::in_repair;
      co_await after.load(in_repair ? World::Provider::adopted_busy : World::Provider::adopted_at_rest);
      if (!in_repair) CHECK(co_await repairs(after, 1));
      if (in_repair) CHECK(co_await after.until([&] { return after.turns->running() != nullptr; }));
      after.end_turn("{}");
      CHECK(co_await after.until([&] { return after.queue->open().empty(); }));
      CHECK(co_await replies_to(after, id) == std::vector<std::string>{"{}"});
      co_await after.end();
    });
  }
}
