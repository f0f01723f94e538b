// Codex agents whose account is used up, and what is to be seen of it.
#pragma once
#include "base/json.hpp"
#include "system/installation.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace ar::test {

/// All that have happened, oldest first.
inline std::vector<json> events(Installation& home) {
  std::vector<json> all;
  for (std::int64_t from = 0;;) {
    auto const page =
        Installation::lines(home.good({"events", "--from", std::to_string(from), "-n", "1000", "--json"}).out);
    if (page.empty()) return all;
    for (auto const& line : page) all.push_back(json::parse(line));
    from = all.back()["number"].get<std::int64_t>();
  }
}

/// How often such an event has happened.
inline int count(Installation& home, std::string const& type) {
  return static_cast<int>(std::ranges::count_if(events(home), [&](json const& one) { return one["type"] == type; }));
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
                        std::filesystem::path const& codex_home, std::vector<std::string> const& more = {}) {
  json const options = {{"command", cli}, {"request_retries", 1}, {"stream_retries", 1}};
  std::vector<std::string> words{"spawn",
                                 name,
                                 "--no-wait",
                                 "--provider",
                                 "codex",
                                 "--cwd",
                                 home.work().string(),
                                 "--approval-mode",
                                 "full",
                                 "--tag",
                                 "q",
                                 "--env",
                                 "CODEX_HOME=" + codex_home.string(),
                                 "--options",
                                 options.dump()};
  words.insert(words.end(), more.begin(), more.end());
  home.good(words);
  home.wait_for_state(name, "idle");
}

}  // namespace ar::test
