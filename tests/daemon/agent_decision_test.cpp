// Answers to permission requests that come as commands from the bus: who may decide what, and when not.
#include "approval_request.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

/// One agent that asks, and the commands that answer.
struct Desk {
  explicit Desk(ApprovalPolicy policy = {}) {
    world.crash();
    world.approval_policy = policy;
    world.start();
    world.spawn();
    ask();
  }
  void ask() {
    world.script.emit(adapters::Asked{touch_request("k")});
    world.until([&] { return !world.approvals().pending_of("a").empty(); }, "it asks");
  }
  std::int64_t send(json params) { return world.command("agent.permissionDecision", std::move(params)); }
  std::string status(std::int64_t id = 1) {
    auto const shown = world.await(world.approvals().show(id));
    return shown ? shown->value("status", "") : shown.error().code;
  }
  /// The decision's result; it went through all its statuses.
  json good(std::int64_t id) {
    auto const command = world.ended(id);
    CHECK(statuses_of(command) == std::vector<CommandStatus>{CommandStatus::pending, CommandStatus::accepted,
                                                             CommandStatus::running, CommandStatus::succeeded});
    return command.history.back().detail["result"];
  }
  /// Why it was refused, after it went through all its statuses.
  json refusal(std::int64_t id) {
    auto const command = world.ended(id);
    CHECK(statuses_of(command) == std::vector<CommandStatus>{CommandStatus::pending, CommandStatus::accepted,
                                                             CommandStatus::running, CommandStatus::failed});
    auto error = command.history.back().detail["error"];
    CHECK(error["action"] == "agent.permissionDecision");
    CHECK(error["agentId"] == "a");
    CHECK_FALSE(error["error"].get<std::string>().empty());
    return error;
  }
  std::string code(json params) { return refusal(send(std::move(params)))["code"].get<std::string>(); }

  World world;
};

