// The book of approvals on a frozen clock: who was first, deadlines, and what a restart leaves.
#include "daemon/agent/approvals.hpp"

#include "approval_request.hpp"
#include "daemon/store/tables/agent_table.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/post.hpp>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;
using adapters::Decision;
using ar::test::touch_request;

namespace {

/// One life of the daemon, as far as approvals go.
struct Life {
  Life(net::io_context& io, std::filesystem::path const& file, ApprovalPolicy policy = {}) {
    journal = *Journal::open(io.get_executor(), file);
    events.emplace(io.get_executor(), *journal);
    book.emplace(io.get_executor(), *journal, *events, lineage, policy);
  }
  awaitable<void> begin() {
    (void)co_await events->load();
    auto loaded = co_await book->load();
    REQUIRE(loaded.has_value());
    book->start([this](Approval const& approval) { told.push_back(approval); });
  }
  awaitable<void> end() {
    co_await book->stop();
    co_await journal->stop();
  }
  awaitable<Result<json>> decide(std::int64_t id, std::string word, std::string of_agent = {}) {
    json body = {{"decision", std::move(word)}};
    Decider who{"http", "operator"};
    co_return co_await book->decide(id, std::move(body), std::move(who), std::move(of_agent));
  }
  awaitable<std::string> status(std::int64_t id) {
    auto const shown = co_await book->show(id);
    co_return shown ? shown->value("status", "") : shown.error().code;
  }
  awaitable<std::vector<std::string>> event_types() {
    (void)co_await journal->committed();
    auto const page = co_await events->page("", 0, 1000);
    std::vector<std::string> types;
    for (auto const& event : *page) types.push_back(json::parse(event.json_text)["type"]);
    co_return types;
  }

  std::unique_ptr<Journal> journal;
  std::optional<EventLog> events;
  Lineage lineage;
  std::optional<Approvals> book;
  std::vector<Approval> told;
};

struct Room {
  ManualClock clock;
  test::TempDir dir;
  net::io_context io{1};
  std::filesystem::path file = dir.path() / "journal.db";
};

}  // namespace

TEST_CASE("TheFirstDecisionWinsAndTheOthersAreToldWho") {
  Room room;
  Life life(room.io, room.file);
  test::run(room.io, [&]() -> awaitable<void> {
    co_await life.begin();
    life.book->asked({"a"}, "p", touch_request("k"), true);
    CHECK(life.book->pending_of("a").size() == 1);
    auto const first = co_await life.decide(1, "approve");
    REQUIRE(first.has_value());
    CHECK((*first)["status"] == "approved");
    CHECK((*first)["where"] == "http");
    REQUIRE(life.told.size() == 1);
    CHECK(life.told[0].answer.decision == Decision::approve);
    auto const late = co_await life.decide(1, "deny");
    REQUIRE(!late.has_value());
    CHECK(late.error().code == "already_decided");
    CHECK(late.error().message.find("approved over http by operator") != std::string::npos);
    life.book->ended("a", "k", true);  // and the terminal is too late as well
    CHECK(co_await life.status(1) == "approved");
    CHECK(life.told.size() == 1);
    CHECK(life.book->pending_of("a").empty());
    CHECK(co_await life.event_types() == std::vector<std::string>{"approval.created", "approval.answered"});
    co_await life.end();
  });
}

TEST_CASE("WhatAToolIsGivenHoweverDeepNeverHidesTheOtherApprovals") {
  Room room;
  Life life(room.io, room.file);
  test::run(room.io, [&]() -> awaitable<void> {
    co_await life.begin();
    auto request = touch_request("k1");
    request.input = *parse_json("{\"a\":" + std::string(62, '[') + std::string(62, ']') + "}");
    life.book->asked({"a"}, "p", std::move(request), true);
    life.book->asked({"a"}, "p", touch_request("k2"), true);
    auto const listed = co_await life.book->list({});
    REQUIRE(listed.has_value());
    CHECK(parse_object(to_text(*listed)).has_value());
    CHECK(listed->at("approvals").size() == 2);
    CHECK(listed->at("approvals")[1]["input"]["cut"].get<std::string>().starts_with("{\"a\":[["));
    co_await life.end();
  });
}

