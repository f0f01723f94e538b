// What one agent finds out about its login keeps back all that use it; one of them shows when it is over.
#include "daemon/limits/accounts.hpp"

#include "world.hpp"

#include <fstream>

using namespace ar;
using namespace ar::test;

namespace {

constexpr char kAccount[] = "fake-1";

struct FakeMember final : AccountMember {
  std::optional<WallTime> waits{};
  bool at_work = false;
  int told = 0, logins = 0;
  std::optional<WallTime> waits_since() const override { return waits; }
  bool has_message() const override { return waits.has_value(); }
  bool is_at_work() const override { return at_work; }
  void account_changed() override { ++told; }
  void login_changed() override { ++logins; }
};

adapters::TurnEnded refusal(std::optional<WallTime> resets_at = {}, std::string kind = "usage_limit") {
  adapters::TurnEnded end;
  end.outcome = adapters::TurnEnded::Outcome::failed;
  end.error_kind = std::move(kind);
  end.error = "used up";
  end.did_nothing = true;
  end.resets_at = resets_at;
  return end;
}

/// Three agents of one account. Chance is 0.5 always.
struct Lab {
  Lab() { start(); }
  ~Lab() { world.await(accounts->stop()); }
  void start() {
    accounts.emplace(
        world.executor(), world.journal(), world.event_log(), files, [] { return 60; }, [] { return 0.5; });
    REQUIRE(world.await(accounts->load()).has_value());
    for (auto const* name : {"a", "b", "c"}) join(name);
    accounts->start();
    world.settle();
  }
  /// The next daemon has what the journal holds.
  void restart() {
    world.await(accounts->stop());
    (void)world.ask(world.journal().committed());
    joined.clear();
    // Its agents went without a word: what the journal holds is as it was.
    accounts.reset();
    start();
  }
  void join(std::string const& name, adapters::Account account = {kAccount}, std::string const& before = {}) {
    auto fresh = accounts->join(account, name, members[name], before);
    joined[name] = std::move(fresh);
  }
  bool may(std::string const& name, bool turn_runs = false) {
    return accounts->why_held(kAccount, name, turn_runs).empty();
  }
  std::vector<std::string> those_that_may() {
    std::vector<std::string> names;
    for (auto const& [name, member] : members)
      if (may(name)) names.push_back(name);
    return names;
  }
  void refuse(std::string const& name, adapters::TurnEnded const& end, Refusal why = Refusal::limit) {
    accounts->refused(kAccount, name, why, end, wall_now());
  }
  int events(std::string const& type) {
    (void)world.ask(world.journal().committed());
    auto const page = world.ask(world.event_log().page("", 0, 1000));
    REQUIRE(page.has_value());
    return static_cast<int>(
        std::ranges::count_if(*page, [&](auto const& event) { return json::parse(event.json_text)["type"] == type; }));
  }
  using Names = std::vector<std::string>;

  World world;
  WorkerPool files{1};
  std::map<std::string, FakeMember> members;
  std::optional<Accounts> accounts;
  std::map<std::string, std::shared_ptr<void>> joined;
};

}  // namespace

TEST_CASE("ALimitHoldsAllOfItsAccountAndOneGoesFirst") {
  Lab lab;
  CHECK(lab.those_that_may() == Lab::Names{"a", "b", "c"});
  auto const resets_at = wall_now() + 90s;
  lab.refuse("a", refusal(resets_at));
  CHECK(lab.those_that_may().empty());
  CHECK(lab.accounts->why_held("fake-2", "d", false).empty());
  CHECK(lab.accounts->hold_of(kAccount)["until"] == to_iso8601(resets_at + 60s));
  auto const why = lab.accounts->why_held(kAccount, "b", false);
  CHECK_MESSAGE(why.find("`agent-runner limits release fake-1`") != std::string::npos, why);

  lab.members["b"].waits = wall_now() - 5min;
  lab.members["c"].waits = wall_now() - 1min;
  lab.world.pass(149s);
  CHECK(lab.those_that_may().empty());
  lab.world.pass(2s);
  CHECK(lab.those_that_may() == Lab::Names{"b"});  // whose message has waited longest
  CHECK_FALSE(lab.may("b", true));
  lab.accounts->handing(kAccount, "b", 7);
  CHECK(lab.those_that_may() == Lab::Names{"b"});
  CHECK(lab.accounts->list()["limits"][0]["probe"] == json{{"agent", "b"}, {"message", 7}});

  SUBCASE("the limit is still there") {
    lab.refuse("b", refusal(wall_now() + 1h));
    lab.world.pass(1h);
    CHECK(lab.those_that_may().empty());
    lab.world.pass(61s);
    CHECK(lab.those_that_may() == Lab::Names{"b"});
    CHECK(lab.events("limit.reached") == 2);
  }
  SUBCASE("it is over") {
    lab.accounts->worked(kAccount, "b", wall_now());
    CHECK(lab.accounts->hold_of(kAccount).is_null());
    CHECK(lab.those_that_may() == Lab::Names{"b"});
    lab.world.pass(4s);  // half of 3 s for each of the two others
    CHECK(lab.those_that_may() == Lab::Names{"a", "b", "c"});
    CHECK(lab.events("limit.lifted") == 1);
  }
  CHECK(lab.events("limit.probing") == 1);
}

