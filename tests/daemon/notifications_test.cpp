// Who is notified of what, when, and over which ends of the daemon; by the clock that the test holds.
#include "daemon/notify/notifications.hpp"

#include "model/notify_rule.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

NotifyRule rule(json table = json::object()) {
  json whole = {{"name", "phone"}, {"to", "ntfy"}, {"url", "https://ntfy.example"}, {"topic", "t"}};
  whole.update(table);
  auto read = read_notify_rule(whole);
  REQUIRE_MESSAGE(read.has_value(), whole.dump());
  return *read;
}

struct FakeSender final : NoticeSender {
  std::vector<Notice> sent{};
  std::string problem{};
  int tries = 0;
  awaitable<std::string> send(NotifyRule, Notice notice) override {
    ++tries;
    if (problem.empty()) sent.push_back(std::move(notice));
    co_return problem;
  }
};

struct Lab {
  explicit Lab(std::vector<NotifyRule> of = {rule()}) : rules(std::move(of)) { start(); }
  ~Lab() { world.await(all->stop()); }
  void start() {
    auto const tags = [](std::string const& agent) {
      return agent == "tagged" ? std::vector<std::string>{"q"} : std::vector<std::string>();
    };
    all.emplace(world.executor(), world.journal(), world.event_log(), sender, tags, [] { return 0.5; });
    all->start(rules, {});
    world.settle();
  }
  void restart() {
    world.await(all->stop());
    (void)world.ask(world.journal().committed());
    all.emplace(
        world.executor(), world.journal(), world.event_log(), sender,
        [](std::string const&) { return std::vector<std::string>(); }, [] { return 0.5; });
    all->start(rules, {});
    world.settle();
  }
  void asks(std::string const& agent, int id) {
    world.event_log().append(agent, "approval.created",
                             {{"id", id}, {"kind", "permission"}, {"tool", "Bash"}, {"summary", "Bash: npm publish"}});
    world.settle();
  }
  void fails(std::string const& agent) {
    world.event_log().append(agent, "agent.state", {{"state", "failed"}, {"before", "busy"}, {"reason", "it ended"}});
    world.settle();
  }
  json shown() { return all->list()["notify"][0]; }

  World world;
  FakeSender sender;
  std::vector<NotifyRule> rules;
  std::optional<Notifications> all;
};

}  // namespace

TEST_CASE("WhatHappensTogetherIsToldTogether") {
  Lab lab;
  lab.asks("alice", 3);
  lab.world.pass(5s);
  CHECK(lab.sender.sent.empty());
  lab.fails("bob");
  lab.world.pass(6s);
  REQUIRE(lab.sender.sent.size() == 1);
  auto const& notice = lab.sender.sent[0];
  CHECK(notice.title == "alice waits for your decision, and 1 more");
  CHECK(notice.text.find("agent-runner approve 3") != std::string::npos);
  CHECK(notice.text.find("bob has failed: agent-runner restart bob") != std::string::npos);
  CHECK(notice.text.find("npm publish") == std::string::npos);  // of several the first words only
  lab.asks("alice", 4);
  lab.world.pass(11s);
  REQUIRE(lab.sender.sent.size() == 2);
  CHECK(lab.sender.sent[1].title == "alice waits for your decision");
  CHECK(lab.sender.sent[1].text == "Bash: npm publish\nagent-runner approve 4, or deny 4");
  CHECK(lab.shown()["waiting"] == 0);
  CHECK(lab.shown()["sentAt"].is_string());
}

TEST_CASE("WhatIsDecidedMeanwhileIsNotTold") {
  Lab lab;
  lab.asks("alice", 1);
  lab.asks("bob", 2);
  lab.world.event_log().append("alice", "approval.answered", {{"id", 1}, {"status", "approved"}, {"where", "rule"}});
  lab.world.pass(12s);
  REQUIRE(lab.sender.sent.size() == 1);
  CHECK(lab.sender.sent[0].title == "bob waits for your decision");
}

TEST_CASE("EachIsToldOnceOverTheDaemonsEnd") {
  Lab lab;
  lab.asks("alice", 1);
  lab.restart();
  lab.asks("alice", 2);
  lab.world.pass(11s);
  REQUIRE(lab.sender.sent.size() == 1);
  CHECK(lab.sender.sent[0].parts.size() == 2);
  lab.restart();
  lab.world.pass(1min);
  CHECK(lab.sender.sent.size() == 1);
  // A rule that is new tells nothing of before.
  lab.rules.push_back(rule({{"name", "other"}}));
  lab.restart();
  lab.world.pass(1min);
  CHECK(lab.sender.sent.size() == 1);
}

