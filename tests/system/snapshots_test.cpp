// Snapshots over real daemons: agents move to another installation with what waits for them, once, over the deaths of
// the daemons that take and restore them.
#include "system/http_request.hpp"
#include "system/installation.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <thread>

using ar::json;
using ar::test::Installation;
using ar::test::request;

namespace {

json const kTurns = {{"proof", {{"pattern", "took {correlation_id}"}}}, {"turn_end", {{"pattern", "^answered"}}}};

/// A program whose one turn never ends.
void spawn_stuck(Installation& home) {
  home.spawn("stuck", {"--options", kTurns.dump(), "--", "sh", "-c",
                       "stty -echo; read -r line; n=${line#*runner }; echo took ${n%% *}; sleep 1000"});
}

std::string create(Installation& home, std::vector<std::string> const& more = {}) {
  std::vector<std::string> words{"snapshot", "create", "--json"};
  words.insert(words.end(), more.begin(), more.end());
  return home.good(words).parsed()["id"];
}

/// Its document, as a file outside of the installation's state.
std::filesystem::path exported(Installation& home, std::string const& id) {
  auto const file = home.work() / (id + ".json");
  home.good({"snapshot", "export", id, "--out", file.string()});
  return file;
}

json restore(Installation& home, std::filesystem::path const& file, std::vector<std::string> const& more = {}) {
  std::vector<std::string> words{"snapshot", "restore", file.string(), "--json"};
  words.insert(words.end(), more.begin(), more.end());
  return home.good(words).parsed();
}

std::int64_t written(json const& restored) {
  std::int64_t all = 0;
  for (auto const& section : restored["sections"]) all += section["written"].get<std::int64_t>();
  return all;
}

/// How often each body was handed to the agent, since it has come here.
std::map<std::string, int> handed(Installation& home, std::string const& agent) {
  std::map<std::string, int> bodies;
  for (auto const& line : Installation::lines(home.good({"events", agent, "--json", "--from", "0"}).out)) {
    auto const event = json::parse(line);
    if (event["type"] == "agent.restored") bodies.clear();
    if (event["type"] != "message.submitted") continue;
    ++bodies[home.message(event["data"]["message"])["body"].get<std::string>()];
  }
  return bodies;
}

bool all_handed(Installation& home, std::string const& agent, std::vector<std::string> const& bodies) {
  return Installation::eventually([&] {
    auto const there = handed(home, agent);
    return std::ranges::all_of(bodies, [&](auto const& body) { return there.contains(body); });
  });
}

}  // namespace