TEST_CASE("WithoutAnEndItIsTriedLessAndLessOften") {
  Lab lab;
  lab.members["a"].waits = wall_now();
  for (auto const wait : {900s, 1800s, 3600s, 7200s, 7200s}) {
    lab.refuse("a", refusal());
    lab.world.step(wait + wait / 8 - 1s);  // up to a quarter more by chance
    CHECK(lab.those_that_may().empty());
    lab.world.step(2s);
    REQUIRE(lab.those_that_may() == Lab::Names{"a"});
    lab.accounts->handing(kAccount, "a", 1);
  }
}

TEST_CASE("ATurnThatBeganBeforeTheRefusalShowsNothing") {
  Lab lab;
  auto const before = wall_now();
  lab.world.pass(1s);
  lab.refuse("a", refusal());
  auto const until = lab.accounts->hold_of(kAccount)["until"];
  lab.accounts->worked(kAccount, "b", before);
  CHECK(lab.those_that_may().empty());
  lab.accounts->refused(kAccount, "c", Refusal::limit, refusal(), before);
  CHECK(lab.accounts->hold_of(kAccount)["until"] == until);  // it is no second try
  lab.accounts->refused(kAccount, "c", Refusal::limit, refusal(wall_now() + 3h), before);
  CHECK(lab.accounts->hold_of(kAccount)["resetsAt"] == to_iso8601(wall_now() + 3h));
}

TEST_CASE("AHoldAndItsProbeOutlastTheDaemon") {
  Lab lab;
  lab.refuse("a", refusal(wall_now() + 90s));
  auto const shown = lab.accounts->hold_of(kAccount);
  SUBCASE("while it waits") {
    lab.restart();
    CHECK(lab.accounts->hold_of(kAccount) == shown);
    CHECK(lab.those_that_may().empty());
  }
  SUBCASE("while it is tried") {
    lab.members["b"].waits = lab.members["c"].waits = wall_now();
    lab.world.pass(151s);
    lab.accounts->handing(kAccount, "b", 7);
    lab.members["b"].at_work = true;
    lab.restart();
    lab.world.pass(10min);
    CHECK(lab.those_that_may() == Lab::Names{"b"});  // no second probe while the first is at work
    lab.members["b"].at_work = false;
    lab.members["b"].waits.reset();
    lab.world.pass(2min);
    CHECK(lab.may("c"));
  }
  CHECK(lab.events("limit.reached") == 1);
}

TEST_CASE("AProbeThatNobodyMakesGoesToTheNext") {
  Lab lab;
  lab.refuse("a", refusal(wall_now() + 90s));
  lab.members["a"].waits = wall_now();
  lab.world.pass(151s);
  REQUIRE(lab.those_that_may() == Lab::Names{"a"});
  SUBCASE("its agent takes nothing") {
    lab.world.pass(31s);
    CHECK(lab.those_that_may() == Lab::Names{"a", "b", "c"});  // who has a message first
    lab.accounts->handing(kAccount, "c", 3);
    CHECK(lab.those_that_may() == Lab::Names{"c"});
  }
  SUBCASE("its agent goes in the middle of it") {
    lab.accounts->handing(kAccount, "a", 1);
    lab.joined.erase("a");
    lab.members["b"].waits = wall_now();
    lab.world.pass(61s);
    CHECK(lab.may("b"));
  }
}

TEST_CASE("WhatAPersonSaysAboutAnAccountGoesBeforeAll") {
  Lab lab;
  CHECK(lab.world.await(lab.accounts->release("nobody's")).error().code == "no_such_account");
  REQUIRE(lab.world.await(lab.accounts->hold(kAccount, "too dear")).has_value());
  CHECK(lab.those_that_may().empty());
  CHECK(lab.accounts->hold_of(kAccount)["kind"] == "person");
  CHECK(lab.accounts->why_held(kAccount, "a", false).find("too dear") != std::string::npos);
  lab.accounts->worked(kAccount, "b", wall_now());  // a turn that ran on
  lab.restart();
  lab.world.pass(48h);
  CHECK(lab.those_that_may().empty());
  REQUIRE(lab.world.await(lab.accounts->release(kAccount)).has_value());
  lab.world.pass(7s);
  CHECK(lab.those_that_may() == Lab::Names{"a", "b", "c"});

  // A turn that gets through meanwhile says something about the model only.
  lab.refuse("a", refusal());
  REQUIRE(lab.world.await(lab.accounts->hold(kAccount, "too dear")).has_value());
  lab.accounts->worked(kAccount, "b", wall_now());
  lab.world.pass(48h);
  CHECK(lab.those_that_may().empty());
  CHECK(lab.accounts->hold_of(kAccount)["kind"] == "person");
  lab.restart();
  CHECK(lab.accounts->hold_of(kAccount)["kind"] == "person");
  REQUIRE(lab.world.await(lab.accounts->release(kAccount)).has_value());
  lab.world.pass(7s);
  CHECK(lab.those_that_may() == Lab::Names{"a", "b", "c"});

  lab.refuse("a", refusal(wall_now() + 3h));
  lab.members["c"].waits = wall_now();
  REQUIRE(lab.world.await(lab.accounts->release(kAccount)).has_value());
  lab.world.settle();
  CHECK(lab.those_that_may() == Lab::Names{"c"});  // one shows whether it is right
  REQUIRE(lab.world.await(lab.accounts->forget(kAccount)).has_value());
  lab.world.pass(7s);
  CHECK(lab.those_that_may() == Lab::Names{"a", "b", "c"});
}

