// Sessions and runs with the real daemon and the demo agent.
#include "system/http_request.hpp"
#include "system/installation.hpp"

#include <algorithm>
#include <fstream>

using ar::json;
using ar::test::Installation;
using ar::test::request;

namespace {

json specification(Installation& home, json const& more) {
  json all = {{"provider", "command"}, {"cwd", home.work().string()}};
  all.update(more);
  return all;
}

}  // namespace

TEST_CASE("ASessionIsOpenedFedLookedAtAndClosed") {
  Installation home;
  home.good({"up"});
  auto const opened = request(home, "POST", "/v1/sessions",
                              specification(home, {{"id", "s"}, {"input", "first"}, {"metadata", {{"a", 1}}}}));
  REQUIRE_MESSAGE(opened.status == 201, opened.body.dump());
  CHECK(opened.body["session"]["id"] == "s");
  CHECK(opened.body["session"]["idleTtl"] == "3m");
  CHECK(opened.body["turn"]["status"] == "launching");
  auto const message = opened.body["turn"]["messages"][0].get<std::int64_t>();
  CHECK(Installation::eventually([&] { return home.delivery_state(message) == "done"; }));
  CHECK(home.message(message)["payload"]["metadata"]["a"] == 1);

  json input = {{"context", {"before"}}, {"input", {"one", {{"type", "text"}, {"text", "two"}}}}};
  input["metadata"] = {{"b", 2}};
  auto const sent = request(home, "POST", "/v1/sessions/s/messages", input);
  REQUIRE_MESSAGE(sent.status == 202, sent.body.dump());
  auto const second = sent.body["turn"]["messages"][0].get<std::int64_t>();
  CHECK(Installation::eventually([&] { return home.delivery_state(second) == "done"; }));
  CHECK(home.message(second)["body"] == "before\n\none\n\ntwo");
  CHECK(home.message(second)["payload"]["metadata"]["b"] == 2);

  auto const session = request(home, "GET", "/v1/sessions/s").body;
  CHECK(session["status"] == "idle");
  CHECK(session["turnSeq"] == 1);
  CHECK(session["turnStatus"] == "idle");
  CHECK(session["idleTtlMs"] == 180'000);
  CHECK(session["rootSessionId"] == "s");
  auto const turns = request(home, "GET", "/v1/sessions/s/turns?limit=1").body;
  REQUIRE(turns["turns"].size() == 1);
  CHECK(turns["turns"][0]["sessionId"] == "s");
  CHECK(turns["turns"][0]["turnSeq"] == 1);
  CHECK(turns["turns"][0]["outcome"] == "completed");
  CHECK(turns["turns"][0]["messages"][0] == second);
  auto const older = request(home, "GET", "/v1/sessions/s/turns?limit=1&cursor=" + turns["nextCursor"].dump()).body;
  CHECK(older["turns"][0]["turnSeq"] == 0);
  CHECK_FALSE(older.contains("nextCursor"));
  CHECK(older["turns"][0]["turnId"] != turns["turns"][0]["turnId"]);

  CHECK(request(home, "POST", "/v1/sessions/s/suspend", json::object()).body["session"]["status"] == "suspended");
  CHECK(request(home, "GET", "/v1/sessions?status=suspended").body["sessions"].size() == 1);
  CHECK(request(home, "GET", "/v1/sessions?status=idle").body["sessions"].empty());
  CHECK(request(home, "POST", "/v1/sessions/s/resume", json::object()).body["session"]["suspendedAt"].is_null());
  home.wait_for_state("s", "idle");
  CHECK(request(home, "DELETE", "/v1/sessions/s").status == 200);
  auto const gone = request(home, "GET", "/v1/sessions/s");
  CHECK(gone.status == 410);
  CHECK(gone.body["code"] == "gone");
  CHECK(request(home, "POST", "/v1/sessions/s/messages", {{"input", "x"}}).status == 410);
  CHECK(request(home, "POST", "/v1/agents/s/stop", json::object()).status == 410);
  CHECK(request(home, "DELETE", "/v1/sessions/s").status == 410);
  CHECK(request(home, "GET", "/v1/sessions/never").status == 404);
  home.kill_daemon();
  home.good({"up"});
  CHECK(request(home, "GET", "/v1/sessions/s").status == 410);
  CHECK(home.run({"show", "s"}).status == 3);
  CHECK(request(home, "POST", "/v1/sessions", specification(home, {{"id", "s"}})).status == 201);  // another one
  CHECK(request(home, "GET", "/v1/sessions/s").status == 200);
}

TEST_CASE("ARunAnswersWithWhatItsTurnEndedWith") {
  Installation home;
  home.good({"up"});
  auto const done = request(home, "POST", "/v1/runs", specification(home, {{"id", "r"}, {"input", "hello"}}));
  REQUIRE_MESSAGE(done.status == 201, done.body.dump());
  CHECK(done.body["runId"] == "r");
  CHECK(done.body["ok"] == true);
  CHECK(done.body["turns"].size() == 1);
  CHECK(done.body["usage"].is_null());  // its provider keeps no record
  CHECK(done.body["costUsd"].is_null());
  CHECK(done.body["text"] == done.body["turns"][0]["text"]);
  auto const printed = home.good(
      {"run", "and again", "--name", "c", "--provider", "command", "--cwd", home.work().string(), "--close", "--json"});
  CHECK(printed.parsed()["ok"] == true);
  CHECK(printed.parsed()["turns"].size() == 1);
  CHECK(home.run({"show", "c"}).status == 3);
}

TEST_CASE("ARunOfAnAgentThatFailsEndsWithTheReason") {
  Installation home;
  home.good({"up"});
  auto const run = request(home, "POST", "/v1/runs",
                           specification(home, {{"input", "hello"}, {"providerArgs", {"/bin/sh", "-c", "exit 3"}}}));
  CHECK(run.body["ok"] == false);
  CHECK_MESSAGE(run.body["errorMessage"].get<std::string>().find("exit status 3") != std::string::npos, run.body);
  CHECK(run.body["turns"].empty());
}

TEST_CASE("FilesOfAnInputComeAsBytesOrByTheirPath") {
  Installation home;
  home.good({"up"});
  auto const report = home.work() / "report.txt";
  std::ofstream(report) << "by path";
  json const opened = specification(home, {{"id", "s"}, {"input", "first"}});
  REQUIRE(request(home, "POST", "/v1/sessions", opened).status == 201);
  auto const send = [&](json part) {
    json const input = {{"input", {"see", std::move(part)}}};
    return request(home, "POST", "/v1/sessions/s/messages", input);
  };
  auto const attachment_of = [&](json const& sent) {
    REQUIRE_MESSAGE(sent.contains("turn"), sent.dump());
    return home.message(sent["turn"]["messages"][0].get<std::int64_t>())["attachments"].at(0);
  };
  auto const path = attachment_of(send({{"type", "file"}, {"path", report.string()}}).body);
  CHECK(path["name"] == "report.txt");
  CHECK(path["size"] == 7);
  auto const bytes = attachment_of(
      send({{"type", "image"}, {"base64", "Zm9vYmFy"}, {"name", "a.png"}, {"mediaType", "image/png"}}).body);
  CHECK(bytes["name"] == "a.png");
  CHECK(bytes["mediaType"] == "image/png");
  CHECK(bytes["size"] == 6);
  auto const again = attachment_of(send({{"type", "file"}, {"attachment", bytes["id"]}}).body);
  CHECK(again["id"] == bytes["id"]);

  CHECK(send({{"type", "file"}, {"path", "/no/such"}}).body["code"] == "file_not_found");
  CHECK(send({{"type", "file"}, {"path", home.work().string()}}).body["code"] == "not_a_file");
}

TEST_CASE("ARunAnswersWithTheDocumentThatItsSchemaDescribes") {
  Installation home;
  home.good({"up"});
  auto const program = home.work() / "guesser";
  std::ofstream(program) << R"(#!/bin/sh
stty -echo
echo ready
while IFS= read -r line; do
  case $line in *'[agent-runner '*) ;; *) continue ;; esac
  id=${line#*'[agent-runner '} id=${id%%[!0-9a-f]*}
  while IFS= read -r line && [ "$line" != "[end $id]" ]; do :; done
  echo "took $id"
  if [ -z "$asked" ]; then echo 'About 42.'; else echo '{"answer": 42}'; fi
  asked=yes
  echo "answered $id"
done
)";
  json const options = {{"ready", {{"pattern", "^ready"}}},
                        {"paste", "lines"},
                        {"proof", {{"pattern", "^took {correlation_id}$"}}},
                        {"turn_end", {{"pattern", "^answered "}}}};
  json const schema = {{"type", "object"},
                       {"required", {"answer"}},
                       {"properties", {{"answer", {{"type", "integer"}, {"minimum", 1}}}}}};
  auto const specification_with = [&](json const& more) {
    json all = specification(home, {{"providerArgs", {"/bin/sh", program.string()}}, {"options", options}});
    all.update(more);
    return all;
  };
  auto const done = request(home, "POST", "/v1/runs",
                            specification_with({{"id", "r"}, {"input", "guess"}, {"outputSchema", schema}}));
  REQUIRE_MESSAGE(done.status == 201, done.body.dump());
  CHECK_MESSAGE(done.body["ok"] == true, done.body.dump());
  CHECK(done.body["output"] == json{{"answer", 42}});
  auto const turns = request(home, "GET", "/v1/sessions/r/turns").body["turns"];
  REQUIRE(turns.size() == 2);
  CHECK(turns[0]["output"] == json{{"answer", 42}});
  CHECK(turns[1]["output"].is_null());

  json impossible = schema;
  impossible["properties"]["answer"]["minimum"] = 43;
  auto const failed =
      request(home, "POST", "/v1/runs", specification_with({{"input", "guess"}, {"outputSchema", impossible}}));
  CHECK(failed.body["ok"] == false);
  CHECK(failed.body["outcome"] == "failed");
  CHECK(failed.body["output"].is_null());
  CHECK_MESSAGE(failed.body["errorMessage"].get<std::string>().find("does not fit outputSchema") != std::string::npos,
                failed.body);

  json const none = {{"type", 7}};
  auto const refused = request(home, "POST", "/v1/sessions/r/messages", {{"input", "more"}, {"outputSchema", none}});
  CHECK(refused.status == 400);
  CHECK(refused.body["field"] == "outputSchema");
  // Neither takes the daemon with it.
  json const endless = {{"$ref", "#"}};
  if (!ar::test::kSanitized)  // which ends the checker in its own way before the limits do
    CHECK(request(home, "POST", "/v1/sessions/r/messages", {{"input", "more"}, {"outputSchema", endless}}).status ==
          400);
  json const slow = {{"type", "string"}, {"pattern", "^(a+)+$"}};
  CHECK(request(home, "POST", "/v1/sessions/r/messages", {{"input", "more"}, {"outputSchema", slow}}).status == 202);

  auto const file = home.work() / "schema.json";
  std::ofstream(file) << schema.dump();
  auto const printed =
      home.good({"run", "guess", "--name", "c", "--provider", "command", "--cwd", home.work().string(), "--schema",
                 file.string(), "--json", "--options", options.dump(), "--", "/bin/sh", program.string()});
  CHECK(printed.parsed()["output"] == json{{"answer", 42}});
}

