// Starting, ending and starting again, whatever comes at the wrong moment.
#include "daemon/store/schema.hpp"
#include "support/log_lines.hpp"
#include "world.hpp"

#include <random>

using namespace ar;
using namespace ar::test;

// ---- one process at a time ----

TEST_CASE("ARestartThatIsDueDuringAPersonsRestartStartsNoSecondProcess") {
  World world;
  world.spawn();
  world.script.start_takes = 300ms;
  world.script.end(ExitStatus{1, 0, true});
  world.until_state("restarting");
  world.pass(400ms);
  CHECK(world.act("stop").has_value());
  world.begin(world.agent().act("restart", json::object()));
  world.pass(5s);
  CHECK(world.state() == "idle");
  CHECK(world.script.starts == 2);
  CHECK(world.script.overlaps == 0);
}

TEST_CASE("WhatAStopClearsAwayIsNeverTheNextProcess") {
  World world;
  world.spawn();
  world.script.remove_takes = 200ms;
  CHECK(world.act("stop").has_value());
  CHECK(world.act("restart").has_value());
  world.pass(5s);
  CHECK(world.state() == "idle");
  CHECK(world.script.starts == 2);
  CHECK(world.script.killed == 0);
}

TEST_CASE("AStopDuringTheFirstStartLeavesNoProcessBehind") {
  World world;
  world.script.start_takes = 500ms;
  world.begin_spawn();
  world.until([&] { return world.script.starting == 1; }, "it is being started");
  CHECK(world.act("stop").has_value());
  world.pass(5s);
  CHECK(world.state() == "stopped");
  CHECK_FALSE(world.script.end);
}

TEST_CASE("WhateverIsAskedAtWhateverMomentOneProcessRunsAtATime") {
  World world;
  world.spawn();
  world.script.start_takes = 40ms;
  world.script.remove_takes = 40ms;
  std::mt19937 random(7);
  char const* const wishes[] = {"stop", "restart", "kill", "restart", "suspend", "resume", "restart"};
  for (int round = 0; round < 60; ++round) {
    for (int step = 0; step < 4; ++step) {
      if (random() % 5 == 0 && world.script.end)
        world.script.end(ExitStatus{1, 0, true});
      else
        world.begin(world.agent().act(wishes[random() % std::size(wishes)], json::object()));
      world.pass(milliseconds(random() % 200));
    }
    CHECK(world.script.overlaps == 0);
    // Once nothing is asked any more, it is where the last wish has left it.
    world.until([&] { return is_live(world.agent().state()) == bool(world.script.end); }, "process and state agree");
  }
  world.until([&] { return world.state() != "stopping" && world.state() != "suspending"; }, "it is not ending");
  if (!is_live(world.agent().state())) CHECK(world.act("restart").has_value());
  world.until_state("idle");
  CHECK(bool(world.script.end));
}

// ---- suspended ----

TEST_CASE("WithoutMemoryPressureTheKernelIsNotAsked") {
  World world;  // has agents.memory_pressure off
  std::error_code ec;
  for (auto const& fd : std::filesystem::directory_iterator("/proc/self/fd"))
    CHECK(std::filesystem::read_symlink(fd.path(), ec) != "/proc/pressure/memory");
}

