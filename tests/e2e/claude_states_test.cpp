// What the adapter does when the real CLI is not simply idle: nothing is typed where Enter means something
// else, nobody's draft is touched, and every message is taken in the end.
#include "adapters/claude/prompt_text.hpp"
#include "base/paths.hpp"
#include "e2e/claude_lab.hpp"

#include <algorithm>
#include <csignal>

using namespace ar;
using namespace ar::adapters;
using namespace std::chrono_literals;

namespace {

struct States : test::ClaudeLab {
  std::string screen;

  awaitable<void> begin() {
    co_await open();
    co_await launch();
    co_await until_free();
  }
  awaitable<void> press(std::string key) {
    std::vector<std::string> const keys{std::move(key)};
    auto const pressed = co_await terminal->keys(keys);
    REQUIRE(pressed.has_value());
  }
  std::string steps{};  ///< of the attempt sent last
  awaitable<SubmitResult> send(std::string body, bool urgent = false) {
    auto const message = prompt(std::move(body), urgent);
    correlation_ids.push_back(message.correlation_id);
    steps.clear();
    auto const on_step = [this](std::string_view step) { steps += std::string(step) + " "; };
    auto submission = co_await session->submit(message, on_step);
    co_return submission;
  }
  awaitable<void> must_accept(std::string body, bool urgent = false) {
    auto const submission = co_await send(std::move(body), urgent);
    CAPTURE(submission.reason);
    CAPTURE(submission.screen);
    REQUIRE(submission.outcome == SubmitOutcome::accepted);
  }
  /// As the daemon does: what is held comes again when the gate opens.
  awaitable<void> must_accept_in_the_end(std::string body) {
    auto const deadline = Clock::now() + 60s;
    auto submission = co_await send(body);
    while (submission.outcome == SubmitOutcome::held && Clock::now() < deadline) {
      correlation_ids.pop_back();
      co_await until_free();
      submission = co_await send(body);
    }
    co_await look();
    CAPTURE(submission.reason);
    CAPTURE(screen);
    REQUIRE(submission.outcome == SubmitOutcome::accepted);
  }
  awaitable<void> must_hold(std::string body, bool urgent, std::string reason) {
    auto const submission = co_await send(std::move(body), urgent);
    correlation_ids.pop_back();
    CHECK(submission.outcome == SubmitOutcome::held);
    CHECK_MESSAGE(submission.reason.find(reason) != std::string::npos, submission.reason);
    CHECK(steps.empty());
  }
  awaitable<void> look() {
    auto const shown = co_await terminal->capture();
    REQUIRE(shown.has_value());
    screen.clear();
    for (auto const& line : shown->lines) screen += line + "\n";
  }
  awaitable<void> until_screen(std::string text) {
    auto watch = terminal->watch_output();
    REQUIRE(watch.has_value());
    auto const deadline = Clock::now() + 30s;
    for (co_await look(); screen.find(text) == std::string::npos; co_await look()) {
      auto const more = co_await (*watch)->wait(deadline);
      REQUIRE_MESSAGE(more, "never on the screen: " << text << "\n" << screen);
    }
  }
  awaitable<void> until_note(std::string type, std::size_t from) {
    std::function<bool()> const there = [this, type, from] { return noted(type, from); };
    co_await until(there, type);
  }
  template <class Event>
  Event const* last() const {
    auto const it =
        std::find_if(events.rbegin(), events.rend(), [](auto const& e) { return std::holds_alternative<Event>(e); });
    return it == events.rend() ? nullptr : &std::get<Event>(*it);
  }
  /// At the model's side, each accepted message once.
  void check_model() {
    std::string all;
    for (auto const& text : stub().get("/__prompts").get<std::vector<std::string>>()) all += text + "\n";
    for (auto const& correlation_id : correlation_ids) {
      auto const mark = envelope_mark(correlation_id);
      auto const first = all.find(mark);
      CHECK(first != std::string::npos);
      CHECK(all.find(mark, first + 1) == std::string::npos);
    }
  }
  std::vector<std::string> correlation_ids;
};

}  // namespace

