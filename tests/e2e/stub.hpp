// The stub model API as a process, and an agent of a whole installation that talks to it.
#pragma once
#include "base/json.hpp"
#include "e2e/stub_api.hpp"
#include "system/installation.hpp"

namespace ar::test {

/// The stub of Anthropic's API.
struct Stub : StubApi {
  explicit Stub(std::vector<std::string> prefix = {}) : StubApi("stub_anthropic_api.mjs", std::move(prefix)) {}
};

/// What `spawn` and `run` are told of the real Claude Code as agent `name`: every first-run dialog answered, nothing
/// asked, the stub as its model.
inline std::vector<std::string> claude_options(Installation& home, std::string const& name, std::string const& claude,
                                               Stub const& stub, std::string const& approval_mode = "full") {
  auto const config = home.work() / ("config-" + name);
  std::filesystem::create_directories(config);
  std::ofstream(config / ".claude.json") << R"({"hasCompletedOnboarding":true})";
  json const options = {
      {"command", claude}, {"trust_workspace", true}, {"accept_bypass", true}, {"sandboxed_root", true}};
  return {"--provider",      "claude",
          "--cwd",           home.work().string(),
          "--approval-mode", approval_mode,
          "--env",           "CLAUDE_CONFIG_DIR=" + config.string(),
          "--env",           "ANTHROPIC_BASE_URL=" + stub.url(),
          "--env",           "ANTHROPIC_AUTH_TOKEN=stub",
          "--env",           "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
          "--options",       options.dump()};
}

inline void spawn_claude(Installation& home, std::string const& name, std::string const& claude, Stub const& stub,
                         std::string const& approval_mode = "full", std::vector<std::string> const& more = {}) {
  std::vector<std::string> words{"spawn", name, "--no-wait"};
  for (auto& word : claude_options(home, name, claude, stub, approval_mode)) words.push_back(std::move(word));
  words.insert(words.end(), more.begin(), more.end());
  home.good(words);
}

}  // namespace ar::test
