// Who reaches what: every route times every principal, host and origin.
#include "control/route.hpp"
#include "control/test_server.hpp"
#include "support/log_lines.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::test;
using control::Right;

namespace {

std::string target_of(control::Route const& route, std::string const& agent) {
  std::string target(route.pattern);
  auto const put = [&](std::string const& parameter, std::string const& value) {
    if (auto const at = target.find(parameter); at != std::string::npos) target.replace(at, parameter.size(), value);
  };
  put("{agent}", agent);
  bool const is_stream = target.ends_with("/archive");  // an endless one
  put("{session}", is_stream ? "nobody" : agent);
  put("{output}", "none");
  put("{message}", "7");
  put("{approval}", "1");
  put("{attachment}", "f00");
  put("{event}", "Stop");
  put("{scope}", target.find("{id}") == std::string::npos ? "shared" : "agent");
  put("{id}", agent);
  put("{key}", "k");
  put("{webhook}", "whk_1");
  put("{delivery}", "msg_1");
  put("{snapshot}", "none");  // its export is a stream
  put("{hook}", "known");
  put("{schedule}", "sch_1");
  put("{rule}", "1");
  return target;
}
bool admitted(int status) { return status != 401 && status != 403; }

}  // namespace

TEST_CASE("EachPrincipalReachesExactlyItsRoutes") {
  LogLines const log;  // one of the routes throws on purpose
  control::Limits limits;
  limits.wrong_tokens = {100'000};  // of which this test has many
  TestServer server(limits);
  RawClient over_unix(server.socket());
  RawClient over_tcp(server.port());
  RawClient at_agents(server.agents_socket());
  for (auto const& route : control::routes()) {
    CAPTURE(route.method);
    CAPTURE(route.pattern);
    bool const in_family = route.pattern.find("{agent}") != std::string_view::npos ||
                           route.pattern.find("{session}") != std::string_view::npos;
    bool const names_agent = in_family || route.pattern.find("{id}") != std::string_view::npos;
    auto const status = [&](RawClient& client, std::vector<std::string> const& headers, std::string const& agent) {
      Reply const reply = client.request(route.method, target_of(route, agent), headers, "");
      if (reply.status == 401) CHECK(reply.headers.at("www-authenticate").starts_with("Bearer"));
      return reply.status;
    };
    CHECK(admitted(status(over_unix, {}, "a")));
    CHECK((status(over_tcp, {}, "a") == 401) == (route.right != Right::none));
    CHECK(status(at_agents, {}, "a") == 401);
    std::vector<std::string> const wrong{"Authorization: Bearer wrong"}, basic{"Authorization: Basic b3A6b3A="};
    for (auto* client : {&over_unix, &over_tcp, &at_agents}) {
      CHECK(admitted(status(*client, as_operator, "a")));
      bool const asked = route.right != Right::none || client == &at_agents;
      CHECK((status(*client, wrong, "a") == 401) == asked);
      CHECK((status(*client, basic, "a") == 401) == asked);
      bool const reaches_itself = route.right != Right::operator_ && route.right != Right::descendants;
      CHECK(admitted(status(*client, as_agent_a, "a")) == reaches_itself);
      if (names_agent) CHECK(status(*client, as_agent_a, "b") == 403);
      bool const reaches_below = route.right == Right::family || route.right == Right::descendants;
      for (auto const* below : {"a-1", "a-1-1"})
        if (in_family) CHECK(admitted(status(*client, as_agent_a, below)) == reaches_below);
    }
  }
}

TEST_CASE("AnAgentListsOnlyItsOwnMessages") {
  TestServer server;
  RawClient client(server.socket());
  CHECK(client.request("GET", "/v1/messages", as_agent_a).status == 200);
  CHECK(server.daemon().called("messages a - a 0 0 100"));
  CHECK(client.request("GET", "/v1/messages?agent=a", as_agent_a).status == 200);
  CHECK(client.request("GET", "/v1/messages?agent=b", as_agent_a).status == 403);
}

TEST_CASE("AnAgentReachesItsOwnMemoryAndTheSharedOne") {
  TestServer server;
  struct Case {
    char const* path;
    bool reached;
  };
  for (auto const& [path, reached] : {Case{"/agent/a", true},
                                      {"/agent/b", false},
                                      {"/agent/%62", false},
                                      {"/user/a", false},
                                      {"/shared/b", true},
                                      {"/none/a", false}}) {
    CAPTURE(path);
    auto const list = std::string("/v1/memory") + path;
    for (auto const& [method, target, body] :
         {std::tuple{"GET", list, ""}, std::tuple{"GET", list + "/k", ""},
          std::tuple{"PUT", list + "/k", R"({"value":1})"}, std::tuple{"DELETE", list + "/k", ""}}) {
      RawClient client(server.port());  // one that is refused before its body is read is closed
      auto const before = server.daemon().calls().size();
      auto const reply = client.request(method, target, as_agent_a, body);
      CHECK((reply.status == 403) == !reached);
      if (!reached) CHECK(reply.document()["code"] == "not_your_memory");
      CHECK((server.daemon().calls().size() > before) == reached);
    }
  }
  RawClient client(server.port());
  CHECK(client.request("GET", "/v1/memory/shared", as_agent_a).status == 200);
  for (auto const* others : {"/v1/memory", "/v1/memory/agent", "/v1/memory/user"})
    CHECK_MESSAGE(client.request("GET", others, as_agent_a).status == 403, others);
}

TEST_CASE("TheDaemonIsToldWhoAsks") {
  TestServer server;
  RawClient client(server.port());
  client.request("POST", "/v1/messages", as_agent_a, R"({"to":"b","body":"x"})");
  CHECK(server.daemon().called("send a b key= reply=0 bytes=1"));
  auto headers = as_agent_a;
  headers.push_back("X-Provider-Session: s1");
  client.request("POST", "/v1/hooks/SessionStart", headers, R"({"session_id":"p"})");
  CHECK(server.daemon().called("hook a SessionStart s1 p"));
}

TEST_CASE("StrangersLearnNothingOfWhatExists") {
  TestServer server;
  RawClient client(server.port());
  for (auto const* target : {"/v1/agents/a", "/v1/agents/nobody", "/v1/nothing", "/v1/agents?limit=x"})
    CHECK_MESSAGE(client.request("GET", target).status == 401, target);
  CHECK(server.daemon().calls().empty());
}

TEST_CASE("WhoGuessesTokensLeavesATraceWithoutThem") {
  LogLines log;
  {
    TestServer server;
    RawClient over_tcp(server.port()), at_agents(server.agents_socket());
    for (int i = 0; i < 20; ++i)
      for (auto* client : {&over_tcp, &at_agents})
        CHECK(client->request("GET", "/v1/info", {"Authorization: Bearer guess-" + std::to_string(i)}).status == 401);
    CHECK(over_tcp.request("GET", "/v1/info", {}).status == 401);
  }
  CHECK(log.count("with a bad token was refused: GET /v1/info") == 2);
  CHECK(log.count("guess-") == 0);
}

TEST_CASE("ForeignHostsAndOriginsAreRefusedEvenWithAToken") {
  TestServer server;
  auto const status = [&](std::vector<std::string> headers) {
    headers.push_back(as_operator[0]);
    RawClient client(server.port());
    return client.request("GET", "/v1/info", headers).status;
  };
  std::string const port = std::to_string(server.port());
  CHECK(status({"Host: 127.0.0.1:" + port}) == 200);
  CHECK(status({"Host: evil.example:" + port}) == 403);
  CHECK(status({"Host: "}) == 403);
  CHECK(status({"Origin: http://127.0.0.1:" + port}) == 200);
  CHECK(status({"Origin: http://127.0.0.1:1"}) == 403);
  CHECK(status({"Origin: null"}) == 403);
  CHECK(status({"Host: localhost", "Host: evil.example"}) == 400);
  RawClient healthz(server.port());
  CHECK(healthz.request("GET", "/healthz", {"Host: evil.example"}).status == 403);
  RawClient none(server.port());
  none.send("GET /healthz HTTP/1.0\r\n\r\n");
  CHECK(none.reply().status == 403);
  RawClient local(server.socket());
  CHECK(local.request("GET", "/v1/info", {"Host: whatever"}).status == 200);
  CHECK(local.request("GET", "/v1/info", {"Origin: http://evil.example"}).status == 403);
}
