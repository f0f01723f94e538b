// What the relay lets nobody do: by routes, rights, tokens, frames. A real server on loopback.
#include "base/http/caller.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"
#include "relay/remote/remote_bus.hpp"
#include "relay/server/relay_server.hpp"
#include "relay/server/route.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <fstream>
#include <map>
#include <set>

using namespace ar;
using namespace ar::relay;
using namespace std::chrono_literals;

namespace {

class Relay {
 public:
  explicit Relay(ServerLimits limits = {}, BusLimits bus_limits = {}) {
    auto opened = EmbeddedBus::open(io.get_executor(), folder.path() / "relay.db", bus_limits);
    REQUIRE(opened.has_value());
    bus = std::move(*opened);
    server = std::make_unique<RelayServer>(io.get_executor(), *bus, limits);
    auto const used = server->open_tcp("127.0.0.1", 0, {});
    REQUIRE(used.has_value());
    port = *used;
  }
  ~Relay() {
    run([this]() -> awaitable<void> {
      co_await server->stop();
      co_await bus->stop();
    });
  }
  template <class Make>
  void run(Make make) {
    ar::test::run(io, make);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }
  IssuedToken issue(std::vector<std::string> rights, std::vector<std::string> agents = {},
                    std::optional<milliseconds> lifetime = std::nullopt) {
    std::optional<IssuedToken> token;
    run([&]() -> awaitable<void> {
      auto issued = co_await bus->issue_token("provider-agent", {agents, rights}, lifetime);
      REQUIRE(issued.has_value());
      token = *issued;
    });
    return *token;
  }
  /// "" for a good answer, else the code of the refusal.
  std::string ask(std::string method, std::string target, std::string const& token, std::string body = {},
                  std::string* answer = nullptr) {
    std::string code;
    http::Caller caller(io.get_executor(), *http::parse_endpoint(url()), {});
    http::Call call{.method = std::move(method), .target = std::move(target), .body = std::move(body)};
    if (!token.empty()) call.headers.push_back({"Authorization", "Bearer " + token});
    run([&]() -> awaitable<void> {
      auto const got = co_await caller.call(call);
      if (got && answer) *answer = *got;
      code = got ? std::string() : got.error().code;
    });
    return code;
  }
  RemoteConfig client(std::string const& token) {
    RemoteConfig config;
    config.url = url();
    config.token_file = folder.path() / ("token-" + std::to_string(++clients_));
    REQUIRE(write_file(config.token_file, token + "\n").has_value());
    config.times.wait_for_relay = 300ms;
    config.times.most_backoff = 100ms;
    return config;
  }

  ar::test::TempDir folder;
  net::io_context io;
  std::unique_ptr<EmbeddedBus> bus;
  std::unique_ptr<RelayServer> server;
  std::uint16_t port = 0;

 private:
  int clients_ = 0;
};

/// A WebSocket of which the test says every frame.
class Wire {
 public:
  Wire(Relay& relay, std::string const& token) : relay_(relay) {
    http::Caller caller(relay.io.get_executor(), *http::parse_endpoint(relay.url()), {});
    relay.run([&]() -> awaitable<void> {
      std::vector<http::Header> headers{{"Authorization", "Bearer " + token}};
      auto opened = co_await caller.open_websocket("/bus", headers, {}, 5s);
      if (opened)
        socket_ = std::move(*opened);
      else
        refusal = opened.error().code;
    });
  }
  void say(std::string text) { CHECK(socket_->send(std::move(text))); }
  void say(json const& frame) { say(frame.dump()); }
  json hear() {
    json frame;
    relay_.run([&]() -> awaitable<void> {
      auto const text = co_await socket_->read();
      frame = text ? json::parse(*text) : json{{"type", "end"}, {"code", text.error().code}};
    });
    return frame;
  }
  static json hello(std::string const& agent, std::string const& instance) {
    return {{"type", "hello"},  {"protocol", 1},          {"role", "provider"}, {"componentId", "runner"},
            {"agentId", agent}, {"instanceId", instance}, {"machine", "m"},     {"capabilities", json::array()},
            {"tags", {"team"}}, {"meta", json::object()}, {"status", "idle"}};
  }
  std::string refusal;

