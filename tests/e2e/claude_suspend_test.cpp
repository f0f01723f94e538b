// Agents that are suspended and woken by a message each: their sessions go on where they were, and meanwhile their
// memory is free. None is suspended while something of it runs. E2E_AGENTS sets how many (default 2).
#include "e2e/bodies.hpp"
#include "e2e/offline.hpp"
#include "e2e/stub.hpp"

#include <cstdio>
#include <cstdlib>

using namespace ar;
using test::Installation;

TEST_CASE("AgentsSuspendedForMemoryAreWokenByAMessageWithTheirSessionsIntact") {
  auto const claude = test::claude_offline();
  Installation home;
  test::Stub stub;
  auto const* const wanted = std::getenv("E2E_AGENTS");
  int const agents = wanted ? std::max(1, std::atoi(wanted)) : 2;
  auto const name = [](int i) { return "cc" + std::to_string(i); };
  auto const first = [](int i) { return "the first of number " + std::to_string(i) + ","; };
  auto const all = [&](auto const& condition) {
    return Installation::eventually([&] {
      for (int i = 0; i < agents; ++i)
        if (!condition(home.agent(name(i)))) return false;
      return true;
    });
  };
  auto const memory = [&] {
    std::int64_t total = 0;
    for (int i = 0; i < agents; ++i) total += home.agent(name(i)).value("memoryBytes", std::int64_t{0});
    return static_cast<double>(total) / (1 << 20);
  };

  for (int i = 0; i < agents; ++i) {
    test::spawn_claude(home, name(i), claude, stub);
    home.wait_for_state(name(i), "idle");
    home.send(name(i), first(i), {"--wait=done", "--timeout", "60s"});
  }
  std::vector<std::string> sessions;
  for (int i = 0; i < agents; ++i) sessions.push_back(home.agent(name(i))["providerSession"]);
  auto const before = memory();

  home.good({"down"});
  std::ofstream(home.state() / "config.toml") << "[agents]\nmemory_limit_mb = 1\n";
  home.good({"up"});
  CHECK(all([](json const& agent) { return agent["state"] == "suspended"; }));
  CHECK(home.good({"events", name(0), "--json", "--from", "0"}).out.find("more than the 1 MiB that are configured") !=
        std::string::npos);
  auto const after = memory();

  std::vector<double> woken;
  int intact = 0;
  for (int i = 0; i < agents; ++i) {
    auto const from = std::chrono::steady_clock::now();
    home.send(name(i), "go on", {"--wait=done", "--timeout", "60s"});
    woken.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - from).count());
    auto const prompts = home.run_program("/usr/bin/curl", {"-s", stub.url() + "/__prompts"}, "").out;
    bool const there = prompts.find(first(i)) != std::string::npos && prompts.find("go on") != std::string::npos;
    CHECK(there);
    CHECK(home.agent(name(i))["providerSession"] == sessions[static_cast<std::size_t>(i)]);
    intact += there;
  }
  CHECK(before > 50.0 * agents);
  CHECK(after == 0);
  std::printf(
      "%d agents: %.0f MiB resident before, %.0f MiB suspended; %d sessions intact; message -> done with waking "
      "p50 %.0f ms, p95 %.0f ms\n",
      agents, before, after, intact, test::quantile(woken, 0.5), test::quantile(woken, 0.95));
}

TEST_CASE("AnIdleTimeCutsNeitherATurnThatAHookHasGoOnNorACommandInTheBackground") {
  auto const claude = test::claude_offline();
  Installation home;
  test::Stub stub;
  // A person's own hook, which has the model go on once. Where its words are a prompt for the stub they say what comes
  // then, else the message does.
  std::string const rest = "[[bash:true; sleep 6; touch in-turn]] [[say:the last text]]";
  std::string const once = "cat > /dev/null; [ -e asked ] && exit 0; touch asked; sleep 3; echo '" +
                           json{{"decision", "block"}, {"reason", "go on " + rest}}.dump() + "'";
  json settings;
  settings["hooks"]["Stop"] = json::array({{{"hooks", json::array({{{"type", "command"}, {"command", once}}})}}});
  auto const config = home.work() / "config-cc";
  std::filesystem::create_directories(config);
  std::ofstream(config / "settings.json") << settings.dump();
  std::vector<std::string> const idle_time{"--idle-ttl", "2s"};
  test::spawn_claude(home, "cc", claude, stub, "full", idle_time);

  auto const ask = [&](std::string const& text) {
    return home.good({"send", "cc", "-", "--wait", "--timeout", "120s"}, text).out;
  };
  auto const answer = ask("[[say:the first text]] " + rest);
  CHECK(answer.find("the last text") != std::string::npos);
  CHECK(answer.find("the first text") == std::string::npos);
  CHECK(std::filesystem::exists(home.work() / "asked"));
  CHECK(std::filesystem::exists(home.work() / "in-turn"));
  // What it was called, from the turn's beginning to its end.
  bool in_turn = false;
  int turns = 0;
  for (auto const& line : Installation::lines(home.good({"events", "cc", "--json", "--from", "0"}).out)) {
    auto const event = json::parse(line);
    if (event["type"] == "turn.started") in_turn = true;
    if (event["type"] == "turn.ended") in_turn = false, ++turns;
    if (in_turn && event["type"] == "agent.state") CHECK(event["data"]["state"] == "busy");
  }
  CHECK(turns == 1);

  // It ends when the test says so: its end would begin a turn, and that would be the reason.
  json const call = {{"command", "until [ -e go ]; do sleep 0.2; done; touch behind"},
                     {"description", "scripted"},
                     {"run_in_background", true}};
  CHECK(ask("[[tool:Bash:" + call.dump() + "]] [[say:it runs]]").find("it runs") != std::string::npos);
  auto const refused = home.run({"suspend", "cc"});
  CHECK(refused.status != 0);
  CHECK_MESSAGE(refused.err.find("a command in the background") != std::string::npos, refused.err);
  std::ofstream(home.work() / "go") << "go";
  CHECK(Installation::eventually([&] { return std::filesystem::exists(home.work() / "behind"); }));
  // At rest it is, then.
  home.wait_for_state("cc", "suspended");
}
