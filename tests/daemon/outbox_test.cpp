// What receivers outside are told: in order, until they take it, over ends of the daemon; and who may have webhooks.
#include "base/http/webhook_signature.hpp"
#include "daemon/api/webhooks_api.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

using Attempt = ScriptedSender::Sent;
SendResult const kBroken{500, {}};

/// A webhook, and events that it is told of.
struct Told {
  World world;
  Receiver webhook;
  explicit Told(OutboxLimits limits = {}) {
    world.crash();
    world.outbox_limits = limits;
    world.start();
    webhook = add();
  }
  Receiver add(std::vector<std::string> events = {"memory.changed"}, std::string owner = "operator") {
    Receiver receiver;
    receiver.owner = owner;
    receiver.url = "https://hooks.example/";
    receiver.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    receiver.events = std::move(events);
    if (owner != "operator") receiver.agent = owner;
    auto const added = world.ask(world.outbox().add(std::move(receiver)));
    REQUIRE_MESSAGE(added.has_value(), added.error().message);
    return *added;
  }
  void happens(std::string const& key, char const* type = "memory.changed", std::string const& agent = "") {
    world.event_log().append(agent, type, {{"key", key}});
  }
  /// The keys of the events that were sent, each attempt.
  std::vector<std::string> keys(std::string const& id = "") {
    std::vector<std::string> found;
    for (auto const& one : world.receivers.sent)
      if (auto const event = one.document(); id.empty() || one.receiver.id == id)
        found.push_back(event["data"].value("key", event["type"].get<std::string>()));
    return found;
  }
  std::vector<json> events(std::string const& type) {
    (void)world.ask(world.journal().committed());
    std::vector<json> found;
    auto const all = world.ask(world.event_log().page("", 0, 1000));
    REQUIRE(all.has_value());
    for (auto const& event : *all)
      if (auto shown = json::parse(event.json_text); shown["type"] == type) found.push_back(shown["data"]);
    return found;
  }
  std::int64_t rows(char const* query) {
    auto const count = [query](Database& db) -> Result<std::int64_t> { return integer_of(db, query); };
    return *world.ask(world.journal().read(count));
  }
  std::int64_t waiting() { return world.outbox().waiting_for(webhook.id); }
  json shown() { return to_public(*world.outbox().webhook(webhook.id)); }
  /// As the API lists them: newest first.
  json deliveries(std::string const& id = "") {
    daemon::Access access(world.supervisor(), world.services().lineage, world.services().removed, "");
    access.open();
    daemon::WebhooksApi api(world.services(), access);
    return (*world.ask(api.webhook_deliveries({Principal::Kind::operator_}, id.empty() ? webhook.id : id,
                                              Page{.limit = 1000})))["deliveries"];
  }
};

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("AReceiverIsToldInOrderOnceEachAndSigned") {
  Told told;
  for (auto const* key : {"1", "2", "3"}) told.happens(key);
  told.happens("other", "memory.removed");
  told.world.settle();
  CHECK(told.keys() == Keys{"1", "2", "3"});
  CHECK(told.waiting() == 0);
  std::set<std::string> ids;
  for (auto const& one : told.world.receivers.sent) {
    CHECK(ids.insert(one.header("webhook-id")).second);
    auto const seconds = to_millis(one.at) / 1000;
    CHECK(one.header("webhook-timestamp") == std::to_string(seconds));
    CHECK(one.header("webhook-signature") ==
          http::webhook_signature(http::webhook_key(told.webhook.secret), one.header("webhook-id"), seconds, one.body));
    CHECK(one.header("Authorization").empty());
    CHECK(one.document()["type"] == "memory.changed");
  }
  CHECK(told.world.receivers.rested == Keys{told.webhook.id});
  for (auto const& delivery : told.deliveries()) {
    CHECK(delivery["status"] == "delivered");
    CHECK(delivery["attempts"].size() == 1);
    CHECK(delivery["attempts"][0]["status"] == 200);
    CHECK(delivery["attempts"][0]["error"].is_null());
  }
}

