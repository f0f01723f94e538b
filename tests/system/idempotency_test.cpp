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
  CHECK(send("another").status == 409);
}
