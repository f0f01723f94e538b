// What the plugins tell agents to run, with the real binary: verbs that there are.
#include "base/paths.hpp"
#include "cli_process.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <string>

using namespace ar;
using namespace ar::test;
namespace fs = std::filesystem;

namespace {

std::string skill(std::string const& provider, std::string const& name) {
  auto const text = read_file(fs::path(AR_SOURCE_DIR) / "plugins" / provider / "skills" / name / "SKILL.md", 1U << 20);
  REQUIRE(text.has_value());
  return *text;
}

/// The words after the command's name, at the beginning of a line or of a piece of code.
std::set<std::string> verbs_in(std::string const& text) {
  static std::regex const call("(?:^|[\\n`])(?:agent-runner|\"\\$AGENT_RUNNER_CLI\") ([a-z-]+)");
  std::set<std::string> verbs;
  for (std::sregex_iterator at(text.begin(), text.end(), call), end; at != end; ++at) verbs.insert((*at)[1]);
  return verbs;
}

}  // namespace

TEST_CASE("TheSkillsOfThePluginsNameVerbsThatThereAre") {
  CliHome const home;
  for (std::string const provider : {"claude", "codex"}) {
    std::set<std::string> all;
    for (auto const& [name, verb] :
         {std::pair{"reply", "reply"}, {"react", "react"}, {"read-message", "read"}, {"guide", "send"}}) {
      CAPTURE(provider);
      CAPTURE(name);
      auto const text = skill(provider, name);
      CHECK(text.starts_with("---\nname: " + std::string(name) + "\ndescription: "));
      auto const verbs = verbs_in(text);
      CHECK(verbs.contains(verb));
      all.insert(verbs.begin(), verbs.end());
    }
    // Of a word that is no verb the help is that of the whole program.
    auto const no_verb = home.run({"no-such-verb", "--help"}).out;
    for (auto const& verb : all) {
      auto const help = home.run({verb, "--help"}).out;
      CHECK_MESSAGE(help != no_verb, provider << ": " << verb);
      CHECK_MESSAGE(help.find("agent-runner " + verb) != std::string::npos, help);
    }
  }
}
