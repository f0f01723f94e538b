// Who gets what is typed: the program that is meant, when it takes input, and nobody's begun line with it.
#include "command/command_lab.hpp"

using namespace ar;
using namespace ar::test;

namespace {

json program(std::vector<std::string> command, std::string const& options) {
  auto all = json::parse(options);
  all["command"] = std::move(command);
  return all;
}

json shell(std::string script, std::string const& options) {
  return program({"/bin/sh", "-c", std::move(script)}, options);
}

/// As a person at the terminal does.
void person(Lab& lab, std::string const& keys) {
  REQUIRE(std::system(("tmux -S " + lab.options().socket.string() + " send-keys " + keys).c_str()) == 0);
}

std::string shown(Screen const& screen) {
  std::string all;
  for (auto const& line : screen.lines) all += line + "\n";
  return all;
}

}  // namespace

TEST_CASE("NothingIsTypedIntoAShellThatAProgramLeftBehind") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    for (bool const at_once : {true, false}) {
      std::string const name = at_once ? "at-once" : "later";
      Agent agent(lab, name, shell("echo READY; sleep 0.7; exec sh", R"({"ready":{"pattern":"^READY"}})"));
      co_await agent.start();
      if (!at_once) co_await sleep_for(1200ms);
      auto const trap = lab.dir.path() / "executed";
      auto const prompt = agent.prompt("$(touch " + trap.string() + ")");
      SubmitResult submission;
      co_await agent.submit(prompt, submission);
      CHECK(submission.outcome == SubmitOutcome::held);
      CHECK_MESSAGE(submission.reason.find("another program has the input") != std::string::npos, submission.reason);
      CHECK(agent.steps.empty());
      CHECK(agent.session().block_reason(true) == submission.reason);
      auto const screen = co_await agent.terminal().capture();
      REQUIRE(screen.has_value());
      CHECK(shown(*screen).find(prompt.correlation_id) == std::string::npos);
      CHECK_FALSE(std::filesystem::exists(trap));
      co_await agent.stop();
    }
  });
}

TEST_CASE("AShellIsReadyOnlyWhereItIsTheProgramThatWasAskedFor") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent left(lab, "left", shell("echo READY; sleep 0.3; exec sh", "{}"));
    co_await left.start(false);
    auto const deadline = Clock::now() + 20s;
    while (left.session().block_reason(false).find("a shell") == std::string::npos && Clock::now() < deadline)
      co_await sleep_for(5ms);
    auto const trap = lab.dir.path() / "executed";
    SubmitResult submission;
    auto const prompt = left.prompt("$(touch " + trap.string() + ")");
    co_await left.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::held);
    CHECK(submission.reason == "a shell has its terminal, not the program");
    CHECK(left.count<Ready>() == 0);
    // It may have been on the way to the program.
    person(lab, "-t =left: 'exec cat' Enter");
    co_await left.until_event<Ready>();
    CHECK(left.session().block_reason(false).empty());
    CHECK_FALSE(std::filesystem::exists(trap));
    co_await left.stop();

    Agent wanted(lab, "wanted", program({"/bin/sh"}, "{}"));
    co_await wanted.start();
    auto const hello = wanted.prompt("hello");
    co_await wanted.submit(hello, submission);
    CHECK(submission.outcome == SubmitOutcome::unverified);
    co_await wanted.stop();
  });
}

TEST_CASE("AProgramThatTakesTheTerminalForAWhileHoldsWhatIsNotForIt") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(
        lab, "editor",
        program({"/bin/bash", "-c",
                 "set -m; echo up; while read -r line; do case $line in edit) sh -c 'echo open; read -r x; echo "
                 "closed';; *runner*) n=${line#*runner }; echo took ${n%% *};; esac; done"},
                R"({"ready":{"pattern":"^up"},"proof":{"pattern":"took {correlation_id}"}})"));
    co_await agent.start();
    person(lab, "-t =editor: edit Enter");
    co_await Lab::until(agent.terminal_ptr(), "open");
    auto const prompt = agent.prompt("not for the editor");
    SubmitResult submission;
    co_await agent.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::held);
    CHECK_MESSAGE(submission.reason.find("(sh -c echo open") != std::string::npos, submission.reason);
    co_await agent.until_event<BlockChanged>(1);
    // The next daemon knows it, too.
    co_await agent.session().stop();
    agent.open(true);
    co_await agent.until_event<Ready>(2);
    co_await agent.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::held);
    co_await agent.until_event<BlockChanged>(2);
    person(lab, "-t =editor: x Enter");
    co_await agent.until_event<BlockChanged>(3);
    CHECK(agent.session().block_reason(false).empty());
    co_await agent.submit(prompt, submission);
    CHECK_MESSAGE(submission.outcome == SubmitOutcome::accepted, submission.reason << submission.screen);
    co_await agent.stop();
  });
}

