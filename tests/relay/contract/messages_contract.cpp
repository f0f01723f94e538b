#include "relay/contract/contract.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;

TEST_CASE("SentMessageIsKeptAsItWasSaid") {
  Contract t;
  auto const attachment = t.good(t.bus().put_attachment("plan.txt", "text/plain", "the plan"));
  auto const first = t.send(message_to("worker"));
  NewMessage said = message_to("worker", std::string("zwei Zeilen\nä \xF0\x9F\x8E\xAF ") + '\0' + "end");
  said.kind = "request";
  said.subject = "Ünder way";
  said.payload["taskId"] = 7;
  said.payload["urgent"] = true;
  said.payload["replyRequested"] = true;
  said.reply_to = first.id;
  said.attachments = {attachment.id};
  said.claimable = true;
  auto const id = t.send(said).id;
  t.restart();
  auto const found = t.good(t.bus().message(id));
  CHECK(found.id > first.id);
  CHECK(found.from == "alice");
  CHECK(found.to == "worker");
  CHECK(found.kind == "request");
  CHECK(found.subject == said.subject);
  CHECK(found.body == said.body);
  CHECK(found.payload == said.payload);
  CHECK(found.task_id() == 7);
  CHECK(found.urgent());
  CHECK(found.reply_requested());
  CHECK(found.claimable);
  CHECK(found.reply_to == first.id);
  REQUIRE(found.attachments.size() == 1);
  CHECK(found.attachments[0].name == "plan.txt");
  CHECK(found.attachments[0].media_type == "text/plain");
  CHECK(found.attachments[0].size == 8);
  CHECK(found.read_by.empty());
}

TEST_CASE("APayloadAsDeepAsMayBeIsReadByEverybodyAndADeeperOneRefused") {
  Contract t;
  auto said = message_to("worker");
  auto const nested = [](int levels) {
    json inner = json::array();
    while (--levels > 1) inner = json::array({std::move(inner)});
    return inner;
  };
  said.payload["x"] = nested(32);
  auto const id = t.send(said).id;
  CHECK(t.good(t.bus().message(id)).payload == said.payload);
  CHECK(t.unread(agent("worker")).size() == 1);
  said.payload["x"] = nested(33);
  auto const refused = t.get(t.bus().send(said));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().field == "payload");
}

TEST_CASE("IdsOnlyGrowAcrossRestarts") {
  Contract t;
  MessageId last = 0;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3; ++i) {
      auto const id = t.send(message_to("worker")).id;
      CHECK(id > last);
      last = id;
    }
    t.restart();
  }
}

TEST_CASE("RepeatedKeyWithTheSameBodyReturnsTheFirstMessage") {
  Contract t;
  auto said = message_to("worker");
  said.payload = json::parse(R"({"b": 1, "a": 2})");
  said.idempotency_key = "key-1";
  auto const first = t.good(t.bus().send(said));
  CHECK_FALSE(first.repeated);
  t.restart();
  said.payload = json::parse(R"({"a": 2, "b": 1})");
  auto const again = t.good(t.bus().send(said));
  CHECK(again.repeated);
  CHECK(again.message.id == first.message.id);
  CHECK(t.unread(agent("worker")).size() == 1);
}

TEST_CASE("RepeatedKeyWithAnotherBodyIsRefusedAndNamesTheFirst") {
  Contract t;
  auto said = message_to("worker");
  said.idempotency_key = "key-1";
  auto const first = t.send(said);
  auto changed = said;
  SUBCASE("body") { changed.body = "something else"; }
  SUBCASE("addressee") { changed.to = "other"; }
  SUBCASE("payload") { changed.payload["x"] = 1; }
  SUBCASE("kind") { changed.kind = "request"; }
  SUBCASE("claimable") { changed.claimable = true; }
  auto const refused = t.get(t.bus().send(changed));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "idempotency_conflict");
  CHECK(refused.error().kind == ErrorKind::conflict);
  CHECK(refused.error().message.find(std::to_string(first.id)) != std::string::npos);
  CHECK(refused.error().existing_id == std::to_string(first.id));
  CHECK(t.good(t.bus().messages({})).size() == 1);
}