TEST_CASE("ARunThatIsAskedForAgainWithItsKeyIsTheSame") {
  Installation home;
  home.good({"up"});
  auto const run = [&](char const* key) {
    return request(home, "POST", "/v1/runs", specification(home, {{"input", "hello"}}),
                   {"Idempotency-Key: " + std::string(key)});
  };
  auto const first = run("one"), again = run("one"), other = run("two");
  CHECK(first.status == 201);
  CHECK(again.status == 200);
  CHECK(again.body["runId"] == first.body["runId"]);
  CHECK(again.body["turns"] == first.body["turns"]);
  CHECK(other.body["runId"] != first.body["runId"]);
}

TEST_CASE("ARunIsStreamedUpToItsEnd") {
  Installation home;
  home.good({"up"});
  auto const text = ar::test::stream(home, "POST", "/v1/runs", specification(home, {{"id", "r"}, {"input", "hello"}}));
  std::vector<json> events;
  for (auto const& line : Installation::lines(text))
    if (line.starts_with("data: ")) events.push_back(json::parse(line.substr(6)));
  REQUIRE_FALSE(events.empty());
  CHECK(events.back()["type"] == "RUN_FINISHED");
  CHECK(events.back()["data"]["ok"] == true);
  auto const number = [&](char const* type) {
    return std::ranges::count_if(events, [&](json const& event) { return event["type"] == type; });
  };
  for (auto const* type : {"agent.created", "turn.started", "turn.ended", "message.done"}) CHECK(number(type) == 1);
}

