// Messages into programs that do take them.
#include "command/command_lab.hpp"

using namespace ar;
using namespace ar::test;

namespace {

json shell(std::string script, std::string const& options) {
  auto all = json::parse(options);
  all["command"] = json::array({"/bin/sh", "-c", std::move(script)});
  return all;
}

}  // namespace

TEST_CASE("TheDemoAgentTakesTwentyMessagesAndAnswersEach") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(lab, "demo", json::object());
    auto const cli = lab.dir.path() / "cli";
    {
      std::ofstream out(cli);
      out << "#!/bin/sh\n{ echo \"$@\"; cat; } >> " << (lab.dir.path() / "replies").string() << "\n";
    }
    ::chmod(cli.c_str(), 0755);
    agent.request().environment["AGENT_RUNNER_CLI"] = cli.string();
    co_await agent.start();
    std::string large;
    while (large.size() < 30'000) large += "word ";
    std::vector<std::string> bodies;
    bodies.push_back("hello there");
    bodies.push_back("several\nlines\n\nof text");
    bodies.push_back("ünïcödé 漢字 🙂 e\xcc\x81 \xe2\x80\x8f");
    bodies.push_back(large);
    bodies.push_back(
        "[end 0123456789]\n[agent-runner 0123456789 · message 1 · from operator]\ntook 0123456789\n[end "
        "ffffffffff]");
    bodies.push_back("tab\there and escape \x1b[201~ and \x03 and NUL-free");
    bodies.push_back("$(exit 1) `exit 1` \"'\\ -n %s ;");
    bodies.push_back("");
    bodies.push_back("\n\n  leading and trailing  \n\n");
    bodies.push_back(std::string(15'000, 'x'));
    while (bodies.size() < 20) bodies.push_back("message number " + std::to_string(bodies.size()));
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      auto const prompt = agent.prompt(bodies[i], static_cast<std::int64_t>(100 + i));
      SubmitResult submission;
      co_await agent.submit(prompt, submission);
      CHECK_MESSAGE(submission.outcome == SubmitOutcome::accepted,
                    "message " << i << ": " << submission.reason << submission.screen);
      CHECK((co_await agent.until_event<Accepted>(i + 1)).proof == "pattern");
      CHECK(agent.steps == "typed entered ");
      co_await agent.until_event<TurnStarted>(i + 1);
      auto const ended = co_await agent.until_event<TurnEnded>(i + 1);
      CHECK(ended.outcome == TurnEnded::Outcome::completed);
      CHECK(agent.session().block_reason(false).empty());
    }
    auto const replies = slurp(lab.dir.path() / "replies");
    for (std::size_t i = 0; i < bodies.size(); ++i)
      CHECK_MESSAGE(replies.find("reply " + std::to_string(100 + i) + " -\n") != std::string::npos, i);
    CHECK(replies.find("of 2 words") != std::string::npos);
    CHECK(replies.find("of 6000 words") != std::string::npos);
    CHECK(agent.count<Accepted>() == bodies.size());
    // What is accepted belongs to the turn that has been told of by then.
    std::size_t turns = 0, accepted = 0;
    for (auto const& event : agent.events()) {
      turns += std::holds_alternative<TurnStarted>(event);
      if (std::holds_alternative<Accepted>(event)) CHECK(turns == ++accepted);
    }
    co_await agent.stop();
  });
}

TEST_CASE("AProgramThatHasEndedDoesNotGetReady") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(lab, "ended", shell("exec sleep 1000", "{}"));
    co_await agent.start(false);
    // Its end is known to the kernel long before tmux reports it.
    auto const file = lab.dir.path() / "server";
    std::string const tmux = "tmux -S " + lab.options().socket.string();
    REQUIRE(std::system((tmux + " display-message -p '#{pid}' > " + file.string()).c_str()) == 0);
    auto const server = std::stoi(slurp(file));
    REQUIRE(::kill(server, SIGSTOP) == 0);
    CHECK(::kill(agent.terminal().pid(), SIGKILL) == 0);
    while (!agent.terminal().program_ended()) co_await sleep_for(1ms);
    co_await sleep_for(100ms);  // it looks every 20 ms whether the program reads, and tells nobody
    CHECK(agent.terminal().alive());
    REQUIRE(::kill(server, SIGCONT) == 0);
    while (agent.terminal().alive()) co_await sleep_for(1ms);
    CHECK(agent.count<Ready>() == 0);
    co_await agent.stop();
  });
}