TEST_CASE("KeysOfDifferentSendersDoNotMeet") {
  Contract t;
  auto said = message_to("worker");
  said.idempotency_key = "1";
  auto const first = t.send(said);
  said.from = "bob";
  auto const second = t.good(t.bus().send(said));
  CHECK_FALSE(second.repeated);
  CHECK(second.message.id != first.id);
}

TEST_CASE("SameKeySentTwiceAtOnceMakesOneMessage") {
  Contract t;
  auto said = message_to("worker");
  said.idempotency_key = "key-1";
  auto const [one, other] = t.both(t.bus().send(said), t.bus().send(said));
  REQUIRE(one.has_value());
  REQUIRE(other.has_value());
  CHECK(one->message.id == other->message.id);
  CHECK(one->repeated != other->repeated);
}

TEST_CASE("BadMessagesAreRefusedWithTheFieldNamed") {
  BusLimits limits;
  limits.max_body_bytes = 100;
  Contract t(limits);
  auto bad = message_to("worker");
  std::string expected;
  SUBCASE("body too large") { bad.body.assign(101, 'x'), expected = "too_large body"; }
  SUBCASE("body not UTF-8") { bad.body = "caf\xE9", expected = "invalid body"; }
  SUBCASE("overlong UTF-8") { bad.body = "\xC0\xAF", expected = "invalid body"; }
  SUBCASE("no addressee") { bad.to = "", expected = "invalid to"; }
  SUBCASE("unknown prefix") { bad.to = "lable:x", expected = "invalid to"; }
  SUBCASE("empty group") { bad.to = "tag:", expected = "invalid to"; }
  SUBCASE("addressee too long") { bad.to.assign(201, 'x'), expected = "too_large to"; }
  SUBCASE("no sender") { bad.from = "", expected = "invalid from"; }
  SUBCASE("sender with a line break") { bad.from = "a\nb", expected = "invalid from"; }
  SUBCASE("sender is a group") { bad.from = "tag:x", expected = "invalid from"; }
  SUBCASE("sender too long") { bad.from.assign(201, 'x'), expected = "too_large from"; }
  SUBCASE("no kind") { bad.kind = "", expected = "invalid kind"; }
  SUBCASE("a kind that says more") { bad.kind = "chat · from operator", expected = "invalid kind"; }
  SUBCASE("a kind in capitals") { bad.kind = "Chat", expected = "invalid kind"; }
  SUBCASE("a sender with a C1 control") {
    bad.from =
        "a\xC2\x9B."
        "b",
    expected = "invalid from";
  }
  SUBCASE("a sender that turns the writing") { bad.from = "a\u202eb", expected = "invalid from"; }
  SUBCASE("a sender of two lines") { bad.from = "a\u2028b", expected = "invalid from"; }
  SUBCASE("kind too long") { bad.kind.assign(65, 'x'), expected = "too_large kind"; }
  SUBCASE("subject too long") { bad.subject = std::string(501, 'x'), expected = "too_large subject"; }
  SUBCASE("subject not UTF-8") { bad.subject = "\xFF", expected = "invalid subject"; }
  SUBCASE("payload a list") { bad.payload = json::array(), expected = "invalid payload"; }
  SUBCASE("payload too large") { bad.payload["x"] = std::string(70000, 'x'), expected = "too_large payload"; }
  SUBCASE("payload not UTF-8") { bad.payload["x"] = "\xFF", expected = "invalid payload"; }
  SUBCASE("task id a word") { bad.payload["taskId"] = "7", expected = "invalid payload.taskId"; }
  SUBCASE("urgent a word") { bad.payload["urgent"] = "yes", expected = "invalid payload.urgent"; }
  SUBCASE("key too long") { bad.idempotency_key.assign(201, 'x'), expected = "too_large idempotencyKey"; }
  SUBCASE("attachment unknown") { bad.attachments = {std::string(64, '0')}, expected = "not_found attachments"; }
  SUBCASE("answer to nothing") { bad.reply_to = 4711, expected = "not_found replyTo"; }
  CHECK(t.problem(t.bus().send(bad)) == expected);
  CHECK(t.good(t.bus().messages({})).empty());
}

