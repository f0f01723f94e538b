// The verbs of the tool hooks against a fake daemon: what they ask, print and end with.
#include "cli_process.hpp"
#include "fake_daemon.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::test;

namespace {

json const kHook = {{"id", "h-1"},
                    {"owner", "web"},
                    {"name", "guard"},
                    {"phase", "pre"},
                    {"tools", {"Bash", "mcp__*"}},
                    {"callbackUrl", "http://127.0.0.1:1/g\033[31m"},
                    {"failMode", "closed"},
                    {"timeoutMs", 5000},
                    {"createdAt", "2023-11-14T22:13:20.000Z"}};

struct Scene {
  CliHome home;
  FakeDaemon daemon{home.socket(), [](FakeRequest const& request) -> FakeReply {
                      if (request.path == "/v1/info") return json{{"version", "0.1.0"}};
                      if (request.method == "POST") return {201, kHook};
                      if (request.path == "/v1/tool-hooks/h-1") return json{{"deleted", "h-1"}};
                      if (request.method == "DELETE") return problem(404, "no_such_tool_hook", "there is no such hook");
                      return json{{"hooks", {kHook}}};
                    }};
  Ran run(std::vector<std::string> const& arguments) const { return home.run(arguments); }
};

}  // namespace

TEST_CASE("AToolHookIsRegisteredAsItsWordsSay") {
  Scene const scene;
  auto const added = scene.run({"tool-hook", "add", "web/guard", "--phase", "pre", "--tool", "Bash", "--tool", "mcp__*",
                                "--url", "http://127.0.0.1:1/g", "--fail-mode", "closed", "--timeout", "2s"});
  CHECK(added.status == 0);
  CHECK(added.out == "web/guard: h-1\n");
  CHECK(scene.daemon.last("/v1/tool-hooks").object() == json{{"owner", "web"},
                                                             {"name", "guard"},
                                                             {"phase", "pre"},
                                                             {"tools", {"Bash", "mcp__*"}},
                                                             {"callbackUrl", "http://127.0.0.1:1/g"},
                                                             {"failMode", "closed"},
                                                             {"timeoutMs", 2000}});
  CHECK(scene.run({"tool-hook", "add", "guard", "--phase", "pre", "--url", "http://127.0.0.1:1"}).status == 2);
  CHECK(scene.run({"tool-hook", "add", "web/guard", "--phase", "between"}).status == 2);
  CHECK(scene.run({"tool-hook", "add", "web/guard", "--timeout", "soon"}).status == 2);
}

TEST_CASE("ToolHooksAreListedAndRemovedByIdOrName") {
  Scene const scene;
  auto const listed = scene.run({"tool-hook", "list"}).out;
  for (auto const* part : {"web/guard", "Bash mcp__*", "closed", "5s", "h-1"})
    CHECK_MESSAGE(listed.find(part) != std::string::npos, listed);
  CHECK(listed.find('\033') == std::string::npos);
  CHECK(json::parse(scene.run({"tool-hook", "list", "--json"}).out) == kHook);
  CHECK(scene.run({"tool-hook", "rm", "h-1"}).out == "h-1: removed\n");
  CHECK(scene.run({"tool-hook", "rm", "web/guard"}).out == "web/guard: removed\n");
  CHECK(scene.daemon.last("/v1/tool-hooks/h-1").method == "DELETE");
  CHECK(scene.run({"tool-hook", "rm", "h-2"}).status == 3);
  CHECK(scene.run({"tool-hook", "rm", "web/other"}).status == 3);
}
