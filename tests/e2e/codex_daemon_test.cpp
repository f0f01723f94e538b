// The whole road with the real CLI: bus, daemon, tmux, Codex, model; over the death of the daemon, of the app
// server and of the screen. Counted at the model's side: each message reached it once. E2E_KILLS sets how
// many deaths (default 9), E2E_SEED their moments.
#include "base/base64.hpp"
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/proven.hpp"
#include "e2e/transcript.hpp"
#include "support/listener.hpp"
#include "system/installation.hpp"

#include <algorithm>
#include <cstdio>
#include <random>
#include <sstream>

using ar::base64_decode;
using ar::json;
using ar::test::Installation;
using ar::test::OpenAiStub;

namespace {

/// The child of the agent's process whose command line holds `word`; 0: there is none.
pid_t child(pid_t agent, std::string const& word) {
  auto const of = std::to_string(agent);
  std::ifstream children("/proc/" + of + "/task/" + of + "/children");
  for (pid_t pid = 0; children >> pid;) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
    std::stringstream words;
    words << file.rdbuf();
    if (words.str().find('\0' + word + '\0') != std::string::npos) return pid;
  }
  return 0;
}

/// A PNG of one red pixel.
constexpr char kPixel[] =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

struct Road {
  std::string const codex = ar::test::codex_offline();
  std::string command = codex;
  Installation home;
  OpenAiStub stub;
  std::vector<std::int64_t> ids{};
  std::vector<std::string> persons{};

  /// What `spawn` and `run` are told of it.
  std::vector<std::string> options(std::string const& approval_mode) {
    auto const codex_home = home.work() / "codex-home";
    stub.configure(codex_home);
    json const overrides = {{"command", command}};
    return {"--provider",      "codex",         "--cwd", home.work().string(),
            "--approval-mode", approval_mode,   "--env", "CODEX_HOME=" + codex_home.string(),
            "--options",       overrides.dump()};
  }
  void spawn(std::string const& approval_mode = "full") {
    std::vector<std::string> words{"spawn", "cx"};
    for (auto& word : options(approval_mode)) words.push_back(std::move(word));
    home.good(words);
    home.wait_for_state("cx", "idle");
  }
  std::int64_t ask(std::string const& text, std::vector<std::string> const& more = {}) {
    ids.push_back(home.send("cx", text, more));
    return ids.back();
  }
  bool taken(std::int64_t id) {
    auto const state = home.delivery_state(id);
    return state == "done" || state == "failed";
  }
  bool all_taken() {
    return Installation::eventually([this] {
      for (auto id : ids)
        if (!taken(id)) return false;
      return true;
    });
  }
  pid_t agent_pid() { return home.agent("cx").value("pid", 0); }

  void tmux(std::vector<std::string> const& words) {
    std::vector<std::string> all{"-S", (home.state() / "run" / "tmux.sock").string()};
    all.insert(all.end(), words.begin(), words.end());
    home.run_program("/usr/bin/tmux", all, "");
  }
  /// A person at the terminal types a line, and a message comes before Enter is pressed.
  void type(std::string const& text) {
    auto const shown = [&] { return home.run({"screen", "cx"}).out.find(text) != std::string::npos; };
    auto const typed = Installation::eventually([&] {
      // Into a screen that is just coming up it would be lost.
      if (home.run({"screen", "cx"}).out.find("\u203a") == std::string::npos) return false;
      if (!shown()) tmux({"send-keys", "-t", "=ar-cx:", "-l", text});
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      return shown();
    });
    REQUIRE(typed);
    ask("while a person types");
    CHECK(all_taken());
    tmux({"send-keys", "-t", "=ar-cx:", "Enter"});
    auto const at_model = [&] {
      auto const texts = stub.get("/__prompts").get<std::vector<std::string>>();
      return std::ranges::count(texts, text) == 1;
    };
    CHECK(Installation::eventually(at_model));
    persons.push_back(text);
  }

  /// What the model was shown of each message; the session was resumed, so its longest conversation holds
  /// all.
  void check_model_side() {
    auto const texts = stub.get("/__prompts").get<std::vector<std::string>>();
    std::size_t lost = 0, doubled = 0;
    for (auto id : ids) {
      auto const header = " · message " + std::to_string(id) + " · ";
      std::size_t seen = 0;
      for (auto const& text : texts) seen += text.starts_with("[agent-runner ") && text.find(header) < 64;
      CHECK_MESSAGE(seen == 1, "message ", id, " seen ", seen, " times");
      lost += seen == 0;
      doubled += seen > 1;
      CHECK(home.message(id)["readBy"] == json::array({"cx"}));
    }
    for (auto const& text : persons) CHECK(std::ranges::count(texts, text) == 1);
    std::printf("messages %zu, lost %zu, doubled %zu; a person's lines between them %zu\n", ids.size(), lost, doubled,
                persons.size());
  }
};

}  // namespace

