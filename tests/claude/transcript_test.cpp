#include "adapters/claude/transcript.hpp"

#include "adapters/claude/live_state.hpp"
#include "adapters/claude/messaging_socket.hpp"
#include "adapters/claude/turn_record.hpp"
#include "adapters/envelope.hpp"
#include "base/paths.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace ar;
using namespace ar::adapters;
using namespace ar::adapters::claude;
using Kind = TranscriptFact::Kind;

namespace {

std::string const kCorrelationId = "0123456789";
std::string envelope(std::string const& correlation_id, std::string const& body = "hello") {
  return envelope_mark(correlation_id) + " · message 7 · from alice · kind chat]\n" + body + "\n[end " +
         correlation_id + "]";
}
std::string line(json const& record) { return record.dump() + "\n"; }
json user(std::string const& text) { return {{"type", "user"}, {"message", {{"role", "user"}, {"content", text}}}}; }
json enqueue(std::string const& text) {
  return {{"type", "queue-operation"}, {"operation", "enqueue"}, {"content", text}};
}

std::vector<TranscriptFact> read_all(std::string const& text, std::size_t step = 1U << 20) {
  TranscriptReader reader;
  std::vector<TranscriptFact> facts;
  for (std::size_t at = 0; at < text.size(); at += step) reader.feed(std::string_view(text).substr(at, step), facts);
  return facts;
}
Ledger ledger_of(std::string const& text) {
  Ledger ledger;
  for (auto const& fact : read_all(text)) ledger.add(fact);
  return ledger;
}

json typed(std::string const& text, std::string const& source = "typed") {
  auto record = user(text);
  record["promptSource"] = source;
  return record;
}
json says(std::string const& text, std::string const& model = "claude-opus") {
  return {
      {"type", "assistant"},
      {"message", {{"model", model}, {"content", {{{"type", "text"}, {"text", text}}}}, {"stop_reason", "end_turn"}}}};
}
json calls_a_tool() {
  return {{"type", "assistant"}, {"message", {{"content", {{{"type", "tool_use"}, {"name", "Bash"}}}}}}};
}
json system_line(std::string const& subtype) { return {{"type", "system"}, {"subtype", subtype}}; }

/// How the turn ended that took kNonce.
std::optional<TurnEnded> end_of(std::vector<json> const& records,
                                std::set<std::string> correlation_ids = {kCorrelationId}) {
  std::string text;
  for (auto const& record : records) text += line(record);
  TurnRecord turn(std::move(correlation_ids));
  for (auto const& fact : read_all(text)) turn.add(fact);
  return turn.end();
}

}  // namespace

TEST_CASE("ARecordWithOurUuidShowsItsMessage") {
  auto record = user("[agent-runner what came otherwise than it was sent");
  record["uuid"] = record_uuid(kCorrelationId);
  CHECK(ledger_of(line(record)).consumed(kCorrelationId));
  record["isSidechain"] = true;
  CHECK_FALSE(ledger_of(line(record)).consumed(kCorrelationId));
  json const attachment = {
      {"type", "queued_command"}, {"prompt", "[agent-runner cut"}, {"source_uuid", record_uuid(kCorrelationId)}};
  CHECK(ledger_of(line({{"type", "attachment"}, {"attachment", attachment}})).consumed(kCorrelationId));
}

TEST_CASE("ATurnsEndIsReadFromTheTranscript") {
  using Outcome = TurnEnded::Outcome;
  auto const prompt = typed(envelope(kCorrelationId));
  auto const over = system_line("turn_duration");
  auto const summary = system_line("stop_hook_summary");

  CHECK_FALSE(end_of({says("of others"), over}).has_value());
  CHECK_FALSE(end_of({prompt}).has_value());
  CHECK_FALSE(end_of({prompt, says("let me see"), calls_a_tool()}).has_value());
  auto end = end_of(
      {typed("before"), says("before"), over, prompt, says("let me see"), calls_a_tool(), says("42"), summary, over});
  REQUIRE(end.has_value());
  CHECK(end->outcome == Outcome::completed);
  CHECK(end->final_text == "42");
  // What follows is another turn's.
  end = end_of({prompt, says("42"), over, typed("a person's"), says("another answer"), over});
  REQUIRE(end.has_value());
  CHECK(end->final_text == "42");
  // A hook that has the model go on; prompts that the CLI had queued and gives in one request.
  CHECK_FALSE(end_of({prompt, says("42"), summary, calls_a_tool()}).has_value());
  end = end_of({prompt, typed(envelope("aaaaaaaaaa"), "queued"), says("both"), over});
  REQUIRE(end.has_value());
  CHECK(end->final_text == "both");
  // Of several messages the latest counts.
  end = end_of({prompt, says("one"), over, typed(envelope("aaaaaaaaaa")), says("two"), over},
               {kCorrelationId, "aaaaaaaaaa"});
  REQUIRE(end.has_value());
  CHECK(end->final_text == "two");
}