 private:
  Relay& relay_;
  std::unique_ptr<http::WebSocket> socket_;
};

NewMessage to_a(std::string body) {
  NewMessage message;
  message.from = "x";
  message.to = "a";
  message.body = std::move(body);
  return message;
}

}  // namespace

TEST_CASE("TheProtocolPageListsEveryRouteAsItIs") {
  std::map<std::string, std::string> documented;  // "METHOD path?query" -> right
  std::ifstream page(AR_SOURCE_DIR "/docs/relay-protocol.md");
  REQUIRE(page.good());
  for (std::string line; std::getline(page, line);) {
    std::vector<std::string> cells;
    for (std::size_t start = 1, end = 0; (end = line.find(" | ", start)) != std::string::npos; start = end + 2)
      cells.push_back(line.substr(start + 1, end - start - 1));
    if (cells.size() < 4 || std::string(" GET POST PUT DELETE ").find(" " + cells[0] + " ") == std::string::npos)
      continue;
    std::string path = cells[1];
    std::erase(path, '`');
    CHECK_MESSAGE(documented.emplace(cells[0] + " " + path, cells[2]).second, path);
  }
  for (auto const& route : server::routes()) {
    std::string path = std::string(route.method) + " " + std::string(route.pattern);
    char separator = '?';
    for (std::string_view rest = route.query; !rest.empty();) {
      auto const end = std::min(rest.find(' '), rest.size());
      path += separator + std::string(rest.substr(0, end)) + "=";
      separator = '&';
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    CHECK_MESSAGE(documented.contains(path), path);
    CHECK_MESSAGE(documented[path] == route.right, path);
    documented.erase(path);
  }
  for (auto const& [path, right] : documented) FAIL_CHECK("documented, but no route: " << path);
}

TEST_CASE("EveryRouteRefusesStrangersAndWrongRights") {
  Relay relay;
  auto const powerless = relay.issue({});
  for (auto const& route : server::routes()) {
    std::string target(route.pattern);
    if (auto const brace = target.find('{'); brace != std::string::npos)
      target.replace(brace, target.find('}') - brace + 1, "1");
    auto const body = route.method == "GET" ? std::string() : std::string("{}");
    CAPTURE(route.method);
    CAPTURE(target);
    if (route.right == "none") {
      CHECK(relay.ask(std::string(route.method), target, "").empty());
      continue;
    }
    CHECK(relay.ask(std::string(route.method), target, "", body) == "token_required");
    CHECK(relay.ask(std::string(route.method), target, "nonsense", body) == "bad_token");
    if (route.right != "any")
      CHECK(relay.ask(std::string(route.method), target, powerless.token, body) == "wrong_scope");
  }
}

TEST_CASE("ATokenSpeaksForItsAgentsOnly") {
  Relay relay;
  auto const token = relay.issue({"send", "read", "claim", "presence", "tokens"}, {"a"}).token;
  auto const ask = [&](char const* method, std::string target, json const& body) {
    return relay.ask(method, std::move(target), token, body.dump());
  };
  CHECK(ask("POST", "/api/messages", {{"from", "a"}, {"to", "b"}, {"body", "x"}}).empty());
  CHECK(ask("POST", "/api/messages", {{"from", "b"}, {"to", "a"}, {"body", "x"}}) == "wrong_scope");
  CHECK(ask("POST", "/api/messages/1/claim", {{"agentId", "b"}}) == "wrong_scope");
  CHECK(ask("POST", "/api/messages/1/read", {{"agentId", "b"}}) == "wrong_scope");
  CHECK(ask("POST", "/api/unread", {{"identity", {{"agentId", "b"}}}}) == "wrong_scope");
  CHECK(ask("POST", "/api/agents/b/status", {{"status", "idle"}}) == "wrong_scope");
  CHECK(relay.ask("GET", "/api/messages", token) == "wrong_scope");
  CHECK(relay.ask("GET", "/api/messages?agent=a", token).empty());
  CHECK(ask("POST", "/api/tokens", {{"profile", "p"}, {"rights", {"*"}}, {"agentIds", {"a"}}}) == "wrong_scope");
  CHECK(ask("POST", "/api/tokens", {{"profile", "p"}, {"rights", {"send"}}}) == "wrong_scope");
  CHECK(ask("POST", "/api/tokens", {{"profile", "p"}, {"rights", {"send"}}, {"agentIds", {"a"}}}).empty());
}

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
}

