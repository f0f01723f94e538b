// Profiles with the real Codex: what its model is shown on each ground, and that an agent in a sandbox can answer.
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/profile_home.hpp"

using ar::json;
using namespace ar::test;

namespace {

std::vector<std::string> const kHosts{"HOST-INSTRUCTIONS", "THE-hostskill", "THE-leaky", "hostmcp"};
std::vector<std::string> const kRepos{"REPO-INSTRUCTIONS", "repomcp"};
std::vector<std::string> const kProfiles{"APPENDED", "THE-ownskill", "mcp__mine", "SYSTEM-REPLACED"};

std::string toml_server(std::string const& name) {
  auto const server = ProfileHome::server(name);
  return "[mcp_servers." + name + "]\ncommand = \"node\"\nargs = " + server["args"].dump() + "\n";
}

struct Scene : ProfileHome {
  std::string const codex = codex_offline();
  OpenAiStub stub;

  Scene() {
    auto const host = person / ".codex";
    stub.configure(host);
    std::ofstream(host / "config.toml", std::ios::app) << toml_server("hostmcp");
    write(host / "AGENTS.md", "HOST-INSTRUCTIONS");
    write_skill(host / "skills" / "hostskill");
    write_skill(person / ".agents" / "skills" / "leaky");
    write(repo / "AGENTS.md", "REPO-INSTRUCTIONS");
    write(repo / ".codex" / "config.toml", toml_server("repomcp"));
    write_skill(person / "own" / "ownskill");
    configure(R"([profiles.own]
host = ["settings"]
skills = [")" +
              (person / "own" / "ownskill").string() +
              R"("]
instructions = {append = ["APPENDED"]}
mcp = {servers = {mine = {command = "node", args = [")" +
              std::string(AR_SOURCE_DIR) + R"(/tests/e2e/stub_mcp.mjs", "mine"]}}}
[profiles.bare]
host = ["settings"]
instructions = {system = "SYSTEM-REPLACED", repoInstructions = false}
relay = {context = false}
[profiles.repos]
host = ["settings"]
mcp = {mode = "project"}
[profiles.hosts]
base = "host"
instructions = {append = ["APPENDED"]}
)");
  }
  void spawn(std::string const& name, std::string const& profile, std::string const& mode,
             std::vector<std::string> const& more = {}) {
    json const options = {{"command", codex}};
    std::vector<std::string> words{"spawn", name,          "--provider",      "codex", "--profile", profile,
                                   "--cwd", repo.string(), "--approval-mode", mode,    "--options", options.dump()};
    words.insert(words.end(), more.begin(), more.end());
    home.good(words);
    home.wait_for_state(name, "idle");
  }
  std::string shown(std::string const& agent, std::string const& wanted) {
    std::string text;
    Installation::eventually([&] {
      home.good({"send", agent, "hello", "--wait=done"});
      text = stub.get("/__last").dump();
      return text.find(wanted) != std::string::npos;
    });
    return text;
  }
};

}  // namespace

TEST_CASE("AnIsolatedCodexSeesTheRepositorysInstructionsAndItsProfileAndNothingOfTheHost") {
  Scene scene;
  scene.spawn("cx", "own", "full");
  auto const text = scene.shown("cx", "mcp__mine");
  CHECK(found_in(text, kHosts).empty());
  CHECK(found_in(text, kRepos) == std::vector<std::string>{"REPO-INSTRUCTIONS"});
  CHECK(found_in(text, kProfiles) == std::vector<std::string>{"APPENDED", "THE-ownskill", "mcp__mine"});
  CHECK(text.find("[agent-runner CODE ...]") != std::string::npos);
  // Its commands are at home where the person is.
  auto const file = scene.person / "home-of-commands";
  scene.home.good({"send", "cx", "[[exec:printenv HOME > " + file.string() + "]]", "--wait=done"});
  std::string where;
  std::ifstream(file) >> where;
  CHECK(where == scene.person.string());
  scene.home.good({"restart", "cx"});
  CHECK(Installation::eventually([&] { return scene.home.agent("cx")["state"] == "idle"; }));
  auto const again = scene.shown("cx", "mcp__mine");
  CHECK(found_in(again, kHosts).empty());
}

