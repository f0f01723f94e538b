// The whole road with the real CLI: bus, daemon, tmux, Claude Code, model; over the death of the daemon and of the CLI.
// Counted at the model's side: each message reached it once.
#include "e2e/offline.hpp"
#include "e2e/proven.hpp"
#include "e2e/stub.hpp"
#include "e2e/transcript.hpp"
#include "system/installation.hpp"

#include <fstream>

using ar::json;
using ar::test::Installation;

namespace {

/// What the CLI says of itself; it is read while no daemon runs.
json live_state(Installation& home, int pid) {
  std::ifstream file(home.work() / "config-cc" / "sessions" / (std::to_string(pid) + ".json"));
  return json::parse(file, nullptr, false);
}
std::size_t seen_by_model(Installation& home, ar::test::Stub const& stub, std::int64_t id) {
  auto const asked = home.run_program("/usr/bin/curl", {"-s", stub.url() + "/__prompts"}, "");
  auto const header = "message " + std::to_string(id) + " ";
  std::size_t seen = 0;
  for (auto at = asked.out.find(header); at != std::string::npos; at = asked.out.find(header, at + 1)) ++seen;
  return seen;
}

}  // namespace

TEST_CASE("MessagesReachClaudeOnceOverTheDeathOfTheDaemonAndOfTheCli") {
  auto const claude = ar::test::claude_offline();
  Installation home;
  ar::test::Stub stub;
  ar::test::spawn_claude(home, "cc", claude, stub);
  home.wait_for_state("cc", "idle");

  std::vector<std::int64_t> ids;
  auto const ask = [&](std::string const& text) {
    ids.push_back(home.send("cc", text + " [[say:answer " + std::to_string(ids.size()) + "]]"));
  };
  auto const all_taken = [&] {
    return Installation::eventually([&] {
      for (auto id : ids) {
        auto const state = home.delivery_state(id);
        if (state != "done" && state != "failed") return false;
      }
      return true;
    });
  };
  ask("idle");
  ask("two\nlines, with a tab\t, as a file");
  CHECK(all_taken());
  home.send("cc", "[[bash:sleep 1]] work");
  ask("while busy");
  home.kill_daemon();
  home.good({"up"});
  CHECK(all_taken());
  auto const pid = home.agent("cc")["pid"].get<int>();
  ask("just before its death");
  ::kill(pid, SIGKILL);
  ask("after its death");
  CHECK(all_taken());
  CHECK(home.agent("cc")["restarts"] == 1);

  // The session was resumed, so its newest conversation holds all of it.
  for (auto id : ids) {
    CHECK_MESSAGE(seen_by_model(home, stub, id) == 1, "message ", id);
    CHECK(home.message(id)["readBy"] == json::array({"cc"}));
  }
}

TEST_CASE("ARunOfClaudePrintsWhatItsTurnEndedWith") {
  auto const claude = ar::test::claude_offline();
  Installation home;
  ar::test::Stub stub;
  std::vector<std::string> words{"run", "a question [[say:the answer]]", "--name", "cc", "--json"};
  for (auto& word : ar::test::claude_options(home, "cc", claude, stub)) words.push_back(std::move(word));
  auto const run = home.good(words).parsed();
  CHECK(run["ok"] == true);
  CHECK(run["text"] == "the answer");
  CHECK(run["turns"][0]["outcome"] == "completed");
  CHECK(run["session"]["turnSeq"] == 0);
  CHECK(ar::test::told(home, "cc", "user", "a question") == 1);
  CHECK(ar::test::told(home, "cc", "assistant", "the answer") == 1);
  json const used = {{"inputTokens", 1000},
                     {"outputTokens", 20},
                     {"cacheReadTokens", 0},
                     {"cacheWriteTokens", 0},
                     {"source", "transcript"}};
  CHECK(run["usage"] == used);
  CHECK(run["turns"][0]["usage"] == used);
  CHECK_MESSAGE(run["costUsd"].get<double>() > 0, run.dump(1));  // by its price list
  CHECK(run["turns"][0]["costUsd"] == run["costUsd"]);
  auto const shown = home.good({"show", "cc", "--json"}).parsed();
  CHECK(shown["agent"]["usage"] == used);
  CHECK(shown["turns"][0]["usage"] == used);
}

