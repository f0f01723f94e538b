// What may stand in a message's way with the real Codex CLI, and what ends under it: each message is taken
// once, or held with its reason.
#include "base/paths.hpp"
#include "e2e/codex_lab.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>

using namespace ar;
using namespace ar::adapters;
using namespace ar::terminal;
using namespace std::chrono_literals;
using test::CodexLab;

namespace {

/// Starts a turn by a prompt with directives for the stub, and waits until a tool of it runs.
awaitable<Prompt> begin_tool(CodexLab& lab, std::string command) {
  co_await lab.until_free();
  auto const from = lab.events.size();
  auto const prompt = lab.prompt("[[exec:" + command + "]]");
  auto const submission = co_await lab.session->submit(prompt, {});
  REQUIRE_MESSAGE(submission.outcome == SubmitOutcome::accepted, submission.reason);
  std::function<bool()> const runs = [&lab, from] { return lab.noted("tool.started", from); };
  co_await lab.until(runs, "the tool runs");
  co_return prompt;
}

awaitable<void> deliver(CodexLab& lab, Prompt const& prompt) {
  if (!prompt.urgent) co_await lab.until_free();
  auto const submission = co_await lab.session->submit(prompt, {});
  REQUIRE_MESSAGE(submission.outcome == SubmitOutcome::accepted, submission.reason);
}

awaitable<void> until_turns_ended(CodexLab& lab, std::size_t count) {
  std::function<bool()> const ended = [&lab, count] { return lab.count<TurnEnded>() >= count; };
  co_await lab.until(ended, "the turn has ended");
}

awaitable<void> until_shown(CodexLab& lab, std::string text) {
  auto const deadline = Clock::now() + 30s;
  auto watch = lab.terminal->watch_output();
  REQUIRE(watch.has_value());
  for (;;) {
    auto const screen = co_await lab.terminal->capture();
    REQUIRE(screen.has_value());
    std::string all;
    for (auto const& line : screen->lines) all += line + "\n";
    if (all.find(text) != std::string::npos) co_return;
    REQUIRE_MESSAGE(Clock::now() < deadline, "not shown: " << text << "\n" << all);
    co_await (*watch)->wait(Clock::now() + 200ms);
  }
}

std::size_t seen(CodexLab const& lab, Prompt const& prompt) {
  std::size_t count = 0;
  for (auto const& text : lab.stub.get("/__prompts")) {
    auto const words = text.get<std::string>();
    for (auto at = words.find(envelope_mark(prompt.correlation_id)); at != std::string::npos;
         at = words.find(envelope_mark(prompt.correlation_id), at + 1))
      ++count;
  }
  return count;
}

template <class Body>
void in_lab(Body body, std::string approval_mode = "full", json options = json::object()) {
  CodexLab lab;
  lab.request.approval_mode = std::move(approval_mode);
  lab.request.options = std::move(options);
  auto const whole = [&]() -> awaitable<void> {
    co_await lab.open();
    co_await lab.launch();
    co_await body(lab);
    co_await lab.close();
  };
  test::run(lab.io, whole, std::chrono::seconds(240));
}

}  // namespace

TEST_CASE("PeopleSeeTheThreadAndTypeIntoItBesideTheBus") {
  in_lab([](CodexLab& lab) -> awaitable<void> {
    auto const first = lab.prompt("hello from the bus");
    co_await deliver(lab, first);
    co_await until_shown(lab, "hello from the bus");
    // A half-typed draft is not disturbed by what comes from the bus.
    co_await until_turns_ended(lab, 1);
    REQUIRE((co_await lab.terminal->paste("words of a person")).has_value());
    co_await until_shown(lab, "words of a person");
    auto const second = lab.prompt("meanwhile");
    co_await deliver(lab, second);
    co_await until_turns_ended(lab, 2);
    std::vector<std::string> const enter{"Enter"};
    REQUIRE((co_await lab.terminal->keys(enter)).has_value());
    co_await until_turns_ended(lab, 3);
    auto const texts = lab.stub.get("/__prompts").get<std::vector<std::string>>();
    CHECK(std::ranges::count(texts, "words of a person") == 1);
    CHECK(seen(lab, first) == 1);
    CHECK(seen(lab, second) == 1);
  });
}

