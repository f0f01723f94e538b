// What an agent leaves behind at the doors: memory that the daemon holds for it, and its disk.
#include "security/attack.hpp"

#include <memory>
#include <sys/resource.h>

using ar::json;
using ar::test::Attack;
using ar::test::Installation;
using ar::test::RawClient;
using ar::test::request_text;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMiB = 1U << 20;

json hello(json more) {
  json frame = {{"type", "hello"},    {"protocol", 1},         {"role", "provider"},
                {"agentId", "alice"}, {"componentId", "c"},    {"instanceId", "i"},
                {"machine", "m"},     {"tags", json::array()}, {"capabilities", json::array()},
                {"status", "idle"},   {"ready", true},         {"meta", json::object()}};
  frame.update(more);
  return frame;
}

/// As text, in which the word "large" has 4 MiB. (A test is not optimised: to write as much as JSON takes it long.)
std::string swollen(json const& frame) {
  static std::string const large(4 * kMiB, 'x');
  auto text = frame.dump();
  auto const at = text.find("large");
  return at == text.npos ? text : text.replace(at, 5, large);
}

/// The type of what is said back, or the error's code; "end" when the connection has ended.
std::string answer_to(RawClient& client, json const& frame) {
  try {
    client.send(Attack::frame(swollen(frame)));
    for (;;) {
      auto const heard = json::parse(Attack::heard(client), nullptr, false);
      if (heard.is_discarded()) return "no JSON";
      auto const type = heard.value("type", "");
      if (type == "error") return heard.value("code", "");
      if (type == "welcome" || type == "pong") return type;
    }
  } catch (std::runtime_error const&) {
    return "end";
  }
}

}  // namespace