TEST_CASE("AFailedAnInterruptedAndACutOffTurnAreToldApart") {
  using Outcome = TurnEnded::Outcome;
  auto const prompt = typed(envelope(kCorrelationId));
  auto const over = system_line("turn_duration");
  auto refused = says("API Error: 429", "<synthetic>");
  refused["isApiErrorMessage"] = true;
  refused["error"] = "rate_limit";
  auto end = end_of({prompt, refused, over});
  REQUIRE(end.has_value());
  CHECK(end->outcome == Outcome::failed);
  CHECK(end->error_kind == "rate_limit");
  CHECK(end->error == "API Error: 429");
  CHECK(end->did_nothing);
  // What the model did before counts for the whole turn, also when another message was given in the middle of it.
  auto const more = envelope("aaaaaaaaaa");
  for (auto const& did : {says("let me see"), calls_a_tool()}) {
    CHECK_FALSE(end_of({prompt, did, refused, over})->did_nothing);
    CHECK_FALSE(
        end_of({prompt, did, typed(more, "queued"), refused, over}, {kCorrelationId, "aaaaaaaaaa"})->did_nothing);
    CHECK(end_of({typed("before"), did, over, prompt, refused, over})->did_nothing);
  }
  refused["error"] = "server_error";
  refused["message"]["content"][0]["text"] = "API Error: 529 stub failure 529. This is a server-side issue";
  CHECK(end_of({prompt, refused, over})->error_kind == "overloaded");
  refused["message"]["content"][0]["text"] =
      "API Error: Connection refused \u2014 a firewall may be blocking it (ECONNREFUSED)";
  CHECK(end_of({prompt, refused, over})->error_kind == "connection_failed");
  refused["message"]["content"][0]["text"] = "API Error: 503 no upstream";
  CHECK(end_of({prompt, refused, over})->error_kind == "server_error");
  refused["error"] = "unknown";
  refused["message"]["content"][0]["text"] = "API Error: 402 {}";
  end = end_of({prompt, refused, over});
  CHECK(end->error_kind == "billing_error");

  end = end_of({prompt, says("half"), user("[Request interrupted by user]")});
  REQUIRE(end.has_value());
  CHECK(end->outcome == Outcome::interrupted);
  CHECK(end->final_text == "half");

  // Killed in the middle, resumed, and given something else: that is not how this one ended.
  CHECK_FALSE(
      end_of({prompt, calls_a_tool(), says("No response requested.", "<synthetic>"), typed("other"), says("no"), over})
          .has_value());
}

TEST_CASE("APromptInAUserRecordIsConsumedHoweverTheBytesArrive") {
  auto const text = line({{"type", "mode"}}) + line(user(envelope(kCorrelationId, "körper\n[end 9999999999]"))) +
                    line({{"type", "x"}});
  for (std::size_t step : {1U, 2U, 7U, 4096U}) {
    auto const facts = read_all(text, step);
    REQUIRE(facts.size() == 1);
    CHECK(facts[0].kind == Kind::consumed);
    CHECK(facts[0].correlation_ids == std::vector<std::string>{kCorrelationId});
    CHECK(facts[0].text.find("körper") != std::string::npos);
  }
}

TEST_CASE("OnlyALineFeedEndsALine") {
  // The CLI writes these as they are.
  auto const body = std::string("a\u2028b\u2029c\u0085d");
  auto const facts = read_all(line(user(envelope(kCorrelationId, body))), 3);
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].text.find(body) != std::string::npos);
}

TEST_CASE("ALineWithoutItsEndIsNotReadYet") {
  auto const whole = line(user(envelope(kCorrelationId)));
  CHECK(read_all(whole.substr(0, whole.size() - 1)).empty());
}

TEST_CASE("AnEnvelopeWithoutItsEndLineIsNoProof") {
  CHECK_FALSE(ledger_of(line(user(envelope_mark(kCorrelationId) + " · message 7]\ncut off"))).consumed(kCorrelationId));
}