TEST_CASE("RevokedAndExpiredTokensAreRefusedAtOnceEverywhere") {
  Relay relay;
  auto const admin = relay.issue({"*"}).token;
  auto const token = relay.issue({"read", "presence"});
  auto const brief = relay.issue({"read"}, {}, 50ms);
  Wire wire(relay, token.token);
  REQUIRE(wire.refusal.empty());
  wire.say(Wire::hello("a", "i-1"));
  CHECK(wire.hear()["type"] == "welcome");
  CHECK(relay.ask("DELETE", "/api/tokens/" + token.info.jti, admin).empty());
  auto const last = wire.hear();
  CHECK(last["type"] == "error");
  CHECK(last["code"] == "bad_token");
  CHECK(relay.ask("GET", "/api/agents", token.token) == "bad_token");
  CHECK(Wire(relay, token.token).refusal == "bad_token");
  relay.run([]() -> awaitable<void> { (void)co_await sleep_for(60ms); });
  CHECK(relay.ask("GET", "/api/agents", brief.token) == "bad_token");
}

TEST_CASE("FramesTellAndAreTold") {
  Relay relay;
  auto const admin = relay.issue({"*"}).token;
  Wire wire(relay, admin);
  wire.say(Wire::hello("a", "i-1"));
  auto const welcome = wire.hear();
  CHECK(welcome["type"] == "welcome");
  CHECK(welcome["heartbeatIntervalMs"] == 30'000);
  CHECK(from_iso8601(welcome["serverTime"].get<std::string>()).has_value());
  wire.say(json{{"type", "ping"}});
  CHECK(wire.hear()["type"] == "pong");
  CHECK(relay.ask("POST", "/api/messages", admin, R"({"from":"x","to":"tag:team","body":"hi"})").empty());
  auto const pushed = wire.hear();
  CHECK(pushed["type"] == "message.new");
  CHECK(pushed["message"]["body"] == "hi");
  CHECK(relay.ask("POST", "/api/commands", admin, R"({"type":"agent.kill","target":"a"})").empty());
  auto const command = wire.hear();
  CHECK(command["type"] == "command");
  wire.say({{"type", "command.update"}, {"commandId", command["command"]["commandId"]}, {"status", "accepted"}});
  wire.say({{"type", "status"}, {"status", "busy"}, {"ready", true}, {"meta", {{"k", 1}}}});
  wire.say({{"type", "heartbeat"}, {"meta", {{"l", 2}}}});
  wire.say(json{{"type", "ping"}});
  CHECK(wire.hear()["type"] == "pong");
  std::string agents;
  CHECK(relay.ask("GET", "/api/agents", admin, "", &agents).empty());
  auto const shown = json::parse(agents)["agents"][0];
  CHECK(shown["status"] == "busy");
  CHECK(shown["meta"] == json{{"k", 1}, {"l", 2}});
}

TEST_CASE("BadFramesAreAnsweredAndNeverTheEndOfTheRelay") {
  ServerLimits limits;
  limits.frame_bytes = 10'000;
  limits.frames_at_once = 50;
  limits.frames_per_second = 1;
  Relay relay(limits);
  auto const token = relay.issue({"*"}).token;
  std::string expected;
  {
    Wire wire(relay, token);
    SUBCASE("no JSON") { wire.say(std::string("hello?")), expected = "malformed_frame"; }
    SUBCASE("unknown protocol") {
      auto hello = Wire::hello("a", "i");
      hello["protocol"] = 2;
      wire.say(hello), expected = "unsupported_protocol";
    }
    SUBCASE("no hello") { wire.say(json{{"type", "status"}, {"status", "idle"}}), expected = "no_hello"; }
    SUBCASE("unknown type") { wire.say(json{{"type", "dance"}}), expected = "invalid_argument"; }
    SUBCASE("bad role") {
      wire.say(json{{"type", "hello"}, {"protocol", 1}, {"role", 7}}), expected = "invalid_argument";
    }
    SUBCASE("too large") { wire.say(json{{"type", std::string(20'000, 'x')}}), expected = "connection"; }
    SUBCASE("flood") {
      for (int i = 0; i < 100; ++i) wire.say(json{{"type", "pong?"}});
      expected = "flood";
    }
    json last = wire.hear();
    for (int i = 0; i < 100 && last["code"] != expected && last["type"] != "end"; ++i) last = wire.hear();
    if (expected == "connection")
      CHECK(last["type"] == "end");
    else
      CHECK(last["code"] == expected);
  }
  CHECK(relay.ask("GET", "/healthz", "").empty());
}

TEST_CASE("ANewerInstanceTakesOverAndTheOlderDoesNotComeBack") {
  Relay relay;
  auto const token = relay.issue({"*"}).token;
  Wire older(relay, token), newer(relay, token);
  older.say(Wire::hello("a", "i-1"));
  CHECK(older.hear()["type"] == "welcome");
  newer.say(Wire::hello("a", "i-2"));
  CHECK(newer.hear()["type"] == "welcome");
  CHECK(older.hear()["code"] == "superseded");
  Wire again(relay, token);
  again.say(Wire::hello("a", "i-1"));
  CHECK(again.hear()["code"] == "superseded");
}

TEST_CASE("OnlyAProviderWithAStatusTakesAnAgentOver") {
  Relay relay;
  auto const token = relay.issue({"*"}).token;
  Wire provider(relay, token), other(relay, token);
  provider.say(Wire::hello("a", "i-1"));
  CHECK(provider.hear()["type"] == "welcome");
  auto hello = Wire::hello("a", "i-2");
  SUBCASE("observer") { hello["role"] = "observer"; }
  SUBCASE("client") { hello["role"] = "client"; }
  SUBCASE("listener") { hello.erase("status"); }
  other.say(hello);
  CHECK(other.hear()["type"] == "welcome");
  CHECK(relay.ask("POST", "/api/messages", token, R"({"from":"x","to":"a","body":"hi"})").empty());
  CHECK(provider.hear()["type"] == "message.new");
  CHECK(other.hear()["type"] == "message.new");
}

TEST_CASE("AnAgentTakenWhileItsHelloIsUnderWayIsHeardOfNoMore") {
  Relay relay;
  auto const token = relay.issue({"*"}).token;
  Wire older(relay, token), newer(relay, token);
  older.say(Wire::hello("other", "i-1"));
  CHECK(older.hear()["type"] == "welcome");
  for (int i = 0; i < 20; ++i) {
    auto const agent = "a" + std::to_string(i);
    older.say(Wire::hello(agent, "i-1"));
    newer.say(Wire::hello(agent, "i-2"));
    json taken;
    while (taken["type"] != "welcome" && taken["code"] != "superseded") taken = newer.hear();
    auto const& loser = taken["type"] == "welcome" ? older : newer;
    auto const body = json{{"from", "x"}, {"to", agent}, {"body", "hi"}}.dump();
    CHECK(relay.ask("POST", "/api/messages", token, body).empty());
    int heard = 0;
    for (auto* const wire : {&older, &newer}) {
      wire->say(json{{"type", "ping"}});
      for (json frame; frame["type"] != "pong";) {
        frame = wire->hear();
        REQUIRE(frame["type"] != "end");
        if (frame["type"] != "message.new" || frame["agentId"] != agent) continue;
        ++heard;
        CHECK(wire != &loser);
      }
    }
    CHECK(heard == 1);
  }
}

TEST_CASE("WhatDoesNotFitIntoAConnectionIsLeftOutAndTheConnectionStays") {
  Relay relay;
  auto const token = relay.issue({"*"}).token;
  constexpr int kLarge = 30;
  auto const send_all = [&] {
    relay.run([&]() -> awaitable<void> {
      for (int i = 0; i < kLarge; ++i) {
        CHECK((co_await relay.bus->send(to_a(std::string(1'000'000, 'x')))).has_value());
      }
    });
  };
  Wire wire(relay, token);
  auto hello = Wire::hello("a", "i-1");
  hello["lastSeenId"] = 0;
  SUBCASE("unread") {
    send_all();
    wire.say(hello);
  }
  SUBCASE("hints") {
    wire.say(hello);
    CHECK(wire.hear()["type"] == "welcome");
    send_all();
  }
  wire.say(json{{"type", "ping"}});
  int pushed = 0;
  json frame;
  while (frame["type"] != "pong" && frame["type"] != "end") {
    frame = wire.hear();
    pushed += frame["type"] == "message.new";
  }
  CHECK(frame["type"] == "pong");
  CHECK(pushed > 0);
  CHECK(pushed < kLarge);
}

TEST_CASE("AMachineThatMissedMuchComesBackOnce") {
  Relay relay;
  auto const token = relay.issue({"*"}).token;
  auto bus = RemoteBus::open(relay.io.get_executor(), relay.client(token));
  REQUIRE(bus.has_value());
  constexpr int kLarge = 24;
  Identity const who{"a"};
  Notifier heard(relay.io.get_executor());
  std::set<MessageId> hinted, read;
  BusHints hints;
  hints.message = [&](Message const& message) {
    hinted.insert(message.id);
    heard.notify_all();
  };
  auto message = to_a("small");
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(5s));
    auto const subscription = (*bus)->subscribe(who, "a", std::move(hints));
    CHECK(co_await (*bus)->reach(5s));
    CHECK((co_await relay.bus->send(message)).has_value());
    while (hinted.empty()) (void)co_await heard.wait(Clock::now() + 1s);
    co_await relay.server->stop();
    relay.server.reset();
    message.body = std::string(1'000'000, 'x');
    for (int i = 0; i < kLarge; ++i) CHECK((co_await relay.bus->send(message)).has_value());
    relay.server = std::make_unique<RelayServer>(relay.io.get_executor(), *relay.bus);
    CHECK(relay.server->open_tcp("127.0.0.1", relay.port, {}).has_value());
    CHECK(co_await (*bus)->reach(5s));
    while (hinted.size() < 2) (void)co_await heard.wait(Clock::now() + 1s);
    while (read.size() < kLarge + 1) {
      auto const unread = co_await (*bus)->unread(who, 100);
      if (!unread) continue;
      for (auto const& one : *unread) {
        read.insert(one.id);
        CHECK((co_await (*bus)->mark_read(one.id, "a")).has_value());
      }
    }
    CHECK(co_await (*bus)->reach(5s));
    CHECK((co_await (*bus)->status())["connections"] == 2);
    co_await (*bus)->stop();
  });
}

TEST_CASE("WhatCouldNotBeFetchedAfterAReconnectIsFetchedLater") {
  Relay relay;
  auto const token = relay.issue({"*"}).token;
  auto config = relay.client(token);
  config.times.least_backoff = config.times.most_backoff = 500ms;
  config.random = [] { return 0.9; };
  auto bus = RemoteBus::open(relay.io.get_executor(), config);
  REQUIRE(bus.has_value());
  Notifier heard(relay.io.get_executor());
  std::set<MessageId> hinted;
  BusHints hints;
  hints.message = [&](Message const& message) {
    hinted.insert(message.id);
    heard.notify_all();
  };
  std::unique_ptr<Subscription> subscription;
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(5s));
    subscription = (*bus)->subscribe({"a"}, "a", std::move(hints));
    CHECK(co_await (*bus)->reach(5s));
  });
  // Room for the WebSocket of the bus and one connection more, which somebody else has.
  ServerLimits limits;
  limits.connections = 2;
  MessageId missed = 0;
  std::unique_ptr<Wire> other;
  for (int round = 0; round < 20 && (!other || !other->refusal.empty()); ++round) {
    other.reset();
    relay.run([&]() -> awaitable<void> {
      co_await relay.server->stop();
      missed = (co_await relay.bus->send(to_a("missed")))->message.id;
    });
    relay.server.reset();
    relay.server = std::make_unique<RelayServer>(relay.io.get_executor(), *relay.bus, limits);
    REQUIRE(relay.server->open_tcp("127.0.0.1", relay.port, {}).has_value());
    other = std::make_unique<Wire>(relay, token);
  }
  REQUIRE(other->refusal.empty());
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(10s));
    (void)co_await sleep_for(200ms);
    CHECK_FALSE(hinted.contains(missed));
    other.reset();
    while (!hinted.contains(missed)) (void)co_await heard.wait(Clock::now() + 1s);
    co_await (*bus)->stop();
  });
}