TEST_CASE("AScreenThatDiedOrShowsAnotherThreadComesBack") {
  in_lab([](CodexLab& lab) -> awaitable<void> {
    co_await deliver(lab, lab.prompt("the thread of the agent"));
    co_await until_shown(lab, "the thread of the agent");
    co_await until_turns_ended(lab, 1);
    auto const screen = lab.child("resume");
    REQUIRE(screen > 0);
    ::kill(screen, SIGKILL);
    std::function<bool()> const another = [&lab, screen] {
      auto const now = lab.child("resume");
      return now > 0 && now != screen;
    };
    co_await lab.until(another, "another screen");
    co_await until_shown(lab, "the thread of the agent");
    // A person begins another thread.
    auto const before = lab.child("resume");
    auto const from = lab.events.size();
    REQUIRE((co_await lab.terminal->paste("/new")).has_value());
    std::vector<std::string> const enter{"Enter"};
    co_await until_shown(lab, "/new");
    REQUIRE((co_await lab.terminal->keys(enter)).has_value());
    std::function<bool()> const returned = [&lab, from] { return lab.noted("view.returned", from); };
    co_await lab.until(returned, "the screen is told to return");
    std::function<bool()> const renewed = [&lab, before] {
      auto const now = lab.child("resume");
      return now > 0 && now != before;
    };
    co_await lab.until(renewed, "a screen of our thread");
    auto const prompt = lab.prompt("still our thread");
    co_await deliver(lab, prompt);
    co_await until_shown(lab, "still our thread");
    CHECK(seen(lab, prompt) == 1);
  });
}

TEST_CASE("AMessageSwallowedByAnInterruptIsHandedAgain") {
  in_lab([](CodexLab& lab) -> awaitable<void> {
    co_await begin_tool(lab, "sleep 30");
    auto const urgent = lab.prompt("urgent", true);
    std::optional<SubmitResult> submission;
    TaskGroup tasks(lab.io.get_executor(), "test");
    auto const submit = [](CodexLab& l, Prompt p, std::optional<SubmitResult>& out) -> awaitable<void> {
      out = co_await l.session->submit(std::move(p), {});
    };
    tasks.spawn("submit", submit(lab, urgent, submission));
    co_await sleep_for(500ms);
    CHECK_FALSE(submission.has_value());
    REQUIRE((co_await lab.session->interrupt()).has_value());
    co_await tasks.join();
    REQUIRE(submission.has_value());
    CHECK(submission->outcome == SubmitOutcome::held);
    CHECK((co_await lab.session->query_outcome(urgent, false)) == RecordedOutcome::absent);
    CHECK(seen(lab, urgent) == 0);
    CHECK(lab.last<TurnEnded>().outcome == TurnEnded::Outcome::interrupted);
    co_await lab.until_free();
    co_await deliver(lab, urgent);
    co_await until_turns_ended(lab, 2);
    CHECK(seen(lab, urgent) == 1);
    auto const again = co_await lab.session->interrupt();
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().code == "nothing_running");
  });
}

TEST_CASE("WhatWaitsForAToolsEndIsUnknownUntilItIsTaken") {
  in_lab([](CodexLab& lab) -> awaitable<void> {
    co_await begin_tool(lab, "sleep 6; echo x");
    // The daemon dies with a message on its way; its successor finds it pending, and then taken.
    auto const urgent = lab.prompt("urgent", true);
    TaskGroup tasks(lab.io.get_executor(), "test");
    auto const submit = [](CodexLab& l, Prompt p) -> awaitable<void> {
      (void)co_await l.session->submit(std::move(p), {});
    };
    tasks.spawn("submit", submit(lab, urgent));
    co_await sleep_for(300ms);
    co_await tasks.stop();
    co_await lab.let_go();
    auto const readies = lab.count<Ready>();
    lab.adopt();
    std::function<bool()> const ready = [&lab, readies] { return lab.count<Ready>() > readies; };
    co_await lab.until(ready, "adopted");
    CHECK(lab.last<Ready>().turn_runs);
    CHECK(lab.session->block_reason(false) == "a turn is running");
    CHECK((co_await lab.session->query_outcome(urgent, false)) == RecordedOutcome::pending);
    co_await until_turns_ended(lab, 1);
    CHECK((co_await lab.session->query_outcome(urgent, false)) == RecordedOutcome::accepted);
    CHECK(lab.last<Accepted>().correlation_id == urgent.correlation_id);
    CHECK(seen(lab, urgent) == 1);
    auto const never = lab.prompt("never handed");
    CHECK((co_await lab.session->query_outcome(never, false)) == RecordedOutcome::absent);
  });
}