TEST_CASE("ARunsUsageCountsOnceOverTheDeathOfTheDaemonAndOfTheCli") {
  auto const claude = ar::test::claude_offline();
  Installation home;
  ar::test::Stub stub;
  ar::test::spawn_claude(home, "cc", claude, stub);
  home.wait_for_state("cc", "idle");
  auto const first = home.send("cc", "[[bash:sleep 2]] work");  // two answers
  CHECK(Installation::eventually([&] { return home.delivery_state(first) == "running"; }));
  home.kill_daemon();
  home.good({"up"});
  CHECK(Installation::eventually([&] { return home.delivery_state(first) == "done"; }));
  auto const input_tokens = [](json const& of) {
    return of.contains("usage") ? of["usage"].value("inputTokens", 0) : 0;
  };
  // What it has not written down by its death is in no record.
  CHECK(Installation::eventually([&] { return input_tokens(home.agent("cc")) == 2000; }));
  ::kill(home.agent("cc")["pid"].get<int>(), SIGKILL);
  CHECK(Installation::eventually([&] { return home.agent("cc")["restarts"] == 1; }));
  auto const second = home.send("cc", "a question");
  CHECK(Installation::eventually([&] { return home.delivery_state(second) == "done"; }));
  ar::test::check_proven(home, second);
  CHECK_MESSAGE(Installation::eventually([&] { return input_tokens(home.agent("cc")) == 3000; }),
                home.agent("cc").dump(1));
  auto const turns = home.good({"show", "cc", "--json"}).parsed()["turns"];
  REQUIRE(turns.size() == 2);
  CHECK(input_tokens(turns[0]) == 1000);
  CHECK(input_tokens(turns[1]) == 2000);
}

TEST_CASE("ACancelInATurnsFirstMomentEndsIt") {
  auto const claude = ar::test::claude_offline();
  Installation home;
  ar::test::Stub stub;
  ar::test::spawn_claude(home, "cc", claude, stub);
  home.wait_for_state("cc", "idle");
  for (int round = 0; round < 20; ++round) {
    auto const id = home.send("cc", "[[sleep:120000]] [[say:too late]]", {"--wait=accepted"});
    CHECK(home.good({"cancel", "cc", "--json"}).parsed()["cancelledCount"] == 1);
    auto const over = Installation::eventually([&] { return home.delivery_state(id) == "failed"; });
    REQUIRE_MESSAGE(over, "round ", round, ": ", home.message(id).dump(1), home.run({"screen", "cc"}).out);
  }
}

TEST_CASE("WhatClaudeDidWhileNoDaemonRanIsKnownToTheNext") {
  auto const claude = ar::test::claude_offline();
  Installation home;
  ar::test::Stub stub;
  ar::test::spawn_claude(home, "cc", claude, stub);
  home.wait_for_state("cc", "idle");
  auto const pid = home.agent("cc")["pid"].get<int>();
  auto const status = [&] { return live_state(home, pid).value("status", ""); };

  // A turn ends well, and one with an error: to nobody.
  for (std::string const end : {"[[say:the answer]]", "[[fail:400]]"}) {
    auto const id = home.send("cc", "[[bash:sleep 3]]" + end);
    CHECK(Installation::eventually([&] { return home.delivery_state(id) == "running"; }));
    home.kill_daemon();
    CHECK(Installation::eventually([&] { return status() == "idle"; }));
    home.good({"up"});
    CHECK(Installation::eventually([&] {
      auto const state = home.delivery_state(id);
      return state == "done" || state == "failed";
    }));
    auto const shown = home.message(id);
    CHECK_MESSAGE(shown["deliveries"][0]["state"] == (end.starts_with("[[say") ? "done" : "failed"), shown.dump(1));
    CHECK(shown.dump().find(end.starts_with("[[say") ? "the answer\"" : "stub failure 400") != std::string::npos);
  }

  // A person clears the context: to nobody. The next message is proved by the new session's record.
  auto const session = live_state(home, pid).value("sessionId", "");
  home.kill_daemon();
  auto const tmux = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"-S", (home.state() / "run" / "tmux.sock").string(), "send-keys", "-t", "=ar-cc:"});
    home.run_program("/usr/bin/tmux", words, "");
  };
  tmux({"-l", "/clear"});
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  tmux({"Enter"});
  CHECK(Installation::eventually([&] { return live_state(home, pid).value("sessionId", session) != session; }));
  home.good({"up"});
  home.wait_for_state("cc", "idle");
  auto const id = home.send("cc", "after the clear");
  CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
  auto const shown = home.message(id)["deliveries"][0];
  CHECK_MESSAGE(shown["attempts"] == 1, shown.dump(1));
  CHECK(shown["proof"] == "transcript");
  CHECK(seen_by_model(home, stub, id) == 1);
  CHECK(home.agent("cc")["providerSession"] != session);
}
