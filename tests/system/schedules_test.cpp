// Schedules of the real daemon, which is killed around their due times.
#include "base/clock.hpp"
#include "system/http_request.hpp"
#include "system/installation.hpp"

#include <map>
#include <set>

using ar::json;
using ar::test::Installation;
using ar::test::request;

namespace {

/// How often each due time of the schedule came as a message, over all pages.
std::map<std::string, int> dues(Installation& home, std::string const& id) {
  std::map<std::string, int> found;
  for (std::string cursor = "0"; !cursor.empty();) {
    auto const page = request(home, "GET", "/v1/messages?limit=100&cursor=" + cursor).body;
    for (auto const& message : page["messages"])
      if (auto const& payload = message["payload"]; payload.contains("schedule") && payload["schedule"]["id"] == id)
        ++found[payload["schedule"]["dueAt"].get<std::string>()];
    cursor = page.contains("nextCursor") ? page["nextCursor"].dump() : "";
  }
  return found;
}

json shown(Installation& home, std::string const& id) { return home.good({"schedule", "show", id, "--json"}).parsed(); }

}  // namespace

TEST_CASE("EachDueTimeIsDoneOnceOverThirtyKills") {
  constexpr int kKills = 30;
  constexpr std::int64_t kEvery = 300;
  Installation home;
  home.environment = {"AGENT_RUNNER_LEAST_INTERVAL_MS=100"};
  home.spawn("alice");
  auto const id = home.good({"send", "alice", "tick", "--every", "300ms", "--json"}).parsed()["id"].get<std::string>();
  for (int kill = 0; kill < kKills; ++kill) {
    // From shortly before a due time to shortly after it, each time another moment.
    auto const now = ar::to_millis(ar::wall_now());
    auto const first = ar::to_millis(ar::from_iso8601(shown(home, id)["at"].get<std::string>()).value());
    auto const phase = (now - first + 10 * kEvery) % kEvery;
    auto const wanted = (kEvery - 20 + kill * 2) % kEvery;
    std::this_thread::sleep_for(std::chrono::milliseconds((wanted - phase + kEvery) % kEvery));
    home.kill_daemon();
    home.good({"up"});
  }
  // What came while the last one was down has been taken up, too.
  auto const until = ar::wall_now();
  CHECK(Installation::eventually([&] {
    auto const last = shown(home, id)["last"];
    return last.is_object() && last["dueAt"] > ar::to_iso8601(until);
  }));
  home.good({"schedule", "pause", id});
  CHECK(Installation::eventually([&] { return shown(home, id)["underWay"].is_null(); }));
  auto const came = dues(home, id);
  REQUIRE(came.size() > kKills);
  auto expected = ar::from_iso8601(came.begin()->first).value();
  CHECK(shown(home, id)["at"] == ar::to_iso8601(expected));
  for (auto const& [due, count] : came) {
    CHECK(due == ar::to_iso8601(expected));
    CHECK_MESSAGE(count == 1, due);
    expected += ar::milliseconds(kEvery);
  }
  CHECK(shown(home, id)["done"] == came.size());
  auto const told = home.good({"events", "--json", "--from", "0"}).out;
  std::set<std::string> fired;
  for (auto const& line : Installation::lines(told))
    if (auto const event = json::parse(line); event["type"] == "schedule.fired")
      CHECK(fired.insert(event["data"]["dueAt"].get<std::string>()).second);
  CHECK(fired.size() == came.size());
}

TEST_CASE("AScheduledMessageReachesItsAgentAndASpawnStartsOne") {
  Installation home;
  home.spawn("alice");
  auto const in = home.good({"send", "alice", "on time", "--in", "0s", "--json"}).parsed()["id"].get<std::string>();
  CHECK(Installation::eventually([&] { return shown(home, in)["state"] == "over"; }));
  auto const message = shown(home, in)["last"]["message"].get<std::int64_t>();
  CHECK(Installation::eventually([&] { return home.delivery_state(message) == "done"; }));
  auto const spawn =
      home.good({"spawn", "--provider", "command", "--cwd", home.work().string(), "--every", "1d", "--json"})
          .parsed()["id"]
          .get<std::string>();
  auto const run = home.good({"schedule", "run", spawn, "--json"}).parsed();
  auto const name = run["last"]["agent"].get<std::string>();
  home.wait_for_state(name, "idle");
  CHECK(run["state"] == "active");
  CHECK(home.good({"schedule", "list"}).out.find(spawn) != std::string::npos);
  auto const in_ps = [&] { return home.good({"ps"}).out.find("the next schedule is due in 23h") != std::string::npos; };
  CHECK(Installation::eventually(in_ps));
  home.good({"schedule", "rm", spawn});
  CHECK(home.run({"schedule", "show", spawn}).status == 3);
}
