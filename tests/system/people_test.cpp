// What people do at the command line and get wrong, over the real daemon.
#include "installation.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace ar;
using namespace ar::test;

TEST_CASE("AnAddressThatNobodyHasIsRefusedAtOnce") {
  Installation home;
  home.spawn("alice", {"--tag", "build"});
  auto const typo = home.run({"send", "alcie", "hello", "--wait=done", "--timeout", "60s"});
  CHECK(typo.status == 3);
  CHECK_MESSAGE(typo.err.find("did you mean \"alice\"?") != std::string::npos, typo.err);
  CHECK(home.run({"send", "tag:biuld", "hello"}).err.find("did you mean \"tag:build\"?") != std::string::npos);
  CHECK(home.run({"send", "tag:build", "hello", "--wait=done"}).status == 0);
  CHECK(home.run({"send", "operator", "a note to myself"}).status == 0);
  auto const kept = home.send("bob", "for when you come", {"--later"});
  home.spawn("bob");
  CHECK(Installation::eventually([&] { return home.delivery_state(kept) == "done"; }));
}

TEST_CASE("AListOfMessagesShowsHowEachStands") {
  Installation home;
  home.spawn("alice");
  home.send("alice", "first", {"--wait=done"});
  home.good({"stop", "alice"});
  home.send("alice", "second");
  CHECK(Installation::eventually([&] { return home.good({"messages"}).out.find("held: ") != std::string::npos; }));
  auto const listed = Installation::lines(home.good({"messages", "alice", "--json"}).out);
  std::string states;
  for (auto const& line : listed) {
    auto const message = json::parse(line);
    for (auto const& delivery : message["deliveries"]) states += delivery["state"].get<std::string>() + " ";
  }
  for (auto const* state : {"held", "done"}) CHECK_MESSAGE(states.find(state) != std::string::npos, states);
}

TEST_CASE("AStateThatThereIsNotIsRefusedRatherThanMatchedByNobody") {
  Installation home;
  home.spawn("alice");
  auto const ask = [&](std::string const& states) {
    return json::parse(home.run_program("/usr/bin/curl",
                                        {"-s", "--unix-socket", (home.state() / "run" / "control.sock").string(),
                                         "http://localhost/v1/agents?status=" + states},
                                        "")
                           .out);
  };
  CHECK(ask("busy,idle")["agents"].size() == 1);
  auto const refused = ask("idel");
  CHECK(refused["status"] == 400);
  CHECK(refused["field"] == "status");
  CHECK(refused["detail"].get<std::string>().find("did you mean \"idle\"?") != std::string::npos);
}

TEST_CASE("APersonHasAnInbox") {
  Installation home;
  home.spawn("alice");
  CHECK(home.good({"inbox"}).err.find("nothing unread") != std::string::npos);
  home.send("operator", "the build is red");
  CHECK(home.good({"inbox"}).out.find("the build is red") != std::string::npos);
}

TEST_CASE("OneAgentIsShownWhole") {
  Installation home;
  home.spawn("alice", {"--label", "reviewer"});
  home.send("alice", "hello there", {"--wait=done"});
  auto const shown = home.good({"show", "alice"}).out;
  for (auto const* part : {"alice  idle for", "reviewer", "last turns", "last messages", "hello there", "last events"})
    CHECK_MESSAGE(shown.find(part) != std::string::npos, part, shown);
  CHECK(home.run({"show", "alicee"}).err.find("did you mean \"alice\"?") != std::string::npos);
}

TEST_CASE("StoppedAgentsAreStartedAndTakenNamesExplained") {
  Installation home;
  home.spawn("alice");
  auto const cwd = home.work().string();
  auto const running = home.run({"spawn", "alice", "--provider", "command", "--cwd", cwd});
  CHECK(running.status == 4);
  CHECK_MESSAGE(running.err.find(" stop alice, then ") != std::string::npos, running.err);
  CHECK(home.good({"start", "alice"}).out == "alice: runs already, idle\n");
  CHECK(home.good({"stop", "alice"}).out == "alice: stopped\n");
  CHECK(home.run({"spawn", "alice", "--provider", "command", "--cwd", cwd}).err.find(" start alice)") !=
        std::string::npos);
  home.good({"start", "alice"});
  home.wait_for_state("alice", "idle");
}

TEST_CASE("EventsAreTheNewestUnlessSaidOtherwise") {
  Installation home;
  home.spawn("alice");
  for (int i = 0; i < 12; ++i) home.send("alice", "message " + std::to_string(i), {"--wait=done"});
  auto const all = Installation::lines(home.good({"events", "--json", "--from", "0"}).out);
  auto const newest = Installation::lines(home.good({"events", "--json"}).out);
  REQUIRE(all.size() > 60);
  CHECK(newest.size() == 50);
  CHECK(newest.back() == all.back());
  auto const three = Installation::lines(home.good({"events", "alice", "-n", "3", "--json"}).out);
  REQUIRE(three.size() == 3);
  CHECK(json::parse(three[2])["agentNumber"].get<int>() - json::parse(three[0])["agentNumber"].get<int>() == 2);
}

TEST_CASE("DoctorNamesWhatOfThisShellAgentsDoNotGet") {
  Installation home;
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[agents]\npass_environment = [\"ANTHROPIC_API_KEY\"]\n";
  home.good({"up"});  // without it
  home.environment = {"ANTHROPIC_API_KEY=very-secret-1", "CLAUDE_CODE_OAUTH_TOKEN=very-secret-2", "EDITOR=vi"};
  auto const told = home.run({"doctor"}).out;
  for (auto const* name : {"ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"})
    CHECK_MESSAGE(told.find(std::string(name) + " is set in this shell") != std::string::npos, told);
  CHECK(told.find("very-secret") == std::string::npos);
  CHECK(told.find("EDITOR") == std::string::npos);
  home.good({"down"});
  home.good({"up"});  // with it
  auto const now = home.run({"doctor"}).out;
  CHECK_MESSAGE(now.find("ANTHROPIC_API_KEY") == std::string::npos, now);
  CHECK_MESSAGE(now.find("CLAUDE_CODE_OAUTH_TOKEN") != std::string::npos, now);
}

TEST_CASE("AVariableThatAgentsNeverGetIsFoundByTheCheckAndAtTheStart") {
  Installation home;
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[agents]\npass_environment = [\"CLAUDE_CODE_OAUTH_TOKEN\"]\n";
  for (std::vector<std::string> const& verb : {std::vector<std::string>{"config", "check"}, {"up"}}) {
    auto const ran = home.run(verb);
    CHECK(ran.status == 1);
    CHECK_MESSAGE(ran.err.find("\"CLAUDE_CODE_OAUTH_TOKEN\" is never handed on") != std::string::npos, ran.err);
  }
}

TEST_CASE("AMisspeltKeyOfAProviderIsFoundByTheCheck") {
  Installation home;
  std::filesystem::create_directories(home.state());
  auto const check = [&](std::string const& text) {
    std::ofstream(home.state() / "config.toml") << text;
    return home.run({"config", "check"});
  };
  auto const key = check("[providers.claude]\ncomand = \"claude\"\n");
  CHECK(key.status == 1);
  CHECK_MESSAGE(key.err.find("comand") != std::string::npos, key.err);
  CHECK_MESSAGE(key.err.find("config.toml:1") != std::string::npos, key.err);
  auto const provider = check("[providers.cluade]\ncommand = \"claude\"\n");
  CHECK_MESSAGE(provider.err.find("did you mean \"claude\"?") != std::string::npos, provider.err);
  CHECK(check("[providers.claude]\ncommand = \"claude\"\n").status == 0);
}