TEST_CASE("QuietHoursEndWithOneSummaryAndWhatIsUrgentDoesNotWait") {
  Lab lab({rule({{"quiet", "22:00-07:00"}, {"time_zone", "UTC"}, {"urgent", {"gave_up"}}})});
  // The clock begins at 22:13 UTC.
  REQUIRE(to_iso8601(wall_now()).find("T22:1") != std::string::npos);
  lab.asks("alice", 1);
  lab.world.pass(1h);
  lab.asks("bob", 2);
  lab.world.pass(5h);
  CHECK(lab.sender.sent.empty());
  CHECK(lab.shown()["waiting"] == 2);
  SUBCASE("until they end") {
    lab.world.pass(3h);
    REQUIRE(lab.sender.sent.size() == 1);
    CHECK(lab.sender.sent[0].parts.size() == 2);
    CHECK(to_iso8601(wall_now()) > "2023-11-15T07:00");
  }
  SUBCASE("unless something is urgent") {
    lab.fails("bob");
    lab.world.pass(12s);
    REQUIRE(lab.sender.sent.size() == 1);
    CHECK(lab.sender.sent[0].urgent);
  }
}

TEST_CASE("WhatCannotBeSentIsTriedLessOftenAndLeftOutAfterADay") {
  Lab lab;
  lab.sender.problem = "nobody answers";
  lab.asks("alice", 1);
  lab.world.pass(1min);
  CHECK(lab.sender.tries >= 3);
  CHECK(lab.sender.tries <= 8);
  CHECK(lab.shown()["error"] == "nobody answers");
  CHECK(lab.shown()["waiting"] == 1);
  SUBCASE("it works again") {
    lab.sender.problem.clear();
    lab.world.pass(2min);
    REQUIRE(lab.sender.sent.size() == 1);
    CHECK(lab.shown()["error"].is_null());
  }
  SUBCASE("it does not") {
    auto const before = lab.sender.tries;
    lab.world.pass(26h);
    CHECK(lab.sender.tries - before < 60);
    CHECK(lab.shown()["waiting"] == 0);
    auto const page = lab.world.ask(lab.world.event_log().page("", 0, 1000));
    REQUIRE(page.has_value());
    CHECK(std::ranges::any_of(*page, [](Event const& event) {
      return event.json_text.find("\"type\":\"notify.gave_up\"") != std::string::npos;
    }));
  }
}

TEST_CASE("ARuleSaysOfWhatAndOfWhom") {
  Lab lab({rule({{"what", {"gave_up"}}, {"tag", "q"}}), rule({{"name", "all"}, {"what", {"done"}}})});
  lab.asks("tagged", 1);
  lab.fails("alice");
  lab.world.event_log().append("alice", "message.done", {{"message", 7}, {"from", "operator"}});
  lab.world.event_log().append("alice", "message.done", {{"message", 8}, {"from", "bob"}});
  lab.world.pass(20s);
  REQUIRE(lab.sender.sent.size() == 1);
  CHECK(lab.sender.sent[0].title == "alice is done with message 7");
  lab.fails("tagged");
  lab.world.pass(20s);
  REQUIRE(lab.sender.sent.size() == 2);
  CHECK(lab.sender.sent[1].title == "tagged has failed");
}

TEST_CASE("AStormIsOneNotificationOfBoundedLength") {
  Lab lab;
  for (int i = 0; i < 500; ++i)
    lab.world.event_log().append("a", "message.failed", {{"message", i}, {"reason", std::string(2000, 'x')}});
  lab.world.settle();
  lab.world.pass(12s);
  REQUIRE(lab.sender.sent.size() == 1);
  CHECK(lab.sender.sent[0].title == "a: message 0 has failed, and 499 more");
  CHECK(lab.sender.sent[0].text.size() < 1500);
  CHECK(lab.sender.sent[0].parts.size() == 100);
  CHECK(lab.sender.sent[0].more == 400);
}

TEST_CASE("WhatARuleSaysWrongIsTold") {
  auto const problem = [](json table) {
    json whole = {{"name", "n"}, {"to", "ntfy"}, {"url", "https://ntfy.example"}, {"topic", "t"}};
    whole.update(table);
    auto const read = read_notify_rule(whole);
    return read ? std::string() : read.error().message;
  };
  CHECK(problem(json::object()).empty());
  CHECK(problem({{"to", "pigeon"}}).find("ntfy, webhook, desktop or command") != std::string::npos);
  CHECK(problem({{"what", {"everything"}}}).find("needs_input") != std::string::npos);
  CHECK(problem({{"url", "ntfy.example"}}).find("https://") != std::string::npos);
  CHECK(problem({{"topic", ""}}).find("topic") != std::string::npos);
  CHECK(problem({{"to", "command"}, {"command", {"notify"}}}).find("whole path") != std::string::npos);
  CHECK(problem({{"agent", "a"}, {"tag", "t"}}).find("one of them") != std::string::npos);
  for (auto const* quiet : {"22-7", "22:00-24:00", "22:00-22:00", "22:00-07:00 ", "-1:00-07:00", "later"})
    CHECK_MESSAGE(problem({{"quiet", quiet}}).find("22:00-07:00") != std::string::npos, quiet);
  CHECK(problem({{"colour", "red"}}).find("colour") != std::string::npos);
  // A URL may hold a secret.
  CHECK(to_json(rule({{"url", "https://ntfy.example/secret?token=1"}}))["url"] == "https://ntfy.example");
}
