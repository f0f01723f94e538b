// The promise of docs/delivery.md at the level of the adapter, against the real Claude Code CLI: every message reaches
// the model exactly once, byte for byte, and is called accepted only then. E2E_MESSAGES sets how many
// (default 40), E2E_GENERATED that all bodies are made at random (AR_SEED), of 250 kB (inline) and 400 kB (as a file).
#include "adapters/claude/prompt_text.hpp"
#include "adapters/claude/screen.hpp"
#include "adapters/claude/transcript.hpp"
#include "base/paths.hpp"
#include "e2e/bodies.hpp"
#include "e2e/claude_lab.hpp"
#include "support/hostile_text.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

using namespace ar;
using namespace ar::adapters;
using namespace std::chrono_literals;

namespace {

struct Sent {
  Prompt prompt;
  SubmitResult submission;
};

std::size_t occurrences(std::vector<std::string> const& texts, std::string const& wanted) {
  std::size_t count = 0;
  for (auto const& text : texts)
    for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + wanted.size())) ++count;
  return count;
}

/// The shortest protocol that works at all, for comparison: paste, composer no longer empty, Enter,
/// transcript line.
awaitable<double> bare_delivery(test::ClaudeLab& lab, Prompt prompt) {
  auto const typed = lab.typed_form(prompt);
  auto watch = lab.terminal->watch_output();
  REQUIRE(watch.has_value());
  auto const before = lab.count<Accepted>();
  auto const start = Clock::now();
  REQUIRE((co_await lab.terminal->paste(typed.paste)).has_value());
  while (true) {
    auto const screen = co_await lab.terminal->capture(true);
    REQUIRE(screen.has_value());
    if (!claude::read_view(*screen, lab.row()).text.empty()) break;
    REQUIRE(co_await (*watch)->wait(Clock::now() + 20s));
  }
  std::vector<std::string> const enter{"Enter"};
  REQUIRE((co_await lab.terminal->keys(enter)).has_value());
  // The session follows the transcript as well; for a prompt it did not type, the line is told as a late
  // proof.
  std::function<bool()> const shown = [&lab, before] { return lab.count<Accepted>() > before; };
  co_await lab.until(shown, "the bare prompt is in the transcript");
  co_return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Run {
  test::ClaudeLab lab;
  std::vector<Sent> sent;
  std::vector<double> own{}, bare{};
  std::vector<std::string> bare_correlation_ids{};
  std::size_t next_body = 0;

  std::optional<test::HostileText> generated = test::generated_on_demand();

  std::string body() {
    auto const number = next_body++;
    if (generated) return generated->make(test::HostileText::Kind::text, number % 2 == 0 ? 250'000 : 400'000);
    return test::bodies()[number % test::bodies().size()];
  }

  awaitable<void> deliver(std::string text, bool urgent, bool timed) {
    if (!urgent) co_await lab.until_free();
    Sent one;
    one.prompt = lab.prompt(std::move(text), urgent);
    auto const start = Clock::now();
    std::string steps;
    auto const on_step = [&](std::string_view step) { steps += std::string(step) + " "; };
    auto submission = co_await lab.session->submit(one.prompt, on_step);
    auto const took = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    CAPTURE(one.prompt.body.substr(0, 60));
    CAPTURE(submission.reason);
    CAPTURE(submission.screen);
    REQUIRE(submission.outcome == SubmitOutcome::accepted);
    CHECK(lab.last<Accepted>().correlation_id == one.prompt.correlation_id);
    CHECK(lab.last<Accepted>().proof == "transcript");
    CHECK(steps == "typed entered ");
    if (timed) own.push_back(took);
    one.submission = std::move(submission);
    sent.push_back(std::move(one));
  }

  /// Starts a turn by a prompt with directives for the stub, and waits until it is in the state meant.
  awaitable<void> begin(std::string script, char const* note) {
    auto const from = lab.events.size();
    co_await deliver(std::move(script), false, false);
    std::function<bool()> const there = [this, note, from] { return lab.noted(note, from); };
    if (note) co_await lab.until(there, note);
  }

  /// What the model was given, at its own side.
  void check_model_side() {
    auto const texts = lab.stub().get("/__prompts").get<std::vector<std::string>>();
    std::size_t exact = 0, as_files = 0;
    for (auto const& one : sent) {
      auto const typed = lab.typed_form(one.prompt);
      CAPTURE(one.prompt.message_id);
      CAPTURE(one.prompt.body.substr(0, 60));
      CHECK(occurrences(texts, envelope_mark(one.prompt.correlation_id)) == 1);
      exact += occurrences(texts, typed.text) == 1;
      if (!typed.as_file) continue;
      ++as_files;
      auto const written = read_file(one.prompt.body_file, 10U << 20);
      CHECK(written.has_value());
      if (written) CHECK(*written == one.prompt.body);
      CHECK(typed.text.find(one.prompt.body_file.string()) != std::string::npos);
    }
    CHECK(exact == sent.size());
    for (auto const& correlation_id : bare_correlation_ids)
      CHECK(occurrences(texts, envelope_mark(correlation_id)) == 1);
    std::printf("left in the composer by the CLI although submitted, and cleared: %td\n",
                std::ranges::count_if(lab.events, [](ProviderEvent const& event) {
                  auto const* note = std::get_if<Noted>(&event);
                  return note && note->type == "delivery.leftover";
                }));
    std::printf("messages %zu: at the model exactly once and byte for byte %zu (inline %zu, as a file %zu)\n",
                sent.size(), exact, exact - as_files, as_files);
  }
};

}  // namespace

