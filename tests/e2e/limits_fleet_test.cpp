// A usage limit over the bus, with the real Codex: two daemons on one NATS server, three agents of one used-up account
// on each, and one agent of another account on each. The limit ends with the first minute that begins
// E2E_LIMIT_S seconds (default 25) later. The agents keep the clock of another zone than the daemons, and Codex says
// the end by it. E2E_ENDLESS=1: also a limit whose end nobody says, 15 min. What happened when is printed.
#include "base/base64.hpp"
#include "base/clock.hpp"
#include "base/ids.hpp"
#include "e2e/limits_lab.hpp"
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "relay/nats/nats_server.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using ar::json;
using ar::relay::test::NatsServer;
using ar::test::account_of;
using ar::test::count;
using ar::test::Installation;
using ar::test::is_limited;
using namespace std::chrono_literals;

namespace {

std::string url_base64(std::string const& text) {
  auto out = ar::base64_encode(text);
  while (out.ends_with('=')) out.pop_back();
  std::ranges::replace(out, '+', '-');
  std::ranges::replace(out, '/', '_');
  return out;
}

/// A login that is none, with the id by which all machines know the account.
void log_in(std::filesystem::path const& codex_home, std::string const& secret) {
  json const claims = {{"email", "nobody@example.org"}, {"exp", 4102444800}};
  auto const token = url_base64(R"({"alg":"none"})") + "." + url_base64(claims.dump()) + "." + url_base64(secret);
  json const login = {{"OPENAI_API_KEY", nullptr},
                      {"tokens",
                       {{"id_token", token},
                        {"access_token", token},
                        {"refresh_token", secret},
                        {"account_id", "account-of-the-test"}}},
                      {"last_refresh", ar::to_iso8601(ar::wall_now())}};
  std::ofstream(codex_home / "auth.json") << login.dump();
}

std::chrono::seconds limit_time() {
  auto const* const said = std::getenv("E2E_LIMIT_S");
  return std::chrono::seconds(said ? std::max(5, std::atoi(said)) : 25);
}

/// One daemon of the fleet: three agents of the account, and one of another.
struct Machine {
  Machine(std::string its_name, NatsServer const& server) : name(std::move(its_name)) {
    std::filesystem::create_directories(home.state());
    std::ofstream(home.state() / "config.toml")
        << "[relay]\nkind = \"nats\"\nurl = \"" << server.url() << "\"\n[limits]\nmargin_s = 2\n";
  }
  /// `logged_in`: their account has the same name on both machines.
  void spawn(std::string const& cli, ar::test::OpenAiStub const& used_up, ar::test::OpenAiStub const& well,
             bool logged_in) {
    used_up.configure(shared());
    if (logged_in) log_in(shared(), "first");
    well.configure(home.work() / "well");
    for (auto const* number : {"1", "2", "3"}) {
      agents.push_back(name + number);
      ar::test::spawn_codex(home, agents.back(), cli, shared(), {"--env", "TZ=Asia/Kolkata"});
    }
    ar::test::spawn_codex(home, name + "-well", cli, home.work() / "well");
  }
  std::filesystem::path shared() const { return home.work() / "shared"; }
  bool all_limited(std::string const& kind = "limit") {
    return std::ranges::all_of(agents, [&](std::string const& one) { return is_limited(home, one, kind); });
  }