TEST_CASE("ThePersonAtTheTerminalMayBeFirst") {
  Room room;
  Life life(room.io, room.file);
  test::run(room.io, [&]() -> awaitable<void> {
    co_await life.begin();
    life.book->asked({"a"}, "p", touch_request("k1"), true);
    life.book->asked({"a"}, "p", touch_request("k2"), true);
    life.book->asked({"b"}, "p", touch_request("k3"), true);
    life.book->ended("a", "k1", true);
    auto const late = co_await life.decide(1, "deny");
    REQUIRE(!late.has_value());
    CHECK(late.error().message.find("answered at the terminal") != std::string::npos);
    life.book->nothing_asked("a");
    CHECK(co_await life.status(2) == "answered");
    CHECK(co_await life.status(3) == "pending");
    life.book->ended("b", "k3", false);
    CHECK(co_await life.status(3) == "expired");
    CHECK(life.told.empty());
    co_await life.end();
  });
}

TEST_CASE("OnlyWhatIsThereAndOnesOwnCanBeDecided") {
  Room room;
  Life life(room.io, room.file);
  test::run(room.io, [&]() -> awaitable<void> {
    co_await life.begin();
    life.book->asked({"a"}, "p", touch_request("k"), true);
    CHECK((co_await life.decide(9, "approve")).error().code == "no_such_approval");
    CHECK((co_await life.decide(1, "approve", "b")).error().kind == ErrorKind::forbidden);
    CHECK((co_await life.decide(1, "approve-session")).error().code == "wrong_decision");
    CHECK((co_await life.decide(1, "perhaps")).error().kind == ErrorKind::invalid);
    CHECK(co_await life.status(1) == "pending");
    CHECK((co_await life.decide(1, "approve", "a")).has_value());
    co_await life.end();
  });
}

TEST_CASE("ADeadlineDeniesOrLeavesItToTheTerminal") {
  for (bool const deny : {false, true}) {
    Room room;
    Life life(room.io, room.file, {60s, deny});
    test::run(room.io, [&]() -> awaitable<void> {
      co_await life.begin();
      life.book->asked({"a"}, "p", touch_request("k"), true);
      (void)co_await life.journal->committed();
    });
    test::advance(room.io, room.clock, 59s);
    CHECK(life.told.empty());
    CHECK(life.book->pending_of("a").size() == 1);
    test::advance(room.io, room.clock, 1s);
    test::run(room.io, [&]() -> awaitable<void> {
      (void)co_await life.journal->committed();
      CHECK(co_await life.status(1) == (deny ? "denied" : "expired"));
      REQUIRE(life.told.size() == 1);
      CHECK(life.told[0].answer.decision == (deny ? std::optional(Decision::deny) : std::nullopt));
      auto const late = co_await life.decide(1, "approve");
      REQUIRE(!late.has_value());
      CHECK(late.error().code == "already_decided");
      CHECK(co_await life.event_types() == std::vector<std::string>{"approval.created", "approval.expired"});
      co_await life.end();
    });
  }
}

TEST_CASE("WithoutAnybodyToAskItIsDeniedAtOnce") {
  Room room;
  Life life(room.io, room.file, {60s, false});
  test::run(room.io, [&]() -> awaitable<void> {
    co_await life.begin();
    life.book->asked({"a"}, "p", touch_request("k"), false);
    (void)co_await life.journal->committed();
    CHECK(co_await life.status(1) == "denied");
    REQUIRE(life.told.size() == 1);
    CHECK(life.told[0].decider.where == "policy");
    CHECK(life.told[0].answer.reason.find("Nobody is there to ask") == 0);
    co_await life.end();
  });
}