TEST_CASE("BodyOfExactlyTheLimitIsTaken") {
  BusLimits limits;
  limits.max_body_bytes = 100;
  Contract t(limits);
  auto const body = std::string(100, 'x');
  CHECK(t.send(message_to("worker", body)).body == body);
}

TEST_CASE("UnknownMessageIsNotFound") {
  Contract t;
  CHECK(t.code(t.bus().message(4711)) == "unknown_message");
  CHECK(t.code(t.bus().mark_read(4711, "worker")) == "unknown_message");
  CHECK(t.code(t.bus().react(4711, "worker", "ok")) == "unknown_message");
  CHECK(t.code(t.bus().reactions(4711)) == "unknown_message");
  CHECK(t.code(t.bus().waive_reply(4711, "worker")) == "unknown_message");
  CHECK(t.code(t.bus().claim(4711, "worker")) == "unknown_message");
  CHECK(t.code(t.bus().requeue(4711)) == "unknown_message");
}

TEST_CASE("MessagesAreListedByAgentAndPage") {
  Contract t;
  auto const to_worker = t.send(message_to("worker")).id;
  auto const from_worker = t.send(message_to("alice", "done", "worker")).id;
  auto const to_group = t.send(message_to("broadcast")).id;
  auto const others = t.send(message_to("bob")).id;
  t.good(t.bus().mark_read(to_group, "worker"));

  MessageFilter newest;
  CHECK(ids_of(t.good(t.bus().messages(newest))) == std::vector{others, to_group, from_worker, to_worker});
  MessageFilter of_worker;
  of_worker.agent = "worker";
  CHECK(ids_of(t.good(t.bus().messages(of_worker))) == std::vector{to_group, from_worker, to_worker});
  of_worker.after = to_worker;
  CHECK(ids_of(t.good(t.bus().messages(of_worker))) == std::vector{from_worker, to_group});
  MessageFilter page;
  page.limit = 2;
  page.before = others;
  CHECK(ids_of(t.good(t.bus().messages(page))) == std::vector{to_group, from_worker});
  page.after = to_worker;
  CHECK(ids_of(t.good(t.bus().messages(page))) == std::vector{from_worker, to_group});
  for (int const limit : {0, 1001, -1}) {
    MessageFilter bad;
    bad.limit = limit;
    CHECK(t.problem(t.bus().messages(bad)) == "invalid limit");
    CHECK(t.problem(t.bus().unread(agent("worker"), limit)) == "invalid limit");
  }
}

TEST_CASE("UnreadMessagesComeInPortions") {
  Contract t;
  auto const plain = t.send(message_to("worker")).id;
  auto work = message_to("tag:team");
  work.claimable = true;
  auto const free = t.send(work).id;
  auto const to_group = t.send(message_to("tag:team")).id;
  auto const worker = agent("worker", "", {"team"});
  auto const after = [&](MessageId id, int limit) { return ids_of(t.good(t.bus().unread(worker, limit, id))); };
  CHECK(after(0, 2) == std::vector{plain, free});
  CHECK(after(free, 2) == std::vector{to_group});
  CHECK(after(plain, 100) == std::vector{free, to_group});
  CHECK(after(to_group, 2).empty());
}

TEST_CASE("APersonReadsThoughNoAgentMayHaveThatName") {
  Contract t;
  auto const id = t.send(message_to("operator")).id;
  CHECK(t.unread(agent("operator")) == std::vector{id});
}

