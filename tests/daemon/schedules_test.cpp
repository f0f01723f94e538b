// Schedules over ends of the daemon, clocks that are set, and agents that come and go: each due time is done once.
#include "daemon/schedule/schedules.hpp"

#include "daemon/api/schedules_api.hpp"
#include "daemon/store/tables/schedule_table.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

WallTime time(std::string const& text) { return from_iso8601(text + ":00.000Z").value(); }

/// Schedules that send to a real bus, on a clock that can be set apart from time itself.
struct Lab {
  World world;
  milliseconds set{};  ///< the system's clock, before time itself
  std::optional<daemon::Schedules> schedules{};
  bool hangs_before = false, hangs_after = false;
  std::optional<Error> fails{};
  int asked = 0;
  std::map<MessageId, std::string> seen{};  ///< the bus does not keep them for ever

  explicit Lab(std::string const& start = "2026-01-01T12:00") {
    set = time(start) - world.now();
    begin();
  }
  ~Lab() { end(); }
  void begin() {
    schedules.emplace(world.executor(), world.journal(), world.event_log(), ScheduleLimits{}, [this] { return now(); });
    schedules->start([this](DueWork work) { return carry_out(std::move(work)); }, {});
    world.settle();
  }
  void end() {
    if (schedules) world.await(schedules->stop());
    schedules.reset();
  }
  void kill() {
    end();
    world.crash();
  }
  void restart() {
    world.start();
    begin();
  }
  WallTime now() const { return world.now() + set; }
  void go_to(WallTime when) { world.step(when - now()); }

  awaitable<Result<json>> carry_out(DueWork work) {
    ++asked;
    if (fails) co_return *fails;
    if (hangs_before) co_await sleep_for(1h);
    NewMessage message;
    message.from = "operator";
    message.to = "a";
    message.body = work.what.value("body", "");
    message.idempotency_key = work.schedule.firing->key;
    message.payload = {{"due", to_iso8601(work.schedule.firing->due)}, {"late", work.schedule.firing->late}};
    auto const sent = co_await world.bus->send(std::move(message));
    if (!sent) co_return sent.error();
    if (hangs_after) co_await sleep_for(1h);
    json done = {{"message", sent->message.id}};
    co_return ok(std::move(done));
  }
  Schedule add(json request, std::string owner = "operator") {
    auto const added = try_add(std::move(request), std::move(owner));
    REQUIRE_MESSAGE(added.has_value(), added.error().message);
    world.settle();
    return *added;
  }
  Result<Schedule> try_add(json request, std::string owner = "operator") {
    Schedule schedule;
    schedule.owner = std::move(owner);
    schedule.does = "message";
    schedule.skips_missed = request.value("missed", "once") == "skip";
    json const what = {{"body", "hello"}};
    return world.ask(schedules->add(std::move(schedule), std::move(request), what));
  }
  Schedule shown(Schedule const& schedule) { return *world.ask(schedules->find(schedule.id, "")); }
  /// The due times that messages came for, in their order; "late" after those that were.
  std::vector<std::string> came() {
    relay::MessageFilter filter;
    filter.limit = 1000;
    filter.after = 0;
    auto const all = world.ask(world.bus->messages(filter));
    REQUIRE(all.has_value());
    for (auto const& message : *all)
      if (message.payload.contains("due"))  // and none of the bus's own, about what nobody has read in time
        seen[message.id] =
            message.payload["due"].get<std::string>().substr(0, 19) + (message.payload["late"] == true ? " late" : "");
    std::vector<std::string> found;
    for (auto const& [id, due] : seen) found.push_back(due);
    return found;
  }
  std::vector<json> events(std::string const& type) {
    (void)world.ask(world.journal().committed());
    auto const all = world.ask(world.event_log().page("", 0, 1000));
    REQUIRE(all.has_value());
    std::vector<json> found;
    for (auto const& event : *all)
      if (auto shown = json::parse(event.json_text); shown["type"] == type) found.push_back(shown["data"]);
    return found;
  }
};

using Times = std::vector<std::string>;

}  // namespace

