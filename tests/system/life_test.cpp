// The main road, with the real programs: a message in, a verified delivery, a reply out.
#include "system/installation.hpp"

#include <algorithm>
#include <fstream>

using ar::json;
using ar::test::Installation;

TEST_CASE("ADemoAgentTakesAMessageAndAnswersIt") {
  Installation home;
  home.spawn("demo");
  auto const sent = home.good({"send", "demo", "hello there, demo", "--wait=done", "--timeout", "30s", "--json"});
  auto const shown = sent.parsed();
  auto const id = shown["id"].get<std::int64_t>();
  REQUIRE(shown["deliveries"].size() == 1);
  auto const& delivery = shown["deliveries"][0];
  CHECK(delivery["state"] == "done");
  CHECK_FALSE(delivery["proof"].get<std::string>().empty());
  std::vector<std::string> steps;
  for (auto const& step : delivery["steps"]) steps.push_back(step["step"]);
  auto const at = [&](char const* name) { return std::ranges::find(steps, name) - steps.begin(); };
  CHECK(at("queued") < at("typed"));
  CHECK(at("typed") < at("accepted"));
  CHECK(at("accepted") < at("done"));
  CHECK(Installation::eventually([&] { return !home.message(id)["replies"].empty(); }));
  auto const reply = home.message(id)["replies"][0];
  CHECK(reply["from"] == "demo");
  CHECK(reply["replyTo"] == id);
  // A person has been shown it: it will not expire as unread.
  CHECK(home.message(reply["id"].get<std::int64_t>())["readBy"] == json::array({"operator"}));
  CHECK(Installation::eventually(
      [&] { return home.good({"inbox", "demo", "--json"}).out.find("\"hello there") == std::string::npos; }));
}

TEST_CASE("ADeliveryIsProvedWithoutTheDaemon") {
  Installation home;
  home.spawn("demo");
  auto const id = std::to_string(home.send("demo", "prove it"));
  CHECK(Installation::eventually([&] { return home.delivery_state(std::stoll(id)) == "done"; }));
  home.kill_daemon();
  home.good({"up"});
  auto proof = home.good({"message", "proof", id, "--json"}).parsed();
  CHECK(proof["record"]["text"].get<std::string>().starts_with(proof["correlationId"].get<std::string>()));
  auto const file = home.work() / "proof.json";
  std::ofstream(file) << proof.dump(1);
  auto const log = home.good({"verify"}).out;
  CHECK(log.find("of 0 that cannot be said") != std::string::npos);
  home.good({"down", "--agents"});
  auto const held = home.good({"--no-start", "verify", file.string()}).out;
  CHECK(held.find("says that demo accepted message " + id) != std::string::npos);
  CHECK(held.find("the proof holds") != std::string::npos);
  proof["message"]["body"] = "prove that";
  std::ofstream(file) << proof.dump(1);
  CHECK(home.run({"--no-start", "verify", file.string()}).status == 1);
  std::ofstream(file) << "nothing";
  CHECK(home.run({"--no-start", "verify", file.string()}).status == 2);
  home.good({"up"});
  auto const waits = home.send("demo", "to an agent that is at rest");
  auto const refused = home.run({"message", "proof", std::to_string(waits)});
  CHECK(refused.status == 4);
  CHECK(refused.err.find("was not taken by any agent") != std::string::npos);
}

TEST_CASE("AnAgentWithoutAProcessHasNoTerminalToAttachTo") {
  Installation home;
  home.spawn("demo");
  auto const there = home.good({"attach", "demo", "--json"}).parsed();
  CHECK_FALSE(there["target"].get<std::string>().empty());
  home.good({"stop", "demo"});
  auto const refused = home.run({"attach", "demo", "--json"});
  CHECK(refused.status != 0);
  CHECK_MESSAGE(refused.err.find("is stopped and has no terminal") != std::string::npos, refused.err);
}

