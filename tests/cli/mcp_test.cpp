// agent-runner mcp: lines to the daemon and back, also when the daemon ends in the midst.
#include "cli/cli_process.hpp"
#include "cli/fake_daemon.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>

using namespace ar;
using namespace ar::test;

namespace {

std::vector<json> lines_of(std::string const& text) {
  std::vector<json> lines;
  for (std::size_t at = 0; at < text.size();) {
    auto const end = text.find('\n', at);
    lines.push_back(json::parse(text.substr(at, end - at)));
    at = end + 1;
  }
  return lines;
}

json answer(json const& id) { return {{"jsonrpc", "2.0"}, {"id", id}, {"result", {{"of", id}}}}; }

struct Pipe {
  CliHome home;
  FakeDaemon daemon;
  explicit Pipe(FakeDaemon::Handler mcp)
      : daemon(home.socket(), [mcp = std::move(mcp)](FakeRequest const& request) {
          return request.path == "/mcp" ? mcp(request) : FakeReply(json{{"status", "ok"}});
        }) {}
  std::vector<json> talk(std::string const& input) {
    CliProcess process(home.program, {"--state-dir", home.state().string(), "mcp"}, home.environment(), home.dir());
    auto const ran = process.finish(input);
    CHECK(ran.status == 0);
    return lines_of(ran.out);
  }
};

}  // namespace

TEST_CASE("EachLineIsAMessageAndEachMessageALine") {
  Pipe pipe([](FakeRequest const& request) -> FakeReply {
    auto const message = request.object();
    FakeReply nothing;
    nothing.status = 202;
    nothing.body.clear();
    if (!message.contains("id")) return nothing;
    if (message["id"] != "waits") return answer(message["id"]);
    FakeReply reply;
    reply.stream = [](FakeStream& stream) {
      stream.write(": waiting\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n");
      stream.write("data: " + answer("waits").dump() + "\n\n");
    };
    return reply;
  });
  auto const said = pipe.talk(
      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\r\n\n"
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n"
      "{\"jsonrpc\":\"2.0\",\"id\":\"waits\",\"method\":\"tools/call\"}");
  REQUIRE(said.size() == 3);
  CHECK(std::ranges::count(said, answer(1)) == 1);
  auto const progress = std::ranges::find_if(said, [](json const& one) { return one.contains("method"); });
  REQUIRE(progress != said.end());
  CHECK(std::find(progress, said.end(), answer("waits")) != said.end());
  auto const asked = pipe.daemon.requests();
  CHECK(std::ranges::count(asked, "/mcp", &FakeRequest::path) == 3);
  auto const last = pipe.daemon.last("/mcp");
  CHECK(last.headers.at("accept") == "application/json, text/event-stream");
  CHECK_FALSE(last.headers.at("idempotency-key").empty());
  CHECK_FALSE(last.headers.contains("mcp-method"));
}

TEST_CASE("AStatelessMessageIsToldInTheHeadersAsWell") {
  Pipe pipe([](FakeRequest const& request) -> FakeReply { return answer(request.object()["id"]); });
  json const meta = {{"io.modelcontextprotocol/protocolVersion", "2026-07-28"}};
  json message = {
      {"jsonrpc", "2.0"}, {"id", 1}, {"method", "tools/call"}, {"params", {{"name", "inbox"}, {"_meta", meta}}}};
  CHECK(pipe.talk(message.dump() + "\n").size() == 1);
  auto headers = pipe.daemon.last("/mcp").headers;
  CHECK(headers.at("mcp-protocol-version") == "2026-07-28");
  CHECK(headers.at("mcp-method") == "tools/call");
  CHECK(headers.at("mcp-name") == "inbox");
  message["params"]["name"] = "a\r\nX: y";
  CHECK(pipe.talk(message.dump() + "\n").size() == 1);
  headers = pipe.daemon.last("/mcp").headers;
  CHECK(headers.at("mcp-name") == "=?base64?YQ0KWDogeQ==?=");
  CHECK_FALSE(headers.contains("x"));
}

TEST_CASE("WhatTheDaemonEndedInTheMidstOfIsAskedAgainUnderTheSameKey") {
  std::atomic<int> asked = 0;
  Pipe pipe([&](FakeRequest const& request) -> FakeReply {
    FakeReply reply;
    switch (++asked) {
      case 1: reply.hang_up = true; return reply;
      case 2:
        reply.breaks_off = true;
        reply.stream = [](FakeStream& stream) { stream.write(": waiting\n\n"); };
        return reply;
      case 3: reply.stream = [](FakeStream& stream) { stream.write(": waiting\n\n"); }; return reply;
      default: return answer(request.object()["id"]);
    }
  });
  CHECK(pipe.talk("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\"}\n") == std::vector<json>{answer(7)});
  auto const requests = pipe.daemon.requests();
  std::vector<std::string> keys;
  for (auto const& request : requests)
    if (request.path == "/mcp") keys.push_back(request.headers.at("idempotency-key"));
  CHECK(keys.size() == 4);
  CHECK(std::ranges::count(keys, keys[0]) == 4);
}

TEST_CASE("ARefusalOfTheDaemonsIsAnErrorOfTheProtocol") {
  Pipe pipe([](FakeRequest const& request) -> FakeReply {
    if (request.body == "no json")
      return FakeReply(400, json{{"jsonrpc", "2.0"}, {"id", nullptr}, {"error", json::object()}});
    return problem(401, "bad_token", "the token has been revoked");
  });
  auto const said = pipe.talk(
      "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"tools/list\"}\n"
      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\nno json\n");
  REQUIRE(said.size() == 2);
  for (auto const& line : said) {
    if (line["id"].is_null()) continue;
    CHECK(line["id"] == "x");
    CHECK(line["error"]["code"] == -32603);
    CHECK(line["error"]["message"] == "the token has been revoked");
  }
  CHECK(pipe.talk(std::string(9U << 20, 'x') + "\n").at(0)["error"]["message"].get<std::string>().find("8388608") !=
        std::string::npos);
}

TEST_CASE("WhatTheClientHasCancelledIsNotAnswered") {
  Pipe pipe([](FakeRequest const& request) -> FakeReply {
    auto const id = request.object()["id"];
    if (id == 2) return answer(id);
    FakeReply reply;
    reply.stream = [](FakeStream& stream) {
      while (stream.write(": waiting\n\n")) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    };
    return reply;
  });
  auto const said = pipe.talk(
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}\n"
      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}\n"
      "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n");
  CHECK(said == std::vector<json>{answer(2)});
}