TEST_CASE("AnAppServerThatDiesInATurnIsResumedAndNothingIsLost") {
  in_lab([](CodexLab& lab) -> awaitable<void> {
    auto const first = co_await begin_tool(lab, "sleep 30");
    auto const swallowed = lab.prompt("urgent", true);
    TaskGroup tasks(lab.io.get_executor(), "test");
    std::optional<SubmitResult> submission;
    auto const submit = [](CodexLab& l, Prompt p, std::optional<SubmitResult>& out) -> awaitable<void> {
      out = co_await l.session->submit(std::move(p), {});
    };
    tasks.spawn("submit", submit(lab, swallowed, submission));
    co_await sleep_for(300ms);
    auto const server = lab.child("app-server");
    REQUIRE(server > 0);
    ::kill(server, SIGKILL);
    co_await tasks.join();
    CHECK(submission->outcome == SubmitOutcome::unknown);
    std::function<bool()> const ended = [&lab] { return lab.exited(); };
    co_await lab.until(ended, "the agent's process ends with its server");
    CHECK(lab.exit_status().signal == SIGKILL);
    auto const record = lab.last<Ready>().transcript;
    CHECK(lab.adapter().look_up_outcome(lab.request, record, first) == RecordedOutcome::accepted);
    CHECK(lab.adapter().look_up_outcome(lab.request, record, swallowed) == RecordedOutcome::absent);
    auto const thread = lab.plan.session_id;
    co_await lab.relaunch();
    auto const readies = lab.count<Ready>();
    std::function<bool()> const ready = [&lab, readies] { return lab.count<Ready>() > readies; };
    co_await lab.until(ready, "ready again");
    CHECK(lab.last<Ready>().session_id == thread);
    CHECK((co_await lab.session->query_outcome(first, false)) == RecordedOutcome::accepted);
    CHECK((co_await lab.session->query_outcome(swallowed, false)) == RecordedOutcome::absent);
    co_await lab.until_free();
    co_await deliver(lab, swallowed);
    co_await until_turns_ended(lab, 1);
    CHECK(seen(lab, first) == 1);
    CHECK(seen(lab, swallowed) == 1);
    co_await until_shown(lab, "urgent");
  });
}

TEST_CASE("AnApprovalIsLeftToThePersonAtTheTerminal") {
  in_lab(
      [](CodexLab& lab) -> awaitable<void> {
        co_await lab.until_free();
        auto const prompt = lab.prompt("[[esc:echo approved > proof.txt]]");
        co_await deliver(lab, prompt);
        std::function<bool()> const asked = [&lab] { return lab.count<WaitingForPerson>() > 0; };
        co_await lab.until(asked, "a person is asked");
        CHECK(lab.session->block_reason(true).find("waiting for a person") == 0);
        auto const urgent = lab.prompt("urgent", true);
        auto const held = co_await lab.session->submit(urgent, {});
        CHECK(held.outcome == SubmitOutcome::held);
        // The daemon may die meanwhile: the request is still there for the next one.
        co_await lab.let_go();
        auto const before = lab.count<WaitingForPerson>();
        lab.adopt();
        std::function<bool()> const again = [&lab, before] { return lab.count<WaitingForPerson>() > before; };
        co_await lab.until(again, "the adopted session knows of the request");
        CHECK(lab.last<Ready>().turn_runs);
        co_await until_shown(lab, "Yes, proceed");
        // The dialog ignores keys in its first moments.
        std::vector<std::string> const yes{"y"};
        for (int presses = 0; presses < 20 && lab.count<WaitingOver>() == 0; ++presses) {
          REQUIRE((co_await lab.terminal->keys(yes)).has_value());
          co_await sleep_for(500ms);
        }
        co_await until_turns_ended(lab, 1);
        CHECK(lab.count<WaitingOver>() >= 1);
        co_await lab.until_free();
        CHECK(*read_file(lab.request.cwd / "proof.txt", 100) == "approved\n");
        co_await deliver(lab, urgent);
        co_await until_turns_ended(lab, 2);
        CHECK(seen(lab, urgent) == 1);
      },
      "auto");
}

