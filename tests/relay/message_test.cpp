#include "model/message.hpp"

#include "relay/message_json.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::relay;

namespace {

Identity worker() {
  Identity who;
  who.agent_id = "worker";
  who.label = "builder";
  who.tags = {"team", "claude"};
  who.capabilities = {"cpp"};
  return who;
}
Message to(std::string address) {
  Message message;
  message.to = std::move(address);
  return message;
}
std::string problem_field(char const* text) {
  auto const read = new_message_from(json::parse(text));
  return read ? "" : read.error().field;
}

}  // namespace

TEST_CASE("MessagesAreMineByIdLabelTagCapabilityAndBroadcast") {
  for (char const* mine : {"worker", "label:builder", "broadcast", "tag:team", "tag:claude", "cap:cpp"}) {
    CAPTURE(mine);
    CHECK(addressed_to(to(mine), worker()));
  }
  for (char const* other : {"Worker", "builder", "label:worker", "label:", "tag:cpp", "cap:team", "tag:", "", "tag"}) {
    CAPTURE(other);
    CHECK_FALSE(addressed_to(to(other), worker()));
  }
}

TEST_CASE("NarrowAgentIsReachedByNameOnly") {
  auto who = worker();
  who.narrow = true;
  CHECK(addressed_to(to("worker"), who));
  CHECK(addressed_to(to("label:builder"), who));
  for (char const* group : {"broadcast", "tag:team", "cap:cpp"}) CHECK_FALSE(addressed_to(to(group), who));
}

TEST_CASE("AgentWithoutALabelIsNotReachedByAnEmptyOne") {
  auto who = worker();
  who.label.clear();
  CHECK_FALSE(addressed_to(to("label:"), who));
}

TEST_CASE("ResolvedAgentDecidesAlone") {
  auto message = to("worker");
  message.resolved_to_agent = "other";
  CHECK_FALSE(addressed_to(message, worker()));
  message = to("somebody");
  message.resolved_to_agent = "worker";
  auto who = worker();
  who.narrow = true;
  CHECK(addressed_to(message, who));
}

TEST_CASE("AddressesAreCheckedInTheirForm") {
  for (char const* good : {"worker", "a b", "Zoë", "broadcast", "label:x", "tag:a:b", "cap:c++"}) {
    CAPTURE(good);
    CHECK(address_problem(good).empty());
  }
  for (char const* bad : {"", " a", "a ", "label:", "tag:", "cap:", "lable:x", "http://x", "a\nb", "\xFF"}) {
    CAPTURE(bad);
    CHECK_FALSE(address_problem(bad).empty());
  }
  CHECK(address_problem(std::string(200, 'x')).empty());
  CHECK_FALSE(address_problem(std::string(201, 'x')).empty());
}

TEST_CASE("PayloadFlagsAreReadOnlyInTheirType") {
  Message message;
  message.payload = json::parse(R"({"taskId": 12, "urgent": true, "replyRequested": true})");
  CHECK(message.task_id() == 12);
  CHECK(message.urgent());
  CHECK(message.reply_requested());
  message.payload = json::parse(R"({"taskId": "12", "urgent": 1, "replyRequested": "yes"})");
  CHECK_FALSE(message.task_id().has_value());
  CHECK_FALSE(message.urgent());
  CHECK_FALSE(message.reply_requested());
  message.payload = json::array();
  CHECK_FALSE(message.task_id().has_value());
  CHECK_FALSE(message.urgent());
}

TEST_CASE("StatusNamesGoBothWays") {
  for (auto const status :
       {TaskStatus::open, TaskStatus::in_progress, TaskStatus::done, TaskStatus::failed, TaskStatus::cancelled})
    CHECK(task_status_from(to_string(status)) == status);
  for (auto const status : {CommandStatus::pending, CommandStatus::accepted, CommandStatus::running,
                            CommandStatus::succeeded, CommandStatus::failed, CommandStatus::expired})
    CHECK(command_status_from(to_string(status)) == status);
  CHECK(to_string(TaskStatus::in_progress) == "in_progress");
  CHECK_FALSE(task_status_from("finished").has_value());
  CHECK_FALSE(command_status_from("").has_value());
}

