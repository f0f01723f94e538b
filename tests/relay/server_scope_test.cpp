// What a token for some agents may see and take (docs/relay-protocol.md).
#include "relay/server_lab.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;

namespace {

/// A relay on which others have business that a token for `eve` has no part in.
class OthersBusiness : public Relay {
 public:
  explicit OthersBusiness(BusLimits limits = {}) : Relay({}, limits) {
    admin = issue({"*"}).token;
    eve = issue({"send", "read", "claim", "presence", "tasks", "commands", "attachments", "tokens"}, {"eve"}).token;
    good("POST", "/api/agents", admin, presence("victim", {"late"}));
    good("POST", "/api/agents", admin, presence("eve", {"early"}));
  }
  static json presence(std::string const& id, std::vector<std::string> const& tags) {
    return {{"agentId", id},    {"tags", tags},  {"capabilities", json::array()}, {"instanceId", "i"},
            {"status", "idle"}, {"ready", true}, {"meta", json::object()}};
  }
  json good(char const* method, std::string target, std::string const& token, json const& body = nullptr) {
    std::string answer;
    CAPTURE(target);
    CHECK(ask(method, target, token, body.is_null() ? "" : body.dump(), &answer) == "");
    return answer.empty() || answer.front() != '{' ? json(answer) : json::parse(answer);
  }
  std::string by_eve(char const* method, std::string target, json const& body = nullptr) {
    return ask(method, std::move(target), eve, body.is_null() ? "" : body.dump());
  }
  std::int64_t send(json message) {
    if (!message.contains("from")) message["from"] = "operator";
    if (!message.contains("body")) message["body"] = "x";
    return good("POST", "/api/messages", admin, message)["message"]["id"].get<std::int64_t>();
  }
  static std::string of(std::int64_t message, char const* what = "") {
    return "/api/messages/" + std::to_string(message) + what;
  }
  std::size_t unread(std::string const& agent, std::vector<std::string> const& tags, std::string const& token) {
    json const identity = {{"agentId", agent}, {"tags", tags}, {"capabilities", json::array()}, {"narrow", false}};
    return good("POST", "/api/unread", token, {{"identity", identity}})["messages"].size();
  }
  /// Claimed and given back as often as a message may be.
  void kill(std::int64_t message, std::string const& agent) {
    auto const claim = good("POST", of(message, "/claim"), admin, {{"agentId", agent}});
    good("POST", of(message, "/release"), admin, {{"token", claim["token"]}});
  }
  std::string admin, eve;
};

BusLimits one_delivery() {
  BusLimits limits;
  limits.max_deliveries = 1;
  return limits;
}

}  // namespace

TEST_CASE("ATokenForSomeAgentsSeesWhatIsFromOrForThem") {
  OthersBusiness relay;
  auto const secret = relay.send({{"to", "victim"}});
  auto const group = relay.send({{"to", "tag:late"}});
  auto const own = relay.send({{"to", "eve"}}), own_group = relay.send({{"to", "tag:early"}});
  auto const everybody = relay.send({{"to", "broadcast"}});
  auto const said = relay.send({{"from", "eve"}, {"to", "victim"}});
  for (auto const id : {secret, group}) {
    CHECK(relay.by_eve("GET", OthersBusiness::of(id)) == "wrong_scope");
    CHECK(relay.by_eve("GET", OthersBusiness::of(id, "/reactions")) == "wrong_scope");
    CHECK(relay.by_eve("POST", OthersBusiness::of(id, "/reactions"), {{"by", "eve"}, {"word", "no"}}) == "wrong_scope");
    CHECK(relay.good("GET", OthersBusiness::of(id, "/reactions"), relay.admin)["reactions"].empty());
  }
  for (auto const id : {own, own_group, everybody, said}) {
    CHECK(relay.by_eve("GET", OthersBusiness::of(id)) == "");
    CHECK(relay.by_eve("POST", OthersBusiness::of(id, "/reactions"), {{"by", "eve"}, {"word", "yes"}}) == "");
  }
}