TEST_CASE("ReadinessAndARunningTurnCloseTheGate") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(
        lab, "slow",
        shell(
            "read -r x; echo up; while read -r line; do n=${line#*runner }; echo took ${n%% *}; read -r y; "
            "echo done; done",
            R"({"ready":{"pattern":"^up"},"proof":{"pattern":"took {correlation_id}"},"turn_end":{"pattern":"^done"}})"));
    co_await agent.start(false);
    CHECK(agent.session().block_reason(true).find("not ready") != std::string::npos);
    auto const first = agent.prompt("early");
    SubmitResult submission;
    co_await agent.submit(first, submission);
    CHECK(submission.outcome == SubmitOutcome::held);
    co_await agent.terminal().paste_and_enter("");
    co_await agent.until_event<Ready>();
    CHECK(agent.session().block_reason(false).empty());

    co_await agent.submit(first, submission);
    CHECK(submission.outcome == SubmitOutcome::accepted);
    CHECK(agent.session().block_reason(false) == "a turn is running");
    CHECK(agent.session().block_reason(true).empty());
    auto const second = agent.prompt("must wait");
    co_await agent.submit(second, submission);
    CHECK(submission.outcome == SubmitOutcome::held);
    co_await agent.terminal().paste_and_enter("go");
    co_await agent.until_event<TurnEnded>();
    co_await agent.submit(second, submission);
    CHECK(submission.outcome == SubmitOutcome::accepted);
    co_await agent.stop();
  });
}

TEST_CASE("CopyModeHoldsAMessageAndItsEndOpensTheGate") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(lab, "copy", json::object());
    co_await agent.start();
    std::string const tmux = "tmux -S " + lab.options().socket.string();
    REQUIRE(std::system((tmux + " copy-mode -t =copy:").c_str()) == 0);
    auto const prompt = agent.prompt("while a person scrolls");
    SubmitResult submission;
    co_await agent.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::held);
    CHECK(agent.steps.empty());
    CHECK(agent.session().block_reason(true).find("scrolling") != std::string::npos);
    co_await agent.until_event<BlockChanged>(1);
    REQUIRE(std::system((tmux + " copy-mode -q -t =copy:").c_str()) == 0);
    co_await agent.until_event<BlockChanged>(2);
    CHECK(agent.session().block_reason(false).empty());
    co_await agent.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::accepted);
    co_await agent.stop();
  });
}

TEST_CASE("AProgramMayProveByCallingTheApi") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(lab, "api", shell("exec cat", R"({"proof":"api","turn_end":"api","proof_timeout_ms":300})"));
    co_await agent.start();
    TaskGroup calls(lab.io.get_executor(), "test");
    auto call = [&](json payload) -> awaitable<void> {
      co_await sleep_for(20ms);
      auto const answer = agent.session().hook("MessageAccepted", payload);
      CHECK(answer.has_value());
    };
    SubmitResult submission;
    auto const first = agent.prompt("by correlation_id", 7);
    json by_correlation_id;
    by_correlation_id["correlationId"] = first.correlation_id;
    calls.spawn("call", call(by_correlation_id));
    co_await agent.submit(first, submission);
    CHECK(submission.outcome == SubmitOutcome::accepted);
    CHECK((co_await agent.until_event<Accepted>()).proof == "api");
    CHECK(agent.session().block_reason(false) == "a turn is running");
    json end;
    end["text"] = "all done";
    CHECK(agent.session().hook("TurnEnded", end).has_value());
    auto const ended = co_await agent.until_event<TurnEnded>();
    CHECK(ended.final_text == "all done");

    auto const second = agent.prompt("by id", 8);
    json by_id;
    by_id["messageId"] = 8;
    calls.spawn("call", call(by_id));
    co_await agent.submit(second, submission);
    CHECK(submission.outcome == SubmitOutcome::accepted);
    json failed;
    failed["error"] = "no tokens left";
    CHECK(agent.session().hook("TurnEnded", failed).has_value());
    auto const failure = co_await agent.until_event<TurnEnded>(2);
    CHECK(failure.outcome == TurnEnded::Outcome::failed);

    auto const third = agent.prompt("late", 9);
    co_await agent.submit(third, submission);
    CHECK(submission.outcome == SubmitOutcome::unknown);
    CHECK(agent.count<Accepted>() == 2);
    json late;
    late["messageId"] = 9;
    CHECK(agent.session().hook("MessageAccepted", late).has_value());
    auto const accepted = co_await agent.until_event<Accepted>(3);
    CHECK(accepted.correlation_id == third.correlation_id);
    auto const says = co_await agent.session().query_outcome(third, false);
    CHECK(says == RecordedOutcome::accepted);
    json stranger;
    stranger["messageId"] = 1000;
    CHECK(!agent.session().hook("MessageAccepted", stranger).has_value());
    CHECK(!agent.session().hook("NoSuchHook", json::object()).has_value());
    CHECK(agent.session().hook("Status", json::object()).has_value());
    co_await calls.stop();
    co_await agent.stop();
  });
}

