// What frames say.
#include "adapters/acp/protocol.hpp"

#include "adapters/acp/options.hpp"
#include "adapters/acp/transcript_rows.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::adapters;

TEST_CASE("KindsOfErrorsAreReadFromCodesAndWords") {
  auto const kind = [](int code, std::string const& message, json data = nullptr) {
    json error{{"code", code}, {"message", message}};
    if (!data.is_null()) error["data"] = std::move(data);
    return acp::error_kind(error);
  };
  CHECK(kind(-32000, "Authentication required") == "authentication_failed");
  CHECK(kind(429, "Resource has been exhausted") == "rate_limit");
  CHECK(kind(-32603, "Internal error", {{"details", "429 Too Many Requests"}}) == "rate_limit");
  CHECK(kind(-32603, "You exceeded your current quota") == "usage_limit");
  CHECK(kind(-32603, "got status: 503 Service Unavailable") == "overloaded");
  CHECK(kind(-32603, "[API Error: 500 broken]") == "server_error");
  CHECK(kind(-32603, "fetch failed: ECONNREFUSED 127.0.0.1:1") == "connection_failed");
  CHECK(kind(-32603, "something else about 4290 files") == "unknown");
}

TEST_CASE("AnAnswerBecomesTheOptionThatFits") {
  json const params{{"options",
                     {{{"optionId", "a"}, {"name", "A"}, {"kind", "allow_always"}},
                      {{"optionId", "r"}, {"name", "R"}, {"kind", "reject_once"}}}}};
  CHECK(acp::outcome_for(params, Decision::approve)["outcome"]["optionId"] == "a");
  CHECK(acp::outcome_for(params, Decision::deny)["outcome"]["optionId"] == "r");
  CHECK(acp::outcome_for(params, Decision::abort)["outcome"]["outcome"] == "cancelled");
  CHECK(acp::outcome_for(json::object(), Decision::approve)["outcome"]["outcome"] == "cancelled");
  auto const request = acp::approval_of("k", json::object());
  CHECK(request.choices == std::vector{Decision::abort});
}

TEST_CASE("FiguresThatAreNoneAreLeftOut") {
  CHECK(!acp::context_use({{"used", 1}, {"size", 0}}));
  CHECK(!acp::context_use({{"used", "1"}, {"size", 10}}));
  auto const use = acp::context_use({{"used", 5}, {"size", 10}, {"cost", {{"amount", 0.5}, {"currency", "USD"}}}});
  REQUIRE(use.has_value());
  CHECK(use->utilization == doctest::Approx(0.5));
  CHECK(use->cost_usd == 0.5);
}

TEST_CASE("ARowOfTheTableIsOverriddenByTheConfiguration") {
  auto const plain = acp::read_options("gemini", json::object());
  REQUIRE(plain.has_value());
  CHECK(plain->command == std::vector<std::string>{"gemini", "--acp"});
  CHECK(!plain->loads);
  auto const own =
      acp::read_options("gemini", {{"command", {"/opt/gemini", "--acp"}}, {"auth_method", "gemini-api-key"}});
  REQUIRE(own.has_value());
  CHECK(own->command.front() == "/opt/gemini");
  auto const wrong = acp::read_options("mine", {{"comand", {"mine"}}});
  REQUIRE(!wrong.has_value());
  CHECK(wrong.error().message.find("comand") != std::string::npos);
}

TEST_CASE("TheRecordIsATranscript") {
  std::vector<TranscriptRow> rows;
  for (
      auto const* line :
      {R"({"t":"T","d":">","f":{"method":"session/prompt","params":{"prompt":[{"type":"text","text":"hi"}]}}})",
       R"({"t":"T","d":"<","f":{"method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"yes"}}}}})",
       R"({"t":"T","d":"<","f":{"method":"session/update","params":{"update":{"sessionUpdate":"tool_call","toolCallId":"c","title":"ls","rawInput":{"command":"ls"}}}}})",
       R"({"t":"T","d":"<","f":{"method":"session/update","params":{"update":{"sessionUpdate":"tool_call_update","toolCallId":"c","status":"failed","content":[{"type":"content","content":{"type":"text","text":"no"}}]}}}})",
       R"({"t":"T","d":"s","agent":"x"})", R"("session/update")", "",
       R"({"d":"<","f":{"method":"session/update","params":7}})"})
    acp::transcript_rows(line, rows);
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].role == "user");
  CHECK(rows[0].text == "hi");
  CHECK(rows[1].text == "yes");
  CHECK(rows[2].tool["input"]["command"] == "ls");
  CHECK(rows[3].text == "no");
  CHECK(rows[3].tool["isError"] == true);
}
