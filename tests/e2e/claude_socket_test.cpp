// The socket road (docs/claude-code.md) at the level of the adapter, against the real Claude Code: every message
// reaches the model exactly once and byte for byte, whatever stands in the terminal, and over the death of either side.
// E2E_MESSAGES sets how many (default 24), E2E_KILLS how often a side is killed (default 2).
#include "adapters/claude/messaging_socket.hpp"
#include "base/paths.hpp"
#include "e2e/bodies.hpp"
#include "e2e/claude_lab.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>

using namespace ar;
using namespace ar::adapters;
using namespace std::chrono_literals;

namespace {

std::size_t from_environment(char const* name, std::size_t otherwise) {
  auto const* const text = std::getenv(name);
  return text ? static_cast<std::size_t>(std::max(1, std::atoi(text))) : otherwise;
}

void append_utf8(std::string& out, char32_t point) {
  auto const tail = [&](int shift) { out += static_cast<char>(0x80 | ((point >> shift) & 0x3F)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

/// Every code point but surrogates, in so many texts.
std::vector<std::string> all_code_points(std::size_t texts) {
  constexpr char32_t kEnd = 0x110000;
  auto const each = static_cast<char32_t>(kEnd / texts + 1);
  std::vector<std::string> all;
  for (char32_t begin = 0; begin < kEnd; begin += each) {
    auto& text = all.emplace_back();
    for (auto point = begin; point < std::min<char32_t>(kEnd, begin + each); ++point)
      if (point < 0xD800 || point > 0xDFFF) append_utf8(text, point);
  }
  return all;
}

struct Socket : test::ClaudeLab {
  std::vector<Prompt> sent{};
  std::vector<double> took{};
  std::size_t senders = 0;

  explicit Socket(char const* road = "socket") {
    request.options["road"] = road;
    request.options["settings"]["permissions"]["allow"] = json::array({"Bash(sleep:*)"});
  }
  awaitable<void> begin() {
    co_await open();
    co_await launch();
    co_await until_free();
    if (!row().has_socket) std::printf("this version has no socket: everything is typed\n");
  }
  /// Each of a sender of its own: the CLI limits what it takes of one.
  Prompt next(std::string body, bool urgent = false) {
    auto message = prompt(std::move(body), urgent);
    message.from = "sender-" + std::to_string(++senders);
    return message;
  }
  std::string steps{};
  awaitable<SubmitResult> submit(Prompt message) {
    steps.clear();
    auto const on_step = [this](std::string_view step) { steps += std::string(step) + " "; };
    auto const start = Clock::now();
    auto submission = co_await session->submit(message, on_step);
    if (submission.outcome == SubmitOutcome::accepted) {
      took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
      sent.push_back(std::move(message));
    }
    co_return submission;
  }
  awaitable<void> must_accept(std::string body, bool urgent = false) {
    if (!urgent) co_await until_free();
    auto message = next(std::move(body), urgent);
    CAPTURE(message.body.substr(0, 60));
    auto const submission = co_await submit(std::move(message));
    CAPTURE(submission.reason);
    CAPTURE(submission.screen);
    REQUIRE(submission.outcome == SubmitOutcome::accepted);
    CHECK(steps == (row().has_socket ? "written " : "typed entered "));
  }
  awaitable<void> begin_turn(std::string script, std::string note) {
    auto const from = events.size();
    co_await must_accept(std::move(script));
    std::function<bool()> const there = [this, note, from] { return noted(note, from); };
    co_await until(there, note);
  }
  awaitable<void> until_screen(std::string text) {
    auto watch = terminal->watch_output();
    REQUIRE(watch.has_value());
    auto const deadline = Clock::now() + 30s;
    while (true) {
      auto const shown = co_await terminal->capture();
      REQUIRE(shown.has_value());
      for (auto const& line : shown->lines)
        if (line.find(text) != std::string::npos) co_return;
      auto const more = co_await (*watch)->wait(deadline);
      REQUIRE_MESSAGE(more, "never on the screen: " << text);
    }
  }
  awaitable<void> press(std::string key) {
    std::vector<std::string> const keys{std::move(key)};
    auto const pressed = co_await terminal->keys(keys);
    REQUIRE(pressed.has_value());
  }
  /// Counted at the model's side.
  void check_model() const {
    std::string all;
    for (auto const& text : stub().get("/__prompts").get<std::vector<std::string>>()) all += text + "\n";
    auto const times = [&](std::string const& wanted) {
      std::size_t count = 0;
      for (auto at = all.find(wanted); at != std::string::npos; at = all.find(wanted, at + 1)) ++count;
      return count;
    };
    for (auto const& message : sent) {
      CAPTURE(message.body.substr(0, 60));
      CHECK(times(envelope_mark(message.correlation_id)) == 1);
      if (!row().has_socket) continue;
      auto const form = claude::socket_message(message);
      CHECK(times(form.text) == 1);
      if (!form.as_file) continue;
      auto const file = read_file(message.body_file, 10U << 20);
      CHECK((file && *file == message.body));
    }
  }
  /// The process dies, and the conversation goes on in another.
  awaitable<void> kill_and_resume() {
    ::kill(terminal->pid(), SIGKILL);
    std::function<bool()> const gone = [this] { return exited(); };
    co_await until(gone, "the CLI has died");
    co_await let_go();
    request.resume_session = plan.session_id;
    co_await launch();
    co_await until_free();
  }
};

}  // namespace

TEST_CASE("EveryMessageAtTheSocketReachesTheModelOnceByteForByte") {
  Socket lab;
  auto const total = from_environment("E2E_MESSAGES", 24);
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        auto bodies = test::bodies();
        bodies.push_back(test::repeated("larger than what goes inline\n", 300'000));
        if (total >= 100)
          for (auto& text : all_code_points(total / 2)) bodies.push_back(std::move(text));
        for (std::size_t i = 0; i < total * 8 / 10; ++i) co_await lab.must_accept(bodies[i % bodies.size()]);
        auto const idle = lab.took;
        for (std::size_t i = total * 8 / 10; i < total;) {
          co_await lab.begin_turn("[[bash:sleep 2]]", "tool.started");
          for (int k = 0; k < 5 && i < total; ++k, ++i) co_await lab.must_accept(bodies[i % bodies.size()], true);
        }
        co_await lab.must_accept("[[sleep:1500]] [[say:slept]]");
        co_await lab.must_accept("while the model is silent", true);
        co_await lab.until_free();
        co_await lab.must_accept("the last one");
        co_await lab.until_free();
        lab.check_model();
        // Each record has our uuid, also of what was taken in the midst of a turn.
        auto const record = read_file(lab.last<Ready>().transcript, 1U << 30);
        REQUIRE(record.has_value());
        for (auto const& message : lab.sent) {
          auto const uuid = "uuid\":\"" + claude::record_uuid(message.correlation_id);
          CHECK((record->find(uuid) != std::string::npos) == lab.row().has_socket);
        }
        CHECK_FALSE(std::filesystem::exists(lab.request.cwd / "must-not-exist"));
        CHECK_FALSE(lab.noted("delivery.altered", 0));
        std::printf("messages %zu; idle, handed to accepted: p50 %.0f ms, p95 %.0f ms (N=%zu)\n", lab.sent.size(),
                    test::quantile(idle, 0.5), test::quantile(idle, 0.95), idle.size());
        co_await lab.close();
      },
      1800s);
}

TEST_CASE("WhatStandsInTheTerminalIsLeftAlone") {
  Socket lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        if (!lab.row().has_socket) co_return co_await lab.close();
        REQUIRE(write_file(lab.request.cwd / "named.txt", "what stands in the file").has_value());
        co_await lab.must_accept("@named.txt is not to be attached");
        co_await lab.until_free();
        std::string const draft = "half typed human";
        REQUIRE((co_await lab.terminal->paste(draft)).has_value());
        co_await lab.until_screen(draft);
        co_await lab.must_accept("beside the draft");
        co_await lab.until_free();
        co_await lab.until_screen("\u276f\u00a0half typed human");
        lab.copy_mode();
        co_await lab.must_accept("while somebody scrolls");
        co_await lab.until_free();
        REQUIRE((co_await lab.terminal->capture())->copy_mode);
        co_await lab.terminal->leave_copy_mode();
        co_await lab.press("C-u");
        co_await lab.press("C-o");
        co_await lab.until_screen("Showing detailed transcript");
        co_await lab.must_accept("behind the transcript view");
        co_await lab.until_free();
        co_await lab.press("Escape");

        // A dialog: not accepted before it is closed.
        co_await lab.begin_turn("[[bash:touch must-be-asked]]", "tool.started");
        co_await lab.until_screen("Do you want to proceed?");
        auto const urgent = lab.next("behind the dialog", true);
        bool accepted = false, over = false;
        auto handed = [&]() -> awaitable<void> {
          auto const submission = co_await lab.submit(urgent);
          accepted = submission.outcome == SubmitOutcome::accepted;
          over = true;
        };
        net::co_spawn(lab.io, handed(), [](std::exception_ptr error) {
          if (error) std::rethrow_exception(error);
        });
        std::function<bool()> const written = [&] { return lab.steps == "written "; };
        co_await lab.until(written, "it is written", 10s);
        co_await sleep_for(1s);  // it might be taken wrongly
        CHECK_FALSE(over);
        co_await lab.press("Escape");
        std::function<bool()> const is_over = [&] { return over; };
        co_await lab.until(is_over, "it is taken");
        CHECK(accepted);
        co_await lab.until_free();
        CHECK_FALSE(std::filesystem::exists(lab.request.cwd / "must-be-asked"));
        co_await lab.must_accept("after all that");
        co_await lab.until_free();
        lab.check_model();
        CHECK(lab.stub().get("/__prompts").dump().find("what stands in the file") == std::string::npos);
        co_await lab.close();
      },
      240s);
}

TEST_CASE("OnTheAutomaticRoadAPersonsWordIsTyped") {
  Socket lab("auto");
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        if (!lab.row().has_socket) co_return co_await lab.close();
        co_await lab.must_accept("of an agent");
        std::vector<double> typed, written;
        auto const rounds = from_environment("E2E_MESSAGES", 24) / 8;
        for (std::size_t i = 0; i < rounds; ++i) {
          co_await lab.must_accept("a short text");
          written.push_back(lab.took.back());
          co_await lab.until_free();
          auto message = lab.next("a short text");
          message.from = "operator";
          auto const submission = co_await lab.submit(message);
          REQUIRE(submission.outcome == SubmitOutcome::accepted);
          CHECK(lab.steps == "typed entered ");
          typed.push_back(lab.took.back());
          lab.sent.pop_back();  // in its own form
        }
        std::printf("by turns: socket p50 %.0f ms, p95 %.0f ms; typed p50 %.0f ms, p95 %.0f ms (N=%zu each)\n",
                    test::quantile(written, 0.5), test::quantile(written, 0.95), test::quantile(typed, 0.5),
                    test::quantile(typed, 0.95), typed.size());
        co_await lab.until_free();
        lab.check_model();
        // Who speaks is told: docs/claude-code.md has the words.
        auto const prompts = lab.stub().get("/__prompts").get<std::vector<std::string>>();
        auto const of_a_session = std::ranges::count_if(
            prompts, [](auto const& text) { return text.starts_with("Another Claude session sent a message:\n"); });
        CHECK(of_a_session == static_cast<std::ptrdiff_t>(rounds + 1));
        if (std::getenv("E2E_SHOW"))
          for (auto const& text : prompts) std::printf("--- the model reads:\n%s\n", text.c_str());
        co_await lab.close();
      },
      600s);
}