TEST_CASE("ThirtyKillsAroundDueTimesAndAClockChangeLoseAndDoubleNothing") {
  Lab lab("2026-10-10T12:00");
  lab.add({{"cron", "30 2 * * *"}, {"timeZone", "Europe/Berlin"}});
  Times wanted;
  for (int day = 0; day < 30; ++day) {
    auto const date = time("2026-10-11T00:30") + day * 24h;
    auto const due = date + (date > time("2026-10-25T01:00") ? 1h : 0h);  // 02:30 there, and once on the 25th
    lab.go_to(due - 2s);
    lab.hangs_before = day % 5 == 1;
    lab.hangs_after = day % 5 == 2;
    if (day % 5 != 0) lab.go_to(due + (day % 5 == 3 ? 500ms : 0ms));
    lab.kill();
    lab.hangs_before = lab.hangs_after = false;
    if (day % 5 == 4) lab.world.step(20min);
    if (day % 5 == 0) lab.world.step(5s);
    lab.restart();
    lab.world.step(1s);
    wanted.push_back(to_iso8601(due).substr(0, 19));
    CHECK(lab.came() == wanted);
  }
  CHECK(lab.events("schedule.fired").size() == 30);
  CHECK(lab.events("schedule.late").empty());
  CHECK(lab.asked > 30);
}

TEST_CASE("IntervalsAreDoneOnceEachOverKills") {
  Lab lab;
  lab.add({{"every", "10s"}});
  Times wanted;
  for (int i = 1; i <= 60; ++i) {
    wanted.push_back(to_iso8601(time("2026-01-01T12:00") + i * 10s).substr(0, 19));
    lab.hangs_after = i % 2 == 0;
    lab.go_to(time("2026-01-01T12:00") + i * 10s + (i % 3) * 100ms);
    if (i % 2 != 0) continue;
    lab.kill();
    lab.hangs_after = false;
    lab.restart();
  }
  CHECK(lab.came() == wanted);
}

TEST_CASE("AClockThatIsSetForwardLeavesOneThatIsLate") {
  Lab lab;
  auto const each = lab.add({{"every", "10m"}});
  lab.go_to(time("2026-01-01T12:10"));
  lab.set += 1h;  // 13:10
  lab.world.step(30s);
  CHECK(lab.came() == Times{"2026-01-01T12:10:00", "2026-01-01T13:10:00"});  // which is its time
  CHECK(lab.events("schedule.late").size() == 1);
  CHECK(lab.events("schedule.late")[0]["since"] == "2026-01-01T12:20:00.000Z");
  CHECK(lab.events("schedule.late")[0]["outcome"] == "on_time");
  lab.set += 65min;  // 14:15:30
  lab.world.step(30s);
  CHECK(lab.came().back() == "2026-01-01T14:10:00 late");
  CHECK(lab.came().size() == 3);
  lab.go_to(time("2026-01-01T14:20"));
  CHECK(lab.came().back() == "2026-01-01T14:20:00");
  CHECK(lab.shown(each).done == 4);
}

TEST_CASE("AClockThatIsSetBackMakesNothingDueAgain") {
  Lab lab;
  lab.add({{"cron", "0 * * * *"}, {"timeZone", "UTC"}});
  lab.go_to(time("2026-01-01T13:00"));
  lab.set -= 1h;  // 12:00
  lab.world.step(30s);
  lab.kill();
  lab.restart();
  for (int i = 0; i < 130; ++i) lab.world.step(1min);  // past 14:00, and 13:00 once more
  CHECK(lab.came() == Times{"2026-01-01T13:00:00", "2026-01-01T14:00:00"});
}

TEST_CASE("WhatWasMissedIsMadeUpForOnceOrSkipped") {
  Lab lab;
  auto const once = lab.add({{"cron", "0 * * * *"}, {"timeZone", "UTC"}});
  auto const skip = lab.add({{"cron", "30 * * * *"}, {"timeZone", "UTC"}, {"missed", "skip"}});
  auto const at = lab.add({{"at", "2026-01-01T14:00:00Z"}});
  auto const never = lab.add({{"at", "2026-01-01T14:00:00Z"}, {"missed", "skip"}});
  lab.kill();
  lab.world.step(5h + 10min);
  lab.restart();
  CHECK(lab.came() == Times{"2026-01-01T17:00:00 late", "2026-01-01T14:00:00 late"});  // due first: at 13:00
  CHECK(lab.shown(once).last["late"] == true);
  CHECK(lab.shown(once).last["outcome"] == "done");
  CHECK(lab.shown(skip).last["outcome"] == "skipped");
  CHECK(lab.shown(skip).next == time("2026-01-01T17:30"));
  CHECK(to_public(lab.shown(at))["state"] == "over");
  CHECK(to_public(lab.shown(never))["state"] == "over");
  CHECK(lab.shown(never).last["outcome"] == "skipped");
  CHECK(lab.events("schedule.late").size() == 4);
  lab.go_to(time("2026-01-01T17:30"));
  CHECK(lab.came().back() == "2026-01-01T17:30:00");
}

