// What a client may not do: too much, too slow, or nonsense. After each the server serves others as before.
#include "control/test_server.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace ar;
using namespace ar::test;
using namespace std::chrono_literals;

namespace {

void check_serves(TestServer& server) {
  RawClient client(server.socket());
  CHECK(client.request("GET", "/healthz").status == 200);
}

/// What came until the connection's end: the status of the last answer, 0 for none.
int last_status(RawClient& client) {
  int status = 0;
  try {
    for (;;) status = client.reply().status;
  } catch (std::runtime_error const&) {
    return status;
  }
}

}  // namespace

TEST_CASE("AHugeHeaderIsRefused") {
  TestServer server;
  RawClient client(server.socket());
  client.send(request_text("GET", "/healthz", {"X-Large: " + std::string(40'000, 'x')}));
  Reply const reply = client.reply();
  CHECK(reply.status == 431);
  CHECK(reply.document()["code"] == "header_too_large");
  CHECK(client.at_end());
  RawClient target(server.socket());
  target.send("GET /" + std::string(40'000, 'x'));
  CHECK(target.reply().status == 431);
  RawClient many(server.socket());
  std::vector<std::string> headers(2000, "X: y");
  headers[0] = "X: " + std::string(12'000, 'y');
  many.send(request_text("GET", "/healthz", headers));
  CHECK(many.reply().status == 431);
  check_serves(server);
}

TEST_CASE("ABodyOverTheRoutesLimitIsRefusedBeforeItIsRead") {
  TestServer server;
  RawClient client(server.socket());
  client.send("POST /v1/agents HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n");
  Reply const reply = client.reply();
  CHECK(reply.status == 413);
  CHECK(reply.document()["code"] == "body_too_large");
  RawClient huge(server.socket());
  huge.send("POST /v1/agents HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18446744073709551615\r\n\r\n");
  CHECK(huge.reply().status == 413);
  RawClient absurd(server.socket());
  absurd.send("POST /v1/agents HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n");
  CHECK(absurd.reply().status == 400);
  RawClient chunked(server.socket());
  chunked.send("POST /v1/agents HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 40; ++i)
    if (!chunked.send("10000\r\n" + std::string(65536, 'x') + "\r\n")) break;
  CHECK(chunked.reply().status == 413);
  CHECK(server.daemon().calls().empty());
  check_serves(server);
}

TEST_CASE("ARefusedClientThatStillSendsGetsTheAnswer") {
  TestServer server;
  for (int round = 0; round < 5; ++round) {
    RawClient client(server.port());
    client.send(request_text("POST", "/v1/messages", {}, std::string(6 << 20, 'x')));  // no token
    CHECK(client.reply().status == 401);
  }
}

TEST_CASE("EachRouteTakesBodiesUpToItsOwnLimit") {
  TestServer server;
  RawClient client(server.socket());
  std::string const escaped = [] {
    std::string text;
    for (int i = 0; i < (1 << 20); ++i) text += "\\u0001";
    return text;
  }();
  CHECK(client.request("POST", "/v1/messages", {}, R"({"to":"a","body":")" + escaped + "\"}").status == 201);
  CHECK(server.daemon().called("send operator a key= reply=0 bytes=1048576"));
  CHECK(client.request("POST", "/v1/attachments?name=f", {}, std::string(32 << 20, 'x')).status == 201);
  CHECK(server.daemon().called("attachment f application/octet-stream 33554432"));
  CHECK(client.request("GET", "/v1/attachments/large").body.size() == 32U << 20);
  RawClient over(server.socket());
  over.send("POST /v1/attachments?name=f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 33554433\r\n\r\n");
  CHECK(over.reply().status == 413);
}

TEST_CASE("ChunkedAndPipelinedRequestsAreReadInOrder") {
  TestServer server;
  RawClient client(server.socket());
  client.send(
      "POST /v1/agents/a/stop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "6;ext=1\r\n{\"reas\r\n8\r\non\":\"x\"}\r\n0\r\nTrailer: x\r\n\r\n"
      "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.reply().status == 200);
  CHECK(client.reply().body == R"({"status":"ok"})");
  CHECK(server.daemon().called(R"(stop a {"reason":"x"})"));
  std::string many;
  for (int i = 0; i < 300; ++i) many += request_text("GET", "/v1/messages/" + std::to_string(i % 2 ? 7 : 9));
  client.send(many);
  for (int i = 0; i < 300; ++i) CHECK(client.reply().status == (i % 2 ? 200 : 404));
}

TEST_CASE("ARequestInSingleBytesIsRead") {
  TestServer server;
  RawClient client(server.port());
  auto headers = as_operator;
  headers.push_back("Transfer-Encoding: chunked");
  std::string const text = request_text("POST", "/v1/agents/a/stop", headers) + "2\r\n{}\r\n0\r\n\r\n";
  for (char c : text) client.send(std::string_view(&c, 1));
  CHECK(client.reply().status == 200);
}

TEST_CASE("ExpectContinueIsAnsweredBeforeTheBody") {
  TestServer server;
  RawClient client(server.socket());
  client.send("POST /v1/agents HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
  CHECK(client.head().status == 100);
  client.send(R"({"cwd":"/"})");
  CHECK(client.reply().status == 201);
}

TEST_CASE("SilentAndSlowClientsAreLetGo") {
  control::Limits limits;
  limits.request_time = 200ms;
  limits.keep_alive_time = 200ms;
  TestServer server(limits);
  RawClient silent(server.socket());
  CHECK(silent.at_end());

  RawClient half(server.socket());
  half.send("GET /healthz HT");
  Reply const late = half.reply();
  CHECK(late.status == 408);
  CHECK(late.document()["code"] == "timeout");
  CHECK(half.at_end());

  RawClient body(server.socket());
  body.send("POST /v1/agents HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  CHECK(body.reply().status == 408);

  RawClient drip(server.socket());  // a byte now and then does not buy more time
  auto const start = std::chrono::steady_clock::now();
  drip.send("GET /healthz HTTP/1.1\r\nX: ");
  while (drip.send("x") && std::chrono::steady_clock::now() - start < 20s) std::this_thread::sleep_for(20ms);
  CHECK(std::chrono::steady_clock::now() - start < 20s);
  CHECK(last_status(drip) == 408);

  RawClient dribble(server.socket());
  auto const began = std::chrono::steady_clock::now();
  dribble.send("POST /v1/agents HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  while (dribble.send("1\r\n{\r\n") && std::chrono::steady_clock::now() - began < 20s)
    std::this_thread::sleep_for(20ms);
  CHECK(std::chrono::steady_clock::now() - began < 20s);
  CHECK(last_status(dribble) == 408);

  RawClient idle(server.socket());
  CHECK(idle.request("GET", "/healthz").status == 200);
  CHECK(idle.at_end());
  CHECK(server.connections_become(0));
}

TEST_CASE("AClientThatDoesNotTakeItsAnswerIsCutOff") {
  control::Limits limits;
  limits.answer_time = 200ms;
  TestServer server(limits);
  RawClient client(server.socket());
  client.send(request_text("GET", "/v1/attachments/large"));
  CHECK(server.connections_become(0));
  check_serves(server);
}

TEST_CASE("ConnectionsAreBoundedOnEachDoorByItself") {
  control::Limits limits;
  limits.connections = 4;
  TestServer server(limits);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->send(request_text("GET", "/v1/messages/8?wait=accepted", as_operator));
  }
  CHECK(server.eventually([&] { return server.daemon().waiting == 4; }));
  RawClient fifth(server.port());
  Reply const reply = fifth.reply();
  CHECK(reply.status == 503);
  CHECK(reply.document()["code"] == "too_many_connections");
  CHECK(fifth.at_end());
  check_serves(server);  // the unix socket is not affected
  clients.pop_back();
  CHECK(server.connections_become(3));
  RawClient next(server.port());
  CHECK(next.request("GET", "/healthz").status == 200);
}

TEST_CASE("AConnectionThatAsksNothingGivesWay") {
  control::Limits limits;
  limits.connections = 4;
  TestServer server(limits);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(std::make_unique<RawClient>(server.socket()));
  CHECK(server.connections_become(4));
  for (int i = 1; i < 4; ++i) CHECK(clients[static_cast<std::size_t>(i)]->request("GET", "/healthz").status == 200);
  clients[1]->send("GET /heal");
  RawClient fifth(server.socket()), sixth(server.socket());
  CHECK(fifth.request("GET", "/healthz").status == 200);
  CHECK(sixth.request("GET", "/healthz").status == 200);
  CHECK(clients[0]->at_end());
  CHECK(clients[1]->at_end());
  CHECK(clients[3]->request("GET", "/healthz").status == 200);
}

TEST_CASE("NoAgentFillsADoor") {
  TestServer server;
  auto const try_door = [&](auto const& door) {
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 256; ++i) {
      clients.push_back(std::make_unique<RawClient>(door));
      clients.back()->send(request_text("GET", "/v1/messages/8?wait=accepted", as_agent_a));
    }
    int const share = static_cast<int>(control::Limits().agent_requests);
    CHECK(server.eventually([&] { return server.daemon().waiting == share; }));
    auto const refused = clients.back()->reply();
    CHECK(refused.status == 503);
    CHECK(refused.document()["detail"].get<std::string>().starts_with("agent a has 32 requests under way"));
    std::vector<std::string> const as_agent_b{"Authorization: Bearer token-of-b"};
    RawClient person(door), other(door), hook(door);
    CHECK(person.request("GET", "/v1/info", as_operator).status == 200);
    CHECK(other.request("GET", "/v1/messages/7", as_agent_b).status == 200);
    CHECK(hook.request("POST", "/v1/hooks/Stop", as_agent_a, "{}").status == 204);
    clients.clear();
    CHECK(server.eventually([&] { return server.daemon().waiting == 0; }));
  };
  try_door(server.agents_socket());
  try_door(server.socket());
  try_door(server.port());
}

TEST_CASE("AgentsThatActTogetherKeepNobodyFromADoor") {
  control::Limits limits;
  limits.connections = 8;  // of which 2 are the operator's
  limits.agent_requests = 3;
  limits.waiting = 4;
  limits.agent_waits = 2;
  TestServer server(limits);
  auto const as = [](char agent) {
    return std::vector<std::string>{std::string("Authorization: Bearer token-of-") + agent};
  };
  std::vector<std::unique_ptr<RawClient>> clients;
  int waiting = 0;
  auto const wait_as = [&](char agent) -> RawClient& {
    clients.push_back(std::make_unique<RawClient>(server.socket()));
    clients.back()->send(request_text("GET", "/v1/messages/8?wait=accepted", as(agent)));
    return *clients.back();
  };
  for (char const agent : {'a', 'b'})
    for (int i = 0; i < 3; ++i) {
      wait_as(agent);
      CHECK(server.eventually([&] { return server.daemon().waiting == waiting + 1; }));
      ++waiting;
    }
  RawClient asks_first(server.socket());
  CHECK(asks_first.request("GET", "/healthz").status == 200);  // as our command line does
  CHECK(server.on_io([&] { return server.daemon().waits_cancelled; }) == 0);
  // Each that has none gets one, of those who have most.
  for (char const agent : {'c', 'd', 'e'}) {
    wait_as(agent);
    CHECK(server.eventually([&] { return server.daemon().waits_cancelled == agent - 'c' + 1; }));
    CHECK(server.eventually([&] { return server.daemon().waiting == 6; }));
  }
  CHECK(clients[2]->at_end());                // the newest of a's, when both had as many
  CHECK(wait_as('c').reply().status == 503);  // it has one already
  RawClient person(server.socket());
  CHECK(person.request("GET", "/v1/info", as_operator).status == 200);
  server.on_io([&] { server.daemon().release_waits(); });
  CHECK(clients[0]->reply().status == 200);
  CHECK(server.eventually([&] { return server.daemon().waiting == 0; }));

  std::vector<std::unique_ptr<RawClient>> hooks;
  auto const ask = [&](char agent) {
    hooks.push_back(std::make_unique<RawClient>(server.socket()));
    hooks.back()->send(request_text("POST", "/v1/hooks/PermissionRequest", as(agent), "{}"));
  };
  int expected = 0;
  for (char const agent : {'a', 'a', 'b', 'b'}) {
    ask(agent);
    ++expected;
    CHECK(server.eventually([&] { return server.daemon().waiting == expected; }));
  }
  ask('c');
  CHECK(hooks[1]->at_end());
  server.on_io([&] { server.daemon().release_waits(); });
  CHECK(hooks.back()->reply().status == 200);
}

TEST_CASE("AFullDoorHasRoomForASmallBody") {
  control::Limits limits;
  limits.held_bytes = 4U << 20;  // 3 MiB of agents
  TestServer server(limits);
  auto const ask = [&](char agent, std::size_t bytes) {
    auto client = std::make_unique<RawClient>(server.agents_socket());
    client->send(request_text("POST", "/v1/hooks/PermissionRequest",
                              {std::string("Authorization: Bearer token-of-") + agent},
                              "{\"input\":\"" + std::string(bytes, 'x') + "\"}"));
    return client;
  };
  auto const first = ask('a', 1'550'000);
  CHECK(server.eventually([&] { return server.daemon().waiting == 1; }));
  auto const second = ask('b', 1'560'000);
  CHECK(server.eventually([&] { return server.daemon().waiting == 2; }));
  CHECK(ask('c', 500'000)->reply().status == 503);  // large ones wait
  auto const third = ask('c', 60'000);
  CHECK(second->at_end());
  CHECK(server.eventually([&] { return server.daemon().waits_cancelled == 1; }));
  CHECK(server.eventually([&] { return server.daemon().waiting == 2; }));
  server.on_io([&] { server.daemon().release_waits(); });
  CHECK(first->reply().status == 200);
  CHECK(third->reply().status == 200);
}

TEST_CASE("HooksThatWaitForAPersonTakeNobodysPlace") {
  control::Limits limits;
  limits.connections = 8;
  TestServer server(limits);
  auto const as_agent_b = std::vector<std::string>{"Authorization: Bearer token-of-b"};
  std::vector<std::unique_ptr<RawClient>> hooks;
  auto const ask = [&](std::vector<std::string> const& who) {
    hooks.push_back(std::make_unique<RawClient>(server.agents_socket()));
    hooks.back()->send(request_text("POST", "/v1/hooks/PermissionRequest", who, "{}"));
  };
  int const most = static_cast<int>(limits.agent_waits);
  for (int i = 1; i <= most; ++i) {
    ask(as_agent_a);
    CHECK(server.eventually([&] { return server.daemon().waiting == i; }));
  }
  ask(as_agent_a);
  CHECK(hooks.back()->reply().status == 503);
  for (int i = 1; i <= most; ++i) {
    ask(as_agent_b);
    CHECK(server.eventually([&] { return server.daemon().waiting == most + i; }));
  }
  RawClient person(server.agents_socket()), agent(server.agents_socket());
  CHECK(person.request("GET", "/v1/info", as_operator).status == 200);
  CHECK(agent.request("GET", "/v1/messages/7", as_agent_a).status == 200);
  server.on_io([&] { server.daemon().release_waits(); });
  CHECK(hooks.front()->reply().status == 200);
}

TEST_CASE("AShareIsGivenBackWithItsAnswer") {
  control::Limits limits;
  limits.agent_requests = 1;
  TestServer server(limits);
  RawClient client(server.agents_socket());
  for (int i = 0; i < 5; ++i) CHECK(client.request("GET", "/v1/messages/7", as_agent_a).status == 200);
  client.send(request_text("GET", "/v1/messages/8?wait=accepted", as_agent_a));
  CHECK(server.eventually([&] { return server.daemon().waiting == 1; }));
  RawClient second(server.agents_socket());
  CHECK(second.request("GET", "/v1/messages/7", as_agent_a).status == 503);
  CHECK(second.request("GET", "/v1/info", as_operator).status == 200);
  server.on_io([&] { server.daemon().release_waits(); });
  CHECK(client.reply().status == 200);
  CHECK(second.request("GET", "/v1/messages/7", as_agent_a).status == 200);
}

TEST_CASE("BytesThatClientsMakeTheServerHoldAreBounded") {
  control::Limits limits;
  limits.held_bytes = 4U << 20;
  TestServer server(limits);
  auto const as_agent_b = std::vector<std::string>{"Authorization: Bearer token-of-b"};
  std::string const large = "{\"input\":\"" + std::string(1'400'000, 'x') + "\"}";
  std::vector<std::unique_ptr<RawClient>> hooks;
  auto const ask = [&](std::vector<std::string> const& who) -> RawClient& {
    hooks.push_back(std::make_unique<RawClient>(server.agents_socket()));
    hooks.back()->send(request_text("POST", "/v1/hooks/PermissionRequest", who, large));
    return *hooks.back();
  };
  ask(as_agent_a);
  CHECK(server.eventually([&] { return server.daemon().waiting == 1; }));
  auto const refused = ask(as_agent_a).reply();
  CHECK(refused.status == 503);
  CHECK(refused.document()["code"] == "too_many_bytes");
  CHECK(refused.document()["detail"].get<std::string>().starts_with("hooks of agent a has"));
  ask(as_agent_b);
  CHECK(server.eventually([&] { return server.daemon().waiting == 2; }));
  RawClient agent(server.agents_socket()), person(server.agents_socket());
  CHECK(agent.request("GET", "/v1/messages/7", as_agent_a).status == 200);
  CHECK(person.request("POST", "/v1/attachments?name=f", as_operator, std::string(1 << 20, 'x')).status == 201);
  CHECK(person.request("GET", "/v1/attachments/large", as_operator).document()["code"] == "too_many_bytes");
  server.on_io([&] { server.daemon().release_waits(); });
  CHECK(hooks.front()->reply().status == 200);
  auto& again = ask(as_agent_a);
  CHECK(server.eventually([&] { return server.daemon().waiting == 1; }));
  server.on_io([&] { server.daemon().release_waits(); });
  CHECK(again.reply().status == 200);
}

TEST_CASE("ClientsThatLeaveAtAnyByteLeaveNothingBehind") {
  TestServer server;
  std::string const whole =
      request_text("POST", "/v1/messages?wait=accepted", {"Idempotency-Key: k"}, R"({"to":"a","body":"x"})");
  for (std::size_t size = 0; size <= whole.size(); size += 3) {
    RawClient client(server.socket());
    client.send(std::string_view(whole).substr(0, size));
    if (size % 2 == 0) client.end_sending();
  }
  CHECK(server.connections_become(0));
  check_serves(server);
}

TEST_CASE("MalformedRequestsAreToldAndClosed") {
  TestServer server;
  for (auto const* text : {
           "\r\n\r\n",
           "GET\r\n\r\n",
           "GET /healthz\r\n\r\n",
           "GET /healthz HTTP/9.9\r\n\r\n",
           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
           "GET http://localhost/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
           "GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n",
           "GET /healthz HTTP/1.1\r\n folded: x\r\n\r\n",
           "GET /hea\001lthz HTTP/1.1\r\nHost: x\r\n\r\n",
           "POST /v1/agents HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
           "POST /v1/agents HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
           "POST /v1/agents HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
           "POST /v1/agents HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
           "POST /v1/agents HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
           "POST /v1/agents HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n{}",
           "POST /v1/agents HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
           "POST /v1/agents HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
       }) {
    CAPTURE(text);
    RawClient client(server.socket());
    client.send(text);
    client.end_sending();
    int const status = last_status(client);
    CHECK((status == 400 || status == 505));
  }
  CHECK(server.connections_become(0));
  CHECK(server.daemon().calls().empty());
  check_serves(server);
}

TEST_CASE("GarbageDoesNotEndOrBlockTheServer") {
  TestServer server;
  std::mt19937 random(20240229);
  auto const pick = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random); };
  std::string const seeds[] = {
      request_text("GET", "/v1/agents?limit=5&cursor=0", as_operator),
      request_text("POST", "/v1/messages", as_operator, R"({"to":"a","body":"x","payload":{"a":[1,2,{"b":null}]}})"),
      request_text("POST", "/v1/hooks/Stop", {"Transfer-Encoding: chunked"}) + "2\r\n{}\r\n0\r\n\r\n",
      request_text("GET", "/v1/events?cursor=latest", {"Accept: text/event-stream"}),
  };
  for (int round = 0; round < 600; ++round) {
    std::string text;
    if (round % 4 == 0) {
      text.resize(pick(3000));
      for (char& c : text) c = static_cast<char>(pick(256));
    } else {
      text = seeds[pick(4)];
      for (std::size_t changes = 1 + pick(6); changes > 0; --changes) {
        auto const at = pick(text.size());
        if (pick(3) == 0)
          text.erase(at, 1 + pick(8));
        else if (pick(2) == 0)
          text.insert(at, std::string(1 + pick(4), static_cast<char>(pick(256))));
        else
          text[at] = static_cast<char>(pick(256));
        if (text.empty()) text = "x";
      }
    }
    if (round % 2 == 0) {
      RawClient client(server.socket());
      client.send(text);
      if (round % 3 != 0) client.end_sending();
    } else {
      RawClient client(server.port());
      client.send(text);
    }
    if (round % 100 == 0) check_serves(server);
  }
  CHECK(server.connections_become(0));
  check_serves(server);
}

TEST_CASE("JsonThatIsDeepOrNotUtf8IsRefused") {
  TestServer server;
  RawClient client(server.socket());
  std::string const deep = R"({"a":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  CHECK(client.request("POST", "/v1/agents", {}, deep).status == 400);
  CHECK(client.request("POST", "/v1/agents", {}, "{\"a\":\"\xff\"}").status == 400);
  check_serves(server);
}

TEST_CASE("WhatIsDearIsAskedForSoOftenByEach") {
  control::Limits limits;
  limits.searches = limits.redeliveries = limits.snapshots = limits.restores = limits.new_tickets = {2};
  TestServer server(limits);
  struct Row {
    char const *method, *path, *body;
  };
  for (auto const& row : {Row{"GET", "/v1/search?q=x", ""},
                          {"POST", "/v1/snapshots", "{}"},
                          {"POST", "/v1/snapshots/restore", R"({"snapshotId":"snp_1"})"},
                          {"POST", "/v1/events/ticket", "{}"},
                          {"POST", "/v1/webhooks/whk_1/deliveries/msg_1/redeliver", "{}"}}) {
    CAPTURE(row.path);
    auto const say = [&](std::vector<std::string> const& who, char const* body) {
      RawClient client(server.port());  // one whose body is refused unread loses its connection
      return client.request(row.method, row.path, who, body);
    };
    auto const ask = [&](std::vector<std::string> const& who) { return say(who, row.body); };
    for (int i = 0; i < 2; ++i) CHECK(ask(as_operator).status < 300);
    if (*row.body) CHECK(say(as_operator, R"({"wrong":1})").status == 429);
    auto const refused = ask(as_operator);
    CHECK(refused.status == 429);
    CHECK(refused.document()["code"] == "too_many_requests");
    auto const wait = std::stoi(refused.headers.at("retry-after"));
    CHECK(wait >= 1);
    CHECK(wait <= 60);
    CHECK(ask(as_agent_a).status != 429);  // another's
  }
  check_serves(server);
}

TEST_CASE("ARequestThatIsWrongDoesNotCount") {
  control::Limits limits;
  limits.snapshots = {2};
  TestServer server(limits);
  RawClient client(server.socket());
  for (int i = 0; i < 5; ++i) CHECK(client.request("POST", "/v1/snapshots", {}, R"({"wrong":1})").status == 400);
  for (auto const status : {201, 201, 429}) CHECK(client.request("POST", "/v1/snapshots", {}, "{}").status == status);
}

TEST_CASE("WhoTriesWrongTokensIsToldToWaitAndAGoodOneIsGoodAllTheSame") {
  control::Limits limits;
  limits.wrong_tokens = {3};
  TestServer server(limits);
  RawClient client(server.port());
  auto const ask = [&](std::string const& token) {
    return client.request("GET", "/v1/agents", {"Authorization: Bearer " + token});
  };
  for (int i = 0; i < 3; ++i) CHECK(ask("wrong").status == 401);
  auto const refused = ask("wrong");
  CHECK(refused.status == 429);
  CHECK(refused.headers.contains("retry-after"));
  CHECK(ask("operator-token").status == 200);
  CHECK(client.request("GET", "/v1/agents").status == 401);  // none is not a wrong one
  RawClient local(server.socket());
  CHECK(local.request("GET", "/v1/agents", {"Authorization: Bearer wrong"}).status == 401);  // another door
}
