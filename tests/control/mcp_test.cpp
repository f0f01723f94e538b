// The Model Context Protocol over a real control server: framing, each revision's way to begin, every tool, and who may
// use which.
#include "control/mcp/tools.hpp"
#include "control/test_server.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace ar;
using namespace ar::test;
using std::chrono::milliseconds;

namespace {

Principal const kOperator{Principal::Kind::operator_};
Principal const kAgentA{Principal::Kind::agent, "a"};
std::string const kBoth = "Accept: application/json, text/event-stream";

std::string message(std::string const& method, json params = json::object(), json id = 1) {
  return json{{"jsonrpc", "2.0"}, {"id", std::move(id)}, {"method", method}, {"params", std::move(params)}}.dump();
}
std::string call(std::string const& tool, json arguments = json::object()) {
  return message("tools/call", {{"name", tool}, {"arguments", std::move(arguments)}});
}
/// As the stateless revision has it.
std::string stateless(std::string const& method, json params = json::object(),
                      std::string const& revision = "2026-07-28") {
  params["_meta"]["io.modelcontextprotocol/protocolVersion"] = revision;
  params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json::object();
  return message(method, std::move(params));
}
std::vector<std::string> stateless_headers(std::string const& method, std::vector<std::string> more = {}) {
  more.push_back("MCP-Protocol-Version: 2026-07-28");
  more.push_back("Mcp-Method: " + method);
  return more;
}

struct Client {
  TestServer& server;
  std::vector<std::string> who = as_operator;
  Reply post(std::string const& body, std::vector<std::string> headers = {}) const {
    headers.insert(headers.end(), who.begin(), who.end());
    return RawClient(server.port()).request("POST", "/mcp", headers, body);
  }
  json result(std::string const& body) const {
    auto const reply = post(body);
    CHECK_MESSAGE(reply.status == 200, reply.body);
    return reply.document().value("result", json());
  }
  std::string text(std::string const& body) const { return result(body)["content"][0]["text"].get<std::string>(); }
  std::set<std::string> tools() const {
    std::set<std::string> names;
    auto const list = result(message("tools/list"));
    for (auto const& tool : list["tools"]) names.insert(tool["name"].get<std::string>());
    return names;
  }
};

int code_of(Reply const& reply) { return reply.document()["error"]["code"].get<int>(); }

}  // namespace

