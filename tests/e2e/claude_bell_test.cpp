// What the adapter says of notices on their way into the real Claude Code CLI: fetched behind a dialog, taken by
// somebody else, over a /clear, many at once.
#include "adapters/claude/notices.hpp"
#include "base/ids.hpp"
#include "base/paths.hpp"
#include "e2e/claude_lab.hpp"

#include <algorithm>
#include <csignal>

using namespace ar;
using namespace ar::adapters;
using namespace std::chrono_literals;

namespace {

struct Monitored : test::ClaudeLab {
  std::vector<Prompt> sent{};

  awaitable<void> begin() {
    request.options["settings"]["permissions"]["allow"] = json::array({"Bash(sleep:*)"});
    co_await open();
    co_await launch();
    co_await until_free();
  }
  Prompt notice(std::string body) {
    auto made = prompt(std::move(body));
    made.kind = "notice";
    made.is_notice = true;
    return made;
  }
  awaitable<void> offer(std::string body) {
    auto made = notice(std::move(body));
    sent.push_back(made);
    auto const submission = co_await session->submit(made, {});
    REQUIRE_MESSAGE(submission.outcome == SubmitOutcome::offered, submission.reason);
  }
  awaitable<void> type(std::string body) {
    auto const submission = co_await session->submit(prompt(std::move(body)), {});
    REQUIRE_MESSAGE(submission.outcome == SubmitOutcome::accepted, submission.reason);
  }
  bool is_accepted(Prompt const& wanted) const {
    return std::ranges::any_of(events, [&](ProviderEvent const& event) {
      auto const* accepted = std::get_if<Accepted>(&event);
      return accepted && accepted->correlation_id == wanted.correlation_id;
    });
  }
  awaitable<void> until_accepted() {
    std::function<bool()> const all = [this] {
      return std::ranges::all_of(sent, [this](Prompt const& one) { return is_accepted(one); });
    };
    co_await until(all, "every notice is in the record");
  }
  awaitable<std::string> screen() {
    auto const shown = co_await terminal->capture();
    REQUIRE(shown.has_value());
    std::string text;
    for (auto const& line : shown->lines) text += line + "\n";
    co_return text;
  }
  awaitable<void> until_screen(std::string text) {
    auto watch = terminal->watch_output();
    REQUIRE(watch.has_value());
    auto const deadline = Clock::now() + 30s;
    for (auto shown = co_await screen(); shown.find(text) == std::string::npos; shown = co_await screen()) {
      auto const more = co_await (*watch)->wait(deadline);
      REQUIRE_MESSAGE(more, "never on the screen: " << text << "\n" << shown);
    }
  }
  /// How often each was given to the model, in what it was asked last.
  void check_model() {
    auto const asked = stub().get("/__last")["messages"].dump();
    for (auto const& one : sent) {
      auto const mark = envelope_mark(one.correlation_id);
      auto const first = asked.find(mark);
      CHECK_MESSAGE(first != std::string::npos, one.body);
      if (first != std::string::npos) CHECK(asked.find(mark, first + 1) == std::string::npos);
    }
  }
};

}  // namespace

TEST_CASE("ManyNoticesAtOnceComeEachOnce") {
  Monitored lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        for (int i = 0; i < 10; ++i) {
          co_await lab.offer("notice " + std::to_string(i) + (i == 5 ? std::string(15'000, 'x') : std::string()));
          co_await sleep_for(50ms);
        }
        co_await lab.until_accepted();
        co_await lab.until_free();
        lab.check_model();
        CHECK(lab.count<Accepted>() == 10);
        co_await lab.close();
      },
      120s);
}

TEST_CASE("AnOpenDialogIsWaitedFor") {
  Monitored lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        co_await lab.type("[[bash:touch must-be-asked]]");
        co_await lab.until_screen("Do you want to proceed?");
        co_await lab.offer("beside the dialog");
        // It is fetched, and nothing of it answers the dialog.
        co_await sleep_for(claude::Notices::kTakenWithin + 2s);
        CHECK(co_await lab.session->query_outcome(lab.sent[0], false) == RecordedOutcome::pending);
        CHECK_FALSE(lab.is_accepted(lab.sent[0]));
        CHECK((co_await lab.screen()).find("Do you want to proceed?") != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(lab.request.cwd / "must-be-asked"));
        std::vector<std::string> const yes{"1"};
        REQUIRE((co_await lab.terminal->keys(yes)).has_value());
        co_await lab.until_accepted();
        co_await lab.until_free();
        CHECK(std::filesystem::exists(lab.request.cwd / "must-be-asked"));
        lab.check_model();
        co_await lab.close();
      },
      120s);
}

TEST_CASE("ANewSessionOfTheSameProcessFetchesToo") {
  Monitored lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        co_await lab.offer("before it");
        co_await lab.until_accepted();
        co_await lab.until_free();
        lab.check_model();
        lab.sent.clear();
        REQUIRE((co_await lab.session->clear()).has_value());
        co_await lab.until([&] { return lab.count<SessionChanged>() == 1; }, "the session is another one");
        co_await lab.until_free();
        co_await lab.offer("after it");
        co_await lab.until_accepted();
        co_await lab.until_free();
        lab.check_model();
        co_await lab.close();
      },
      120s);
}

TEST_CASE("WhatTheHookTookAndNobodyReadIsSaidToBeAbsent") {
  Monitored lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        auto const lost = lab.notice("taken by somebody else");
        auto const submission = co_await lab.session->submit(lost, {});
        REQUIRE(submission.outcome == SubmitOutcome::offered);
        // Before the CLI comes for it.
        auto const taken = lab.session->hook("FileChanged", json::object());
        REQUIRE(taken.has_value());
        CHECK((*taken)["notices"].get<std::string>().find(lost.correlation_id) != std::string::npos);
        CHECK(co_await lab.session->query_outcome(lost, false) == RecordedOutcome::pending);
        co_await sleep_for(11s);
        CHECK(co_await lab.session->query_outcome(lost, false) == RecordedOutcome::absent);
        CHECK(lab.count<Accepted>() == 0);
        co_await lab.close();
      },
      120s);
}
