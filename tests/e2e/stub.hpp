// The stub model API as a process, and an agent of a whole installation that talks to it.
#pragma once
#include "base/json.hpp"
#include "system/installation.hpp"

namespace ar::test {

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
    port_ = json::parse(line)["port"].get<int>();
  }
  ~Stub() {
    ::close(input_);
    ::waitpid(pid_, nullptr, 0);
  }
  Stub(Stub const&) = delete;
  Stub& operator=(Stub const&) = delete;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int port_ = 0;
  pid_t pid_ = -1;
  int input_ = -1;
};

/// The real Claude Code as agent `name`: every first-run dialog answered, nothing asked, the stub as its model.
inline void spawn_claude(Installation& home, std::string const& name, std::string const& claude, Stub const& stub,
                         std::string const& approval_mode = "full", std::vector<std::string> const& more = {}) {
  auto const config = home.work() / ("config-" + name);
  std::filesystem::create_directories(config);
  std::ofstream(config / ".claude.json") << R"({"hasCompletedOnboarding":true})";
  json const options = {
      {"command", claude}, {"trust_workspace", true}, {"accept_bypass", true}, {"sandboxed_root", true}};
  std::vector<std::string> words{"spawn",           name,
                                 "--provider",      "claude",
                                 "--cwd",           home.work().string(),
                                 "--approval-mode", approval_mode,
                                 "--env",           "CLAUDE_CONFIG_DIR=" + config.string(),
                                 "--env",           "ANTHROPIC_BASE_URL=" + stub.url(),
                                 "--env",           "ANTHROPIC_AUTH_TOKEN=stub",
                                 "--env",           "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
                                 "--options",       options.dump()};
  words.insert(words.end(), more.begin(), more.end());
  home.good(words);
}

}  // namespace ar::test