TEST_CASE("MessagesOfEveryShapeArriveOnceAndInOrder") {
  Installation home;
  home.spawn("demo");
  std::vector<std::string> const bodies = {"short",
                                           "two\nlines",
                                           "/exit",
                                           "!rm -rf x",
                                           "# note",
                                           "@file",
                                           "Größe 🎉 日本語",
                                           "ends in backslash \\",
                                           "tab\tinside",
                                           "esc \x1b[201~ end",
                                           std::string(30'000, 'x')};
  std::vector<std::int64_t> ids;
  for (auto const& body : bodies) ids.push_back(home.send("demo", body));
  for (auto id : ids)
    CHECK_MESSAGE(Installation::eventually([&] { return home.delivery_state(id) == "done"; }),
                  home.message(id).dump(1));
  std::vector<std::int64_t> accepted;
  for (auto const& line : Installation::lines(home.good({"events", "demo", "--json", "--from", "0"}).out)) {
    auto const event = json::parse(line);
    if (event["type"] == "message.accepted") accepted.push_back(event["data"]["message"]);
  }
  CHECK(accepted == ids);
}

TEST_CASE("AClaimableMessageGoesToExactlyOneOfMany") {
  Installation home;
  for (auto name : {"one", "two", "three"}) home.spawn(name, {"--tag", "build"});
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(home.send("tag:build", "work " + std::to_string(i), {"--claimable"}));
  for (auto id : ids) {
    CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
    CHECK(home.message(id)["deliveries"].size() == 1);
  }
}

TEST_CASE("AgentsCanBeStoppedRestartedAndRemoved") {
  Installation home;
  home.spawn("demo");
  auto const pid = home.agent("demo")["pid"].get<int>();
  auto const said = home.good({"restart", "demo"}).out;
  CHECK_MESSAGE((said == "demo: idle\n" || said == "demo: starting\n"), said);
  auto const restarted = home.agent("demo");  // at once: the restart has come about
  CHECK((restarted["pid"] != pid && restarted["pid"] != 0));
  home.wait_for_state("demo", "idle");
  CHECK(home.run({"rm", "demo"}).status == 4);
  home.good({"stop", "demo"});
  CHECK(home.agent("demo")["state"] == "stopped");
  auto const waiting = home.send("demo", "for later");
  CHECK(Installation::eventually([&] { return home.delivery_state(waiting) == "held"; }));
  home.good({"restart", "demo"});
  CHECK(Installation::eventually([&] { return home.delivery_state(waiting) == "done"; }));
  home.good({"kill", "demo"});
  home.good({"rm", "demo"});
  CHECK(home.agent("demo").empty());
}

TEST_CASE("AStopAndARestartAtOnceAlwaysLeaveItRunning") {
  Installation home;
  home.spawn("demo");
  for (int round = 0; round < 60; ++round) {
    home.good({round % 2 ? "stop" : "kill", "demo"});
    home.good({"restart", "demo"});
    auto const shown = home.agent("demo");
    CHECK_MESSAGE((shown["state"] == "idle" || shown["state"] == "starting"), round, " ", shown.dump());
    CHECK(Installation::runs(shown["pid"].get<int>()));
  }
  home.wait_for_state("demo", "idle");
  CHECK(home.agent("demo")["restarts"] == 0);
}

TEST_CASE("AStoppedOrKilledAgentLeavesNothingOfItBehind") {
  Installation home;
  // What it starts gives up its parent, its terminal and its process session.
  json const options = {
      {"command",
       {"/bin/sh", "-c", "(setsid /bin/sh -c 'sleep 4242 & echo $! > left; sleep 0.1'); echo > up; exec cat"}}};
  for (auto const* way : {"stop", "kill"}) {
    auto const up = home.work() / "up";
    std::filesystem::remove(up);
    home.spawn(way, {"--options", options.dump()});
    CHECK(Installation::eventually([&] { return std::filesystem::exists(up); }));
    pid_t left = 0;
    std::ifstream(home.work() / "left") >> left;
    REQUIRE(left > 0);
    CHECK(Installation::runs(left));
    home.good({way, way});
    CHECK(Installation::eventually([&] { return !Installation::runs(left); }));
  }
}

TEST_CASE("ASuspendedAgentIsWokenByAMessage") {
  Installation home;
  home.spawn("demo");
  home.good({"suspend", "demo"});
  CHECK(home.agent("demo")["state"] == "suspended");
  auto const id = home.send("demo", "wake up");
  CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
  CHECK(home.agent("demo")["state"] == "idle");
}

TEST_CASE("AnAgentGoesOnWithTheTokenItWasStartedWithWhenItsTokenIsRenewed") {
  Installation home;
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[agents]\ntoken_lifetime_s = 62\n";  // due a second after its issue
  home.spawn("demo");
  auto const renewed = [&] {
    return home.good({"events", "demo", "--from", "0"}).out.find("runtime-token-renewed") != std::string::npos;
  };
  CHECK(Installation::eventually(renewed));
  auto const answers = [&] {
    auto const id = home.send("demo", "hello", {"--wait=done", "--timeout", "30s"});
    return Installation::eventually([&] { return !home.message(id)["replies"].empty(); });
  };
  CHECK(answers());
  home.kill_daemon();
  home.good({"up"});
  CHECK(answers());
}

TEST_CASE("SecretsShowUpNowhere") {
  Installation home;
  home.spawn("demo", {"--env", "API_KEY=top-secret-value"});
  home.send("demo", "hello");
  auto const socket = (home.state() / "run" / "tmux.sock").string();
  std::string seen =
      home.run_program("/usr/bin/tmux", {"-S", socket, "show-environment", "-g"}, "").out +
      home.run_program("/usr/bin/tmux", {"-S", socket, "show-environment", "-t", "=ar-demo"}, "").out +
      home.run_program("/usr/bin/tmux", {"-S", socket, "list-panes", "-a", "-F", "#{pane_start_command}"}, "").out +
      home.run_program("/bin/ps", {"-eo", "args"}, "").out + home.good({"ps", "-a", "--json"}).out +
      home.good({"events", "--json", "--from", "0"}).out + home.good({"logs"}).out;
  std::ifstream token_file(home.state() / "agents" / "demo" / "token.json");
  auto const token = json::parse(token_file)["token"].get<std::string>();
  CHECK(seen.find("ar-demo") != std::string::npos);
  CHECK(seen.find("top-secret-value") == std::string::npos);
  CHECK(seen.find(token) == std::string::npos);
}

TEST_CASE("WhoWaitsForTheReplyOfAnAgentThatIsRemovedIsTold") {
  Installation home;
  home.spawn("demo");
  home.good({"stop", "demo"});
  auto const waited =
      home.run({"send", "demo", "are you there?", "--from", "w", "--wait=done", "--timeout", "1s", "--key", "k"});
  CHECK(waited.status == 5);
  home.good({"rm", "demo"});
  auto const listed = home.good({"messages", "--json"}).out;
  std::vector<json> replies;
  for (auto const& line : Installation::lines(listed))
    if (auto message = json::parse(line); message["to"] == "w") replies.push_back(std::move(message));
  REQUIRE_MESSAGE(replies.size() == 1, listed);
  CHECK(replies[0]["from"] == "demo");
  CHECK(replies[0]["payload"]["outcome"] == "removed");
  // Who waits on, or asks for it again, hears it at once.
  auto const late = home.run({"send", "demo", "are you there?", "--from", "w", "--later", "--wait", "--timeout", "20s",
                              "--key", "k", "--json"});
  CHECK_MESSAGE(late.status == 1, late.out, late.err);
  CHECK_MESSAGE(late.err.find("Agent demo does not answer message") != std::string::npos, late.err);
}
