// What an agent's process reports of itself, as work and as the bus sees it.
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

json report(World& world, json const& body) {
  auto const done = world.agent().report_status(body);
  REQUIRE_MESSAGE(done.has_value(), done.error().message);
  return *done;
}
/// The field that is wrong, or the code.
std::string refusal(World& world, json const& body) {
  auto const done = world.agent().report_status(body);
  REQUIRE_FALSE(done.has_value());
  return done.error().field.empty() ? done.error().code : done.error().field;
}

}  // namespace

TEST_CASE("AReportOfBusyIsWorkUntilItsReportOfIdle") {
  World world;
  world.spawn();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  json const busy = {{"status", "busy"},      {"reason", "build"}, {"id", "7"},
                     {"label", "compiling"},  {"role", "builder"}, {"parentId", "main"},
                     {"metadata", {{"n", 1}}}};
  CHECK(report(world, busy)["status"] == "busy");
  world.until([&] { return world.presence()->status == "busy"; }, "the bus knows");
  auto const work = world.presence()->meta["activeWork"];
  REQUIRE(work.size() == 1);
  for (auto const* field : {"id", "label", "role", "parentId", "metadata"}) CHECK(work[0][field] == busy[field]);
  CHECK(report(world, {{"status", "idle"}, {"reason", "build"}, {"id", "7"}})["status"] == "idle");
  world.until([&] { return world.presence()->status == "idle"; }, "the bus knows");
}

TEST_CASE("AReportedEndLastsUntilTheNextReport") {
  World world;
  world.spawn();
  for (auto const* end : {"error", "offline"}) {
    auto const told = report(world, {{"status", end}});
    CHECK(told["status"] == end);
    CHECK(told["ready"] == false);
    CHECK(report(world, {{"status", "idle"}})["ready"] == true);
  }
}

TEST_CASE("ATurnThatTheDaemonHasSeenIsNotEndedByAReport") {
  World world;
  world.spawn();
  world.script.emit(adapters::TurnStarted{});
  world.until_state("busy");
  CHECK(report(world, {{"status", "idle"}, {"clear", {"provider-turn"}}})["status"] == "busy");
  report(world, {{"status", "busy"}, {"providerState", {{"phase", "thinking"}}}});
  world.until([&] { return !world.presence()->meta["providerState"].is_null(); }, "the bus knows");
  CHECK(world.presence()->meta["providerState"] == json{{"phase", "thinking"}});
  CHECK(world.presence()->meta["activeWork"].size() == 1);
}

TEST_CASE("ATimelineEventIsToldOnce") {
  World world;
  world.spawn();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  world.settle();
  int told = 0;
  json event;
  world.bus->on_call = [&](std::string const& call) {
    if (call != "publish_status" || !world.bus->told_meta.contains("timelineEvent")) return;
    ++told;
    event = world.bus->told_meta["timelineEvent"];
  };
  report(world, {{"status", "idle"}, {"timeline", {{"status", "released"}, {"id", "9"}, {"timestamp", 5}}}});
  world.pass(65s);
  CHECK(told == 1);
  CHECK(event == json{{"status", "released"}, {"id", "9"}, {"timestamp", 5}});
  world.bus->on_call = nullptr;
}

TEST_CASE("ReportsThatCannotBeAreRefused") {
  World world;
  world.spawn();
  CHECK(refusal(world, {{"status", "tired"}}) == "status");
  CHECK(refusal(world, {{"status", "busy"}, {"reason", "task"}}) == "reason");
  CHECK(refusal(world, {{"status", "idle"}, {"clear", {"command"}}}) == "clear");
  CHECK(refusal(world, {{"status", "busy"}, {"metadata", {{"x", std::string(5'000, 'x')}}}}) == "metadata");
  CHECK(refusal(world, {{"status", "busy"}, {"timeline", {{"id", "1"}}}}) == "timeline.status");
  CHECK(refusal(world, {{"status", "busy"}, {"providerSessionId", "earlier"}}) == "stale_provider_session");
  for (int i = 0; i < 32; ++i) report(world, {{"status", "busy"}, {"id", std::to_string(i)}});
  CHECK(refusal(world, {{"status", "busy"}, {"id", "one more"}}) == "too_much_work");
  CHECK(report(world, {{"status", "idle"}, {"clear", {"provider-turn"}}})["work"].empty());
  REQUIRE(world.act("stop").has_value());
  CHECK(refusal(world, {{"status", "idle"}}) == "agent_not_running");
}