TEST_CASE("ADaemonWithManyAgentsIsNoFlood") {
  ServerLimits limits;
  limits.frames_at_once = 50;
  limits.frames_per_second = 1;
  Relay relay(limits);
  Wire wire(relay, relay.issue({"*"}).token);
  constexpr int kAgents = 200;
  for (int i = 0; i < kAgents; ++i) wire.say(Wire::hello("a" + std::to_string(i), "i-1"));
  for (int i = 0; i < kAgents; ++i) REQUIRE(wire.hear()["type"] == "welcome");
}

TEST_CASE("LargeMessagesAreListedInPortions") {
  Relay relay;
  auto bus = RemoteBus::open(relay.io.get_executor(), relay.client(relay.issue({"*"}).token));
  REQUIRE(bus.has_value());
  constexpr int kLarge = 12;
  relay.run([&]() -> awaitable<void> {
    for (int i = 0; i < kLarge; ++i) CHECK((co_await relay.bus->send(to_a(std::string(1'000'000, 'x')))).has_value());
    CHECK(co_await (*bus)->reach(5s));
    for (bool const ascending : {false, true}) {
      MessageFilter filter;
      filter.limit = ascending ? 100 : kLarge - 1;
      if (ascending) filter.after = 0;
      auto const there = co_await relay.bus->messages(filter);
      auto const found = co_await (*bus)->messages(filter);
      REQUIRE_MESSAGE(found.has_value(), found.error().message);
      REQUIRE(found->size() == there->size());
      for (std::size_t i = 0; i < found->size(); ++i) CHECK((*found)[i].id == (*there)[i].id);
    }
  });
  relay.run([&]() -> awaitable<void> {
    // Six bytes on the wire for each of these.
    auto message = to_a(std::string(1'000'000, '\x01'));
    message.to = "b";
    for (int i = 0; i < kLarge; ++i) CHECK((co_await relay.bus->send(message)).has_value());
    auto const unread = co_await (*bus)->unread({"b"}, 100);
    REQUIRE_MESSAGE(unread.has_value(), unread.error().message);
    CHECK(unread->size() > 0);
    CHECK(unread->size() < kLarge);
    co_await (*bus)->stop();
  });
}

