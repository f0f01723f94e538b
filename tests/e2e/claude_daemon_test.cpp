// The whole road with the real CLI: bus, daemon, tmux, Claude Code, model; over the death of the daemon and of the CLI.
// Counted at the model's side: each message reached it once.
#include "e2e/offline.hpp"
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;

namespace {

/// The stub model API on loopback; it ends with its standard input.
class Stub {
 public:
  Stub() {
    int in[2], out[2];
    REQUIRE(::pipe2(in, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::string const script = std::string(AR_SOURCE_DIR) + "/tests/e2e/stub_anthropic_api.mjs";
    std::vector<std::string> words{"node", script};
    std::vector<char*> argv{words[0].data(), words[1].data(), nullptr};
    REQUIRE(::posix_spawnp(&pid_, "node", &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    std::string line;
    for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(out[0]);
    port = json::parse(line)["port"].get<int>();
  }
  ~Stub() {
    ::close(input_);
    ::waitpid(pid_, nullptr, 0);
  }
  Stub(Stub const&) = delete;
  Stub& operator=(Stub const&) = delete;
  int port = 0;

 private:
  pid_t pid_ = -1;
  int input_ = -1;
};

}  // namespace

TEST_CASE("MessagesReachClaudeOnceOverTheDeathOfTheDaemonAndOfTheCli") {
  auto const claude = ar::test::claude_offline();
  Installation home;
  Stub stub;
  auto const config = home.work() / "config";
  std::filesystem::create_directories(config);
  std::ofstream(config / ".claude.json") << R"({"hasCompletedOnboarding":true})";
  auto const url = "http://127.0.0.1:" + std::to_string(stub.port);
  json const options = {{"command", claude}, {"trust_workspace", true}, {"accept_bypass", true}, {"sandboxed_root", true}};
  home.good({"spawn", "cc", "--provider", "claude", "--cwd", home.work().string(), "--approval-mode", "full", "--env",
             "CLAUDE_CONFIG_DIR=" + config.string(), "--env", "ANTHROPIC_BASE_URL=" + url, "--env",
             "ANTHROPIC_AUTH_TOKEN=stub", "--env", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "--options", options.dump()});
  home.wait_for_state("cc", "idle");

  std::vector<std::int64_t> ids;
  auto const ask = [&](std::string const& text) { ids.push_back(home.send("cc", text + " [[say:answer " + std::to_string(ids.size()) + "]]")); };
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
  auto const asked = home.run_program("/usr/bin/curl", {"-s", url + "/__prompts"}, "");
  for (auto id : ids) {
    auto const header = "message " + std::to_string(id) + " ";
    std::size_t seen = 0;
    for (auto at = asked.out.find(header); at != std::string::npos; at = asked.out.find(header, at + 1)) ++seen;
    CHECK_MESSAGE(seen == 1, header, "seen ", seen, " times");
    CHECK(home.message(id)["readBy"] == json::array({"cc"}));
  }
}