TEST_CASE("MessagesReachCodexAndAnswersComeBack") {
  Road road;
  road.spawn();
  auto const answer = road.home.good({"send", "cx", "a question [[say:the answer]]", "--wait=done"});
  CHECK(answer.out.find("the answer") != std::string::npos);
  road.ask("two\nlines, with a tab\t, inline");
  road.ask("[[exec:sleep 1]] work");
  road.ask("urgent, while busy", {"--urgent"});
  CHECK(road.all_taken());
  auto const shown = road.home.agent("cx");
  CHECK(shown["contextUse"]["tokens"] == 1220);
  road.check_model_side();
  for (auto const id : road.ids) ar::test::check_proven(road.home, id);
  road.home.good({"stop", "cx"});
  CHECK(road.home.agent("cx")["state"] == "stopped");
}

TEST_CASE("AnImageReachesTheModelOfCodexOnceWithItsBytes") {
  Road road;
  auto& home = road.home;
  road.spawn();
  auto const png = base64_decode(kPixel).value();
  auto const file = [&](char const* name, std::string const& bytes) {
    std::ofstream(home.work() / name, std::ios::binary) << bytes;
    return (home.work() / name).string();
  };
  road.ask("look", {"--attach", file("pasted", png), "--attach", file("posing.png", "no image")});
  CHECK(road.all_taken());
  auto const shown = [&] {
    std::vector<std::string> images;
    auto const last = road.stub.get("/__last");
    for (auto const& item : last["input"])
      if (item.value("role", "") == "user")
        for (auto const& part : item["content"])
          if (part["type"] == "input_image") images.push_back(part["image_url"]);
    return images;
  };
  std::vector<std::string> const one{std::string("data:image/png;base64,") + kPixel};
  CHECK_MESSAGE(shown() == one, road.stub.get("/__last").dump(1));
  auto const words = road.stub.get("/__latest").back().get<std::string>();
  for (auto const* name : {"-1-pasted]", "-2-posing.png]"}) CHECK_MESSAGE(words.find(name) != std::string::npos, words);

  // Into a turn that runs; and what is broken is the model's to be told of, and keeps nothing up.
  auto const busy = road.ask("[[exec:sleep 3]] work");
  CHECK(Installation::eventually([&] { return home.delivery_state(busy) == "running"; }));
  road.ask("look, while busy", {"--urgent", "--attach", file("second", png)});
  road.ask("broken", {"--attach", file("broken", png.substr(0, 40))});
  CHECK(road.all_taken());
  CHECK(shown().size() == 2);
  for (auto const id : road.ids) CHECK_MESSAGE(home.delivery_state(id) == "done", home.message(id).dump(1));

  // The record proves it to the next daemon.
  home.kill_daemon();
  home.good({"up"});
  road.ask("after it");
  CHECK(road.all_taken());
  CHECK(shown().size() == 2);
  CHECK(ar::test::told(home, "cx", "user", "look, while busy") == 1);
  road.check_model_side();
}

TEST_CASE("ARunOfCodexPrintsWhatItsTurnEndedWith") {
  Road road;
  std::vector<std::string> words{"run", "a question [[say:the answer]]", "--name", "cx", "--json"};
  for (auto& word : road.options("full")) words.push_back(std::move(word));
  auto const run = road.home.good(words).parsed();
  CHECK(run["ok"] == true);
  CHECK(run["text"] == "the answer");
  CHECK(run["turns"][0]["outcome"] == "completed");
  CHECK(run["session"]["turnSeq"] == 0);
  CHECK(ar::test::told(road.home, "cx", "user", "a question") == 1);
  CHECK(ar::test::told(road.home, "cx", "assistant", "the answer") == 1);
  json const used = {{"inputTokens", 1200},
                     {"outputTokens", 20},
                     {"cacheReadTokens", 0},
                     {"cacheWriteTokens", 0},
                     {"source", "rollout"}};
  CHECK(run["usage"] == used);
  CHECK(run["turns"][0]["usage"] == used);
  CHECK(run["costUsd"].is_null());
}