TEST_CASE("ATurnThatFailsSaysWhyAndRetriesAreBounded") {
  in_lab(
      [](CodexLab& lab) -> awaitable<void> {
        auto const start = Clock::now();
        co_await deliver(lab, lab.prompt("[[fail:500]]"));
        co_await until_turns_ended(lab, 1);
        CHECK(Clock::now() - start < 10s);
        CHECK(lab.last<TurnEnded>().outcome == TurnEnded::Outcome::failed);
        CHECK(lab.last<TurnEnded>().error_kind == "server_error");
        CHECK(lab.last<Retrying>().attempt > 0);
        co_await deliver(lab, lab.prompt("[[fail:401]]"));
        co_await until_turns_ended(lab, 2);
        CHECK(lab.last<TurnEnded>().error_kind == "authentication_failed");
        co_await deliver(lab, lab.prompt("[[fail:429]]"));
        co_await until_turns_ended(lab, 3);
        CHECK(lab.last<TurnEnded>().error_kind == "rate_limit");
        co_await deliver(lab, lab.prompt("[[say:well again]]"));
        co_await until_turns_ended(lab, 4);
        CHECK(lab.last<TurnEnded>().outcome == TurnEnded::Outcome::completed);
        CHECK(lab.last<TurnEnded>().final_text == "well again");
      },
      "full", json{{"request_retries", 1}, {"stream_retries", 1}});
}

TEST_CASE("CompactAndClearKeepTheAgentGoing") {
  in_lab([](CodexLab& lab) -> awaitable<void> {
    auto const first = lab.prompt("before");
    co_await deliver(lab, first);
    co_await until_turns_ended(lab, 1);
    co_await lab.until_free();
    REQUIRE((co_await lab.session->compact()).has_value());
    std::function<bool()> const compacted = [&lab] { return lab.noted("compaction.finished", 0); };
    co_await lab.until(compacted, "compacted");
    co_await deliver(lab, lab.prompt("after compaction"));
    co_await lab.until_free();
    auto const old = lab.plan.session_id;
    REQUIRE((co_await lab.session->clear()).has_value());
    CHECK(lab.plan.session_id != old);
    CHECK(lab.last<SessionChanged>().session_id == lab.plan.session_id);
    auto const fresh = lab.prompt("in a new thread");
    co_await deliver(lab, fresh);
    co_await until_shown(lab, "in a new thread");
    CHECK((co_await lab.session->query_outcome(fresh, false)) == RecordedOutcome::accepted);
  });
}

TEST_CASE("ASubagentOfCodexIsWorkWhileItRuns") {
  in_lab([](CodexLab& lab) -> awaitable<void> {
    co_await deliver(lab, lab.prompt("[[spawn:1500]]"));
    std::function<bool()> const begun = [&lab] { return lab.count<WorkStarted>() == 1; };
    co_await lab.until(begun, "the subagent works: " + lab.stub.get("/__last").dump());
    auto const started = lab.last<WorkStarted>();
    CHECK(started.kind == "subagent");
    CHECK_FALSE(started.id.empty());
    CHECK(started.parent_id.empty());
    std::function<bool()> const over = [&lab] { return lab.count<WorkFinished>() == 1; };
    co_await lab.until(over, "the subagent has ended");
    CHECK(lab.last<WorkFinished>().id == started.id);
  });
}

TEST_CASE("NothingRunsOnAfterTheEnd") {
  CodexLab lab;
  lab.request.approval_mode = "full";
  auto const whole = [&]() -> awaitable<void> {
    co_await lab.open();
    co_await lab.launch();
    co_await lab.until_free();
    // Longer than a tool call waits: it goes on behind the thread, and its turn ends.
    co_await deliver(lab, lab.prompt("[[exec:echo $$ > pid.txt; sleep 300]]"));
    co_await until_turns_ended(lab, 1);
    auto const text = read_file(lab.request.cwd / "pid.txt", 100);
    REQUIRE(text.has_value());
    auto const pid = std::atoi(text->c_str());
    REQUIRE(::kill(pid, 0) == 0);
    co_await lab.close();
    CHECK(lab.exit_status().code == 0);
    CHECK(lab.exit_status().signal == 0);
    CHECK(::kill(pid, 0) != 0);
    CHECK_FALSE(std::filesystem::exists(lab.socket()));
  };
  test::run(lab.io, whole, std::chrono::seconds(120));
}