TEST_CASE("McpBeginsAsEachRevisionHasIt") {
  TestServer server;
  Client const client{server};
  for (auto const& [asked, answered] : {std::pair{"2025-06-18", "2025-06-18"},
                                        {"2025-11-25", "2025-11-25"},
                                        {"2026-07-28", "2025-11-25"},  // it has no initialize
                                        {"2024-11-05", "2025-11-25"}}) {
    auto const begun = client.result(message("initialize", {{"protocolVersion", asked},
                                                            {"capabilities", json::object()},
                                                            {"clientInfo", {{"name", "t"}, {"version", "1"}}}}));
    CHECK(begun["protocolVersion"] == answered);
    CHECK(begun["capabilities"] == json{{"tools", json::object()}});
    CHECK(begun["serverInfo"]["name"] == "agent-runner");
  }
  CHECK(client.post(R"({"jsonrpc":"2.0","method":"notifications/initialized"})").status == 202);
  CHECK(client.result(message("ping")) == json::object());
  CHECK(code_of(client.post(message("server/discover"))) == -32601);

  auto const found = client.post(stateless("server/discover"), stateless_headers("server/discover"));
  CHECK(found.status == 200);
  auto const discovered = found.document()["result"];
  CHECK(discovered["supportedVersions"] == json{"2026-07-28", "2025-11-25", "2025-06-18"});
  CHECK(discovered["resultType"] == "complete");
  CHECK(discovered["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "agent-runner");
  auto const listed = client.post(stateless("tools/list"), stateless_headers("tools/list")).document()["result"];
  CHECK(listed["cacheScope"] == "private");
  CHECK(listed["ttlMs"].is_number_integer());
  CHECK(listed["tools"].size() == control::mcp::tools().size());
  for (auto const* gone : {"initialize", "ping", "subscriptions/listen"}) {
    auto const refused = client.post(stateless(gone), stateless_headers(gone));
    CHECK(refused.status == 404);
    CHECK(code_of(refused) == -32601);
  }
}

TEST_CASE("WhatIsNoMessageIsToldSo") {
  TestServer server;
  Client const client{server};
  struct Case {
    std::string body;
    int status, code;
  };
  for (auto const& [body, status, code] : {Case{"", 400, -32700},
                                           {"{\"jsonrpc\":", 400, -32700},
                                           {"\xff\xfe", 400, -32700},
                                           {std::string(200, '['), 400, -32700},
                                           {"[" + message("ping") + "]", 400, -32600},
                                           {R"({"jsonrpc":"1.0","id":1,"method":"ping"})", 400, -32600},
                                           {R"({"id":1,"method":"ping"})", 400, -32600},
                                           {R"({"jsonrpc":"2.0","id":null,"method":"ping"})", 400, -32600},
                                           {R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})", 400, -32600},
                                           {R"({"jsonrpc":"2.0","id":1,"id":2,"method":"ping"})", 400, -32600},
                                           {R"({"jsonrpc":"2.0","id":1,"method":7})", 400, -32600},
                                           {R"({"jsonrpc":"2.0","id":1})", 400, -32600},
                                           {R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[]})", 400, -32602},
                                           {message("tools/call"), 200, -32602},
                                           {message("tools/call", {{"name", 7}}), 200, -32602},
                                           {call("no_such_tool"), 200, -32602},
                                           {call("react", json::array()), 200, -32602},
                                           {message("tools/list", {{"cursor", "x"}}), 200, -32602},
                                           {message("resources/list"), 200, -32601}}) {
    CAPTURE(body);
    auto const reply = client.post(body);
    CHECK(reply.status == status);
    CHECK(code_of(reply) == code);
    CHECK_FALSE(reply.document()["error"]["message"].get<std::string>().empty());
  }
  CHECK(client.post(R"({"jsonrpc":"2.0","id":"x y","method":"none"})").document()["id"] == "x y");
  CHECK(client.post(R"({"jsonrpc":"2.0","id":3,"result":{}})").status == 202);  // nothing was asked
  CHECK(RawClient(server.port()).request("GET", "/mcp", as_operator).status == 405);
  CHECK(RawClient(server.port()).request("DELETE", "/mcp", as_operator).status == 405);
}

TEST_CASE("TheHeadersMustSayWhatTheMessageSays") {
  TestServer server;
  Client const client{server};
  auto const reply = [&](std::string const& body, std::vector<std::string> const& headers) {
    auto const answer = client.post(body, headers);
    return std::pair(answer.status, answer.document().contains("error") ? code_of(answer) : 0);
  };
  auto const list = stateless("tools/list");
  auto const tool = stateless("tools/call", {{"name", "list_agents"}});
  CHECK(reply(list, stateless_headers("tools/list")) == std::pair(200, 0));
  CHECK(reply(list, {}) == std::pair(400, -32020));
  CHECK(reply(list, {"MCP-Protocol-Version: 2026-07-28"}) == std::pair(400, -32020));
  CHECK(reply(list, {"MCP-Protocol-Version: 2025-11-25", "Mcp-Method: tools/list"}) == std::pair(400, -32020));
  CHECK(reply(list, stateless_headers("tools/call")) == std::pair(400, -32020));
  CHECK(reply(tool, stateless_headers("tools/call")) == std::pair(400, -32020));
  CHECK(reply(tool, stateless_headers("tools/call", {"Mcp-Name: inbox"})) == std::pair(400, -32020));
  CHECK(reply(tool, stateless_headers("tools/call", {"Mcp-Name: list_agents"})) == std::pair(200, 0));
  CHECK(reply(tool, stateless_headers("tools/call", {"Mcp-Name: =?base64?bGlzdF9hZ2VudHM=?="})) == std::pair(200, 0));
  auto const of_1999 = stateless("tools/list", {}, "1999-01-01");
  CHECK(reply(of_1999, {"MCP-Protocol-Version: 1999-01-01", "Mcp-Method: tools/list"}) == std::pair(400, -32022));
  CHECK(reply(message("tools/list"), {"MCP-Protocol-Version: 1999-01-01"}) == std::pair(400, -32022));
  CHECK(reply(message("tools/list"), {"MCP-Protocol-Version: 2025-06-18"}) == std::pair(200, 0));
  // The header alone: what each request must say of itself is missing.
  CHECK(reply(message("tools/list"), stateless_headers("tools/list")) == std::pair(400, -32602));
  auto without = json::parse(list);
  without["params"]["_meta"].erase("io.modelcontextprotocol/clientCapabilities");
  CHECK(reply(without.dump(), stateless_headers("tools/list")) == std::pair(400, -32602));
  CHECK(client.post(of_1999, {"MCP-Protocol-Version: 1999-01-01"}).document()["error"]["data"]["supported"].size() ==
        3);
}