TEST_CASE("WhatIsNotTakenIsTriedAgainLaterAndLaterAndHoldsUpWhatFollows") {
  Told told;
  told.world.receivers.answers = [](Attempt const&) { return kBroken; };
  told.happens("1");
  told.happens("2");
  told.world.settle();
  int tries = 1;
  for (auto const wait : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 512s, 1024s, 2048s, 3600s, 3600s}) {
    CHECK(told.keys().size() == tries);
    told.world.step(wait - 1ms);
    CHECK(told.keys().size() == tries);
    told.world.step(1ms);
    ++tries;
  }
  CHECK(told.keys() == Keys(15, "1"));
  std::set<std::string> ids;
  for (auto const& one : told.world.receivers.sent) ids.insert(one.header("webhook-id"));
  CHECK(ids.size() == 1);
  CHECK(told.shown()["state"] == "failing");
  CHECK(told.world.outbox().shown()["failing"] == 1);
  told.world.receivers.answers = {};
  told.world.step(1h);
  CHECK(told.keys().back() == "2");
  CHECK(told.keys().size() == 17);
  CHECK(told.shown()["state"] == "active");
  CHECK(told.world.outbox().shown() == json{{"waiting", 0}, {"failing", 0}, {"failingSince", nullptr}});
  auto const first = told.deliveries()[1];
  CHECK(first["attempts"].size() == 16);
  CHECK(first["attempts"][0]["error"] == "it answered 500");
}

TEST_CASE("TheWaitsAreAFifthMoreOrLess") {
  CHECK(retry_wait(1, 0.0) == 800ms);
  CHECK(retry_wait(1, 0.5) == 1s);
  CHECK(retry_wait(2, 1.0) == 2400ms);
  CHECK(retry_wait(13, 0.5) == 1h);
  CHECK(retry_wait(1'000'000, 0.0) == 48min);
}

TEST_CASE("EachAnswerThatIsNoneOfTheGoodOnesSaysWhy") {
  Told told;
  for (auto const& [answer, error] : {std::pair{SendResult{302, {}}, "it answered 302; redirects are not followed"},
                                      {SendResult{199, {}}, "it answered 199"},
                                      {SendResult{404, {}}, "it answered 404"},
                                      {SendResult{0, "nobody answers"}, "nobody answers"}}) {
    told.world.receivers.answers = [&](Attempt const&) { return answer; };
    told.happens("1");
    told.world.settle();
    auto const attempt = told.deliveries()[0]["attempts"].back();
    CHECK(attempt["error"] == error);
    CHECK(attempt["status"] == (answer.status > 0 ? json(answer.status) : json(nullptr)));
    told.world.receivers.answers = {};
    told.world.pass(2s);
    CHECK(told.waiting() == 0);
  }
}

TEST_CASE("OneThatTakesNothingHoldsUpNoOther") {
  Told told;
  auto const other = told.add();
  told.world.receivers.answers = [&](Attempt const& one) {
    return one.receiver.id == told.webhook.id ? kBroken : SendResult{204, {}};
  };
  for (auto const* key : {"1", "2", "3"}) told.happens(key);
  told.world.settle();
  CHECK(told.keys(other.id) == Keys{"1", "2", "3"});
  CHECK(told.keys(told.webhook.id) == Keys{"1"});
}

TEST_CASE("ManyThatAreSlowAreToldEightAtATime") {
  Told told;
  std::vector<Receiver> others;
  for (int i = 0; i < 19; ++i) others.push_back(told.add());
  int now = 0, most = 0;
  told.world.receivers.before_answer = [&]() -> awaitable<void> {
    most = std::max(most, ++now);
    co_await sleep_for(1s);
    --now;
  };
  told.happens("1");
  told.happens("2");
  told.world.until([&] { return told.keys().size() == 40 && now == 0; }, "all are told");
  CHECK(most == 8);
  for (auto const& other : others) CHECK(told.keys(other.id) == Keys{"1", "2"});
}

TEST_CASE("AfterADayWhatIsOlderIsGivenUpAndTheRestGoesOn") {
  Told told;
  told.world.receivers.answers = [](Attempt const&) { return kBroken; };
  told.happens("1");
  told.happens("2");
  told.world.pass(20h);
  told.happens("3");
  told.world.pass(4h + 1min);
  told.world.pass(1h);
  CHECK(told.waiting() == 1);
  CHECK(told.events("webhook.gave_up").size() == 1);
  CHECK(told.events("webhook.gave_up")[0] ==
        json{{"webhook", told.webhook.id}, {"count", 2}, {"reason", "it answered 500"}});
  CHECK(told.deliveries()[1]["status"] == "gave_up");
  CHECK(told.deliveries()[2]["attempts"].size() > 20);
  told.world.receivers.answers = {};
  told.world.pass(2h);
  CHECK(told.keys().back() == "3");
  CHECK(told.waiting() == 0);
}