TEST_CASE("TheStreamOfARunThatFailsEndsWithRunError") {
  Installation home;
  home.good({"up"});
  auto const text = ar::test::stream(
      home, "POST", "/v1/runs",
      specification(home, {{"id", "r"}, {"input", "hello"}, {"providerArgs", {"/bin/sh", "-c", "exit 3"}}}));
  auto const lines = Installation::lines(text);
  REQUIRE_FALSE(lines.empty());
  auto const said = std::ranges::find_if(lines.rbegin(), lines.rend(),
                                         [](std::string const& line) { return line.starts_with("data: "); });
  REQUIRE_MESSAGE(said != lines.rend(), text);
  auto const last = json::parse(said->substr(6));
  CHECK(last["type"] == "RUN_ERROR");
  CHECK(last["agent"] == "r");
  CHECK(last["data"]["ok"] == false);
  CHECK_MESSAGE(last["data"]["errorMessage"].get<std::string>().find("exit status 3") != std::string::npos, last);
}

TEST_CASE("WhatFollowsAnInputIsReadFromItsCursorOn") {
  Installation home;
  home.good({"up"});
  auto const after = [&](std::int64_t cursor) {
    return request(home, "GET", "/v1/sessions/s/events?limit=1000&cursor=" + std::to_string(cursor)).body;
  };
  // An event is there once it is on the disk, so it may come behind what it tells of.
  auto const has_rested = [&](std::int64_t message) {
    return Installation::eventually([&] {
      bool done = false, rests = false;
      auto const page = after(0);
      for (auto const& event : page["events"]) {
        if (event["type"] == "message.done") done = event["data"]["message"] == message;
        if (event["type"] == "agent.state") rests = event["data"]["state"] == "idle";
      }
      return done && rests;
    });
  };
  auto const opened = request(home, "POST", "/v1/sessions", specification(home, {{"id", "s"}, {"input", "first"}}));
  REQUIRE(opened.status == 201);
  REQUIRE(has_rested(opened.body["turn"]["messages"][0].get<std::int64_t>()));
  auto const sent = request(home, "POST", "/v1/sessions/s/messages", {{"input", "second"}});
  auto const second = sent.body["turn"]["messages"][0].get<std::int64_t>();
  auto const cursor = sent.body["eventCursor"].get<std::int64_t>();
  REQUIRE(has_rested(second));

  auto const page = after(cursor);
  auto next = cursor;
  std::vector<std::string> about;
  for (auto const& event : page["events"]) {
    CHECK(event["agentNumber"] == ++next);
    CHECK(event["data"].value("message", second) == second);
    if (event["data"].contains("message")) about.push_back(event["type"]);
  }
  REQUIRE_FALSE(about.empty());
  CHECK(about.front() == "message.queued");
  CHECK(about.back() == "message.done");
  CHECK(page["eventCursor"] == next);
  auto const turn = request(home, "GET", "/v1/sessions/s/turns?limit=1").body["turns"][0];
  CHECK(turn["eventCursor"].get<std::int64_t>() >= cursor);
  CHECK(request(home, "GET", "/v1/agents/s/events?limit=1000&cursor=" + std::to_string(cursor)).body == page);
}

