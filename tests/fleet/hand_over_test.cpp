// Two daemons on two hosts share the work of one bus on a third, a relay of ours or a nats-server: each piece goes to
// exactly one agent, and when its daemon dies in the middle of the turn, the other takes it over.
#include "relay/nats/nats_server.hpp"
#include "support/host_pair.hpp"
#include "system/installation.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>

using ar::json;
using ar::test::Child;
using ar::test::Host;
using ar::test::Installation;

namespace {

using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point start) { return std::chrono::duration<double>(Steady::now() - start).count(); }

/// Takes a message, and is in its turn until a file is there.
constexpr char const* kSlowAgent = R"(#!/bin/sh
stty -echo
echo ready
while IFS= read -r line; do
  case $line in *'[agent-runner '*) ;; *) continue ;; esac
  correlation_id=${line#*'[agent-runner '} correlation_id=${correlation_id%%[!0-9a-f]*}
  while IFS= read -r line && [ "$line" != "[end $correlation_id]" ]; do :; done
  echo "took $correlation_id"
  echo "$correlation_id" >>"$1/taken"
  while [ ! -e "$1/go" ]; do sleep 0.1; done
  echo "done $correlation_id"
  echo "$correlation_id" >>"$1/ended"
done
)";

constexpr int kLease = 3;

/// What stands under [relay] in the configuration of a daemon that reaches the bus at this address.
using RelaySection = std::function<std::string(std::string const& address)>;

/// A daemon on a host of its own, with one agent.
class Worker {
 public:
  Worker(int number, std::string agent, RelaySection const& relay) : host_(number), agent_(std::move(agent)) {
    std::filesystem::create_directories(home_.state());
    auto const script = home_.work() / "slow-agent";
    std::ofstream(script) << kSlowAgent;
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    std::ofstream(home_.state() / "config.toml")
        << "[relay]\n"
        << relay(host_.ours()) << "[providers.command]\ncommand = [\"" << script.string() << "\", \""
        << home_.work().string() << "\"]\n"
        << "ready = { pattern = \"^ready\" }\npaste = \"bracketed\"\nproof = { pattern = \"^took {correlation_id}\" }\n"
        << "turn_end = { pattern = \"^done \" }\n";
    home_.prefix = host_.inside({});
    home_.good({"up"});
    REQUIRE(Installation::eventually([&] { return transport() == "connected"; }));
    home_.spawn(agent_, {"--tag", "build"});
  }

  Installation& home() { return home_; }
  std::string const& agent() const { return agent_; }
  std::string transport() { return home_.good({"bus", "status", "--json"}).parsed().value("transport", ""); }
  /// How many messages its agent has taken, and with how many of them it is through: by its own account.
  long taken() const { return lines_of("taken"); }
  long ended() const { return lines_of("ended"); }
  void let_turns_end() { std::ofstream(home_.work() / "go") << "x"; }
  void hold_turns() { std::filesystem::remove(home_.work() / "go"); }
  /// For the report of a failure.
  std::string what_it_says(std::int64_t message) {
    return agent_ + ": " + home_.agent(agent_).dump() + "\n" + home_.message(message).dump() + "\n" +
           home_.run({"events", agent_}).out + home_.run({"logs"}).out + home_.run({"screen", agent_}).out;
  }
  bool said(std::string const& type, std::int64_t message) {
    for (auto const& line : Installation::lines(home_.good({"events", agent_, "--json", "--from", "0"}).out)) {
      auto const event = json::parse(line);
      if (event.value("type", "") == type && event["data"].value("message", std::int64_t(0)) == message) return true;
    }
    return false;
  }

 private:
  long lines_of(char const* name) const {
    std::ifstream file(home_.work() / name);
    return std::count(std::istreambuf_iterator<char>(file), {}, '\n');
  }
  Host host_;
  Installation home_;
  std::string agent_;
};