TEST_CASE("SaidMessageIsReadFieldByField") {
  auto const read = new_message_from(json::parse(R"({
    "to": "tag:team", "from": "alice", "kind": "request", "subject": "s", "body": "b", "payload": {"x": 1},
    "claimable": true, "taskId": 7, "urgent": true, "replyRequested": false, "replyTo": 3, "attachments": ["h"],
    "idempotencyKey": "k"})"));
  REQUIRE(read.has_value());
  CHECK(read->to == "tag:team");
  CHECK(read->from == "alice");
  CHECK(read->kind == "request");
  CHECK(read->subject == "s");
  CHECK(read->body == "b");
  CHECK(read->payload == json::parse(R"({"x": 1, "taskId": 7, "urgent": true, "replyRequested": false})"));
  CHECK(read->claimable);
  CHECK(read->reply_to == 3);
  CHECK(read->attachments == std::vector<std::string>{"h"});
  CHECK(read->idempotency_key == "k");
}

TEST_CASE("ShortMessageGetsItsDefaults") {
  auto const read = new_message_from(json::parse(R"({"to": "worker", "body": "", "urgent": null})"));
  REQUIRE(read.has_value());
  CHECK(read->from.empty());
  CHECK(read->kind == "chat");
  CHECK_FALSE(read->subject.has_value());
  CHECK(read->payload == json::object());
  CHECK_FALSE(read->claimable);
}

TEST_CASE("WrongFieldsAreNamed") {
  CHECK(problem_field(R"({"body": "b"})") == "to");
  CHECK(problem_field(R"({"to": "w"})") == "body");
  CHECK(problem_field(R"({"to": "lable:x", "body": "b"})") == "to");
  CHECK(problem_field(R"({"to": 7, "body": "b"})") == "to");
  CHECK(problem_field(R"({"to": "w", "body": "b", "payload": []})") == "payload");
  CHECK(problem_field(R"({"to": "w", "body": "b", "taskId": "7"})") == "taskId");
  CHECK(problem_field(R"({"to": "w", "body": "b", "taskId": 0})") == "taskId");
  CHECK(problem_field(R"({"to": "w", "body": "b", "taskId": 7, "payload": {"taskId": 8}})") == "taskId");
  CHECK(problem_field(R"({"to": "w", "body": "b", "taskId": 7, "payload": {"taskId": 7}})").empty());
  CHECK(problem_field(R"({"to": "w", "body": "b", "urgent": "yes"})") == "urgent");
  CHECK(problem_field(R"({"to": "w", "body": "b", "replyTo": -1})") == "replyTo");
  CHECK(problem_field(R"({"to": "w", "body": "b", "attachments": "h"})") == "attachments");
  CHECK(problem_field(R"({"to": "w", "body": "b", "replayTo": 1})") == "replayTo");
  CHECK_FALSE(new_message_from(json::array()).has_value());
}

TEST_CASE("ShownMessageLeavesOutWhatIsNotThere") {
  Message message = to("worker");
  message.id = 3;
  message.from = "alice";
  message.kind = "chat";
  message.body = "b";
  message.created_at = from_millis(1'700'000'000'123);
  CHECK(to_json(message) == json::parse(R"({"id": 3, "from": "alice", "to": "worker", "kind": "chat", "body": "b",
    "payload": {}, "claimable": false, "readBy": [], "attachments": [], "createdAt": "2023-11-14T22:13:20.123Z"})"));
  message.subject = "s";
  message.reply_to = 2;
  message.resolved_to_agent = "worker";
  auto const shown = to_json(message);
  CHECK(shown["subject"] == "s");
  CHECK(shown["replyTo"] == 2);
  CHECK(shown["resolvedToAgent"] == "worker");
}

TEST_CASE("ClaimShowsItsTokenOnlyWhenAsked") {
  Claim const claim{3, "worker", "secret", from_millis(1'700'000'000'000), 2};
  CHECK_FALSE(to_json(claim, false).contains("token"));
  CHECK(to_json(claim, true)["token"] == "secret");
  CHECK(to_json(claim, false)["claimExpiresAt"] == "2023-11-14T22:13:20.000Z");
  CHECK(to_json(claim, false)["deliveryCount"] == 2);
}
