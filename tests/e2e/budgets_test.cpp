// A budget in USD over three real Claude Codes: what was used when it was reached, who is held, and that nothing is
// lost or done twice by it, over a killed daemon as well.
#include "e2e/offline.hpp"
#include "e2e/stub.hpp"
#include "system/installation.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

using ar::json;
using ar::test::Installation;

namespace {

constexpr char const* kAgents[] = {"one", "two", "three"};

std::vector<json> events(Installation& home) {
  std::vector<json> all;
  std::istringstream lines(home.good({"events", "-n", "1000", "--json"}).out);
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) all.push_back(json::parse(line));
  return all;
}

int count(std::vector<json> const& all, std::string const& type) {
  return static_cast<int>(std::ranges::count_if(all, [&](json const& event) { return event["type"] == type; }));
}

/// Waits for more turns than one as well.
bool in_the_end(std::function<bool()> const& holds) {
  for (int tries = 0; tries < 6; ++tries)
    if (Installation::eventually(holds)) return true;
  return false;
}

/// What each turn has cost: the last that was said of it.
std::map<std::string, double> costs(std::vector<json> const& all) {
  std::map<std::string, double> found;
  for (auto const& event : all)
    if (event["type"] == "turn.usage" && event["data"].contains("costUsd"))
      found[event["agent"].get<std::string>() + " " + event["data"]["turn"].dump()] =
          event["data"]["costUsd"].get<double>();
  return found;
}

void print_time_line(std::vector<json> const& all) {
  for (auto const& event : all) {
    auto const type = event["type"].get<std::string>();
    if (type.starts_with("budget.") || type == "turn.usage" || type == "agent.limited" || type == "agent.released" ||
        type == "daemon.started" || type.starts_with("approval."))
      std::cout << event["at"].get<std::string>() << ' ' << event.value("agent", "") << ' ' << type << ' '
                << event["data"].dump() << '\n';
  }
}

}  // namespace

TEST_CASE("ABudgetOfThreeClaudesHoldsThemAfterTheTurnsThatRan") {
  auto const cli = ar::test::claude_offline();
  Installation home;
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[[budgets]]\nname = \"night\"\nper = \"day\"\nusd = 1\n";
  ar::test::Stub stub;
  for (auto const* name : kAgents) ar::test::spawn_claude(home, name, cli, stub);
  for (auto const* name : kAgents) home.wait_for_state(name, "idle");
  std::vector<std::int64_t> sent;
  for (int i = 0; i < 6; ++i)
    for (auto const* name : kAgents)
      sent.push_back(home.send(name, "[[usage:50000]][[sleep:300]][[say:done]] work " + std::to_string(i)));

  REQUIRE(in_the_end([&] { return count(events(home), "budget.reached") == 1; }));
  home.kill_daemon();  // what was booked and that it holds are one commit
  home.good({"up"});
  REQUIRE(in_the_end([&] {
    return std::ranges::all_of(kAgents, [&](auto const* name) {
      auto const shown = home.agent(name);
      return shown["state"] == "idle" && shown.contains("limited") && shown["limited"]["kind"] == "budget";
    });
  }));
  auto const held = home.good({"budgets", "--json"}).parsed();
  CHECK(held["held"] == json::array({"one", "three", "two"}));
  auto at_hold = events(home);
  CHECK(count(at_hold, "budget.reached") == 1);
  CHECK(count(at_hold, "budget.warning") == 1);
  std::vector<double> dearest;
  for (auto const& [turn, usd] : costs(at_hold)) dearest.push_back(usd);
  std::ranges::sort(dearest, std::greater<>());
  REQUIRE(dearest.size() >= 3);
  auto const overshoot = held["used"].get<double>() - held["limit"].get<double>();
  CHECK(overshoot >= 0);
  CHECK(overshoot <= dearest[0] + dearest[1] + dearest[2]);
  double all_costs = 0;
  for (auto const usd : dearest) all_costs += usd;
  CHECK(held["used"].get<double>() == doctest::Approx(all_costs));
  std::cout << "held at " << held["used"] << " of " << held["limit"] << " USD after " << dearest.size()
            << " turns of at most " << dearest[0] << '\n';
  auto const waiting = std::ranges::count_if(sent, [&](auto id) { return home.delivery_state(id) == "held"; });
  CHECK(waiting > 0);
  auto const pending = home.good({"approvals", "--json"}).parsed();  // one line
  CHECK(pending["kind"] == "budget");
  CHECK(pending["agent"] == "");
  auto const id = pending["id"].dump();

  home.good({"answer", id, "raise"});  // by 1 USD
  REQUIRE(in_the_end([&] { return home.good({"budgets", "--json"}).parsed()["limit"] == 2.0; }));
  home.good({"budgets", "raise", "night", "--usd", "1000"});
  for (auto const message : sent)
    CHECK_MESSAGE(in_the_end([&] { return home.delivery_state(message) == "done"; }), home.message(message).dump(1));
  auto const all = events(home);
  print_time_line(all);
  CHECK(count(all, "message.accepted") == static_cast<int>(sent.size()));
  CHECK(count(all, "message.failed") == 0);
  for (auto const* name : kAgents) CHECK_FALSE(home.agent(name).contains("limited"));
  CHECK(home.good({"approvals"}).out.empty());
  CHECK(in_the_end([&] {
    auto const sums = home.good({"usage", "--by", "day", "--json"}).parsed();
    return sums["turns"] == static_cast<int>(sent.size());
  }));
}
