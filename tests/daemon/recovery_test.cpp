// Cold starts: no process of any agent has lived on. All come back at a measured pace, what was cut off is told to them
// once, and one report says what came of it.
#include "daemon/store/schema.hpp"
#include "daemon/store/tables/fact_table.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

/// A machine with agents, which loses power.
struct Machine {
  World world;

  /// Nothing is left but the state directory.
  void lose_power(bool other_boot = false) {
    world.crash();
    world.script.ends.clear();
    world.script.end = nullptr;
    if (other_boot) change_boot();
    world.start();
  }
  void change_boot() {
    auto database = Database::open(world.dir() / "journal.db", journal_migrations(), true);
    REQUIRE(database.has_value());
    FactTable(**database).put(FactTable::kBoot, "another");
  }
  json const& report() { return world.supervisor().recovery().report(); }
  void until_recovered() {
    world.until([&] { return report()["state"] == "recovered"; }, "all have come to something", 100ms);
  }
  json row(std::string const& agent) {
    for (auto const& row : report()["agents"])
      if (row["agent"] == agent) return row;
    return nullptr;
  }
  void start_turn() {
    world.script.gate = "";
    world.send("work");
    world.until([&] { return world.agent().turn_runs(); }, "a turn runs");
    world.script.gate = "a turn is running";
  }
  /// What was told of interruptions.
  std::vector<json> notes() {
    std::vector<json> found;
    for (auto const& event : world.events("message.queued"))
      if (event["data"]["kind"] == "interrupted") found.push_back(event["data"]);
    return found;
  }
};

}  // namespace