TEST_CASE("ADaemonThatWasAwayForDaysGivesNothingUpAtItsFirstAttempt") {
  Told told;
  told.world.receivers.answers = [](Attempt const&) { return SendResult{0, "no network yet"}; };
  told.world.receivers.before_answer = []() -> awaitable<void> { co_await sleep_for(1h); };
  told.happens("1");
  told.world.settle();
  told.world.crash();
  told.world.receivers.before_answer = {};
  told.world.pass(72h);
  told.world.start();
  told.world.settle();
  CHECK(told.waiting() == 1);
  told.world.receivers.answers = {};
  told.world.pass(2s);
  CHECK(told.waiting() == 0);
}

TEST_CASE("WhatADaemonCouldNotNoteIsSentAgainWithTheSameId") {
  Told told;
  told.world.receivers.before_answer = []() -> awaitable<void> { co_await sleep_for(1h); };
  told.happens("1");
  told.happens("2");
  told.world.settle();
  CHECK(told.keys() == Keys{"1"});
  told.world.crash();
  told.world.receivers.before_answer = {};
  told.world.start();
  told.world.settle();
  CHECK(told.keys() == Keys{"1", "1", "2"});
  auto const& sent = told.world.receivers.sent;
  CHECK(sent[0].header("webhook-id") == sent[1].header("webhook-id"));
}

TEST_CASE("TheNextDaemonKeepsTheWait") {
  Told told;
  told.world.receivers.answers = [](Attempt const&) { return kBroken; };
  told.happens("1");
  told.world.pass(1min);
  auto const tries = told.keys().size();
  CHECK(tries == 6);  // at 0, 1, 3, 7, 15, 31 s
  told.world.crash();
  told.world.start();
  told.world.settle();
  CHECK(told.keys().size() == tries);
  CHECK(told.shown()["failures"] == tries);
  told.world.pass(5s);
  CHECK(told.keys().size() == tries + 1);
}

TEST_CASE("WhoSaysThatItIsGoneIsToldNothingMoreUntilAPersonWantsIt") {
  Told told;
  told.world.receivers.answers = [](Attempt const&) { return SendResult{410, {}}; };
  told.happens("1");
  told.happens("2");
  told.world.settle();
  CHECK(told.keys() == Keys{"1"});
  CHECK(told.waiting() == 0);
  CHECK(told.shown()["state"] == "gone");
  CHECK(told.events("webhook.gone").size() == 1);
  told.happens("3");
  told.world.crash();
  told.world.receivers.answers = {};
  told.world.start();
  told.happens("4");
  told.world.pass(48h);
  CHECK(told.keys() == Keys{"1"});
  std::string const second = told.deliveries()[0]["id"];
  REQUIRE(told.world.ask(told.world.outbox().redeliver(told.webhook.id, second)).has_value());
  told.happens("5");
  told.world.settle();
  CHECK(told.keys() == Keys{"1", "2", "5"});
  CHECK(told.shown()["state"] == "active");
}

TEST_CASE("WhatIsOverIsSentOnceMoreWhenItIsAskedFor") {
  Told told;
  told.happens("1");
  told.world.settle();
  auto& outbox = told.world.outbox();
  std::string const id = told.deliveries()[0]["id"];
  CHECK(told.world.ask(outbox.redeliver("whk_none", id)).error().code == "no_such_webhook");
  CHECK(told.world.ask(outbox.redeliver(told.webhook.id, "msg_none")).error().code == "no_such_delivery");
  told.world.receivers.answers = [](Attempt const&) { return kBroken; };
  told.happens("2");
  told.world.pass(10min);
  auto const tries = told.keys().size();
  REQUIRE(told.world.ask(outbox.redeliver(told.webhook.id, id)).has_value());
  CHECK(told.world.ask(outbox.redeliver(told.webhook.id, id)).error().code == "delivery_waiting");
  told.world.settle();
  CHECK(told.keys().size() == tries + 1);  // at once; what waited before it goes first
  CHECK(told.keys().back() == "2");
  told.world.receivers.answers = {};
  told.world.pass(1h);
  CHECK(told.keys().back() == "1");
  CHECK(told.world.receivers.sent.front().header("webhook-id") ==
        told.world.receivers.sent.back().header("webhook-id"));
  CHECK(told.deliveries().size() == 2);
}

TEST_CASE("ARemovedWebhookIsToldNothingMore") {
  Told told;
  told.world.receivers.before_answer = []() -> awaitable<void> { co_await sleep_for(1s); };
  told.happens("1");
  told.happens("2");
  told.world.settle();
  REQUIRE(told.world.ask(told.world.outbox().remove(told.webhook.id)).has_value());
  CHECK(told.world.ask(told.world.outbox().remove(told.webhook.id)).error().code == "no_such_webhook");
  told.happens("3");
  told.world.pass(5s);
  CHECK(told.keys() == Keys{"1"});
  told.world.crash();
  told.world.start();
  CHECK(told.world.outbox().webhooks().empty());
  CHECK(told.rows("SELECT count(*) FROM outbox") == 0);
  CHECK(told.rows("SELECT count(*) FROM outbox_attempts") == 0);
}

