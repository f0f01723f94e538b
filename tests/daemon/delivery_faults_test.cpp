// A fault in an adapter or of the bus costs one answer: nothing waits for ever, and nothing is lost or forgotten.
#include "adapters/image.hpp"
#include "delivery_world.hpp"

#include <stdexcept>

using namespace ar;
using namespace ar::test::delivery;

TEST_CASE("AnAdapterThatThrowsLeavesTheMessageUnknownAndTheAgentCanBeEnded") {
  with_world([](World& w) -> awaitable<void> {
    bool throws = true;
    w.session.on_hand = [&](Prompt const&) -> SubmitResult {
      if (throws) throw std::runtime_error("a bug");
      return {SubmitOutcome::accepted};
    };
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::unknown; }));
    CHECK(w.queue->open().at(id).reason.find("fault of agent-runner") != std::string::npos);
    SUBCASE("and the record says that it was not taken") { w.session.says = RecordedOutcome::absent; }
    SUBCASE("and its process is ended") { w.has_process = false; }
    throws = false;
    if (w.has_process) {
      w.queue->outcomes().on_gate_changed();
    } else {
      co_await w.queue->outcomes().on_process_gone();
      w.has_process = true;
      w.queue->outcomes().on_ready();
    }
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    CHECK(w.session.handed.size() == 2);
  });
}

TEST_CASE("ARecordThatThrowsIsAskedAgainAndHoldsUpNoEnd") {
  with_world([](World& w) -> awaitable<void> {
    w.session.on_hand = without_proof;
    w.session.look_up_throws = true;
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.session.look_ups > 0 && w.state(id) == DeliveryState::unknown; }));
    SUBCASE("in a process that lives on") {
      w.session.look_up_throws = false;
      w.session.says = RecordedOutcome::accepted;
      w.queue->outcomes().on_gate_changed();
    }
    SUBCASE("in one that ends") {
      w.has_process = false;
      w.offline_throws = true;
      co_await w.queue->outcomes().on_process_gone();
      co_await sleep_for(50ms);
      CHECK(w.state(id) == DeliveryState::unknown);
      w.offline_throws = false;
      w.offline_says = RecordedOutcome::accepted;
      w.has_process = true;
      w.queue->outcomes().on_ready();
    }
    CHECK(co_await w.until([&] { return w.gone(id) || w.queue->open().at(id).is_taken(); }));
    CHECK(w.session.handed.size() == 1);
  });
}

TEST_CASE("ARecordThatThrowsLeavesTheEndUnseenAndTheAgentCanBeEnded") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.record_throws = true;
    SUBCASE("looked up") {
      TurnEnded end;
      end.outcome = TurnEnded::Outcome::unseen;
      w.queue->outcomes().on_turn_ended(end);
    }
    SUBCASE("at the end of its process") {
      co_await w.queue->outcomes().on_process_gone();
      w.queue->outcomes().on_ready();
    }
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto const next = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(next) == DeliveryState::running; }));
  });
}

TEST_CASE("TheTriesForAClaimAreNoneForItsAttachments") {
  with_world([](World& w) -> awaitable<void> {
    auto const stored = co_await w.bus->put_attachment("notes.txt", "text/plain", "of some length");
    REQUIRE(stored.has_value());
    auto const away = unavailable("away", "the bus is away");
    w.faulty->faults["claim"] = away;
    auto const id = co_await w.send([&](NewMessage& m) {
      m.claimable = true;
      m.attachments = {stored->id};
    });
    CHECK(co_await w.until([&] { return w.faulty->calls["claim"] >= 3; }));
    w.faulty->faults.clear();
    w.faulty->faults["attachment_bytes"] = away;
    CHECK(co_await w.until([&] { return w.faulty->calls["attachment_bytes"] >= 2; }));
    w.faulty->faults.clear();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    auto const& lines = w.session.handed.at(0).attachments;
    REQUIRE(lines.size() == 1);
    CHECK_MESSAGE(lines[0].find("missing") == std::string::npos, lines[0]);
    CHECK(w.queue->open().at(id).attempts == 1);
  });
}