TEST_CASE("ADialogStandsWhoeverMayBeAskedAndIsAnsweredOnItsScreen") {
  Room room;
  Life life(room.io, room.file, {60s, false});
  test::run(room.io, [&]() -> awaitable<void> {
    co_await life.begin();
    adapters::ApprovalRequest dialog;
    dialog.key = "k";
    dialog.kind = adapters::ApprovalRequest::Kind::dialog;
    dialog.summary = "the settings is open; answer it there: agent-runner attach a";
    dialog.input = {{"screen", "Settings"}};
    life.book->asked({"a"}, "p", dialog, false);
    (void)co_await life.journal->committed();
    auto const shown = co_await life.book->show(1);
    CHECK((*shown)["kind"] == "dialog");
    CHECK((*shown)["status"] == "pending");
    CHECK((*shown)["deadline"].is_null());
    CHECK((*shown)["choices"] == json::array());
    auto const decided = co_await life.decide(1, "approve");
    REQUIRE_FALSE(decided.has_value());
    CHECK(decided.error().code == "wrong_decision");
    CHECK(decided.error().message.find("agent-runner attach a") != std::string::npos);
    life.book->ended("a", "k", true);
    CHECK(co_await life.status(1) == "answered");
    CHECK(life.told.empty());
    auto const late = co_await life.decide(1, "deny");
    CHECK(late.error().message.find("was answered at the terminal") != std::string::npos);
    co_await life.end();
  });
}

TEST_CASE("ADialogIsOneRecordOverTheDaemonsDeathAndOneThatHasGoneIsOver") {
  Room room;
  auto const dialog = [](std::string key, std::string what) {
    adapters::ApprovalRequest request;
    request.key = std::move(key);
    request.kind = adapters::ApprovalRequest::Kind::dialog;
    request.summary = std::move(what);
    return request;
  };
  {
    Life life(room.io, room.file, {});
    test::run(room.io, [&]() -> awaitable<void> {
      co_await life.begin();
      life.book->asked({"a"}, "p", dialog("k1", "the settings screen is open"), true);
      life.book->asked({"b"}, "p", dialog("k2", "the settings screen is open"), true);
      life.book->asked({"c"}, "p", dialog("k3", "the settings screen is open"), true);
      (void)co_await life.journal->committed();
      co_await life.end();
    });
  }
  Life life(room.io, room.file, {});
  test::run(room.io, [&]() -> awaitable<void> {
    co_await life.begin();
    // The same; another one; none any more.
    life.book->asked({"a"}, "p", dialog("k4", "the settings screen is open"), true);
    life.book->nothing_asked("a");
    life.book->asked({"b"}, "p", dialog("k5", "the model menu is open"), true);
    life.book->nothing_asked("c");
    (void)co_await life.journal->committed();
    CHECK(co_await life.status(1) == "pending");
    CHECK(co_await life.status(2) == "answered");
    CHECK(co_await life.status(3) == "answered");
    CHECK(co_await life.status(4) == "pending");
    life.book->ended("a", "k4", true);
    CHECK(co_await life.status(1) == "answered");
    co_await life.end();
  });
}

TEST_CASE("APendingOneSurvivesTheDaemonAndIsFoundAgainUnderItsKey") {
  Room room;
  {
    Life life(room.io, room.file, {600s, false});
    test::run(room.io, [&]() -> awaitable<void> {
      co_await life.begin();
      life.book->asked({"a"}, "p", touch_request("k1"), true);
      life.book->asked({"a"}, "p", touch_request("k2"), true);
      life.book->asked({"a"}, "p", touch_request("k3"), true);
      (void)co_await life.decide(2, "deny");
      co_await life.end();
    });
  }
  Life life(room.io, room.file, {600s, false});
  test::run(room.io, [&]() -> awaitable<void> {
    co_await life.begin();
    CHECK(life.book->pending_of("a").size() == 2);
    // Not asked again yet: the decision waits for that.
    bool decided = false;
    TaskGroup tasks(room.io.get_executor(), "test");
    auto early = [&]() -> awaitable<void> { decided = (co_await life.decide(1, "approve")).has_value(); };
    tasks.spawn("early", early());
    co_await net::post(room.io, net::use_awaitable);
    CHECK(!decided);
    life.book->asked({"a"}, "p", touch_request("k1"), true);
    co_await tasks.join();
    CHECK(decided);
    CHECK(life.book->pending_of("a").size() == 1);
    REQUIRE(life.told.size() == 1);
    // Asked again although it was decided: the provider has not heard of it.
    life.book->asked({"a"}, "p", touch_request("k2"), true);
    REQUIRE(life.told.size() == 2);
    CHECK(life.told[1].answer.decision == Decision::deny);
    // The same key of another process is another request.
    life.book->asked({"a"}, "p2", touch_request("k1"), true);
    CHECK(co_await life.status(4) == "pending");
    life.book->withdraw("a");
    CHECK(co_await life.status(3) == "withdrawn");
    CHECK(co_await life.status(4) == "withdrawn");
    co_await life.end();
  });
}