TEST_CASE("EveryToolIsARequestOfItsRoute") {
  TestServer server;
  Client const client{server};
  struct Case {
    char const* tool;
    json arguments;
    char const* asked;  ///< of the daemon
  };
  Case const cases[] = {
      {"list_agents", {{"limit", 5}, {"status", "idle"}}, "agents idle - 0 0 5"},
      {"list_agents", {{"status", ""}, {"user", nullptr}}, "agents - - 0 0 100"},
      {"get_agent", {{"agent", "a"}}, "agent a"},
      {"spawn_agent", {{"cwd", "/"}, {"id", "new"}}, "spawn "},
      {"send_message", {{"to", "a"}, {"body", "hello"}}, "send operator a key= reply=0 bytes=5"},
      {"wait_message", {{"message", 7}}, "wait operator 7 done 5000"},
      {"wait_message", {{"message", 7}, {"wait", "none"}}, "message operator 7"},
      {"inbox", json::object(), "inbox operator"},
      {"inbox", {{"agent", "a"}}, "inbox a"},
      {"reply", {{"message", 7}, {"body", "yes"}}, "send operator b key= reply=7 bytes=3"},
      {"react", {{"message", 7}, {"word", "ok"}}, "react operator 7 ok"},
      {"read_screen", {{"agent", "a"}}, "screen a"},
      {"read_turns", {{"agent", "a"}, {"limit", 2}}, "turns a - - 0 0 2"},
      {"read_transcript", {{"agent", "a"}, {"cursor", 9}}, "transcript a - - 0 9 100"},
      {"search", {{"q", "two words"}, {"limit", 3}}, "search operator two words - 0 0 3"},
      {"interrupt", {{"agent", "a"}, {"reason", "wrong way"}}, R"(interrupt a {"reason":"wrong way"})"},
      {"stop", {{"agent", "a"}}, "stop a {}"},
      {"restart", {{"agent", "a"}}, "restart a {}"},
      {"list_approvals", {{"status", "pending"}}, "approvals pending - 0 100"},
      {"decide_approval", {{"approval", 1}, {"decision", "approve"}}, "decide 1 approve http"},
      {"memory_get", {{"scope", "shared"}, {"id", "team"}, {"key", "k"}}, "memory-entry shared/team/k"},
      {"memory_set",
       {{"scope", "shared"}, {"id", "team"}, {"key", "a/b c"}, {"value", {{"x", 1}}}},
       R"(put-memory shared/team/a/b c {"x":1})"},
      {"memory_list", {{"scope", "shared"}, {"id", "team"}, {"prefix", "k"}}, "memory shared team k  100"},
      {"schedule", {{"cron", "@daily"}, {"message", {{"to", "a"}, {"body", "x"}}}}, "add-schedule operator @daily"},
  };
  std::set<std::string> called;
  for (auto const& [tool, arguments, asked] : cases) {
    CAPTURE(tool);
    called.insert(tool);
    auto const result = client.result(call(tool, arguments));
    CHECK_MESSAGE(result["isError"] == false, result.dump());
    auto const calls = server.daemon().calls();
    bool const there = std::ranges::any_of(calls, [&](auto const& line) { return line.starts_with(asked); });
    CHECK_MESSAGE(there, asked, " and not ", calls.back());
  }
  CHECK(called == client.tools());
}

