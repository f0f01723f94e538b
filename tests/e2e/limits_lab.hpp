// Codex agents whose account is used up, and what is to be seen of it.
#pragma once
#include "base/json.hpp"
#include "system/installation.hpp"

#include <filesystem>
#include <string>

namespace ar::test {

/// How often such an event has happened.
inline int count(Installation& home, std::string const& type) {
  auto const events = home.good({"events", "-n", "1000", "--json"}).out;
  auto const mark = "\"type\":\"" + type + "\"";
  int found = 0;
  for (auto at = events.find(mark); at != std::string::npos; at = events.find(mark, at + 1)) ++found;
  return found;
}

inline std::string account_of(Installation& home, std::string const& agent) {
  CHECK(Installation::eventually([&] { return home.agent(agent).contains("account"); }));
  return home.agent(agent).value("account", "");
}

inline bool is_limited(Installation& home, std::string const& agent, std::string const& kind) {
  auto const shown = home.agent(agent);
  return shown.contains("limited") && shown["limited"]["kind"] == kind;
}

inline void spawn_codex(Installation& home, std::string const& name, std::string const& cli,
                        std::filesystem::path const& codex_home) {
  json const options = {{"command", cli}, {"request_retries", 1}, {"stream_retries", 1}};
  home.good({"spawn", name, "--no-wait", "--provider", "codex", "--cwd", home.work().string(), "--approval-mode",
             "full", "--tag", "q", "--env", "CODEX_HOME=" + codex_home.string(), "--options", options.dump()});
  home.wait_for_state(name, "idle");
}

}  // namespace ar::test
