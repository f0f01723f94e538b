// Usage limits and logins with the real CLIs: what one agent meets keeps back all of its account and nobody else; one
// message shows when it is over, and then each is worked on once.
#include "e2e/limits_lab.hpp"
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/stub.hpp"
#include "system/installation.hpp"

#include <chrono>
#include <fstream>

using ar::json;
using ar::test::account_of;
using ar::test::count;
using ar::test::Installation;
using ar::test::is_limited;
using ar::test::spawn_codex;
using namespace std::chrono_literals;

namespace {

void configure(Installation& home) {
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[limits]\nmargin_s = 2\n";
}

/// Waits for an end of the limit as well, or for the next look at a login.
bool is_done_in_the_end(Installation& home, std::int64_t id) {
  for (int tries = 0; tries < 4; ++tries)
    if (Installation::eventually([&] { return home.delivery_state(id) == "done"; })) return true;
  return false;
}

/// Agents one and two, of one login.
void spawn_claudes(Installation& home, std::string const& cli, ar::test::Stub const& stub) {
  auto const config = home.work() / "config-one";
  for (auto const* name : {"one", "two"}) {
    ar::test::spawn_claude(home, name, cli, stub, "full",
                           {"--env", "CLAUDE_CONFIG_DIR=" + config.string(), "--env", "CLAUDE_CODE_MAX_RETRIES=1"});
    home.wait_for_state(name, "idle");
  }
  REQUIRE(account_of(home, "one") == account_of(home, "two"));
}

}  // namespace

TEST_CASE("TheCodexAgentsOfAUsedUpAccountWaitForOneOfThem") {
  auto const cli = ar::test::codex_offline();
  Installation home;
  configure(home);
  ar::test::OpenAiStub used_up, well;
  auto const shared = home.work() / "codex-shared", other = home.work() / "codex-other";
  used_up.configure(shared);
  well.configure(other);
  for (auto const* name : {"one", "two", "three"}) spawn_codex(home, name, cli, shared);
  auto const account = account_of(home, "one");
  CHECK(account_of(home, "two") == account);

  auto const resets_at =
      std::chrono::duration_cast<std::chrono::seconds>((std::chrono::system_clock::now() + 40s).time_since_epoch())
          .count();
  json const error{{"type", "usage_limit_reached"}, {"plan_type", "plus"}, {"resets_at", resets_at}};
  used_up.post("/__mode", {{"mode", "fail"}, {"status", 429}, {"error", error}});
  std::vector<std::int64_t> own{home.send("one", "first")};
  for (auto const* name : {"one", "two", "three"})
    REQUIRE_MESSAGE(Installation::eventually([&] { return is_limited(home, name, "limit"); }),
                    home.agent(name).dump(1));
  auto const calls = used_up.get("/__calls");
  used_up.post("/__mode", {{"mode", "ok"}});
  own.push_back(home.send("two", "second"));
  own.push_back(home.send("three", "third"));
  std::vector<std::int64_t> jobs;
  for (int i = 0; i < 4; ++i) jobs.push_back(home.send("tag:q", "job " + std::to_string(i), {"--claimable"}));
  spawn_codex(home, "four", cli, other);
  CHECK(account_of(home, "four") != account);
  CHECK_FALSE(home.agent("four").contains("limited"));
  for (auto const id : jobs) CHECK_MESSAGE(is_done_in_the_end(home, id), home.message(id).dump(1));
  for (auto const id : jobs) CHECK(home.message(id)["readBy"] == json::array({"four"}));
  if (std::chrono::system_clock::now() < std::chrono::system_clock::time_point(std::chrono::seconds(resets_at))) {
    CHECK(used_up.get("/__calls") == calls);
    CHECK(home.good({"limits"}).out.find(account) != std::string::npos);
  }
  home.kill_daemon();  // it goes on where it was
  home.good({"up"});
  for (auto const id : own)
    CHECK_MESSAGE(is_done_in_the_end(home, id), home.message(id).dump(1), home.run({"limits", "--json"}).out);
  CHECK(count(home, "limit.reached") == 1);
  CHECK(count(home, "limit.probing") == 1);
  CHECK(count(home, "limit.lifted") == 1);
  CHECK(count(home, "message.failed") == 0);
  for (auto const* name : {"one", "two", "three"}) CHECK_FALSE(home.agent(name).contains("limited"));
}

TEST_CASE("ClaudesOfOneAccountGoOnWhenAPersonReleasesIt") {
  auto const cli = ar::test::claude_offline();
  Installation home;
  configure(home);
  ar::test::Stub stub;
  spawn_claudes(home, cli, stub);
  stub.post("/__mode", {{"mode", "fail"}, {"status", 429}});
  auto const first = home.send("one", "first");
  REQUIRE(Installation::eventually([&] { return is_limited(home, "two", "limit"); }));
  auto const second = home.send("two", "second");
  REQUIRE(Installation::eventually([&] { return home.delivery_state(second) == "held"; }));
  stub.post("/__mode", {{"mode", "ok"}});
  auto const released = home.good({"limits", "release", account_of(home, "one"), "--json"}).parsed();
  CHECK(released["agents"] == json::array({"one", "two"}));
  for (auto const id : {first, second})
    CHECK_MESSAGE(is_done_in_the_end(home, id), home.message(id).dump(1), home.run({"limits", "--json"}).out);
  CHECK(count(home, "limit.probing") == 1);
  CHECK(count(home, "limit.lifted") == 1);
}

TEST_CASE("ALoginThatEndsIsToldOnceRestartsNothingAndGoesOnByItself") {
  auto const cli = ar::test::claude_offline();
  Installation home;
  configure(home);
  ar::test::Stub stub;
  spawn_claudes(home, cli, stub);
  auto const before = home.send("one", "before");
  CHECK(is_done_in_the_end(home, before));
  stub.post("/__mode", {{"mode", "fail"}, {"status", 401}});
  auto const first = home.send("one", "first");
  REQUIRE(Installation::eventually([&] { return is_limited(home, "two", "login"); }));
  auto const second = home.send("two", "second");
  REQUIRE(Installation::eventually([&] { return home.delivery_state(second) == "held"; }));
  CHECK(count(home, "limit.reached") == 1);
  stub.post("/__mode", {{"mode", "ok"}});
  std::ofstream(home.work() / "config-one" / ".credentials.json") << "{}";
  for (auto const id : {first, second})
    CHECK_MESSAGE(is_done_in_the_end(home, id), home.message(id).dump(1), home.run({"limits", "--json"}).out);
  CHECK(count(home, "limit.reached") == 1);
  for (auto const* name : {"one", "two"}) CHECK(home.agent(name)["restarts"] == 0);
}