TEST_CASE("ARunsUsageCountsOnceOverTheDeathOfTheDaemonAndOfTheAppServer") {
  Road road;
  road.spawn();
  road.ask("[[exec:sleep 2]] work");  // two answers
  CHECK(Installation::eventually([&] { return road.home.delivery_state(road.ids.back()) == "running"; }));
  road.home.kill_daemon();
  road.home.good({"up"});
  CHECK(road.all_taken());
  auto const server = child(road.agent_pid(), "app-server");
  REQUIRE(server > 0);
  ::kill(server, SIGKILL);
  CHECK(Installation::eventually([&] { return !Installation::runs(server); }));
  road.ask("a question");
  CHECK(road.all_taken());
  auto const input_tokens = [&](json const& of) {
    return of.contains("usage") ? of["usage"].value("inputTokens", 0) : 0;
  };
  CHECK_MESSAGE(Installation::eventually([&] { return input_tokens(road.home.agent("cx")) == 3600; }),
                road.home.agent("cx").dump(1));
  auto const turns = road.home.good({"show", "cx", "--json"}).parsed()["turns"];
  REQUIRE(turns.size() == 2);
  CHECK(input_tokens(turns[0]) == 1200);
  CHECK(input_tokens(turns[1]) == 2400);
}

TEST_CASE("ATurnOfCodexThatEndsWhileNoDaemonRunsIsReportedAsItEnded") {
  Road road;
  road.spawn();
  auto& home = road.home;
  auto const record_has = [&](std::string const& text) {
    for (auto const& file : std::filesystem::recursive_directory_iterator(home.work() / "codex-home" / "sessions")) {
      std::ifstream in(file.path(), std::ios::binary);
      std::stringstream words;
      words << in.rdbuf();
      if (words.str().find(text) != std::string::npos) return true;
    }
    return false;
  };
  for (std::string const end : {"[[say:the answer]]", "[[fail:400]]"}) {
    auto const id = road.ask("[[sleep:3000]]" + end);
    CHECK_MESSAGE(Installation::eventually([&] { return home.delivery_state(id) == "running"; }),
                  home.message(id).dump(1));
    home.kill_daemon();
    auto const last = end.starts_with("[[say") ? "\"last_agent_message\":\"the answer\"" : "stub failure 400";
    CHECK(Installation::eventually([&] { return record_has(last); }));
    home.good({"up"});
    CHECK(Installation::eventually([&] { return road.taken(id); }));
    auto const shown = home.message(id);
    CHECK_MESSAGE(shown["deliveries"][0]["state"] == (end.starts_with("[[say") ? "done" : "failed"), shown.dump(1));
    CHECK(shown.dump().find(end.starts_with("[[say") ? "the answer\"" : "stub failure 400") != std::string::npos);
  }
  road.check_model_side();
}

TEST_CASE("MessagesReachCodexOnceOverTheDeathOfTheDaemonTheAppServerAndTheScreen") {
  Road road;
  auto const* const kills = std::getenv("E2E_KILLS");
  auto const* const seed = std::getenv("E2E_SEED");
  auto const wanted = kills ? std::atoi(kills) : 9;
  auto const number = static_cast<unsigned>(seed ? std::atoi(seed) : 1);
  std::printf("seed %u\n", number);
  std::minstd_rand random(number);
  road.spawn();
  auto const begun = std::chrono::steady_clock::now();
  for (int i = 0; i < wanted; ++i) {
    road.ask("[[exec:sleep 0." + std::to_string(random() % 5) + "]] number " + std::to_string(i));
    road.ask("short");
    if (random() % 2) road.ask("urgent", {"--urgent"});
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 900));
    auto const agent = road.agent_pid();
    switch (i % 3) {
      case 0:
        road.home.kill_daemon();
        road.ask("while the daemon starts again");  // this starts it
        break;
      case 1:
        if (auto const server = agent > 0 ? child(agent, "app-server") : 0; server > 0) ::kill(server, SIGKILL);
        // Many deaths in a row are for a person to look at.
        if (i % 6 == 4) {
          CHECK(Installation::eventually([&] { return road.agent_pid() > 0; }));
          road.home.run({"restart", "cx"});
        }
        break;
      default:
        if (auto const screen = agent > 0 ? child(agent, "resume") : 0; screen > 0) ::kill(screen, SIGKILL);
    }
    CHECK(road.all_taken());
    if (i % 3 != 1) road.type("line " + std::to_string(i) + " of a person");
  }
  auto const screen_back = [&] {
    auto const agent = road.agent_pid();
    return agent > 0 && child(agent, "resume") > 0;
  };
  CHECK(Installation::eventually(screen_back));
  road.ask("the last one");
  CHECK(road.all_taken());
  road.check_model_side();
  std::printf("%d deaths in %.0f s\n", wanted,
              std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
}