TEST_CASE("AToolSaysWhatIsWrongAndWhatToDo") {
  TestServer server;
  Client const client{server};
  struct Case {
    char const* tool;
    json arguments;
    char const* says;
  };
  Case const cases[] = {
      {"get_agent", json::object(), "agent is missing"},
      {"get_agent", {{"agent", "nobody"}}, "(no_such_agent"},
      {"get_agent", {{"agent", "../v1/info"}}, "an agent's id has 1 to 64 letters"},
      {"get_agent", {{"agent", {1}}}, "agent is a name or a number, not [1]"},
      {"get_agent", {{"agnet", "a"}}, "get_agent has no argument agnet; did you mean \"agent\"?"},
      {"list_agents", {{"limit", 0}}, "limit must be a whole number from 1 to 1000"},
      {"list_agents", {{"status", json::object()}}, "status is a text or a number"},
      {"search", json::object(), "q is missing"},
      {"send_message", {{"to", "a"}}, "body is missing"},
      {"send_message", {{"to", "a"}, {"body", 7}}, "body must be a string"},
      {"send_message", {{"to", "a"}, {"body", "x"}, {"wait", "soon"}}, "wait is none, accepted or done"},
      {"send_message", {{"to", "a"}, {"body", "x"}, {"wait", "done"}, {"timeoutMs", 0}}, "timeoutMs is a whole number"},
      {"send_message", {{"to", "a"}, {"body", "x"}, {"idempotencyKey", "k"}}, "has no argument idempotencyKey"},
      {"wait_message", {{"message", "x"}}, "a message is named by its number"},
      {"wait_message", {{"message", 99}}, "no message 99"},
      {"wait_message", {{"message", 7}, {"store", "another"}}, "(bus_changed"},
      {"memory_get", {{"key", "k"}}, "scope is missing"},
      {"memory_get", {{"scope", "none"}, {"id", "x"}, {"key", "k"}}, "a scope of the memory is agent, user or shared"},
      {"decide_approval", {{"approval", 2}, {"decision", "approve"}}, "(already_decided"},
  };
  for (auto const& [tool, arguments, says] : cases) {
    CAPTURE(tool);
    auto const result = client.result(call(tool, arguments));
    CHECK(result["isError"] == true);
    auto const text = result["content"][0]["text"].get<std::string>();
    CHECK_MESSAGE(text.find(says) != std::string::npos, text);
  }
  auto const huge = client.result(call("react", {{"message", 7}, {"word", std::string(2U << 20, 'x')}}));
  CHECK(huge["content"][0]["text"].get<std::string>().find("(body_too_large") != std::string::npos);
  CHECK(client.post(call("react", {{"message", 7}, {"word", std::string(9U << 20, 'x')}})).status == 413);
}

