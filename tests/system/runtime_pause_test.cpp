// The runtime's pause, over the deaths of those who asked for it and of the daemon.
#include "system/installation.hpp"

#include <algorithm>

using ar::json;
using ar::test::Installation;

namespace {

json const kTurns = {{"proof", {{"pattern", "took {correlation_id}"}}}, {"turn_end", {{"pattern", "^answered"}}}};

/// Each of its turns ends when there is a file `go`, which it removes.
void spawn_slow(Installation& home) {
  auto const go = (home.work() / "go").string();
  home.spawn("slow", {"--options", kTurns.dump(), "--", "sh", "-c",
                      "stty -echo; while read -r line; do n=${line#*runner }; echo took ${n%% *}; "
                      "while [ ! -e " +
                          go + " ]; do sleep 0.1; done; rm " + go + "; echo answered; done"});
}

void let_go(Installation& home) {
  auto const go = home.work() / "go";
  std::ofstream(go) << "";
  REQUIRE(Installation::eventually([&] { return !std::filesystem::exists(go); }));
}

void until(Installation& home, std::int64_t message, std::string const& state) {
  auto const there = Installation::eventually([&] { return home.delivery_state(message) == state; });
  REQUIRE_MESSAGE(there, "not ", state, ": ", home.message(message).dump());
}

json runtime(Installation& home) { return home.good({"runtime", "status", "--json"}).parsed(); }

/// The numbers of an agent's messages, or 0, for each event of that type, in the order of the log.
struct Happened {
  std::string type{}, agent{};
  std::int64_t message = 0;
};
std::vector<Happened> events(Installation& home) {
  std::vector<Happened> all;
  for (auto const& line : Installation::lines(home.good({"events", "--json", "-n", "1000"}).out)) {
    auto const event = json::parse(line);
    all.push_back({event["type"], event["agent"], event["data"].value("message", std::int64_t{0})});
  }
  return all;
}

}  // namespace

TEST_CASE("WhatWaitsOverAPauseAndADeathOfTheDaemonArrivesOnceAndInOrder") {
  Installation home;
  home.spawn("demo");
  spawn_slow(home);
  auto const first = home.send("slow", "work");
  until(home, first, "running");

  auto const paused = home.good({"runtime", "pause", "--timeout", "300ms", "--reason", "a test", "--json"}).parsed();
  CHECK(paused["state"] == "paused");
  CHECK(paused["parked"] == json::array({"demo"}));
  CHECK(paused["running"] == json::array({"slow"}));
  CHECK(paused["ms"] >= 300);
  auto const again = home.run({"runtime", "pause"});
  CHECK(again.status == 4);
  CHECK_MESSAGE(again.err.find("the runtime is paused since") != std::string::npos, again.err);

  std::vector<std::int64_t> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(home.send("demo", "message " + std::to_string(i)));
  auto const second = home.send("slow", "more work");
  home.kill_daemon();
  waiting.push_back(home.send("demo", "after the death"));  // starts the next daemon
  CHECK(runtime(home)["state"] == "paused");
  CHECK(runtime(home)["reason"] == "a test");
  for (auto const id : waiting) until(home, id, "held");
  CHECK(home.message(waiting[0]).dump().find("the runtime is paused (a test)") != std::string::npos);
  auto const ps = home.good({"ps"}).out;
  CHECK_MESSAGE(ps.starts_with("the runtime is paused for "), ps);
  CHECK(json::parse(Installation::lines(home.good({"ps", "--json"}).out).front())["runtime"]["state"] == "paused");
  CHECK(home.run({"doctor"}).out.find("(a test): nothing new is handed to any agent") != std::string::npos);

  // Its turn has gone on, and nothing follows it.
  home.wait_for_state("slow", "busy");
  let_go(home);
  until(home, first, "done");
  home.wait_for_state("slow", "idle");
  CHECK(runtime(home)["pausedRuns"][0]["outcome"] == "finished");

  CHECK(home.good({"runtime", "resume", "--json"}).parsed()["state"] == "running");
  CHECK(home.run({"runtime", "resume"}).status == 4);
  for (auto const id : waiting) until(home, id, "done");
  until(home, second, "running");
  let_go(home);
  until(home, second, "done");
  std::vector<std::int64_t> given;
  bool is_paused = false, was_paused = false;
  for (auto const& event : events(home)) {
    if (event.type == "runtime.pausing") is_paused = was_paused = true;
    if (event.type == "runtime.resumed") is_paused = false;
    if (event.type != "message.submitted") continue;
    CHECK_FALSE_MESSAGE(is_paused, event.agent, " was given ", event.message);
    if (event.agent == "demo") given.push_back(event.message);
  }
  CHECK(was_paused);
  CHECK(given == waiting);
}