TEST_CASE("AgentsMoveWithWhatWaitsForThemAndWithTheirMemory") {
  Installation home, other;
  home.spawn("demo", {"--label", "builder", "--tag", "crew"});
  home.spawn("second", {"--tag", "crew"});
  spawn_stuck(home);
  home.good({"memory", "set", "plan", "tests first", "--in", "agent/demo"});
  home.good({"memory", "set", "style", "no tabs", "--in", "shared/team"});
  home.send("demo", "before", {"--wait=done"});
  auto const cut_off = home.send("stuck", "never ends");
  REQUIRE(Installation::eventually([&] { return home.delivery_state(cut_off) == "running"; }));
  auto const turn_cut_off = [](Installation& at) {
    return request(at, "GET", "/v1/sessions/stuck/turns").body["turns"].at(0);
  };
  auto const ran = turn_cut_off(home);
  REQUIRE(ran["turnId"].is_string());
  home.good({"runtime", "pause", "--timeout", "100ms"});
  home.send("demo", "one");
  home.send("demo", "two\nlines");
  home.send("tag:crew", "to all");
  auto const file = home.work() / "attached.txt";
  std::ofstream(file) << "what is attached";
  home.send("label:builder", "with a file", {"--attach", file.string()});

  auto const id = create(home, {"--label", "the move", "--history"});
  auto const shown = home.good({"snapshot", "show", id}).out;
  CHECK_MESSAGE(shown.find("the move") != std::string::npos, shown);
  CHECK(home.good({"snapshot", "list"}).out.find(id) != std::string::npos);
  CHECK(home.good({"runtime", "status", "--json"}).parsed()["snapshots"] == 1);
  auto const document = exported(home, id);
  auto const again = home.run({"snapshot", "export", id, "--out", document.string()});
  CHECK(again.status == 4);  // a file that is there is not overwritten
  bool const others_read = (std::filesystem::status(document).permissions() & std::filesystem::perms::others_read) !=
                           std::filesystem::perms::none;
  CHECK_FALSE(others_read);
  home.good({"down", "--agents"});

  other.good({"up"});
  auto const restored = restore(other, document, {"--history"});
  for (auto const& agent : restored["agents"]) CHECK_MESSAGE(agent["result"] == "restored", agent.dump());
  CHECK(restored["agents"].size() == 3);
  CHECK(all_handed(other, "demo", {"one", "two\nlines", "to all", "with a file"}));
  CHECK(all_handed(other, "second", {"to all"}));
  CHECK(other.good({"memory", "get", "plan", "--in", "agent/demo"}).out == "tests first");
  CHECK(other.good({"memory", "get", "style", "--in", "shared/team"}).out == "no tabs");
  // Its turn was cut off: it is not repeated, and whoever sent it is told.
  other.wait_for_state("stuck", "suspended");
  CHECK(Installation::eventually([&] {
    return other.good({"events", "stuck", "--json", "--from", "0"}).out.find("message.failed") != std::string::npos;
  }));
  auto const check_cut_off = [&] {
    auto const turn = turn_cut_off(other);
    for (auto const* field : {"turnId", "turnSeq", "startedAt", "eventCursor"})
      CHECK_MESSAGE(turn[field] == ran[field], turn.dump());
    CHECK(turn["outcome"] == "interrupted");
  };
  check_cut_off();
  CHECK(other.good({"events", "demo", "--json", "--from", "0"}).out.find("agent.created") != std::string::npos);
  CHECK(other.good({"events", "--json", "-n", "1000"}).out.find("agent.created") == std::string::npos);
  auto const turns = request(other, "GET", "/v1/agents/demo/turns").body["turns"];
  CHECK(turns.size() >= 2);

  CHECK(written(restore(other, document, {"--history"})) == 0);
  other.kill_daemon();
  other.good({"up"});
  CHECK(written(restore(other, document)) == 0);
  check_cut_off();
  auto const count = handed(other, "demo");
  for (auto const* body : {"one", "two\nlines", "to all", "with a file"}) CHECK_MESSAGE(count.at(body) == 1, body);
  CHECK(handed(other, "stuck").empty());
  // They have tokens of their own here, and can work on.
  auto const next = other.send("demo", "after", {"--wait=done"});
  CHECK(other.delivery_state(next) == "done");
}

TEST_CASE("WorkThatIsForWhoeverTakesItComesOnce") {
  Installation home, other;
  home.good({"up"});
  for (auto const* name : {"a", "b"}) home.spawn(name, {"--tag", "crew"});
  home.good({"runtime", "pause", "--timeout", "100ms"});
  for (int i = 0; i < 5; ++i) home.send("tag:crew", "work " + std::to_string(i), {"--claimable"});
  auto const document = exported(home, create(home));
  home.good({"down", "--agents"});
  other.good({"up"});
  CHECK(restore(other, document, {"--agent", "a"})["agents"].size() == 1);
  restore(other, document);
  std::map<std::string, int> taken;
  CHECK(Installation::eventually([&] {
    taken = handed(other, "a");
    for (auto const& [body, times] : handed(other, "b")) taken[body] += times;
    return taken.size() >= 5;
  }));
  for (auto const& [body, times] : taken) CHECK_MESSAGE(times == 1, body);
}

