// When a session has ended, and that whoever has opened it is told once.
#include "world.hpp"

using namespace ar;
using namespace ar::test;
using Outcome = adapters::TurnEnded::Outcome;

namespace {

json const kCallback = {
    {"url", "https://caller.example/done"}, {"token", "the-token"}, {"callId", "call-7"}, {"subagentName", "reviewer"}};

struct Called {
  World world;
  explicit Called(json more = json::object()) {
    world.script.gate = "";
    more["callback"] = kCallback;
    world.spawn(more);
  }
  void takes(std::string text) {
    auto const handed = world.script.handed;
    world.send(std::move(text));
    world.until([&] { return world.script.handed > handed && world.state() == "busy"; }, "its turn runs");
  }
  void ends(Outcome outcome, std::string text = "", std::string error = "") {
    adapters::TurnEnded end;
    end.outcome = outcome;
    end.final_text = std::move(text);
    end.error = std::move(error);
    world.script.emit(std::move(end));
    world.settle();
  }
  /// What was told; null: nothing yet. More than one is a failure.
  json told() {
    world.settle();
    auto const& sent = world.receivers.sent;
    CHECK(sent.size() <= 1);
    return sent.empty() ? json() : sent.front().document();
  }
  std::string outcome() {
    auto const document = told();
    return document.is_null() ? "" : document["data"]["outcome"].get<std::string>();
  }
};

}  // namespace

TEST_CASE("ASessionHasCompletedWhenItsTurnIsOver") {
  Called called;
  called.takes("hello");
  CHECK(called.told().is_null());
  called.ends(Outcome::completed, "the answer");
  auto const document = called.told();
  REQUIRE(document.is_object());
  CHECK(document["type"] == "session.completed");
  auto const& data = document["data"];
  CHECK(data["sessionId"] == "a");
  CHECK(data["callId"] == "call-7");
  CHECK(data["subagentName"] == "reviewer");
  CHECK(data["status"] == "completed");
  CHECK(data["outcome"] == "completed");
  CHECK(data["text"] == "the answer");
  CHECK(data["turnSeq"] == 0);
  CHECK(data["turnId"].get<std::string>().size() == 36);
  CHECK(data["errorMessage"].is_null());
  auto const& sent = called.world.receivers.sent.front();
  CHECK(sent.receiver.url == "https://caller.example/done");
  CHECK(sent.header("Authorization") == "Bearer the-token");
  CHECK_FALSE(sent.header("webhook-signature").empty());
  auto const event = called.world.events("session.completed");
  REQUIRE(event.size() == 1);
  CHECK(event[0]["data"]["callId"] == "call-7");
  CHECK(event[0].dump().find("the-token") == std::string::npos);
  CHECK(called.world.agent().view().dump().find("the-token") == std::string::npos);

  called.takes("more");
  called.ends(Outcome::failed, "", "no");
  CHECK(called.told() == document);
  called.world.act("stop");
  CHECK(called.told() == document);
}

TEST_CASE("AMessageThatWaitsHoldsUpTheEnd") {
  Called called;
  called.takes("first");
  called.world.send("second");
  called.world.until([&] { return called.world.agent().queue().open().size() == 2; }, "the second waits");
  called.ends(Outcome::completed, "one");
  called.world.until([&] { return called.world.script.handed == 2 && called.world.state() == "busy"; },
                     "the second runs");
  CHECK(called.told().is_null());
  called.ends(Outcome::completed, "two");
  CHECK(called.told()["data"]["text"] == "two");
  CHECK(called.told()["data"]["turnSeq"] == 1);
}

TEST_CASE("ASessionHasFailedAsItsTurnHas") {
  {
    Called called;
    called.takes("hello");
    called.ends(Outcome::failed, "", "the model is confused");
    CHECK(called.told()["type"] == "session.failed");
    CHECK(called.told()["data"]["status"] == "failed");
    CHECK(called.outcome() == "failed");
    CHECK(called.told()["data"]["errorMessage"] == "the model is confused");
  }
  Called called;
  called.takes("hello");
  called.ends(Outcome::interrupted);
  CHECK(called.outcome() == "interrupted");
}

TEST_CASE("AProviderThatDiesInItsTurnHasInterruptedIt") {
  Called called;
  called.takes("hello");
  called.world.script.end(ExitStatus{1, 0, true});
  called.world.until([&] { return !called.told().is_null(); }, "it is told");
  CHECK(called.outcome() == "interrupted");
  called.world.until_state("idle");
  CHECK(called.outcome() == "interrupted");
}

TEST_CASE("WhatIsWithdrawnBeforeItsTurnIsCancelled") {
  Called called;
  called.world.script.gate = "not now";
  called.world.send("hello");
  called.world.until([&] { return !called.world.agent().queue().open().empty(); }, "it waits");
  CHECK(called.world.await(called.world.agent().cancel()) == 1);
  CHECK(called.outcome() == "cancelled");
}

