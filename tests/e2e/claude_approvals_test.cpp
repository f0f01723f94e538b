// Claude Code asks people: its real dialogs and hooks, answered from everywhere, over the death of the daemon.
#include "e2e/approvals.hpp"
#include "e2e/offline.hpp"
#include "e2e/ruled.hpp"
#include "e2e/stub.hpp"

#include <fstream>

using namespace ar;
using test::Asking;
using test::Installation;

namespace {

struct Road {
  std::string const claude = test::claude_offline();
  Installation home;
  test::Stub stub;
  Asking cc{home, "cc"};

  void spawn(std::vector<std::string> const& more = {}) {
    test::spawn_claude(home, "cc", claude, stub, "guarded", more);
    home.wait_for_state("cc", "idle");
  }
  bool made(std::string const& file) const { return std::filesystem::exists(home.work() / file); }
  /// What the newest tool call gave the model.
  std::string result() {
    auto const results = home.run_program("/usr/bin/curl", {"-s", stub.url() + "/__results"}, "").parsed();
    return results.empty() ? "" : results.back().get<std::string>();
  }
};

char const* const kDialog = "Do you want to proceed?";
char const* const kQuestion =
    R"([[tool:AskUserQuestion:{"questions":[{"question":"Which color?","header":"Color","multiSelect":false,)"
    R"("options":[{"label":"Blue","description":"b"},{"label":"Red","description":"r"}]},)"
    R"({"question":"Which sizes?","header":"Size","multiSelect":true,)"
    R"("options":[{"label":"S","description":"s"},{"label":"M","description":"m"},{"label":"L","description":"l"}]}]}]])";

}  // namespace

TEST_CASE("APermissionOfClaudeIsAnsweredFromEachOfTheFourPlaces") {
  Road road;
  road.spawn();
  auto& [claude, home, stub, cc] = road;

  // From the command line.
  auto asked = cc.asks("[[bash:touch one]]");
  auto id = asked["id"];
  CHECK(asked["kind"] == "permission");
  CHECK(asked["tool"] == "Bash");
  CHECK(asked["input"]["command"] == "touch one");
  home.wait_for_state("cc", "waiting");
  CHECK(home.agent("cc")["approvals"][0]["id"] == id);
  CHECK(home.good({"ps"}).out.find("approval " + id.dump()) != std::string::npos);
  auto const held = home.send("cc", "waits for the answer [[say:ok]]");
  CHECK(home.run({"approve", id.dump()}).status == 0);
  cc.wait_done();
  CHECK(road.made("one"));
  CHECK(cc.approval(id)["where"] == "cli");
  CHECK(cc.approval(id)["status"] == "approved");
  CHECK(Installation::eventually([&] { return home.delivery_state(held) == "done"; }));
  auto const late = home.run({"deny", id.dump()});
  CHECK(late.status == 4);
  CHECK(late.err.find("approved over cli by operator") != std::string::npos);

  // Over HTTP, with a reason that the model sees; the dialog goes away.
  id = cc.asks("[[bash:touch two]]")["id"];
  CHECK(cc.shows(kDialog));
  CHECK(cc.decide_over_http(id, {{"decision", "deny"}, {"reason", "not on a Friday"}})["status"] == "denied");
  cc.wait_done();
  CHECK(!road.made("two"));
  CHECK(road.result() == "not on a Friday");
  CHECK(cc.no_longer_shows(kDialog));
  CHECK(cc.decide_over_http(id, {{"decision", "approve"}})["status"] == 409);

  // Over the bus.
  id = cc.asks("[[bash:touch three]]")["id"];
  CHECK(cc.decide_over_bus(id, "approve").status == CommandStatus::succeeded);
  cc.wait_done();
  CHECK(road.made("three"));
  CHECK(cc.approval(id)["where"] == "bus");

  // At the terminal: yes, and no.
  CHECK(cc.no_longer_shows(kDialog));
  id = cc.asks("[[bash:touch four]]")["id"];
  CHECK(cc.shows(kDialog));
  cc.answer("1");
  CHECK(cc.ended(id)["where"] == "terminal");
  cc.wait_done();
  CHECK(road.made("four"));
  auto const too_late = cc.decide_over_http(id, {{"decision", "deny"}});
  CHECK(too_late["code"] == "already_decided");
  CHECK(too_late["detail"].get<std::string>().find("at the terminal") != std::string::npos);
  CHECK(cc.no_longer_shows(kDialog));
  id = cc.asks("[[bash:touch five]]")["id"];
  CHECK(cc.shows(kDialog));
  cc.press("Escape");
  CHECK(cc.ended(id)["status"] == "answered");
  home.wait_for_state("cc", "idle");
  CHECK(!road.made("five"));
}