TEST_CASE("OneThatIsOwedTooMuchIsToldOfNoMoreUntilItHasTakenHalf") {
  OutboxLimits limits;
  limits.entries = 4;
  Told told(limits);
  told.world.receivers.answers = [](Attempt const&) { return kBroken; };
  for (int i = 1; i <= 7; ++i) told.happens(std::to_string(i));
  told.world.settle();
  CHECK(told.waiting() == 4);
  CHECK(told.events("webhook.full") == std::vector<json>{{{"webhook", told.webhook.id}, {"waiting", 4}}});
  told.world.receivers.answers = {};
  told.world.pass(2s);
  told.happens("8");
  told.world.settle();
  CHECK(told.waiting() == 0);
  CHECK(told.keys().back() == "8");
}

TEST_CASE("WhatWaitsIsCountedInBytesToo") {
  OutboxLimits limits;
  limits.bytes = 300;
  Told told(limits);
  told.world.receivers.answers = [](Attempt const&) { return kBroken; };
  for (int i = 1; i <= 9; ++i) told.happens("key");
  told.world.settle();
  CHECK(told.waiting() > 0);
  CHECK(told.waiting() < 3);
}

TEST_CASE("OfWhatIsOverTheNewestAreKept") {
  Told told;
  for (int i = 0; i < OutboxTable::kKept + 20; ++i) told.happens(std::to_string(i));
  told.world.until([&] { return told.waiting() == 0; }, "all are told");
  CHECK(told.rows("SELECT count(*) FROM outbox") == OutboxTable::kKept);
  CHECK(told.rows("SELECT count(*) FROM outbox_attempts") == OutboxTable::kKept);
}

TEST_CASE("AWebhookIsToldOfWhatItsPatternsAndItsAgentSay") {
  Told told;
  auto const all = told.add({"*"});
  auto const memory = told.add({"memory.*", "turn.ended"});
  told.happens("1");
  told.happens("2", "memory.removed");
  told.world.event_log().append("x", "agent.released");
  told.world.settle();
  CHECK(told.keys(told.webhook.id) == Keys{"1"});
  CHECK(told.keys(memory.id) == Keys{"1", "2"});
  CHECK(told.keys(all.id) == Keys{"1", "2", "agent.released"});  // and of none about webhooks
  CHECK(is_event_pattern("turn.ended"));
  CHECK(is_event_pattern("turn.*"));
  CHECK(is_event_pattern("*"));
  for (auto const* none : {"", "turn", "turn.", "turns.*", "*.ended", "turn.*d", "webhook.*", "webhook.gone"})
    CHECK_FALSE_MESSAGE(is_event_pattern(none), none);
}

TEST_CASE("AnAgentsWebhooksGoWithItAndTheOperatorsStay") {
  Told told;
  told.world.spawn();
  auto const own = told.add({"memory.*"}, "a");
  auto const watching = told.add({"memory.*", "agent.removed"});
  CHECK(told.world
            .ask(told.world.outbox().add([&] {
              auto other = own;
              other.owner = "nobody";
              return other;
            }()))
            .error()
            .code == "no_such_agent");
  told.happens("1", "memory.changed", "a");
  told.happens("2", "memory.changed", "b");
  told.world.settle();
  CHECK(told.keys(own.id) == Keys{"1"});
  told.world.act("stop");
  told.world.until_state("stopped");
  told.world.receivers.sent.clear();
  REQUIRE(told.world.await(told.world.supervisor().remove("a")).has_value());
  told.world.settle();
  CHECK(told.world.outbox().webhook(own.id) == nullptr);
  REQUIRE(told.world.receivers.sent.size() == 1);
  CHECK(told.world.receivers.sent[0].receiver.id == watching.id);
  CHECK(told.world.receivers.sent[0].document()["type"] == "agent.removed");
  told.world.crash();
  told.world.start();
  CHECK(told.world.outbox().webhook(own.id) == nullptr);
  CHECK(told.world.outbox().webhooks().size() == 2);
}

