// Files in both directions, with the real programs.
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;
namespace fs = std::filesystem;

namespace {

std::string slurp(fs::path const& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What a command inside the agent would have in its environment, its token included.
std::vector<std::string> environment_of(json const& agent) {
  std::vector<std::string> found;
  std::ifstream file("/proc/" + std::to_string(agent["pid"].get<int>()) + "/environ", std::ios::binary);
  for (std::string entry; std::getline(file, entry, '\0');)
    if (entry.starts_with("AGENT_")) found.push_back(entry);
  return found;
}

}  // namespace

TEST_CASE("FilesOfAMessageAreLocalFilesForTheAgent") {
  Installation home;
  home.spawn("a");
  auto const content = std::string("bytes \0 and more\n", 17);
  std::ofstream(home.work() / "my report [1].txt", std::ios::binary) << content;
  auto const id = home.send("a", "look", {"--attach", (home.work() / "my report [1].txt").string(), "--wait=done"});
  (void)id;
  auto const folder = home.state() / "agents" / "a" / "messages";
  std::vector<fs::path> files;
  for (auto const& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  REQUIRE(files.size() == 1);
  CHECK(files[0].filename().string().ends_with("-1-my_report__1_.txt"));
  CHECK(slurp(files[0]) == content);
  CHECK((fs::status(files[0]).permissions() & fs::perms::mask) == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(home.run({"screen", "a"}).out.find("attachment") != std::string::npos);
}

TEST_CASE("AFileThatIsGoneIsNamedAndTheMessageStillGoes") {
  Installation home;
  home.spawn("a");
  home.good({"suspend", "a"});
  home.good({"stop", "a"});
  std::ofstream(home.work() / "f.txt") << "x";
  auto const id = home.send("a", "look", {"--attach", (home.work() / "f.txt").string()});
  for (auto const& entry : fs::recursive_directory_iterator(home.state() / "relay"))
    if (entry.is_regular_file() && entry.path().filename().string().size() == 64) fs::remove(entry.path());
  home.good({"restart", "a"});
  CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
  auto const screen = home.run({"screen", "a"}).out;
  CHECK_MESSAGE(screen.find("f.txt (missing") != std::string::npos, screen);
}

TEST_CASE("AnAgentSendsFilesBackAndGetsOnlyThoseOfItsOwnMessages") {
  Installation home;
  json const quiet = {{"command", {"/bin/cat"}}};
  home.spawn("a", {"--options", quiet.dump()});
  home.spawn("b", {"--options", quiet.dump()});
  std::ofstream(home.work() / "secret.txt") << "between others";
  auto const others = home.send("b", "for b", {"--attach", (home.work() / "secret.txt").string()});
  auto const asked = home.send("a", "make a report");
  auto const secret = home.message(others)["attachments"][0]["id"].get<std::string>();

  home.environment = environment_of(home.agent("a"));
  REQUIRE(home.environment.size() > 5);
  auto const agent = [&](std::vector<std::string> const& words) {
    return home.run_program(std::string(AR_BIN_DIR) + "/agent-runner", words, "");
  };
  auto const report = (home.work() / "report.md").string();
  std::ofstream(report) << "# all well\n";
  auto const replied = agent({"reply", std::to_string(asked), "here", "--attach", report, "--json"});
  REQUIRE_MESSAGE(replied.status == 0, replied.err);
  CHECK(agent({"send", "b", "for you too", "--attach", report}).status == 0);
  CHECK(agent({"save", std::to_string(others), home.work().string()}).status == 4);
  auto const curl = [&](std::string const& query) {
    std::string token;
    for (auto const& entry : home.environment)
      if (entry.starts_with("AGENT_RELAY_TOKEN=")) token = entry.substr(18);
    auto const socket = (home.state() / "run" / "control.sock").string();
    return home
        .run_program("/usr/bin/curl",
                     {"-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", socket, "-H",
                      "Authorization: Bearer " + token, "http://localhost/v1/attachments/" + secret + query},
                     "")
        .out;
  };
  CHECK(curl("") == "403");
  CHECK(curl("?message=" + std::to_string(others)) == "403");
  CHECK(curl("?message=" + std::to_string(asked)) == "404");
  // From inside an agent no daemon is ever started.
  auto const elsewhere = (home.work() / "elsewhere").string();
  CHECK(agent({"--state-dir", elsewhere, "ps"}).status != 0);
  CHECK_FALSE(fs::exists(fs::path(elsewhere) / "daemon.lock"));

  home.environment.clear();
  auto const reply = replied.parsed()["id"].get<std::int64_t>();
  auto const into = home.work() / "got";
  auto const saved = home.good({"save", std::to_string(reply), into.string()});
  CHECK(saved.out == (into / "report.md").string() + "\n");
  CHECK(slurp(into / "report.md") == "# all well\n");
  CHECK(home.run({"save", std::to_string(reply), into.string()}).status != 0);  // nothing is replaced
}