TEST_CASE("RulesDecideWhatClaudeAsks") {
  Road road;
  road.spawn();
  test::rules_decide(road.home, road.cc, "cc", "Bash", [](auto const& line) { return "[[bash:" + line + "]]"; });
}

TEST_CASE("RacesSessionGrantsAbortsAndQuestionsOfClaude") {
  Road road;
  road.spawn();
  auto& [claude, home, stub, cc] = road;

  auto id = cc.asks("[[bash:touch race]]")["id"];
  CHECK(cc.race(id) == "200 409 ");
  cc.wait_done();
  CHECK(road.made("race") == (cc.approval(id)["status"] == "approved"));

  id = cc.asks(kQuestion)["id"];
  CHECK(home.run({"approve", id.dump()}).status == 4);  // a question does not take that
  CHECK(home.run({"answer", id.dump(), "Blue"}).status == 2);
  CHECK(home.run({"answer", id.dump(), "Mauve, my own", "S, L"}).status == 0);
  cc.wait_done();
  CHECK(road.result().find("Mauve, my own") != std::string::npos);
  CHECK(road.result().find("S, L") != std::string::npos);

  id = cc.asks("[[bash:touch never]]")["id"];
  CHECK(home.run({"deny", id.dump(), "--abort"}).status == 0);
  home.wait_for_state("cc", "idle");
  CHECK(cc.approval(id)["status"] == "aborted");

  id = cc.asks("[[bash:touch stopped]]")["id"];
  home.good({"interrupt", "cc"});
  CHECK(cc.ended(id)["status"] == "withdrawn");
  home.wait_for_state("cc", "idle");

  id = cc.asks(R"([[tool:Write:{"file_path":")" + (home.work() / "w1").string() + R"(","content":"x"}]])")["id"];
  CHECK(home.good({"approve", id.dump(), "--session"}).out.find("acceptEdits") != std::string::npos);
  cc.wait_done();
  // The next one is not asked.
  cc.message =
      home.send("cc", R"([[tool:Write:{"file_path":")" + (home.work() / "w2").string() + R"(","content":"x"}]])");
  cc.wait_done();
  CHECK(road.made("w2"));
  CHECK(home.good({"approvals", "--json"}).out.empty());
}

TEST_CASE("APendingPermissionOfClaudeOutlivesTheDaemon") {
  Road road;
  road.spawn();
  auto& [claude, home, stub, cc] = road;

  auto id = cc.asks("[[bash:touch kept]]")["id"];
  home.kill_daemon();
  home.good({"up"});
  CHECK(cc.pending()["id"] == id);
  home.wait_for_state("cc", "waiting");
  CHECK(home.run({"approve", id.dump()}).status == 0);
  cc.wait_done();
  CHECK(road.made("kept"));

  // Stopped in good order, it is the same; and a person may answer while no daemon runs.
  CHECK(cc.no_longer_shows(kDialog));
  id = cc.asks("[[bash:touch alone]]")["id"];
  CHECK(cc.shows(kDialog));
  home.good({"down"});
  cc.answer("1");
  CHECK(Installation::eventually([&] { return road.made("alone"); }));
  home.good({"up"});
  auto const ended = cc.ended(id);
  CHECK(ended["status"] == "answered");
  CHECK(ended["where"] == "terminal");
  cc.wait_done();
  CHECK(Installation::lines(home.good({"approvals", "--all", "--json"}).out).size() == 2);

  // With a deadline it is left to the terminal, in time.
  home.good({"down"});
  std::ofstream(home.state() / "config.toml") << "[approvals]\ndeadline_s = 1\n";
  home.good({"up"});
  CHECK(cc.no_longer_shows(kDialog));
  cc.message = home.send("cc", "[[bash:touch late]]");
  auto const expired = cc.ended(3);
  CHECK(expired["status"] == "expired");
  CHECK(expired["where"] == "deadline");
  CHECK(cc.decide_over_http(3, {{"decision", "approve"}})["code"] == "already_decided");
  home.wait_for_state("cc", "waiting");
  CHECK(cc.shows(kDialog));
  cc.answer("1");
  cc.wait_done();
  CHECK(road.made("late"));
}