TEST_CASE("GroupsOfAnAgentAreThoseItIsRegisteredWith") {
  OthersBusiness relay;
  relay.send({{"to", "tag:late"}});
  relay.send({{"to", "tag:early"}});
  CHECK(relay.unread("eve", {"late", "early"}, relay.eve) == 1);
  CHECK(relay.unread("eve", {"late", "early"}, relay.admin) == 2);
  Wire wire(relay, relay.eve);
  auto listener = Wire::hello("eve", "i");
  listener.erase("status");
  listener["tags"] = {"late"};
  wire.say(listener);
  CHECK(wire.hear()["type"] == "welcome");
  relay.send({{"to", "tag:late"}, {"body", "secret"}});
  relay.send({{"to", "eve"}, {"body", "hello"}});
  CHECK(wire.hear()["message"]["body"] == "hello");
}

TEST_CASE("ATokenForSomeAgentsTakesOnlyWhatIsAddressedToThem") {
  OthersBusiness relay;
  for (auto const* to : {"victim", "tag:late"}) {
    CAPTURE(to);
    auto const work = relay.send({{"to", to}, {"claimable", true}});
    CHECK(relay.by_eve("POST", OthersBusiness::of(work, "/claim"), {{"agentId", "eve"}}) == "wrong_scope");
    CHECK(relay.unread("victim", {"late"}, relay.admin) == 1);
    auto const claim = relay.good("POST", OthersBusiness::of(work, "/claim"), relay.admin, {{"agentId", "victim"}});
    json const token = {{"token", claim["token"]}};
    for (auto const* step : {"/renew", "/release", "/finish"})
      CHECK(relay.by_eve("POST", OthersBusiness::of(work, step), token) == "wrong_scope");
    relay.good("POST", OthersBusiness::of(work, "/finish"), relay.admin, token);
  }
  for (auto const* to : {"eve", "tag:early", "broadcast"}) {
    CAPTURE(to);
    auto const work = relay.send({{"to", to}, {"claimable", true}});
    auto const claim = relay.good("POST", OthersBusiness::of(work, "/claim"), relay.eve, {{"agentId", "eve"}});
    json const token = {{"token", claim["token"]}};
    CHECK(relay.by_eve("POST", OthersBusiness::of(work, "/renew"), token) == "");
    CHECK(relay.by_eve("POST", OthersBusiness::of(work, "/finish"), token) == "");
  }
}

TEST_CASE("ATokenForSomeAgentsReadsNothingAwayFromOthers") {
  OthersBusiness relay;
  auto const early_bird = relay.send({{"to", "tag:nobody-yet"}});
  auto const sent = relay.send({{"from", "eve"}, {"to", "tag:nobody-yet"}});
  for (auto const id : {early_bird, sent})
    CHECK(relay.by_eve("POST", OthersBusiness::of(id, "/read"), {{"agentId", "eve"}}) == "wrong_scope");
  CHECK(relay.unread("newcomer", {"nobody-yet"}, relay.admin) == 2);
  auto const own = relay.send({{"to", "tag:early"}});
  CHECK(relay.by_eve("POST", OthersBusiness::of(own, "/read"), {{"agentId", "eve"}}) == "");
  // What it has read it may look at again, whatever group it is in by then.
  relay.good("POST", "/api/agents", relay.admin, OthersBusiness::presence("eve", {}));
  CHECK(relay.by_eve("GET", OthersBusiness::of(own)) == "");
}

TEST_CASE("DeadLettersOfOthersAreNeitherShownNorRequeued") {
  OthersBusiness relay(one_delivery());
  auto const others = relay.send({{"to", "victim"}, {"claimable", true}});
  auto const own = relay.send({{"to", "tag:early"}, {"claimable", true}});
  relay.kill(others, "victim");
  relay.kill(own, "eve");
  CHECK(relay.good("GET", "/api/dead", relay.admin)["dead"].size() == 2);
  auto const seen = relay.good("GET", "/api/dead", relay.eve)["dead"];
  REQUIRE(seen.size() == 1);
  CHECK(seen[0]["message"]["id"] == own);
  CHECK(relay.by_eve("POST", "/api/dead/" + std::to_string(others) + "/requeue") == "wrong_scope");
  CHECK(relay.by_eve("POST", "/api/dead/" + std::to_string(own) + "/requeue") == "");
  CHECK(relay.good("GET", "/api/dead", relay.admin)["dead"].size() == 1);
}