TEST_CASE("ARemovalWhileTheRelayIsAwayIsToldWhenItIsBack") {
  Relay relay;
  auto bus = RemoteBus::open(relay.io.get_executor(), relay.client(relay.issue({"*"}).token));
  REQUIRE(bus.has_value());
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(5s));
    for (char const* id : {"gone", "back"}) CHECK((co_await (*bus)->register_agent({{id}, "i-1", "idle"})).has_value());
    co_await relay.server->stop();
    relay.server.reset();
    for (char const* id : {"gone", "back"}) CHECK((co_await (*bus)->remove_agent(id)).has_value());
    relay.server = std::make_unique<RelayServer>(relay.io.get_executor(), *relay.bus);
    CHECK(relay.server->open_tcp("127.0.0.1", relay.port, {}).has_value());
    while (!(co_await (*bus)->register_agent({{"back"}, "i-2", "idle"})).has_value()) (void)co_await sleep_for(10ms);
    while ((co_await relay.bus->agents())->size() > 1) (void)co_await sleep_for(10ms);
    CHECK((co_await relay.bus->agents())->front().identity.agent_id == "back");
    co_await (*bus)->stop();
  });
}

TEST_CASE("SupersededAgentIsLeftAloneByItsOlderMachineUntilANewerStartOfIt") {
  Relay relay;
  auto const token = relay.issue({"*"}).token;
  auto older = RemoteBus::open(relay.io.get_executor(), relay.client(token));
  auto newer = RemoteBus::open(relay.io.get_executor(), relay.client(token));
  REQUIRE(older.has_value());
  REQUIRE(newer.has_value());
  Identity const who{"a"};
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*older)->reach(5s));
    auto const one = (*older)->subscribe(who, "a", {});
    CHECK((co_await (*older)->register_agent({who, "older-1", "idle"})).has_value());
    CHECK(co_await (*older)->reach(5s));
    CHECK(co_await (*newer)->reach(5s));
    auto const two = (*newer)->subscribe(who, "a", {});
    CHECK((co_await (*newer)->register_agent({who, "newer-1", "idle"})).has_value());
    CHECK(co_await (*newer)->reach(5s));
    CHECK(co_await (*older)->reach(5s));
    auto const refused = co_await (*older)->unread(who, 10);
    CHECK(refused.has_error());
    if (!refused) CHECK(refused.error().code == "superseded");
    auto const why = (*older)->refusal("a");
    CHECK(why.has_value());
    if (why) CHECK(why->message.find("agent-runner restart a") != std::string::npos);
    auto const good = co_await (*newer)->unread(who, 10);
    CHECK(good.has_value());
    CHECK_FALSE((*newer)->refusal("a").has_value());
    auto const status = co_await (*older)->status();
    CHECK(status["refused"].contains("a"));
    CHECK(status["transport"] == "connected");

    auto const same = co_await (*older)->register_agent({who, "older-1", "idle"});
    CHECK(same.has_error());
    auto const back = co_await (*older)->register_agent({who, "older-2", "idle"});
    CHECK(back.has_value());
    CHECK(co_await (*older)->reach(5s));
    CHECK(co_await (*newer)->reach(5s));
    CHECK((co_await (*older)->unread(who, 10)).has_value());
    CHECK((co_await (*newer)->unread(who, 10)).has_error());
    co_await (*older)->stop();
    co_await (*newer)->stop();
  });
}