TEST_CASE("AnAgentHasTheToolsOfItsToken") {
  TestServer server;
  Client const agent{server, as_agent_a};
  auto const seen = agent.tools();
  auto all = Client{server}.tools();
  for (auto const* not_its : {"restart", "list_approvals", "decide_approval"}) {
    CHECK(all.erase(not_its) == 1);
    auto const refused = agent.post(call(not_its, {{"agent", "a-1"}, {"approval", 1}, {"decision", "approve"}}));
    CHECK(code_of(refused) == -32602);
  }
  CHECK(seen == all);
  // Itself where nobody is named.
  CHECK(agent.result(call("inbox"))["isError"] == false);
  CHECK(server.daemon().called("inbox a"));
  CHECK(agent.result(call("read_turns"))["isError"] == false);
  CHECK(agent.result(call("memory_set", {{"key", "k"}, {"value", 1}}))["isError"] == false);
  CHECK(server.daemon().called("put-memory agent/a/k 1"));
  CHECK(agent.text(call("memory_get", {{"scope", "shared"}, {"key", "k"}})).find("id is missing") != std::string::npos);
  // And not what is others'.
  struct Case {
    char const* tool;
    json arguments;
    char const* code;
  };
  for (auto const& [tool, arguments, code] :
       {Case{"get_agent", {{"agent", "b"}}, "not_your_agent"}, Case{"read_screen", {{"agent", "b"}}, "not_your_agent"},
        Case{"inbox", {{"agent", "a-1"}}, "not_your_agent"}, Case{"stop", {{"agent", "a"}}, "not_your_agent"},
        Case{"interrupt", {{"agent", "b"}}, "not_your_agent"},
        Case{"memory_set", {{"scope", "user"}, {"id", "a"}, {"key", "k"}, {"value", 1}}, "not_your_memory"},
        Case{"memory_list", {{"scope", "agent"}, {"id", "b"}}, "not_your_memory"}}) {
    CAPTURE(tool);
    auto const text = agent.text(call(tool, arguments));
    CHECK_MESSAGE(text.find(code) != std::string::npos, text);
  }
  CHECK(agent.result(call("stop", {{"agent", "a-1"}}))["isError"] == false);
}

TEST_CASE("WhoMayNotReachTheServerHasNoTools") {
  TestServer server;
  auto const status = [&](std::vector<std::string> const& headers) {
    return RawClient(server.port()).request("POST", "/mcp", headers, message("ping")).status;
  };
  CHECK(status({}) == 401);
  CHECK(status({"Authorization: Bearer wrong"}) == 401);
  CHECK(status({as_operator[0], "Origin: http://evil.example"}) == 403);
  CHECK(status({as_operator[0], "Origin: http://localhost:" + std::to_string(server.port())}) == 200);
  CHECK(RawClient(server.socket()).request("POST", "/mcp", {}, message("ping")).status == 200);
  CHECK(RawClient(server.agents_socket()).request("POST", "/mcp", {}, message("ping")).status == 401);
}

TEST_CASE("AWaitByAToolTellsHowItGoes") {
  control::Limits limits;
  limits.mcp_progress = milliseconds(20);
  TestServer server(limits);
  RawClient client(server.port());
  auto body = json::parse(call("send_message", {{"to", "a"}, {"body", "never"}, {"wait", "done"}, {"timeoutMs", 100}}));
  body["params"]["_meta"]["progressToken"] = "p";
  auto const headers = std::vector<std::string>{as_operator[0], kBoth, "Idempotency-Key: k1"};
  client.send(request_text("POST", "/mcp", headers, body.dump()));
  CHECK(client.head().headers.at("content-type") == "text/event-stream");
  EventReader events(client);
  double progress = 0;
  json last;
  while (auto const event = events.event()) {
    last = json::parse(event->data);
    if (!last.contains("method")) break;
    CHECK(last["params"]["progressToken"] == "p");
    CHECK(last["params"]["total"] == 0.1);
    CHECK(last["params"]["progress"].get<double>() > progress);
    CHECK(last["params"]["message"] == "no agent has it yet");
    progress = last["params"]["progress"].get<double>();
  }
  CHECK(progress > 0);
  CHECK(last["id"] == 1);
  CHECK(last["result"]["isError"] == true);
  auto const text = last["result"]["content"][0]["text"].get<std::string>();
  CHECK_MESSAGE(text.starts_with("message 8 was sent, but: message 8 was not done within 100 ms"), text);
  CHECK(server.daemon().called("send operator a key=k1 reply=0 bytes=5"));
  // Without a stream as well.
  auto const plain = Client{server}.text(call("wait_message", {{"message", 8}, {"timeoutMs", 30}}));
  CHECK(plain.starts_with("message 8 was not done within 30 ms"));
}