  std::string const name;
  Installation home;
  std::vector<std::string> agents;
};

struct Fleet {
  explicit Fleet(std::string const& cli, bool logged_in = true) {
    for (auto* const machine : {&a, &b}) machine->spawn(cli, used_up, well, logged_in);
    account = account_of(a.home, "a1");
    REQUIRE((account_of(b.home, "b1") == account) == logged_in);
    REQUIRE(account_of(a.home, "a-well") != account);
  }
  /// The account is used up for that long, and one turn finds it out.
  void use_up(std::chrono::seconds time) {
    began = std::chrono::system_clock::now();
    fail_for(time);
    own.push_back(a.home.send("a1", "the first"));
    REQUIRE(Installation::eventually([&] { return a.all_limited() && b.all_limited(); }));
    told = std::chrono::system_clock::now();
  }
  void fail_for(std::chrono::seconds time) {
    // Codex tells the minute only.
    resets_at = std::chrono::ceil<std::chrono::minutes>(std::chrono::system_clock::now() + time);
    fail_until(std::chrono::duration_cast<std::chrono::seconds>(resets_at.time_since_epoch()).count());
  }
  void fail_until(json const& end) {
    json error{{"type", "usage_limit_reached"}, {"plan_type", "plus"}};
    if (!end.is_null()) error["resets_at"] = end;
    used_up.post("/__mode", {{"mode", "fail"}, {"status", 429}, {"error", error}});
  }
  /// So that whoever is handed one shows it.
  void work_again() { used_up.post("/__mode", {{"mode", "ok"}}); }
  void send_all() {
    for (int i = 0; i < 20; ++i) {
      auto& machine = i % 2 == 0 ? a : b;
      own.push_back(machine.home.send(machine.agents[static_cast<std::size_t>(i / 2 % 3)], "own " + std::to_string(i)));
    }
    for (int i = 0; i < 40; ++i) jobs.push_back(a.home.send("tag:q", "job " + std::to_string(i), {"--claimable"}));
  }
  int calls() const { return used_up.get("/__calls").get<int>(); }
  /// Everything is done, by one each.
  void all_done(std::chrono::seconds patience) {
    auto const until = std::chrono::steady_clock::now() + ar::test::kPatience * patience;
    auto left = own;
    left.insert(left.end(), jobs.begin(), jobs.end());
    while (!left.empty() && std::chrono::steady_clock::now() < until) {
      auto const id = left.back();
      if (a.home.message(id)["readBy"].size() == 1)
        left.pop_back();
      else
        std::this_thread::sleep_for(100ms);
    }
    CHECK_MESSAGE(left.empty(), left.size(), " are left: ", a.home.message(left.empty() ? own[0] : left.back()).dump(1),
                  a.home.run({"limits", "--json"}).out, b.home.run({"limits", "--json"}).out);
    // Read by one each, and worked on: their turns have ended.
    for (auto const id : own) {
      auto const done = [&] { return a.home.delivery_state(id) == "done" || b.home.delivery_state(id) == "done"; };
      CHECK_MESSAGE(Installation::eventually(done), a.home.message(id).dump(1));
    }
    for (auto* const machine : {&a, &b}) CHECK(count(machine->home, "message.failed") == 0);
  }
  int both(std::string const& type) { return count(a.home, type) + count(b.home, type); }
  void print(char const* what) {
    struct Line {
      double at;
      std::string text;
    };
    std::vector<Line> all;
    auto const seconds = [&](ar::WallTime at) {
      return std::chrono::duration<double>(at - std::chrono::time_point_cast<ar::milliseconds>(began)).count();
    };
    for (auto* const machine : {&a, &b})
      for (auto const& event : ar::test::events(machine->home)) {
        auto const type = event["type"].get<std::string>();
        auto const at = ar::from_iso8601(event["at"].get<std::string>());
        if (at && type.starts_with("limit."))
          all.push_back({seconds(*at), machine->name + "  " + type + "  " + event["data"].dump().substr(0, 150)});
      }
    all.push_back({std::chrono::duration<double>(told - began).count(), "-  both machines show it"});
    all.push_back({std::chrono::duration<double>(resets_at - began).count(), "-  the limit ends"});
    std::ranges::sort(all, {}, &Line::at);
    std::printf("---- %s\n", what);
    for (auto const& line : all)
      if (line.at >= 0) std::printf("%7.2f s  %s\n", line.at, line.text.c_str());
    std::fflush(stdout);
  }

  NatsServer server;
  ar::test::OpenAiStub used_up, well;
  Machine a{"a", server}, b{"b", server};
  std::string account;
  std::chrono::system_clock::time_point began, told, resets_at;
  std::vector<std::int64_t> own, jobs;
};

}  // namespace

TEST_CASE("ALimitHoldsTheAccountOnAllMachinesAndOneMessageOfTheFleetEndsIt") {
  auto const cli = ar::test::codex_offline();
  if (!NatsServer::installed()) {
    MESSAGE("skipped: nats-server is not installed");
    return;
  }
  Fleet fleet(cli);
  fleet.use_up(limit_time());
  auto const refused = fleet.calls();
  fleet.work_again();
  fleet.send_all();
  CHECK(fleet.b.home.good({"limits"}).out.find("found on ") != std::string::npos);
  // Nothing in between: neither handed in, nor claimed and given back.
  bool whole = true;
  while (std::chrono::system_clock::now() < fleet.resets_at) {
    whole = whole && fleet.calls() == refused;
    std::this_thread::sleep_for(100ms);
  }
  CHECK(whole);
  CHECK(fleet.both("limit.probing") == 0);
  fleet.all_done(120s);
  fleet.print("a limit with an end that is known");
  CHECK(fleet.both("limit.reached") == 1);
  CHECK(fleet.both("limit.learned") == 1);
  CHECK(fleet.both("limit.probing") == 1);
  CHECK(fleet.both("limit.lifted") == 2);  // on each machine
  // Each of its own once; the jobs went to the account that was well, or came later.
  int by_the_well = 0;
  for (auto const id : fleet.jobs) {
    auto const by = fleet.a.home.message(id)["readBy"][0].get<std::string>();
    by_the_well += by.ends_with("-well");
  }
  std::printf("%d of %zu jobs were done by the other account\n", by_the_well, fleet.jobs.size());
  CHECK(by_the_well > 0);
  auto const by_the_limited = static_cast<int>(fleet.jobs.size()) - by_the_well;
  CHECK(fleet.calls() == refused + static_cast<int>(fleet.own.size()) + by_the_limited);
  for (auto* const machine : {&fleet.a, &fleet.b})
    CHECK_FALSE(machine->home.agent(machine->name + "-well").contains("limited"));
}

