// Searching what was said: whose words are found by whom, as they come and go; its bounds; and the index, made again.
#include "daemon/api/search_api.hpp"
#include "daemon/search/search_words.hpp"
#include "daemon/store/tables/turn_table.hpp"
#include "world.hpp"

#include <fstream>

using namespace ar;
using namespace ar::test;
using control::SearchRequest;

namespace {

Principal const kPerson{Principal::Kind::operator_};

/// The world with an agent that keeps a transcript, and the index beside it.
struct Search {
  explicit Search(bool spawned = true) {
    world.script.transcript = (world.dir() / "record.jsonl").string();
    if (spawned) world.spawn();
    begin();
  }
  ~Search() { end(); }
  void begin() {
    access.emplace(world.supervisor(), world.services().lineage, world.services().removed,
                   world.dir() / "operator-token");
    access->open();
    index.emplace(world.dir() / "search.db");
    indexer.emplace(world.services(), world.supervisor(), *index);
    indexer->start();
    api.emplace(world.services(), world.supervisor(), *access, *indexer, *index);
  }
  void end() {
    if (indexer) world.await(indexer->stop());
    api.reset();
    indexer.reset();
    index.reset();
    access.reset();
  }
  void restart() {
    end();
    world.crash();
    world.start();
    world.until_state("idle");
    begin();
  }

  void say(std::string const& text, WallTime at, std::string const& role = "assistant") {
    std::ofstream(world.script.transcript, std::ios::app)
        << json{{"time", to_iso8601(at)}, {"role", role}, {"text", text}}.dump() << "\n";
  }
  void say(std::string const& text) { say(text, wall_now()); }
  std::int64_t send(std::string const& from, std::string const& to, std::string const& body) {
    NewMessage message;
    message.from = from;
    message.to = to;
    message.body = body;
    return world.await(world.bus->send(message))->message.id;
  }

  Result<json> ask(std::string words, Principal who = kPerson) {
    SearchRequest request;
    request.words = std::move(words);
    return ask(std::move(request), std::move(who));
  }
  Result<json> ask(SearchRequest request, Principal who = kPerson) {
    return world.ask(api->search(std::move(who), std::move(request)));
  }
  /// The snippets.
  std::vector<std::string> found(std::string words, Principal who = kPerson) {
    auto const answer = ask(std::move(words), std::move(who));
    REQUIRE_MESSAGE(answer.has_value(), answer.error().message);
    std::vector<std::string> snippets;
    for (auto const& one : (*answer)["results"]) snippets.push_back(one["snippet"]);
    return snippets;
  }
  std::string refused(std::string words) {
    auto const answer = ask(std::move(words));
    return answer ? "" : answer.error().field + ": " + answer.error().message;
  }

  World world;
  std::optional<daemon::Access> access;
  std::optional<daemon::SearchIndex> index;
  std::optional<daemon::Indexer> indexer;
  std::optional<daemon::SearchApi> api;
};

using Snippets = std::vector<std::string>;

}  // namespace

TEST_CASE("WordsArePhrasesOfTheIndexWhateverStandsInThem") {
  CHECK(*match_expression("one two") == R"("one" "two")");
  CHECK(*match_expression("  fail*\t\"a b\"c ") == R"("fail"* "a b" "c")");
  CHECK(*match_expression("\"a b\"* x") == R"("a b"* "x")");
  CHECK(*match_expression("NEAR(a b) OR -c ^d text:e 'f'") == R"x("NEAR(a" "b)" "OR" "-c" "^d" "text:e" "'f'")x");
  for (auto const* wrong : {"", "   ", "\"", "a \"b c", "--", "a * b", "\"\"", "\"...\"", "a +"})
    CHECK_MESSAGE(match_expression(wrong).has_error(), wrong);
  CHECK(match_expression(std::string(1001, 'a')).has_error());
  CHECK(match_expression("\xff").has_error());
  std::string many;
  for (int i = 0; i < 33; ++i) many += "a ";
  CHECK(match_expression(many).has_error());
}

TEST_CASE("NoQueryIsAnError") {
  Search search;
  search.say("a sentence with NEAR, OR and text in it");
  for (std::string const words :
       {"NEAR(a", "a AND b",           "a OR", "NOT a",  "text:a",    "^a", "a{b",        "a+b",  "(a",  "a)",
        "a-b",    "a;DROP TABLE rows", "a'b",  "a\"b\"", "\"a b\"*c", "…",  "a \u2028 b", "a\\b", "%a_", "*a"})
    CHECK_MESSAGE(search.ask(words).has_value(), words);
  CHECK(search.found(std::string("sentence\0with", 13)).size() == 1);
  CHECK(search.found("text:near or").empty());
  CHECK(search.found("near or text").size() == 1);
  CHECK(search.refused("a \"b").starts_with("q: the phrase \"b has no quote"));
  CHECK(search.refused(" - ").find("no letter or digit") != std::string::npos);
}