TEST_CASE("WrongTokenStopsTheClientUntilItsFileHoldsAnother") {
  Relay relay;
  auto const config = relay.client("art_wrong");
  auto bus = RemoteBus::open(relay.io.get_executor(), config);
  REQUIRE(bus.has_value());
  auto const good = relay.issue({"*"}).token;
  relay.run([&]() -> awaitable<void> {
    while ((*bus)->transport_state() != "auth-failed") (void)co_await sleep_for(5ms);
    auto const refused = co_await (*bus)->agents();
    CHECK(refused.has_error());
    if (!refused) {
      CHECK(refused.error().code == "auth_failed");
      CHECK(refused.error().kind == ErrorKind::unavailable);
    }
    CHECK(write_file(config.token_file, good + "\n").has_value());
    CHECK(co_await (*bus)->reach(10s));
    CHECK((co_await (*bus)->agents()).has_value());
    co_await (*bus)->stop();
  });
}

TEST_CASE("ATokenThatEndsIsRenewedAndTheConnectionWithIt") {
  Relay relay;
  auto const old = relay.issue({"*"}, {}, 3s).token;
  auto const config = relay.client(old);
  auto bus = RemoteBus::open(relay.io.get_executor(), config);
  REQUIRE(bus.has_value());
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(5s));
    for (int tries = 0; tries < 2000; ++tries) {
      auto const kept = read_file(config.token_file, 1000);
      if (kept && *kept != old + "\n") break;
      (void)co_await sleep_for(10ms);
    }
    auto const kept = read_file(config.token_file, 1000);
    CHECK(kept.has_value());
    if (kept) CHECK(*kept != old + "\n");
    while (!co_await (*bus)->reach(1s)) (void)co_await sleep_for(10ms);
    CHECK((co_await (*bus)->agents()).has_value());
    co_await (*bus)->stop();
  });
}