TEST_CASE("NothingIsTypedIntoADialogAndItGoesOnWhenThatIsAnswered") {
  States lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        co_await lab.must_accept("[[bash:touch must-be-asked]]");
        // Told by the state file and by the hook, in either order; only the hook knows what for.
        std::function<bool()> const asked = [&] {
          auto const* asking = lab.last<WaitingForPerson>();
          return asking && asking->what.find("Bash") != std::string::npos;
        };
        co_await lab.until(asked, "a permission is asked");
        co_await lab.until_screen("Do you want to proceed?");
        co_await lab.must_hold("plain", false, "waiting for a person");
        co_await lab.must_hold("urgent", true, "waiting for a person");
        CHECK_FALSE(std::filesystem::exists(lab.request.cwd / "must-be-asked"));
        co_await lab.press("Escape");
        co_await lab.until_free();
        CHECK(lab.last<TurnEnded>()->outcome == TurnEnded::Outcome::interrupted);
        CHECK(lab.count<WaitingOver>() >= 1);
        co_await lab.must_accept("after it");

        co_await lab.until_free();
        std::string const slash_help = "/help";
        REQUIRE((co_await lab.terminal->paste(slash_help)).has_value());
        co_await lab.until_screen("Show help");
        co_await lab.press("Enter");
        co_await lab.until_screen("For more help");
        co_await lab.must_hold("into the help", true, "");
        co_await lab.press("Escape");
        co_await lab.until_free();
        co_await lab.must_accept("after the help");
        co_await lab.until_free();
        lab.check_model();
        co_await lab.close();
      },
      240s);
}

TEST_CASE("ScreensThatSwallowAPasteHoldIt") {
  States lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        co_await lab.must_accept("first");
        co_await lab.until_free();

        co_await lab.press("C-o");
        co_await lab.until_screen("Showing detailed transcript");
        co_await lab.must_hold("into the transcript view", false, "transcript view");
        CHECK(lab.session->block_reason(false).find("transcript view") != std::string::npos);
        co_await lab.press("Escape");
        co_await lab.until_free();
        co_await lab.must_accept("after the transcript view");
        co_await lab.until_free();

        co_await lab.press("!");
        co_await lab.until_screen("!\u00a0");
        co_await lab.must_hold("into shell mode", false, "shell mode");
        co_await lab.press("BSpace");
        co_await lab.until_free();
        co_await lab.must_accept("after shell mode");
        co_await lab.until_free();
        lab.check_model();
        co_await lab.close();
      },
      240s);
}

TEST_CASE("APersonsDraftIsSetAsideAndComesBack") {
  States lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        std::string const draft = "half typed human";
        REQUIRE((co_await lab.terminal->paste(draft)).has_value());
        co_await lab.until_screen("half typed human");
        co_await lab.must_hold("into the draft", false, "a person is typing");
        co_await lab.until_free();  // the draft has rested long enough
        co_await lab.must_accept("beside the draft");
        co_await lab.until_screen("\u276f\u00a0half typed human");
        co_await lab.until_free();
        auto const prompts = lab.stub().get("/__prompts").dump();
        CHECK(prompts.find("half typed human") == std::string::npos);
        co_await lab.press("C-u");
        lab.check_model();
        co_await lab.close();
      },
      240s);
}

TEST_CASE("AMessageIsReadAndAnsweredWithoutAskingAPerson") {
  States lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        auto const from = lab.events.size();
        co_await lab.must_accept("[[bash:agent-runner reply 1 - <<'REPLY'\nIt's \"done\".\nREPLY]]");
        std::function<bool()> const answered = [&] {
          return lab.last<TurnEnded>() != nullptr || lab.last<WaitingForPerson>() != nullptr;
        };
        co_await lab.until(answered, "the turn ended");
        CHECK(lab.last<WaitingForPerson>() == nullptr);
        CHECK(lab.noted("tool.finished", from));
        auto const said = read_file(lab.dir.path() / "said", 1000);
        REQUIRE(said.has_value());
        CHECK(*said == "reply 1 -\nIt's \"done\".\n");
        co_await lab.until_free();

        auto const file = lab.prompt("a\ttab");
        auto const handed = co_await lab.session->submit(file, {});
        REQUIRE(handed.outcome == SubmitOutcome::accepted);
        co_await lab.until_free();
        lab.events.clear();
        co_await lab.must_accept("[[tool:Read:{\"file_path\":\"" + file.body_file.string() + "\"}]]");
        co_await lab.until(answered, "the turn ended");
        CHECK(lab.last<WaitingForPerson>() == nullptr);
        CHECK(lab.noted("tool.finished", 0));
        co_await lab.close();
      },
      240s);
}

