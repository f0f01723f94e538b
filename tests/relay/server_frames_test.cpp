// The WebSocket, frame by frame: what is told, what is refused, who takes whom over.
#include "relay/server_lab.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;

TEST_CASE("FramesTellAndAreTold") {
  Relay relay;
  auto const admin = relay.issue({"*"}).token;
  Wire wire(relay, admin);
  wire.say(Wire::hello("a", "i-1"));
  auto const welcome = wire.hear();
  CHECK(welcome["type"] == "welcome");
  CHECK(welcome["heartbeatIntervalMs"] == 30'000);
  CHECK(welcome["store"] == json{{"id", relay.bus->store().id}, {"newest", 0}});
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

TEST_CASE("NewerNotesAreToldToDaemonsThatAskForIt") {
  Relay relay;
  auto const daemon = relay.issue({"*"}).token;
  Wire asks(relay, daemon), older(relay, daemon), agents(relay, relay.issue({"*"}, {"a"}).token);
  json hello = {{"type", "hello"}, {"protocol", 1}, {"role", "client"}, {"componentId", "m"}, {"instanceId", "i"}};
  older.say(hello);
  hello["notes"] = true;
  asks.say(hello);
  agents.say(hello);
  for (auto* const wire : {&asks, &older, &agents}) CHECK(wire->hear()["type"] == "welcome");
  CHECK(relay.ask("PUT", "/api/notes", daemon, R"({"key": "k", "text": "t", "revision": 0})") == "");
  CHECK(asks.hear()["type"] == "notes");
  for (auto* const wire : {&older, &agents}) {
    wire->say(json{{"type", "ping"}});
    CHECK(wire->hear()["type"] == "pong");
  }
}

TEST_CASE("WhatAConnectionLeavesBehindIsBounded") {
  ServerLimits limits;
  limits.components = 3;
  limits.guests = 5;
  limits.sockets_per_token = 2;
  Relay relay(limits);
  auto const token = relay.issue({"read", "presence", "send", "groups"}, {"a", "b"}).token;
  Wire wire(relay, token);
  auto const hello = [&](char const* agent, std::string const& component) {
    auto frame = Wire::hello(agent, "i");
    frame["componentId"] = component;
    wire.say(frame);
    return wire.hear();
  };
  auto const refused = hello("a", std::string(500'000, 'x'));
  CHECK(refused["code"] == "too_large");
  CHECK_FALSE(refused.contains("componentId"));  // nothing long is said back
  auto strange = Wire::hello("a", std::string(500'000, 'i'));
  wire.say(strange);
  CHECK(wire.hear()["code"] == "too_large");
  auto grouped = Wire::hello("a", "i");
  for (int i = 0; i < 65; ++i) grouped["tags"].push_back("t" + std::to_string(i));
  wire.say(grouped);
  CHECK(wire.hear()["code"] == "invalid_argument");
  for (auto const* component : {"1", "2", "3", "1"}) CHECK(hello("a", component)["type"] == "welcome");
  CHECK(hello("a", "4")["code"] == "too_many_components");
  CHECK(hello("b", "1")["type"] == "welcome");
  CHECK(hello("b", "2")["type"] == "welcome");
  CHECK(hello("b", "3")["code"] == "too_many_components");

  Wire second(relay, token), third(relay, token);
  CHECK(third.hear()["code"] == "too_many_connections");
  CHECK(third.hear()["type"] == "end");
  second.say(json{{"type", "ping"}});
  CHECK(second.hear()["type"] == "pong");
}

TEST_CASE("OneMessageToManyComponentsIsToldToEachAndStopsNobody") {
  Relay relay;
  auto const token = relay.issue({"*"}, {"a"}).token;
  Wire wire(relay, token);
  for (int i = 0; i < 16; ++i) {
    auto frame = Wire::hello("a", "i");
    frame["componentId"] = "c" + std::to_string(i);
    wire.say(frame);
    CHECK(wire.hear()["type"] == "welcome");
  }
  json const message = {{"from", "a"}, {"to", "a"}, {"body", std::string(170'000, 'x')}};
  CHECK(relay.ask("POST", "/api/messages", token, message.dump()) == "");
  for (int i = 0; i < 16; ++i) {
    auto const told = wire.hear();
    CHECK(told["type"] == "message.new");
    CHECK(told["agentId"] == "a");
    CHECK(told["componentId"] == "c" + std::to_string(i));
    CHECK(told["message"]["body"] == message["body"]);
  }
}

TEST_CASE("HintsThatNobodyTakesAreLeftOutNotKept") {
  ServerLimits limits;
  limits.all_unsent_bytes = 100'000;
  Relay relay(limits);
  auto const token = relay.issue({"*"}).token;
  Wire wire(relay, token);
  wire.say(Wire::hello("a", "i"));
  CHECK(wire.hear()["type"] == "welcome");
  json message = {{"from", "x"}, {"to", "a"}, {"body", std::string(150'000, 'x')}};
  CHECK(relay.ask("POST", "/api/messages", token, message.dump()) == "");
  message["body"] = "short";
  CHECK(relay.ask("POST", "/api/messages", token, message.dump()) == "");
  CHECK(wire.hear()["message"]["body"] == "short");
}