TEST_CASE("AllAgentsComeBackAtTheFleetsPaceAndNoEndIsCountedAgainstThem") {
  Machine machine;
  for (int i = 0; i < 12; ++i) machine.world.spawn({{"id", i == 0 ? "a" : "a" + std::to_string(i)}});
  CHECK(machine.report().is_null());
  for (int round = 0; round < 5; ++round) {
    machine.world.pass(2s);  // the test's daemons share the brake
    machine.lose_power(round % 2 == 1);
    machine.until_recovered();
    auto const& report = machine.report();
    CHECK(report["cause"] == (round % 2 == 1 ? "reboot" : "processes_gone"));
    CHECK(report["starts"] == 1);
    CHECK(report["counts"]["back"] == 12);
    CHECK(report["counts"]["turnsCutOff"] == 0);
    for (auto const& row : report["agents"]) CHECK(row["sameSession"] == true);
    std::vector<std::int64_t> took;
    for (auto const& row : report["agents"]) took.push_back(row["tookMs"]);
    std::ranges::sort(took);
    CHECK(took.at(4) < 1'000);   // five at once
    CHECK(took.at(5) >= 1'000);  // and five in each second that follows
    CHECK(took.at(10) >= 2'000);
    CHECK(took.at(11) < 4'000);
  }
  CHECK(machine.world.script.overlaps == 0);
}

TEST_CASE("ATurnThatWasCutOffIsToldOnceOverAllKills") {
  Machine machine;
  machine.world.spawn();
  machine.start_turn();
  machine.lose_power();
  machine.world.crash();  // before the note is given
  machine.world.start();
  machine.lose_power();
  machine.until_recovered();
  CHECK(machine.report()["starts"] == 3);
  auto const row = machine.row("a");
  CHECK(row["turns"] == json::array({{{"turn", 1}, {"messages", json::array({1})}, {"status", "interrupted"}}}));
  REQUIRE(row["messages"].size() == 1);
  CHECK(row["messages"][0]["outcome"] == "interrupted");
  CHECK(row["messages"][0]["proved"] == true);
  CHECK(machine.report()["counts"]["turnsCutOff"] == 1);
  CHECK(machine.report()["counts"]["messages"]["interrupted"] == 1);
  auto const notes = machine.notes();
  CHECK(notes.size() == 1);
  CHECK(machine.world.events("message.failed").size() == 1);
  machine.world.script.gate = "";
  machine.world.agent().queue().outcomes().on_gate_changed();
  machine.world.until([&] { return machine.world.script.handed == 2; }, "the note is given");
  machine.world.script.emit(adapters::TurnEnded{});
  machine.world.until([&] { return machine.world.agent().queue().open().empty(); }, "the note is taken");
  machine.lose_power();
  machine.until_recovered();
  CHECK(machine.notes().size() == 1);
  CHECK(machine.world.script.handed == 2);
}

TEST_CASE("WhoWasAtRestStaysAtRestAndWhatProcessesAskedIsWithdrawn") {
  Machine machine;
  auto& world = machine.world;
  for (auto const* name : {"a", "asks", "rests", "ended"}) world.spawn({{"id", name}});
  REQUIRE(world.await(world.supervisor().find("rests")->act("suspend", json::object())).has_value());
  REQUIRE(world.await(world.supervisor().find("ended")->act("stop", json::object())).has_value());
  world.until([&] { return world.supervisor().find("rests")->state() == AgentState::suspended; }, "it is suspended");
  world.until([&] { return world.supervisor().find("ended")->state() == AgentState::stopped; }, "it is stopped");
  adapters::ApprovalRequest request;
  request.key = "one";
  request.summary = "Bash: touch x";
  request.choices = {adapters::Decision::approve, adapters::Decision::deny};
  world.script.emits["asks"](adapters::Asked{request});
  world.until([&] { return !world.approvals().pending_of("asks").empty(); }, "it asks");
  auto const starts = world.script.starts;
  machine.lose_power();
  machine.until_recovered();
  CHECK(machine.row("a")["outcome"] == "back");
  CHECK(machine.row("rests")["outcome"] == "suspended");
  CHECK(machine.row("ended")["outcome"] == "stopped");
  CHECK(machine.row("asks")["outcome"] == "back");
  CHECK(machine.row("asks")["approvals"] == json::array({{{"id", 1}, {"summary", "Bash: touch x"}}}));
  CHECK(machine.report()["counts"]["approvalsWithdrawn"] == 1);
  CHECK(world.approvals().pending_of("asks").empty());
  CHECK(world.script.starts == starts + 2);
}

TEST_CASE("WhereOneProcessLivesOnItIsNoColdStart") {
  Machine machine;
  machine.world.spawn();
  machine.world.spawn({{"id", "b"}});
  machine.world.crash();
  machine.world.script.ends.erase("ar-a");
  machine.world.start();
  machine.world.until([&] { return machine.world.state() == "idle"; }, "it is back");
  CHECK(machine.report().is_null());
  CHECK(machine.world.events("agent.restarting").at(0)["data"].contains("exits"));
}

TEST_CASE("AReportThatADaemonHasLeftUnfinishedIsTheNextOnes") {
  Machine machine;
  machine.world.spawn();
  machine.world.script.start_takes = 10s;
  machine.lose_power(true);
  machine.world.step(1s);
  CHECK(machine.report()["state"] == "recovering");
  CHECK(machine.row("a")["outcome"] == "pending");
  machine.world.script.start_takes = 0s;
  machine.world.crash();
  machine.world.start();
  machine.until_recovered();
  CHECK(machine.report()["cause"] == "reboot");
  CHECK(machine.row("a")["outcome"] == "back");
  machine.world.crash();
  machine.world.start();
  CHECK(machine.report()["state"] == "recovered");  // it stays, to be asked for
}

TEST_CASE("AnAgentThatDoesNotComeBackIsReportedAsFailedOrLate") {
  Machine machine;
  machine.world.spawn();
  SUBCASE("it cannot be started") {
    machine.world.script.start_fails = invalid("cwd", "its folder is gone");
    machine.lose_power();
    machine.until_recovered();
    CHECK(machine.row("a")["outcome"] == "failed");
    CHECK(machine.row("a")["reason"].get<std::string>().find("its folder is gone") != std::string::npos);
  }
  SUBCASE("its start takes for ever") {
    machine.world.script.start_takes = 24h;
    machine.lose_power();
    machine.world.pass(11min);
    machine.until_recovered();
    CHECK(machine.row("a")["outcome"] == "late");
  }
}