TEST_CASE("EveryMessageReachesTheModelExactlyOnceByteForByte") {
  Run run;
  auto const* const wanted = std::getenv("E2E_MESSAGES");
  auto const total = static_cast<std::size_t>(wanted ? std::max(10, std::atoi(wanted)) : 40);
  auto& lab = run.lab;
  // The scripted tools may run without asking; nothing else is allowed.
  lab.request.options["settings"]["permissions"]["allow"] = json::array({"Bash(sleep:*)", "Bash(echo:*)"});

  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.open();
        co_await lab.launch();

        // Idle, straight after the start; beside it the bare protocol.
        auto const idle = total * 6 / 10;
        for (std::size_t i = 0; i < idle; ++i) {
          co_await run.deliver(run.body(), false, false);
          co_await lab.until_free();
          co_await run.deliver("timed", false, i > 0);
          co_await lab.until_free();
          auto bare = lab.prompt("timed");
          run.bare_correlation_ids.push_back(bare.correlation_id);
          run.bare.push_back(co_await bare_delivery(lab, bare));
        }
        // Urgent ones while a tool runs: injected into the turn.
        for (std::size_t i = idle; i < total * 9 / 10;) {
          co_await run.begin("[[bash:sleep 4]]", "tool.started");
          for (int k = 0; k < 6 && i < total * 9 / 10; ++k, ++i) co_await run.deliver(run.body(), true, false);
        }
        // Urgent ones while the model is silent: they wait in the CLI's queue and are accepted only after it.
        for (std::size_t i = total * 9 / 10; i < total; ++i) {
          co_await run.begin("[[sleep:1500]] [[say:slept]]", nullptr);
          co_await run.deliver(run.body(), true, false);
        }
        // The last one waited in the CLI's queue: accepted, its turn may not have begun yet.
        std::function<bool()> const shown = [&] {
          auto const texts = lab.stub().get("/__prompts").get<std::vector<std::string>>();
          return occurrences(texts, envelope_mark(run.sent.back().prompt.correlation_id)) > 0;
        };
        co_await lab.until(shown, "the model has the last message");
        co_await lab.until_free();
        run.check_model_side();
        CHECK_FALSE(std::filesystem::exists(lab.request.cwd / "must-not-exist"));
        CHECK(lab.count<Ready>() == 1);
        CHECK_FALSE(lab.noted("delivery.altered", 0));
        co_await lab.close();
      },
      std::chrono::seconds(900));

  auto const ratio = test::quantile(run.own, 0.5) / test::quantile(run.bare, 0.5);
  std::printf(
      "idle, short text, handed to accepted: p50 %.0f ms, p95 %.0f ms (N=%zu); bare protocol: p50 %.0f ms, "
      "p95 %.0f ms "
      "(N=%zu); ratio of p50 %.2f\n",
      test::quantile(run.own, 0.5), test::quantile(run.own, 0.95), run.own.size(), test::quantile(run.bare, 0.5),
      test::quantile(run.bare, 0.95), run.bare.size(), ratio);
  WARN(ratio <= 1.1);
}