TEST_CASE("AMessageAtTheSocketComesOnceOverTheDeathOfEitherSide") {
  Socket lab;
  auto const kills = from_environment("E2E_KILLS", 2);
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.begin();
        if (!lab.row().has_socket) co_return co_await lab.close();
        co_await lab.must_accept("first");
        std::map<std::string, int> outcomes;
        for (std::size_t i = 0; i < kills; ++i) {
          bool const kills_cli = i % 2 == 0;
          co_await lab.until_free();
          auto const message = lab.next("number " + std::to_string(i));
          lab.steps.clear();
          auto const line = claude::socket_message(message).line;
          auto const socket = claude::messaging_socket(lab.request.agent_dir);
          // As a daemon does that dies at once.
          auto const written = co_await claude::write_line(socket, line);
          REQUIRE(written == claude::Written::all);
          co_await sleep_for(milliseconds(17 * (i / 2)));  // each round another moment
          if (kills_cli) {
            co_await lab.kill_and_resume();
          } else {
            co_await lab.let_go();
            lab.adopt();
          }
          auto outcome = RecordedOutcome::pending;
          auto const deadline = Clock::now() + 40s;
          while (outcome == RecordedOutcome::pending && Clock::now() < deadline) {
            outcome = co_await lab.session->query_outcome(message, kills_cli);
            if (outcome == RecordedOutcome::pending) co_await sleep_for(200ms);
          }
          ++outcomes[outcome == RecordedOutcome::accepted ? "accepted" : "absent"];
          REQUIRE(outcome != RecordedOutcome::pending);
          if (outcome == RecordedOutcome::accepted) {
            lab.sent.push_back(message);
          } else {
            CHECK(kills_cli);
            co_await lab.until_free();
            auto const again = co_await lab.submit(message);
            REQUIRE_MESSAGE(again.outcome == SubmitOutcome::accepted, again.reason);
          }
        }
        co_await lab.until_free();
        co_await lab.must_accept("the last one");
        co_await lab.until_free();
        lab.check_model();
        std::printf("deaths %zu: in the record %d, absent and given again %d\n", kills, outcomes["accepted"],
                    outcomes["absent"]);
        co_await lab.close();
      },
      1800s);
}