TEST_CASE("H3WhatAConnectionLeavesBehindIsBounded") {
  Attack t("H3");
  auto const relay = t.home.state() / "run" / "relay.sock";
  auto const before = t.memory();
  auto const small = [&](std::size_t most, std::string const& what) {
    auto const now = t.memory();
    t.counts(ar::test::kSanitized || now < before + most,
             what + ": " + std::to_string(before / kMiB) + " MiB became " + std::to_string(now / kMiB));
  };
  std::string const large = "large";
  {
    RawClient one(relay);
    t.open_websocket(one);
    for (int i = 0; i < 60; ++i) {
      auto const said = answer_to(one, hello({{"componentId", large + std::to_string(i)}}));
      t.counts(said != "welcome", "a component's name of 4 MiB: " + said);
    }
    small(150 * kMiB, "60 of them");
  }
  for (auto const& more : {json{{"agentId", large}},
                           {{"instanceId", large}},
                           {{"label", large}},
                           {{"machine", large}},
                           {{"role", large}},
                           {{"type", large}},
                           {{"status", large}},
                           {{"tags", {large}}},
                           {{"capabilities", {large}}},
                           {{"meta", {{"x", large}}}},
                           {{"meta", {{large, 1}}}},
                           {{"protocol", large}},
                           {{"lastSeenId", large}},
                           {{"x", large}}}) {
    RawClient one(relay);
    t.open_websocket(one);
    for (int i = 0; i < 4; ++i) (void)answer_to(one, hello(more));
    small(150 * kMiB, "4 hellos with a large " + more.begin().key());
  }
  std::vector<std::unique_ptr<RawClient>> connections;
  int welcomes = 0;
  for (int connection = 0; connection < 4; ++connection) {
    connections.push_back(std::make_unique<RawClient>(relay));
    auto& one = *connections.back();
    t.open_websocket(one);
    int of_this = 0;
    for (int i = 0; i < (connection == 0 ? 3000 : 40); ++i) {
      auto const said =
          answer_to(one, hello({{"componentId", "c" + std::to_string(i)}, {"role", "client"}, {"status", ""}}));
      if (said == "welcome") ++of_this;
      if (said == "end") break;
    }
    t.counts(of_this <= 16, "components of one connection: " + std::to_string(of_this));
    welcomes += of_this;
  }
  CHECK(welcomes > 0);
  // Each of them is told of it; it is rendered once, and others have their turn.
  for (int i = 0; i < 10; ++i)
    t.allowed("relay", "POST", "/api/messages", t.to("alice", {{"body", std::string(170'000, 'x')}}));
  auto const ps = t.home.run({"ps"});
  t.counts(ps.status == 0, "ps after the large messages: " + ps.err);
  t.counts(t.ask("relay", "GET", "/healthz", "", true).status == 200, "the relay after the large messages");
  small(200 * kMiB, "10 messages of 170 kB to " + std::to_string(welcomes) + " components");
  auto const others = answer_to(*connections.back(), hello({{"agentId", "bob"}}));
  t.counts(others != "welcome", "bob's place: " + others);
}

TEST_CASE("M12NobodyHoldsMoreThanAShare") {
  Attack t("M12");
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
  std::vector<std::string> const as_alice{"Authorization: Bearer " + t.token()};
  auto const before = t.memory();
  auto const bounded = [&](std::string const& what) {
    auto const now = t.memory();
    t.counts(ar::test::kSanitized || now < before + 200 * kMiB,
             what + ": " + std::to_string(before / kMiB) + " MiB became " + std::to_string(now / kMiB));
    auto const ps = t.home.run({"ps"});
    t.counts(ps.status == 0, what + ", the operator: " + ps.err);
  };
  auto const stored = t.allowed("control", "POST", "/v1/attachments?name=f", std::string(4 * kMiB, 'x')).body["id"];
  auto const message =
      t.allowed("control", "POST", "/v1/messages", t.to("alice", {{"attachments", {stored}}})).body["id"].dump();
  std::string const half(8 * kMiB, 'x');
  for (std::string const door : {"agents/agents", "control", "relay"}) {
    auto const socket = t.home.state() / "run" / (door + ".sock");
    std::string const api = door == "relay" ? "/api" : "/v1";
    {
      std::vector<std::unique_ptr<RawClient>> clients;
      for (int i = 0; i < 40; ++i) {
        clients.push_back(std::make_unique<RawClient>(socket));
        clients.back()->send("POST " + api + "/attachments?name=f HTTP/1.1\r\nHost: localhost\r\n" + as_alice[0] +
                             "\r\nContent-Length: 33554432\r\n\r\n");
        clients.back()->send(half);
      }
      auto const unanswered = [&] {
        int count = 0;
        for (auto const& client : clients) count += !client->has_answer();
        return count;
      };
      // 64 MiB of one.
      (void)Installation::eventually([&] { return unanswered() <= 8; });
      int under_way = 0;
      for (auto const& client : clients) {
        under_way += !client->has_answer();
        t.counts(client->has_answer() || under_way <= 8, door + ", half an upload");
      }
      bounded(door + ", half uploads");
    }
    REQUIRE(Installation::eventually([&] { return t.ask(door, "GET", api + "/nothing", "", true).status == 404; }));
    {
      auto const target =
          api + "/attachments/" + stored.get<std::string>() + (door == "relay" ? "" : "?message=" + message);
      std::vector<std::unique_ptr<RawClient>> clients;
      for (int i = 0; i < 60; ++i) {
        clients.push_back(std::make_unique<RawClient>(socket));
        clients.back()->send(request_text("GET", target, as_alice));
      }
      int given = 0;
      for (auto const& client : clients) {
        auto const status = client->head().status;
        given += status == 200;
        t.counts(status == 503 || (status == 200 && given <= 16),
                 door + ", a download that is not read: " + std::to_string(status));
      }
      CHECK(given > 0);
      bounded(door + ", unread downloads");
    }
  }
  // What she stores in a day, at either door: 1 GiB.
  for (std::string const door : {"agents/agents", "relay"}) {
    RawClient client(t.home.state() / "run" / (door + ".sock"));
    std::string const target = std::string(door == "relay" ? "/api" : "/v1") + "/attachments?name=f";
    std::size_t taken = 0;
    for (auto const size : {32 * kMiB, 8 * kMiB, kMiB}) {
      std::string const body(size, 'y');
      int status = 201;
      for (int i = 0; i < 40 && status == 201; ++i) {
        status = client.request("POST", target, as_alice, body).status;
        if (status == 201) taken += size;
      }
      t.counts(status == 413 && taken <= 1024 * kMiB,
               door + ", uploads without an end: " + std::to_string(status) + " after " + std::to_string(taken / kMiB));
      t.refused(413, door, "POST", target, body);
    }
  }
  CHECK(t.good("control", "GET", "/v1/info").is_object());
}
