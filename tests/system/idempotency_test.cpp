// Idempotency-Key over kills of the daemon.
#include "system/http_request.hpp"
#include "system/installation.hpp"

using ar::json;
using ar::test::HttpAnswer;
using ar::test::Installation;

namespace {

/// A request of the operator's, with a key.
HttpAnswer ask(Installation& home, std::string const& method, std::string const& path, std::string const& key,
               json const& body = nullptr) {
  return ar::test::request(home, method, path, body, {"Idempotency-Key: " + key});
}

bool is_replayed(HttpAnswer const& answer) {
  return answer.head.find("Idempotency-Replayed: true") != std::string::npos;
}

}  // namespace

TEST_CASE("WhatWasAskedWithAKeyIsDoneOnceOverKillsOfTheDaemon") {
  Installation home;
  home.good({"up"});
  auto const cwd = home.work().string();
  auto const spawn = [&](std::string const& secret) {
    return ask(home, "POST", "/v1/agents", "spawn-1",
               json{{"provider", "command"}, {"cwd", cwd}, {"env", {{"KEY", secret}}}});
  };
  auto const made = spawn("old");
  REQUIRE_MESSAGE(made.status == 201, made.body);
  auto const id = made.body["id"].get<std::string>();
  home.wait_for_state(id, "idle");
  home.kill_daemon();
  home.good({"up"});
  auto const again = spawn("rotated");
  CHECK(again.status == 200);
  CHECK(is_replayed(again));
  CHECK(again.body["id"] == id);

  home.wait_for_state(id, "idle");
  auto const stop = [&] { return ask(home, "POST", "/v1/agents/" + id + "/stop", "stop-1", json::object()); };
  CHECK(stop().status == 200);
  home.good({"restart", id});
  home.wait_for_state(id, "idle");
  CHECK(is_replayed(stop()));
  CHECK(home.agent(id)["state"] == "idle");

  home.good({"stop", id});
  auto const remove = [&] { return ask(home, "DELETE", "/v1/agents/" + id, "rm-1"); };
  CHECK_FALSE(is_replayed(remove()));
  CHECK(is_replayed(remove()));
  CHECK(is_replayed(spawn("rotated")));  // for another day
  CHECK(home.good({"ps", "-a", "--json"}).out.empty());
  auto const other = ask(home, "POST", "/v1/agents", "spawn-1", json{{"provider", "command"}, {"cwd", "/"}});
  CHECK(other.status == 409);
  CHECK(other.body["code"] == "idempotency_conflict");
  CHECK(other.body["existingId"] == id);
}

TEST_CASE("AMessageSentAgainWithItsKeyIsThatMessage") {
  Installation home;
  home.good({"up"});
  auto const send = [&](char const* body) {
    return ask(home, "POST", "/v1/messages", "m-1", json{{"to", "later"}, {"body", body}});
  };
  auto const first = send("hello");
  CHECK(first.status == 201);
  home.kill_daemon();
  home.good({"up"});
  auto const second = send("hello");
  CHECK(second.status == 200);
  CHECK(is_replayed(second));
  CHECK(second.body["id"] == first.body["id"]);
  auto const another = send("another");
  CHECK(another.status == 409);
  CHECK(another.body["code"] == "idempotency_conflict");
  CHECK(another.body["existingId"] == first.body["id"].dump());
}

TEST_CASE("ASessionTakesKeysForAllThatIsAskedOfIt") {
  Installation home;
  home.good({"up"});
  auto const specification = [&](char const* input) {
    return json{{"provider", "command"}, {"cwd", home.work().string()}, {"input", input}};
  };
  auto const open = [&](char const* input) { return ask(home, "POST", "/v1/sessions", "open", specification(input)); };
  auto const opened = open("first");
  REQUIRE_MESSAGE(opened.status == 201, opened.body);
  auto const id = opened.body["session"]["id"].get<std::string>();
  auto const path = "/v1/sessions/" + id;
  auto const send = [&](char const* input) { return ask(home, "POST", path + "/messages", "m", {{"input", input}}); };
  auto const sent = send("second");
  CHECK(sent.status == 202);
  auto const message = sent.body["turn"]["messages"][0];
  home.kill_daemon();
  home.good({"up"});

  CHECK(is_replayed(open("first")));
  CHECK(open("other").body["existingId"] == id);
  auto const again = send("second");
  CHECK(again.status == 200);
  CHECK(is_replayed(again));
  CHECK(again.body["turn"]["messages"][0] == message);
  auto const other = send("other");
  CHECK(other.status == 409);
  CHECK(other.body["existingId"] == message.dump());
  REQUIRE(Installation::eventually([&] { return home.delivery_state(message.get<std::int64_t>()) == "done"; }));
  CHECK(home.agent(id)["turns"] == 2);

  auto const run = [&](char const* input) { return ask(home, "POST", "/v1/runs", "run", specification(input)); };
  auto const ran = run("first");
  CHECK(ran.status == 201);
  CHECK(run("other").body["existingId"] == ran.body["runId"]);

  home.wait_for_state(id, "idle");
  auto const act = [&](char const* verb) { return ask(home, "POST", path + "/" + verb, verb, json::object()); };
  CHECK(act("suspend").body["session"]["status"] == "suspended");
  CHECK_FALSE(is_replayed(act("resume")));
  home.wait_for_state(id, "idle");
  CHECK(is_replayed(act("suspend")));
  CHECK(is_replayed(act("resume")));
  CHECK(home.agent(id)["state"] == "idle");
  CHECK_FALSE(is_replayed(act("cancel")));
  CHECK(is_replayed(act("cancel")));
  auto const close = [&] { return ask(home, "DELETE", path, "close"); };
  CHECK_FALSE(is_replayed(close()));
  auto const closed = close();
  CHECK(closed.status == 200);
  CHECK(is_replayed(closed));
}