TEST_CASE("WhatItsProviderCannotTakeHasFailed") {
  Called called;
  called.world.script.outcome = adapters::SubmitOutcome::refused;
  called.world.send("hello");
  called.world.until([&] { return !called.told().is_null(); }, "it is told");
  CHECK(called.outcome() == "failed");
}

TEST_CASE("AnAgentThatEndsBeforeAnythingIsDoneEndsItsSession") {
  {
    Called called;
    called.world.act("stop");
    called.world.until_state("stopped");
    CHECK(called.outcome() == "cancelled");
  }
  {
    Called called;
    called.world.script.dies_at_once = true;
    called.world.script.end(ExitStatus{1, 0, true});
    called.world.until_state("failed");
    CHECK(called.outcome() == "failed");
  }
  Called called;
  REQUIRE(called.world.act("suspend").has_value());
  called.world.until_state("suspended");
  CHECK(called.told().is_null());
  REQUIRE(called.world.await(called.world.supervisor().remove("a")).has_value());
  CHECK(called.outcome() == "cancelled");
}

TEST_CASE("ASessionWhoseDeadlineComesHasTimedOut") {
  {
    Called called({{"deadlineMs", 60'000}});
    called.world.pass(61s);
    CHECK(called.outcome() == "timed_out");
  }
  Called called({{"deadlineMs", 60'000}});
  called.world.script.interrupt_ends_turn = true;
  called.takes("hello");
  called.world.script.gate = "its turn runs";
  called.world.pass(61s);
  CHECK(called.outcome() == "timed_out");
  CHECK(called.told()["data"]["turnSeq"] == 0);
}

TEST_CASE("TheNextDaemonTellsWhatThisOneCouldNot") {
  Called called;
  called.takes("hello");
  called.world.receivers.before_answer = []() -> awaitable<void> { co_await sleep_for(1h); };
  called.ends(Outcome::completed, "the answer");
  called.world.until([&] { return called.world.receivers.sent.size() == 1; }, "it is being told");
  called.world.crash();
  called.world.receivers.before_answer = {};
  called.world.start();
  called.world.until([&] { return called.world.receivers.sent.size() == 2; }, "it is told again");
  auto const& sent = called.world.receivers.sent;
  CHECK(sent[0].header("webhook-id") == sent[1].header("webhook-id"));
  CHECK(sent[0].body == sent[1].body);
  called.world.crash();
  called.world.start();
  called.world.pass(10s);
  CHECK(sent.size() == 2);
}

TEST_CASE("ACallbackOutlivesItsAgent") {
  Called called;
  called.world.receivers.answers = [](ScriptedSender::Sent const&) { return SendResult{503, {}}; };
  called.world.act("stop");
  called.world.until_state("stopped");
  REQUIRE(called.world.await(called.world.supervisor().remove("a")).has_value());
  called.world.pass(5s);
  called.world.receivers.answers = {};
  auto const tries = called.world.receivers.sent.size();
  CHECK(tries > 1);
  called.world.pass(30s);
  CHECK(called.world.receivers.sent.size() == tries + 1);
  CHECK(called.world.outbox().shown()["waiting"] == 0);
}

TEST_CASE("ACallbackThatNobodyTakesIsGivenUpAfterADay") {
  Called called;
  called.world.receivers.answers = [](ScriptedSender::Sent const&) { return SendResult{0, "nobody answers"}; };
  called.takes("hello");
  called.ends(Outcome::completed);
  called.world.pass(26h);
  CHECK(called.world.outbox().shown()["waiting"] == 0);
  auto const page = called.world.ask(called.world.event_log().page("", 0, 1000));
  CHECK(std::ranges::count_if(*page, [](auto const& event) {
          auto const shown = json::parse(event.json_text);
          return shown["type"] == "callback.gave_up" && shown["data"]["callId"] == "call-7" &&
                 shown["data"]["reason"] == "nobody answers";
        }) == 1);
}

TEST_CASE("ACallbackIsCheckedBeforeAnythingIsSpawned") {
  World world;
  auto const field = [&](json callback) {
    auto const spawned = world.try_spawn({{"callback", std::move(callback)}});
    return spawned ? "" : spawned.error().field;
  };
  CHECK(field({{"token", "t"}}) == "callback.url");
  CHECK(field({{"url", "https://x.example"}}) == "callback.token");
  CHECK(field({{"url", "https://x.example"}, {"token", "a b"}}) == "callback.token");
  CHECK(field({{"url", "https://x.example"}, {"token", "a\r\nb: c"}}) == "callback.token");
  CHECK(field({{"url", "https://x.example"}, {"token", "t"}, {"callId", std::string(257, 'x')}}) == "callback.callId");
  CHECK(field({{"url", "https://x.example"}, {"token", "t"}, {"other", 1}}) == "callback.other");
}