TEST_CASE("ForceInterruptsATurnAndItsProcessStays") {
  Installation home;
  home.spawn("busy", {"--options", kTurns.dump(), "--", "sh", "-c",
                      "stty -echo; trap 'stop=1' INT; while read -r line; do n=${line#*runner }; echo took ${n%% *}; "
                      "stop=; while [ -z \"$stop\" ]; do sleep 0.1; done; echo answered; done"});
  auto const pid = home.agent("busy")["pid"];
  auto const message = home.send("busy", "work");
  until(home, message, "running");
  auto const paused = home.good({"runtime", "pause", "--timeout", "200ms", "--force", "--json"}).parsed();
  CHECK(paused["state"] == "paused");
  CHECK(paused["running"] == json::array());
  CHECK(paused["parked"] == json::array({"busy"}));
  auto const runs = runtime(home)["pausedRuns"];
  REQUIRE(runs.size() == 1);
  CHECK(runs[0] == json{{"agent", "busy"}, {"turn", 1}, {"outcome", "interrupted"}});
  auto const next = home.send("busy", "more work");
  until(home, next, "held");
  home.good({"runtime", "resume"});
  until(home, next, "running");
  CHECK(home.agent("busy")["pid"] == pid);
  home.good({"interrupt", "busy"});
}

TEST_CASE("APauseNeedsNeitherItsClientNorItsDaemon") {
  Installation home;
  spawn_slow(home);
  auto const first = home.send("slow", "work");
  until(home, first, "running");
  auto const program = std::string(AR_BIN_DIR) + "/agent-runner";
  auto const begun = home.run_program("/bin/sh",
                                      {"-c", R"("$0" --state-dir "$1" runtime pause --timeout 5m >/dev/null & echo $!)",
                                       program, home.state().string()},
                                      "");
  auto const client = static_cast<pid_t>(std::atol(begun.out.c_str()));
  REQUIRE(client > 0);
  REQUIRE(Installation::eventually([&] { return runtime(home)["state"] == "pausing"; }));
  ::kill(client, SIGKILL);
  REQUIRE(Installation::eventually([&] { return !Installation::runs(client); }));
  auto const again = home.run({"runtime", "pause"});
  CHECK(again.status == 4);
  CHECK_MESSAGE(again.err.find("the runtime is pausing since") != std::string::npos, again.err);
  home.kill_daemon();
  home.good({"up"});
  CHECK(runtime(home)["state"] == "paused");
  CHECK(runtime(home)["pausedRuns"][0]["agent"] == "slow");
  auto const second = home.send("slow", "more work");
  home.wait_for_state("slow", "busy");
  let_go(home);
  until(home, first, "done");
  until(home, second, "held");
  home.good({"runtime", "resume"});
  until(home, second, "running");
  let_go(home);
  until(home, second, "done");
}

TEST_CASE("ResumingDuringTheGraceAnswersWhoPaused") {
  Installation home;
  spawn_slow(home);
  auto const first = home.send("slow", "work");
  until(home, first, "running");
  auto const answer = home.work() / "answer";
  home.run_program(
      "/bin/sh",
      {"-c", R"("$0" --state-dir "$1" runtime pause --timeout 5m --json >"$2.part" && mv "$2.part" "$2" &)",
       std::string(AR_BIN_DIR) + "/agent-runner", home.state().string(), answer.string()},
      "");
  REQUIRE(Installation::eventually([&] { return runtime(home)["state"] == "pausing"; }));
  home.good({"runtime", "resume"});
  REQUIRE(Installation::eventually([&] { return std::filesystem::exists(answer); }));
  auto const told = json::parse(ar::test::file_text(answer));
  CHECK(told["state"] == "running");
  CHECK(told["running"] == json::array({"slow"}));
  let_go(home);
  until(home, first, "done");
}