TEST_CASE("TasksAreSetInOnesOwnNameAndOnlyThoseOneHasToDoWith") {
  OthersBusiness relay;
  auto const task = [](int id, char const* by, char const* status) -> json {
    return {{"id", id}, {"status", status}, {"body", "b"}, {"metadata", json::object()}, {"setBy", by}};
  };
  relay.good("PUT", "/api/tasks", relay.admin, task(1, "operator", "open"));
  relay.good("PUT", "/api/tasks", relay.admin, task(2, "operator", "open"));
  relay.send({{"to", "tag:early"}, {"taskId", 2}});
  CHECK(relay.by_eve("PUT", "/api/tasks", task(3, "victim", "open")) == "wrong_scope");
  CHECK(relay.ask("GET", "/api/tasks/3", relay.admin) == "unknown_task");
  CHECK(relay.by_eve("GET", "/api/tasks/1") == "wrong_scope");
  CHECK(relay.by_eve("PUT", "/api/tasks", task(1, "eve", "failed")) == "wrong_scope");
  CHECK(relay.good("GET", "/api/tasks/1", relay.admin)["status"] == "open");
  CHECK(relay.by_eve("GET", "/api/tasks/2") == "");
  CHECK(relay.by_eve("PUT", "/api/tasks", task(2, "eve", "done")) == "");
  CHECK(relay.by_eve("PUT", "/api/tasks", task(4, "eve", "open")) == "");
  CHECK(relay.by_eve("GET", "/api/tasks/4") == "");
  CHECK(relay.by_eve("GET", "/api/tasks/5") == "unknown_task");
}

TEST_CASE("CommandsGoToOnesOwnAgentsOnly") {
  OthersBusiness relay;
  json command = {{"type", "agent.kill"}, {"target", "victim"}};
  CHECK(relay.by_eve("POST", "/api/commands", command) == "wrong_scope");
  CHECK(relay.good("POST", "/api/commands/pending", relay.admin, {{"targets", {"victim"}}})["commands"].empty());
  auto const id = relay.good("POST", "/api/commands", relay.admin, command)["commandId"].get<int>();
  CHECK(relay.by_eve("GET", "/api/commands/" + std::to_string(id)) == "wrong_scope");
  command["target"] = "eve";
  auto const own = relay.good("POST", "/api/commands", relay.eve, command)["commandId"].get<int>();
  CHECK(relay.by_eve("GET", "/api/commands/" + std::to_string(own)) == "");
}

TEST_CASE("AnAgentsOwnTokenDecidesNoPermissionRequestNotEvenItsOwn") {
  OthersBusiness relay;
  // The rights that the daemon gives an agent.
  auto const agents = relay.issue({"send", "read", "claim", "presence", "tasks", "attachments"}, {"eve"}).token;
  for (auto const* target : {"eve", "victim"}) {
    json const decision = {{"type", "agent.permissionDecision"},
                           {"target", target},
                           {"params", {{"approvalId", 1}, {"decision", "approve"}}}};
    CHECK(relay.ask("POST", "/api/commands", agents, decision.dump()) == "wrong_scope");
    CHECK(relay.good("POST", "/api/commands/pending", relay.admin, {{"targets", {target}}})["commands"].empty());
  }
}

TEST_CASE("AttachmentsAreThoseOfMessagesThatOneMaySee") {
  OthersBusiness relay;
  auto const upload = [&](char const* bytes) {
    std::string answer;
    CHECK(relay.ask("POST", "/api/attachments?name=f", relay.admin, bytes, &answer) == "");
    return json::parse(answer)["id"].get<std::string>();
  };
  auto const others = upload("theirs"), own = upload("ours"), loose = upload("nobody's");
  relay.send({{"to", "victim"}, {"attachments", {others}}});
  relay.send({{"to", "tag:early"}, {"attachments", {own}}});
  CHECK(relay.by_eve("GET", "/api/attachments/" + others) == "wrong_scope");
  CHECK(relay.by_eve("GET", "/api/attachments/" + loose) == "wrong_scope");
  CHECK(relay.by_eve("GET", "/api/attachments/" + own) == "");
  CHECK(relay.ask("GET", "/api/attachments/" + others, relay.admin) == "");
}

