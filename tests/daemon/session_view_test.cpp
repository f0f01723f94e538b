// What a session and its turns say of themselves, on a clock of our own.
#include "daemon/agent/session_status.hpp"
#include "daemon/api/agents_api.hpp"
#include "daemon/store/tables/turn_table.hpp"
#include "support/file_text.hpp"
#include "world.hpp"

#include <fstream>
#include <sys/stat.h>

using namespace ar;
using namespace ar::test;
using S = AgentState;

namespace {

json field(World& world, char const* name) { return world.agent().session()[name]; }

/// As GET /v1/sessions/a/turns shows them, the newest first.
std::vector<json> turns(World& world) {
  auto query = [](Database& db) -> Result<std::vector<Record>> { return TurnTable(db).page("a", 0, 100); };
  auto const rows = world.ask(world.journal().read(std::move(query)));
  REQUIRE(rows.has_value());
  std::vector<json> found;
  for (auto const& [number, record] : *rows) found.push_back(session_turn("a", json::parse(record)));
  return found;
}

/// Its time of beginning.
WallTime begin_turn(World& world) {
  world.script.gate.clear();
  world.send("go");
  world.until([&] { return world.agent().turn_runs(); }, "the turn runs");
  world.script.gate = "its turn runs";
  return world.now();
}

/// Its time of ending.
WallTime end_turn(World& world, adapters::TurnEnded const& end) {
  world.script.emit(end);
  world.until([&] { return !world.agent().turn_runs(); }, "the turn is over");
  return world.now();
}

}  // namespace

TEST_CASE("EveryStateOfAnAgentHasItsWordForASession") {
  std::pair<S, char const*> const words[] = {
      {S::creating, "creating"},   {S::starting, "creating"},  {S::idle, "idle"},
      {S::busy, "running"},        {S::waiting, "running"},    {S::suspending, "suspending"},
      {S::suspended, "suspended"}, {S::restarting, "running"}, {S::stopping, "cancelling"},
      {S::stopped, "suspended"},   {S::failed, "error"},
  };
  CHECK(std::size(words) == kAgentStates);
  for (auto const& [state, word] : words) CHECK_MESSAGE(session_status(state) == word, to_string(state));
}

TEST_CASE("EveryStateOfAnAgentHasItsWordForItsTurn") {
  struct Row {
    S state;
    char const *none, *over, *waits;  ///< without a turn so far; after one; with a message that waits
  };
  Row const rows[] = {
      {S::creating, "launching", "launching", "launching"},
      {S::starting, "launching", "launching", "launching"},
      {S::idle, "none", "idle", "launching"},
      {S::busy, "none", "idle", "launching"},
      {S::waiting, "none", "idle", "launching"},
      {S::suspending, "none", "idle", "launching"},
      {S::suspended, "suspended", "suspended", "suspended"},
      {S::restarting, "launching", "launching", "launching"},
      {S::stopping, "none", "idle", "launching"},
      {S::stopped, "suspended", "suspended", "suspended"},
      {S::failed, "failed", "failed", "failed"},
  };
  CHECK(std::size(rows) == kAgentStates);
  for (auto const& row : rows) {
    CAPTURE(to_string(row.state));
    CHECK(turn_status(row.state, {}) == row.none);
    CHECK(turn_status(row.state, {.last = "done"}) == row.over);
    CHECK(turn_status(row.state, {.last = "interrupted"}) == row.over);
    bool const shows_last = std::string_view(row.over) == "idle";
    CHECK(turn_status(row.state, {.last = "failed"}) == (shows_last ? "failed" : row.over));
    CHECK(turn_status(row.state, {.waits = true, .last = "failed"}) == row.waits);
    CHECK(turn_status(row.state, {.runs = true, .waits = true, .last = "failed"}) == "running");
    CHECK(turn_status(row.state, {.runs = true, .interrupting = true}) == "parking");
  }
}