TEST_CASE("AServerThatSpeaksNonsenseCostsAnErrorAndAReconnect") {
  net::io_context io;
  net::ip::tcp::acceptor acceptor(io, {net::ip::make_address("127.0.0.1"), 0});
  ar::test::TempDir folder;
  RemoteConfig config;
  config.url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  config.token_file = folder.path() / "token";
  config.times.most_backoff = 20ms;
  config.times.wait_for_relay = 50ms;
  REQUIRE(write_file(config.token_file, "t\n").has_value());
  auto bus = RemoteBus::open(io.get_executor(), config);
  REQUIRE(bus.has_value());
  ar::test::run(io, [&]() -> awaitable<void> {
    for (int i = 0; i < 3; ++i) {
      auto [ec, socket] = co_await acceptor.async_accept(nothrow);
      CHECK(!ec);
      auto const text = net::buffer("220 mail.example ESMTP\r\n", 24);
      (void)co_await net::async_write(socket, text, nothrow);
      socket.close();
    }
    auto const refused = co_await (*bus)->agents();
    CHECK(refused.has_error());
    auto const status = co_await (*bus)->status();
    CHECK(status["transport"] != "connected");
    CHECK(!status["lastError"]["message"].get<std::string>().empty());
    co_await (*bus)->stop();
  });
}

