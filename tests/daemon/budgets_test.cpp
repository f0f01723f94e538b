// Budgets: what is booked once, when they hold whom, what is asked, and what the next daemon finds.
#include "daemon/limits/budgets.hpp"

#include "daemon/limits/local_day.hpp"
#include "world.hpp"

#include <set>

using namespace ar;
using namespace ar::test;

namespace {

struct FakeMember final : BudgetMember {
  std::string login = "fake-1";
  std::int64_t turn = 0;
  bool hides = false;
  int told = 0;
  std::string account() const override { return login; }
  std::int64_t turns() const override { return turn; }
  bool hides_cost() const override { return hides; }
  void budget_changed() override { ++told; }
};

Budget budget(json table) {
  table["name"] = table.value("name", "b");
  table["per"] = table.value("per", "total");
  auto read = read_budget(table);
  REQUIRE(read.has_value());
  return *read;
}

/// Agents a and b with the tag q, and c without it, of another account.
struct Lab {
  explicit Lab(std::vector<Budget> of) : configured(std::move(of)) {
    members["c"].login = "fake-2";
    start();
  }
  ~Lab() { world.await(budgets->stop()); }
  void start() {
    budgets.emplace(world.executor(), world.journal(), world.event_log());
    REQUIRE(world.await(budgets->load(configured)).has_value());
    for (auto const* name : {"a", "b", "c"}) {
      std::vector<std::string> tags;
      if (*name != 'c') tags.emplace_back("q");
      joined[name] = budgets->join(name, std::move(tags), members[name]);
    }
    budgets->start({[this](Budgets::Question question) { asked.push_back(std::move(question)); },
                    [this](std::string key) { withdrawn.insert(std::move(key)); }});
    world.settle();
  }
  void restart() {
    world.await(budgets->stop());
    (void)world.ask(world.journal().committed());
    joined.clear();
    budgets.reset();
    asked.clear();
    start();
  }
  void spend(std::string const& agent, double usd, adapters::Usage used = {100, 10, 1000, 5}) {
    budgets->book(agent, ++members[agent].turn, used, usd);
  }
  bool held(std::string const& agent) { return !budgets->why_held(agent).empty(); }
  json shown() { return budgets->list()["budgets"].at(0); }
  int events(std::string const& type) {
    (void)world.ask(world.journal().committed());
    auto const page = world.ask(world.event_log().page("", 0, 1000));
    REQUIRE(page.has_value());
    return static_cast<int>(
        std::ranges::count_if(*page, [&](auto const& event) { return json::parse(event.json_text)["type"] == type; }));
  }
  json usage(std::string by) {
    auto sums = world.ask(budgets->usage(std::move(by), ""));
    REQUIRE(sums.has_value());
    return (*sums)["usage"];
  }

  World world;
  std::vector<Budget> configured;
  std::map<std::string, FakeMember> members;
  std::optional<Budgets> budgets;
  std::map<std::string, std::shared_ptr<void>> joined;
  std::vector<Budgets::Question> asked;
  std::set<std::string> withdrawn;
};

}  // namespace

TEST_CASE("ABudgetWarnsOnceHoldsThoseItMeetsAndAsksOnce") {
  Lab lab({budget({{"tag", "q"}, {"usd", 1.0}})});
  lab.spend("c", 5);  // whom it does not meet
  lab.spend("a", 0.5);
  CHECK(lab.events("budget.warning") == 0);
  lab.spend("b", 0.3);
  CHECK(lab.events("budget.warning") == 1);
  CHECK_FALSE(lab.held("a"));
  lab.restart();
  lab.spend("a", 0.1);
  CHECK(lab.events("budget.warning") == 1);
  lab.spend("b", 0.1);  // 0.5 + 0.3 + 0.1 + 0.1 is not 1 to the last bit
  CHECK(lab.events("budget.reached") == 1);
  CHECK(lab.held("a"));
  CHECK(lab.held("b"));
  CHECK_FALSE(lab.held("c"));
  REQUIRE(lab.asked.size() == 1);
  lab.spend("a", 0.2);  // the turn that ran
  CHECK(lab.asked.size() == 1);
  auto const key = lab.asked.front().key;
  lab.restart();  // the same question, under the same key
  REQUIRE(lab.asked.size() == 1);
  CHECK(lab.asked.front().key == key);
  CHECK(lab.held("a"));
  CHECK(lab.events("budget.reached") == 1);
  CHECK(lab.shown()["held"] == json::array({"a", "b"}));
  CHECK(lab.shown()["used"].get<double>() == doctest::Approx(1.2));
  CHECK(lab.budgets->hold_of("a")["kind"] == "budget");
}

TEST_CASE("TheAnswersRaiseGiveATurnOrStop") {
  Lab lab({budget({{"usd", 1.0}})});
  lab.spend("a", 1.1);
  REQUIRE(lab.asked.size() == 1);
  lab.budgets->answered("budget other 1", Budgets::kRaise);
  CHECK(lab.held("a"));
  lab.budgets->answered(lab.asked.back().key, Budgets::kOnceMore);
  for (auto const* name : {"a", "b", "c"}) CHECK_FALSE(lab.held(name));
  lab.budgets->book("a", lab.members["a"].turn, {}, 0.1);  // of the turn before
  CHECK_FALSE(lab.held("a"));
  lab.spend("a", 0.1);
  CHECK(lab.held("a"));
  CHECK_FALSE(lab.held("b"));
  REQUIRE(lab.asked.size() == 2);
  lab.spend("b", 0.1);
  CHECK(lab.asked.size() == 2);
  lab.budgets->answered(lab.asked.front().key, Budgets::kRaise);  // an old question
  CHECK(lab.held("b"));
  lab.budgets->answered(lab.asked.back().key, Budgets::kStop);
  lab.spend("c", 0.1);
  lab.restart();
  CHECK(lab.asked.empty());
  CHECK(lab.held("a"));
  CHECK(lab.shown()["state"] == "stopped");
  REQUIRE(lab.world.ask(lab.budgets->raise("b", json::object())).has_value());
  CHECK_FALSE(lab.held("a"));
  CHECK(lab.shown()["limit"] == 2.0);
  CHECK(lab.events("budget.freed") == 1);
}