TEST_CASE("AClientThatLeavesItsRunDoesNotEndIt") {
  Installation home;
  home.good({"up"});
  auto const go = home.work() / "go";
  auto const program =
      "stty -echo; while IFS= read -r line; do n=${line#*runner }; echo took ${n%% *}; "
      "while [ ! -e go ]; do sleep 0.05; done; echo answered; done";
  json const options = {{"proof", {{"pattern", "took {correlation_id}"}}}, {"turn_end", {{"pattern", "^answered"}}}};
  json const run = specification(
      home, {{"id", "r"}, {"input", "hello"}, {"options", options}, {"providerArgs", {"/bin/sh", "-c", program}}});
  std::vector<std::string> how{"--max-time", "1"};
  SUBCASE("that waits") {}
  SUBCASE("that reads its events") { how.insert(how.end(), {"-N", "-H", "Accept: text/event-stream"}); }
  (void)ar::test::curl(home, "POST", "/v1/runs", how, run);
  auto const session = [&] { return request(home, "GET", "/v1/sessions/r").body; };
  CHECK(Installation::eventually([&] { return session().value("turnStatus", "") == "running"; }));
  std::ofstream(go) << "go";
  CHECK(Installation::eventually([&] { return session().value("turnStatus", "") == "idle"; }));
  auto const turns = request(home, "GET", "/v1/sessions/r/turns").body["turns"];
  REQUIRE(turns.size() == 1);
  CHECK(turns[0]["outcome"] == "completed");
}