TEST_CASE("WhatIsInATranscriptIsFoundWithItsPlace") {
  Search search;
  auto const start = wall_now();
  search.say("Please fix the parser of URLs", start, "user");
  search.say("The Parser drops a résumé's last line", start + 1s);
  auto const answer = search.ask("parser");
  REQUIRE(answer.has_value());
  auto const& results = (*answer)["results"];
  REQUIRE(results.size() == 2);
  CHECK(results[0]["snippet"] == "The ⟦Parser⟧ drops a résumé's last line");
  CHECK(results[1]["snippet"] == "Please fix the ⟦parser⟧ of URLs");
  CHECK(results[1]["kind"] == "transcript");
  CHECK(results[1]["agent"] == "a");
  CHECK(results[1]["session"] == "a");
  CHECK(results[1]["conversation"] == "session");
  CHECK(results[1]["role"] == "user");
  CHECK(results[1]["time"] == to_iso8601(start));
  CHECK(results[1]["seq"] == 0);
  CHECK(results[0]["seq"] > 0);
  CHECK(results[0]["turn"].is_null());
  CHECK(search.found("resume*") == Snippets{"The Parser drops a ⟦résumé⟧'s last line"});
  CHECK(search.found("\"the parser\"").size() == 2);
  CHECK(search.found("\"parser the\"").empty());
  CHECK(search.found("parser drops urls").empty());
  // What comes later is added, and only that.
  search.say("the parser works", start + 2s);
  CHECK(search.found("parser").size() == 3);
  CHECK(search.found("parser").front() == "the ⟦parser⟧ works");
}

TEST_CASE("ALineThatIsBeingWrittenIsFoundOnceItIsWhole") {
  Search search;
  auto const line = json{{"time", ""}, {"role", "user"}, {"text", "halfway"}}.dump();
  std::ofstream(search.world.script.transcript) << line.substr(0, 20);
  CHECK(search.found("halfway").empty());
  std::ofstream(search.world.script.transcript, std::ios::app) << line.substr(20) << "\n";
  CHECK(search.found("halfway").size() == 1);
  CHECK(search.found("halfway").size() == 1);
}

TEST_CASE("WhatSteersATerminalOrLooksLikeAMarkIsNotInASnippet") {
  Search search;
  search.say("a \x1b[31mred\x1b[0m\r\nword ⟦not found⟧ \u202e turned");
  CHECK(search.found("word") == Snippets{"a  [31mred [0m  ⟦word⟧ [not found]   turned"});
}