TEST_CASE("ARaiseThatIsNotEnoughLeavesTheQuestionAndOneThatIsWithdrawsIt") {
  Lab lab({budget({{"tokens", 100}})});
  lab.spend("a", 0, {300, 5, 7000, 5});  // what a cache answers is not counted
  CHECK(lab.shown()["used"] == 310);
  REQUIRE(lab.world.ask(lab.budgets->raise("b", {{"tokens", 100}})).has_value());
  CHECK(lab.held("a"));
  CHECK(lab.asked.size() == 1);
  REQUIRE(lab.world.ask(lab.budgets->raise("b", {{"tokens", 500}})).has_value());
  CHECK_FALSE(lab.held("a"));
  CHECK(lab.withdrawn == std::set<std::string>{lab.asked.front().key});
  for (auto const& body : {json{{"usd", 1}}, json{{"tokens", 0}}, json{{"tokens", -5}}}) {
    auto const refused = lab.world.ask(lab.budgets->raise("b", body));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == "invalid_argument");
  }
  CHECK(lab.world.ask(lab.budgets->raise("none", json::object())).error().code == "no_such_budget");
}

TEST_CASE("TurnsOnceMoreThatDiedWithTheDaemonAreAskedForAgain") {
  Lab lab({budget({{"usd", 1}})});
  lab.spend("a", 1);
  lab.budgets->answered(lab.asked.back().key, Budgets::kOnceMore);
  lab.restart();
  CHECK_FALSE(lab.held("a"));
  CHECK(lab.asked.size() == 1);
}

TEST_CASE("ANewDayFreesAndAReadConfigurationChangesBudgets") {
  Lab lab({budget({{"usd", 1}, {"per", "day"}})});
  lab.spend("a", 2);
  REQUIRE(lab.held("a"));
  CHECK(from_iso8601(lab.budgets->hold_of("a")["until"].get<std::string>()) == local_day_end(wall_now()));
  lab.world.pass(local_day_end(wall_now()) - wall_now() + std::chrono::minutes(6));
  CHECK_FALSE(lab.held("a"));
  CHECK(lab.withdrawn.size() == 1);
  CHECK(lab.shown()["used"] == 0.0);
  lab.spend("a", 0.5);
  lab.budgets->set({budget({{"usd", 0.4}, {"per", "day"}})});
  CHECK(lab.held("a"));
  lab.budgets->set({budget({{"usd", 0.4}, {"per", "day"}, {"agent", "b"}})});
  CHECK_FALSE(lab.held("a"));
  CHECK(lab.held("b"));
  lab.budgets->set({});
  CHECK_FALSE(lab.held("b"));
  CHECK(lab.withdrawn.size() == 2);
}

TEST_CASE("SumsAreByAgentDayAndAccountAndOutliveTheAgent") {
  Lab lab({});
  lab.spend("a", 0.25);
  lab.spend("a", 0.25);
  lab.budgets->book("b", 1, adapters::Usage{1, 2, 3, 4}, {});
  lab.budgets->book("c", 1, {}, 1.5);
  (void)lab.world.ask(lab.world.journal().committed());
  auto const by_agent = lab.usage("agent");
  REQUIRE(by_agent.size() == 3);
  CHECK(by_agent[0]["agent"] == "a");
  CHECK(by_agent[0]["turns"] == 2);
  CHECK(by_agent[0]["costUsd"] == 0.5);
  CHECK(by_agent[1]["costUsd"].is_null());
  CHECK(by_agent[1]["cacheWriteTokens"] == 4);
  lab.world.journal().write([](Database& db) { AgentTable(db).erase("a"); });
  CHECK(lab.usage("agent")[0]["agent"].is_null());
  auto const by_account = lab.usage("account");
  REQUIRE(by_account.size() == 2);
  CHECK(by_account[0]["inputTokens"] == 201);
  auto const by_day = lab.usage("day");
  REQUIRE(by_day.size() == 1);
  CHECK(by_day[0]["day"] == local_day(wall_now()));
  CHECK(by_day[0]["costUsd"] == 2.0);
}

TEST_CASE("AWrongBudgetIsNamed") {
  json const good = {{"name", "n"}, {"per", "day"}, {"usd", 1}};
  CHECK(read_budget(good).has_value());
  auto const field_of = [&](json const& change) {
    auto table = good;
    table.update(change);
    auto const read = read_budget(table);
    return read ? std::string("none") : read.error().field;
  };
  CHECK(field_of({{"name", "a b"}}) == "name");
  CHECK(field_of({{"per", "week"}}) == "per");
  CHECK(field_of({{"usd", 0}}) == "usd");
  CHECK(field_of({{"usd", "1"}}) == "usd");
  CHECK(field_of({{"tokens", 5}}) == "usd");
  CHECK(field_of({{"agent", "a"}, {"tag", "q"}}) == "agent");
  CHECK(field_of({{"amount", 5}}) == "amount");
}
