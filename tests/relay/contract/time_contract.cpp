// What the bus does by itself as time passes, and the hints it gives.
#include "relay/contract/contract.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

BusLimits keep_for(milliseconds time) {
  BusLimits limits;
  limits.retention = time;
  return limits;
}

/// Collects the hints of one identity.
struct Listener {
  std::vector<MessageId> messages;
  std::vector<std::int64_t> commands;
  std::unique_ptr<Subscription> subscription;

  Listener(Contract& t, Identity who, std::string runner = {}) {
    BusHints hints;
    hints.message = [this](Message const& m) { messages.push_back(m.id); };
    hints.command = [this](Command const& c) { commands.push_back(c.id); };
    subscription = t.bus().subscribe(std::move(who), std::move(runner), std::move(hints));
  }
};

}  // namespace

TEST_CASE("UnreadMessageExpiresAndItsSenderIsTold") {
  Contract t(keep_for(hours(24)));
  auto const id = t.send(message_to("nobody")).id;
  t.advance(hours(23));
  CHECK(t.unread(agent("nobody")) == std::vector{id});
  t.advance(hours(1));
  CHECK(t.unread(agent("nobody")).empty());
  auto const told = t.good(t.bus().unread(agent("alice"), 10));
  REQUIRE(told.size() == 1);
  CHECK(told[0].from == "system");
  CHECK(told[0].kind == "expired");
  CHECK(told[0].reply_to == id);
  CHECK(told[0].payload["messageId"] == id);
  CHECK(told[0].payload["unreadBy"] == json::array({"nobody"}));
  CHECK(told[0].body.find("24 hours") != std::string::npos);
  auto const letters = t.good(t.bus().dead_letters());
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].message.id == id);
  CHECK(letters[0].reason == "expired");
}

TEST_CASE("MessageThatExpiredWhileTheBusWasClosedIsReportedToo") {
  Contract t(keep_for(hours(24)));
  t.send(message_to("nobody"));
  t.advance(hours(23));
  t.restart();
  t.advance(hours(2));
  CHECK(t.unread(agent("alice")).size() == 1);
}

TEST_CASE("ExpiredMessageCanBeRequeued") {
  Contract t(keep_for(hours(24)));
  auto const plain = t.send(message_to("nobody")).id;
  auto const work = t.send(work_for("tag:team")).id;
  t.advance(hours(24));
  CHECK(t.good(t.bus().dead_letters()).size() == 2);
  t.good(t.bus().requeue(plain));
  t.good(t.bus().requeue(work));
  CHECK(t.unread(agent("nobody", "", {"team"})) == std::vector{plain, work});
  t.advance(hours(23));
  CHECK(t.unread(agent("nobody", "", {"team"})) == std::vector{plain, work});
}

TEST_CASE("WhatWasReadOrFinishedGoesQuietly") {
  Contract t(keep_for(hours(24)));
  auto const plain = t.send(message_to("worker")).id;
  t.good(t.bus().mark_read(plain, "worker"));
  auto const work = t.send(work_for("worker")).id;
  t.good(t.bus().finish(work, t.good(t.bus().claim(work, "worker")).token));
  t.advance(hours(24));
  CHECK(t.unread(agent("alice")).empty());
  CHECK(t.good(t.bus().dead_letters()).empty());
  CHECK(t.code(t.bus().message(plain)) == "unknown_message");
  CHECK(t.code(t.bus().message(work)) == "unknown_message");
  CHECK(t.send(message_to("worker")).id > work);
}

TEST_CASE("NoticeThatNobodyReadsIsNotAnsweredByANotice") {
  Contract t(keep_for(hours(24)));
  t.send(message_to("nobody"));
  for (int day = 0; day < 5; ++day) {
    t.advance(hours(24));
    CHECK(t.good(t.bus().messages({})).size() <= 2);
  }
  CHECK(t.good(t.bus().messages({})).empty());
}

