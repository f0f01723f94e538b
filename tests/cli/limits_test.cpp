// The verbs of the accounts against a fake daemon: what they ask, print and end with.
#include "cli_process.hpp"
#include "fake_daemon.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::test;

namespace {

json const kHeld = {{"account", "claude-3f9a1c2b7d"},
                    {"provider", "claude"},
                    {"agents", {"alice", "bob"}},
                    {"hold",
                     {{"kind", "limit"},
                      {"error", "5-hour limit\033[31m"},
                      {"since", "2023-11-14T22:13:20.000Z"},
                      {"until", "2099-11-14T22:13:20.000Z"},
                      {"resetsAt", nullptr}}},
                    {"foundBy", "alice"}};
json const kOpen = {{"account", "codex-0a1b2c3d4e"}, {"provider", "codex"}, {"agents", {"carol"}}, {"hold", nullptr}};

struct Scene {
  CliHome home;
  FakeDaemon daemon{home.socket(), [](FakeRequest const& request) -> FakeReply {
                      if (request.path == "/v1/info") return json{{"version", "0.1.0"}};
                      if (request.method == "GET") return json{{"limits", {kHeld, kOpen}}};
                      if (request.path.find("/claude-3f9a1c2b7d/") != std::string::npos) return kHeld;
                      return problem(404, "no_such_account", "there is no such account");
                    }};
  Ran run(std::vector<std::string> const& arguments) const { return home.run(arguments); }
};

}  // namespace

TEST_CASE("LimitsShowWhatHoldsWhichAccount") {
  Scene const scene;
  auto const listed = scene.run({"limits"}).out;
  for (auto const* part : {"claude-3f9a1c2b7d", "limit", "alice, bob", "5-hour limit", "codex-0a1b2c3d4e", "open"})
    CHECK_MESSAGE(listed.find(part) != std::string::npos, listed);
  CHECK(listed.find('\033') == std::string::npos);
  CHECK(scene.run({"limits", "--json"}).out == kHeld.dump() + "\n" + kOpen.dump() + "\n");
}

TEST_CASE("AnAccountIsReleasedHeldAndForgotten") {
  Scene const scene;
  CHECK(scene.run({"limits", "release", "claude-3f9a1c2b7d"}).status == 0);
  CHECK(scene.daemon.last("/v1/limits/claude-3f9a1c2b7d/release").object() == json::object());
  CHECK(scene.run({"limits", "hold", "claude-3f9a1c2b7d", "--reason", "too dear"}).status == 0);
  CHECK(scene.daemon.last("/v1/limits/claude-3f9a1c2b7d/hold").object() == json{{"reason", "too dear"}});
  CHECK(json::parse(scene.run({"limits", "forget", "claude-3f9a1c2b7d", "--json"}).out) == kHeld);
  CHECK(scene.run({"limits", "release", "other"}).status == 3);
  CHECK(scene.run({"limits", "release"}).status == 2);
  CHECK(scene.run({"__complete", "--", "limits", "release", "claude"}).out == "claude-3f9a1c2b7d\tlimit\n");
}