TEST_CASE("WhatFailsStaysAndSaysWhyAndWhatMayPassIsTriedAgain") {
  Lab lab;
  auto const each = lab.add({{"every", "1h"}});
  lab.fails = not_found("no_receiver", "nobody is there");
  lab.go_to(time("2026-01-01T13:00"));
  CHECK(lab.came().empty());
  CHECK(lab.shown(each).last["reason"] == "nobody is there");
  CHECK(lab.events("schedule.failed").size() == 1);
  CHECK(lab.events("schedule.failed")[0]["reason"] == "nobody is there");
  lab.fails = unavailable("bus_away", "the bus is away");
  lab.go_to(time("2026-01-01T14:00"));
  CHECK(lab.shown(each).firing.has_value());
  lab.world.step(20s);
  CHECK(lab.asked > 2);
  lab.fails.reset();
  lab.world.step(2min);
  CHECK(lab.came() == Times{"2026-01-01T14:00:00"});
  CHECK(lab.events("schedule.failed").size() == 1);
  // For a day.
  lab.fails = unavailable("bus_away", "the bus is away");
  lab.go_to(time("2026-01-01T15:00"));
  lab.world.pass(25h);
  CHECK(lab.events("schedule.failed").size() == 2);
}

TEST_CASE("APausedOneIsNotDueAndItsTimesAreNotMadeUpFor") {
  Lab lab;
  auto const each = lab.add({{"every", "1h"}});
  auto const paused = lab.world.ask(lab.schedules->set_paused(each.id, "", true));
  CHECK(to_public(*paused)["state"] == "paused");
  (void)lab.world.ask(lab.schedules->set_paused(each.id, "", true));
  lab.go_to(time("2026-01-01T15:30"));
  CHECK(lab.came().empty());
  auto const resumed = lab.world.ask(lab.schedules->set_paused(each.id, "", false));
  CHECK(resumed->next == time("2026-01-01T16:00"));
  lab.go_to(time("2026-01-01T16:00"));
  CHECK(lab.came() == Times{"2026-01-01T16:00:00"});
  CHECK(lab.events("schedule.paused").size() == 1);
  CHECK(lab.events("schedule.resumed").size() == 1);
}

TEST_CASE("OneThatIsOverIsNotPausedAndNeedsNoRoom") {
  Lab lab;
  auto const once = lab.add({{"in", "1m"}});
  lab.go_to(time("2026-01-01T13:00"));
  auto const paused = lab.world.ask(lab.schedules->set_paused(once.id, "", true));
  CHECK(to_public(*paused)["state"] == "over");
  auto query = [](Database& db) -> Result<ScheduleTable::Size> { return ScheduleTable(db).size_of(""); };
  auto const size = lab.world.ask(lab.world.journal().read(std::move(query)));
  CHECK(size->schedules == 0);
  CHECK(size->bytes == 0);
}

TEST_CASE("OneIsCarriedOutByHandBesidesItsTimes") {
  Lab lab;
  auto const each = lab.add({{"every", "1h"}});
  auto const done = lab.world.await(lab.schedules->run_now(each.id, ""));
  REQUIRE(done.has_value());
  CHECK(done->last["byHand"] == true);
  CHECK(done->next == time("2026-01-01T13:00"));
  CHECK(lab.came().size() == 1);
  lab.hangs_before = true;
  lab.go_to(time("2026-01-01T13:00"));
  auto const refused = lab.world.ask(lab.schedules->run_now(each.id, ""));
  CHECK(refused.error().code == "schedule_under_way");
  // What is removed meanwhile is not tried again, and the daemon's next start knows nothing of it.
  CHECK(lab.world.ask(lab.schedules->remove(each.id, "")).has_value());
  lab.kill();
  lab.hangs_before = false;
  lab.restart();
  CHECK(lab.came().size() == 1);
}

TEST_CASE("ThereAreOnlySoMany") {
  Lab lab;
  lab.end();
  ScheduleLimits limits;
  limits.schedules = 3;
  limits.bytes_of_one = 20;
  limits.bytes = 70;
  lab.schedules.emplace(lab.world.executor(), lab.world.journal(), lab.world.event_log(), limits,
                        [&] { return lab.now(); });
  auto const add = [&](json what, std::string owner = "operator") {
    Schedule schedule;
    schedule.owner = owner;
    schedule.does = "message";
    json const request = {{"every", "1h"}};
    auto const added = lab.world.ask(lab.schedules->add(std::move(schedule), request, std::move(what)));
    return added ? "" : added.error().code;
  };
  CHECK(add({{"body", std::string(30, 'x')}}) == "too_large");
  CHECK(add({{"body", "1"}}, "nobody") == "no_such_agent");
  for (int i = 0; i < 3; ++i) CHECK(add({{"body", "1"}}).empty());
  CHECK(add({{"body", "1"}}) == "too_many_schedules");
}

