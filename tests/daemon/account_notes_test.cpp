// Daemons of one bus: what one finds out about an account holds it on all of them, and one message of them all shows
// when it is over.
#include "daemon/limits/account_notes.hpp"

#include "relay/message_rules.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

constexpr char kAccount[] = "fake-1";

struct FakeMember final : AccountMember {
  std::optional<WallTime> waits{};
  bool at_work = false;
  std::optional<WallTime> waits_since() const override { return waits; }
  bool has_message() const override { return waits.has_value(); }
  bool is_at_work() const override { return at_work; }
  void account_changed() override {}
  void login_changed() override {}
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

/// A daemon with two agents of the account, named after it. Chance is 0.5 always.
struct Machine {
  Machine(World& its_world, std::string its_name) : world(its_world), name(std::move(its_name)), bus(*its_world.bus) {
    start();
  }
  ~Machine() { stop(); }
  void start() {
    journal = *Journal::open(world.executor(), world.dir() / (name + ".db"));
    log.emplace(world.executor(), *journal);
    REQUIRE(world.await(log->load()).has_value());
    accounts.emplace(world.executor(), *journal, *log, files, [] { return 60; }, [] { return 0.5; });
    REQUIRE(world.await(accounts->load()).has_value());
    notes.emplace(world.executor(), *accounts, bus, name);
    notes->start();
    for (auto const* which : {"1", "2"})
      joined.push_back(accounts->join({kAccount}, name + which, members[name + which]));
    accounts->start();
  }
  void stop() {
    if (!notes) return;
    world.await(notes->stop());
    world.await(accounts->stop());
    joined.clear();
    notes.reset();
    accounts.reset();
    world.await(journal->stop());
    log.reset();
    journal.reset();
  }
  void restart() {
    stop();
    start();
  }
  void refuse(std::string const& agent, adapters::TurnEnded const& end, Refusal why = Refusal::limit) {
    accounts->refused(kAccount, agent, why, end, wall_now());
  }
  void waits(std::string const& agent) { members[agent].waits = wall_now(); }
  bool may(std::string const& agent) const { return accounts->why_held(kAccount, agent, false).empty(); }
  /// Takes its message up, as the probe where it is one.
  void hand(std::string const& agent, MessageId message) {
    accounts->handing(kAccount, agent, message);
    members[agent].waits.reset();
    members[agent].at_work = true;
  }
  void works(std::string const& agent) {
    members[agent].at_work = false;
    accounts->worked(kAccount, agent, wall_now());
  }
  json hold() const { return accounts->hold_of(kAccount); }
  json shown() const {
    auto const all = accounts->list();
    for (auto const& one : all["limits"])
      if (one["account"] == kAccount) return one;
    return nullptr;
  }
  json event(std::string const& type) {
    (void)world.ask(journal->committed());
    auto const page = world.ask(log->page("", 0, 1000));
    REQUIRE(page.has_value());
    json last = nullptr;
    for (auto const& one : *page)
      if (auto shown = json::parse(one.json_text); shown["type"] == type) last = shown;
    return last;
  }

  World& world;
  std::string const name;
  FaultyBus bus;
  WorkerPool files{1};
  std::map<std::string, FakeMember> members;
  std::unique_ptr<Journal> journal;
  std::optional<EventLog> log;
  std::optional<Accounts> accounts;
  std::optional<AccountNotes> notes;
  std::vector<std::shared_ptr<void>> joined;
};

struct Fleet {
  World world;
  Machine a{world, "a"}, b{world, "b"};

  Fleet() { world.pass(1s); }
  std::vector<std::string> those_that_may() {
    std::vector<std::string> names;
    for (auto* const machine : {&a, &b})
      for (auto const& [agent, member] : machine->members)
        if (machine->may(agent)) names.push_back(agent);
    return names;
  }
  using Names = std::vector<std::string>;
  Names const all{"a1", "a2", "b1", "b2"};
  std::vector<relay::Note> kept() { return *world.ask(world.bus->notes()); }
};

}  // namespace

