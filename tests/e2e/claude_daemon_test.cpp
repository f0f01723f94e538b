// The whole road with the real CLI: bus, daemon, tmux, Claude Code, model; over the death of the daemon and of the CLI.
// Counted at the model's side: each message reached it once.
#include "e2e/offline.hpp"
#include "e2e/stub.hpp"
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;

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
  auto const asked = home.run_program("/usr/bin/curl", {"-s", stub.url() + "/__prompts"}, "");
  for (auto id : ids) {
    auto const header = "message " + std::to_string(id) + " ";
    std::size_t seen = 0;
    for (auto at = asked.out.find(header); at != std::string::npos; at = asked.out.find(header, at + 1)) ++seen;
    CHECK_MESSAGE(seen == 1, header, "seen ", seen, " times");
    CHECK(home.message(id)["readBy"] == json::array({"cc"}));
  }
}