TEST_CASE("AnswersAreFoundByTheMessageTheyAnswer") {
  Contract t;
  auto const question = t.send(message_to("worker")).id;
  auto answer = message_to("alice", "yes", "worker");
  answer.reply_to = question;
  auto const first = t.send(answer).id;
  t.send(message_to("alice", "unrelated", "worker"));
  answer.from = "other";
  auto const second = t.send(answer).id;
  MessageFilter answers;
  answers.reply_to = question;
  CHECK(ids_of(t.good(t.bus().messages(answers))) == std::vector{second, first});
  answers.after = first;
  CHECK(ids_of(t.good(t.bus().messages(answers))) == std::vector{second});
  answers.after = std::nullopt;
  answers.agent = "worker";
  CHECK(ids_of(t.good(t.bus().messages(answers))) == std::vector{first});
}

TEST_CASE("ReplyIsOwedUntilAnsweredOrWaived") {
  Contract t;
  auto question = message_to("worker");
  question.payload["replyRequested"] = true;
  auto const first = t.send(question).id;
  auto const second = t.send(question).id;
  t.send(message_to("worker", "no answer needed"));
  auto const owed = [&](std::string who) { return ids_of(t.good(t.bus().reply_obligations(std::move(who)))); };
  CHECK(owed("worker") == std::vector{first, second});
  t.good(t.bus().mark_read(first, "worker"));
  t.good(t.bus().react(first, "worker", "👍"));
  t.restart();
  CHECK(owed("worker") == std::vector{first, second});

  auto answer = message_to("alice", "here", "worker");
  answer.reply_to = first;
  t.send(answer);
  CHECK(owed("worker") == std::vector{second});
  t.good(t.bus().waive_reply(second, "worker"));
  CHECK(owed("worker").empty());
  t.good(t.bus().mark_read(second, "worker"));
  CHECK(owed("worker").empty());
  CHECK(owed("alice").empty());
}

TEST_CASE("EveryAddresseeOfAGroupOwesItsOwnReply") {
  Contract t;
  t.add(agent("a", "", {"team"}));
  t.add(agent("b", "", {"team"}));
  auto question = message_to("tag:team");
  question.payload["replyRequested"] = true;
  auto const id = t.send(question).id;
  auto answer = message_to("alice", "mine", "a");
  answer.reply_to = id;
  t.send(answer);
  CHECK(t.good(t.bus().reply_obligations("a")).empty());
  CHECK(ids_of(t.good(t.bus().reply_obligations("b"))) == std::vector{id});
}

TEST_CASE("OfClaimableWorkTheReaderOwesTheReply") {
  Contract t;
  t.add(agent("a", "", {"team"}));
  t.add(agent("b", "", {"team"}));
  auto question = work_for("tag:team");
  question.payload["replyRequested"] = true;
  auto const id = t.send(question).id;
  CHECK(t.good(t.bus().reply_obligations("a")).empty());
  auto const claim = t.good(t.bus().claim(id, "b"));
  t.good(t.bus().finish(id, claim.token));
  CHECK(ids_of(t.good(t.bus().reply_obligations("b"))) == std::vector{id});
  CHECK(t.good(t.bus().reply_obligations("a")).empty());
}

TEST_CASE("ReactionsAreKeptOnceEach") {
  Contract t;
  auto const id = t.send(message_to("worker")).id;
  for (int i = 0; i < 2; ++i) t.good(t.bus().react(id, "worker", "👍"));
  t.good(t.bus().react(id, "worker", "seen"));
  t.good(t.bus().react(id, "bob", "👍"));
  t.restart();
  auto const found = t.good(t.bus().reactions(id));
  REQUIRE(found.size() == 3);
  CHECK(found[0].by == "worker");
  CHECK(found[0].word == "👍");
  CHECK(found[1].word == "seen");
  CHECK(found[2].by == "bob");
  CHECK(t.problem(t.bus().react(id, "worker", "")) == "invalid word");
  CHECK(t.problem(t.bus().react(id, "worker", std::string(65, 'x'))) == "too_large word");
}
