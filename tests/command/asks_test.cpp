// What a program asks people by its hook, and how each question ends.
#include "adapters/command/asks.hpp"

#include "base/overloaded.hpp"
#include "support/run.hpp"

using namespace ar;
using namespace ar::test;
using namespace ar::adapters;
using adapters::command::Asks;

namespace {

/// One hook that waits: what it was answered, once it was.
struct Hook {
  std::optional<Result<json>> answered{};
};

struct Scene {
  net::io_context io{1};
  std::string told{};  ///< what was told of, in its order
  ApprovalRequest request{};
  Asks asks{io.get_executor(), [this](ProviderEvent const& event) {
              std::visit(Overloaded{[&](Asked const& asked) {
                                      told += "asked ";
                                      request = asked.request;
                                    },
                                    [&](AskEnded const& ended) { told += ended.answered ? "answered " : "left "; },
                                    [&](WaitingForPerson const&) { told += "waits "; },
                                    [&](WaitingOver const&) { told += "over "; }, [&](auto const&) { told += "? "; }},
                         event);
            }};

  void ask(Hook& question, std::string call, json payload) {
    auto ask = [](Asks& asks, Hook& of, std::string name, json what) -> awaitable<void> {
      of.answered = co_await asks.ask(std::move(name), std::move(what));
    };
    net::co_spawn(io, ask(asks, question, std::move(call), std::move(payload)), [](std::exception_ptr) {});
    go_on();
  }
  void go_on() {
    io.restart();
    io.poll();
  }
};

json const kBash = {{"tool_name", "Bash"}, {"tool_input", {{"command", "touch x"}}}};

}  // namespace

TEST_CASE("AnAskedPersonsAnswerIsTheHooksAnswer") {
  Scene scene;
  Hook first, second;
  scene.ask(first, "1", kBash);
  CHECK(scene.told == "asked waits ");
  CHECK(scene.request.key == "1");
  CHECK(scene.request.tool == "Bash");
  CHECK(scene.request.summary == "Bash: touch x");
  CHECK(scene.request.input == kBash["tool_input"]);
  scene.ask(second, "2", {{"tool_name", "Custom"}});
  CHECK(scene.request.summary == "Custom");
  scene.asks.answer("1", {Decision::approve, "", {}});
  scene.go_on();
  REQUIRE(first.answered.has_value());
  CHECK(first.answered->value() == json{{"decision", "approve"}});
  CHECK_FALSE(second.answered.has_value());
  CHECK(scene.told == "asked waits asked waits ");  // it waits still
  scene.asks.answer("2", {Decision::deny, "not on a Friday", {}});
  scene.asks.answer("2", {Decision::approve, "", {}});  // the first one counts
  scene.go_on();
  CHECK(second.answered->value() == json{{"decision", "deny"}, {"reason", "not on a Friday"}});
  CHECK(scene.told == "asked waits asked waits over ");
}

TEST_CASE("AQuestionThatNobodyAnswersEndsWithoutADecision") {
  Scene scene;
  Hook question;
  SUBCASE("its hook has gone") {
    scene.ask(question, "1", kBash);
    scene.asks.left("1");
    scene.go_on();
    CHECK(scene.told == "asked waits left over ");
  }
  SUBCASE("it stays with the person at the terminal") {
    scene.ask(question, "1", kBash);
    scene.asks.answer("1", {});
    scene.go_on();
    CHECK(scene.told == "asked waits over ");
  }
  SUBCASE("the session ends") {
    scene.ask(question, "1", kBash);
    scene.asks.end();
    scene.go_on();
    CHECK(scene.told == "asked waits ");
  }
  SUBCASE("it comes again, over another connection") {
    Hook again;
    scene.ask(question, "1", kBash);
    scene.ask(again, "1", kBash);
    CHECK_FALSE(again.answered.has_value());
    scene.asks.answer("1", {Decision::approve, "", {}});
    scene.go_on();
    CHECK(again.answered->value() == json{{"decision", "approve"}});
  }
  REQUIRE(question.answered.has_value());
  CHECK(question.answered->value() == json::object());
}

TEST_CASE("AQuestionAboutNoToolIsRefused") {
  Scene scene;
  Hook question;
  scene.ask(question, "1", json::object());
  REQUIRE(question.answered.has_value());
  CHECK(question.answered->error().field == "tool_name");
  CHECK(scene.told.empty());
}