TEST_CASE("ThereAreOnlySoManyWebhooks") {
  OutboxLimits limits;
  limits.webhooks = 4;
  limits.webhooks_of_agent = 2;
  Told told(limits);
  told.world.spawn();
  auto const refused = [&](std::string const& owner) {
    auto receiver = told.webhook;
    receiver.owner = owner;
    auto const added = told.world.ask(told.world.outbox().add(receiver));
    return added ? "" : added.error().code;
  };
  CHECK(refused("a").empty());
  CHECK(refused("a").empty());
  CHECK(refused("a") == "too_many_webhooks");
  CHECK(refused("operator").empty());
  CHECK(refused("operator") == "too_many_webhooks");
}

TEST_CASE("AnAgentHasItsOwnWebhooksAndTheOperatorReachesAll") {
  Told told;
  told.world.spawn();
  daemon::Access access(told.world.supervisor(), told.world.services().lineage, told.world.services().removed, "");
  access.open();
  daemon::WebhooksApi api(told.world.services(), access);
  Principal const operator_{Principal::Kind::operator_}, a{Principal::Kind::agent, "a"};
  auto const add = [&](Principal const& who, json more) {
    json request = {{"url", "https://hooks.example/x?key=1"}, {"events", {"turn.*"}}};
    request.update(more);
    return told.world.ask(api.add_webhook(who, request));
  };
  auto const own = add(a, json::object());
  REQUIRE_MESSAGE(own.has_value(), own.error().message);
  CHECK((*own)["owner"] == "a");
  CHECK((*own)["agent"] == "a");
  CHECK((*own)["secret"].get<std::string>().starts_with("whsec_"));
  CHECK(add(a, {{"agent", "b"}}).error().code == "not_your_agent");
  CHECK(add(operator_, {{"agent", "b"}, {"secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}).has_value());
  CHECK(add(operator_, {{"secret", "short"}}).error().field == "secret");
  CHECK(add(operator_, {{"events", json::array()}}).error().field == "events");
  CHECK(add(operator_, {{"events", {"no.such"}}}).error().field == "events");
  CHECK(add(operator_, {{"agent", "a b"}}).error().field == "agent");
  CHECK(add(operator_, {{"url", "https://127.0.0.1/"}}).error().code == "address_refused");
  told.world.config().private_receivers = {"operator"};
  CHECK(add(operator_, {{"url", "http://127.0.0.1/"}}).has_value());
  CHECK(add(a, {{"url", "http://127.0.0.1/"}}).error().code == "address_refused");
  told.world.config().private_receivers = {"*"};
  CHECK(add(a, {{"url", "http://127.0.0.1/"}}).has_value());

  auto const mine = *told.world.ask(api.webhooks(a, {}));
  CHECK(mine["webhooks"].size() == 2);
  CHECK_FALSE(mine["webhooks"][0].contains("secret"));
  CHECK((*told.world.ask(api.webhooks(operator_, {})))["webhooks"].size() == 5);
  auto const page = *told.world.ask(api.webhooks(operator_, Page{.limit = 3}));
  CHECK(page["webhooks"].size() == 3);
  auto const rest = *told.world.ask(api.webhooks(operator_, Page{.after = page["nextCursor"], .limit = 3}));
  CHECK(rest["webhooks"].size() == 2);
  CHECK_FALSE(rest.contains("nextCursor"));
  std::string const id = (*own)["id"];
  CHECK(told.world.ask(api.webhook(a, told.webhook.id)).error().code == "no_such_webhook");
  CHECK(told.world.ask(api.webhook_deliveries(a, told.webhook.id, {})).error().code == "no_such_webhook");
  CHECK(told.world.ask(api.remove_webhook(a, told.webhook.id)).error().code == "no_such_webhook");
  CHECK(told.world.ask(api.redeliver(a, told.webhook.id, "msg_1")).error().code == "no_such_webhook");
  CHECK_FALSE(told.world.ask(api.webhook(operator_, id))->contains("secret"));
  CHECK(told.world.ask(api.remove_webhook(operator_, id)).has_value());
}

TEST_CASE("DeliveriesAreListedInPages") {
  Told told;
  for (int i = 0; i < 5; ++i) told.happens(std::to_string(i));
  told.world.settle();
  daemon::Access access(told.world.supervisor(), told.world.services().lineage, told.world.services().removed, "");
  access.open();
  daemon::WebhooksApi api(told.world.services(), access);
  Page page{.limit = 2};
  std::vector<std::int64_t> events;
  for (bool more = true; more;) {
    auto const part = *told.world.ask(api.webhook_deliveries({Principal::Kind::operator_}, told.webhook.id, page));
    for (auto const& one : part["deliveries"]) events.push_back(one["event"]);
    more = part.contains("nextCursor");
    if (more) page.cursor = part["nextCursor"];
  }
  CHECK(events.size() == 5);
  CHECK(std::ranges::is_sorted(events, std::greater{}));
}