TEST_CASE("QueuedIsNotConsumedUntilItIsTakenOut") {
  auto text = line(enqueue(envelope(kCorrelationId)));
  CHECK(ledger_of(text).queued(kCorrelationId));
  CHECK_FALSE(ledger_of(text).consumed(kCorrelationId));

  SUBCASE("by the next turn") {
    text += line({{"type", "queue-operation"}, {"operation", "dequeue"}});
    CHECK_FALSE(ledger_of(text).queued(kCorrelationId));
    CHECK_FALSE(ledger_of(text).consumed(kCorrelationId));
    text += line(user(envelope(kCorrelationId)));
  }
  SUBCASE("while a tool runs") {
    text += line({{"type", "queue-operation"}, {"operation", "remove"}});
    text += line({{"type", "attachment"},
                  {"attachment",
                   {{"type", "queued_command"}, {"prompt", envelope(kCorrelationId)}, {"commandMode", "prompt"}}}});
  }
  CHECK(ledger_of(text).consumed(kCorrelationId));
  CHECK_FALSE(ledger_of(text).queued(kCorrelationId));
}

TEST_CASE("APersonsQueuedPromptsKeepTheOrderOfTheQueue") {
  auto const text = line(enqueue("a person's")) + line(enqueue(envelope(kCorrelationId))) +
                    line({{"type", "queue-operation"}, {"operation", "dequeue"}});
  CHECK(ledger_of(text).queued(kCorrelationId));
  auto const popped =
      text + line({{"type", "queue-operation"}, {"operation", "popAll"}, {"content", envelope(kCorrelationId)}});
  CHECK_FALSE(ledger_of(popped).queued(kCorrelationId));
}

TEST_CASE("WhatOnlyQuotesAnEnvelopeIsNoProof") {
  auto summary = user(envelope(kCorrelationId));
  summary["isCompactSummary"] = true;
  auto sidechain = user(envelope(kCorrelationId));
  sidechain["isSidechain"] = true;
  json const result{
      {"type", "user"},
      {"message", {{"role", "user"}, {"content", {{{"type", "tool_result"}, {"content", envelope(kCorrelationId)}}}}}}};
  json const said{{"type", "assistant"},
                  {"message", {{"content", {{{"type", "text"}, {"text", envelope(kCorrelationId)}}}}}}};
  CHECK_FALSE(ledger_of(line(summary) + line(sidechain) + line(result) + line(said)).consumed(kCorrelationId));
}

TEST_CASE("TextBlocksAreReadOneByOne") {
  json const blocks{{"type", "user"},
                    {"message",
                     {{"content",
                       {{{"type", "text"}, {"text", envelope("aaaaaaaaaa")}},
                        {{"type", "text"}, {"text", envelope("bbbbbbbbbb")}}}}}}};
  auto const ledger = ledger_of(line(blocks));
  CHECK(ledger.consumed("aaaaaaaaaa"));
  CHECK(ledger.consumed("bbbbbbbbbb"));
}

TEST_CASE("JunkIsSkippedAndCounted") {
  TranscriptReader reader;
  std::vector<TranscriptFact> facts;
  std::string text = "garbage\n{\"type\":\"assistant\", broken}\n\n{\"a\":1}\n[]\n";
  text += "{\"type\":\"user\",\"message\":5,\"x\":\"[agent-runner 0123456789\"}\n";
  text += "{\"type\":\"queue-operation\",\"operation\":7}\n" + line(user(envelope(kCorrelationId)));
  reader.feed(text, facts);
  CHECK(reader.junk() == 3);
  CHECK(reader.lines() == 8);
  CHECK(facts.back().kind == Kind::consumed);
}

TEST_CASE("ALineThatCannotBeHeldIsJunkAndThoseBehindItAreRead") {
  auto const deep = "{\"type\":\"assistant\",\"x\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}\n";
  auto const huge = R"({"type":"assistant","message":{"usage":1e400}})"
                    "\n";
  for (auto const& bad : {deep, std::string(huge)}) {
    TranscriptReader reader;
    std::vector<TranscriptFact> facts;
    reader.feed(bad + line(user(envelope(kCorrelationId))), facts);
    CHECK(reader.junk() == 1);
    REQUIRE(facts.size() == 1);
    CHECK(facts.front().kind == Kind::consumed);
  }
}

TEST_CASE("ARecordOfOtherTypesSaysNothingAndHurtsNobody") {
  for (auto const* strange :
       {R"({"type":"assistant","message":{"content":7,"usage":"x","model":[]}})",
        R"({"type":"assistant","message":[]})",
        R"({"type":"user","promptSource":"typed","message":{"content":[7,[],{"type":"text","text":{}}]}})",
        R"({"type":"attachment","attachment":7,"x":"\"type\":\"assistant\""})",
        R"({"type":"attachment","attachment":{"type":"queued_command","prompt":{}},"x":"[agent-runner "})",
        R"({"type":["assistant"],"x":"\"turn_duration\""})",
        R"({"type":"system","subtype":7,"y":"stop_hook_summary"})"})
    for (auto const& fact : read_all(std::string(strange) + "\n")) CHECK(fact.correlation_ids.empty());
}