TEST_CASE("ASecondLimitAtTheProbeAndAReleaseFromTheOtherMachine") {
  auto const cli = ar::test::codex_offline();
  if (!NatsServer::installed()) {
    MESSAGE("skipped: nats-server is not installed");
    return;
  }
  Fleet fleet(cli);
  fleet.use_up(8s);
  fleet.send_all();
  auto const before = fleet.calls();
  fleet.fail_until(nullptr);  // what the probe meets
  CHECK(Installation::eventually([&] { return fleet.both("limit.reached") == 2; }));
  CHECK(Installation::eventually([&] { return fleet.a.all_limited() && fleet.b.all_limited(); }));
  CHECK(fleet.both("limit.probing") == 1);
  auto const tried = fleet.calls();
  CHECK(tried > before);
  CHECK(fleet.b.home.agent("b1")["limited"]["resetsAt"].is_null());
  std::this_thread::sleep_for(3s);
  CHECK(fleet.calls() == tried);
  fleet.work_again();
  fleet.b.home.good({"limits", "release", fleet.account});
  fleet.all_done(120s);
  fleet.print("a second limit at the probe, then a release on the other machine");
  CHECK(fleet.both("limit.probing") == 2);
}

TEST_CASE("ALimitWithoutAnEndIsTriedAfterAQuarterOfAnHour") {
  if (!std::getenv("E2E_ENDLESS")) {
    MESSAGE("skipped: E2E_ENDLESS is not set");
    return;
  }
  Fleet fleet(ar::test::codex_offline());
  fleet.began = fleet.resets_at = std::chrono::system_clock::now();
  fleet.fail_until(nullptr);
  fleet.own.push_back(fleet.a.home.send("a1", "the first"));
  REQUIRE(Installation::eventually([&] { return fleet.a.all_limited() && fleet.b.all_limited(); }));
  fleet.told = std::chrono::system_clock::now();
  auto const refused = fleet.calls();
  fleet.work_again();
  fleet.send_all();
  while (fleet.both("limit.probing") == 0 && std::chrono::system_clock::now() < fleet.began + 20min) {
    CHECK(fleet.calls() == refused);
    std::this_thread::sleep_for(5s);
  }
  CHECK(std::chrono::system_clock::now() > fleet.began + 14min);
  fleet.all_done(120s);
  fleet.print("a limit without an end");
  CHECK(fleet.both("limit.probing") == 1);
}

TEST_CASE("ALoginThatEndsInTheMiddleOfAFleetIsToldOnceOnItsMachine") {
  auto const cli = ar::test::codex_offline();
  if (!NatsServer::installed()) {
    MESSAGE("skipped: nats-server is not installed");
    return;
  }
  Fleet fleet(cli, false);  // else Codex tries to renew it, which takes longer than a test
  fleet.began = fleet.told = fleet.resets_at = std::chrono::system_clock::now();
  fleet.used_up.post("/__mode", {{"mode", "fail"}, {"status", 401}});
  fleet.own.push_back(fleet.a.home.send("a1", "the first"));
  REQUIRE(Installation::eventually([&] { return fleet.a.all_limited("login"); }));
  CHECK_FALSE(fleet.b.all_limited("login"));  // its login is a file of its own
  fleet.used_up.post("/__mode", {{"mode", "ok"}});
  fleet.send_all();
  CHECK(count(fleet.a.home, "limit.reached") == 1);
  CHECK(count(fleet.b.home, "limit.reached") == 0);
  std::this_thread::sleep_for(1s);
  auto const logged_in = std::chrono::steady_clock::now();
  log_in(fleet.a.shared(), "second");
  auto const accepted = [&] { return fleet.a.home.delivery_state(fleet.own.front()) == "done"; };
  bool const first = Installation::eventually(accepted) || Installation::eventually(accepted);
  CHECK(first);
  std::printf("from the login to the first message that was done: %.1f s\n",
              std::chrono::duration<double>(std::chrono::steady_clock::now() - logged_in).count());
  fleet.all_done(120s);
  fleet.print("a login that is over");
  CHECK(count(fleet.a.home, "limit.reached") == 1);
  for (auto* const machine : {&fleet.a, &fleet.b})
    for (auto const& agent : machine->agents) CHECK(machine->home.agent(agent)["restarts"] == 0);
}