TEST_CASE("SenderIsToldWhoOfAGroupHasNotRead") {
  Contract t(keep_for(hours(24)));
  t.add(agent("a"));
  t.add(agent("b"));
  auto const id = t.send(message_to("broadcast")).id;
  t.good(t.bus().mark_read(id, "a"));
  t.advance(hours(24));
  auto const told = t.good(t.bus().unread(agent("alice"), 10));
  REQUIRE(told.size() == 1);
  CHECK(told[0].payload["unreadBy"] == json::array({"b"}));
}

TEST_CASE("MessageInAHoldersHandsDoesNotExpire") {
  Contract t(keep_for(minutes(20)));
  auto const id = t.send(work_for("worker")).id;
  t.advance(minutes(10));
  auto const claim = t.good(t.bus().claim(id, "worker"));
  t.advance(minutes(14));
  t.good(t.bus().renew(id, claim.token));
  t.advance(minutes(14));
  t.good(t.bus().finish(id, claim.token));
  CHECK(t.unread(agent("alice")).empty());
}

TEST_CASE("AttachmentIsKeptAsLongAsAMessageNeedsIt") {
  Contract t(keep_for(hours(24)));
  auto const needed = t.good(t.bus().put_attachment("n", "", "needed"));
  auto const loose = t.good(t.bus().put_attachment("l", "", "loose"));
  t.advance(hours(12));
  auto said = message_to("worker");
  said.attachments = {needed.id};
  auto const id = t.send(said).id;
  t.good(t.bus().mark_read(id, "worker"));
  t.send(message_to("tick"));
  t.advance(hours(11));
  t.restart();
  t.advance(hours(1));
  t.good(t.bus().attachment_bytes(needed.id));
  t.advance(hours(12));
  CHECK(t.code(t.bus().attachment_bytes(needed.id)) == "unknown_attachment");
  CHECK(t.code(t.bus().attachment_bytes(loose.id)) == "unknown_attachment");
}

TEST_CASE("HintsGoToEveryoneAMessageOrCommandIsFor") {
  Contract t;
  Listener direct(t, agent("worker"), "runner-1"), team(t, agent("b", "", {"team"}), "runner-2"),
      stranger(t, agent("c"), "runner-3"), second(t, agent("worker", "", {"team"}), "runner-4");
  auto const to_worker = t.send(message_to("worker")).id;
  auto const to_team = t.send(work_for("tag:team")).id;
  auto const repeated = [&] {
    auto said = message_to("worker");
    said.idempotency_key = "k";
    t.send(said);
    return t.send(said).id;
  }();
  CHECK(direct.messages == std::vector{to_worker, repeated});
  CHECK(team.messages == std::vector{to_team});
  CHECK(second.messages == std::vector{to_worker, to_team, repeated});
  CHECK(stranger.messages.empty());
  auto const by_agent = t.good(t.bus().send_command("agent.kill", "worker", json::object(), std::nullopt)).id;
  auto const by_runner = t.good(t.bus().send_command("agent.kill", "runner-1", json::object(), std::nullopt)).id;
  CHECK(direct.commands == std::vector{by_agent, by_runner});
  CHECK(second.commands == std::vector{by_agent});
  CHECK(team.commands.empty());
}

TEST_CASE("RefusedSendGivesNoHint") {
  Contract t;
  Listener worker(t, agent("worker"));
  auto bad = message_to("worker");
  bad.attachments = {"missing"};
  CHECK(t.code(t.bus().send(bad)) == "unknown_attachment");
  CHECK(worker.messages.empty());
}

