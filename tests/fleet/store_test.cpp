// A daemon whose bus has another store: a relay in the place of the embedded bus, a state that was set up anew, a hub
// that was set up anew, a NATS server that has lost its folder. The numbers begin again; work and answers are the new
// ones.
#include "relay/nats/nats_server.hpp"
#include "support/host_pair.hpp"
#include "system/installation.hpp"

#include <fstream>

namespace fs = std::filesystem;
using ar::json;
using ar::relay::test::NatsServer;
using ar::test::Child;
using ar::test::Installation;

namespace {

/// Says what it was told, keeps a record of it, and is in its turn until a file is there, where that is asked for.
constexpr char const* kAgent = R"(#!/bin/sh
stty -echo
echo ready
while IFS= read -r line; do
  case $line in *'[agent-runner '*) ;; *) continue ;; esac
  correlation_id=${line#*'[agent-runner '} correlation_id=${correlation_id%%[!0-9a-f]*} body=
  while IFS= read -r line && [ "$line" != "[end $correlation_id]" ]; do body="$body$line"; done
  echo "took $correlation_id"
  echo "$body" >>"$1/seen"
  case $body in *slow*) while [ ! -e "$1/go" ]; do sleep 0.1; done ;; esac
  echo "did: $body"
  echo "done $correlation_id"
done
)";

/// A daemon with one agent.
class Machine {
 public:
  explicit Machine(std::string const& relay = {}) {
    fs::create_directories(home.state());
    auto const script = home.work() / "agent";
    std::ofstream(script) << kAgent;
    fs::permissions(script, fs::perms::owner_all);
    use(relay);
    home.spawn("n1");
  }
  /// What stands under [relay], of the next daemon.
  void use(std::string const& relay) {
    std::ofstream(home.state() / "config.toml")
        << "[relay]\n"
        << relay << "[providers.command]\ncommand = [\"" << (home.work() / "agent").string() << "\", \""
        << home.work().string() << "\"]\n"
        << "ready = { pattern = \"^ready\" }\npaste = \"bracketed\"\nproof = { pattern = \"^took {correlation_id}\" }\n"
        << "turn_end = { pattern = \"^done \" }\n";
  }
  json bus() { return home.good({"bus", "status", "--json"}).parsed(); }
  std::string ask(std::string const& text) { return home.good({"send", "n1", text, "--wait", "--timeout", "60s"}).out; }
  long seen(std::string const& text) const {
    long count = 0;
    std::ifstream file(home.work() / "seen");
    for (std::string line; std::getline(file, line);) count += line.find(text) != std::string::npos ? 1 : 0;
    return count;
  }
  void work(std::string const& what, int pieces) {
    for (int i = 1; i <= pieces; ++i) {
      auto const text = what + " work " + std::to_string(i);
      CHECK(ask(text).find("did: " + text) != std::string::npos);
    }
    for (int i = 1; i <= pieces; ++i) CHECK(seen(what + " work " + std::to_string(i)) == 1);
  }
  /// A message in whose turn the agent is, and stays.
  std::int64_t begin_slow_work() {
    auto const id = home.send("n1", "slow work");
    CHECK(Installation::eventually([&] { return seen("slow work") == 1; }));
    CHECK(Installation::eventually([&] { return home.delivery_state(id) == "running"; }));
    return id;
  }
  void end_slow_work() { std::ofstream(home.work() / "go") << "x"; }
  std::vector<json> events(std::string const& type) {
    std::vector<json> found;
    for (auto const& line : Installation::lines(home.good({"events", "--json", "--from", "0"}).out))
      if (auto event = json::parse(line); event.value("type", "") == type) found.push_back(std::move(event));
    return found;
  }
  /// Runs `change` while this daemon runs on, and waits until it has found the other store.
  void change_live(std::function<void()> const& change) {
    auto const before = bus()["store"];
    change();
    auto const there = Installation::eventually([&] {
      auto const now = bus();
      return now["transport"] == "connected" && now["store"] != before;
    });
    REQUIRE_MESSAGE(there, bus().dump());
  }
  /// The slow work of the bus before has ended, and was said to have, once.
  void check_end_of(std::int64_t message) {
    auto const told = Installation::eventually([&] { return !events("message.failed").empty(); });
    REQUIRE(told);
    auto const failed = events("message.failed");
    REQUIRE(failed.size() == 1);
    CHECK(failed[0]["data"]["message"] == message);
    CHECK(failed[0]["data"]["reason"].get<std::string>().find("its bus is gone") == 0);
    CHECK(seen("slow work") == 1);
  }

