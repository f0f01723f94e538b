// An exception in any part of an agent makes it fail where people see it, with the reason; started again, it hears and
// does everything as before.
#include "support/log_lines.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

/// A world in which faults are wanted.
class FaultyWorld : public World {
  LogLines const log_;
};

/// It has failed, and says why; nothing of it runs.
void check_failed(World& world, std::string const& part, std::string const& why) {
  world.until_state("failed");
  auto const shown = world.agent().view();
  auto const reason = shown["reason"].get<std::string>();
  CAPTURE(reason);
  CHECK(reason.find("\"" + part + "\"") != std::string::npos);
  CHECK(reason.find(why) != std::string::npos);
  CHECK(reason.find("agent-runner restart a") != std::string::npos);
  world.until([&] { return !world.events("agent.fault").empty(); }, "the event is on the disk");
  auto const told = world.events("agent.fault");
  CHECK(told.front()["data"]["part"] == part);
  CHECK(told.front()["data"]["reason"].get<std::string>().find(why) != std::string::npos);
}

/// Once nothing throws any more and somebody starts it.
void check_sound_after_restart(World& world) {
  world.until([&] { return !world.script.end; }, "its process has ended");
  world.script.throws.clear();
  world.bus->throws.clear();
  world.script.gate.clear();
  auto const restarted = world.act("restart");
  REQUIRE_MESSAGE(restarted.has_value(), restarted.error().message);
  world.until_state("idle");
  auto const handed = world.script.handed;
  world.send("are you there?");
  auto const all_done = [&] {
    if (world.state() == "busy") world.script.emit(adapters::TurnEnded());
    return world.script.handed > handed && world.agent().queue().open().empty();
  };
  world.until(all_done, "it does what it is given");
  world.until_state("idle");
  auto const beats = world.bus->calls["heartbeat"];
  world.until([&] { return world.bus->calls["heartbeat"] > beats; }, "its heart beats");
  world.until([&] { return world.presence()->status == "idle"; }, "the bus knows that it is idle");
  CHECK(world.script.overlaps == 0);
}

}  // namespace

TEST_CASE("AFaultInItsFaceOnTheBusFailsTheAgent") {
  FaultyWorld world;
  world.spawn();
  world.bus->throws = {"heartbeat"};
  check_failed(world, "bus", "a bug in heartbeat");
  check_sound_after_restart(world);
}

TEST_CASE("AFaultInTheRenewalOfItsTokenFailsTheAgent") {
  FaultyWorld world;
  world.config().agent_token_lifetime_s = 60;
  world.spawn();
  world.bus->throws = {"renew_token"};
  check_failed(world, "token", "a bug in renew_token");
  check_sound_after_restart(world);
}

TEST_CASE("AFaultInItsDeliveriesFailsTheAgent") {
  FaultyWorld world;
  world.spawn();
  world.script.gate.clear();
  world.bus->throws = {"claim"};
  world.send("work for one", true);
  check_failed(world, "deliveries", "a bug in claim");
  check_sound_after_restart(world);
}

TEST_CASE("AFaultInTheRenewalOfItsLeasesFailsTheAgent") {
  FaultyWorld world;
  world.spawn();
  world.script.gate.clear();
  world.bus->throws = {"renew"};
  world.send("work for one", true);
  world.until_state("busy");
  world.script.gate = "a turn is running";
  world.pass(6min);
  check_failed(world, "leases", "a bug in renew");
  check_sound_after_restart(world);
}

TEST_CASE("AFaultInReadingItsMailFailsTheAgent") {
  FaultyWorld world;
  world.spawn();
  world.script.throws = {"stop"};
  world.script.end(ExitStatus{1, 0, true});
  check_failed(world, "mail", "a bug in stop");
  check_sound_after_restart(world);
}

TEST_CASE("AFaultInTheWatchOverItsIdlenessFailsTheAgent") {
  FaultyWorld world;
  world.spawn({{"idleTtlMs", 3'600'000}});
  world.script.throws = {"can_resume"};
  world.pass(std::chrono::minutes(61));
  check_failed(world, "idle", "a bug in can_resume");
  check_sound_after_restart(world);
}

TEST_CASE("AFaultInASessionFailsTheAgent") {
  FaultyWorld world;
  world.spawn();
  auto const die = world.script.die;
  die("a bug in the session");
  check_failed(world, "session", "a bug in the session");
  check_sound_after_restart(world);
  die("of a session that is no more");
  CHECK(world.state() == "idle");
}

TEST_CASE("AFaultInAStartFailsTheAgent") {
  FaultyWorld world;
  world.spawn();
  world.script.throws = {"prepare"};
  CHECK_FALSE(world.act("restart").has_value());
  check_failed(world, "launch", "a bug in prepare");
  check_sound_after_restart(world);
}

TEST_CASE("AFaultInAnEndFailsTheAgent") {
  FaultyWorld world;
  world.spawn();
  world.script.quits = false;
  world.script.throws = {"remove"};
  world.begin(world.agent().act("kill", json::object()));
  check_failed(world, "terminate", "a bug in remove");
  world.script.throws.clear();
  CHECK(world.act("restart").has_value());  // the process that could not be ended is, first
  CHECK(world.script.killed == 1);
  world.until_state("idle");
}

TEST_CASE("AFaultWhileItIsTakenOverFailsTheAgentAndNotTheDaemon") {
  FaultyWorld world;
  world.spawn();
  world.crash();
  world.script.throws = {"adopt"};
  world.start();
  check_failed(world, "take over", "a bug in adopt");
  check_sound_after_restart(world);
}

TEST_CASE("AFaultInACommandIsTheCommandsEnd") {
  FaultyWorld world;
  world.spawn();
  world.script.throws = {"compact"};
  auto const ended = world.ended(world.command("agent.compact"));
  CHECK(ended.status == CommandStatus::failed);
  CHECK(world.state() == "idle");
}

TEST_CASE("APartThatFailsAgainAndAgainIsTriedLessAndLessOften") {
  FaultyWorld world;
  world.spawn();
  world.bus->throws = {"heartbeat", "register_agent", "publish_status"};
  world.until_state("failed");
  world.pass(1h);
  auto const faults = world.events("agent.fault").size();
  CHECK(faults > 3);
  CHECK(faults < 40);
  check_sound_after_restart(world);
}