TEST_CASE("ACancelInATurnsFirstMomentEndsItWithCodex") {
  Road road;
  road.spawn();
  auto& home = road.home;
  for (int round = 0; round < 20; ++round) {
    auto const id = home.send("cx", "[[sleep:120000]] [[say:too late]]", {"--wait=accepted"});
    CHECK(home.good({"cancel", "cx", "--json"}).parsed()["cancelledCount"] == 1);
    auto const over = Installation::eventually([&] { return home.delivery_state(id) == "failed"; });
    REQUIRE_MESSAGE(over, "round ", round, ": ", home.message(id).dump(1), home.run({"screen", "cx"}).out);
  }
}

TEST_CASE("AnAgentAnswersByItsOwnCommand") {
  Road road;
  road.spawn();
  auto const first = road.ask("a question");
  CHECK(road.all_taken());
  road.ask("[[exec:echo the answer | \"$AGENT_RUNNER_CLI\" reply " + std::to_string(first) + " -]]");
  CHECK(road.all_taken());
  CHECK(road.home.message(first)["replies"].dump().find("the answer") != std::string::npos);
}

TEST_CASE("WhatKeepsCodexFromStartingIsToldAndNoMessageIsLost") {
  Road road;
  auto& home = road.home;
  auto const link = home.work() / "codex";
  std::filesystem::create_symlink(road.codex, link);
  road.command = link.string();
  road.spawn();
  auto const socket = home.state() / "agents" / "cx" / "codex" / "app.sock";
  auto const kill_server = [&] {
    auto const server = child(road.agent_pid(), "app-server");
    REQUIRE(server > 0);
    ::kill(server, SIGKILL);
    REQUIRE(Installation::eventually([&] { return !Installation::runs(server); }));
  };
  auto const told = [&](std::string const& words) {
    auto const there = [&] { return home.agent("cx").value("reason", "").find(words) != std::string::npos; };
    CHECK_MESSAGE(Installation::eventually(there), home.agent("cx").dump(1));
  };

  kill_server();
  CHECK(std::filesystem::exists(socket));  // it had no time to remove it
  road.ask("after a dead one's socket");
  CHECK(road.all_taken());

  {
    ar::test::Listener const stranger(socket);
    kill_server();
    told("process " + std::to_string(::getpid()));
    auto const shown = home.agent("cx");
    CHECK(shown["state"] == "restarting");
    CHECK_MESSAGE(shown["reason"].get<std::string>().find("listens at " + socket.string()) != std::string::npos,
                  shown["reason"]);
    road.ask("while a stranger has the socket");
    CHECK(Installation::eventually([&] { return home.delivery_state(road.ids.back()) == "held"; }));
  }
  CHECK(road.all_taken());

  // Now Codex itself says what is in its way.
  home.good({"stop", "cx"});
  std::filesystem::remove(socket);
  std::ofstream(socket) << "not a socket";
  home.run({"restart", "cx"});
  home.wait_for_state("cx", "failed");
  auto const reason = home.agent("cx")["reason"].get<std::string>();
  CHECK_MESSAGE(reason.find("exit status 1, Codex's app server said \"Error: ") != std::string::npos, reason);
  CHECK_MESSAGE(reason.find("is not a socket: " + socket.string() + "\"") != std::string::npos, reason);
  CHECK(home.good({"events", "cx", "--json", "--from", "0"}).out.find("is not a socket") != std::string::npos);
  road.ask("while something else lies there");
  std::filesystem::remove(socket);
  home.good({"restart", "cx"});
  CHECK(road.all_taken());

  // As while npm replaces it.
  std::filesystem::remove(link);
  kill_server();
  told("npm install -g @openai/codex");
  road.ask("while the program is away");
  CHECK(home.agent("cx")["state"] == "restarting");
  std::filesystem::create_symlink(road.codex, link);
  CHECK(road.all_taken());
  road.check_model_side();
}

TEST_CASE("AMissingAndATooOldCodexAreRefusedWithTheRemedy") {
  Road road;
  json options = {{"command", "/nowhere/codex"}};
  auto const missing = road.home.run(
      {"spawn", "cx", "--provider", "codex", "--cwd", road.home.work().string(), "--options", options.dump()});
  CHECK(missing.status != 0);
  CHECK(missing.err.find("npm install -g @openai/codex") != std::string::npos);
  auto const old = road.home.work() / "old-codex";
  std::ofstream(old) << "#!/bin/sh\necho codex-cli 0.50.0\n";
  std::filesystem::permissions(old, std::filesystem::perms::owner_all);
  options["command"] = old.string();
  auto const too_old = road.home.run(
      {"spawn", "cx", "--provider", "codex", "--cwd", road.home.work().string(), "--options", options.dump()});
  CHECK(too_old.status != 0);
  CHECK(too_old.err.find("0.50.0") != std::string::npos);
}