TEST_CASE("ASnippetIsShortHoweverLongAWordIs") {
  Search search;
  search.say("before " + std::string(10'000, 'x') + " after");
  auto const found = search.found("xxx*");
  REQUIRE(found.size() == 1);
  CHECK(found[0].size() < 1010);
  CHECK(found[0].starts_with("before ⟦xxx"));
  CHECK(found[0].ends_with("x…⟧"));
}

TEST_CASE("ARowTellsOfTheTurnInWhichItWasSaid") {
  Search search;
  search.world.pass(60s);
  auto const start = wall_now() - 60s;
  auto const turn = [&](int number, int begun, int ended) {
    json record = {{"number", number}, {"startedAt", to_iso8601(start + std::chrono::seconds(begun))}};
    if (ended > 0) record["endedAt"] = to_iso8601(start + std::chrono::seconds(ended));
    search.world.journal().write(
        [number, text = to_text(record)](Database& db) { TurnTable(db).put("a", number, text); });
  };
  turn(1, 10, 20);
  turn(2, 30, 40);
  // The prompt stands in the record a moment before its turn begins for us.
  for (auto const at : {9, 15, 29, 35, 45}) search.say("word", start + std::chrono::seconds(at));
  auto const turns = [&] {
    std::vector<json> found;
    auto const answer = search.ask("word");
    for (auto const& one : (*answer)["results"]) found.push_back(one["turn"]);
    return found;
  };
  CHECK(turns() == std::vector<json>{nullptr, 2, 2, 1, 1});
  turn(3, 44, 0);
  CHECK(turns() == std::vector<json>{3, 2, 2, 1, 1});
}

TEST_CASE("AMessageIsFoundByWhoMayReadIt") {
  Search search;
  search.world.begin_spawn({{"id", "b"}, {"tags", {"builders"}}});
  search.world.script.gate = "";
  Principal const a{Principal::Kind::agent, "a"}, b{Principal::Kind::agent, "b"};
  auto const to_a = search.send("tester", "a", "the secret of a");
  search.send("tester", "b", "the secret of b");
  search.send("a", "operator", "the secret that a tells");
  search.send("tester", "tag:builders", "the secret of builders");
  search.send("tester", "nobody", "the secret of nobody");
  CHECK(search.found("secret").size() == 5);
  CHECK(search.found("secret", a) == Snippets{"the ⟦secret⟧ that a tells", "the ⟦secret⟧ of a"});
  CHECK(search.found("secret", b) == Snippets{"the ⟦secret⟧ of builders", "the ⟦secret⟧ of b"});
  SearchRequest request{.words = "secret", .agent = "a"};
  auto const answer = search.ask(request);
  REQUIRE(answer.has_value());
  REQUIRE((*answer)["results"].size() == 2);
  auto const& one = (*answer)["results"][1];
  CHECK(one["kind"] == "message");
  CHECK(one["messageId"] == to_a);
  CHECK(one["from"] == "tester");
  CHECK(one["to"] == "a");
  CHECK(one["agent"] == "a");
  CHECK(one["role"].is_null());
  CHECK(search.ask(request, b).error().code == "not_your_agent");
  request.agent = "nobody";
  CHECK(search.ask(request).error().code == "no_such_agent");
}

TEST_CASE("AnAgentFindsItsOwnTranscriptOnly") {
  Search search;
  search.say("whispered");
  search.world.script.transcript = (search.world.dir() / "other.jsonl").string();
  search.world.begin_spawn({{"id", "b"}});
  search.world.until([&] { return search.world.supervisor().find("b")->state() == AgentState::idle; }, "b is there");
  search.say("whispered too");
  CHECK(search.found("whispered").size() == 2);
  CHECK(search.found("whispered", {Principal::Kind::agent, "a"}) == Snippets{"⟦whispered⟧"});
  CHECK(search.found("whispered", {Principal::Kind::agent, "b"}) == Snippets{"⟦whispered⟧ too"});
}

TEST_CASE("WithAnAgentGoesWhatItSaidAndItsSuccessorDoesNotFindIt") {
  Search search;
  search.say("before");
  search.send("tester", "a", "before it was removed");
  CHECK(search.found("before").size() == 2);
  REQUIRE(search.world.act("stop").has_value());
  search.world.until_state("stopped");
  REQUIRE(search.world.await(search.world.supervisor().remove("a")).has_value());
  CHECK(search.found("before") == Snippets{"⟦before⟧ it was removed"});
  search.world.script.transcript = (search.world.dir() / "next.jsonl").string();
  search.world.step(1ms);
  search.world.spawn();
  CHECK(search.found("before", {Principal::Kind::agent, "a"}) == Snippets{"⟦before⟧ it was removed"});
  auto query = [](Database& db) -> Result<std::vector<std::string>> { return SearchTable(db).owners(); };
  CHECK(search.world.ask(search.index->read(std::move(query)))->size() == 2);  // the bus, and the new one
}

TEST_CASE("WhatWasMissedIsFoundAfterARestart") {
  Search search;
  search.say("one");
  CHECK(search.found("one").size() == 1);
  search.end();
  search.say("two");
  search.send("tester", "a", "three");
  search.world.crash();
  search.world.start();
  search.world.until_state("idle");
  search.begin();
  for (auto const* word : {"one", "two", "three"}) CHECK(search.found(word).size() == 1);
}

TEST_CASE("ATurnsEndIsEnoughForTheIndexToGrow") {
  Search search;
  CHECK(search.found("said").empty());
  search.say("said in a turn");
  auto const indexed = [&] {
    auto query = [](Database& db) -> Result<bool> {
      SearchTable::Query said;
      said.expression = "\"said\"";
      return !SearchTable(db).find(said).empty();
    };
    return *search.world.ask(search.index->read(std::move(query)));
  };
  search.world.script.emit(adapters::TurnStarted{});
  search.world.script.emit(adapters::TurnEnded{});
  search.world.until(indexed, "what was said in the turn is in the index");
}

TEST_CASE("PagesOfResultsNeitherSkipNorRepeatWhileRowsCome") {
  Search search;
  auto const start = wall_now();
  for (int i = 0; i < 7; ++i) search.say("row " + std::to_string(i), start);  // all at one moment
  SearchRequest request{.words = "row", .limit = 3};
  Snippets all;
  for (int page = 0; page < 3; ++page) {
    auto const answer = search.ask(request);
    REQUIRE(answer.has_value());
    for (auto const& one : (*answer)["results"]) all.push_back(one["snippet"]);
    CHECK(answer->contains("nextCursor") == (page < 2));
    if (page < 2) request.before = std::stoll((*answer)["nextCursor"].get<std::string>());
    search.say("row that came later", start);
  }
  CHECK(all == Snippets{"⟦row⟧ 6", "⟦row⟧ 5", "⟦row⟧ 4", "⟦row⟧ 3", "⟦row⟧ 2", "⟦row⟧ 1", "⟦row⟧ 0"});
}

TEST_CASE("SinceLeavesOutWhatIsOlder") {
  Search search;
  search.world.pass(60s);
  auto const start = wall_now() - 60s;
  search.say("early word", start);
  search.say("late word", start + 30s);
  SearchRequest request{.words = "word", .since = to_millis(start) + 1};
  CHECK((*search.ask(request))["results"].size() == 1);
}

TEST_CASE("OfTooMuchTheNewestIsKept") {
  Search search;
  search.world.config().search_agent_rows = 100;
  for (int i = 0; i < 150; ++i) search.say("row number" + std::to_string(i));
  CHECK(search.found("number149").size() == 1);
  CHECK(search.found("number60").size() == 1);
  CHECK(search.found("number49").empty());
  search.world.config().search_most_rows = 50;
  search.send("tester", "a", "one more row");
  CHECK(search.found("more").size() == 1);
  CHECK(search.found("number149").size() == 1);
  CHECK(search.found("number99").empty());
  search.world.config().search_most_mb = 0;
  CHECK(search.found("row").empty());
}

TEST_CASE("WhatIsTooOldIsNotFound") {
  Search search;
  search.world.config().history_retention_days = 1;
  search.say("long ago", wall_now() - std::chrono::hours(25));
  search.say("just before", wall_now() - std::chrono::hours(23));
  CHECK(search.found("ago").empty());
  CHECK(search.found("before").size() == 1);
  search.world.pass(std::chrono::hours(2));
  CHECK(search.found("before").empty());
}

TEST_CASE("MessagesOfAnotherStoreOfTheBusAreForgotten") {
  Search search;
  search.send("tester", "a", "of this store");
  CHECK(search.found("store").size() == 1);
  search.world.bus->named = relay::BusStore{.id = "another"};
  search.send("tester", "a", "of another store");  // the real one gives the number
  CHECK(search.found("store") == Snippets{"of another ⟦store⟧", "of this ⟦store⟧"});
  auto query = [](Database& db) -> Result<std::int64_t> {
    auto& row = db.prepare("SELECT count(*) FROM sources WHERE owner = ''").bind();
    auto const count = row.step() ? row.integer(0) : 0;
    row.reset();
    return count;
  };
  CHECK(*search.world.ask(search.index->read(std::move(query))) == 1);
}

TEST_CASE("ABusThatIsAwayHoldsUpNoSearch") {
  Search search;
  search.say("said anyhow");
  search.world.bus->faults["messages"] = unavailable("away", "the bus is away");
  CHECK(search.found("anyhow").size() == 1);
}

TEST_CASE("ADamagedIndexIsMadeAgain") {
  Search search;
  for (int i = 0; i < 200; ++i) search.say("kept elsewhere " + std::to_string(i));
  CHECK(search.found("elsewhere").size() == 100);
  search.end();
  auto const file = search.world.dir() / "search.db";
  SUBCASE("it is none at all") {
    for (auto const* part : {"-wal", "-shm"}) std::filesystem::remove(file.string() + part);
    std::ofstream(file, std::ios::binary) << std::string(8192, 'x');
  }
  SUBCASE("it is of a newer program") {
    auto const newer = *Database::open(file, search_migrations(), false);
    newer->execute("PRAGMA user_version=99");
  }
  SUBCASE("a page of it is damaged") {
    {
      auto const db = *Database::open(file, search_migrations(), false);
      db->execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    std::fstream damage(file, std::ios::binary | std::ios::in | std::ios::out);
    auto const size = std::filesystem::file_size(file);
    for (std::uintmax_t at = 4096; at + 4096 <= size; at += 4096) {
      damage.seekp(static_cast<std::streamoff>(at));
      damage << std::string(4096, 'x');
    }
  }
  search.begin();
  (void)search.ask("elsewhere");  // which may be the one that finds the damage
  (void)search.ask("elsewhere");
  CHECK(search.found("elsewhere").size() == 100);
}