namespace {

/// The API over real agents.
struct Asked {
  Lab lab;
  World& world = lab.world;
  relay::Uploads uploads;
  daemon::Access access{world.supervisor(), world.services().lineage, world.services().removed, ""};
  daemon::MessageAccess rights{*world.bus, world.supervisor(), uploads};
  daemon::MessagesApi messages{world.services(), world.supervisor(), access, rights, uploads};
  daemon::AttachmentsApi attachments{*world.bus, uploads, rights};
  daemon::SessionsApi sessions{world.services(), world.supervisor(), access, messages, attachments};
  daemon::ScheduledWork work{world.services(), world.supervisor(), messages, sessions};
  daemon::SchedulesApi api{world.services(), access, *lab.schedules, work};
  Principal const person{Principal::Kind::operator_, {}}, a{Principal::Kind::agent, "a"},
      b{Principal::Kind::agent, "b"};

  Asked() {
    access.open();
    world.await(lab.schedules->stop());
    lab.schedules->start([this](DueWork one) { return work.carry_out(std::move(one)); }, {});
  }
  ~Asked() { lab.end(); }
  json add(Principal const& who, json request, IdempotencyKey key = {}) {
    auto const added = world.ask(api.add_schedule(who, std::move(request), std::move(key)));
    REQUIRE_MESSAGE(added.has_value(), added.error().message);
    return *added;
  }
  std::string refused(Principal const& who, json request) {
    auto const added = world.ask(api.add_schedule(who, std::move(request), {}));
    return added ? "" : added.error().code == "invalid_argument" ? added.error().field : added.error().code;
  }
  json shown(json const& schedule) { return *world.ask(api.schedule(person, schedule["id"])); }
  std::vector<Message> sent() {
    relay::MessageFilter filter;
    filter.after = 0;
    return *world.ask(world.bus->messages(filter));
  }
};

json const kToA = {{"to", "a"}, {"body", "hello"}};

}  // namespace

TEST_CASE("AScheduledMessageIsSentAsItsOwnerWould") {
  Asked asked;
  asked.world.spawn();
  auto const made = asked.add(asked.person, {{"in", "1m"}, {"message", kToA}, {"name", "greeting"}});
  CHECK(made["to"] == "a");
  CHECK(made["text"] == "hello");
  CHECK(made["name"] == "greeting");
  CHECK(asked.shown(made)["message"] == kToA);
  asked.world.pass(61s);
  auto const sent = asked.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].from == "operator");
  CHECK(sent[0].payload["schedule"]["id"] == made["id"]);
  CHECK(sent[0].payload["schedule"]["late"] == false);
  CHECK(asked.shown(made)["last"]["message"] == sent[0].id);
  CHECK(asked.shown(made)["state"] == "over");
}

TEST_CASE("ARequestThatIsRepeatedAfterADaemonsEndMakesNoSecondSchedule") {
  Asked asked;
  json const hourly = {{"every", "1h"}, {"message", kToA}};
  auto const made = asked.add(asked.person, hourly, {"k", "hash"});
  CHECK(asked.add(asked.person, hourly, {"k", "hash"})["id"] == made["id"]);
  CHECK(asked.add(asked.person, hourly, {"k", "another hash"})["id"] != made["id"]);
  CHECK(asked.add(asked.person, hourly, {"k2", "hash"})["id"] != made["id"]);
  CHECK(asked.add(asked.person, hourly)["id"] != asked.add(asked.person, hourly)["id"]);
  CHECK(asked.lab.events("schedule.created").size() == 5);
}

TEST_CASE("AnAgentRemindsItself") {
  Asked asked;
  asked.world.script.gate.clear();
  asked.world.spawn();
  asked.add(asked.a, {{"in", "1m"}, {"message", {{"to", "a"}, {"body", "look again"}}}});
  asked.world.pass(61s);
  asked.world.until([&] { return asked.world.script.handed == 1; }, "it has got it");
}

