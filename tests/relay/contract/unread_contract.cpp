#include "relay/contract/contract.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;

TEST_CASE("MessageToAnAgentNobodyKnowsWaitsForIt") {
  Contract t;
  auto const first = t.send(message_to("late")).id;
  auto const second = t.send(message_to("late")).id;
  t.send(message_to("somebody"));
  t.restart();
  CHECK(t.unread(agent("late")) == std::vector{first, second});
}

TEST_CASE("ReadMessagesAreNotUnreadAndSayWhoReadThem") {
  Contract t;
  auto const id = t.send(message_to("worker")).id;
  for (int i = 0; i < 2; ++i) t.good(t.bus().mark_read(id, "worker"));
  t.restart();
  CHECK(t.unread(agent("worker")).empty());
  CHECK(t.good(t.bus().message(id)).read_by == std::vector<std::string>{"worker"});
}

TEST_CASE("AnotherAgentsReadingDoesNotReadItForTheAddressee") {
  Contract t;
  auto const id = t.send(message_to("worker")).id;
  t.good(t.bus().mark_read(id, "curious"));
  CHECK(t.unread(agent("worker")) == std::vector{id});
}

TEST_CASE("UnreadIsLimitedFromTheOldest") {
  Contract t;
  std::vector<MessageId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(t.send(message_to("worker")).id);
  auto const some = ids_of(t.good(t.bus().unread(agent("worker"), 2)));
  CHECK(some == std::vector{ids[0], ids[1]});
}

TEST_CASE("GroupMessageReachesEachAgentKnownWhenItWasSent") {
  Contract t;
  t.add(agent("a", "builder", {"team"}, {"cpp"}));
  t.add(agent("b", "", {"team"}, {"cpp"}));
  t.add(agent("c"));
  std::string to;
  bool only_a = false, c_too = false;
  SUBCASE("broadcast") { to = "broadcast", c_too = true; }
  SUBCASE("tag") { to = "tag:team"; }
  SUBCASE("capability") { to = "cap:cpp"; }
  SUBCASE("label") { to = "label:builder", only_a = true; }
  auto const id = t.send(message_to(to)).id;
  auto const a = agent("a", "builder", {"team"}, {"cpp"});
  auto const b = agent("b", "", {"team"}, {"cpp"});
  t.restart();
  CHECK(t.unread(a) == std::vector{id});
  CHECK(t.unread(b).size() == (only_a ? 0 : 1));
  CHECK(t.unread(agent("c")).size() == (c_too ? 1 : 0));
  // One that reads it does not take it from the other.
  t.good(t.bus().mark_read(id, "a"));
  CHECK(t.unread(a).empty());
  CHECK(t.unread(b).size() == (only_a ? 0 : 1));
}

TEST_CASE("GroupMessageThatNobodyHasReadReachesTheFirstThatComes") {
  Contract t;
  auto const id = t.send(message_to("tag:team")).id;
  auto const first = agent("first", "", {"team"}), second = agent("second", "", {"team"});
  CHECK(t.unread(agent("stranger")).empty());
  CHECK(t.unread(first) == std::vector{id});
  CHECK(t.unread(second) == std::vector{id});
  t.good(t.bus().mark_read(id, "first"));
  CHECK(t.unread(first).empty());
  CHECK(t.unread(second).empty());
}

TEST_CASE("LateComerDoesNotGetAGroupMessageThatWasRead") {
  Contract t;
  t.add(agent("a", "", {"team"}));
  auto const id = t.send(message_to("tag:team")).id;
  t.good(t.bus().mark_read(id, "a"));
  t.add(agent("late", "", {"team"}));
  CHECK(t.unread(agent("late", "", {"team"})).empty());
}

TEST_CASE("NarrowAgentGetsOnlyWhatNamesIt") {
  Contract t;
  auto narrow = agent("n", "one", {"team"}, {"cpp"});
  narrow.narrow = true;
  t.add(narrow);
  for (char const* to : {"broadcast", "tag:team", "cap:cpp"}) t.send(message_to(to));
  auto const direct = t.send(message_to("n")).id;
  auto const label = t.send(message_to("label:one")).id;
  CHECK(t.unread(narrow) == std::vector{direct, label});
}

TEST_CASE("AgentThatLeftAGroupIsNoLongerReachedByIt") {
  Contract t;
  t.add(agent("a", "", {"team"}));
  auto const id = t.send(message_to("tag:team")).id;
  CHECK(t.unread(agent("a", "", {"other"})).empty());
  CHECK(t.unread(agent("a", "", {"team"})) == std::vector{id});
}

TEST_CASE("PlainGroupMessageDoesNotComeBackToItsSender") {
  Contract t;
  t.add(agent("a"));
  t.add(agent("b"));
  auto const id = t.send(message_to("broadcast", "hello all", "a")).id;
  CHECK(t.unread(agent("a")).empty());
  CHECK(t.unread(agent("b")) == std::vector{id});
  // Work does: its sender may be the one to take it. So does what names the sender.
  auto work = work_for("broadcast");
  work.from = "a";
  auto const job = t.send(work).id;
  auto const note = t.send(message_to("a", "to myself", "a")).id;
  CHECK(t.unread(agent("a")) == std::vector{job, note});
}

TEST_CASE("ClaimableMessageIsUnreadWhileItIsFreeOrMine") {
  Contract t;
  auto const a = agent("a", "", {"team"}), b = agent("b", "", {"team"});
  auto const id = t.send(work_for("tag:team")).id;
  CHECK(t.unread(a) == std::vector{id});
  CHECK(t.unread(b) == std::vector{id});
  auto const claim = t.good(t.bus().claim(id, "a"));
  CHECK(t.unread(a) == std::vector{id});
  CHECK(t.unread(b).empty());
  t.good(t.bus().mark_read(id, "a"));
  CHECK(t.unread(a).empty());
  CHECK(t.unread(b).empty());
  t.good(t.bus().finish(id, claim.token));
  CHECK(t.unread(b).empty());
}

TEST_CASE("WorkThatItsReaderLetGoIsUnreadAgain") {
  Contract t;
  auto const a = agent("a", "", {"team"}), b = agent("b", "", {"team"});
  auto const id = t.send(work_for("tag:team")).id;
  auto const claim = t.good(t.bus().claim(id, "a"));
  t.good(t.bus().mark_read(id, "a"));
  SUBCASE("by release") { t.good(t.bus().release(id, claim.token, milliseconds(0))); }
  SUBCASE("by its lease's end") { t.advance(t.bus().limits().lease); }
  CHECK(t.unread(a) == std::vector{id});
  CHECK(t.unread(b) == std::vector{id});
}
