// Who may say what: the host's rules, without processes.
#include "adapters/acp/host/dialogue.hpp"

#include "adapters/acp/host/record_writer.hpp"
#include "adapters/acp/host/screen.hpp"
#include "adapters/acp/record.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::acp_host;

namespace {

json request(json id, std::string const& method, json params = json::object()) {
  return {{"id", std::move(id)}, {"method", method}, {"params", std::move(params)}};
}

struct Talk {
  Dialogue dialogue;
  Steps daemon(json const& frame) { return dialogue.from_daemon(frame, to_text(frame)); }
  Steps agent(json const& frame) {
    bool keep = false;
    return dialogue.from_agent(frame, keep);
  }
  Talk() {
    daemon(request("n", "session/new"));
    agent({{"id", "n"}, {"result", {{"sessionId", "S"}}}});
  }
};

}  // namespace

TEST_CASE("ASecondPromptIsRefusedByTheHost") {
  Talk talk;
  CHECK(talk.daemon(request("a", "session/prompt")).front().to == Step::To::agent);
  auto const refused = talk.daemon(request("b", "session/prompt"));
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].to == Step::To::daemon);
  CHECK(json::parse(refused[0].text)["error"]["code"] == adapters::acp::kPromptRuns);
  talk.agent({{"id", "a"}, {"result", {{"stopReason", "end_turn"}}}});
  CHECK(talk.daemon(request("c", "session/prompt")).front().to == Step::To::agent);
}

TEST_CASE("ALineIsAPromptWhenItsTurnComes") {
  Dialogue early;
  CHECK(early.from_person("hello").front().to == Step::To::screen);
  early.from_daemon(request("n", "session/new"), "{}");
  bool keep = false;
  auto const sent = early.from_agent({{"id", "n"}, {"result", {{"sessionId", "S"}}}}, keep);
  CHECK(keep);
  REQUIRE(sent.size() == 1);
  CHECK(json::parse(sent[0].text)["params"]["prompt"][0]["text"] == "hello");
  CHECK(early.from_person("  ").empty());
  for (int i = 0; i < 40; ++i) early.from_person("line");
  CHECK(early.from_person("line").front().text == "Too many lines wait for the end of the turn.");
}

TEST_CASE("OneAnswerReachesTheAgent") {
  Talk talk;
  talk.daemon(request("a", "session/prompt"));
  json const options = {{{"optionId", "y"}}, {{"optionId", "n"}}};
  talk.agent(request(7, "session/request_permission", {{"options", options}}));
  CHECK(talk.dialogue.from_person("3").front().to == Step::To::screen);  // no such option: a line for later
  auto const answered = talk.dialogue.from_person("2");
  REQUIRE(answered.size() == 1);
  CHECK(json::parse(answered[0].text)["result"]["outcome"]["optionId"] == "n");
  CHECK(talk.daemon({{"id", 7}, {"result", json::object()}}).empty());
  CHECK(talk.daemon({{"id", "7"}, {"result", json::object()}}).empty());
}

TEST_CASE("ACancelAnswersWhatIsAsked") {
  Talk talk;
  CHECK(talk.dialogue.cancel().empty());
  talk.daemon(request("a", "session/prompt"));
  talk.agent(request(7, "session/request_permission"));
  auto const steps = talk.daemon({{"method", "session/cancel"}, {"params", {{"sessionId", "S"}}}});
  REQUIRE(steps.size() == 2);
  CHECK(json::parse(steps[0].text)["method"] == "session/cancel");
  CHECK(json::parse(steps[1].text)["result"]["outcome"]["outcome"] == "cancelled");
}

TEST_CASE("WhatIsNotOfferedIsRefusedWithoutADaemon") {
  Talk talk;
  auto const steps = talk.agent(request(1, "terminal/create"));
  REQUIRE(steps.size() == 1);
  CHECK(json::parse(steps[0].text)["error"]["code"] == -32601);
}

TEST_CASE("TextForTheTerminalSteersNothing") {
  CHECK(harmless("a\x1b[2J\tb\n\x07") == "a?[2J\tb\n?");
  CHECK(harmless("\xc2\x9b"
                 "31m \xe2\x80\xae \xff") == "?31m ? ?");
  CHECK(harmless("\xc3\xa9 \xf0\x9f\x9a\x80") == "\xc3\xa9 \xf0\x9f\x9a\x80");
}

TEST_CASE("ALargeRecordIsFollowedByAnotherWithWhatEveryReaderMustKnow") {
  test::TempDir dir;
  RecordWriter record(dir.path().string());
  REQUIRE(record.open("x"));
  CHECK(record.name() == "record-1.jsonl");
  record.keep('<', R"({"id":"n","result":{"sessionId":"S"}})");
  auto const large = "\"" + std::string(8U << 20, 'x') + "\"";
  for (int i = 0; i < 9; ++i) REQUIRE(record.frame('<', large));
  record.rotate_if_large("x");
  CHECK(record.name() == "record-2.jsonl");
  REQUIRE(record.frame('>', "{}"));
  std::vector<char> directions;
  std::string session;
  CHECK(adapters::acp::read_record(record.path(), [&](std::string_view text) {
    auto const line = adapters::acp::line_of(text);
    directions.push_back(line.direction);
    if (line.direction == 's') CHECK(line.goes_on);
    if (line.direction == '<') session = text_at(line.frame, {"result", "sessionId"});
  }));
  CHECK(directions == std::vector{'s', '<', '>'});
  CHECK(session == "S");
  CHECK(record.fresh() > record.begin());
}