TEST_CASE("AProgramMayGiveItselfAnotherNameAndMayBeginAnew") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(lab, "names",
                program({"/usr/bin/perl", "-e",
                         "$| = 1; print \"up\\n\"; while (<STDIN>) { $0 = \"it's, title #$. }\"; "
                         "print \"took $1\\n\" if /runner (\\w+)/; }"},
                        R"({"ready":{"pattern":"^up"},"proof":{"pattern":"took {correlation_id}"}})"));
    Agent again(lab, "again",
                program({"/bin/bash", "-c",
                         "echo up; read -r line; n=${line#*runner }; echo took ${n%% *}; exec \"$BASH\" -c "
                         "\"$BASH_EXECUTION_STRING\""},
                        R"({"ready":{"pattern":"^up"},"proof":{"pattern":"took {correlation_id}"}})"));
    for (auto* one : {&agent, &again}) {
      co_await one->start();
      for (int i = 0; i < 3; ++i) {
        auto const prompt = one->prompt("message " + std::to_string(i));
        SubmitResult submission;
        co_await one->submit(prompt, submission);
        CHECK_MESSAGE(submission.outcome == SubmitOutcome::accepted, submission.reason << submission.screen);
      }
      co_await one->stop();
    }
  });
}

TEST_CASE("ALineThatAPersonHasBegunIsNotSentWithAMessage") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    std::string const loop =
        "while read -r line; do echo \"got <$line>\"; case $line in *runner*) n=${line#*runner }; echo took ${n%% "
        "*};; esac; i=$((i+1)); printf \"$i> \"; done";
    for (std::string const name : {"kernel", "own-editor"}) {
      CAPTURE(name);
      auto const command = name == "kernel"
                               ? std::vector<std::string>{"/bin/sh", "-c", "echo up; i=1; printf '1> '; " + loop}
                               : std::vector<std::string>{"/bin/bash", "-c",
                                                          "echo up; while read -e -p '> ' -r line; do echo \"got "
                                                          "<$line>\"; case $line in *runner*) n=${line#*runner }; echo "
                                                          "took ${n%% *};; esac; done"};
      Agent agent(lab, name, program(command, R"({"proof":{"pattern":"^took {correlation_id}"}})"));
      co_await agent.start();
      auto const terminal = agent.terminal_ptr();
      co_await Lab::until(terminal, ">");
      // A prompt that is another one each time is no begun line.
      for (int i = 0; i < 2; ++i) {
        auto const prompt = agent.prompt("message " + std::to_string(i));
        SubmitResult submission;
        co_await agent.submit(prompt, submission);
        CHECK_MESSAGE(submission.outcome == SubmitOutcome::accepted, submission.reason << submission.screen);
      }
      person(lab, "-t =" + name + ": -l 'half a line'");
      co_await Lab::until(terminal, "half a line");
      auto const prompt = agent.prompt("whole");
      SubmitResult submission;
      co_await agent.submit(prompt, submission);
      CHECK(submission.outcome == SubmitOutcome::held);
      CHECK_MESSAGE(submission.reason.find("half a line") != std::string::npos, submission.reason);
      co_await agent.until_event<BlockChanged>(agent.count<BlockChanged>());
      auto const changes = agent.count<BlockChanged>();
      person(lab, "-t =" + name + ": Enter");
      co_await agent.until_event<BlockChanged>(changes + 1);
      CHECK(agent.session().block_reason(false).empty());
      co_await Lab::until(terminal, "got <half a line>");
      co_await agent.submit(prompt, submission);
      CHECK_MESSAGE(submission.outcome == SubmitOutcome::accepted, submission.reason << submission.screen);
      co_await agent.stop();
    }
  });
}

TEST_CASE("WithoutASignTheFirstMessageWaitsUntilTheProgramTakesInput") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto const folder = lab.dir.path() / "late";
    std::filesystem::create_directory(folder);
    Agent agent(
        lab, "late",
        program({AR_RECORDER, folder.string(), "late"},
                R"({"paste":"bracketed","proof":{"pattern":"took {correlation_id}"},"proof_timeout_ms":2000})"));
    co_await agent.start(false);
    CHECK(agent.session().block_reason(true).find("not ready") != std::string::npos);
    co_await agent.until_event<Ready>();
    auto const prompt = agent.prompt("the first message");
    SubmitResult submission;
    co_await agent.submit(prompt, submission);
    CHECK_MESSAGE(submission.outcome == SubmitOutcome::accepted, submission.reason << submission.screen);
    CHECK(slurp(folder / prompt.correlation_id) == "the first message");
    co_await agent.stop();

    auto const began = Clock::now();
    Agent reader(lab, "reader", shell("sleep 0.5; while read -r line; do echo ok; done", "{}"));
    co_await reader.start();
    CHECK(Clock::now() - began >= 500ms);
    CHECK(Clock::now() - began < 9s);
    co_await reader.stop();
  });
}