bool says(json const& error, char const* what) {
  return error["error"].get<std::string>().find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("ADecisionFromTheBusAnswersAndNamesItsCommand") {
  Desk desk;
  auto const id = desk.send({{"approvalId", 1}, {"decision", "approve"}, {"reason", "it is harmless"}});
  auto const result = desk.good(id);
  CHECK(result["reason"] == "it is harmless");
  auto const& approval = result["providerResult"];
  CHECK(approval["status"] == "approved");
  CHECK(approval["where"] == "bus");
  CHECK(approval["by"] == "command " + std::to_string(id));
  CHECK(approval["reason"] == "it is harmless");
  CHECK(desk.status() == "approved");
}

TEST_CASE("ARequestThatDoesNotExistCannotBeDecided") {
  Desk desk;
  auto const error = desk.refusal(desk.send({{"approvalId", 99}, {"decision", "approve"}}));
  CHECK(error["code"] == "no_such_approval");
  CHECK(says(error, "99"));
  CHECK(desk.status() == "pending");
}

TEST_CASE("WhoDecidesSecondIsToldWhoWasFirst") {
  Desk desk;
  auto const first = desk.send({{"approvalId", 1}, {"decision", "deny"}});
  CHECK(desk.good(first)["providerResult"]["status"] == "denied");
  for (auto const* word : {"approve", "deny", "perhaps"}) {
    auto const error = desk.refusal(desk.send({{"approvalId", 1}, {"decision", word}}));
    CHECK(error["code"] == "already_decided");
    CHECK_MESSAGE(says(error, ("denied over bus by command " + std::to_string(first)).c_str()), error.dump());
  }
  CHECK(desk.status() == "denied");
}

TEST_CASE("WhatWasAnsweredAtTheTerminalCannotBeDecidedFromTheBus") {
  Desk desk;
  desk.world.script.emit(adapters::AskEnded{"k", true});
  auto const error = desk.refusal(desk.send({{"approvalId", 1}, {"decision", "approve"}}));
  CHECK(error["code"] == "already_decided");
  CHECK_MESSAGE(says(error, "at the terminal"), error.dump());
}

TEST_CASE("AMalformedDecisionDecidesNothingAndNamesItsField") {
  Desk desk;
  json const approve = {{"approvalId", 1}, {"decision", "approve"}};
  auto const with = [&](char const* field, json value) {
    auto params = approve;
    params[field] = std::move(value);
    return params;
  };
  CHECK(desk.code(json::object()) == "invalid_argument");
  for (auto const& id : {json(), json(""), json("one"), json("1 "), json("+1"), json(0), json(-1), json(1.5),
                         json(true), json::array({1}), json("99999999999999999999")}) {
    auto const error = desk.refusal(desk.send(with("approvalId", id)));
    CHECK_MESSAGE(error["code"] == "invalid_argument", error.dump());
    CHECK_MESSAGE(says(error, "approvalId"), error.dump());
  }
  auto const named = [&](char const* field, json params) {
    auto const error = desk.refusal(desk.send(std::move(params)));
    CHECK_MESSAGE(error["code"] == "invalid_argument", error.dump());
    CHECK_MESSAGE(says(error, field), error.dump());
  };
  named("decision", {{"approvalId", 1}});
  named("decision", with("decision", 7));
  named("decision", with("decision", nullptr));
  named("reason", with("reason", json::array({"a"})));
  named("reason", with("reason", std::string(20'000, 'x')));
  named("answers", with("answers", json::array({"yes"})));
  named("verdict", with("verdict", "approve"));
  CHECK(desk.status() == "pending");
  // As a text it is a number as well.
  CHECK(desk.good(desk.send(with("approvalId", "1")))["providerResult"]["status"] == "approved");
}

TEST_CASE("ADecisionThatIsNoneOrNotOnOfferIsRefused") {
  Desk desk;
  for (auto const* word : {"perhaps", "", "Approve", "approve "}) {
    auto const error = desk.refusal(desk.send({{"approvalId", 1}, {"decision", word}}));
    CHECK_MESSAGE(error["code"] == "invalid_argument", error.dump());
    CHECK_MESSAGE(says(error, "approve-session, deny"), error.dump());
  }
  for (auto const* word : {"approve-session", "answer"}) {
    auto const error = desk.refusal(desk.send({{"approvalId", 1}, {"decision", word}}));
    CHECK_MESSAGE(error["code"] == "wrong_decision", error.dump());
    CHECK_MESSAGE(says(error, "it takes: approve, deny, abort"), error.dump());
  }
  CHECK(desk.status() == "pending");
}

TEST_CASE("ADecisionAfterTheDeadlineIsTooLate") {
  for (bool const deny : {false, true}) {
    Desk desk({60s, deny});
    desk.world.pass(61s);
    CHECK(desk.status() == (deny ? "denied" : "expired"));
    auto const error = desk.refusal(desk.send({{"approvalId", 1}, {"decision", "approve"}}));
    CHECK(error["code"] == "already_decided");
    CHECK_MESSAGE(says(error, deny ? "by its deadline" : "left to the person at the terminal"), error.dump());
  }
}

TEST_CASE("AnAgentsCommandDecidesNoRequestOfAnotherAgent") {
  Desk desk;
  desk.world.approvals().asked({"b"}, "p", touch_request("of b"), true);
  auto const error = desk.refusal(desk.send({{"approvalId", 2}, {"decision", "approve"}}));
  CHECK(error["code"] == "not_its_approval");
  CHECK(desk.status(2) == "pending");
  CHECK(desk.status(1) == "pending");
}

TEST_CASE("ADecisionCutOffByTheEndOfTheDaemonIsCarriedOutByTheNext") {
  Desk desk;
  desk.world.crash();
  desk.world.start();
  // The provider has not asked again: it waits for that.
  auto const id = desk.send({{"approvalId", 1}, {"decision", "approve"}});
  desk.world.until([&] { return desk.world.seen(id).status == CommandStatus::running; }, "the command runs");
  desk.world.crash();
  desk.world.start();
  desk.world.until_state("idle");
  desk.ask();
  CHECK(desk.good(id)["providerResult"]["by"] == "command " + std::to_string(id));
  CHECK(desk.status() == "approved");
}

TEST_CASE("ARequestThatIsNotAskedAgainCannotBeDecidedFromTheBus") {
  Desk desk;
  desk.world.crash();
  desk.world.start();
  CHECK(desk.code({{"approvalId", 1}, {"decision", "approve"}}) == "not_asked_again");
  CHECK(desk.status() == "pending");
}
