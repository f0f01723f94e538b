// Codex asks people: its real server and screen, answered from everywhere, over the death of the daemon.
#include "e2e/approvals.hpp"
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/ruled.hpp"

#include <fstream>

using namespace ar;
using test::Asking;
using test::Installation;

namespace {

struct Road {
  std::string const codex = test::codex_offline();
  Installation home;
  test::OpenAiStub stub;
  Asking cx{home, "cx"};

  void spawn(std::vector<std::string> const& more = {}) {
    auto const codex_home = home.work() / "codex-home";
    stub.configure(codex_home);
    json options = {{"command", codex}};
    options["settings"]["features"]["default_mode_request_user_input"] = true;
    std::vector<std::string> words{"spawn",           "cx",
                                   "--provider",      "codex",
                                   "--cwd",           home.work().string(),
                                   "--approval-mode", "guarded",
                                   "--env",           "CODEX_HOME=" + codex_home.string(),
                                   "--options",       options.dump()};
    words.insert(words.end(), more.begin(), more.end());
    home.good(words);
    home.wait_for_state("cx", "idle");
  }
  bool made(std::string const& file) const { return std::filesystem::exists(home.work() / file); }
  std::string said_to_model() const { return stub.get("/__prompts").dump() + stub.get("/__outputs").dump(); }
};

char const* const kDialog = "Yes, proceed";

}  // namespace

TEST_CASE("AnApprovalOfCodexIsAnsweredFromEachOfTheFourPlaces") {
  Road road;
  road.spawn();
  auto& [codex, home, stub, cx] = road;

  auto asked = cx.asks("[[exec:touch one]]");
  auto id = asked["id"];
  CHECK(asked["kind"] == "permission");
  CHECK(asked["input"]["command"].get<std::string>().find("touch one") != std::string::npos);
  home.wait_for_state("cx", "waiting");
  CHECK(home.agent("cx")["approvals"][0]["id"] == id);
  CHECK(home.run({"approve", id.dump()}).status == 0);
  cx.wait_done();
  CHECK(road.made("one"));
  CHECK(cx.approval(id)["where"] == "cli");
  CHECK(home.run({"deny", id.dump()}).status == 4);

  // With a reason that the model sees; the dialog goes away.
  id = cx.asks("[[exec:touch two]]")["id"];
  CHECK(cx.shows(kDialog));
  CHECK(cx.decide_over_http(id, {{"decision", "deny"}, {"reason", "not on a Friday"}})["status"] == "denied");
  cx.wait_done();
  CHECK(!road.made("two"));
  CHECK(road.said_to_model().find("not on a Friday") != std::string::npos);
  CHECK(cx.no_longer_shows(kDialog));

  id = cx.asks("[[exec:touch three]]")["id"];
  CHECK(cx.decide_over_bus(id, "approve").status == CommandStatus::succeeded);
  cx.wait_done();
  CHECK(road.made("three"));
  CHECK(cx.approval(id)["where"] == "bus");

  CHECK(cx.no_longer_shows(kDialog));
  id = cx.asks("[[exec:touch four]]")["id"];
  CHECK(cx.shows(kDialog));
  cx.answer("y");
  CHECK(cx.ended(id)["where"] == "terminal");
  cx.wait_done();
  CHECK(road.made("four"));
  CHECK(cx.decide_over_http(id, {{"decision", "deny"}})["code"] == "already_decided");
}

TEST_CASE("RulesDecideWhatCodexAsks") {
  Road road;
  road.spawn();
  auto const running = [](auto const& line) { return "[[exec:" + line + "]]"; };
  test::rules_decide(road.home, road.cx, "cx", "commandExecution", running);
}

TEST_CASE("RacesSessionGrantsAbortsAndQuestionsOfCodex") {
  Road road;
  road.spawn();
  auto& [codex, home, stub, cx] = road;

  auto id = cx.asks("[[exec:touch race]]")["id"];
  CHECK(cx.race(id) == "200 409 ");
  cx.wait_done();
  CHECK(road.made("race") == (cx.approval(id)["status"] == "approved"));

  id = cx.asks("[[ask:Which color?]]")["id"];
  CHECK(cx.approval(id)["kind"] == "question");
  CHECK(home.run({"approve", id.dump()}).status == 4);
  CHECK(home.run({"answer", id.dump(), "Blue"}).status == 0);
  cx.wait_done();
  CHECK(road.said_to_model().find("Blue") != std::string::npos);

  id = cx.asks("[[exec:touch never]]")["id"];
  CHECK(home.run({"deny", id.dump(), "--abort"}).status == 0);
  home.wait_for_state("cx", "idle");
  CHECK(cx.approval(id)["status"] == "aborted");

  id = cx.asks("[[exec:touch stopped]]")["id"];
  home.good({"interrupt", "cx"});
  CHECK(cx.ended(id)["status"] == "withdrawn");
  home.wait_for_state("cx", "idle");

  id = cx.asks("[[exec:touch again]]")["id"];
  CHECK(home.run({"approve", id.dump(), "--session"}).status == 0);
  cx.wait_done();
  std::filesystem::remove(home.work() / "again");
  cx.message = home.send("cx", "[[exec:touch again]] once more");
  cx.wait_done();
  CHECK(road.made("again"));
  CHECK(home.good({"approvals", "--json"}).out.empty());
}

TEST_CASE("APendingApprovalOfCodexOutlivesTheDaemon") {
  Road road;
  road.spawn();
  auto& [codex, home, stub, cx] = road;

  auto id = cx.asks("[[exec:touch kept]]")["id"];
  home.kill_daemon();
  home.good({"up"});
  CHECK(cx.pending()["id"] == id);
  home.wait_for_state("cx", "waiting");
  CHECK(home.run({"approve", id.dump()}).status == 0);
  cx.wait_done();
  CHECK(road.made("kept"));

  CHECK(cx.no_longer_shows(kDialog));
  id = cx.asks("[[exec:touch alone]]")["id"];
  CHECK(cx.shows(kDialog));
  home.good({"down"});
  cx.answer("y");
  CHECK(Installation::eventually([&] { return road.made("alone"); }));
  home.good({"up"});
  CHECK(cx.ended(id)["where"] == "terminal");
  cx.wait_done();
  CHECK(Installation::lines(home.good({"approvals", "--all", "--json"}).out).size() == 2);

  // A deadline that denies.
  home.good({"down"});
  std::ofstream(home.state() / "config.toml") << "[approvals]\ndeadline_s = 1\nat_deadline = \"deny\"\n";
  home.good({"up"});
  cx.message = home.send("cx", "[[exec:touch late]]");
  cx.wait_done();
  CHECK(cx.approval(3)["status"] == "denied");
  CHECK(cx.approval(3)["where"] == "deadline");
  CHECK(!road.made("late"));
}

TEST_CASE("CodexWithoutAnybodyToAskIsToldNoAtOnce") {
  Road road;
  road.spawn({"--no-input"});
  auto& [codex, home, stub, cx] = road;
  cx.message = home.send("cx", "[[exec:touch no]]");
  cx.wait_done();
  CHECK(!road.made("no"));
  CHECK(road.said_to_model().find("Nobody is there to ask") != std::string::npos);
  cx.message = home.send("cx", "[[ask:Which color?]]");
  cx.wait_done();
  auto const records = Installation::lines(home.good({"approvals", "--all", "--json"}).out);
  REQUIRE(records.size() == 2);
  for (auto const& record : records) CHECK(json::parse(record)["where"] == "policy");
}