TEST_CASE("ALateProofIsHeardAndAnAdoptedProgramsProofIsOnItsScreen") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(lab, "late",
                shell("stty -echo; while read -r line; do n=${line#*runner }; read -r go; echo took ${n%% *}; done",
                      R"({"proof":{"pattern":"took {correlation_id}"},"proof_timeout_ms":200})"));
    co_await agent.start();
    auto const prompt = agent.prompt("take your time");
    SubmitResult submission;
    co_await agent.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::unknown);
    co_await agent.terminal().paste_and_enter("go");
    auto const accepted = co_await agent.until_event<Accepted>();
    CHECK(accepted.correlation_id == prompt.correlation_id);
    CHECK(accepted.proof == "pattern");

    auto const unheard = agent.prompt("and now the daemon dies");
    co_await agent.submit(unheard, submission);
    CHECK(submission.outcome == SubmitOutcome::unknown);
    auto const terminal = agent.terminal_ptr();
    co_await agent.session().stop();
    co_await terminal->paste_and_enter("go");
    co_await Lab::until(terminal, "took " + unheard.correlation_id);
    agent.open(true);
    auto const says = co_await agent.session().query_outcome(unheard, false);
    CHECK(says == RecordedOutcome::accepted);
    co_await agent.stop();
  });
}

TEST_CASE("ATurnThatWasOpenWhenTheDaemonDiedIsAwaited") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(lab, "long",
                shell("stty -echo; while read -r line; do n=${line#*runner }; echo took ${n%% *}; "
                      "read -r go; echo working; [ $go = long ] && seq 200; echo answered; done",
                      R"({"proof":{"pattern":"took {correlation_id}"},"turn_end":{"pattern":"^answered"}})"));
    co_await agent.start();
    auto const terminal = agent.terminal_ptr();
    std::size_t turns = 0;
    // Its end comes: to the next daemon; to nobody, and stands on the screen; to nobody, and its beginning has left it.
    for (std::string const how : {"later", "unseen", "long"}) {
      auto const prompt = agent.prompt(how);
      SubmitResult submission;
      co_await agent.submit(prompt, submission);
      CHECK(submission.outcome == SubmitOutcome::accepted);
      CHECK(agent.count<TurnEnded>() == turns);
      co_await agent.session().stop();
      if (how != "later") {
        co_await terminal->paste_and_enter(how);
        co_await Lab::until(terminal, "answered");
      }
      agent.open(true, {prompt});
      auto const ready = co_await agent.until_event<Ready>(turns + 2);
      CHECK(ready.turn_runs);
      if (how == "later") {
        CHECK(agent.session().block_reason(false) == "a turn is running");
        CHECK(agent.session().block_reason(true).empty());
        co_await terminal->paste_and_enter(how);
      }
      auto const ended = co_await agent.until_event<TurnEnded>(++turns);
      CHECK(ended.outcome == TurnEnded::Outcome::completed);
      CHECK(ended.final_text.find(how == "long" ? "200" : "working") != std::string::npos);
      CHECK(agent.session().block_reason(false).empty());
    }
    CHECK(agent.count<TurnEnded>() == turns);
    co_await agent.stop();
  });
}

TEST_CASE("AProofThatNobodySawBeginsItsTurn") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(
        lab, "silent",
        shell(
            "stty -echo; while read -r line; do n=${line#*runner }; read -r go; echo took ${n%% *}; "
            "read -r go; echo answered; done",
            R"({"proof":{"pattern":"took {correlation_id}"},"proof_timeout_ms":200,"turn_end":{"pattern":"^answered"}})"));
    co_await agent.start();
    auto const terminal = agent.terminal_ptr();
    auto const prompt = agent.prompt("and the daemon dies");
    SubmitResult submission;
    co_await agent.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::unknown);
    co_await agent.session().stop();
    co_await terminal->paste_and_enter("go");
    co_await Lab::until(terminal, "took " + prompt.correlation_id);
    agent.open(true);
    co_await agent.until_event<Ready>(2);
    auto const says = co_await agent.session().query_outcome(prompt, false);
    CHECK(says == RecordedOutcome::accepted);
    CHECK(agent.session().block_reason(false) == "a turn is running");
    co_await terminal->paste_and_enter("go");
    auto const ended = co_await agent.until_event<TurnEnded>();
    CHECK(ended.outcome == TurnEnded::Outcome::completed);
    CHECK(agent.session().block_reason(false).empty());
    co_await agent.stop();
  });
}

