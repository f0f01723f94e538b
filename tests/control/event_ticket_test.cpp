// Tickets at the control server's doors.
#include "control/raw_websocket.hpp"
#include "control/test_server.hpp"
#include "support/log_lines.hpp"

#include <doctest/doctest.h>
#include <spdlog/spdlog.h>

using namespace ar;
using namespace ar::test;
using namespace std::chrono_literals;

namespace {

using Headers = std::vector<std::string>;

std::string ticket(TestServer& server, Headers const& who, std::string const& body = "{}") {
  RawClient client(server.port());
  auto const reply = client.request("POST", "/v1/events/ticket", who, body);
  REQUIRE(reply.status == 201);
  return reply.document()["ticket"].get<std::string>();
}

/// The status and, of a refusal, its code; of a door that asks for a token.
std::string opened(TestServer& server, std::string const& target, Headers const& headers = {}) {
  RawClient client(server.port());
  auto const reply = RawWebSocket(client).open(target, headers);
  return std::to_string(reply.status) + (reply.status == 101 ? "" : " " + reply.document()["code"].get<std::string>());
}

}  // namespace

TEST_CASE("ATicketOpensOneStreamWithoutAToken") {
  TestServer server;
  server.append(1, "a");
  CHECK(opened(server, "/v1/events") == "401 token_required");
  auto const first = ticket(server, as_operator);
  CHECK(opened(server, "/v1/events?ticket=" + first) == "101");
  CHECK(opened(server, "/v1/events?ticket=" + first) == "401 bad_ticket");
  RawClient client(server.port());
  auto const target = "/v1/events?cursor=0&ticket=" + ticket(server, as_operator);
  client.send(request_text("GET", target, {"Accept: text/event-stream"}));
  REQUIRE(client.head().status == 200);
  EventReader reader(client);
  CHECK(reader.event()->id == 1);
}

TEST_CASE("ATicketReachesWhatWhoAskedMayReach") {
  TestServer server;
  server.append(1, "a");
  auto const of_a = [&] { return "?ticket=" + ticket(server, as_agent_a); };
  CHECK(opened(server, "/v1/agents/a/events" + of_a()) == "101");
  CHECK(opened(server, "/v1/agents/b/events" + of_a()) == "403 not_your_agent");
  CHECK(opened(server, "/v1/events" + of_a()) == "403 operator_only");
  auto const for_b = [&] { return "?ticket=" + ticket(server, as_operator, R"({"agent":"b"})"); };
  CHECK(opened(server, "/v1/agents/b/events" + for_b()) == "101");
  CHECK(opened(server, "/v1/sessions/b/events" + for_b()) == "101");
  CHECK(opened(server, "/v1/sessions/a/events" + for_b()) == "403 not_your_agent");
  CHECK(opened(server, "/v1/agents/a/events" + for_b()) == "403 not_your_agent");
  CHECK(opened(server, "/v1/events" + for_b()) == "403 operator_only");
  RawClient client(server.port());
  auto const refused = client.request("POST", "/v1/events/ticket", as_agent_a, R"({"agent":"b"})");
  CHECK(refused.status == 403);
  CHECK(refused.document()["field"] == "agent");
}

TEST_CASE("OnlyStreamsOfEventsTakeATicketAndARefusalDoesNotUseItUp") {
  TestServer server;
  auto const query = "?ticket=" + ticket(server, as_operator);
  RawClient tcp(server.port()), local(server.socket());
  CHECK(tcp.request("GET", "/v1/events" + query).status == 401);
  auto const page = local.request("GET", "/v1/events" + query);
  CHECK(page.status == 400);
  CHECK(page.document()["field"] == "ticket");
  CHECK(tcp.request("GET", "/v1/agents" + query).status == 401);
  auto const elsewhere = local.request("GET", "/v1/agents" + query);
  CHECK(elsewhere.status == 400);
  CHECK(elsewhere.document()["field"] == "ticket");
  CHECK(opened(server, "/v1/events" + query, as_operator) == "400 invalid_argument");
  auto const origin = "Origin: http://127.0.0.1:";
  CHECK(opened(server, "/v1/events" + query, {"Origin: http://evil.example"}) == "403 bad_origin");
  CHECK(opened(server, "/v1/events" + query, {"Origin: null"}) == "403 bad_origin");
  CHECK(opened(server, "/v1/events" + query, {"Host: evil.example"}) == "403 bad_host");
  CHECK(opened(server, "/v1/events" + query, {origin + std::to_string(server.port())}) == "101");
}

TEST_CASE("ATicketExpiresAndTooManyAreRefusedUntilThen") {
  control::Limits limits;
  limits.tickets = 1;
  limits.ticket_time = 300ms;
  TestServer server(limits);
  RawClient client(server.port());
  auto const old = ticket(server, as_operator);
  auto const refused = client.request("POST", "/v1/events/ticket", as_operator, "{}");
  if (refused.status == 429) {  // else the machine has slept for that long
    CHECK(refused.headers.at("retry-after") == "1");
    CHECK(refused.document()["code"] == "too_many_tickets");
  }
  CHECK(client.request("POST", "/v1/events/ticket", as_agent_a, "{}").status == 201);
  CHECK(server.eventually([end = Clock::now() + 300ms] { return Clock::now() >= end; }));
  CHECK(opened(server, "/v1/events?ticket=" + old) == "401 bad_ticket");
  CHECK(client.request("POST", "/v1/events/ticket", as_operator, "{}").status == 201);
}

TEST_CASE("NoTicketIsInTheLog") {
  LogLines log;
  auto const level = spdlog::get_level();
  spdlog::set_level(spdlog::level::trace);
  std::string issued;
  {
    TestServer server;
    issued = ticket(server, as_operator);
    CHECK(opened(server, "/v1/events?ticket=" + issued) == "101");
    CHECK(opened(server, "/v1/events?ticket=" + issued) == "401 bad_ticket");
  }
  spdlog::set_level(level);
  CHECK(log.count("with a bad token was refused: GET /v1/events") == 1);
  CHECK(log.count(issued) == 0);
}