TEST_CASE("WhatAnImageIsItsBytesSayAndNotItsSender") {
  with_world([](World& w) -> awaitable<void> {
    std::string const png("\x89PNG\r\n\x1a\n");
    auto const put = [&](std::string name, std::string type, std::string bytes) -> awaitable<std::string> {
      auto const stored = co_await w.bus->put_attachment(std::move(name), std::move(type), std::move(bytes));
      REQUIRE(stored.has_value());
      co_return stored->id;
    };
    std::vector<std::string> ids;
    ids.push_back(co_await put("pasted", "application/octet-stream", png));
    ids.push_back(co_await put("posing.png", "image/png", "#!/bin/sh"));
    ids.push_back(co_await put("huge.png", "image/png", png + std::string(adapters::kMostImageBytes, '\0')));
    ids.push_back(co_await put("photo.jpg", "image/jpeg", "\xff\xd8\xff\xe0"));
    auto const id = co_await w.send([&](NewMessage& m) { m.attachments = ids; });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    auto const& handed = w.session.handed.at(0);
    REQUIRE(handed.attachments.size() == 4);
    REQUIRE(handed.images.size() == 2);
    CHECK(handed.images[0] == handed.attachments[0]);
    CHECK(handed.images[1] == handed.attachments[3]);
  });
}

TEST_CASE("OnlyTheBussOwnWordLosesAClaim") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](NewMessage& m) { m.claimable = true; });
    w.faulty->faults["mark_read"] = internal("disk", "the database is damaged");
    CHECK(co_await w.until([&] { return w.faulty->calls["mark_read"] > 1; }));
    CHECK_FALSE(w.queue->open().at(id).acknowledged);
    CHECK_FALSE(w.queue->open().at(id).claim_token.empty());
    w.faulty->faults.clear();
    CHECK(co_await w.until([&] { return w.queue->open().at(id).acknowledged; }));
    w.faulty->faults["finish"] = internal("disk", "the database is damaged");
    w.end_turn();
    CHECK(co_await w.until([&] { return w.faulty->calls["finish"] > 1; }));
    CHECK_FALSE(w.gone(id));
    w.faulty->faults.clear();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK((co_await w.bus->claim(id, "other")).error().code == "finished");
  });
}

TEST_CASE("WhatWaitsForAStoppedAgentTakesLittleMemoryAndComesInOrder") {
  test::TempDir temp;
  net::io_context io(1);
  World w(io, temp.path());
  auto const story = [&]() -> awaitable<void> {
    co_await w.load();
    w.has_process = false;
    std::vector<MessageId> ids;
    // Bodies of 1 MiB first, then many short ones.
    for (int i = 0; i < 1100; ++i)
      ids.push_back(
          co_await w.send([&](NewMessage& m) { m.body = i < 20 ? std::string(1'000'000, 'x') : std::to_string(i); }));
    std::size_t kept = 0;
    for (auto const& [id, d] : w.queue->open())
      if (d.content) kept += d.content->body.size();
    CHECK(kept <= 8U << 20);
    CHECK(w.queue->open().size() == 1000);
    auto const urgent = co_await w.send([](NewMessage& m) { m.payload["urgent"] = true; });
    CHECK(w.queue->open().contains(urgent));
    w.has_process = true;
    w.queue->outcomes().on_ready();
    std::vector<MessageId> handed;
    while (handed.size() < ids.size()) {
      auto const already = w.session.handed.size();
      REQUIRE(co_await w.until([&] { return w.turns->running(); }));
      w.end_turn();
      if (w.queue->intake().wants_more()) co_await w.queue->intake().fetch_more(w.who);
      REQUIRE(co_await w.until([&] { return w.session.handed.size() > already || w.queue->open().empty(); }));
      handed.clear();
      for (auto const& prompt : w.session.handed)
        if (prompt.message_id != urgent) handed.push_back(prompt.message_id);
    }
    CHECK(handed == ids);
    w.end_turn();
    CHECK(co_await w.until([&] { return w.session.handed.size() > ids.size(); }));
    CHECK(w.session.handed.size() == ids.size() + 1);
    CHECK(w.session.handed.at(0).body.size() == 1'000'000);
    co_await w.end();
  };
  test::run(io, story, 120s);
}