TEST_CASE("ALineTooLongIsSkippedWithoutKeepingIt") {
  TranscriptReader reader;
  std::vector<TranscriptFact> facts;
  std::string const chunk(1U << 20, 'x');
  for (int i = 0; i < 70; ++i) reader.feed(chunk, facts);
  reader.feed("\n" + line(user(envelope(kCorrelationId))), facts);
  CHECK(reader.junk() == 1);
  CHECK(facts.size() == 1);
}

TEST_CASE("InterruptsTextsAndTheTurnsEndAreTold") {
  auto const facts = read_all(
      line({{"type", "assistant"},
            {"message", {{"content", {{{"type", "text"}, {"text", "PONG"}}}}, {"usage", {{"input_tokens", 5}}}}}}) +
      line({{"type", "user"},
            {"message", {{"content", {{{"type", "text"}, {"text", "[Request interrupted by user]"}}}}}}}) +
      line({{"type", "system"}, {"subtype", "turn_duration"}, {"durationMs", 3}}));
  REQUIRE(facts.size() == 3);
  CHECK(facts[0].text == "PONG");
  CHECK(facts[0].usage["input_tokens"] == 5);
  CHECK(facts[1].kind == Kind::interrupted);
  CHECK(facts[2].kind == Kind::turn_ended);
}

TEST_CASE("AFileIsFollowedFromWhereItWas") {
  test::TempDir dir;
  auto const path = dir.path() / "s.jsonl";
  TranscriptFile file(path);
  std::vector<TranscriptFact> facts;
  CHECK_FALSE(file.read(facts));  // not there yet
  std::ofstream(path) << line(user(envelope("aaaaaaaaaa"))) << "{\"type\":\"user\",";
  CHECK_FALSE(file.read(facts));
  CHECK(facts.size() == 1);
  std::ofstream(path, std::ios::app) << "\"message\":{\"content\":\""
                                     << "[agent-runner bbbbbbbbbb]\\n[end bbbbbbbbbb]"
                                     << "\"}}\n";
  file.read(facts);
  REQUIRE(facts.size() == 2);
  CHECK(facts[1].correlation_ids == std::vector<std::string>{"bbbbbbbbbb"});
  std::ofstream(path) << line(user(envelope("cccccccccc")));  // replaced by a shorter one
  file.read(facts);
  CHECK(facts.back().correlation_ids == std::vector<std::string>{"cccccccccc"});
}

TEST_CASE("TheLiveStateIsReadAndAHalfWrittenOneIgnored") {
  auto const state = parse_live_state(
      R"({"pid":5,"sessionId":"96172caf","version":"2.1.197","status":"waiting","waitingFor":"permission prompt","new":[]})");
  REQUIRE(state.has_value());
  CHECK(state->waiting());
  CHECK(state->waiting_for == "permission prompt");
  CHECK(state->session_id == "96172caf");
  CHECK(state->version == "2.1.197");
  CHECK(parse_live_state(R"({"status":"busy"})")->busy());
  CHECK(parse_live_state(R"({"status":"shell"})")->at_rest());
  CHECK_FALSE(parse_live_state(R"({"status":"unheard of"})")->at_rest());
  for (auto const* broken : {"", "{", R"({"status":)", "[]", R"({"status":7})", "{}", R"({"status":"idle","x":1e400})"})
    CHECK_FALSE(parse_live_state(broken).has_value());
  CHECK_FALSE(parse_live_state("{\"status\":\"idle\",\"x\":" + std::string(100'000, '[')).has_value());
}

TEST_CASE("TheTranscriptsPlaceIsTheOneTheCliComputes") {
  // Expected values computed with the CLI's own function.
  CHECK(transcript_file("/c", "/srv/pr\u00f6j.x/\u65e5\u672c/a_b/\U0001F600", "s") ==
        "/c/projects/-srv-pr-j-x----a-b---/s.jsonl");
  std::string path = "/";
  for (int i = 0; i < 25; ++i) path += "abcdefghi/";
  std::string expected;
  while (expected.size() < 200) expected += "-abcdefghi";
  CHECK(transcript_file("/c", path + "\u00fc\U0001F600", "s") == "/c/projects/" + expected + "-td3t2u/s.jsonl");
}

TEST_CASE("TheConfigFolderFollowsTheEnvironment") {
  CHECK(config_dir({{"HOME", "/h"}}) == "/h/.claude");
  CHECK(config_dir({{"HOME", "/h"}, {"CLAUDE_CONFIG_DIR", "/c"}}) == "/c");
}