TEST_CASE("AThreadThatAnotherCodexHoldsIsSaidToBeLocked") {
  in_lab([](CodexLab& lab) -> awaitable<void> {
    auto const first = lab.prompt("first");
    co_await deliver(lab, first);
    co_await until_turns_ended(lab, 1);
    // A second agent on the same home and thread.
    auto const dir = lab.request.agent_dir;
    auto const terminal = lab.terminal;
    LaunchRequest other = lab.request;
    other.agent_dir = lab.dir.path() / "other";
    std::filesystem::create_directories(other.agent_dir);
    other.resume_session = lab.plan.session_id;
    auto const plan = lab.adapter().prepare(other);
    REQUIRE(plan.has_value());
    TmuxOptions options;
    options.socket = lab.dir.path() / "t2" / "tmux.sock";
    options.launcher = std::filesystem::path(AR_BIN_DIR) / "agent-runner-launch";
    auto host = co_await TmuxHost::open(lab.io.get_executor(), options);
    REQUIRE(host.has_value());
    TerminalSpec spec;
    spec.session = "other";
    spec.argv = plan->argv;
    for (auto const& [name, value] : plan->environment) spec.environment.push_back(name + "=" + value);
    auto started = co_await (*host)->start(spec, {});
    REQUIRE(started.has_value());
    std::vector<ProviderEvent> events;
    SessionContext context{lab.io.get_executor(), lab.files};
    context.terminal = *started;
    context.request = other;
    context.session_id = lab.plan.session_id;
    context.emit = [&events](ProviderEvent event) { events.push_back(std::move(event)); };
    auto session = lab.adapter().open(std::move(context));
    session->start();
    std::function<bool()> const said = [&session] {
      return session->block_reason(true).find("another Codex process") == 0;
    };
    co_await lab.until(said, "the lock is told");
    co_await session->stop();
    (void)co_await (*host)->kill_server();
    co_await (*host)->stop();
    CHECK(
        std::ranges::any_of(events, [](auto const& event) { return std::holds_alternative<WaitingForPerson>(event); }));
    co_await deliver(lab, lab.prompt("the first one works on"));
  });
}

TEST_CASE("AStopLetsTheTurnEndUnlessAPersonIsAsked") {
  CodexLab lab;
  lab.request.approval_mode = "auto";
  auto const whole = [&]() -> awaitable<void> {
    co_await lab.open();
    co_await lab.launch();
    co_await begin_tool(lab, "sleep 2; echo done > done.txt");
    co_await lab.close();
    CHECK(lab.exit_status().code == 0);
    CHECK(std::filesystem::exists(lab.request.cwd / "done.txt"));
  };
  test::run(lab.io, whole, std::chrono::seconds(120));

  CodexLab other;
  other.request.approval_mode = "auto";
  auto const asked = [&]() -> awaitable<void> {
    co_await other.open();
    co_await other.launch();
    co_await other.until_free();
    co_await deliver(other, other.prompt("[[esc:echo no]]"));
    std::function<bool()> const waits = [&other] { return other.count<WaitingForPerson>() > 0; };
    co_await other.until(waits, "a person is asked");
    auto const start = Clock::now();
    co_await other.close();
    CHECK(Clock::now() - start < 10s);
    CHECK(other.exit_status().code == 0);
  };
  test::run(other.io, asked, std::chrono::seconds(120));
}

TEST_CASE("ASocketThatIsTakenEndsTheNewcomerWithItsReasonOnTheScreen") {
  in_lab([](CodexLab& lab) -> awaitable<void> {
    co_await lab.until_free();
    TmuxOptions options;
    options.socket = lab.dir.path() / "t2" / "tmux.sock";
    options.launcher = std::filesystem::path(AR_BIN_DIR) / "agent-runner-launch";
    auto host = co_await TmuxHost::open(lab.io.get_executor(), options);
    REQUIRE(host.has_value());
    TerminalSpec spec;
    spec.session = "newcomer";
    spec.argv = lab.plan.argv;
    for (auto const& [name, value] : lab.plan.environment) spec.environment.push_back(name + "=" + value);
    std::optional<ExitStatus> exit;
    auto const on_exit = [&exit](ExitStatus status) { exit = status; };
    auto started = co_await (*host)->start(spec, on_exit);
    REQUIRE(started.has_value());
    std::function<bool()> const ended = [&exit] { return exit.has_value(); };
    co_await lab.until(ended, "the newcomer has ended");
    CHECK(exit->code == 1);
    auto const screen = co_await (*started)->capture();
    REQUIRE(screen.has_value());
    std::string shown;
    for (auto const& line : screen->lines) shown += line;
    CHECK_MESSAGE(shown.find("already in use") != std::string::npos, shown);
    (void)co_await (*host)->kill_server();
    co_await (*host)->stop();
    auto const prompt = lab.prompt("the first one works on");
    co_await deliver(lab, prompt);
    CHECK(seen(lab, prompt) <= 1);
  });
}