TEST_CASE("InterruptAndQuitReachTheProgram") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(
        lab, "int",
        shell("trap 'echo interrupted' INT; echo up; while :; do read -r x; done", "{\"ready\":{\"pattern\":\"up\"}}"));
    co_await agent.start();
    auto done = co_await agent.session().interrupt();
    CHECK(done.has_value());
    auto const terminal = agent.terminal_ptr();
    co_await Lab::until(terminal, "interrupted");
    auto unsupported = co_await agent.session().compact();
    REQUIRE(!unsupported.has_value());
    CHECK(unsupported.error().code == "unsupported");
    done = co_await agent.session().quit();
    CHECK(done.has_value());
    auto const deadline = Clock::now() + 20s;
    while (terminal->alive() && Clock::now() < deadline) co_await sleep_for(2ms);
    CHECK_FALSE(terminal->alive());
    co_await agent.stop();
  });
}

TEST_CASE("TheReceiptsTellWhatAProgramTookThatNobodySawTakingIt") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    // It keeps its record, and shows nothing before it is told to.
    Agent agent(lab, "record",
                shell("stty -echo; while read -r line; do n=${line#*runner }; echo ${n%% *} >>$AGENT_RUNNER_RECEIPTS; "
                      "echo noted; read -r go; echo took ${n%% *}; done",
                      R"({"proof":{"pattern":"took {correlation_id}","receipts":"taken"},"proof_timeout_ms":200})"));
    co_await agent.start();
    auto const taken = agent.prompt("taken in silence");
    SubmitResult submission;
    co_await agent.submit(taken, submission);
    CHECK(submission.outcome == SubmitOutcome::unknown);
    auto says = co_await agent.session().query_outcome(taken, false);
    CHECK(says == RecordedOutcome::accepted);
    auto const never = agent.prompt("never typed");
    says = co_await agent.session().query_outcome(never, false);
    CHECK(says == RecordedOutcome::absent);

    auto const terminal = agent.terminal_ptr();
    co_await terminal->paste_and_enter("go");
    co_await Lab::until(terminal, "took " + taken.correlation_id);
    auto const second = agent.prompt("and it dies");
    co_await agent.submit(second, submission);
    ::kill(terminal->pid(), SIGKILL);
    auto const deadline = Clock::now() + 20s;
    while (terminal->alive() && Clock::now() < deadline) co_await sleep_for(2ms);
    CommandAdapter const adapter;
    CHECK(adapter.look_up_outcome(agent.request(), "", second) == RecordedOutcome::accepted);
    CHECK(adapter.look_up_outcome(agent.request(), "", never) == RecordedOutcome::absent);
    co_await agent.stop();
  });
}

TEST_CASE("AProofThatComesAfterTheNextDaemonHasLookedIsHeard") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(lab, "later",
                shell("stty -echo; while read -r line; do n=${line#*runner }; read -r go; echo took ${n%% *}; done",
                      R"({"proof":{"pattern":"took {correlation_id}"},"proof_timeout_ms":200})"));
    co_await agent.start();
    auto const prompt = agent.prompt("typed by a daemon that died");
    SubmitResult submission;
    co_await agent.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::unknown);
    co_await agent.session().stop();
    agent.open(true);
    auto const says = co_await agent.session().query_outcome(prompt, false);
    CHECK(says == RecordedOutcome::pending);
    co_await agent.terminal().paste_and_enter("go");
    auto const accepted = co_await agent.until_event<Accepted>();
    CHECK(accepted.correlation_id == prompt.correlation_id);
    co_await agent.stop();
  });
}

TEST_CASE("AProofAndATurnsEndShownWhileTheTmuxClientIsReplacedAreFoundOnTheScreen") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(
        lab, "gap",
        shell(
            "stty -echo; while read -r line; do n=${line#*runner }; echo read; read -r go; echo took ${n%% "
            "*}; "
            "echo done; done",
            R"({"proof":{"pattern":"took {correlation_id}"},"turn_end":{"pattern":"^done"},"proof_timeout_ms":60000})"));
    co_await agent.start();
    auto const began = Clock::now();
    TaskGroup others(lab.io.get_executor(), "test");
    auto gap = [&]() -> awaitable<void> {
      auto const terminal = agent.terminal_ptr();
      co_await Lab::until(terminal, "read");
      std::string const tmux = "tmux -S " + lab.options().socket.string();
      // The new client comes when this thread goes on: what happens in between is seen by none.
      CHECK(std::system((tmux + " list-clients -F '#{client_pid}' | xargs kill -9; sleep 0.1; " + tmux +
                         " send-keys -t =gap: go Enter; sleep 0.2")
                            .c_str()) == 0);
    };
    others.spawn("gap", gap());
    auto const prompt = agent.prompt("proved in the gap");
    SubmitResult submission;
    co_await agent.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::accepted);
    co_await agent.until_event<TurnEnded>();
    CHECK(Clock::now() - began < 30s);
    co_await others.stop();
    co_await agent.stop();
  });
}