TEST_CASE("ADialogOnClaudesScreenIsARecordUntilItIsAnsweredThere") {
  Road road;
  road.spawn();
  auto& [claude, home, stub, cc] = road;
  CHECK(home.good({"send", "cc", "-", "--wait", "--timeout", "60s"}, "[[say:ready]]").out.find("ready") !=
        std::string::npos);
  // A person opens a menu and leaves it.
  for (auto const* key : {"/help", "Enter"}) {
    cc.press(key);
    CHECK(cc.shows(key == std::string("Enter") ? "For more help" : "Show help"));
  }
  auto const record = cc.pending();
  CHECK(record["kind"] == "dialog");
  CHECK(record["input"]["screen"].get<std::string>().find("For more help") != std::string::npos);
  CHECK(record["choices"] == json::array());
  auto const where = std::string("attach cc");
  home.wait_for_state("cc", "waiting");
  for (auto const& words :
       {std::vector<std::string>{"approvals"}, {"show", "cc"}, {"ps", "--json"}, {"events", "cc"}}) {
    auto const out = home.good(words).out;
    CHECK_MESSAGE(out.find(where) != std::string::npos, words[0] << ": " << out);
  }
  CHECK(home.good({"show", "cc"}).out.find("For more help") != std::string::npos);
  for (auto const* verb : {"approve", "deny"}) {
    auto const refused = home.run({verb, record["id"].dump()});
    CHECK(refused.status != 0);
    CHECK_MESSAGE(refused.err.find(where) != std::string::npos, refused.err);
  }
  auto const held = home.send("cc", "waits for the menu's end");

  home.kill_daemon();
  home.good({"up"});
  home.wait_for_state("cc", "waiting");
  CHECK(cc.pending()["id"] == record["id"]);
  CHECK(home.delivery_state(held) == "held");

  cc.answer("Escape");
  auto const ended = cc.ended(record["id"]);
  CHECK(ended["status"] == "answered");
  CHECK(ended["where"] == "terminal");
  CHECK(Installation::eventually([&] { return home.delivery_state(held) == "done"; }));
  CHECK(Installation::lines(home.good({"approvals", "--all", "--json"}).out).size() == 1);
}

TEST_CASE("ClaudeWithoutAnybodyToAskIsToldNoAtOnce") {
  Road road;
  road.spawn({"--no-input"});
  auto& [claude, home, stub, cc] = road;
  cc.message = home.send("cc", "[[bash:touch no]]");
  cc.wait_done();
  CHECK(!road.made("no"));
  CHECK(road.result().find("Nobody is there to ask") == 0);
  cc.message = home.send("cc", kQuestion);  // its model does not know that tool, and this one calls it all the same
  cc.wait_done();
  CHECK(road.result().find("No such tool available: AskUserQuestion") != std::string::npos);
  auto const records = Installation::lines(home.good({"approvals", "--all", "--json"}).out);
  REQUIRE(records.size() == 1);
  CHECK(json::parse(records[0])["where"] == "policy");
}