TEST_CASE("WhatAProcessThatHasEndedAskedIsNoAnswerToTheNextOne") {
  Room room;
  Life life(room.io, room.file);
  test::run(room.io, [&]() -> awaitable<void> {
    co_await life.begin();
    life.book->asked({"a"}, "p", touch_request("k1"), true);
    life.book->asked({"a"}, "p", touch_request("k2"), true);
    REQUIRE((co_await life.decide(1, "approve")).has_value());
    life.book->withdraw("a");
    CHECK(co_await life.status(1) == "approved");
    CHECK(co_await life.status(2) == "withdrawn");
    life.book->asked({"a"}, "p", touch_request("k1"), true);
    life.book->asked({"a"}, "p", touch_request("k2"), true);
    CHECK(co_await life.status(3) == "pending");
    CHECK(co_await life.status(4) == "pending");
    CHECK(life.told.size() == 1);
    CHECK((co_await life.decide(1, "approve")).error().code == "already_decided");
    life.book->withdraw("a", "k2");
    life.book->asked({"a"}, "p", touch_request("k2"), true);
    CHECK(life.book->pending_of("a").size() == 2);
    co_await life.end();
  });
}

TEST_CASE("OneThatIsNotAskedAgainCannotBeDecidedFromHere") {
  Room room;
  {
    Life life(room.io, room.file);
    test::run(room.io, [&]() -> awaitable<void> {
      co_await life.begin();
      life.book->asked({"a"}, "p", touch_request("k"), true);
      co_await life.end();
    });
  }
  Life life(room.io, room.file);
  std::string code;
  TaskGroup tasks(room.io.get_executor(), "test");
  auto try_it = [&]() -> awaitable<void> {
    auto const decided = co_await life.decide(1, "approve");
    code = decided ? "decided" : decided.error().code;
  };
  test::run(room.io, [&]() -> awaitable<void> {
    co_await life.begin();
    tasks.spawn("decide", try_it());
    co_await net::post(room.io, net::use_awaitable);
  });
  test::advance(room.io, room.clock, 6s);
  test::run(room.io, [&]() -> awaitable<void> {
    co_await tasks.join();
    CHECK(code == "not_asked_again");
    CHECK(co_await life.status(1) == "pending");
    co_await life.end();
  });
}

TEST_CASE("ListsComeNewestFirstInPagesByAgentAndStatus") {
  Room room;
  Life life(room.io, room.file);
  test::run(room.io, [&]() -> awaitable<void> {
    co_await life.begin();
    for (int i = 1; i <= 5; ++i)
      life.book->asked({i % 2 ? "a" : "b"}, "p", touch_request("k" + std::to_string(i)), true);
    (void)co_await life.decide(3, "approve");
    Approvals::Filter filter;
    filter.limit = 2;
    auto const page = co_await life.book->list(filter);
    REQUIRE(page.has_value());
    CHECK((*page)["approvals"][0]["id"] == 5);
    CHECK((*page)["nextCursor"] == 4);
    filter.before = 4;
    filter.limit = 100;
    auto const rest = co_await life.book->list(filter);
    CHECK((*rest)["approvals"].size() == 3);
    CHECK_FALSE(rest->contains("nextCursor"));
    filter.limit = 3;  // a full page may be the last one as well
    CHECK_FALSE((*co_await life.book->list(filter)).contains("nextCursor"));
    Approvals::Filter of_a;
    of_a.agents = {{"a"}};
    of_a.status = "pending";
    CHECK((*co_await life.book->list(of_a))["approvals"].size() == 2);
    Approvals::Filter wrong;
    wrong.status = "open";
    CHECK((co_await life.book->list(wrong)).error().field == "status");
    life.journal->write([](Database& db) { AgentTable(db).erase("a"); });
    life.book->forget("a");
    CHECK((*co_await life.book->list({}))["approvals"].size() == 2);
    co_await life.end();
  });
}
