// Skills over the real daemon: kept once, given to agents, and kept for them over removals and restarts.
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;

namespace {

std::filesystem::path make_skill(Installation const& home, std::string const& name, std::string const& text) {
  auto const folder = home.work() / name;
  std::filesystem::create_directories(folder / "scripts");
  std::ofstream(folder / "SKILL.md") << "---\nname: " << name << "\ndescription: a test\n---\n" << text << "\n";
  std::ofstream(folder / "scripts" / "run.sh") << "#!/bin/sh\necho run\n";
  return folder;
}

json added(Installation& home, std::vector<std::string> words) {
  words.insert(words.begin(), {"skill", "add", "--json"});
  return home.good(words).parsed();
}

}  // namespace

TEST_CASE("ASkillIsKeptOnceHoweverItComes") {
  Installation home;
  home.good({"up"});
  auto const folder = make_skill(home, "review", "look twice");
  auto const first = added(home, {folder.string()});
  CHECK(first["name"] == "review");
  CHECK(added(home, {folder.string()})["id"] == first["id"]);
  // Straight to the route, to see the statuses.
  auto const socket = (home.state() / "run" / "control.sock").string();
  auto const status = [&](std::string const& body) {
    return home
        .run_program("/usr/bin/curl",
                     {"-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", socket, "-d", body, "-H",
                      "Content-Type: application/json", "http://localhost/v1/skills"},
                     "")
        .out;
  };
  auto const text = json{{"markdown", "no tabs"}, {"name", "style"}, {"description", "how we indent"}}.dump();
  CHECK(status(text) == "201");
  CHECK(status(text) == "200");
  CHECK(status("{}") == "400");
  CHECK(status(R"({"markdown":"x","name":"../x","description":"d"})") == "400");
  auto const shown = home.good({"skill", "show", "review", "--json"}).parsed();
  CHECK(shown["contentHash"] == first["contentHash"]);
  CHECK(shown["files"].size() == 2);
  home.kill_daemon();
  home.good({"up"});
  auto const list = home.good({"skill", "list"}).out;
  CHECK(list.find("review") != std::string::npos);
  CHECK(list.find("style") != std::string::npos);
  CHECK(added(home, {folder.string()})["id"] == first["id"]);
  CHECK(home.run({"skill", "add", (home.work() / "nowhere").string()}).status == 2);
  CHECK(home.run({"skill", "show", "nobody"}).status == 3);
}

TEST_CASE("AnAgentHasWhatItWasSpawnedWithUntilItIsRemoved") {
  Installation home;
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[profiles.careful]\nbase = \"host\"\nskills = [\"review\"]\n";
  home.good({"up"});
  auto const folder = make_skill(home, "review", "look twice");
  auto const local = make_skill(home, "local", "as it was");
  auto const early =
      home.run({"spawn", "x", "--provider", "command", "--cwd", home.work().string(), "--profile", "careful"});
  CHECK(early.status == 2);
  CHECK(early.err.find("\"review\"") != std::string::npos);
  auto const id = added(home, {folder.string()})["id"].get<std::string>();
  home.spawn("alice", {"--profile", "careful", "--skill", local.string()});
  auto const skills = home.agent("alice")["skills"];
  REQUIRE(skills.size() == 2);
  CHECK(skills[0]["id"] == id);
  CHECK(skills[1]["name"] == "local");
  auto const gone = home.good({"skill", "rm", "review", "--json"}).parsed();
  CHECK(gone["removed"] == id);
  CHECK(gone["pinnedBy"] == json{"alice"});
  CHECK(home.run({"skill", "rm", id}).status == 3);
  auto const kept = home.state() / "skills" / id / "review";
  for (int round = 0; round < 2; ++round) {
    CHECK(std::filesystem::exists(kept / "scripts" / "run.sh"));
    CHECK(home.agent("alice")["skills"] == skills);
    if (round == 0) home.kill_daemon();
  }
  CHECK(home.good({"skill", "list"}).out.find("review") == std::string::npos);
  CHECK(home.good({"skill", "show", id}).out.find("alice") != std::string::npos);
  home.good({"stop", "alice"});
  home.good({"rm", "alice"});
  CHECK_FALSE(std::filesystem::exists(kept));
  CHECK(std::filesystem::is_empty(home.state() / "skills"));
  auto const told = home.good({"events", "--json", "--from", "0"}).out;
  CHECK(told.find("skill.added") != std::string::npos);
  CHECK(told.find("skill.removed") != std::string::npos);
}
