#include "daemon/agent/approval.hpp"

#include "base/unicode.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::daemon;
using adapters::ApprovalRequest;
using adapters::Decision;

namespace {

ApprovalRequest permission() {
  ApprovalRequest request;
  request.key = "k";
  request.tool = "Bash";
  request.summary = "Bash: touch x";
  request.input = {{"command", "touch x"}};
  request.choices = {Decision::approve, Decision::deny, Decision::abort};
  return request;
}

ApprovalRequest question() {
  ApprovalRequest request;
  request.key = "k";
  request.kind = ApprovalRequest::Kind::question;
  request.tool = "AskUserQuestion";
  request.summary = "Which color?";
  request.choices = {Decision::answer, Decision::deny, Decision::abort};
  request.questions = {{"1", "Color", "Which color?", {{"Blue", "b"}, {"Red", "r"}}, false, true, false},
                       {"2", "Size", "Which sizes?", {{"S"}, {"L"}}, true, false, false}};
  return request;
}

std::string error_of(json const& body, ApprovalRequest const& request) {
  auto const answer = answer_from(body, request);
  return answer ? "" : answer.error().code + " " + answer.error().field;
}

}  // namespace

TEST_CASE("ADecisionIsReadWithItsReason") {
  auto const denied = answer_from({{"decision", "deny"}, {"reason", "not now"}}, permission());
  REQUIRE(denied.has_value());
  CHECK(denied->decision == Decision::deny);
  CHECK(denied->reason == "not now");
  CHECK(status_after(*denied->decision) == ApprovalStatus::denied);
}

TEST_CASE("DecisionsThatMakeNoSenseAreRefusedByName") {
  CHECK(error_of(json::object(), permission()) == "invalid_argument decision");
  CHECK(error_of({{"decision", "maybe"}}, permission()) == "invalid_argument decision");
  CHECK(error_of({{"decision", 5}}, permission()) == "invalid_argument decision");
  CHECK(error_of({{"decision", "approve"}, {"why", "x"}}, permission()) == "invalid_argument why");
  CHECK(error_of({{"decision", "approve"}, {"answer", "x"}}, permission()) == "invalid_argument answers");
  CHECK(error_of({{"decision", "deny"}, {"reason", std::string(20'000, 'x')}}, permission()) ==
        "invalid_argument reason");
  CHECK(error_of({{"decision", "approve-session"}}, permission()) == "wrong_decision ");
  CHECK(error_of({{"decision", "answer"}, {"answer", "x"}}, permission()) == "wrong_decision ");
  CHECK(error_of({{"decision", "approve"}}, question()) == "wrong_decision ");
  CHECK(error_of(json::array(), permission()) == "invalid_argument ");
}

TEST_CASE("AQuestionTakesOneAnswerForEachOfItsParts") {
  auto const list = answer_from({{"decision", "answer"}, {"answers", {"blue", "S, L"}}}, question());
  REQUIRE(list.has_value());
  CHECK(list->answers == std::vector<std::vector<std::string>>{{"Blue"}, {"S", "L"}});
  auto const by_id = answer_from(
      {{"decision", "answer"}, {"answers", {{"2", json::array({"l"})}, {"1", "Mauve, my own"}}}}, question());
  REQUIRE(by_id.has_value());
  CHECK(by_id->answers == std::vector<std::vector<std::string>>{{"Mauve, my own"}, {"L"}});
  auto one = question();
  one.questions.pop_back();
  CHECK(answer_from({{"decision", "answer"}, {"answer", "Red"}}, one)->answers[0][0] == "Red");

  CHECK(error_of({{"decision", "answer"}}, question()) == "invalid_argument answer");
  CHECK(error_of({{"decision", "answer"}, {"answer", "Blue"}}, question()) == "invalid_argument answers");
  CHECK(error_of({{"decision", "answer"}, {"answers", {"Blue", "XXL"}}}, question()) == "invalid_argument answers");
  CHECK(error_of({{"decision", "answer"}, {"answers", {"", "S"}}}, question()) == "invalid_argument answers");
  CHECK(error_of({{"decision", "answer"}, {"answers", {{"3", "x"}}}}, question()) == "invalid_argument answers");
  CHECK(error_of({{"decision", "answer"}, {"answers", {json::array({"Blue", "Red"}), "S"}}}, question()) ==
        "invalid_argument answers");
  CHECK(error_of({{"decision", "answer"}, {"answers", 5}}, question()) == "invalid_argument answers");
}

TEST_CASE("ARecordSurvivesTheJournal") {
  Approval approval;
  approval.id = 7;
  approval.agent = "a";
  approval.provider_session = "p";
  approval.request = question();
  approval.created_at = from_millis(1'700'000'000'123);
  approval.deadline = from_millis(1'700'000'060'000);
  approval.ended_at = from_millis(1'700'000'001'000);
  approval.status = ApprovalStatus::answered;
  approval.decider = {"http", "operator"};
  approval.answer = {Decision::answer, "", {{"Blue"}, {"S", "L"}}};
  auto const back = approval_from_journal(json::parse(to_text(to_journal(approval))));
  CHECK(to_journal(back) == to_journal(approval));
  CHECK(back.answer.answers == approval.answer.answers);
  CHECK(back.request.key == "k");
  CHECK(outcome_text(back).find("was answered over http by operator") != std::string::npos);
}

TEST_CASE("ASecretAnswerIsKeptNowhere") {
  Approval approval;
  approval.request = question();
  approval.request.questions.pop_back();
  approval.request.questions[0].secret = true;
  approval.status = ApprovalStatus::answered;
  approval.answer = {Decision::answer, "", {{"hunter2"}}};
  CHECK(to_text(to_json(approval)).find("hunter2") == std::string::npos);
  CHECK(to_text(to_journal(approval)).find("hunter2") == std::string::npos);
  // It cannot be given to the provider again: the question stays with the person at the terminal.
  CHECK(!approval_from_journal(to_journal(approval)).answer.decision);
}

TEST_CASE("HugeInputsAreCut") {
  json const small = {{"command", "x"}};
  CHECK(adapters::bounded(small) == small);
  json const text = {{"content", std::string(1 << 20, 'x')}, {"path", "/p"}};
  auto const cut = adapters::bounded(text);
  CHECK(to_text(cut).size() < 5000);
  CHECK(cut["path"] == "/p");
  json many = json::array();
  for (int i = 0; i < 100'000; ++i) many.push_back("word");
  CHECK(to_text(adapters::bounded(many)).size() < 70'000);
  CHECK(is_utf8(adapters::one_line(std::string(119, 'x') + "\xc3\xa4\xc3\xa4")));
  CHECK(adapters::one_line("a\nb") == "a...");
}
