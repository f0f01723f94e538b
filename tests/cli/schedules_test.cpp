// Schedules on the command line against a fake daemon: what send, spawn and schedule ask, print and end with.
#include "base/clock.hpp"
#include "cli_process.hpp"
#include "fake_daemon.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::test;

namespace {

json schedule(std::string const& id) {
  auto const next = to_iso8601(wall_now() + std::chrono::minutes(125));
  return {{"id", id},
          {"owner", "operator"},
          {"name", nullptr},
          {"does", "message"},
          {"to", "alice"},
          {"text", "Good\033[31m morning"},
          {"cron", "0 9 * * *"},
          {"timeZone", "Europe/Berlin"},
          {"missed", "once"},
          {"state", "active"},
          {"createdAt", "2023-11-14T22:13:20.000Z"},
          {"nextAt", next},
          {"underWay", nullptr},
          {"done", 3},
          {"last",
           {{"dueAt", "2023-11-14T22:13:20.000Z"},
            {"at", "2023-11-14T23:13:20.000Z"},
            {"outcome", "done"},
            {"late", true},
            {"byHand", false},
            {"message", 42}}}};
}

struct Scene {
  CliHome home;
  FakeDaemon daemon{home.socket(), [](FakeRequest const& request) { return reply_to(request); }};

  static FakeReply reply_to(FakeRequest const& request) {
    if (request.path == "/v1/info") return json{{"version", "0.1.0"}};
    if (request.path == "/v1/schedules" && request.method == "GET" &&
        request.query.find("cursor=") == std::string::npos)
      return json{{"schedules", {schedule("sch_1")}}, {"nextCursor", "sch_1"}};
    if (request.path == "/v1/schedules" && request.method == "GET") {
      auto over = schedule("sch_2");
      over.update({{"state", "over"}, {"nextAt", nullptr}, {"last", nullptr}, {"does", "agent"}, {"to", nullptr}});
      over.erase("cron");
      return json{{"schedules", {over}}};
    }
    if (request.path == "/v1/schedules/sch_9") return problem(404, "no_such_schedule", "there is no schedule sch_9");
    if (request.path.ends_with("/run") && request.path.find("sch_8") != std::string::npos)
      return problem(409, "schedule_under_way", "schedule sch_8 is being carried out just now");
    if (request.method == "DELETE") return json{{"removed", "sch_1"}};
    return schedule("sch_1");
  }
  Ran run(std::vector<std::string> const& arguments) const { return home.run(arguments, {}, {}); }
  FakeRequest last() const { return daemon.requests().back(); }
  json asked() const { return json::parse(last().body); }
};

}  // namespace

TEST_CASE("ASendThatIsScheduledMakesASchedule") {
  Scene const scene;
  auto const made = scene.run({"send", "alice", "Good morning", "--cron", "0 9 * * *", "--tz", "Europe/Berlin",
                               "--missed", "skip", "--schedule-name", "greeting", "--subject", "hello"});
  CHECK(made.status == 0);
  CHECK(made.out.starts_with("schedule sch_1: due in 2h"));
  CHECK(scene.last().path == "/v1/schedules");
  CHECK(scene.asked() ==
        json{{"cron", "0 9 * * *"},
             {"timeZone", "Europe/Berlin"},
             {"missed", "skip"},
             {"name", "greeting"},
             {"message", {{"to", "alice"}, {"body", "Good morning"}, {"subject", "hello"}, {"mustReach", true}}}});
  CHECK(scene.run({"send", "bob", "x", "--in", "2h", "--later", "--json"}).status == 0);
  CHECK(scene.asked() == json{{"in", "2h"}, {"message", {{"to", "bob"}, {"body", "x"}, {"mustReach", false}}}});
  CHECK(scene.run({"send", "bob", "x", "--at", "18:00", "--every", "1d"}).status == 0);
  CHECK(scene.asked()["at"] == "18:00");
  CHECK(scene.asked()["every"] == "1d");
}

TEST_CASE("ASpawnThatIsScheduledMakesASchedule") {
  Scene const scene;
  CHECK(scene.run({"spawn", "nightly", "--provider", "claude", "--prompt", "Look", "--cwd", "/tmp", "--cron", "@daily"})
            .status == 0);
  CHECK(scene.last().path == "/v1/schedules");
  CHECK(scene.asked()["cron"] == "@daily");
  CHECK(scene.asked()["agent"]["id"] == "nightly");
  CHECK(scene.asked()["agent"]["prompt"] == "Look");
}

TEST_CASE("WhatIsScheduledIsNotWaitedFor") {
  Scene const scene;
  CHECK(scene.run({"send", "a", "x", "--in", "1h", "--wait"}).status == 2);
  CHECK(scene.run({"send", "a", "x", "--in", "1h", "--key", "k"}).status == 2);
  auto const alone = scene.run({"send", "a", "x", "--tz", "UTC"});
  CHECK(alone.status == 2);
  CHECK(alone.err.find("--cron") != std::string::npos);
  for (auto const& request : scene.daemon.requests()) CHECK(request.method == "GET");
}

TEST_CASE("SchedulesAreListedPageByPageAndShown") {
  Scene const scene;
  auto const listed = scene.run({"schedule", "list"});
  CHECK(listed.out.find("sch_1  active  in 2h") != std::string::npos);
  CHECK(listed.out.find("0 9 * * * Europe/Berlin") != std::string::npos);
  CHECK(listed.out.find("done, late") != std::string::npos);
  CHECK(listed.out.find("sch_2") != std::string::npos);
  CHECK(listed.out.find('\033') == std::string::npos);
  auto const lines = scene.run({"schedule", "list", "--json"}).out;
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
  auto const shown = scene.run({"schedule", "show", "sch_1"});
  CHECK(shown.out.find("  message: 42\n") != std::string::npos);
  CHECK(shown.out.find('\033') == std::string::npos);
  auto const none = scene.run({"schedule", "show", "sch_9"});
  CHECK(none.status == 3);
  CHECK(none.err.find("sch_9") != std::string::npos);
}

TEST_CASE("ASchedulesVerbsAskForIt") {
  Scene const scene;
  CHECK(scene.run({"schedule", "pause", "sch_1"}).status == 0);
  CHECK(scene.last().method == "PATCH");
  CHECK(scene.asked() == json{{"paused", true}});
  CHECK(scene.run({"schedule", "resume", "sch_1"}).status == 0);
  CHECK(scene.asked() == json{{"paused", false}});
  CHECK(scene.run({"schedule", "run", "sch_1"}).status == 0);
  CHECK(scene.last().path == "/v1/schedules/sch_1/run");
  CHECK(scene.run({"schedule", "run", "sch_8"}).status == 4);
  CHECK(scene.run({"schedule", "rm", "sch_1"}).out == "sch_1: removed\n");
  CHECK(scene.last().method == "DELETE");
}