/// The relay, on the host of the test itself.
class Hub {
 public:
  Hub() {
    std::filesystem::create_directories(home_.state());
    std::ofstream(home_.state() / "config.toml") << "[relay]\nlease_seconds = " << kLease << "\n";
    server_ = Child({AR_BIN_DIR "/agent-runnerd", "--state-dir", home_.state().string(), "relay", "--listen",
                     "0.0.0.0:7077", "--insecure"});
    REQUIRE(Installation::eventually([&] { return home_.run({"relay", "status"}).status == 0; }));
  }
  std::string section(std::string const& address) {
    auto const token = home_.work() / ("token-for-" + address);
    std::ofstream(token) << home_.good({"relay", "token", "issue"}).out.substr(0, 68) << "\n";
    return "kind = \"remote\"\nurl = \"http://" + address + ":7077\"\ntoken_file = \"" + token.string() + "\"\n";
  }

 private:
  Installation home_;
  Child server_;
};

void attempt(char const* bus, RelaySection const& relay) {
  char const* const wanted = std::getenv("AR_HAND_OVERS");
  int const rounds = wanted ? std::atoi(wanted) : 2;
  Worker a(11, "builder-a", relay), b(12, "builder-b", relay);
  std::vector<double> accepted, handed_over;
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    a.hold_turns();
    b.hold_turns();
    auto const before_a = a.taken(), before_b = b.taken();
    auto start = Steady::now();
    auto const task = std::to_string(round + 1);
    auto const id = a.home().send("tag:build", "build " + task, {"--claimable", "--task", task});
    bool const once = Installation::eventually([&] { return a.taken() + b.taken() == before_a + before_b + 1; });
    std::string const said = once ? std::string() : a.what_it_says(id) + b.what_it_says(id);
    REQUIRE_MESSAGE(once, said);
    accepted.push_back(seconds_since(start));
    bool const first_is_a = a.taken() > before_a;
    auto& first = first_is_a ? a : b;
    auto& second = first_is_a ? b : a;
    auto const before = second.taken();

    start = Steady::now();
    first.home().kill_daemon();
    REQUIRE(Installation::eventually([&] { return second.taken() == before + 1; }));
    handed_over.push_back(seconds_since(start));

    // The second ends its turn; then the first's daemon is back, and its agent ends the turn that it had all along.
    second.let_turns_end();
    REQUIRE(Installation::eventually([&] { return second.home().delivery_state(id) == "done"; }));
    first.home().good({"up"});
    REQUIRE(Installation::eventually([&] { return first.transport() == "connected"; }));
    first.let_turns_end();
    REQUIRE(Installation::eventually([&] { return first.said("claim.lost", id); }));
    ++refused;
    REQUIRE(
        Installation::eventually([&] { return first.ended() == first.taken() && second.ended() == second.taken(); }));
    first.home().wait_for_state(first.agent(), "idle");
    second.home().wait_for_state(second.agent(), "idle");
    CHECK(first.taken() + second.taken() == before_a + before_b + 2);
  }
  auto const middle = [](std::vector<double> times) {
    std::ranges::sort(times);
    return times[times.size() / 2];
  };
  std::printf(
      "%d hand-overs over %s, lease %d s: sent to accepted %.2f s (median; most %.2f), killed to accepted by the other "
      "%.2f s (median; most %.2f), late finishes refused %d\n",
      rounds, bus, kLease, middle(accepted), *std::ranges::max_element(accepted), middle(handed_over),
      *std::ranges::max_element(handed_over), refused);
  CHECK(refused == rounds);
}

}  // namespace

TEST_CASE("WorkGoesToOneAndIsTakenOverWhenItsDaemonDies") {
  ar::test::need_own_network();
  Hub hub;
  attempt("a relay", [&](std::string const& address) { return hub.section(address); });
}

TEST_CASE("WorkOverNatsGoesToOneAndIsTakenOverWhenItsDaemonDies") {
  ar::test::need_own_network();
  if (!ar::relay::test::NatsServer::installed()) {
    MESSAGE("skipped: nats-server is not installed");
    return;
  }
  ar::relay::test::NatsServer server({.address = "0.0.0.0"});
  attempt("NATS", [&](std::string const& address) {
    return "kind = \"nats\"\nurl = \"nats://" + address + ":" + std::to_string(server.port()) +
           "\"\nlease_seconds = " + std::to_string(kLease) + "\n";
  });
}
