// Idempotency-Key, through a real socket: what is sent again with the same key is carried out once.
#include "control/test_server.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ar;
using namespace ar::test;

namespace {

std::vector<std::string> keyed(std::string const& key, std::vector<std::string> more = {}) {
  more.push_back("Idempotency-Key: " + key);
  return more;
}

auto calls_of(TestServer& server, std::string const& call) { return std::ranges::count(server.daemon().calls(), call); }

}  // namespace

TEST_CASE("ARepeatedRequestIsAnsweredAsTheFirstTimeAndCarriedOutOnce") {
  TestServer server;
  RawClient client(server.socket());
  auto const first = client.request("POST", "/v1/agents", keyed("k"), R"({"cwd":"/","label":"x"})");
  CHECK(first.status == 201);
  CHECK_FALSE(first.headers.contains("idempotency-replayed"));
  auto const second = client.request("POST", "/v1/agents", keyed("k"), R"({ "label": "x", "cwd": "/" })");
  CHECK(second.status == 200);
  CHECK(second.headers.at("idempotency-replayed") == "true");
  CHECK(second.headers.at("location") == first.headers.at("location"));
  CHECK(second.body == first.body);
  CHECK(calls_of(server, "spawn k") == 1);

  for (auto const status : {200, 200}) CHECK(client.request("DELETE", "/v1/agents/a", keyed("d")).status == status);
  CHECK(calls_of(server, "remove a") == 1);
  for (int i = 0; i < 2; ++i) CHECK(client.request("POST", "/v1/agents/a/stop", keyed("s"), "{}").status == 200);
  CHECK(calls_of(server, "stop a {}") == 1);
  for (int i = 0; i < 2; ++i) CHECK(client.request("POST", "/v1/agents/a/stop", {}, "{}").status == 200);
  CHECK(calls_of(server, "stop a {}") == 3);
}

TEST_CASE("AnotherRequestWithTheSameKeyIsAConflictThatNamesWhatTheFirstMade") {
  TestServer server;
  RawClient client(server.socket());
  std::string path;
  SUBCASE("an agent") { path = "/v1/agents"; }
  SUBCASE("a session") { path = "/v1/sessions"; }
  CHECK(client.request("POST", path, keyed("k"), R"({"cwd":"/"})").status == 201);
  auto const another = client.request("POST", path, keyed("k"), R"({"cwd":"/tmp"})");
  CHECK(another.status == 409);
  CHECK(another.document()["code"] == "idempotency_conflict");
  CHECK(another.document()["existingId"] == "a");
  CHECK(client.request("POST", "/v1/agents/a/stop", keyed("k"), "{}").status == 409);
  CHECK(calls_of(server, "spawn k") + calls_of(server, "open k 180000") == 1);
}

TEST_CASE("WhatIsAskedOfASessionWithAKeyIsDoneOnce") {
  struct Asked {
    char const *method, *path, *body, *call;
  };
  TestServer server;
  RawClient client(server.socket());
  for (auto const& one :
       {Asked{"POST", "/v1/sessions/a/suspend", "{}", "suspend a {}"},
        Asked{"POST", "/v1/sessions/a/resume", "{}", "resume a {}"},
        Asked{"POST", "/v1/sessions/a/cancel", "{}", "cancel a"}, Asked{"DELETE", "/v1/sessions/a", "", "close a"}}) {
    CAPTURE(one.call);
    auto const key = "k" + std::string(one.path).substr(std::string(one.path).rfind('/') + 1);
    auto const first = client.request(one.method, one.path, keyed(key), one.body);
    auto const second = client.request(one.method, one.path, keyed(key), one.body);
    CHECK(first.status == 200);
    CHECK_FALSE(first.headers.contains("idempotency-replayed"));
    CHECK(second.status == 200);
    CHECK(second.headers.contains("idempotency-replayed"));
    CHECK(second.body == first.body);
    CHECK(calls_of(server, one.call) == 1);
  }
}

TEST_CASE("SecretsDoNotCountAsPartOfARequest") {
  TestServer server;
  RawClient client(server.socket());
  auto const spawn = [&](char const* body) { return client.request("POST", "/v1/agents", keyed("k"), body).status; };
  CHECK(spawn(R"({"cwd":"/","env":{"KEY":"old"},"agentProfile":{"env":{"A":"1"}}})") == 201);
  CHECK(spawn(R"({"cwd":"/","env":{"KEY":"new"},"agentProfile":{"env":{"A":"2"}}})") == 200);
  CHECK(spawn(R"({"cwd":"/","env":{"KEY":"new"},"agentProfile":{"name":"other"}})") == 409);
  auto const note = [&](char const* body) {
    return client.request("PUT", "/v1/memory/shared/team/login", keyed("n"), body).status;
  };
  CHECK(note(R"({"value":{"token":"old"}})") < 300);
  CHECK(note(R"({"value":{"token":"new"}})") == 409);
}