TEST_CASE("ASessionSaysWhenWhatHappened") {
  World world;
  auto const before = world.now();
  world.spawn();
  auto const created = from_iso8601(text_at(world.agent().session(), "createdAt"));
  REQUIRE(created.has_value());
  CHECK(*created >= before);
  CHECK(*created <= world.now());
  CHECK(field(world, "updatedAt") == field(world, "idleAt"));
  CHECK(field(world, "suspendedAt").is_null());
  CHECK(field(world, "lastTurnDurationMs").is_null());
  CHECK(field(world, "turnStatus") == "none");

  world.step(5s);
  auto const idle_at = field(world, "idleAt");
  auto const began = begin_turn(world);
  CHECK(field(world, "status") == "running");
  CHECK(field(world, "turnStatus") == "running");
  CHECK(field(world, "updatedAt") == to_iso8601(began));
  CHECK(field(world, "idleAt") == idle_at);
  world.step(1'500ms);
  auto const ended = end_turn(world, {});
  CHECK(field(world, "idleAt") == to_iso8601(ended));
  CHECK(field(world, "updatedAt") == to_iso8601(ended));
  CHECK(field(world, "lastTurnDurationMs") == (ended - began).count());
  CHECK(ended - began >= 1'500ms);

  world.step(10s);
  REQUIRE(world.act("suspend").has_value());
  auto const suspended_at = field(world, "suspendedAt");
  CHECK(from_iso8601(suspended_at.get<std::string>()).value() >= ended + 10s);
  CHECK(field(world, "updatedAt") == suspended_at);
  CHECK(field(world, "idleAt") == to_iso8601(ended));
  CHECK(field(world, "turnStatus") == "suspended");
  REQUIRE(world.act("resume").has_value());
  world.until_state("idle");
  CHECK(field(world, "suspendedAt").is_null());
  REQUIRE(world.act("stop").has_value());
  CHECK(field(world, "status") == "suspended");
  CHECK(field(world, "suspendedAt") == field(world, "updatedAt"));

  auto const seen = world.agent().session();
  world.crash();
  world.step(1h);
  world.start();
  CHECK(world.agent().session() == seen);
}

TEST_CASE("ATurnSaysWhoseItIsWhenItRanAndHowItEnded") {
  World world;
  world.spawn();
  auto const began = begin_turn(world);
  auto running = turns(world).at(0);
  CHECK(running["status"] == "running");
  CHECK(running["endedAt"].is_null());
  CHECK(running["outcome"].is_null());
  world.step(2s);
  auto const ended = end_turn(world, {});
  world.step(2s);
  begin_turn(world);
  adapters::TurnEnded failure;
  failure.outcome = adapters::TurnEnded::Outcome::failed;
  failure.error = "the model is away";
  end_turn(world, failure);
  CHECK(field(world, "turnStatus") == "failed");

  auto const all = turns(world);
  REQUIRE(all.size() == 2);
  auto const& first = all[1];
  CHECK(first["sessionId"] == "a");
  CHECK(first["turnSeq"] == 0);
  CHECK(first["startedAt"] == to_iso8601(began));
  CHECK(first["endedAt"] == to_iso8601(ended));
  CHECK(first["status"] == "idle");
  CHECK(first["outcome"] == "completed");
  CHECK(first["errorMessage"].is_null());
  CHECK(all[0]["status"] == "failed");
  CHECK(all[0]["outcome"] == "failed");
  CHECK(all[0]["errorMessage"] == "the model is away");
  for (auto const& turn : all) {  // its events are those behind its cursor
    auto const behind = world.ask(world.event_log().page("a", turn["eventCursor"].get<std::int64_t>(), 100));
    REQUIRE(behind.has_value());
    auto const is_of_turns = [](Event const& event) { return event.json_text.find("\"turn.") != std::string::npos; };
    auto const first_of_turns = std::ranges::find_if(*behind, is_of_turns);
    REQUIRE(first_of_turns != behind->end());
    auto const event = json::parse(first_of_turns->json_text);
    CHECK(event["type"] == "turn.started");
    CHECK(event["data"]["turn"] == turn["turnSeq"].get<int>() + 1);
  }
}

TEST_CASE("ASessionInErrorSaysWhy") {
  World world;
  world.script.start_fails = conflict("broken", "the program cannot be started");
  world.begin_spawn();
  world.until_state("failed");
  CHECK(field(world, "status") == "error");
  CHECK_MESSAGE(
      text_at(world.agent().session(), "errorMessage").find("the program cannot be started") != std::string::npos,
      world.agent().session());
  world.script.start_fails.reset();
  REQUIRE(world.act("restart").has_value());
  world.until_state("idle");
  CHECK(field(world, "errorMessage").is_null());
}

TEST_CASE("RowsOfATranscriptNameTheirTurn") {
  World world;
  world.script.transcript = (world.dir() / "record.jsonl").string();
  world.spawn();
  auto const say = [&](json const& time) {
    json const row = {{"time", time}, {"role", "assistant"}, {"text", "so"}};
    std::ofstream(world.script.transcript, std::ios::app) << row.dump() << "\n";
  };
  for (int turn = 0; turn < 2; ++turn) {
    auto const began = begin_turn(world);
    world.step(2s);
    say(to_iso8601(began + 1s));
    end_turn(world, {});
    world.step(2s);
  }
  say(to_iso8601(world.now()));  // by itself
  say("");
  Access access{world.supervisor(), world.services().lineage, world.services().removed, "/token"};
  access.open();
  AgentsApi api{world.services(), world.supervisor(), access};
  Page page;
  page.limit = 100;
  auto const shown = world.await(api.transcript("a", page));
  REQUIRE(shown.has_value());
  json named = json::array();
  for (auto const& row : (*shown)["rows"]) named.push_back(row["turn"]);
  CHECK(named == json{1, 2, nullptr, nullptr});
}

TEST_CASE("AProcessFindsInItsFileWhatItIsAndWhereTheDaemonIs") {
  World world;
  world.spawn();
  world.settle();
  auto const file = world.dir() / "agents" / "a" / "runner.json";
  auto const info = json::parse(file_text(file));
  CHECK(info["agentId"] == "a");
  CHECK(info["runnerId"] == "a");
  CHECK(info["provider"] == "fake");
  CHECK(info["controlUrl"].is_null());  // no port
  CHECK(info["controlSocket"] == world.services().paths.agents_socket().string());
  CHECK(info["pid"].is_number_integer());
  CHECK(info["tmuxSession"] == "ar-a");
  CHECK(info["tmuxSocket"] == world.services().paths.tmux_socket().string());
  auto const started = from_iso8601(text_at(info, "startedAt"));
  REQUIRE(started.has_value());
  CHECK(*started <= world.now());
  CHECK(info.size() == 9);
  struct stat status{};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}