TEST_CASE("CopyModeIsLeftAndNothingIsLost") {
  States lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        lab.copy_mode();
        auto const scrolling = co_await lab.terminal->capture();
        REQUIRE(scrolling->copy_mode);
        co_await lab.must_accept("while somebody scrolls");
        co_await lab.until_free();
        lab.check_model();
        co_await lab.close();
      },
      240s);
}

TEST_CASE("InterruptEndsTheTurnAndLeavesACleanComposer") {
  States lab;
  lab.request.options["settings"]["permissions"]["allow"] = json::array({"Bash(true:*)", "Bash(sleep:*)"});
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        auto const from = lab.events.size();
        co_await lab.must_accept("[[bash:true; sleep 30]]");
        co_await lab.until_note("tool.started", from);
        auto const interrupted = co_await lab.session->interrupt();
        CHECK(interrupted.has_value());
        co_await lab.until_free();
        CHECK(lab.last<TurnEnded>()->outcome == TurnEnded::Outcome::interrupted);

        // Before the first token Escape puts the prompt back into the composer.
        for (auto const* body : {"[[hang]]", "[[hang]]\nof\nfour\nlines"}) {
          co_await lab.must_accept(body);
          auto const again = co_await lab.session->interrupt();
          CHECK_MESSAGE(again.has_value(), again.error().message);
          co_await lab.until_free();
        }
        co_await lab.must_accept("after the interrupts");
        co_await lab.until_free();
        auto const idle = co_await lab.session->interrupt();
        REQUIRE_FALSE(idle.has_value());
        CHECK(idle.error().code == "nothing_running");
        co_await lab.close();
      },
      240s);
}

TEST_CASE("TheContextIsCompactedAndCleared") {
  States lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        for (auto const* body : {"one", "two", "three"}) {
          co_await lab.must_accept(body);
          co_await lab.until_free();
        }
        auto const from = lab.events.size();
        auto const compacted = co_await lab.session->compact();
        CHECK_MESSAGE(compacted.has_value(), compacted.error().message);
        co_await lab.until_note("compaction.finished", from);
        co_await lab.until_free();
        co_await lab.must_accept("after the compaction");
        co_await lab.until_free();

        auto const before = lab.plan.session_id;
        auto const cleared = co_await lab.session->clear();
        CHECK_MESSAGE(cleared.has_value(), cleared.error().message);
        REQUIRE(lab.last<SessionChanged>() != nullptr);
        CHECK(lab.last<SessionChanged>()->session_id != before);
        co_await lab.until_free();
        lab.correlation_ids.clear();
        co_await lab.must_accept("in the new session");
        co_await lab.until_free();
        lab.check_model();
        CHECK(lab.count<ContextUse>() > 0);
        co_await lab.close();
      },
      240s);
}

TEST_CASE("AModelThatIsDownFailsTheTurnAndNotTheMessage") {
  States lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        json const down{{"mode", "fail"}, {"status", 503}};
        lab.stub().post("/__mode", down);
        co_await lab.must_accept("while the model is down");
        std::function<bool()> const failed = [&] { return lab.last<TurnEnded>() != nullptr; };
        co_await lab.until(failed, "the turn failed");
        CHECK(lab.last<TurnEnded>()->outcome == TurnEnded::Outcome::failed);
        CHECK(lab.last<TurnEnded>()->error_kind == "server_error");
        json const up{{"mode", "ok"}};
        lab.stub().post("/__mode", up);
        co_await lab.until_free();
        co_await lab.must_accept("when it is back");
        co_await lab.until_free();
        lab.check_model();
        co_await lab.close();
      },
      240s);
}

TEST_CASE("AStartThatAsksSomethingIsReported") {
  States lab;
  lab.request.options["trust_workspace"] = false;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.open();
        co_await lab.launch();
        std::function<bool()> const asked = [&] { return lab.last<WaitingForPerson>() != nullptr; };
        co_await lab.until(asked, "the question is reported");
        CHECK(lab.last<WaitingForPerson>()->what.find("trust this folder") != std::string::npos);
        REQUIRE(lab.count<Asked>() == 1);
        CHECK(lab.last<Asked>()->request.kind == ApprovalRequest::Kind::dialog);
        CHECK(lab.last<Asked>()->request.input["screen"].get<std::string>().find("Yes, I trust") != std::string::npos);
        co_await lab.must_hold("into the question", true, "trust this folder");
        // The person's answer: yes, which since 2.1.265 is not the first choice any more.
        co_await lab.look();
        if (lab.screen.find("\u276f No, exit") != std::string::npos) {
          co_await lab.press("Down");
          co_await lab.until_screen("\u276f Yes, I trust this folder");
        }
        co_await lab.press("Enter");
        co_await lab.until_free();
        CHECK(lab.count<WaitingOver>() >= 1);
        CHECK(lab.count<AskEnded>() == 1);
        co_await lab.must_accept("after the question");
        co_await lab.until_free();
        lab.check_model();
        co_await lab.close();
      },
      240s);
}