TEST_CASE("CancelWithdrawsWhatWaitsOfASessionAndOfItsDescendants") {
  Installation home;
  home.good({"up"});
  for (auto const& [id, parent] : {std::pair{"p", ""}, {"c", "p"}, {"d", "c"}}) {
    json more = {{"id", id}};
    if (*parent) more["parent"] = parent;
    REQUIRE(request(home, "POST", "/v1/sessions", specification(home, more)).status == 201);
    home.wait_for_state(id, "idle");
    home.good({"suspend", id});
  }
  CHECK(request(home, "GET", "/v1/sessions/d").body["rootSessionId"] == "p");
  home.good({"stop", "p"});
  home.good({"stop", "c"});
  home.good({"stop", "d"});
  std::vector<std::int64_t> waiting;
  for (auto const* id : {"p", "p", "c", "d"}) waiting.push_back(home.send(id, "later", {"--later"}));
  CHECK(Installation::eventually([&] { return home.agent("d")["queue"] == 1 && home.agent("p")["queue"] == 2; }));
  json const endless = {{"reason", std::string(257, 'x')}};
  CHECK(request(home, "POST", "/v1/sessions/p/cancel", endless).body["field"] == "reason");
  CHECK(home.good({"cancel", "p", "--reason", "it rains", "--json"}).parsed()["cancelledCount"] == 4);
  CHECK(home.good({"cancel", "p", "--json"}).parsed()["cancelledCount"] == 0);
  for (auto const id : waiting) {
    CHECK(home.delivery_state(id) == "failed");
    auto const delivery = home.message(id)["deliveries"][0];
    CHECK(delivery["reason"] == "cancelled before it was handed over: it rains");
  }
  home.good({"restart", "p"});
  home.wait_for_state("p", "idle");
  CHECK(home.agent("p")["turns"] == 0);
}

