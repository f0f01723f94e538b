// An agent that speaks ACP and that only the configuration names.
#include "installation.hpp"

#include <fstream>

using ar::json;
using ar::test::Installation;

namespace {

void configure(Installation& home) {
  auto const program = std::string(AR_BIN_DIR) + "/../tests/scripted-agent";
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml")
      << "[providers.acp.scripted]\ncommand = [\"" << program << "\", \"" << home.work().string()
      << "\"]\nenv = {A_KEY = \"not-to-be-shown\"}\ndefault_tags = [\"small\"]\n";
}

std::vector<std::string> spawn_words(Installation& home, std::vector<std::string> const& more = {}) {
  std::vector<std::string> words{"spawn", "a", "--no-wait", "--provider", "scripted", "--cwd", home.work().string()};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

TEST_CASE("AnAgentThatTheConfigurationAddsIsSupervised") {
  Installation home;
  configure(home);
  home.good(spawn_words(home));
  home.wait_for_state("a", "idle");
  auto const answer = home.good({"send", "a", "a question [[say:the answer]]", "--wait=done"});
  CHECK(answer.out.find("the answer") != std::string::npos);
  auto const shown = home.agent("a");
  CHECK(shown["provider"] == "scripted");
  for (auto const* tag : {"tag:acp", "tag:scripted", "tag:small"}) {
    auto const sent = home.good({"send", tag, "hello", "--json"}).parsed()["id"].get<std::int64_t>();
    CHECK(Installation::eventually([&] { return home.delivery_state(sent) == "done"; }));
  }
  CHECK(home.good({"transcript", "a", "--json"}).out.find("the answer") != std::string::npos);
  CHECK(home.good({"screen", "a"}).out.find("the answer") != std::string::npos);
  CHECK(home.good({"config", "show", "--json"}).out.find("not-to-be-shown") == std::string::npos);
}

TEST_CASE("ATurnAndAQuestionOutliveTheDaemon") {
  Installation home;
  configure(home);
  home.good(spawn_words(home));
  home.wait_for_state("a", "idle");
  auto const running = home.send("a", "[[think]][[wait:go]] work");
  auto const next = home.send("a", "[[ask]]");
  REQUIRE(Installation::eventually([&] { return home.delivery_state(running) == "running"; }));
  home.kill_daemon();
  home.good({"up"});
  std::ofstream(home.work() / "go").flush();
  REQUIRE(Installation::eventually([&] { return !home.good({"approvals", "--json"}).out.empty(); }));
  home.kill_daemon();
  home.good({"up"});
  REQUIRE(Installation::eventually([&] { return home.agent("a").value("state", "") == "waiting"; }));
  auto const approval = json::parse(Installation::lines(home.good({"approvals", "--json"}).out).front());
  home.good({"approve", approval["id"].is_string() ? approval["id"].get<std::string>() : approval["id"].dump()});
  for (auto const id : {running, next})
    CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
  std::ifstream received(home.work() / "received");
  std::size_t prompts = 0;
  for (std::string line; std::getline(received, line);) ++prompts;
  CHECK(prompts == 2);
}

TEST_CASE("AnAgentThatDiesGoesOnWithItsConversation") {
  Installation home;
  configure(home);
  home.good(spawn_words(home));
  home.wait_for_state("a", "idle");
  auto const kept = home.send("a", "[[die-after]]");
  CHECK(Installation::eventually([&] { return home.delivery_state(kept) == "failed"; }));
  home.wait_for_state("a", "idle");
  CHECK(!std::filesystem::exists(home.work() / "session-2.jsonl"));
  auto const after = home.send("a", "go on");
  CHECK(Installation::eventually([&] { return home.delivery_state(after) == "done"; }));
}

TEST_CASE("AWrongTableIsNamed") {
  Installation home;
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[providers.acp.mine]\ncomand = [\"x\"]\n";
  auto const checked = home.run({"config", "check"});
  CHECK(checked.status != 0);
  CHECK_MESSAGE((checked.out + checked.err).find("comand") != std::string::npos, checked.out, checked.err);
}
