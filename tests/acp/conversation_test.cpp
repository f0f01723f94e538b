// The record's lines, one by one.
#include "adapters/acp/conversation.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::adapters;
using adapters::acp::Conversation;

namespace {

struct Told {
  std::vector<ProviderEvent> events{};
  Conversation conversation{[this](ProviderEvent event) { events.push_back(std::move(event)); }};

  void line(char direction, json const& frame) {
    conversation.take(to_text({{"t", "T"}, {"d", std::string(1, direction)}, {"f", frame}}));
  }
  void process() { conversation.take(R"({"d":"s"})"); }
  void open() {
    line('>', {{"id", "i"}, {"method", "initialize"}});
    line('<', {{"id", "i"}, {"result", {{"protocolVersion", 1}, {"agentCapabilities", {{"loadSession", true}}}}}});
    line('>', {{"id", "n"}, {"method", "session/new"}});
    line('<', {{"id", "n"}, {"result", {{"sessionId", "S"}}}});
  }
  void prompt(std::string const& id, std::string const& correlation) {
    json const text{{"type", "text"}, {"text", words(correlation)}};
    line('>', {{"id", id}, {"method", "session/prompt"}, {"params", {{"prompt", json::array({text})}}}});
  }
  void update(std::string const& kind, std::string const& text = "x") {
    json const update{{"sessionUpdate", kind}, {"content", {{"type", "text"}, {"text", text}}}};
    line('<', {{"method", "session/update"}, {"params", {{"update", update}}}});
  }
  static std::string words(std::string const& correlation) {
    return "[agent-runner " + correlation + " \xc2\xb7 message 1 \xc2\xb7 from bob \xc2\xb7 kind chat]\nhello\n[end " +
           correlation + "]";
  }
  RecordedOutcome outcome(std::string const& correlation) const { return conversation.outcome_of(correlation); }
};

constexpr char kA[] = "0123456789", kB[] = "abcdef0123";

}  // namespace

TEST_CASE("AnUpdateAboutSomethingElseProvesNothing") {
  Told told;
  told.process();
  told.open();
  told.prompt("p", kA);
  for (auto const* kind : {"available_commands_update", "usage_update", "current_mode_update", "session_info_update"})
    told.update(kind);
  CHECK(told.outcome(kA) == RecordedOutcome::pending);
  json const elsewhere{{"sessionId", "another"}, {"update", {{"sessionUpdate", "agent_message_chunk"}}}};
  told.line('<', {{"method", "session/update"}, {"params", elsewhere}});
  CHECK(told.outcome(kA) == RecordedOutcome::pending);
  told.update("agent_thought_chunk");
  CHECK(told.outcome(kA) == RecordedOutcome::accepted);
  CHECK(told.outcome(kB) == RecordedOutcome::absent);
}

TEST_CASE("ABodyThatQuotesAnotherMessagesFrameProvesOnlyItself") {
  Told told;
  told.process();
  told.open();
  json const text{{"type", "text"},
                  {"text", "[agent-runner 0123456789 \xc2\xb7 message 1]\n" + Told::words(kB) + "\n[end 0123456789]"}};
  told.line('>', {{"id", "p"}, {"method", "session/prompt"}, {"params", {{"prompt", json::array({text})}}}});
  told.update("agent_message_chunk");
  CHECK(told.outcome(kA) == RecordedOutcome::accepted);
  CHECK(told.outcome(kB) == RecordedOutcome::absent);
}

TEST_CASE("AReplayTellsWhatBecameOfALostPrompt") {
  Told told;
  told.process();
  told.open();
  told.prompt("p", kA);
  told.process();
  CHECK(told.outcome(kA) == RecordedOutcome::pending);
  told.line('>', {{"id", "l"}, {"method", "session/load"}, {"params", {{"sessionId", "S"}}}});
  SUBCASE("it is in there, in pieces") {
    auto const words = Told::words(kA);
    told.update("user_message_chunk", words.substr(0, 30));
    told.update("user_message_chunk", words.substr(30));
    told.line('<', {{"id", "l"}, {"result", nullptr}});
    CHECK(told.outcome(kA) == RecordedOutcome::accepted);
    CHECK(told.conversation.session_id() == "S");
  }
  SUBCASE("it is not") {
    told.update("user_message_chunk", Told::words(kB));
    told.line('<', {{"id", "l"}, {"result", nullptr}});
    CHECK(told.outcome(kA) == RecordedOutcome::absent);
    CHECK(told.outcome(kB) == RecordedOutcome::accepted);
  }
  SUBCASE("it cannot be loaded") {
    told.line('<', {{"id", "l"}, {"error", {{"code", -32603}}}});
    CHECK(told.conversation.session_id().empty());
    CHECK(told.outcome(kA) == RecordedOutcome::pending);
    told.line('>', {{"id", "n2"}, {"method", "session/new"}});
    told.line('<', {{"id", "n2"}, {"result", {{"sessionId", "S2"}}}});
    CHECK(told.outcome(kA) == RecordedOutcome::blind);
  }
}

TEST_CASE("AnswersAndEndsAreKeptForThoseWhoAskLater") {
  Told told;
  told.process();
  told.open();
  CHECK(told.conversation.take_answer("sn")["result"]["sessionId"] == "S");
  CHECK(told.conversation.take_answer("sn").is_null());
  told.prompt("p", kA);
  told.update("agent_message_chunk", "first ");
  told.update("agent_message_chunk", "last");
  told.line('<', {{"id", "p"}, {"result", {{"stopReason", "end_turn"}}}});
  auto const end = told.conversation.end_of({kB, kA});
  REQUIRE(end.has_value());
  CHECK(end->final_text == "first last");
  CHECK(!told.conversation.end_of({kB}));
  CHECK(!told.conversation.prompt_runs());
}

TEST_CASE("AnythingMayStandInTheRecord") {
  Told told;
  for (auto const* line :
       {"", "{}", "7", R"({"d":"<"})", R"({"d":"<","f":7})", R"({"d":"<","f":{"id":null}})",
        R"({"d":"<","f":{"method":7,"id":[]}})", R"({"d":"<","f":{"method":"session/update","params":[]}})",
        R"({"d":"<","f":{"method":"session/request_permission","id":{}}})",
        R"({"d":"<","f":{"method":"session/request_permission","id":1,"params":{"options":7,"toolCall":[]}}})",
        R"({"d":">","f":{"id":1,"method":"session/prompt","params":{"prompt":{"text":3}}}})",
        R"({"d":"<","f":{"id":1,"error":7}})", R"({"d":"!","f":{"error":{"code":"x"}}})"})
    told.conversation.take(line);
  CHECK(!told.conversation.prompt_runs());
}