TEST_CASE("ALoginThatIsOverIsToldOnceAndGoesOnWhenItsFileChanges") {
  Lab lab;
  auto const file = lab.world.dir() / "login.json";
  lab.accounts->know({kAccount, file, "fake login"});
  lab.members["b"].waits = wall_now();
  lab.refuse("a", refusal({}, "authentication_failed"), Refusal::login);
  lab.world.pass(6min);  // it is tried all the same, seldom
  REQUIRE(lab.those_that_may() == Lab::Names{"b"});
  lab.accounts->handing(kAccount, "b", 1);
  lab.refuse("b", refusal({}, "authentication_failed"), Refusal::login);
  CHECK(lab.events("limit.reached") == 1);
  CHECK(lab.accounts->list()["limits"][0]["login"] == "fake login");
  lab.world.pass(1min);
  CHECK(lab.those_that_may().empty());
  std::ofstream(file) << "{}";
  lab.world.until([&] { return !lab.those_that_may().empty(); }, "the file has been looked at");
  CHECK(lab.those_that_may() == Lab::Names{"b"});
  CHECK(lab.members["a"].logins == 1);

  // It is another account with that: its agents are tried there.
  lab.join("b", {"fake-2", file, "fake login"}, kAccount);
  lab.world.settle();
  CHECK(lab.accounts->hold_of("fake-2")["kind"] == "login");
  CHECK(lab.accounts->why_held("fake-2", "b", false).empty());
}

TEST_CASE("WhoeverComesToAnAccountThatOthersUseBringsNoHoldAlong") {
  Lab lab;
  lab.refuse("a", refusal({}, "authentication_failed"), Refusal::login);
  FakeMember other;
  auto const joined = lab.accounts->join({"fake-2"}, "d", other);
  lab.join("b", {"fake-2"}, kAccount);
  CHECK(lab.accounts->hold_of("fake-2").is_null());
  CHECK(lab.accounts->why_held("fake-2", "d", false).empty());
}

TEST_CASE("AnAgentsLateEndLeavesTheNextOfItsName") {
  Lab lab;
  FakeMember next;
  auto const joined = lab.accounts->join({kAccount}, "a", next);
  lab.joined.erase("a");
  auto const told = next.told;
  lab.refuse("b", refusal());
  CHECK(next.told > told);
  CHECK(lab.accounts->list()["limits"][0]["agents"] == json{"a", "b", "c"});
}

TEST_CASE("AgentsOfOneLoginWaitForOneOfThem") {
  World world;
  world.script.account = kAccount;
  world.script.gate = "";
  world.spawn();
  world.spawn({{"id", "b"}});
  world.until([&] { return world.agent().view().contains("account"); }, "its account is known");
  world.settle();
  world.send("one");
  world.until([&] { return world.script.handed == 1; }, "the first has been handed over");
  auto const refused_at = wall_now();
  world.script.emits["a"](refusal(refused_at + 90s));
  world.until([&] { return world.agent().view().contains("limited"); }, "it is limited");
  auto const other = world.supervisor().find("b");
  CHECK(other->view()["limited"]["kind"] == "limit");
  NewMessage message;
  message.from = "tester";
  message.to = "b";
  message.body = "two";
  REQUIRE(world.await(world.bus->send(std::move(message))).has_value());
  world.pass(100s);
  CHECK(world.script.handed == 1);
  CHECK(other->view()["held"].get<std::string>().find("its usage limit is reached") != std::string::npos);
  world.until([&] { return world.script.handed == 2; }, "one of the two goes first");
  CHECK(wall_now() >= refused_at + 150s);
  world.settle();
  bool const first = world.agent().turn_runs();
  CHECK(first != other->turn_runs());
  world.script.emits[first ? "a" : "b"](adapters::TurnEnded());
  world.until([&] { return world.script.handed == 3; }, "then the other");
  CHECK(world.events("agent.limited").size() == 1);
  CHECK(world.events("agent.released").size() == 1);
}