TEST_CASE("AWaitByAToolEndsWithItsMessage") {
  TestServer server;
  RawClient client(server.port());
  client.send(request_text("POST", "/mcp", {as_agent_a[0], kBoth}, call("wait_message", {{"message", 8}})));
  CHECK(client.head().status == 200);
  CHECK(server.eventually([&] { return server.daemon().waiting == 1; }));
  server.on_io([&] { server.daemon().release_waits(); });
  EventReader events(client);
  auto const answer = json::parse(events.event().value().data);
  CHECK(answer["result"]["structuredContent"]["id"] == 8);
  CHECK_FALSE(events.event().has_value());
}

TEST_CASE("AClientThatHangsUpEndsItsToolsWait") {
  TestServer server;
  for (auto const& accept : {kBoth, std::string("Accept: application/json")}) {
    auto const before = server.on_io([&] { return server.daemon().waits_cancelled; });
    {
      RawClient client(server.port());
      client.send(request_text("POST", "/mcp", {as_operator[0], accept}, call("wait_message", {{"message", 8}})));
      CHECK(server.eventually([&] { return server.daemon().waiting == 1; }));
    }
    CHECK(server.eventually([&] { return server.daemon().waits_cancelled == before + 1; }));
  }
  CHECK(server.connections_become(0));
}

TEST_CASE("AWaitGoesOnAtTheNextDaemonForWhoHasGivenAKey") {
  for (bool const key : {true, false}) {
    TestServer server;
    RawClient client(server.port());
    std::vector<std::string> headers{as_operator[0], kBoth};
    if (key) headers.push_back("Idempotency-Key: k");
    client.send(request_text("POST", "/mcp", headers, call("wait_message", {{"message", 8}})));
    CHECK(client.head().status == 200);
    CHECK(server.eventually([&] { return server.daemon().waiting == 1; }));
    server.stop();
    if (key) {
      CHECK(client.at_end());  // without the last chunk: it is not whole
      continue;
    }
    EventReader events(client);
    auto const answer = json::parse(events.event().value().data);
    CHECK(answer["result"]["isError"] == true);
  }
}

TEST_CASE("EachToolHasItsRouteAndNoFieldTwice") {
  for (auto const& tool : control::mcp::tools()) {
    CAPTURE(tool.name);
    auto const& all = control::routes();
    auto const route = std::ranges::find(all, tool.route, &control::Route::name);
    REQUIRE(route != all.end());
    std::vector<std::string_view> names;
    for (auto const& field : route->query) names.push_back(field.name);
    if (route->request)
      for (auto const& field : route->request->fields) names.push_back(field.name);
    for (auto at = route->pattern.find('{'); at != std::string_view::npos; at = route->pattern.find('{', at + 1))
      names.push_back(route->pattern.substr(at + 1, route->pattern.find('}', at) - at - 1));
    CHECK(std::set<std::string_view>(names.begin(), names.end()).size() == names.size());
    if (!tool.waits.empty()) {
      CHECK(std::ranges::find(route->query, "wait", &control::Field::name) != route->query.end());
      CHECK(std::ranges::find(route->query, "timeoutMs", &control::Field::name) != route->query.end());
    }
    CHECK(route->answer != nullptr);
    auto const document = control::mcp::document_of(tool, kOperator);
    CHECK(document["inputSchema"]["type"] == "object");
    CHECK(document.dump().find("$ref") == std::string::npos);
  }
  auto const required = [](char const* name, Principal const& who) {
    return control::mcp::document_of(*control::mcp::find_tool(name, who), who)["inputSchema"].value("required",
                                                                                                    json::array());
  };
  CHECK(required("memory_get", kOperator) == json{"scope", "id", "key"});
  CHECK(required("memory_get", kAgentA) == json{"key"});
  CHECK(required("inbox", kAgentA).empty());
  CHECK(required("stop", kAgentA) == json{"agent"});
  CHECK(control::mcp::tool_list(kAgentA).dump().size() < 18'000);  // each agent's model reads it
}
