// Idempotency-Key over kills of the daemon.
#include "system/installation.hpp"

#include <algorithm>

using ar::json;
using ar::test::Installation;

namespace {

struct Answer {
  int status = 0;
  bool replayed = false;
  json body;
};

/// A request of the operator's, with a key.
Answer ask(Installation& home, std::string const& method, std::string const& path, std::string const& key,
           std::string const& body = "") {
  std::vector<std::string> words{"-s",
                                 "-i",
                                 "-X",
                                 method,
                                 "--unix-socket",
                                 (home.state() / "run" / "control.sock").string(),
                                 "-H",
                                 "Content-Type: application/json",
                                 "-H",
                                 "Idempotency-Key: " + key};
  if (!body.empty()) words.insert(words.end(), {"-d", body});
  words.push_back("http://localhost" + path);
  auto const said = home.run_program("/usr/bin/curl", words, "").out;
  Answer answer;
  auto const end = said.find("\r\n\r\n");
  REQUIRE_MESSAGE(end != std::string::npos, said);
  answer.status = std::atoi(said.substr(said.find(' ')).c_str());
  answer.replayed = said.substr(0, end).find("Idempotency-Replayed: true") != std::string::npos;
  answer.body = json::parse(said.substr(end + 4), nullptr, false);
  return answer;
}

}  // namespace

TEST_CASE("WhatWasAskedWithAKeyIsDoneOnceOverKillsOfTheDaemon") {
  Installation home;
  home.good({"up"});
  auto const cwd = home.work().string();
  auto const spawn = [&](std::string const& secret) {
    return ask(home, "POST", "/v1/agents", "spawn-1",
               json{{"provider", "command"}, {"cwd", cwd}, {"env", {{"KEY", secret}}}}.dump());
  };
  auto const made = spawn("old");
  REQUIRE_MESSAGE(made.status == 201, made.body.dump());
  auto const id = made.body["id"].get<std::string>();
  home.wait_for_state(id, "idle");
  home.kill_daemon();
  home.good({"up"});
  auto const again = spawn("rotated");
  CHECK(again.status == 200);
  CHECK(again.replayed);
  CHECK(again.body["id"] == id);

  home.wait_for_state(id, "idle");
  auto const stop = [&] { return ask(home, "POST", "/v1/agents/" + id + "/stop", "stop-1", "{}"); };
  CHECK(stop().status == 200);
  home.good({"restart", id});
  home.wait_for_state(id, "idle");
  CHECK(stop().replayed);
  CHECK(home.agent(id)["state"] == "idle");

  home.good({"stop", id});
  auto const remove = [&] { return ask(home, "DELETE", "/v1/agents/" + id, "rm-1"); };
  CHECK_FALSE(remove().replayed);
  CHECK(remove().replayed);
  CHECK(spawn("rotated").replayed);  // for another day
  CHECK(home.good({"ps", "-a", "--json"}).out.empty());
  auto const other = ask(home, "POST", "/v1/agents", "spawn-1", json{{"provider", "command"}, {"cwd", "/"}}.dump());
  CHECK(other.status == 409);
  CHECK(other.body["code"] == "idempotency_conflict");
  CHECK(other.body["existingId"] == id);
}

TEST_CASE("AMessageSentAgainWithItsKeyIsThatMessage") {
  Installation home;
  home.good({"up"});
  auto const send = [&](char const* body) {
    return ask(home, "POST", "/v1/messages", "m-1", json{{"to", "later"}, {"body", body}}.dump());
  };
  auto const first = send("hello");
  CHECK(first.status == 201);
  home.kill_daemon();
  home.good({"up"});
  auto const second = send("hello");
  CHECK(second.status == 200);
  CHECK(second.replayed);
  CHECK(second.body["id"] == first.body["id"]);
  CHECK(send("another").status == 409);
}
