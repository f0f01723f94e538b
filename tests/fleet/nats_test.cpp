// Two whole daemons on one NATS server: their agents are each other's neighbours, over its death too.
#include "base/clock.hpp"
#include "relay/nats/nats_server.hpp"
#include "system/installation.hpp"

#include <map>

using ar::json;
using ar::relay::test::NatsServer;
using ar::test::Installation;

namespace {

void join(Installation& home, NatsServer const& server) {
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[relay]\nkind = \"nats\"\nurl = \"" << server.url() << "\"\n";
}

}  // namespace

TEST_CASE("AgentsOfTwoDaemonsShareWorkOverNats") {
  if (!NatsServer::installed()) {
    MESSAGE("skipped: nats-server is not installed");
    return;
  }
  NatsServer server;
  Installation one, two;
  join(one, server);
  join(two, server);
  one.spawn("a1", {"--tag", "team"});
  two.spawn("b1", {"--tag", "team"});

  // To the neighbour's agent, with its answer.
  auto const answer = one.good({"send", "b1", "hello there, neighbour", "--wait=done", "--timeout", "30s"});
  CHECK(answer.out.find("message of 3 words") != std::string::npos);
  auto const accepted = one.good({"send", "b1", "and once more", "--wait=accepted", "--timeout", "30s"});
  CHECK(accepted.out.find("read by b1") != std::string::npos);

  // Work goes to exactly one.
  std::vector<std::int64_t> work;
  for (int i = 0; i < 6; ++i) work.push_back(one.send("tag:team", "piece " + std::to_string(i), {"--claimable"}));
  for (auto const id : work) {
    auto const taken = [&] { return one.message(id)["readBy"].size() == 1; };
    CHECK_MESSAGE(Installation::eventually(taken), one.message(id).dump(1));
  }

  // The server dies: the agents stay, the bus says so, and what was refused is sent when it is back.
  server.kill();
  auto const is_connected = [](Installation& home) {
    return home.good({"bus", "status", "--json"}).parsed()["transport"] == "connected";
  };
  CHECK(Installation::eventually([&] { return !is_connected(one) && !is_connected(two); }));
  one.wait_for_state("a1", "idle");  // its last piece may still have been under way
  auto const refused = one.run({"send", "b1", "while it is away", "--key", "k1"});
  CHECK(refused.status != 0);
  server.start();
  CHECK(Installation::eventually([&] { return is_connected(one) && is_connected(two); }));
  auto const again = one.good({"send", "b1", "while it is away", "--key", "k1", "--wait=done", "--timeout", "30s"});
  CHECK_MESSAGE(again.out.find("message of 4 words") != std::string::npos, again.out, again.err);
}

TEST_CASE("ADaemonStartsWithoutItsNatsServerAndSaysWhatIsWrong") {
  Installation home;
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[relay]\nkind = \"nats\"\nurl = \"nats://127.0.0.1:1\"\n";
  home.spawn("a1");
  auto const status = home.good({"bus", "status", "--json"}).parsed();
  CHECK(status["kind"] == "nats");
  CHECK(status["transport"] != "connected");
  CHECK_MESSAGE(status.dump().find("127.0.0.1:1") != std::string::npos, status.dump(1));
}

TEST_CASE("ADueTimeIsDoneOnceOverKillsOfItsDaemonOnASharedBus") {
  if (!NatsServer::installed()) {
    MESSAGE("skipped: nats-server is not installed");
    return;
  }
  NatsServer server;
  Installation one, two;
  join(one, server);
  join(two, server);
  one.environment = {"AGENT_RUNNER_LEAST_INTERVAL_MS=100"};
  one.good({"up"});
  two.spawn("b1");
  auto const id = one.good({"send", "b1", "tick", "--every", "500ms", "--json"}).parsed()["id"].get<std::string>();
  CHECK(two.run({"schedule", "show", id}).status == 3);  // each daemon has its own
  json shown;
  for (int kill = 1; kill <= 4; ++kill) {
    CHECK(Installation::eventually([&] {
      shown = one.good({"schedule", "show", id, "--json"}).parsed();
      return shown["done"] >= kill * 2;
    }));
    one.kill_daemon();
    one.good({"up"});
  }
  one.good({"schedule", "pause", id});
  CHECK(Installation::eventually([&] {
    shown = one.good({"schedule", "show", id, "--json"}).parsed();
    return shown["underWay"].is_null();
  }));
  std::map<std::string, int> dues;
  for (auto const& line : Installation::lines(two.good({"messages", "--limit", "500", "--json"}).out))
    if (auto const payload = json::parse(line)["payload"]; payload.contains("schedule"))
      ++dues[payload["schedule"]["dueAt"].get<std::string>()];
  CHECK(dues.size() == shown["done"]);
  auto expected = ar::from_iso8601(shown["at"].get<std::string>()).value();
  for (auto const& [due, count] : dues) {
    CHECK(due == ar::to_iso8601(expected));
    CHECK_MESSAGE(count == 1, due);
    expected += std::chrono::milliseconds(500);
  }
  CHECK(dues.size() >= 8);
}