TEST_CASE("AReferenceInOnesOwnMessageGivesNoRight") {
  OthersBusiness relay;
  auto const task = [](int id, char const* by, char const* status) -> json {
    return {{"id", id}, {"status", status}, {"body", "b"}, {"metadata", json::object()}, {"setBy", by}};
  };
  auto const say = [&](json more) {
    json message = {{"from", "eve"}, {"to", "eve"}, {"body", "x"}};
    message.update(more);
    return relay.by_eve("POST", "/api/messages", message);
  };
  relay.good("PUT", "/api/tasks", relay.admin, task(7, "victim", "open"));
  CHECK(say({{"payload", {{"taskId", 7}}}}) == "wrong_scope");
  CHECK(say({{"taskId", 7}}) == "wrong_scope");
  // Said before the task was there: of no use, either.
  CHECK(say({{"taskId", 8}}) == "");
  relay.good("PUT", "/api/tasks", relay.admin, task(8, "victim", "open"));
  for (int const id : {7, 8}) CHECK(relay.by_eve("PUT", "/api/tasks", task(id, "eve", "done")) == "wrong_scope");
  // Given to somebody who takes it up, it stays one's own business.
  CHECK(relay.by_eve("PUT", "/api/tasks", task(9, "eve", "open")) == "");
  CHECK(say({{"to", "victim"}, {"taskId", 9}}) == "");
  relay.good("PUT", "/api/tasks", relay.admin, task(9, "victim", "in_progress"));
  CHECK(relay.by_eve("GET", "/api/tasks/9") == "");
  CHECK(say({{"to", "victim"}, {"taskId", 9}}) == "");

  auto const secret = relay.send({{"to", "victim"}}), own = relay.send({{"to", "eve"}});
  CHECK(say({{"to", "operator"}, {"replyTo", secret}}) == "wrong_scope");
  CHECK(say({{"to", "operator"}, {"replyTo", own}}) == "");
  CHECK(say({{"to", "operator"}, {"replyTo", 999'999}}) == "unknown_message");

  auto const upload = [&](std::string const& token, char const* bytes) {
    std::string answer;
    CHECK(relay.ask("POST", "/api/attachments?name=f", token, bytes, &answer) == "");
    return json::parse(answer)["id"].get<std::string>();
  };
  auto const theirs = upload(relay.admin, "theirs"), mine = upload(relay.eve, "mine");
  CHECK(say({{"attachments", {theirs}}}) == "wrong_scope");
  CHECK(relay.by_eve("GET", "/api/attachments/" + theirs) == "wrong_scope");
  CHECK(say({{"attachments", {mine}}}) == "");
  CHECK(relay.by_eve("GET", "/api/attachments/" + mine) == "");
}

TEST_CASE("NoAgentPutsItselfIntoAGroup") {
  OthersBusiness relay;
  auto const late = relay.send({{"to", "tag:late"}});
  CHECK(relay.by_eve("POST", "/api/agents", OthersBusiness::presence("eve", {"late"})) == "wrong_scope");
  auto labelled = OthersBusiness::presence("eve", {"early"});
  labelled["label"] = "victim";
  CHECK(relay.by_eve("POST", "/api/agents", labelled) == "wrong_scope");
  auto capable = OthersBusiness::presence("eve", {"early"});
  capable["capabilities"] = {"review"};
  CHECK(relay.by_eve("POST", "/api/agents", capable) == "wrong_scope");
  Wire wire(relay, relay.eve);
  auto hello = Wire::hello("eve", "j");
  hello["tags"] = {"late"};
  wire.say(hello);
  CHECK(wire.hear()["code"] == "wrong_scope");
  CHECK(relay.by_eve("GET", OthersBusiness::of(late)) == "wrong_scope");
  CHECK(relay.by_eve("POST", "/api/agents", OthersBusiness::presence("eve", {"early"})) == "");
  auto const with_groups = relay.issue({"presence", "groups"}, {"eve"}).token;
  CHECK(relay.ask("POST", "/api/agents", with_groups, OthersBusiness::presence("eve", {"late"}).dump()) == "");
}

TEST_CASE("NoAgentTakesANameThatMeansSomebodyElse") {
  OthersBusiness relay;
  for (auto const* name : {"operator", "system", "broadcast", "all", "agent-runner"})
    CHECK(relay.ask("POST", "/api/agents", relay.admin, OthersBusiness::presence(name, {}).dump()) ==
          "invalid_argument");
}

TEST_CASE("OnlyADaemonsTokenReadsAndChangesNotes") {
  OthersBusiness relay;
  auto const note = json{{"key", "account.x"}, {"text", "held"}, {"revision", 0}}.dump();
  auto const daemon = relay.issue({"send", "read", "presence"}).token;
  auto const agents = relay.issue({"*"}, {"eve"}).token;
  auto const reader = relay.issue({"read", "send", "commands", "tokens"}).token;
  for (auto const& token : {relay.eve, agents, reader}) {
    CHECK(relay.ask("GET", "/api/notes", token) == "wrong_scope");
    CHECK(relay.ask("PUT", "/api/notes", token, note) == "wrong_scope");
  }
  CHECK(relay.ask("GET", "/api/notes", "") == "token_required");
  CHECK(relay.good("GET", "/api/notes", daemon)["notes"].empty());
  CHECK(relay.ask("PUT", "/api/notes", daemon, note) == "");
  CHECK(relay.ask("PUT", "/api/notes", relay.admin, note) == "note_changed");
  CHECK(relay.ask("PUT", "/api/notes", daemon, R"({"key": "k", "text": 3})") == "invalid_argument");
  CHECK(relay.ask("PUT", "/api/notes", daemon, R"({"key": "k", "text": "t", "revision": -1})") == "note_changed");
  CHECK(relay.good("GET", "/api/notes", relay.admin)["notes"][0]["text"] == "held");
}

TEST_CASE("NoTokenIsShownOrRevokedByANarrowerOne") {
  OthersBusiness relay;
  auto const keeper = relay.issue({"tokens", "send"});
  auto const others = relay.issue({"send"}, {"victim"});
  auto const own = relay.issue({"send"}, {"eve"});
  auto const any = relay.issue({"send"});
  auto const wide = relay.issue({"*"});
  auto const revoke = [&](IssuedToken const& token, std::string const& by) {
    return relay.ask("DELETE", "/api/tokens/" + token.info.jti, by);
  };
  for (auto const* token : {&wide, &any, &others, &keeper}) {
    CHECK(revoke(*token, relay.eve) == "wrong_scope");
    CHECK(relay.ask("GET", "/api/info", token->token) == "");
  }
  CHECK(relay.good("GET", "/api/tokens", relay.eve)["tokens"].size() == 2);  // this one and its own
  CHECK(revoke(own, relay.eve) == "");
  CHECK(relay.ask("GET", "/api/info", own.token) == "bad_token");
  CHECK(revoke(wide, keeper.token) == "wrong_scope");
  CHECK(revoke(others, keeper.token) == "");
  CHECK(revoke(any, keeper.token) == "");
  CHECK(relay.ask("DELETE", "/api/tokens/nothing", keeper.token) == "unknown_token");
  json const named = {{"profile", "p"}, {"rights", {"*"}}, {"name", "wide"}};
  CHECK(relay.ask("POST", "/api/tokens", relay.admin, named.dump()) == "");
  CHECK(relay.ask("POST", "/api/tokens", relay.admin, named.dump()) == "name_taken");
  CHECK(relay.ask("DELETE", "/api/tokens/wide", keeper.token) == "wrong_scope");
  CHECK(relay.ask("DELETE", "/api/tokens/wide", relay.admin) == "");
  CHECK(relay.ask("DELETE", "/api/tokens/wide", keeper.token) == "");  // of what is revoked anybody may say so again
}
