// The four programs that never take a message (docs/delivery.md), and what else must never count as taken.
#include "command/command_lab.hpp"

using namespace ar;
using namespace ar::test;

namespace {

json shell(std::string script, json options) {
  options["command"] = json::array({"/bin/sh", "-c", std::move(script)});
  return options;
}
json proof() {
  return json::parse(
      R"({"proof":{"pattern":"took {correlation_id}"},"proof_timeout_ms":700,"ready":{"pattern":"up"}})");
}

}  // namespace

TEST_CASE("FourImpossibleProgramsAreNeverAccepted") {
  struct Impossible {
    char const* name;
    char const* script;
    bool shows, dies;
  };
  constexpr Impossible kPrograms[] = {
      {"never-reads", "stty -echo; echo up; exec sleep 1000", false, false},
      {"shows-nothing", "stty -echo; echo up; while read -r x; do :; done", false, false},
      {"ignores-enter", "stty -icanon -icrnl; echo up; exec cat -u > /dev/null", true, false},
      {"dies", "stty -icanon; echo up; head -c 9 > /dev/null; exit 3", true, true},
  };
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    for (auto const& program : kPrograms) {
      for (int way = 0; way < 3; ++way) {  // by pattern, by the API, bracketed
        auto options = proof();
        if (way == 1) options["proof"] = "api";
        if (way == 2) options["paste"] = "bracketed";
        Agent agent(lab, std::string(program.name) + std::to_string(way), shell(program.script, options));
        co_await agent.start();
        auto const prompt = agent.prompt("took everything\ntook 42\ndo you read me? took ");
        SubmitResult submission;
        co_await agent.submit(prompt, submission);
        CHECK_MESSAGE(submission.outcome == SubmitOutcome::unknown, program.name << way << ": " << submission.reason);
        CHECK(agent.steps.starts_with("typed "));
        CHECK(!submission.reason.empty());
        CHECK(submission.screen.find("up") != std::string::npos);
        CHECK((submission.screen.find(prompt.correlation_id) != std::string::npos) == program.shows);
        auto const says = co_await agent.session().query_outcome(prompt, program.dies);
        CHECK(says == (program.dies ? RecordedOutcome::blind : RecordedOutcome::pending));
        CHECK(agent.count<Accepted>() == 0);
        CHECK(agent.count<TurnStarted>() == 0);
        if (program.dies)
          CHECK(submission.reason.find("ended") != std::string::npos);
        else if (program.shows)
          CHECK(submission.reason.find("Enter") != std::string::npos);
        co_await agent.stop();
        co_await lab.host->remove(std::string(program.name) + std::to_string(way));
      }
    }
  });
}

TEST_CASE("WithoutADeclaredProofNothingIsEverCalledAccepted") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Agent agent(lab, "mute", shell("exec cat", json::object()));
    co_await agent.start();
    auto const prompt = agent.prompt("hello");
    SubmitResult submission;
    co_await agent.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::unverified);
    CHECK(agent.steps == "typed entered ");
    auto const says = co_await agent.session().query_outcome(prompt, false);
    CHECK(says == RecordedOutcome::blind);
    CHECK(agent.count<Accepted>() == 0);
    co_await agent.stop();
  });
}

TEST_CASE("ABodyThatWouldCompleteItsOwnProofGoesAsAFile") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto options = proof();
    options["proof"]["pattern"] = "took .*{correlation_id}";
    // The echo shows all of it, on one line: "took me [end ID]".
    Agent agent(lab, "echo", shell("echo up; exec cat > /dev/null", options));
    co_await agent.start();
    auto const prompt = agent.prompt("you took me");
    SubmitResult submission;
    co_await agent.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::unknown);
    CHECK(slurp(prompt.body_file) == "you took me");
    auto subject = agent.prompt("harmless");
    subject.subject = "who took it";  // the header cannot go into a file
    SubmitResult refused;
    co_await agent.submit(subject, refused);
    CHECK(refused.outcome == SubmitOutcome::refused);
    CHECK(agent.steps.empty());
    co_await agent.stop();
  });
}

TEST_CASE("DeathWithoutProofIsAbsentOnlyIfTheProofIsDeclaredComplete") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto options = proof();
    options["proof_complete"] = true;
    Agent agent(lab, "dies", shell("echo up; read -r x; exit 1", options));
    co_await agent.start();
    auto const prompt = agent.prompt("hello");
    SubmitResult submission;
    co_await agent.submit(prompt, submission);
    CHECK(submission.outcome == SubmitOutcome::unknown);
    auto const says = co_await agent.session().query_outcome(prompt, true);
    CHECK(says == RecordedOutcome::absent);
    auto const closed = agent.session().block_reason(true);
    CHECK(closed.find("ended") != std::string::npos);
    auto const again = agent.prompt("more");
    co_await agent.submit(again, submission);
    CHECK(submission.outcome == SubmitOutcome::held);
    co_await agent.stop();
  });
}
