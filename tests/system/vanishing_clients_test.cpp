// Clients that vanish in the midst of what they send or are sent, at the real daemon: nothing is half done, and no
// connection, file or descriptor is kept. Slow ones are in tests/control/limits_test.cpp, where deadlines are short.
#include "control/raw_client.hpp"
#include "control/raw_websocket.hpp"
#include "system/installation.hpp"

#include <random>

using ar::json;
using ar::test::Installation;
using ar::test::RawClient;
using ar::test::RawWebSocket;
using ar::test::request_text;
namespace fs = std::filesystem;

namespace {

std::size_t entries(fs::path const& folder) {
  std::size_t count = 0;
  for (auto const& entry : fs::recursive_directory_iterator(folder)) count += entry.is_regular_file() ? 1 : 0;
  return count;
}

std::size_t descriptors(pid_t pid) {
  fs::directory_iterator const all("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Nothing makes it smaller.
std::string noise(std::size_t size) {
  std::mt19937 random(7);
  std::string bytes(size, '\0');
  for (auto& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace

TEST_CASE("ClientsThatVanishLeaveNothingBehind") {
  Installation home;
  auto const out = home.work() / "out";
  fs::create_directories(out);
  std::ofstream(out / "large.bin", std::ios::binary) << noise(8 << 20);
  home.good({"up"});
  auto const socket = home.state() / "run" / "control.sock";
  auto const ask = [&](char const* method, std::string const& target, std::string const& body = "") {
    RawClient client(socket);
    auto reply = client.request(method, target, {}, body);
    REQUIRE_MESSAGE(reply.status < 300, reply.body);
    return reply;
  };
  json const run = {{"provider", "command"},
                    {"cwd", home.work().string()},
                    {"id", "s"},
                    {"input", "hello"},
                    {"outputDirs", {out.string()}}};
  ask("POST", "/v1/runs", run.dump());
  json outputs;
  REQUIRE(Installation::eventually([&] {
    outputs = ask("GET", "/v1/sessions/s/outputs").document()["outputs"];
    return !outputs.empty();
  }));
  auto const attachment = ask("POST", "/v1/attachments?name=f", noise(8 << 20)).document()["id"].get<std::string>();
  auto const snapshot = ask("POST", "/v1/snapshots").document()["id"].get<std::string>();
  auto const pid = *home.daemon_pid();
  auto const messages = ask("GET", "/v1/messages").body, agents = ask("GET", "/v1/users").body;
  auto const files = entries(home.state());
  auto const before = descriptors(pid);

  for (int round = 0; round < 3; ++round) {
    for (auto const* target :
         {"/v1/messages", "/v1/agents", "/v1/runs", "/v1/attachments?name=g", "/v1/skills?name=g"}) {
      std::string const head = std::string("POST ") + target + " HTTP/1.1\r\nHost: localhost\r\n";
      RawClient(socket).send(head);
      RawClient(socket).send(head + "Content-Length: 100000\r\n\r\n{\"to\":\"s\"," + std::string(50'000, ' '));
      RawClient(socket).send(head + "Transfer-Encoding: chunked\r\n\r\nc350\r\n" + std::string(50'000, ' ') + "\r\nc3");
    }
    for (auto const* target : {"/v1/events?cursor=0", "/v1/agents/s/events?cursor=0"}) {
      RawClient reader(socket);
      reader.send(request_text("GET", target, {"Accept: text/event-stream"}));
      CHECK(reader.head().status == 200);
      RawClient peer(socket);
      CHECK(RawWebSocket(peer).open(target).status == 101);
    }
    for (auto const& target :
         {"/v1/attachments/" + attachment, "/v1/snapshots/" + snapshot + "/export",
          std::string("/v1/sessions/s/archive"), "/v1/sessions/s/outputs/" + outputs[0]["id"].get<std::string>()}) {
      RawClient reader(socket);
      reader.send(request_text("GET", target));
      CHECK_MESSAGE(reader.head().status == 200, target);
    }
  }
  CHECK(Installation::eventually([&] { return descriptors(pid) <= before; }));
  MESSAGE("descriptors: " << before << " before, " << descriptors(pid) << " after");
  CHECK(entries(home.state()) == files);
  CHECK(ask("GET", "/v1/messages").body == messages);
  CHECK(ask("GET", "/v1/users").body == agents);
}