  Installation home;
};

/// A relay of its own, set up on a port that stays.
class Hub {
 public:
  Hub() { serve(); }
  void set_up_anew() {
    (void)server_.end(SIGKILL);
    REQUIRE(fs::remove_all(home_.state() / "relay") > 0);
    serve();
  }
  void write_token(fs::path const& file) {
    std::ofstream(file) << home_.good({"relay", "token", "issue"}).out.substr(0, 68) << "\n";
  }
  std::string section(fs::path const& token) {
    write_token(token);
    return "kind = \"remote\"\nurl = \"http://127.0.0.1:" + std::to_string(port_) + "\"\ntoken_file = \"" +
           token.string() + "\"\n";
  }

 private:
  void serve() {
    server_ = Child({AR_BIN_DIR "/agent-runnerd", "--state-dir", home_.state().string(), "relay", "--listen",
                     "127.0.0.1:" + std::to_string(port_)});
    REQUIRE(Installation::eventually([&] { return home_.run({"relay", "status"}).status == 0; }));
  }
  Installation home_;
  int port_ = ar::relay::test::free_port();
  Child server_;
};

}  // namespace

TEST_CASE("ARelayInThePlaceOfTheEmbeddedBusAndBackAgain") {
  Machine machine;
  Hub hub;
  machine.work("old", 5);
  auto const slow = machine.begin_slow_work();
  machine.home.good({"down"});
  machine.use(hub.section(machine.home.work() / "token"));
  machine.home.good({"up"});
  machine.check_end_of(slow);
  machine.end_slow_work();
  machine.work("new", 3);
  // The page of a number that only the bus before has given says so.
  auto const page = machine.home.run({"message", "show", std::to_string(slow)});
  CHECK(page.status != 0);
  CHECK_MESSAGE(page.err.find("its bus is gone") != std::string::npos, page.err);

  machine.home.good({"down"});
  machine.use("");
  machine.home.good({"up"});
  machine.work("embedded", 2);
  CHECK(machine.home.message(1)["body"] == "old work 1");
  CHECK(machine.home.delivery_state(1) == "done");
  for (auto const* text : {"old work 1", "new work 1", "slow work"}) CHECK(machine.seen(text) == 1);
}

TEST_CASE("AStateWhoseBusWasSetUpAnew") {
  Machine machine;
  machine.work("old", 5);
  machine.home.good({"down"});
  REQUIRE(fs::remove_all(machine.home.state() / "relay") > 0);
  machine.home.good({"up"});
  machine.work("new", 5);
  CHECK(machine.events("bus.changed").size() == 1);
}

TEST_CASE("AHubThatIsSetUpAnewUnderALivingDaemon") {
  Hub hub;
  Machine machine;
  auto const token = machine.home.work() / "token";
  machine.home.good({"down"});
  machine.use(hub.section(token));
  machine.home.good({"up"});
  machine.work("old", 5);
  auto const slow = machine.begin_slow_work();
  machine.change_live([&] {
    hub.set_up_anew();
    hub.write_token(token);
  });
  machine.check_end_of(slow);
  machine.end_slow_work();
  machine.work("new", 5);
}

TEST_CASE("ANatsServerThatLosesItsStoreUnderALivingDaemon") {
  if (!NatsServer::installed()) {
    MESSAGE("skipped: nats-server is not installed");
    return;
  }
  NatsServer server;
  Machine machine("kind = \"nats\"\nurl = \"" + server.url() + "\"\n");
  machine.work("old", 5);
  auto const slow = machine.begin_slow_work();
  machine.change_live([&] {
    server.kill();
    fs::remove_all(server.folder() / "store");
    server.start();
  });
  machine.check_end_of(slow);
  machine.end_slow_work();
  machine.work("new", 5);
}