TEST_CASE("MessageThatBecomesClaimableAgainIsHinted") {
  Contract t;
  auto const id = t.send(work_for("tag:team")).id;
  auto const claim = t.good(t.bus().claim(id, "a"));
  Listener team(t, agent("b", "", {"team"}));
  SUBCASE("released") { t.good(t.bus().release(id, claim.token, milliseconds(0))); }
  SUBCASE("by the end of its lease, without anybody asking") { t.advance(t.bus().limits().lease); }
  SUBCASE("by the end of its delay, without anybody asking") {
    t.good(t.bus().release(id, claim.token, minutes(5)));
    t.advance(minutes(4));
    CHECK(t.unread(agent("b", "", {"team"})).empty());
    CHECK(team.messages.empty());
    t.advance(minutes(1));
  }
  t.wait_until([&] { return !team.messages.empty(); });
  CHECK(team.messages == std::vector{id});
}

TEST_CASE("SenderIsHintedAtTheExpiryOfItsMessage") {
  Contract t(keep_for(hours(24)));
  t.send(message_to("nobody"));
  Listener sender(t, agent("alice"));
  t.advance(hours(24));
  t.wait_until([&] { return !sender.messages.empty(); });
  CHECK(t.unread(agent("alice")) == sender.messages);
}

TEST_CASE("SenderOfWorkThatBecomesADeadLetterIsToldOnce") {
  BusLimits limits;
  limits.max_deliveries = 1;
  Contract t(limits);
  auto const id = t.send(work_for("tag:team")).id;
  auto const claim = t.good(t.bus().claim(id, "a"));
  std::vector<MessageId> told;
  {
    Listener sender(t, agent("alice"));
    SUBCASE("by a release") { t.good(t.bus().release(id, claim.token, milliseconds(0))); }
    SUBCASE("by the end of its lease, without anybody asking") { t.advance(limits.lease); }
    t.wait_until([&] { return !sender.messages.empty(); });
    told = sender.messages;
  }
  CHECK(t.unread(agent("alice")) == told);
  auto const notice = t.good(t.bus().message(told.at(0)));
  CHECK(notice.from == "system");
  CHECK(notice.kind == "dead-letter");
  CHECK(notice.reply_to == id);
  CHECK(notice.payload["outcome"] == "dead");
  CHECK(t.good(t.bus().dead_letters()).size() == 1);
  t.restart();
  t.advance(minutes(1));
  CHECK(t.unread(agent("alice")) == told);
}

TEST_CASE("RequeuedDeadLetterIsHinted") {
  BusLimits limits;
  limits.max_deliveries = 1;
  Contract t(limits);
  auto const id = t.send(work_for("worker")).id;
  auto const claim = t.good(t.bus().claim(id, "worker"));
  Listener worker(t, agent("worker"));
  t.good(t.bus().release(id, claim.token, milliseconds(0)));
  CHECK(worker.messages.empty());
  t.good(t.bus().requeue(id));
  CHECK(worker.messages == std::vector{id});
}

TEST_CASE("SubscriptionMayEndInsideItsOwnHint") {
  Contract t;
  Listener other(t, agent("worker"));
  std::unique_ptr<Subscription> mine;
  int hints = 0;
  BusHints callbacks;
  callbacks.message = [&, keep = std::string("alive until the call returns")](Message const&) {
    mine.reset();
    other.subscription.reset();
    ++hints;
    CHECK(keep == "alive until the call returns");
  };
  mine = t.bus().subscribe(agent("worker"), "", std::move(callbacks));
  Listener last(t, agent("worker"));
  t.send(message_to("worker"));
  t.send(message_to("worker"));
  CHECK(hints == 1);
  CHECK(other.messages.size() == 1);
  CHECK(last.messages.size() == 2);
}

TEST_CASE("SubscriptionEndedInsideAnEarlierHintIsNotCalledAnyMore") {
  Contract t;
  std::unique_ptr<Listener> later;
  BusHints callbacks;
  callbacks.message = [&](Message const&) { later->subscription.reset(); };
  auto const first = t.bus().subscribe(agent("worker"), "", std::move(callbacks));
  later = std::make_unique<Listener>(t, agent("worker"));
  t.send(message_to("worker"));
  CHECK(later->messages.empty());
}