TEST_CASE("WithoutTlsOnlyLoopbackIsServed") {
  CHECK(RelayServer::check_exposure("127.0.0.1", false, false).has_value());
  CHECK(RelayServer::check_exposure("::1", false, false).has_value());
  CHECK(RelayServer::check_exposure("localhost", false, false).has_value());
  CHECK(RelayServer::check_exposure("0.0.0.0", false, false).has_error());
  CHECK(RelayServer::check_exposure("", false, false).has_error());
  CHECK(RelayServer::check_exposure("192.0.2.1", false, false).has_error());
  CHECK(RelayServer::check_exposure("192.0.2.1", true, false).has_value());
  CHECK(RelayServer::check_exposure("192.0.2.1", false, true).has_value());
}

TEST_CASE("AddressesToListenOnAreRead") {
  CHECK(parse_listen_address("[::1]:7")->host == "::1");
  CHECK(parse_listen_address(":7077")->host.empty());
  CHECK(parse_listen_address("relay.example:7077")->port == 7077);
  for (auto const* bad : {"", "host", "host:", "host:x", "host:70777", "::1:7"})
    CHECK_MESSAGE(parse_listen_address(bad).has_error(), bad);
}

TEST_CASE("UrlsAreReadStrictly") {
  CHECK(http::parse_endpoint("https://relay.example")->port == 443);
  CHECK(http::parse_endpoint("http://[::1]:7077/x/")->authority() == "[::1]:7077");
  CHECK(http::parse_endpoint("http://[::1]:7077/x/")->path == "/x");
  for (auto const* bad : {"", "relay.example:7077", "ws://x", "http://", "http://x:0", "http://x:y", "http://u@x",
                          "http://x?token=1", "http://x /"})
    CHECK_MESSAGE(http::parse_endpoint(bad).has_error(), bad);
}

TEST_CASE("TlsIsSpokenByCertificateFilesAndTheirNameIsChecked") {
  Relay relay;
  auto const file = [&](char const* name) { return (relay.folder.path() / name).string(); };
  auto const make =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=relay "
      "-addext subjectAltName=IP:127.0.0.1 -keyout " +
      file("key") + " -out " + file("cert") + " 2>/dev/null && chmod 600 " + file("key");
  REQUIRE(std::system(make.c_str()) == 0);
  auto const tls = http::server_tls(file("cert"), file("key"));
  REQUIRE(tls.has_value());
  auto const port = relay.server->open_tcp("127.0.0.1", 0, *tls);
  REQUIRE(port.has_value());
  auto config = relay.client(relay.issue({"*"}).token);
  config.ca_file = file("cert");
  config.url = "https://127.0.0.1:" + std::to_string(*port);
  bool expected = true;
  SUBCASE("right") {}
  SUBCASE("wrong name") { config.url = "https://localhost:" + std::to_string(*port), expected = false; }
  SUBCASE("not trusted") { config.ca_file = "", expected = false; }
  SUBCASE("plain to TLS") { config.url = "http://127.0.0.1:" + std::to_string(*port), expected = false; }
  auto bus = RemoteBus::open(relay.io.get_executor(), config);
  REQUIRE(bus.has_value());
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(expected ? 10s : 1s) == expected);
    auto const agents = co_await (*bus)->agents();
    CHECK(agents.has_value() == expected);
    co_await (*bus)->stop();
  });
  CHECK(http::server_tls(file("nothing"), file("key")).has_error());
  std::filesystem::permissions(file("key"), std::filesystem::perms::owner_read | std::filesystem::perms::others_read);
  CHECK(http::server_tls(file("cert"), file("key")).error().message.find("chmod") != std::string::npos);
}