TEST_CASE("AnAgentReportsItsOwnStatusAndNoOthers") {
  Installation home;
  home.spawn("demo");
  home.spawn("other");
  std::ifstream file(home.state() / "agents" / "demo" / "token.json");
  std::vector<std::string> const itself{"Authorization: Bearer " + json::parse(file)["token"].get<std::string>()};
  json const busy = {{"status", "busy"}, {"reason", "build"}, {"metadata", {{"files", 3}}}};
  auto const told = request(home, "POST", "/v1/agents/demo/status", busy, itself);
  REQUIRE_MESSAGE(told.status == 200, told.body.dump());
  auto const agent = home.agent("demo");
  CHECK(agent["status"] == "busy");
  CHECK(agent["work"][0]["metadata"]["files"] == 3);
  CHECK(request(home, "POST", "/v1/agents/other/status", busy, itself).status == 403);
}

TEST_CASE("ASessionThatIsBeingEndedToBeRemovedSaysSo") {
  Installation home;
  home.good({"up"});
  json const stubborn = {{"id", "s"},
                         {"providerArgs", {"/bin/sh", "-c", "trap '' TERM HUP; while :; do sleep 1; done"}}};
  REQUIRE(request(home, "POST", "/v1/sessions", specification(home, stubborn)).status == 201);
  home.wait_for_state("s", "idle");
  home.run_program("/bin/sh",
                   {"-c", R"(curl -sS -X DELETE --unix-socket "$0" http://localhost/v1/sessions/s >/dev/null 2>&1 &)",
                    (home.state() / "run" / "control.sock").string()},
                   "");
  CHECK(Installation::eventually(
      [&] { return request(home, "GET", "/v1/sessions/s").body.value("status", "") == "deleting"; }));
  CHECK(request(home, "GET", "/v1/sessions?status=deleting").body["sessions"].size() == 1);
  CHECK(Installation::eventually([&] { return request(home, "GET", "/v1/sessions/s").status == 410; }));
}

TEST_CASE("AnInputWhoseFileIsNotThereSpawnsNothing") {
  Installation home;
  home.good({"up"});
  auto const large = home.work() / "large";
  std::ofstream(large).close();
  std::filesystem::resize_file(large, (32U << 20) + 1);
  struct Row {
    json part;
    int status;
    char const *code, *field;
  };
  std::string const none(64, 'a');
  for (auto const& [part, status, code, field] :
       {Row{{{"type", "file"}, {"path", "/no/such"}}, 404, "file_not_found", "input[1].path"},
        Row{{{"type", "file"}, {"path", home.work().string()}}, 409, "not_a_file", "input[1].path"},
        Row{{{"type", "file"}, {"path", large.string()}}, 413, "too_large", "input[1].path"},
        Row{{{"type", "image"}, {"attachment", none}}, 404, "unknown_attachment", "input[1].attachment"}}) {
    json const input = {"see", part};
    for (auto const* path : {"/v1/sessions", "/v1/runs"}) {
      auto const refused = request(home, "POST", path, specification(home, {{"id", "s"}, {"input", input}}));
      CHECK_MESSAGE(refused.status == status, refused.body.dump());
      CHECK(refused.body["code"] == code);
      CHECK(refused.body["field"] == field);
    }
  }
  CHECK(request(home, "GET", "/v1/agents").body["agents"].empty());
}

TEST_CASE("TheKeyOfARunWhoseSessionIsRemovedAnswersThatItIsGone") {
  Installation home;
  home.good({"up"});
  auto const ask = [&](json const& more = json::object()) {
    auto body = specification(home, {{"input", "hello"}});
    body.update(more);
    return request(home, "POST", "/v1/runs", body, {"Idempotency-Key: k"});
  };
  auto const first = ask();
  REQUIRE_MESSAGE(first.status == 201, first.body.dump());
  auto const again = ask();
  CHECK(again.status == 200);
  CHECK(again.body == first.body);
  auto const id = first.body["runId"].get<std::string>();
  CHECK(request(home, "DELETE", "/v1/sessions/" + id).status == 200);
  auto const gone = ask();
  CHECK(gone.status == 410);
  CHECK(gone.body["code"] == "gone");
  CHECK(ask({{"label", "another"}}).status == 409);
  home.kill_daemon();
  home.good({"up"});
  CHECK(ask().status == 410);
  CHECK(request(home, "GET", "/v1/agents").body["agents"].empty());
}