TEST_CASE("AMessageThatComesWhileItIsBeingSuspendedWakesIt") {
  World world;
  world.script.quits = false;
  world.spawn();
  world.begin(world.agent().act("suspend", {{"timeoutMs", 1'000}}));
  world.until_state("suspending");
  world.send("are you there?");
  world.until([&] { return world.script.starts == 2 && world.state() == "idle"; }, "it was woken");
}

TEST_CASE("ASuspendedAgentWithSomethingQueuedIsWokenByTheDaemonsStart") {
  World world;
  world.spawn();
  REQUIRE(world.act("inject", {{"content", "remember"}}).has_value());
  // As of a daemon that ended before it could wake it.
  world.journal().write([](Database& db) { db.prepare("UPDATE agents SET state = 'suspended'").bind().run(); });
  world.crash();
  world.script.end = nullptr;
  world.script.ends.clear();
  world.start();
  world.until([&] { return world.script.starts == 2 && world.state() == "idle"; }, "it was woken");
}

TEST_CASE("AnAgentWithASubagentAtWorkIsNotSuspended") {
  World world;
  world.spawn({{"idleTtlMs", 3'000}});
  adapters::WorkStarted subagent;
  subagent.kind = "subagent";
  subagent.id = "s";
  world.script.emit(subagent);
  world.pass(10s);
  CHECK(world.state() == "idle");
  CHECK_FALSE(world.agent().does_nothing());
  auto const refused = world.act("suspend");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "wrong_state");
  CHECK(refused.error().message.find("subagent") != std::string::npos);
  adapters::WorkFinished finished;
  finished.kind = "subagent";
  finished.id = "s";
  world.script.emit(finished);
  world.pass(1s);
  CHECK(world.state() == "idle");  // its rest begins with the end of the work
  world.until_state("suspended");
}

TEST_CASE("CancelInterruptsTheTurnAndWithdrawsWhatWaitsForTheAgentAlone") {
  World world;
  world.spawn();
  world.script.gate.clear();
  world.send("one");
  world.until([&] { return world.agent().turn_runs(); }, "the turn runs");
  world.script.gate = "its turn runs";
  world.send("two");
  world.send("for anybody", true);
  world.until([&] { return world.agent().queue().deliveries().waiting() == 2; }, "both wait");
  CHECK(world.await(world.agent().cancel("it is too late")) == 2);
  CHECK(world.agent().queue().deliveries().waiting() == 1);
  auto const failed = world.events("message.failed");
  REQUIRE(failed.size() == 1);
  CHECK(failed[0]["data"]["reason"] == "cancelled before it was handed over: it is too late");
  auto const interrupted = world.events("agent.interrupt");
  REQUIRE(interrupted.size() == 1);
  CHECK(interrupted[0]["data"]["reason"] == "cancelled: it is too late");
  world.step(1s);
  adapters::TurnEnded end;
  end.outcome = adapters::TurnEnded::Outcome::interrupted;
  world.script.emit(end);
  world.until_state("idle");
  CHECK(world.await(world.agent().cancel()) == 0);
  CHECK(world.agent().session()["turnStatus"] == "launching");  // for anybody, this one too
  CHECK(world.agent().session()["activeDurationMs"] == 1000);
}

TEST_CASE("AtItsDeadlineWhatAnAgentIsAtIsCancelledOnce") {
  World world;
  world.spawn({{"deadlineMs", 60'000}});
  world.script.gate.clear();
  world.send("one");
  world.until([&] { return world.agent().turn_runs(); }, "the turn runs");
  world.script.gate = "its turn runs";
  world.send("two");
  world.pass(50s);
  CHECK(world.events("agent.deadline").empty());
  CHECK(world.agent().session()["timedOut"] == false);
  SUBCASE("while the daemon runs") { world.pass(20s); }
  SUBCASE("while none does") {
    world.crash();
    world.step(20s);
    world.start();
    world.until([&] { return !world.events("agent.deadline").empty(); }, "it has come");
  }
  SUBCASE("by a daemon that is killed before it has cancelled anything") {
    world.crash();
    world.step(20s);
    {
      auto const db = *Database::open(world.dir() / "journal.db", journal_migrations(), true);
      db->execute("UPDATE agents SET record = replace(record, '\"deadlineOver\":false', '\"deadlineOver\":true')");
    }
    world.start();
    CHECK(world.agent().session()["timedOut"] == true);
    world.until([&] { return !world.events("agent.deadline").empty(); }, "it is done by the next");
  }
  CHECK(world.agent().session()["timedOut"] == true);
  CHECK(world.agent().queue().deliveries().waiting() == 0);
  world.crash();
  world.start();
  world.pass(70s);
  CHECK(world.events("agent.deadline").size() == 1);
}

TEST_CASE("AnOrderIsMeantForTheAgentAsItIsOnceWhatCameBeforeHasBeenTaken") {
  World world;
  world.spawn();
  world.script.remove_takes = 2s;  // of the terminal of the process that has ended
  world.script.end(ExitStatus{1, 0, true});
  world.step(100ms);
  CHECK(world.state() == "idle");
  auto const refused = world.act("suspend");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "wrong_state");
  CHECK(refused.error().message.find("restarting") != std::string::npos);
  world.until_state("idle");
}

TEST_CASE("AnOrderDoesNotWaitForLongForWhatCameBefore") {
  World world;
  world.spawn();
  world.script.remove_takes = 1h;
  world.script.end(ExitStatus{1, 0, true});
  world.step(100ms);
  world.begin(world.agent().act("stop", json::object()));
  world.step(4s);
  CHECK(world.state() == "idle");
  world.step(2s);
  CHECK(world.state() == "stopping");
  world.pass(1h);
  world.until_state("stopped");
}

TEST_CASE("TheProviderIsAskedBeforeItIsSuspendedAndAnAgentThatWorksBeginsItsRestAnew") {
  World world;
  world.spawn({{"idleTtlMs", 3'000}});
  world.script.running_work = "a command in the background";
  world.step(2s);
  CHECK(world.script.asked_for_work == 0);
  world.until([&] { return world.script.asked_for_work == 1; }, "it is asked");
  world.step(0ms);
  CHECK(world.state() == "idle");
  auto const refused = world.act("suspend");  // as people and the memory guard do
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "wrong_state");
  CHECK(refused.error().message.find("a command in the background") != std::string::npos);
  world.script.running_work.clear();
  world.step(2'900ms);
  CHECK(world.state() == "idle");
  CHECK(world.script.asked_to_quit == 0);
  world.until_state("suspended");
  CHECK(world.script.asked_for_work == 3);
}

TEST_CASE("WhileMemoryIsTightAnAgentThatWorksIsPassedOver") {
  World world;
  world.config().memory_limit_mb = 1;
  world.script.memory = 2 << 20;
  world.crash();
  world.start();
  world.spawn();
  world.script.running_work = "a command in the background";
  world.pass(60s);
  CHECK(world.state() == "idle");
  CHECK(world.script.asked_for_work > 1);
  CHECK(world.script.asked_for_work < 20);
  world.script.running_work.clear();
  world.until_state("suspended");
}

TEST_CASE("AnAgentThatCouldNotGoOnLaterIsNotSuspendedByItself") {
  World world;
  world.script.resumable = false;
  world.spawn({{"idleTtlMs", 3'000}});
  world.pass(120s);
  CHECK(world.state() == "idle");
}

// ---- restart and stop ----

TEST_CASE("ARestartReturnsWhenTheNextProcessRuns") {
  World world;
  world.spawn();
  world.script.start_takes = 1s;
  auto const restarted = world.act("restart");
  REQUIRE(restarted.has_value());
  CHECK(is_live(*agent_state_from((*restarted)["state"].get<std::string>())));
  CHECK(world.script.starts == 2);
}

TEST_CASE("ARestartWhoseStartFailsFails") {
  World world;
  world.spawn();
  world.script.start_fails = conflict("broken", "the program cannot be started");
  auto const restarted = world.act("restart");
  REQUIRE_FALSE(restarted.has_value());
  CHECK(restarted.error().code == "start_failed");
  CHECK(restarted.error().message.find("the program cannot be started") != std::string::npos);
  CHECK(world.state() == "failed");
  auto const command = world.ended(world.command("agent.restart"));
  CHECK(command.status == CommandStatus::failed);
}

TEST_CASE("ARestartThatDoesNotComeAboutSaysSoInTime") {
  World world;
  world.spawn();
  world.script.start_fails = unavailable("away", "the tmux server is away");
  auto const begun = world.now();
  auto const restarted = world.act("restart", {{"timeoutMs", 1'000}});
  REQUIRE_FALSE(restarted.has_value());
  CHECK(restarted.error().kind == ErrorKind::timeout);
  CHECK(restarted.error().message.find("the tmux server is away") != std::string::npos);
  CHECK(world.now() - begun < 60s);
  world.script.start_fails.reset();
  world.until_state("idle");
}

TEST_CASE("AskingAProviderToQuitTakesNoLongerThanTheStopMay") {
  World world;
  world.script.quits = false;
  world.script.quit_takes = 60s;
  world.spawn();
  auto const begun = world.now();
  CHECK(world.act("stop", {{"timeoutMs", 2'000}}).has_value());
  CHECK(world.now() - begun >= 2s);
  CHECK(world.now() - begun < 8s);
  CHECK(world.script.killed == 1);
}

TEST_CASE("TheLogSaysHowLongAProcessLivedAndWhenTheNextOneComes") {
  World world;
  world.spawn();
  world.pass(40s);
  test::LogLines log;
  world.script.end(ExitStatus{3, 0, true});
  world.until([&] { return world.script.starts == 2; }, "it is started again");
  auto const told = world.events("agent.restarting");
  REQUIRE(told.size() == 1);
  auto const lived = told[0]["data"]["livedMs"].get<std::int64_t>();
  CHECK(lived >= 40'000);
  CHECK(lived < 45'000);
  CHECK(told[0]["data"]["waitMs"] == 500);
  CHECK_MESSAGE(log.count("agent a: its process has ended after 40.") == 1, log.text());
  CHECK_MESSAGE(log.count("(exit status 3); it is started again in 500 ms") == 1, log.text());
}

TEST_CASE("TheInfoFileIsThereBeforeTheProcessAndNamesItAfterwards") {
  World world;
  world.script.memory = 1;  // its process has a number
  world.services().tcp_port = [] { return 4711; };
  world.script.start_takes = 1s;
  world.begin_spawn();
  world.until([&] { return world.script.starting == 1; }, "its process is being started");
  auto const file = world.services().paths.agent_dir("a") / "runner.json";
  auto const read = [&] {
    auto const text = read_file(file, 1U << 20);
    REQUIRE(text.has_value());
    CHECK(text->starts_with("{\n  \""));
    CHECK(text->ends_with("}\n"));
    return json::parse(*text);
  };
  auto const before = read();
  CHECK(before["pid"] == 0);
  CHECK(before["agentId"] == "a");
  CHECK(before["runnerId"] == "a");
  CHECK(before["provider"] == "fake");
  CHECK(before["controlUrl"] == "http://127.0.0.1:4711");
  CHECK(before["controlSocket"] == world.services().paths.agents_socket().string());
  CHECK(before["tmuxSession"] == "ar-a");
  CHECK(before["tmuxSocket"] == world.services().paths.tmux_socket().string());
  CHECK(from_iso8601(before["startedAt"].get<std::string>()).has_value());
  world.until_state("idle");
  auto after = before;
  after["pid"] = 4711;
  world.until([&] { return read() == after; }, "the file names the process");
  namespace fs = std::filesystem;
  CHECK(fs::status(file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("AnInfoFileThatCannotBeWrittenIsLoggedAndStopsNobody") {
  World world;
  std::filesystem::create_directories(world.services().paths.agent_dir("a") / "runner.json" / "in the way");
  test::LogLines log;
  world.spawn();
  // What is asked about an end is asked after what was to be written before.
  world.script.end(ExitStatus{1, 0, true});
  world.until_state("restarting");
  CHECK_MESSAGE(log.count("agent a: its info file is not written: ") == 2, log.text());
}

TEST_CASE("AFirstPromptThatIsRefusedLeavesTheAgentAtWork") {
  World world;
  world.script.gate.clear();
  world.script.outcome = adapters::SubmitOutcome::refused;
  world.spawn({{"prompt", "begin"}});
  world.until([&] { return world.script.handed == 1 && world.agent().queue().open().empty(); }, "it was refused");
  CHECK(world.state() == "idle");
  CHECK(world.events("message.refused").size() == 1);
  world.script.outcome = adapters::SubmitOutcome::accepted;
  world.send("go on");
  world.until([&] { return world.script.handed == 2; }, "the next one is handed over");
}

TEST_CASE("AMessageThatCannotBeHandedOverNowLeavesTheStatusIdle") {
  World world;
  world.spawn();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  world.send("later");
  world.until([&] { return world.agent().queue().deliveries().waiting() == 1; }, "it waits");
  world.pass(61s);
  CHECK(world.script.handed == 0);
  CHECK(world.presence()->status == "idle");
  CHECK(world.presence()->meta["activeWork"] == json::array());
}

TEST_CASE("OnlyExitsThatWereFollowedByAStartCountAsRestarts") {
  World world;
  world.script.dies_at_once = true;
  world.begin_spawn();
  world.until_state("failed");
  CHECK(world.script.starts == 4);
  CHECK(world.agent().view()["restarts"] == 3);
}

// ---- what keeps it from starting ----

TEST_CASE("AProofThatComesWithTheEndOfItsProcessCounts") {
  World world;
  world.spawn();
  world.script.gate.clear();
  world.script.outcome = adapters::SubmitOutcome::unknown;
  world.send("hello");
  world.until([&] { return world.script.handed == 1; }, "the message is handed over");
  world.script.remove_takes = 100ms;
  auto const say = world.script.emit;
  auto const prove = [&] { say(adapters::Accepted{world.script.correlation_id, "fake"}); };
  world.script.end(ExitStatus{1, 0, true});
  SUBCASE("right behind it") { prove(); }
  SUBCASE("while what it left is cleared away") {
    world.pass(50ms);
    CHECK(world.state() == "idle");
    prove();
  }
  SUBCASE("once its record has said that nothing is there") {
    world.until_state("restarting");
    world.settle();
    prove();
  }
  world.until([&] { return world.script.starts == 2; }, "it is started again");
  world.until_state("idle");
  world.until([&] { return world.agent().queue().open().empty(); }, "nothing is left to do");
  CHECK(world.script.handed == 1);
  CHECK(world.events("message.accepted").size() == 1);
  auto const failed = world.events("message.failed");
  REQUIRE(failed.size() == 1);
  CHECK(failed.front()["data"]["reason"] == "interrupted: the provider ended during this turn");
  CHECK_FALSE(world.agent().turn_runs());
}

TEST_CASE("WhatItSaidAtItsEndIsTheReason") {
  World world;
  world.script.exit_diagnostic = "it said \"the socket is taken\"";
  world.script.dies_at_once = true;
  world.begin_spawn();
  world.until_state("failed");
  auto const view = world.agent().view();
  std::string const account = "exit status 1, it said \"the socket is taken\"";
  CHECK(view["lastExit"] == account);
  auto const reason = view["reason"].get<std::string>();
  CHECK_MESSAGE(reason.find("gave up after 4 exits in 2 min (last: " + account + ")") == 0, reason);
  CHECK(reason.find("agent-runner restart a") != std::string::npos);
  CHECK(world.events("agent.exited").at(0)["data"]["status"] == account);
  auto const restarting = world.events("agent.state").at(2)["data"];
  CHECK(restarting["state"] == "restarting");
  CHECK(restarting["reason"] == account);
}

TEST_CASE("WhatItLeftOnItsScreenIsTheReasonAndCanBeRead") {
  World world;
  world.script.left = {"", "starting with s3cret-of-mine", "Error: no API key", "  at main:1"};
  world.script.dies_at_once = true;
  world.begin_spawn({{"env", {{"MY_TOKEN", "s3cret-of-mine"}}}});
  world.until_state("failed");
  std::string const account = "exit status 1, it said \"Error: no API key   at main:1\"";
  CHECK(world.agent().view()["lastExit"] == account);
  CHECK(world.agent().view()["reason"].get<std::string>().find(account) != std::string::npos);
  json const lines = {"starting with [hidden]", "Error: no API key", "  at main:1"};
  CHECK(world.events("agent.exited").at(0)["data"]["lastLines"] == lines);
  auto const screen = world.await(world.agent().screen());
  REQUIRE(screen.has_value());
  CHECK(json(screen->lines) == lines);

  world.crash();
  world.start();
  CHECK(world.await(world.agent().screen()).has_value());  // also of another daemon
  world.script.dies_at_once = false;
  REQUIRE(world.act("restart").has_value());
  CHECK(world.await(world.agent().screen())->lines.empty());  // the new one's
}

TEST_CASE("WhatTheStartBeforeSaidCountsWhenTheScreenOfThisOneIsEmpty") {
  World world;
  world.script.left = {"no API key"};
  world.script.dies_at_once = true;
  world.begin_spawn();
  world.until([&] { return world.events("agent.exited").size() == 1; }, "it has ended once");
  world.script.left.clear();
  world.until_state("failed");
  std::string const account = "exit status 1, it said \"no API key\"";
  CHECK(world.agent().view()["lastExit"] == account);
  world.until([&] { return world.events("agent.exited").size() == 4; }, "all ends are in the journal");
  CHECK(world.events("agent.exited").at(3)["data"]["lastLines"] == json::array({"no API key"}));
  // A person may have changed what it starts with.
  REQUIRE(world.act("restart").has_value());
  world.until([&] { return world.events("agent.exited").size() >= 5; }, "it has ended again");
  CHECK(world.events("agent.exited").at(4)["data"]["status"] == "exit status 1");
}

TEST_CASE("OneThatCouldNotBeStartedSaysWhyAndIsGivenUp") {
  World world;
  world.script.left = {"agent-runner: cannot start /x: the program was not found"};
  world.begin_spawn();
  world.until_state("idle");
  ExitStatus status{127, 0, true};
  status.not_started = "cannot start /x: the program was not found";
  world.script.end(status);
  world.until_state("failed");
  CHECK(world.script.starts == 1);
  CHECK(world.agent().view()["lastExit"] == status.not_started);
  CHECK(
      world.agent().view()["reason"].get<std::string>().starts_with("not started again: " + status.not_started + ";"));
}

TEST_CASE("OneThatWasKilledIsNotSaidToHaveSpoken") {
  World world;
  world.script.exit_diagnostic = "it said \"a warning of an hour ago\"";
  world.script.left = {"working on it"};
  world.spawn();
  world.script.end(ExitStatus{0, 9, true});
  world.until([&] { return world.script.starts == 2 && world.state() == "idle"; }, "it runs again");
  CHECK(world.agent().view()["lastExit"] == "signal 9");
}

TEST_CASE("AProgramThatAnUpdateTakesAwayForAMomentIsWaitedFor") {
  World world;
  world.spawn();
  world.send("for later");
  auto const missing = not_found("cli_missing", "the program is not installed (install it)");
  // After an unexpected exit, and in a person's restart.
  std::function<void()> const ways[] = {[&] { world.script.end(ExitStatus{1, 0, true}); },
                                        [&] { world.begin(world.agent().act("restart", json::object())); }};
  int starts = 1;
  for (auto const& way : ways) {
    world.script.start_fails = missing;
    way();
    world.pass(40s);
    CHECK(world.state() == "restarting");
    auto const reason = world.agent().view()["reason"].get<std::string>();
    CHECK_MESSAGE(reason.find("the program is not installed (install it); tried again in ") == 0, reason);
    world.script.start_fails.reset();
    world.until_state("idle");
    CHECK(world.script.starts == ++starts);
  }
  // Said once each time, not at every try.
  auto const told = world.events("agent.restarting");
  CHECK(std::ranges::count_if(told, [](json const& event) { return event["data"].contains("reason"); }) == 2);
  CHECK(world.agent().view()["queue"] == 1);
}

TEST_CASE("AProgramThatStaysAwayIsGivenUpAfterTwoMinutes") {
  World world;
  world.spawn();
  world.script.start_fails = not_found("cli_missing", "the program is not installed (install it)");
  auto const begun = world.now();
  world.script.end(ExitStatus{1, 0, true});
  world.until([&] { return world.state() == "failed"; }, "it was given up", 200ms);
  CHECK(world.now() - begun >= 120s);
  CHECK(world.now() - begun < 200s);
  auto const reason = world.agent().view()["reason"].get<std::string>();
  CHECK_MESSAGE(reason.find("the program is not installed (install it); gave up after ") == 0, reason);
  CHECK(reason.find("agent-runner restart a") != std::string::npos);
  world.script.start_fails.reset();
  CHECK(world.act("restart").has_value());
}

TEST_CASE("APersonWhoRestartsItHearsAtOnceThatItsProgramIsMissing") {
  World world;
  world.spawn();
  world.script.start_fails = not_found("cli_missing", "the program is not installed (install it)");
  auto const begun = world.now();
  auto const restarted = world.act("restart");
  REQUIRE_FALSE(restarted.has_value());
  CHECK(restarted.error().code == "start_failed");
  CHECK(restarted.error().message.find("the program is not installed (install it); tried again in ") !=
        std::string::npos);
  CHECK(world.now() - begun < 30s);  // what is waited for takes 40 s
  world.script.start_fails.reset();
  world.until_state("idle");
}

TEST_CASE("AFirstStartWithoutItsProgramFailsAtOnce") {
  World world;
  world.script.start_fails = not_found("cli_missing", "the program is not installed (install it)");
  auto const begun = world.now();
  world.begin_spawn();
  world.until_state("failed");
  CHECK(world.now() - begun < 30s);  // what is waited for takes 40 s
  CHECK(world.agent().view()["reason"] == "the program is not installed (install it)");
}

// ---- what cannot be done ----

TEST_CASE("AnAgentWhoseTerminalCannotBeRemovedStays") {
  World world;
  world.spawn();
  REQUIRE(world.act("stop").has_value());
  world.script.remove_fails = unavailable("tmux_gone", "there is no tmux");
  auto const kept = world.await(world.supervisor().remove("a"));
  REQUIRE_FALSE(kept.has_value());
  CHECK(kept.error().code == "not_removed");
  CHECK(kept.error().message.find("there is no tmux") != std::string::npos);
  CHECK(world.state() == "stopped");
  CHECK(world.events("agent.removed").empty());
  world.script.remove_fails.reset();
  CHECK(world.await(world.supervisor().remove("a")).has_value());
}

TEST_CASE("AProcessWhoseFoldersCannotBeUsedIsNotAdopted") {
  World world;
  world.spawn();
  world.crash();
  auto const messages = world.dir() / "agents" / "a" / "messages";
  std::filesystem::remove_all(messages);
  REQUIRE(write_file(messages, "in the way").has_value());
  world.start();
  world.until_state("failed");
  CHECK(world.agent().view()["reason"].get<std::string>().find("is not a directory") != std::string::npos);
  CHECK_FALSE(world.script.end);
  std::filesystem::remove(messages);
  CHECK(world.act("restart").has_value());
  world.until_state("idle");
}

TEST_CASE("WhileTheDiskIsFullAProviderThatTalksMuchFillsNoMemory") {
  World world;
  world.spawn();
  auto const pragma = [&](char const* sql) {
    auto job = [sql](Database& db) -> Result<void> {
      db.execute(sql);
      return {};
    };
    REQUIRE(world.await(world.journal().run(std::move(job))).has_value());
  };
  world.settle();
  pragma("PRAGMA query_only = ON");
  for (int i = 0; i < 25'000; ++i) {
    world.script.emit(adapters::Noted{"notification", json::object()});
    if (i % 5'000 == 4'999) world.settle();
  }
  CHECK(world.journal().is_behind());
  pragma("PRAGMA query_only = OFF");
  world.until([&] { return !world.journal().is_behind(); }, "the journal has caught up");
  world.script.emit(adapters::Noted{"notification", json::object()});
  auto const count = [&](std::string const& type) {
    auto job = [type](Database& db) -> Result<std::int64_t> {
      auto& row = db.prepare("SELECT count(*) FROM events WHERE text LIKE ?1").bind("%\"type\":\"" + type + "\"%");
      row.step();
      auto const found = row.integer(0);
      row.reset();
      return found;
    };
    return *world.await(world.journal().read(std::move(job)));
  };
  world.until([&] { return count("notes.left_out") == 1; }, "it is told what is missing");
  CHECK(count("notification") > 5'000);
  CHECK(count("notification") < 20'000);  // with those that were being written
}
