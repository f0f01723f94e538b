// The verbs of webhooks against a fake daemon: what they ask, print and end with.
#include "base/clock.hpp"
#include "cli_process.hpp"
#include "fake_daemon.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace ar;
using namespace ar::test;

namespace {

constexpr char kLongAgo[] = "2023-11-14T22:13:20.000Z";

json webhook(std::string const& id, std::string const& state) {
  bool const failing = state == "failing";
  return {{"id", id},
          {"url", "https://x.example/\033[31m"},
          {"events", {"turn.*", "agent.state"}},
          {"agent", nullptr},
          {"owner", "operator"},
          {"createdAt", kLongAgo},
          {"state", state},
          {"waiting", failing ? 4 : 0},
          {"failures", failing ? 9 : 0},
          {"failingSince", failing ? json(kLongAgo) : json(nullptr)},
          {"nextAttemptAt", failing ? json(kLongAgo) : json(nullptr)}};
}

json delivery(std::string const& id, std::string const& status, json attempts) {
  return {{"id", id},         {"type", "turn.ended"},  {"event", 7},
          {"status", status}, {"createdAt", kLongAgo}, {"attempts", std::move(attempts)}};
}

struct Scene {
  json outbox = {{"waiting", 4}, {"failing", 1}, {"failingSince", kLongAgo}};
  CliHome home;
  FakeDaemon daemon{home.socket(), [this](FakeRequest const& request) { return reply_to(request); }};

  FakeReply reply_to(FakeRequest const& request) const {
    if (request.path == "/v1/info") return json{{"version", "0.1.0"}, {"outbox", outbox}};
    if (request.path == "/v1/agents") return json{{"agents", json::array()}};
    if (request.path == "/v1/webhooks" && request.method == "POST") {
      auto added = webhook("whk_1", "active");
      added["secret"] = "whsec_abc";
      return added;
    }
    if (request.path == "/v1/webhooks" && request.query.find("cursor=") == std::string::npos)
      return json{{"webhooks", {webhook("whk_1", "active")}}, {"nextCursor", "whk_1"}};
    if (request.path == "/v1/webhooks") return json{{"webhooks", {webhook("whk_2", "failing")}}};
    if (request.path == "/v1/webhooks/whk_9") return problem(404, "no_such_webhook", "there is no webhook whk_9");
    if (request.path == "/v1/webhooks/whk_1/deliveries") {
      json const attempt = {{"time", kLongAgo}, {"status", 500}, {"ms", 12}, {"error", "it answered 500"}};
      return json{
          {"deliveries",
           {delivery("msg_2", "waiting", json::array({attempt})), delivery("msg_1", "delivered", json::array())}}};
    }
    if (request.path.ends_with("/redeliver")) return json{{"delivery", "msg_1"}};
    if (request.method == "DELETE") return json{{"removed", "whk_1"}};
    return webhook("whk_2", "failing");
  }
  Ran run(std::vector<std::string> const& arguments, std::string input = {}) const {
    return home.run(arguments, std::move(input), {});
  }
  json asked() const { return json::parse(daemon.requests().back().body); }
};

}  // namespace

TEST_CASE("AWebhookIsAddedAndItsSecretShownOnce") {
  Scene const scene;
  auto const added = scene.run({"webhook", "add", "https://x.example/", "turn.*", "agent.state", "--agent", "alice"});
  CHECK(added.status == 0);
  CHECK(added.out == "whk_1: is told of turn.* agent.state\nsecret: whsec_abc\n(keep it: it is not shown again)\n");
  CHECK(scene.asked() ==
        json{{"url", "https://x.example/"}, {"events", {"turn.*", "agent.state"}}, {"agent", "alice"}});
  CHECK(
      scene.run({"webhook", "add", "https://x.example/", "*", "--secret-file", "-"}, "whsec_mine\n").out.find("abc") ==
      std::string::npos);
  CHECK(scene.asked()["secret"] == "whsec_mine");
  CHECK(scene.run({"webhook", "add", "https://x.example/"}).status == 2);
}

TEST_CASE("WebhooksAreListedWithHowTheyAre") {
  Scene const scene;
  auto const listed = scene.run({"webhook", "list"});
  CHECK(listed.out.find("whk_1") != std::string::npos);
  CHECK(listed.out.find("failing for ") != std::string::npos);
  CHECK(listed.out.find('\033') == std::string::npos);
  auto const shown = scene.run({"webhook", "show", "whk_2"});
  CHECK(shown.out.find("state: failing\n") != std::string::npos);
  CHECK(shown.out.find('\033') == std::string::npos);
  CHECK(scene.run({"webhook", "show", "whk_9"}).status == 3);
  auto const told = scene.run({"webhook", "deliveries", "whk_1"});
  CHECK(told.out.find("it answered 500") != std::string::npos);
  CHECK(told.out.find("msg_1") != std::string::npos);
  CHECK(scene.run({"webhook", "redeliver", "whk_1", "msg_1"}).out == "msg_1: is sent once more\n");
  CHECK(scene.daemon.requests().back().path == "/v1/webhooks/whk_1/deliveries/msg_1/redeliver");
  CHECK(scene.run({"webhook", "rm", "whk_1"}).out == "whk_1: removed\n");
}

TEST_CASE("PsSaysThatReceiversTakeNothing") {
  Scene scene;
  CHECK(scene.run({"ps"}).out.find("1 receiver of webhooks or callbacks takes nothing for ") == 0);
  scene.outbox["failingSince"] = to_iso8601(wall_now());  // it may be away for a moment
  CHECK(scene.run({"ps"}).out.empty());
  scene.outbox = nullptr;  // an older daemon's
  CHECK(scene.run({"ps"}).out.empty());
}
