// What the real Claude Code makes of texts that one of its versions changes: each reaches the agent as it was sent, in
// the prompt or as a file, and once.
#include "adapters/claude/prompt_text.hpp"
#include "base/paths.hpp"
#include "e2e/claude_lab.hpp"
#include "support/invisible.hpp"

using namespace ar;
using namespace ar::adapters;
using namespace std::chrono_literals;

namespace {

struct Fidelity : test::ClaudeLab {
  std::vector<Prompt> sent;

  awaitable<void> deliver(Prompt prompt) {
    co_await until_free();
    auto const submission = co_await session->submit(prompt, {});
    CAPTURE(prompt.body.substr(0, 60));
    CAPTURE(submission.reason);
    CAPTURE(submission.screen);
    REQUIRE(submission.outcome == SubmitOutcome::accepted);
    sent.push_back(std::move(prompt));
  }

  /// The prompts that hold this message's envelope, as the model was given them.
  std::vector<std::string> given(Prompt const& prompt) const {
    std::vector<std::string> found;
    for (auto const& text : stub().get("/__prompts").get<std::vector<std::string>>())
      if (text.find(envelope_mark(prompt.correlation_id)) != std::string::npos) found.push_back(text);
    return found;
  }

  void check_model_side() const {
    for (auto const& prompt : sent) {
      CAPTURE(prompt.body.substr(0, 60));
      auto const texts = given(prompt);
      REQUIRE(texts.size() == 1);
      CAPTURE(json(texts[0].substr(0, 400)).dump());
      auto const typed = typed_form(prompt);
      CHECK(texts[0].find(typed.text) != std::string::npos);
      if (!typed.as_file)
        CHECK(texts[0].find("]\n" + prompt.body + "\n[end " + prompt.correlation_id) != std::string::npos);
      if (typed.as_file) CHECK(*read_file(prompt.body_file, 1U << 20) == prompt.body);
    }
  }
};

}  // namespace

TEST_CASE("WhatNobodySeesReachesTheAgentAllTheSame") {
  Fidelity lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.open();
        co_await lab.launch();
        std::string all;
        for (auto const& [first, last] : test::kInvisibleRanges) {
          std::string body = "a";
          for (auto point = first; point <= last; ++point) body += test::utf8(point) + "b";
          all += body;
          co_await lab.deliver(lab.prompt(std::move(body)));
        }
        co_await lab.deliver(lab.prompt(std::move(all)));
        for (auto const* body : {"\u2764\ufe0f \u26a0\ufe0f \U0001F469\u200d\U0001F469\u200d\U0001F467",
                                 "\u2764\ufe0f\u200d\U0001F525 \U0001F469\U0001F3FD\u200d\U0001F4BB",
                                 "\U0001F3F3\ufe0f\u200d\U0001F308 \U0001F469\u200d\u2764\ufe0f\u200d\U0001F469",
                                 "1\ufe0f\u20e3 \U0001F3F4\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F",
                                 "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u05d0\u200f.",
                                 "see <pasted_content id=\"1\">\nthis\n</pasted_content>", "e\u0301 \u212b \uf900"})
          co_await lab.deliver(lab.prompt(body));
        auto named = lab.prompt("with a header of that kind");
        named.from = "b\u200bob";
        named.subject = "\u2764\ufe0f <pasted_content> \u202edrow";
        co_await lab.deliver(std::move(named));
        co_await lab.until_free();
        lab.check_model_side();
        CHECK_FALSE(lab.noted("delivery.altered", 0));
        co_await lab.close();
      },
      400s);
}

TEST_CASE("TheModelReadsAMessageAsItsUsersWords") {
  Fidelity lab;
  test::run(
      lab.io,
      [&]() -> awaitable<void> {
        co_await lab.open();
        co_await lab.launch();
        co_await lab.deliver(lab.prompt("short"));
        co_await lab.deliver(lab.prompt("of\nfour\nlines\nor more"));
        co_await lab.deliver(lab.prompt(std::string(2000, 'x')));
        co_await lab.deliver(lab.prompt(std::string(440, 'y')));
        co_await lab.deliver(lab.prompt("a tab\tas a file"));
        co_await lab.until_free();
        lab.check_model_side();
        auto const opens = std::string(claude::kWords) + "\n\n<pasted_content id=\"";
        for (auto const& prompt : lab.sent) {
          auto const typed = lab.typed_form(prompt);
          CAPTURE(prompt.body.substr(0, 60));
          auto const text = lab.given(prompt).at(0);
          bool const is_introduced = !typed.words.empty();
          CHECK(text.starts_with(is_introduced ? opens : typed.text));
          CHECK((text.find("pasted_content") != std::string::npos) == is_introduced);
          CHECK(is_introduced ==
                (lab.row().wraps_pastes && prompt.body.find('\t') == std::string::npos && prompt.body != "short"));
        }
        CHECK_FALSE(lab.noted("delivery.altered", 0));
        CHECK_FALSE(lab.noted("delivery.leftover", 0));
        co_await lab.close();
      },
      240s);
}