TEST_CASE("AMessageToNobodyFailsAndStaysAndOneThatWaitsDoesNot") {
  Asked asked;
  auto const typed =
      asked.refused(asked.person, {{"every", "1m"}, {"message", {{"to", "b"}, {"body", "x"}, {"mustReach", true}}}});
  CHECK(typed == "no_receiver");
  auto const failing = asked.add(asked.person, {{"every", "1m"}, {"message", kToA}});
  auto const waiting =
      asked.add(asked.person, {{"in", "1m"}, {"message", {{"to", "a"}, {"body", "later"}, {"mustReach", false}}}});
  asked.world.pass(61s);
  CHECK(asked.shown(failing)["last"]["outcome"] == "failed");
  CHECK(asked.shown(failing)["last"]["reason"].get<std::string>().find("\"a\"") != std::string::npos);
  CHECK(asked.shown(failing)["state"] == "active");
  CHECK(asked.shown(waiting)["last"]["outcome"] == "done");
  asked.world.spawn();
  asked.world.pass(61s);
  CHECK(asked.shown(failing)["last"]["outcome"] == "done");
}

TEST_CASE("AnAgentSchedulesUnderItsOwnNameAndSeesItsOwn") {
  Asked asked;
  asked.world.spawn();
  REQUIRE(asked.world.try_spawn({{"id", "b"}}).has_value());
  json const forged = {{"to", "b"}, {"body", "x"}, {"from", "b"}};
  CHECK(asked.refused(asked.a, {{"every", "1h"}, {"message", forged}}) == "not_your_name");
  json const strange = {{"to", "b"}, {"body", "x"}, {"replyTo", 4711}};
  CHECK(asked.refused(asked.a, {{"every", "1h"}, {"message", strange}}) == "unknown_message");
  json const child = {{"cwd", asked.world.dir().string()}};
  CHECK(asked.refused(asked.a, {{"every", "1h"}, {"agent", child}}) == "not_granted");
  CHECK(asked.refused(asked.a, {{"every", "1h"}, {"session", child}}) == "not_granted");
  auto const own = asked.add(asked.a, {{"in", "1m"}, {"message", {{"to", "b"}, {"body", "hello"}}}});
  std::string const id = own["id"];
  CHECK(own["owner"] == "a");
  CHECK(asked.world.ask(asked.api.schedule(asked.b, id)).error().code == "no_such_schedule");
  CHECK(asked.world.ask(asked.api.remove_schedule(asked.b, id)).error().code == "no_such_schedule");
  CHECK(asked.world.ask(asked.api.pause_schedule(asked.b, id, true)).error().code == "no_such_schedule");
  CHECK(asked.world.ask(asked.api.run_schedule(asked.b, id)).error().code == "no_such_schedule");
  CHECK((*asked.world.ask(asked.api.schedules(asked.b, {})))["schedules"].empty());
  CHECK((*asked.world.ask(asked.api.schedules(asked.a, {})))["schedules"].size() == 1);
  CHECK((*asked.world.ask(asked.api.schedules(asked.person, {})))["schedules"].size() == 1);
  asked.world.pass(61s);
  REQUIRE(asked.sent().size() == 1);
  CHECK(asked.sent()[0].from == "a");
  CHECK(asked.world.ask(asked.api.remove_schedule(asked.a, id)).has_value());
  CHECK(asked.world.ask(asked.api.schedule(asked.a, id)).error().code == "gone");
  CHECK(asked.world.ask(asked.api.schedule(asked.b, id)).error().code == "no_such_schedule");
}

TEST_CASE("AnAgentsSchedulesGoWithIt") {
  Asked asked;
  asked.world.spawn();
  REQUIRE(asked.world.try_spawn({{"id", "b"}}).has_value());
  asked.add(asked.a, {{"every", "1m"}, {"message", {{"to", "b"}, {"body", "hello"}}}});
  auto const persons = asked.add(asked.person, {{"every", "1h"}, {"message", kToA}});
  REQUIRE(asked.world.act("kill").has_value());
  REQUIRE(asked.world.await(asked.world.supervisor().remove("a")).has_value());
  asked.world.spawn();
  asked.world.pass(3min);
  CHECK(asked.sent().empty());
  auto const left = (*asked.world.ask(asked.api.schedules(asked.person, {})))["schedules"];
  REQUIRE(left.size() == 1);
  CHECK(left[0]["id"] == persons["id"]);
}