TEST_CASE("WhatOneDaemonFindsOutHoldsTheAccountOnAll") {
  Fleet fleet;
  CHECK(fleet.those_that_may() == fleet.all);
  auto const resets_at = wall_now() + 90s;
  fleet.a.refuse("a1", refusal(resets_at));
  fleet.world.pass(100ms);
  CHECK(fleet.those_that_may().empty());
  CHECK(fleet.b.hold()["until"] == fleet.a.hold()["until"]);
  CHECK(fleet.b.hold()["resetsAt"] == to_iso8601(resets_at));
  CHECK(fleet.b.shown()["host"] == "a");
  CHECK(fleet.b.shown()["foundBy"] == "a1");
  CHECK_FALSE(fleet.a.shown().contains("host"));
  CHECK(fleet.b.event("limit.reached").is_null());  // one notice in the fleet
  CHECK(fleet.b.event("limit.learned")["data"]["host"] == "a");

  // One who comes later learns it, and so does the next daemon of one.
  Machine c(fleet.world, "c");
  fleet.world.pass(100ms);
  CHECK(c.hold()["until"] == fleet.a.hold()["until"]);
  fleet.b.restart();
  fleet.world.pass(100ms);
  CHECK(fleet.b.shown()["host"] == "a");

  for (auto* const machine : {&fleet.a, &fleet.b, &c})
    for (auto const* which : {"1", "2"}) machine->waits(machine->name + which);
  fleet.world.pass(149s);
  CHECK(fleet.those_that_may().empty());
  fleet.world.pass(3s);
  auto const may = fleet.those_that_may();
  std::size_t const probers =
      may.size() + static_cast<std::size_t>(c.may("c1")) + static_cast<std::size_t>(c.may("c2"));
  CHECK(probers == 1);
}

TEST_CASE("OneProbeInTheWholeFleetLetsAllGoOn") {
  Fleet fleet;
  std::chrono::seconds wait{};
  SUBCASE("with an end that is known") {
    fleet.a.refuse("a1", refusal(wall_now() + 90s));
    wait = 150s;
  }
  SUBCASE("without one") {
    fleet.a.refuse("a1", refusal());
    wait = 15min + 113s;
  }
  for (auto const* agent : {"b1", "b2"}) fleet.b.waits(agent);
  fleet.world.pass(wait - 5s);
  CHECK(fleet.those_that_may().empty());
  fleet.world.pass(10s);
  CHECK(fleet.those_that_may() == Fleet::Names{"b1"});  // nobody waits at a
  fleet.b.hand("b1", 7);
  fleet.a.waits("a1");
  fleet.world.pass(10min);  // its lease is repeated while it is at work
  CHECK(fleet.those_that_may() == Fleet::Names{"b1"});
  CHECK(fleet.a.shown()["probe"]["host"] == "b");
  CHECK(fleet.b.event("limit.probing")["data"]["message"] == 7);
  CHECK(fleet.a.event("limit.probing").is_null());

  fleet.b.works("b1");
  fleet.world.pass(100ms);
  CHECK(fleet.a.hold().is_null());
  CHECK(fleet.those_that_may() == Fleet::Names{"b1"});  // the others one after the other
  fleet.world.pass(7s);
  CHECK(fleet.those_that_may() == fleet.all);
  CHECK(fleet.a.event("limit.lifted")["data"]["host"] == "b");
  // Nothing of it is left for the next limit.
  fleet.b.refuse("b2", refusal(wall_now() + 10s));
  fleet.world.pass(100ms);
  CHECK(fleet.those_that_may().empty());
  CHECK(fleet.kept().size() == 1);
}

TEST_CASE("AProbeThatIsRefusedBeginsTheNextWaitForAll") {
  Fleet fleet;
  fleet.a.refuse("a1", refusal(wall_now() + 10s));
  fleet.a.waits("a1");
  fleet.b.waits("b1");
  fleet.world.pass(73s);
  REQUIRE(fleet.those_that_may().size() == 1);
  auto& prober = fleet.a.may("a1") ? fleet.a : fleet.b;
  auto const agent = prober.name + "1";
  prober.hand(agent, 1);
  prober.members[agent].at_work = false;
  prober.refuse(agent, refusal(wall_now() + 1h));
  prober.waits(agent);
  fleet.world.pass(1h);
  CHECK(fleet.those_that_may().empty());
  fleet.world.pass(65s);
  CHECK(fleet.those_that_may().size() == 1);
}

TEST_CASE("AProberThatDiesBlocksNobody") {
  Fleet fleet;
  fleet.a.refuse("a1", refusal(wall_now() + 10s));
  fleet.a.waits("a1");
  fleet.world.pass(73s);
  REQUIRE(fleet.those_that_may() == Fleet::Names{"a1"});
  SUBCASE("its daemon is gone") {
    fleet.a.hand("a1", 1);
    fleet.a.stop();
    fleet.b.waits("b1");
    fleet.world.pass(50s);
    CHECK_FALSE(fleet.b.may("b1"));
    fleet.world.pass(20s);
    CHECK(fleet.b.may("b1"));
    fleet.a.start();
    fleet.world.pass(10s);
    CHECK_FALSE(fleet.a.may("a2"));
  }
  SUBCASE("its agent takes nothing") {
    fleet.b.waits("b1");
    fleet.world.pass(61s);
    CHECK(fleet.b.may("b1"));
    CHECK_FALSE(fleet.a.may("a1"));
  }
  SUBCASE("its daemon is there again at once") {
    fleet.a.hand("a1", 1);
    fleet.b.waits("b1");
    fleet.a.restart();
    fleet.world.pass(3min);
    CHECK_FALSE(fleet.b.may("b1"));  // it goes on with it
    fleet.a.works("a1");
    fleet.world.pass(10s);
    CHECK(fleet.b.may("b1"));
  }
}