TEST_CASE("ARefusedRequestLeavesItsKeyFree") {
  TestServer server;
  RawClient client(server.socket());
  CHECK(client.request("POST", "/v1/agents/a/clear", keyed("k"), "{}").status == 409);
  CHECK(client.request("POST", "/v1/agents/a/clear", keyed("k"), "{}").document()["code"] != "idempotency_conflict");
  CHECK(client.request("POST", "/v1/agents/a/stop", keyed("k"), R"({"timeoutMs":0})").status == 400);
  CHECK(client.request("POST", "/v1/agents/a/stop", keyed("k"), R"({"timeoutMs":5})").status == 200);
}

TEST_CASE("AKeyIsItsOwners") {
  TestServer server;
  RawClient client(server.port());
  auto const react = [&](std::vector<std::string> const& who) {
    return client.request("POST", "/v1/messages/7/reactions", keyed("k", who), R"({"word":"ok"})");
  };
  CHECK_FALSE(react(as_agent_a).headers.contains("idempotency-replayed"));
  CHECK_FALSE(react(as_operator).headers.contains("idempotency-replayed"));
  CHECK(react(as_agent_a).headers.contains("idempotency-replayed"));
}

TEST_CASE("AKeyThatIsNoneIsRefused") {
  TestServer server;
  for (auto const* key : {"", "two words", "schl\xc3\xbcssel"}) {
    RawClient client(server.socket());
    auto const refused = client.request("POST", "/v1/agents/a/stop", keyed(key), "{}");
    CHECK(refused.status == 400);
    CHECK(refused.document()["field"] == "Idempotency-Key");
  }
  CHECK(calls_of(server, "stop a {}") == 0);
}

TEST_CASE("AFileIsTheSameByItsBytesAndWhatItIsSaidToBe") {
  TestServer server;
  RawClient client(server.socket());
  auto const put = [&](std::string const& bytes, char const* type, char const* name = "f.png") {
    return client.request("POST", std::string("/v1/attachments?name=") + name,
                          keyed("k", {std::string("Content-Type: ") + type}), bytes);
  };
  auto const first = put("bytes", "image/png");
  CHECK(first.status == 201);
  auto const again = put("bytes", "image/png");
  CHECK(again.status == 200);
  CHECK(again.headers.at("idempotency-replayed") == "true");
  CHECK(again.body == first.body);
  for (auto const& other :
       {put("others", "image/png"), put("bytes", "text/plain"), put("bytes", "image/png", "g.png")}) {
    CHECK(other.status == 409);
    CHECK(other.document()["existingId"] == first.document()["id"]);
  }
  CHECK(put(std::string(3 << 20, 'x'), "image/png").status == 409);

  auto const skill = [&](char const* text) {
    return client.request("POST", "/v1/skills", keyed("s"), json{{"name", "n"}, {"markdown", text}}.dump());
  };
  CHECK(skill("one").status == 201);
  CHECK(skill("one").headers.contains("idempotency-replayed"));
  CHECK(skill("two").status == 409);
}

TEST_CASE("AWebhookIsShownAgainWithoutItsSecret") {
  TestServer server;
  RawClient client(server.socket());
  auto const add = [&](json const& more) {
    json body = {{"url", "https://hooks.example/"}, {"events", {"turn.ended"}}};
    body.update(more);
    return client.request("POST", "/v1/webhooks", keyed("k"), body.dump());
  };
  auto const first = add({{"secret", "whsec_one"}});
  CHECK(first.status == 201);
  CHECK(first.document()["secret"].is_string());
  auto const again = add({{"secret", "whsec_two"}});  // a secret is no part of what is asked for
  CHECK(again.status == 200);
  CHECK(again.headers.at("location") == first.headers.at("location"));
  auto expected = first.document();
  expected["secret"] = nullptr;
  CHECK(again.document() == expected);
  CHECK(add({{"events", {"turn.started"}}}).status == 409);
  // A ticket is nothing but a secret: it takes no key, and each request gets another one.
  auto const ticket = [&] {
    return client.request("POST", "/v1/events/ticket", keyed("t"), "{}").document()["ticket"];
  };
  CHECK(ticket() != ticket());
}