TEST_CASE("WhatIsDamagedOrNewerChangesNothing") {
  Installation home, other;
  home.spawn("demo");
  home.good({"memory", "set", "k", "v", "--in", "shared/team"});
  auto const document = exported(home, create(home));
  auto const text = ar::test::file_text(document);
  other.good({"up"});
  auto const refused = [&](std::string const& content, int status) {
    auto const file = other.work() / "given.json";
    std::ofstream(file, std::ios::binary) << content;
    auto const answer = request(other, "POST", "/v1/snapshots/restore", {{"file", file.string()}});
    CHECK_MESSAGE(answer.status == status, answer.body.dump());
    CHECK(other.good({"ps", "-a", "--json"}).out.find("demo") == std::string::npos);
    CHECK(other.run({"memory", "get", "k", "--in", "shared/team"}).status == 3);
    return answer.body;
  };
  auto newer = json::parse(text);
  newer["sections"]["memory"]["version"] = "1.1.0";
  CHECK(refused(newer.dump(), 422)["field"] == "memory");
  CHECK(refused(text.substr(0, text.size() / 2), 400)["code"] == "snapshot_damaged");
  CHECK(refused("not json", 400)["code"] == "snapshot_damaged");
  CHECK(request(other, "POST", "/v1/snapshots/restore", {{"file", "/dev/zero"}}).status == 409);
  CHECK(request(other, "POST", "/v1/snapshots/restore", {{"file", "given.json"}}).status == 400);
  CHECK(request(other, "POST", "/v1/snapshots/restore", json::object()).status == 400);
  CHECK(request(other, "POST", "/v1/snapshots/restore", {{"snapshotId", "snp_none"}}).status == 404);
  CHECK(request(other, "DELETE", "/v1/snapshots/snp_none").status == 204);

  std::ofstream(other.state() / "config.toml") << "[snapshots]\nmax_bytes = 1048576\n";
  other.good({"config", "reload"});
  auto const value = other.work() / "value";
  std::ofstream(value) << std::string(200'000, 'x');
  for (int i = 0; i < 7; ++i)
    other.good({"memory", "set", "large" + std::to_string(i), "@" + value.string(), "--in", "shared/team"});
  auto const large = request(other, "POST", "/v1/snapshots", json::object());
  CHECK(large.status == 413);
  CHECK(large.body["code"] == "snapshot_too_large");
  CHECK(request(other, "GET", "/v1/snapshots").body["snapshots"].empty());
  CHECK(std::filesystem::is_empty(other.state() / "snapshots"));
  // The document itself in the request.
  CHECK(request(other, "POST", "/v1/snapshots/restore", {{"json", json::parse(text)}}).body["agents"][0]["result"] ==
        "restored");
}

TEST_CASE("ADaemonThatIsKilledWhileItTakesOneLeavesNothing") {
  Installation home;
  home.spawn("demo");
  auto const large = home.work() / "large";
  std::ofstream(large) << std::string(250'000, 'x');
  for (int i = 0; i < 60; ++i)
    home.good({"memory", "set", "k" + std::to_string(i), "@" + large.string(), "--in", "shared/team"});
  auto const first = create(home);
  auto const folder = home.state() / "snapshots";
  auto const under_way = [&] {
    return std::ranges::any_of(std::filesystem::directory_iterator(folder),
                               [](auto const& entry) { return entry.path().filename().string().starts_with("work-"); });
  };
  int killed = 0;
  for (int round = 0; round < 3; ++round) {
    home.run_program("/bin/sh",
                     {"-c", R"("$0" --state-dir "$1" --no-start snapshot create >/dev/null 2>&1 &)",
                      std::string(AR_BIN_DIR) + "/agent-runner", home.state().string()},
                     "");
    auto const seen = Installation::eventually(under_way);
    REQUIRE(seen);
    home.kill_daemon();
    killed += under_way();
    home.good({"up"});
    CHECK_FALSE(under_way());
    std::size_t listed = 0, files = 0;
    for (auto const& line : Installation::lines(home.good({"snapshot", "list", "--json"}).out)) {
      auto const id = json::parse(line)["id"].get<std::string>();
      CHECK(std::filesystem::exists(folder / (id + ".json")));
      ++listed;
    }
    for (auto const& entry : std::filesystem::directory_iterator(folder)) files += entry.is_regular_file();
    CHECK(listed == files);
  }
  CHECK(killed > 0);
  CHECK(home.good({"snapshot", "rm", first}).status == 0);
  auto const next = create(home);
  CHECK(written(restore(home, exported(home, next))) == 0);
}

TEST_CASE("ADaemonThatIsKilledWhileItRestoresIsGoneOnWithAndNothingComesTwice") {
  Installation home, other;
  constexpr int kAgents = 12;
  auto const name = [](int i) { return "agent" + std::to_string(i); };
  home.good({"up"});
  home.good({"runtime", "pause", "--timeout", "100ms"});
  for (int i = 0; i < kAgents; ++i) {
    home.spawn(name(i));
    for (int k = 0; k < 3; ++k) home.send(name(i), "word " + std::to_string(k));
  }
  auto const document = exported(home, create(home));
  home.good({"down", "--agents"});
  other.good({"up"});
  other.good({"runtime", "pause", "--timeout", "100ms"});
  for (std::size_t wanted = 1; wanted < kAgents; wanted += 4) {
    other.run_program("/bin/sh",
                      {"-c", R"("$0" --state-dir "$1" --no-start snapshot restore "$2" >/dev/null 2>&1 &)",
                       std::string(AR_BIN_DIR) + "/agent-runner", other.state().string(), document.string()},
                      "");
    CHECK(Installation::eventually([&] {
      std::error_code none;
      std::filesystem::directory_iterator const folders(other.state() / "agents", none);
      return static_cast<std::size_t>(std::distance(begin(folders), end(folders))) >= wanted;
    }));
    other.kill_daemon();
    other.good({"up"});
  }
  restore(other, document);
  CHECK(written(restore(other, document)) == 0);
  for (int i = 0; i < kAgents; ++i) CHECK(other.agent(name(i))["state"] == "suspended");
  other.good({"runtime", "resume"});
  for (int i = 0; i < kAgents; ++i) {
    CHECK(all_handed(other, name(i), {"word 0", "word 1", "word 2"}));
    for (auto const& [body, times] : handed(other, name(i))) CHECK_MESSAGE(times == 1, name(i), " ", body);
  }
}

TEST_CASE("ALongHistoryComesWholeOverADeathInItsMidst") {
  constexpr std::int64_t kMore = 9'000;  // fewer than history.retention keeps
  Installation home;
  home.spawn("demo");
  home.send("demo", "before", {"--wait=done"});
  auto document = json::parse(ar::test::file_text(exported(home, create(home, {"--history"}))));
  home.good({"down", "--agents"});
  auto& agent = document["sections"]["agents"]["rows"][0];
  auto& rows = document["sections"]["history"]["rows"];
  auto const of_kind = [&](char const* kind) {
    return *std::ranges::find(rows, json(kind), [](json const& row) { return row["kind"]; });
  };
  auto turn = of_kind("turn"), event = of_kind("event");
  auto turns = json::array();
  for (std::int64_t i = 0; i < kMore; ++i) {
    turn["number"] = 100 + i;
    turns.push_back(turn);
  }
  turns.insert(turns.end(), rows.begin(), rows.end());
  rows = std::move(turns);
  auto const last = agent["lastEvent"].get<std::int64_t>() + kMore;
  for (std::int64_t number = last - kMore + 1; number <= last; ++number) {
    event["number"] = number;
    event["event"]["agentNumber"] = number;
    rows.push_back(event);
  }
  agent["lastEvent"] = last;
  agent["record"]["turns"] = 100 + kMore;
  auto const file = home.work() / "long.json";
  std::ofstream(file) << document.dump();

  // Each page's first and last number tell of all between them: the numbers are unique.
  auto const counted = [](Installation& at, std::string const& list) {
    std::int64_t count = 0;
    std::string const path = "/v1/agents/demo/" + list + "?limit=1000";
    for (std::string cursor;;) {
      auto const page = request(at, "GET", path + (cursor.empty() ? "" : "&cursor=" + cursor)).body;
      if (!page.contains(list)) return count;
      count += static_cast<std::int64_t>(page[list].size());
      if (!page.contains("nextCursor")) return count;
      cursor = std::to_string(page["nextCursor"].get<std::int64_t>());
    }
  };
  bool in_its_midst = false;
  auto few = std::chrono::milliseconds(0), many = std::chrono::milliseconds(4000 * ar::test::kPatience);
  for (int round = 0; round < 10 && !in_its_midst; ++round) {
    Installation other;
    other.good({"up"});
    other.run_program("/bin/sh",
                      {"-c", R"("$0" --state-dir "$1" --no-start snapshot restore "$2" --history >/dev/null 2>&1 &)",
                       std::string(AR_BIN_DIR) + "/agent-runner", other.state().string(), file.string()},
                      "");
    auto const wait = (few + many) / 2;
    std::this_thread::sleep_for(wait);  // there is no event of a part that has come: another kill tries another moment
    other.kill_daemon();
    other.good({"up"});
    auto const found = counted(other, "turns");
    in_its_midst = found > 0 && found < kMore;
    (found > 0 ? many : few) = wait;
    if (!in_its_midst) continue;
    for (auto const wanted : {true, false})
      CHECK((restore(other, file, {"--history"})["sections"]["history"]["written"] > 0) == wanted);
    CHECK(counted(other, "turns") == kMore + 1);
    CHECK(counted(other, "events") >= last);
    auto const next = other.send("demo", "after", {"--wait=done"});
    CHECK(other.delivery_state(next) == "done");
  }
  CHECK(in_its_midst);
}
