// What a test of an adapter's launch needs: a folder that stands for the machine, a request, and the plan made of it.
#pragma once
#include "adapters/adapter.hpp"
#include "adapters/profile.hpp"
#include "base/paths.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ar::test {

struct LaunchSetup {
  std::shared_ptr<adapters::Adapter const> adapter;
  TempDir dir{};
  adapters::LaunchRequest request{};

  /// `cwd`: below the folder.
  explicit LaunchSetup(std::shared_ptr<adapters::Adapter const> made, std::filesystem::path const& cwd = "project")
      : adapter(std::move(made)) {
    request.agent_id = "alice";
    request.agent_dir = dir.path() / "agent";
    request.cwd = dir.path() / cwd;
    request.hook_client = "/opt/bin/agent-runner-hook";
    request.environment = {{"HOME", (dir.path() / "home").string()}, {"PATH", "/usr/bin:/bin"}};
    for (auto const& folder : {request.agent_dir, request.cwd}) std::filesystem::create_directories(folder);
  }
  void write(std::string const& name, std::string const& text, unsigned mode = 0600) const {
    std::filesystem::create_directories((dir.path() / name).parent_path());
    REQUIRE(write_file(dir.path() / name, text, mode).has_value());
  }
  /// The CLI to launch.
  void command(std::string const& name, std::string const& script) {
    write(name, "#!/bin/sh\n" + script + "\n", 0700);
    request.options["command"] = (dir.path() / name).string();
  }
  std::string text(std::filesystem::path const& file) const {
    auto const read = read_file(file, 1 << 20);
    REQUIRE_MESSAGE(read.has_value(), file);
    return *read;
  }
  Result<adapters::LaunchPlan> plan() const { return adapter->prepare(request); }
  /// With this profile.
  adapters::LaunchPlan plan(json const& table) {
    auto profile = adapters::profile_from(table, "p", "");
    REQUIRE_MESSAGE(profile.has_value(), profile.error().message);
    request.profile = std::make_shared<adapters::Profile>(std::move(*profile));
    auto const made = plan();
    REQUIRE_MESSAGE(made.has_value(), made.error().message);
    return *made;
  }
  /// What became of a field of the profile.
  std::string outcome(std::string const& field) const {
    auto const report = adapter->projection(request);
    for (auto const& line : report.fields())
      if (line["field"] == field) return line["outcome"];
    return "absent";
  }
};

inline bool has(std::vector<std::string> const& words, std::string const& word) {
  return std::ranges::find(words, word) != words.end();
}

/// The word after `flag`.
inline std::string after(std::vector<std::string> const& words, std::string const& flag) {
  auto const at = std::ranges::find(words, flag);
  return at == words.end() || at + 1 == words.end() ? "absent" : *(at + 1);
}

}  // namespace ar::test