TEST_CASE("WhatAPersonSaysIsTrueOfTheWholeFleet") {
  Fleet fleet;
  REQUIRE(fleet.world.await(fleet.a.accounts->hold(kAccount, "too dear")).has_value());
  fleet.world.pass(100ms);
  CHECK(fleet.those_that_may().empty());
  CHECK(fleet.b.hold()["kind"] == "person");
  CHECK(fleet.b.hold()["error"] == "too dear");
  REQUIRE(fleet.world.await(fleet.b.accounts->release(kAccount)).has_value());
  fleet.world.pass(10s);
  CHECK(fleet.those_that_may() == fleet.all);

  fleet.a.refuse("a1", refusal(wall_now() + 3h));
  fleet.a.waits("a2");
  fleet.world.pass(1s);
  REQUIRE(fleet.world.await(fleet.b.accounts->release(kAccount)).has_value());
  fleet.world.pass(3s);
  CHECK(fleet.those_that_may() == Fleet::Names{"a2"});  // where a message waits
  REQUIRE(fleet.world.await(fleet.b.accounts->forget(kAccount)).has_value());
  fleet.world.pass(10s);
  CHECK(fleet.those_that_may() == fleet.all);

  // Of an account that only others use, as well.
  fleet.a.refuse("a1", refusal(wall_now() + 3h));
  fleet.world.pass(1s);
  fleet.b.joined.clear();
  fleet.b.restart();
  fleet.b.joined.clear();
  fleet.world.pass(1s);
  CHECK(fleet.b.shown()["agents"].empty());
  REQUIRE(fleet.world.await(fleet.b.accounts->forget(kAccount)).has_value());
  fleet.world.pass(10s);
  CHECK(fleet.a.may("a1"));
}

TEST_CASE("WithoutABusEachWorksByItselfAndTheyMeetWhenItIsBack") {
  Fleet fleet;
  auto const away = unavailable("relay_away", "the relay is away");
  fleet.b.bus.faults = {{"notes", away}, {"put_note", away}};
  fleet.world.pass(61s);
  fleet.a.refuse("a1", refusal(wall_now() + 1h));
  fleet.world.pass(1s);
  CHECK(fleet.those_that_may() == Fleet::Names{"b1", "b2"});
  SUBCASE("what the others have met is learnt") {
    fleet.b.bus.faults.clear();
    fleet.world.pass(6s);
    CHECK(fleet.those_that_may().empty());
  }
  SUBCASE("what was met meanwhile is told, and its own probe needs nobody") {
    fleet.b.refuse("b1", refusal(wall_now() + 10s));
    fleet.b.waits("b1");
    fleet.world.pass(73s);
    REQUIRE(fleet.those_that_may() == Fleet::Names{"b1"});
    fleet.b.hand("b1", 1);
    fleet.b.works("b1");
    fleet.b.bus.faults.clear();
    fleet.world.pass(15s);
    CHECK(fleet.those_that_may() == fleet.all);  // the newer of the two
  }
  SUBCASE("a bus that keeps no notes") {
    fleet.b.bus.faults = {{"notes", not_found("no_such_route", "there is none")}};
    fleet.b.refuse("b1", refusal(wall_now() + 10s));
    fleet.b.waits("b1");
    fleet.world.pass(73s);
    CHECK(fleet.b.may("b1"));
  }
}

TEST_CASE("WhatAPersonHasReleasedStaysSoOverARestartWithoutTheBus") {
  Fleet fleet;
  REQUIRE(fleet.world.await(fleet.a.accounts->hold(kAccount, "too dear")).has_value());
  fleet.world.pass(1s);
  REQUIRE(fleet.those_that_may().empty());
  auto const away = unavailable("relay_away", "the relay is away");
  fleet.a.bus.faults = {{"notes", away}, {"put_note", away}};
  REQUIRE(fleet.world.await(fleet.a.accounts->release(kAccount)).has_value());
  fleet.world.pass(20s);
  CHECK(fleet.those_that_may() == Fleet::Names{"a1", "a2"});
  fleet.a.restart();
  fleet.world.pass(2s);
  CHECK(fleet.those_that_may() == Fleet::Names{"a1", "a2"});
  fleet.a.bus.faults.clear();
  fleet.world.pass(70s);
  CHECK(fleet.those_that_may() == fleet.all);
}