TEST_CASE("ASpawnIsScheduledAndItsRightIsAskedForAgain") {
  Asked asked;
  json const plain = {{"id", "nightly"}, {"cwd", asked.world.dir().string()}, {"env", {{"KEY", "secret-7"}}}};
  auto const made = asked.add(asked.person, {{"every", "1m"}, {"agent", plain}});
  CHECK(made["to"] == "nightly");
  CHECK(asked.shown(made).dump().find("secret-7") == std::string::npos);
  asked.world.pass(61s);
  CHECK(asked.world.supervisor().find("nightly"));
  CHECK(asked.shown(made)["last"]["agent"] == "nightly");
  asked.world.pass(60s);  // the name is taken
  CHECK(asked.shown(made)["last"]["outcome"] == "failed");
  CHECK(asked.shown(made)["done"] == 1);

  asked.world.spawn({{"children", {{"spawn", true}, {"maxChildren", 1}, {"maxDepth", 1}}}});
  json const child = {{"input", "go"}, {"cwd", asked.world.dir().string()}};
  auto const session = asked.add(asked.a, {{"every", "1m"}, {"session", child}});
  CHECK(session["text"] == "go");
  asked.world.pass(61s);
  std::string const name = asked.shown(session)["last"]["agent"];
  CHECK(asked.world.supervisor().find(name)->spec().parent == "a");
  asked.world.pass(60s);
  CHECK(asked.shown(session)["last"]["outcome"] == "failed");
  CHECK(asked.shown(session)["last"]["reason"].get<std::string>().find("as many as it may") != std::string::npos);
}

TEST_CASE("WhatAnAgentHasScheduledIsSpawnedWithoutAProcessOfItsOwn") {
  Asked asked;
  asked.world.spawn({{"children", {{"spawn", true}, {"maxChildren", 5}, {"maxDepth", 1}}}});
  asked.world.until_state("idle");
  json const child = {{"input", "go"}, {"cwd", asked.world.dir().string()}};
  auto const session = asked.add(asked.a, {{"in", "1m"}, {"session", child}});
  SUBCASE("suspended") {
    REQUIRE(asked.world.act("suspend").has_value());
    asked.world.until_state("suspended");
    asked.world.pass(61s);
  }
  SUBCASE("between two processes: once the next one is there") {
    asked.world.script.start_takes = 1h;
    asked.world.pass(59s);
    asked.world.script.ends.at("ar-a")(ExitStatus{});
    asked.world.until_state("restarting");
    asked.world.pass(2s);
    CHECK(asked.shown(session)["underWay"] != nullptr);
    asked.world.pass(2h);
  }
  SUBCASE("stopped: not at all") {
    REQUIRE(asked.world.act("stop").has_value());
    asked.world.until_state("stopped");
    asked.world.pass(61s);
    CHECK(asked.shown(session)["last"]["outcome"] == "failed");
    return;
  }
  CHECK(asked.shown(session)["last"]["outcome"] == "done");
}

TEST_CASE("WhatASchedulesRequestSaysWrongIsTold") {
  Asked asked;
  json const good = {{"every", "1h"}, {"message", kToA}};
  auto const with = [&](char const* name, json value) {
    auto request = good;
    request[name] = std::move(value);
    return request;
  };
  CHECK(asked.refused(asked.person, {{"every", "1h"}}) == "message");
  CHECK(asked.refused(asked.person, with("agent", json::object())) == "agent");
  CHECK(asked.refused(asked.person, with("name", std::string(101, 'x'))) == "name");
  CHECK(asked.refused(asked.person, with("every", "1s")) == "every");
  CHECK(asked.refused(asked.person, with("timeZone", "Mars/Olympus")) == "timeZone");
  CHECK(asked.refused(asked.person, with("message", {{"to", "a"}, {"body", ""}, {"kind", ""}})) == "message.kind");
  CHECK(asked.refused(asked.person, with("message", {{"to", "x:y"}, {"body", "x"}})) == "message.to");
  CHECK(asked.refused(asked.person, with("message", {{"to", "a"}, {"body", "x"}, {"idempotencyKey", "k"}})) ==
        "message.idempotencyKey");
  CHECK(asked.refused(asked.person, {{"every", "1h"}, {"agent", {{"provider", "none"}, {"cwd", "/"}}}}) ==
        "agent.provider");
  CHECK(asked.refused(asked.person, {{"every", "1h"}, {"session", {{"input", ""}}}}) == "session.input");
  json deep = 1;
  for (int i = 0; i < 40; ++i) deep = json{{"in", deep}};
  CHECK(asked.refused(asked.person, with("message", {{"to", "a"}, {"body", "x"}, {"payload", deep}})) == "message");
}
