// Webhooks and callbacks of the real daemon: whatever becomes of it and of the receiver, each is told once.
#include "system/http_request.hpp"
#include "system/installation.hpp"
#include "system/loopback_receiver.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

using ar::json;
using ar::test::Installation;
using ar::test::LoopbackReceiver;
using ar::test::request;
using Taken = LoopbackReceiver::Taken;

namespace {

struct Outside {
  Installation home;
  LoopbackReceiver receiver;
  explicit Outside(char const* allowed = "operator") {
    std::filesystem::create_directories(home.state());
    std::ofstream(home.state() / "config.toml") << "[webhooks]\nprivate_addresses = [\"" << allowed << "\"]\n";
    home.good({"up"});
  }
  std::string add(std::vector<std::string> const& events) {
    std::vector<std::string> words{"webhook", "add", receiver.url("/hook?from=here"), "--json"};
    words.insert(words.end(), events.begin(), events.end());
    return home.good(words).parsed()["id"];
  }
  void happens(std::string const& key) { home.good({"memory", "set", key, "x", "--in", "shared/team"}); }
  std::vector<std::string> keys() const {
    std::vector<std::string> found;
    for (auto const& one : receiver.taken()) found.push_back(json::parse(one.body)["data"]["key"]);
    return found;
  }
  json webhook(std::string const& id) { return home.good({"webhook", "show", id, "--json"}).parsed(); }
  std::vector<json> deliveries(std::string const& id) {
    std::vector<json> found;
    for (auto const& line : Installation::lines(home.good({"webhook", "deliveries", id, "--json"}).out))
      found.push_back(json::parse(line));
    return found;
  }
  bool comes_to(std::function<bool()> const& condition) { return Installation::eventually(condition); }
};

json specification(Installation& home, json const& more) {
  json all = {{"provider", "command"}, {"cwd", home.work().string()}};
  all.update(more);
  return all;
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("AReceiverGetsWhatHappensInOrderAndIsSeenToHaveTakenIt") {
  Outside outside;
  auto const id = outside.add({"memory.*"});
  for (auto const* key : {"1", "2", "3"}) outside.happens(key);
  CHECK(outside.comes_to([&] { return outside.keys().size() == 3; }));
  CHECK(outside.keys() == Keys{"1", "2", "3"});
  auto const first = outside.receiver.taken().front();
  CHECK(first.path == "/hook?from=here");
  CHECK(first.headers.at("content-type") == "application/json");
  CHECK(first.headers.at("webhook-signature").starts_with("v1,"));
  CHECK(outside.comes_to([&] { return outside.webhook(id)["waiting"] == 0; }));
  auto const told = outside.deliveries(id);
  REQUIRE(told.size() == 3);
  CHECK(told[0]["id"] == outside.receiver.taken().back().id());
  CHECK(told[0]["status"] == "delivered");
  CHECK(told[0]["attempts"][0]["status"] == 204);
  outside.home.good({"webhook", "redeliver", id, told[2]["id"]});
  CHECK(outside.comes_to([&] { return outside.keys() == Keys{"1", "2", "3", "1"}; }));
  CHECK(outside.receiver.counts()[first.id()] == 2);
  CHECK(outside.home.good({"webhook", "list"}).out.find(id) != std::string::npos);
  outside.home.good({"webhook", "rm", id});
  outside.happens("3");
  CHECK(outside.home.run({"webhook", "show", id}).status == 3);
  CHECK(outside.keys().size() == 4);
}

TEST_CASE("AKilledDaemonLosesNothingThatItOwes") {
  Outside outside;
  auto const id = outside.add({"memory.*"});
  for (int round = 0; round < 4; ++round) {
    // It is killed while the receiver has it, and has not answered.
    outside.receiver.set_answers([](Taken const&) { return std::string(); });
    auto const before = outside.receiver.taken().size();
    outside.happens(std::to_string(round) + "a");
    outside.happens(std::to_string(round) + "b");
    REQUIRE(outside.comes_to([&] { return outside.receiver.taken().size() > before; }));
    // The memory answers before its event is in the journal.
    REQUIRE(outside.comes_to([&] { return outside.deliveries(id).size() == 2 * (round + 1U); }));
    outside.home.kill_daemon();
    outside.receiver.set_answers({});
    outside.home.good({"up"});
    REQUIRE(outside.comes_to([&] { return outside.receiver.counts().size() == 2 * (round + 1U); }));
  }
  Keys once;
  std::set<std::string> seen;
  for (auto const& one : outside.receiver.taken())
    if (seen.insert(one.id()).second) once.push_back(json::parse(one.body)["data"]["key"]);
  CHECK(once == Keys{"0a", "0b", "1a", "1b", "2a", "2b", "3a", "3b"});
}

TEST_CASE("AReceiverThatComesBackGetsAllOnceInOrder") {
  Outside outside;
  auto const id = outside.add({"memory.*"});
  outside.receiver.close();
  for (auto const* key : {"1", "2", "3"}) outside.happens(key);
  CHECK(outside.comes_to([&] { return outside.webhook(id)["state"] == "failing"; }));
  CHECK(outside.webhook(id)["waiting"] == 3);
  auto const attempt = outside.deliveries(id).back()["attempts"].front();
  CHECK(attempt["status"].is_null());
  CHECK(attempt["error"].get<std::string>().find("127.0.0.1") != std::string::npos);
  outside.home.good({"down"});
  outside.home.good({"up"});
  outside.receiver.open();
  CHECK(outside.comes_to([&] { return outside.keys().size() == 3; }));
  CHECK(outside.keys() == Keys{"1", "2", "3"});
  for (auto const& [one, count] : outside.receiver.counts()) CHECK(count == 1);
}

TEST_CASE("WhateverAReceiverAnswersTheDaemonStaysWellAndSaysWhatItWas") {
  Outside outside;
  auto const id = outside.add({"memory.*"});
  LoopbackReceiver elsewhere;
  outside.receiver.set_answers([](Taken const&) { return LoopbackReceiver::answer(500); });
  outside.happens("1");
  auto const answers = [&](std::string const& said) {
    outside.receiver.set_answers([said](Taken const&) { return said; });
  };
  auto const says = [&](std::string const& words) {
    return outside.comes_to([&] {
      auto const told = outside.deliveries(id);
      auto const& attempts = told.front()["attempts"];
      if (attempts.empty() || attempts.back()["error"].is_null()) return false;
      return attempts.back()["error"].get<std::string>().find(words) != std::string::npos;
    });
  };
  CHECK(says("answered 500"));
  answers(LoopbackReceiver::answer(307, "Location: " + elsewhere.url() + "\r\n"));
  CHECK(says("redirects are not followed"));
  answers("no HTTP at all\r\n\r\n");
  CHECK(says("does not speak HTTP"));
  answers(LoopbackReceiver::answer(200, "X: " + std::string(100'000, 'x') + "\r\n"));
  CHECK(says("does not speak HTTP"));
  answers("HTTP/1.1 200 X\r\nContent-Length: 4000000000\r\n\r\nand so on");  // its status counts
  CHECK(outside.comes_to([&] { return outside.webhook(id)["waiting"] == 0; }));
  CHECK(outside.webhook(id)["state"] == "active");
  answers("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n" + std::string(0x8000, 'x') + "\r\n");
  outside.happens("2");
  CHECK(outside.comes_to([&] { return outside.webhook(id)["waiting"] == 0; }));
  CHECK(elsewhere.taken().empty());
  answers(LoopbackReceiver::answer(410));
  outside.happens("3");
  CHECK(outside.comes_to([&] { return outside.webhook(id)["state"] == "gone"; }));
  CHECK(outside.deliveries(id).front()["status"] == "gave_up");
  outside.happens("4");
  CHECK(outside.deliveries(id).size() == 3);
}

TEST_CASE("AReceiverThatNeverAnswersIsLeftAfterAWhile") {
  Outside outside;
  auto const id = outside.add({"memory.*"});
  outside.receiver.set_answers([](Taken const&) { return std::string(); });
  outside.happens("1");
  CHECK(outside.comes_to([&] { return outside.webhook(id)["failures"] == 1; }));
  auto const attempt = outside.deliveries(id).front()["attempts"].front();
  CHECK(attempt["error"] == "no answer within 15 s");
  CHECK(attempt["ms"] >= 15'000);
  outside.receiver.set_answers({});
  CHECK(outside.comes_to([&] { return outside.webhook(id)["waiting"] == 0; }));
}

TEST_CASE("PrivateAddressesAreForThoseWhomTheConfigurationNames") {
  Outside outside("alice");
  auto const url = outside.receiver.url();
  CHECK(outside.home.run({"webhook", "add", url, "*"}).status != 0);
  CHECK(outside.home.run({"webhook", "add", "https://localhost/", "*"}).status == 4);
  outside.home.spawn("alice");
  outside.home.spawn("bob");
  auto const as = [&](std::string const& agent) {
    auto const token = json::parse(ar::test::file_text(outside.home.state() / "agents" / agent / "token.json"));
    return std::vector<std::string>{"Authorization: Bearer " + token["token"].get<std::string>()};
  };
  json const body = {{"url", url}, {"events", {"memory.*"}}};
  CHECK(request(outside.home, "POST", "/v1/webhooks", body, as("bob")).status != 201);
  auto const added = request(outside.home, "POST", "/v1/webhooks", body, as("alice"));
  REQUIRE_MESSAGE(added.status == 201, added.body.dump());
  outside.home.good({"memory", "set", "own", "x", "--in", "agent/alice"});
  outside.home.good({"memory", "set", "others", "x", "--in", "agent/bob"});
  CHECK(outside.comes_to([&] { return outside.keys() == Keys{"own"}; }));
  auto const path = "/v1/webhooks/" + added.body["id"].get<std::string>();
  CHECK(request(outside.home, "GET", path, nullptr, as("bob")).status == 404);
  // Taken back, it counts at once.
  std::ofstream(outside.home.state() / "config.toml") << "[webhooks]\nprivate_addresses = []\n";
  outside.home.good({"config", "reload"});
  outside.home.good({"memory", "set", "later", "x", "--in", "agent/alice"});
  CHECK(
      outside.comes_to([&] { return request(outside.home, "GET", path, nullptr, as("alice")).body["failures"] > 0; }));
  CHECK(outside.keys() == Keys{"own"});
}

TEST_CASE("ASessionsCallbackIsToldOnceHowItEnded") {
  Outside outside;
  auto const callback = [&](std::string const& call) -> json {
    return {{"url", outside.receiver.url("/done")}, {"token", "secret-" + call}, {"callId", call}};
  };
  auto const run = request(outside.home, "POST", "/v1/runs",
                           specification(outside.home, {{"id", "r"}, {"input", "hello"}, {"callback", callback("r")}}));
  REQUIRE_MESSAGE(run.status == 201, run.body.dump());
  CHECK(outside.comes_to([&] { return outside.receiver.taken().size() == 1; }));
  auto const first = outside.receiver.taken().front();
  CHECK(first.headers.at("authorization") == "Bearer secret-r");
  auto const told = json::parse(first.body);
  CHECK(told["type"] == "session.completed");
  CHECK(told["data"]["sessionId"] == "r");
  CHECK(told["data"]["callId"] == "r");
  CHECK(told["data"]["text"] == run.body["text"]);
  CHECK(told["data"]["turnId"] == run.body["turns"][0]["turnId"]);

  auto const failed = request(outside.home, "POST", "/v1/sessions",
                              specification(outside.home, {{"id", "f"},
                                                           {"input", "hello"},
                                                           {"providerArgs", {"/bin/sh", "-c", "exit 3"}},
                                                           {"callback", callback("f")}}));
  REQUIRE_MESSAGE(failed.status == 201, failed.body.dump());
  CHECK(outside.comes_to([&] { return outside.receiver.taken().size() == 2; }));
  auto const second = json::parse(outside.receiver.taken()[1].body);
  CHECK(second["type"] == "session.failed");
  CHECK(second["data"]["outcome"] == "failed");
  CHECK_MESSAGE(second["data"]["errorMessage"].get<std::string>().find("exit status 3") != std::string::npos, second);

  outside.home.send("r", "again");
  outside.home.good({"stop", "r"});
  CHECK(outside.receiver.taken().size() == 2);
  auto const events = outside.home.good({"events", "--json", "--from", "0"}).out;
  CHECK(events.find("session.completed") != std::string::npos);
  CHECK(events.find("secret-") == std::string::npos);
}

TEST_CASE("ACallbackIsToldOverTheDaemonsEnd") {
  Outside outside;
  outside.receiver.set_answers([](Taken const&) { return std::string(); });
  json const callback = {{"url", outside.receiver.url()}, {"token", "t"}};
  auto const opened = request(outside.home, "POST", "/v1/sessions",
                              specification(outside.home, {{"input", "hello"}, {"callback", callback}}));
  REQUIRE_MESSAGE(opened.status == 201, opened.body.dump());
  REQUIRE(outside.comes_to([&] { return outside.receiver.taken().size() == 1; }));
  outside.home.kill_daemon();
  outside.receiver.set_answers({});
  outside.home.good({"up"});
  REQUIRE(outside.comes_to([&] { return outside.receiver.taken().size() == 2; }));
  outside.home.good({"down"});
  outside.home.good({"up"});
  auto const id = opened.body["session"]["id"].get<std::string>();
  CHECK(request(outside.home, "DELETE", "/v1/sessions/" + id).status == 200);
  CHECK(outside.receiver.counts() == std::map<std::string, int>{{outside.receiver.taken().front().id(), 2}});
}

TEST_CASE("ACallbacksTokenIsNoPartOfWhatWasAskedFor") {
  Outside outside;
  auto const open = [&](std::string const& token, std::string const& call) {
    json const callback = {{"url", outside.receiver.url()}, {"token", token}, {"callId", call}};
    return request(outside.home, "POST", "/v1/sessions", specification(outside.home, {{"callback", callback}}),
                   {"Idempotency-Key: one"});
  };
  auto const first = open("t1", "c");
  CHECK(first.status == 201);
  CHECK(open("t2", "c").body["session"]["id"] == first.body["session"]["id"]);
  CHECK(open("t1", "another").status == 409);
  json const near = {{"url", "http://169.254.169.254/"}, {"token", "t"}};
  auto const refused = request(outside.home, "POST", "/v1/sessions", specification(outside.home, {{"callback", near}}));
  CHECK(refused.status == 403);
  CHECK(refused.body["field"] == "callback.url");
}