TEST_CASE("ABareCodexSeesItsOwnInstructionsOnly") {
  Scene scene;
  scene.spawn("cx", "bare", "full");
  auto const text = scene.shown("cx", "SYSTEM-REPLACED");
  CHECK(found_in(text, kHosts).empty());
  CHECK(found_in(text, kRepos).empty());
  CHECK(found_in(text, kProfiles) == std::vector<std::string>{"SYSTEM-REPLACED"});
  CHECK(text.find("[agent-runner CODE ...]") == std::string::npos);
}

TEST_CASE("AProfileMayLetTheRepositoryIn") {
  Scene scene;
  scene.spawn("cx", "repos", "auto");
  auto const text = scene.shown("cx", "repomcp");
  CHECK(found_in(text, kHosts).empty());
  CHECK(found_in(text, kRepos) == kRepos);
}

TEST_CASE("AHostBasedCodexSeesWhatThePersonSees") {
  Scene scene;
  scene.spawn("cx", "hosts", "full");
  auto const text = scene.shown("cx", "hostmcp");
  CHECK(found_in(text, kHosts) == kHosts);
  CHECK(found_in(text, kProfiles) == std::vector<std::string>{"APPENDED"});
}

TEST_CASE("ACodexKeepsTheSkillThatItWasSpawnedWithAndWhatItSaidIsFound") {
  Scene scene;
  scene.home.good({"skill", "add", (scene.person / "own" / "ownskill").string()});
  scene.spawn("cx", "bare", "full", {"--skill", "ownskill"});
  CHECK(scene.shown("cx", "THE-ownskill").find("THE-ownskill") != std::string::npos);
  scene.home.good({"skill", "rm", "ownskill"});
  std::filesystem::remove_all(scene.person / "own");
  scene.home.good({"restart", "cx"});
  CHECK(Installation::eventually([&] { return scene.home.agent("cx")["state"] == "idle"; }));
  CHECK(scene.shown("cx", "THE-ownskill").find("THE-ownskill") != std::string::npos);
  auto const found = scene.home.good({"search", "hello", "--agent", "cx", "--json"}).out;
  CHECK(found.find("\"kind\":\"message\"") != std::string::npos);
  CHECK(found.find("\"kind\":\"transcript\"") != std::string::npos);
  for (auto const& line : Installation::lines(found)) CHECK_MESSAGE(json::parse(line)["turn"].is_number(), line);
}

TEST_CASE("AnAgentInASandboxAnswersAndNothingElseGetsOut") {
  if (std::string(AR_BIN_DIR).find_first_of(" '\"$\\") != std::string::npos) {
    MESSAGE("not tried: no rule of Codex lets a program run whose path a shell would have to quote: ", AR_BIN_DIR);
    return;
  }
  Scene scene;
  auto const cli = std::string(AR_BIN_DIR) + "/agent-runner";
  // Not below /tmp, where sandboxed commands may write. The clone may lie there.
  TempDir const elsewhere("/var/tmp");
  REQUIRE_FALSE(std::filesystem::canonical(elsewhere.path()).string().starts_with("/tmp/"));
  auto const out = (elsewhere.path() / "outside").string();
  for (std::string const mode : {"read-only", "guarded", "auto"}) {
    CAPTURE(mode);
    auto const agent = "cx-" + mode;
    scene.spawn(agent, "own", mode);
    auto const id = scene.home.send(agent, "a question");
    CHECK(Installation::eventually([&] { return scene.home.delivery_state(id) == "done"; }));
    scene.home.good(
        {"send", agent, "[[exec:" + cli + " reply " + std::to_string(id) + " 'two\nlines']]", "--wait=done"});
    auto const replies = scene.home.message(id)["replies"];
    REQUIRE_MESSAGE(replies.size() == 1, scene.stub.get("/__last").dump());
    CHECK(replies[0]["body"] == "two\nlines");
    CHECK(replies[0]["from"] == agent);
    if (mode == "guarded") continue;  // there the rest is asked about, and nobody is there to answer
    // The same program with another verb stays inside, and so does the same verb behind a redirection.
    for (auto const& command : {cli + " send operator x", cli + " reply " + std::to_string(id) + " x > " + out})
      scene.home.good({"send", agent, "[[exec:" + command + "]]", "--wait=done"});
    CHECK_FALSE(std::filesystem::exists(out));
    CHECK(scene.home.message(id)["replies"].size() == 1);
  }
}