TEST_CASE("WhoLosesTheRaceForANoteLooksAgain") {
  Fleet fleet;
  fleet.a.refuse("a1", refusal(wall_now() + 10s));
  fleet.a.waits("a1");
  fleet.b.waits("b1");
  int refused = 0;
  fleet.a.bus.on_call = [&](std::string const& call) {
    if (call == "put_note" && refused++ == 0)
      fleet.a.bus.faults = {{"put_note", relay::note_changed("account.fake-1")}};
    else
      fleet.a.bus.faults.clear();
  };
  fleet.world.pass(80s);
  CHECK(fleet.those_that_may().size() == 1);
}

TEST_CASE("ALoginIsThisMachinesAndNobodyElsesMatter") {
  Fleet fleet;
  fleet.a.refuse("a1", refusal({}, "authentication_failed"), Refusal::login);
  fleet.world.pass(1s);
  CHECK(fleet.those_that_may() == Fleet::Names{"b1", "b2"});
  CHECK(fleet.kept().empty());
  // A limit that the others meet meanwhile holds here too, once the login is back.
  fleet.b.refuse("b1", refusal(wall_now() + 3h));
  fleet.world.pass(1s);
  CHECK(fleet.a.hold()["kind"] == "login");
  fleet.a.works("a1");
  fleet.world.pass(1s);
  CHECK(fleet.a.hold()["kind"] == "limit");
  CHECK(fleet.b.hold()["kind"] == "limit");
}

TEST_CASE("ATurnThatBeganBeforeItWasLearntShowsNothing") {
  Fleet fleet;
  auto const before = wall_now();
  fleet.world.pass(1s);
  fleet.a.refuse("a1", refusal(wall_now() + 3h));
  fleet.world.pass(1s);
  fleet.b.accounts->worked(kAccount, "b1", before);
  CHECK(fleet.those_that_may().empty());
}

TEST_CASE("ANoteThatMakesNoSenseHoldsNobody") {
  World world;
  for (auto const* text : {"", "no json", "[]", "{}", R"({"holdAt": "x"})",
                           R"({"holdAt": 1e300, "refusal": -5, "hold": {"kind": 7}, "personAt": 0})",
                           R"({"holdAt": 9e18, "refusal": 1, "personAt": 0, "hold": {"kind": "limit", "error": "e",)"
                           R"( "times": 99999999999, "since": 9e18, "refusedAt": -9e18, "until": 9e18}})"}) {
    auto const read = account_note_from(text);
    if (!read) continue;
    auto const until = ProviderHold::from_other(read->hold, wall_now()).shown()["until"].get<std::string>();
    CHECK(*from_iso8601(until) <= wall_now() + 24h * 33);  // bounded
  }
  auto const put = world.await(world.bus->put_note("account.fake-1", "no json", 0));
  REQUIRE(put.has_value());
  Machine a(world, "a");
  world.pass(1s);
  CHECK(a.may("a1"));
  a.refuse("a1", refusal(wall_now() + 1h));
  world.pass(1s);
  Machine b(world, "b");
  world.pass(1s);
  CHECK_FALSE(b.may("b1"));
}

TEST_CASE("ClocksThatDifferMoveWaitsAndNoMore") {
  // A daemon whose clock is an hour ahead has refused a turn: its versions come first, and are outdone all the same.
  World world;
  Machine b(world, "b");
  world.pass(1s);
  auto const ahead = to_millis(wall_now() + 1h);
  AccountNote note;
  note.hold_at = note.refusal = ahead;
  note.hold = {{"kind", "limit"},
               {"error", "used up"},
               {"times", 1},
               {"failures", 0},
               {"since", ahead},
               {"refusedAt", ahead},
               {"until", ahead + 90'000},
               {"resetsAt", ahead + 30'000}};
  note.by = "x";
  note.host = "ahead";
  REQUIRE(world.await(world.bus->put_note("account.fake-1", text_of(note), 0)).has_value());
  world.pass(1s);
  CHECK_FALSE(b.may("b1"));
  b.waits("b1");
  world.pass(95s);  // no longer than it was to be
  REQUIRE(b.may("b1"));
  b.hand("b1", 1);
  b.works("b1");
  world.pass(1s);
  auto const kept = account_note_from((*world.ask(world.bus->notes())).at(0).text);
  REQUIRE(kept.has_value());
  CHECK(kept->hold.is_null());
  CHECK(kept->hold_at > ahead);
}
