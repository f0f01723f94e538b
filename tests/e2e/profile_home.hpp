// A person's own set-up and a repository's, each with something of every kind that a profile may keep out.
#pragma once
#include "base/json.hpp"
#include "system/installation.hpp"

#include <cstdlib>

namespace ar::test {

struct ProfileHome {
  Installation home;
  std::filesystem::path person = home.work().parent_path();  ///< HOME of the daemon and so of its agents
  std::filesystem::path repo = home.work() / "repo";

  ProfileHome() {
    write(repo / "sub" / "file", "x");
    home.run_program("/usr/bin/git", {"init", "-q", repo.string()}, "");
  }
  static void write(std::filesystem::path const& file, std::string const& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  static void write_skill(std::filesystem::path const& folder) {
    auto const name = folder.filename().string();
    write(folder / "SKILL.md", "---\nname: " + name + "\ndescription: THE-" + name + "\n---\nText.\n");
  }
  /// A hook's command that leaves a mark.
  std::string mark(std::string const& name) const { return "touch " + (person / ("ran-" + name)).string(); }
  bool ran(std::string const& name) const { return std::filesystem::exists(person / ("ran-" + name)); }
  static json server(std::string const& name) {
    auto const script = std::string(AR_SOURCE_DIR) + "/tests/e2e/stub_mcp.mjs";
    return {{"command", "node"}, {"args", {script, name}}};
  }
  void configure(std::string const& toml) const { write(home.state() / "config.toml", toml); }
};

/// The words of `wanted` that stand in `text`.
inline std::vector<std::string> found_in(std::string const& text, std::vector<std::string> const& wanted) {
  std::vector<std::string> found;
  for (auto const& word : wanted)
    if (text.find(word) != std::string::npos) found.push_back(word);
  return found;
}

}  // namespace ar::test