TEST_CASE("AnAdoptedSessionKnowsWhereItStandsAndWhatItTook") {
  States lab;
  lab.request.options["settings"]["permissions"]["allow"] = json::array({"Bash(sleep:*)"});
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        auto taken = lab.prompt("[[bash:sleep 6]]");
        auto const handed = co_await lab.session->submit(taken, {});
        CHECK(handed.outcome == SubmitOutcome::accepted);
        // The daemon goes between paste and Enter, and another one comes.
        co_await lab.session->stop();
        auto stuck = lab.prompt("pasted, never sent", true);
        auto other = lab.prompt("never typed", true);
        lab.events.clear();
        lab.adopt();
        std::function<bool()> const ready = [&] { return lab.last<Ready>() != nullptr; };
        co_await lab.until(ready, "the adopted session is ready");
        CHECK(co_await lab.session->query_outcome(taken, false) == RecordedOutcome::accepted);
        CHECK(co_await lab.session->query_outcome(other, false) == RecordedOutcome::absent);
        co_await lab.until_free();
        co_await lab.must_accept("to the adopted one");
        co_await lab.until_free();

        // The text of an earlier attempt stands in the composer: it is taken away, and may then be handed
        // again.
        auto const typed = lab.typed_form(stuck);
        REQUIRE((co_await lab.terminal->paste(typed.paste)).has_value());
        auto const shown = lab.row().wraps_pastes ? "[end " + stuck.correlation_id : std::string("[Pasted text");
        co_await lab.until_screen(shown);
        CHECK(co_await lab.session->query_outcome(stuck, false) == RecordedOutcome::absent);
        co_await lab.look();
        CHECK(lab.screen.find(shown) == std::string::npos);
        auto const again = co_await lab.session->submit(stuck, {});
        CHECK(again.outcome == SubmitOutcome::accepted);
        lab.correlation_ids.push_back(stuck.correlation_id);
        co_await lab.until_free();
        lab.check_model();
        co_await lab.close();
      },
      240s);
}

TEST_CASE("AKilledProcessIsAskedThroughItsRecordAndResumed") {
  States lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        auto taken = lab.prompt("[[sleep:20000]]");
        auto const handed = co_await lab.session->submit(taken, {});
        CHECK(handed.outcome == SubmitOutcome::accepted);
        // This one waits in the CLI's own queue when the process is killed, and is lost with it.
        auto queued = lab.prompt("queued", true);
        SubmitResult result;
        TaskGroup tasks(lab.io.get_executor(), "test");
        auto const submit = [&]() -> awaitable<void> { result = co_await lab.session->submit(queued, {}); };
        tasks.spawn("submit", submit());
        co_await lab.until_screen(queued.correlation_id);
        ::kill(lab.terminal->pid(), SIGKILL);
        std::function<bool()> const gone = [&] { return lab.exited(); };
        co_await lab.until(gone, "the process has ended");
        co_await lab.session->stop();
        while (tasks.size() > 0) co_await sleep_for(10ms);
        CHECK(result.outcome == SubmitOutcome::unknown);
        CHECK(co_await lab.session->query_outcome(taken, true) == RecordedOutcome::accepted);
        CHECK(co_await lab.session->query_outcome(queued, true) == RecordedOutcome::absent);

        auto const session = lab.plan.session_id;
        CHECK(lab.adapter().can_resume(lab.request, session));
        lab.request.resume_session = session;
        lab.events.clear();
        co_await lab.launch();
        CHECK(lab.plan.resumes);
        co_await lab.until_free();
        CHECK(lab.last<Ready>()->session_id == session);
        CHECK(lab.count<Accepted>() == 0);
        auto const again = co_await lab.session->submit(queued, {});
        CHECK(again.outcome == SubmitOutcome::accepted);
        lab.correlation_ids = {taken.correlation_id, queued.correlation_id};
        co_await lab.until_free();
        lab.check_model();
        co_await lab.close();
      },
      240s);
}

TEST_CASE("ATurnThatAHookHasGoOnIsOverWithItsLastText") {
  States lab;
  // Where the hook's words are a prompt for the stub they say what is to come, else the prompt does.
  std::string const rest = "[[bash:sleep 3]] [[say:the last text]]";
  std::string const once = "cat > /dev/null; [ -e asked ] && exit 0; touch asked; sleep 2; echo '" +
                           json{{"decision", "block"}, {"reason", "go on " + rest}}.dump() + "'";
  json const hook = {{"type", "command"}, {"command", once}};
  lab.request.options["settings"]["hooks"]["Stop"] = json::array({{{"hooks", json::array({hook})}}});
  lab.request.options["settings"]["permissions"]["allow"] = json::array({"Bash(sleep:*)"});
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        co_await lab.must_accept("[[say:the first text]] " + rest);
        co_await lab.until_note("tool.started", 0);
        CHECK(lab.last<TurnEnded>() == nullptr);
        CHECK_FALSE(lab.session->block_reason(false).empty());
        co_await lab.until_free();
        CHECK(lab.count<TurnEnded>() == 1);
        REQUIRE(lab.last<TurnEnded>() != nullptr);
        CHECK(lab.last<TurnEnded>()->outcome == TurnEnded::Outcome::completed);
        CHECK(lab.last<TurnEnded>()->final_text == "the last text");
        CHECK(lab.count<TurnStarted>() == 1);
        co_await lab.close();
      },
      240s);
}

TEST_CASE("TheMenuOfAUsedUpAccountHoldsNothingPastTheLimitsEnd") {
  States lab;
  lab.subscription = true;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        co_await lab.must_accept("before the limit");
        co_await lab.until_free();
        auto const resets_at = to_millis(wall_now()) / 1000 + 7200;
        json headers;
        for (auto const* about : {"", "5h-"}) {
          auto const name = "anthropic-ratelimit-unified-" + std::string(about);
          headers[name + "status"] = "rejected";
          headers[name + "reset"] = std::to_string(resets_at);
        }
        headers["anthropic-ratelimit-unified-5h-utilization"] = "1.0";
        headers["anthropic-ratelimit-unified-representative-claim"] = "five_hour";
        headers["anthropic-ratelimit-unified-overage-status"] = "rejected";
        headers["anthropic-ratelimit-unified-overage-disabled-reason"] = "out_of_credits";
        headers["x-should-retry"] = "false";
        json const limited{{"mode", "fail"}, {"status", 429}, {"headers", headers}};
        lab.stub().post("/__mode", limited);
        lab.events.clear();
        co_await lab.must_accept("at the limit");
        std::function<bool()> const failed = [&] { return lab.last<TurnEnded>() != nullptr; };
        co_await lab.until(failed, "the turn failed");
        CHECK(lab.last<TurnEnded>()->error_kind == "rate_limit");
        CHECK(lab.last<TurnEnded>()->did_nothing);
        CHECK(lab.last<TurnEnded>()->resets_at.has_value());
        co_await lab.until_screen("Stop and wait for limit to reset");
        json const well{{"mode", "ok"}};
        lab.stub().post("/__mode", well);
        co_await lab.must_accept_in_the_end("after the limit");
        CHECK(lab.count<WaitingForPerson>() == 0);
        CHECK(lab.count<Asked>() == 0);
        co_await lab.until_free();
        lab.check_model();

        // Any other menu waits for a person, who is told what it says and where it is.
        std::string const slash_help = "/help";
        REQUIRE((co_await lab.terminal->paste(slash_help)).has_value());
        co_await lab.until_screen("Show help");
        co_await lab.press("Enter");
        std::function<bool()> const asked = [&] { return lab.count<Asked>() == 1; };
        co_await lab.until(asked, "the menu is told");
        auto const menu = lab.last<Asked>()->request;
        CHECK(menu.kind == ApprovalRequest::Kind::dialog);
        CHECK_MESSAGE(menu.input["screen"].get<std::string>().find("For more help") != std::string::npos,
                      menu.input.dump());
        CHECK(menu.summary.find("agent-runner attach alice") != std::string::npos);
        co_await lab.must_hold("into the menu", true, "waiting for a person");
        co_await lab.press("Escape");
        co_await lab.until_free();
        REQUIRE(lab.last<AskEnded>() != nullptr);
        CHECK(lab.last<AskEnded>()->key == menu.key);
        co_await lab.close();
      },
      240s);
}
