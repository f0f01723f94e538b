// The verbs of the memory against a fake daemon: what they ask, print and end with.
#include "cli_process.hpp"
#include "fake_daemon.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace ar;
using namespace ar::test;

namespace {

json entry(std::string const& key, json value) {
  return {{"scope", "shared"}, {"id", "team"}, {"key", key},
          {"version", 7},      {"bytes", 12},  {"updatedAt", "2023-11-14T22:13:20.000Z"},
          {"value", value}};
}

struct Scene {
  CliHome home;
  FakeDaemon daemon{home.socket(), [this](FakeRequest const& request) { return reply_to(request); }};

  FakeReply reply_to(FakeRequest const& request) const {
    if (request.path == "/v1/info") return json{{"version", "0.1.0"}};
    if (request.path == "/v1/agents/alice/workspace")
      return json{{"cwd", (home.dir() / "work").string()}, {"messages", "/nowhere"}};
    if (request.path == "/v1/memory")
      return json{{"scopes", {{{"scope", "shared"}, {"ids", 1}, {"entries", 2}, {"bytes", 24}}}}};
    if (request.path == "/v1/memory/shared") return json{{"ids", {{{"id", "team"}, {"entries", 2}, {"bytes", 24}}}}};
    if (request.path == "/v1/memory/shared/team" && request.query.find("cursor=a%2Fb") == std::string::npos)
      return json{{"entries", {entry("a/b", "te\033[31mxt\n")}}, {"nextCursor", "a/b"}};
    if (request.path == "/v1/memory/shared/team") return json{{"entries", {entry("c", {{"n", 1}})}}};
    if (request.path == "/v1/memory/shared/team/old" && request.method != "GET")
      return problem(412, "precondition_failed", "shared/team/old has version 7, not 6");
    if (request.path == "/v1/memory/shared/team/none") return problem(404, "no_such_entry", "the memory has no none");
    if (request.path == "/v1/memory/shared/team/json") return entry("json", {{"n", 1}});
    if (request.method == "DELETE") return json{{"removed", "shared/team/k"}};
    auto shown = entry("k", "te\033xt");
    if (request.method != "GET") shown.erase("value");
    return shown;
  }
  Ran run(std::vector<std::string> const& arguments, std::string input = {},
          std::vector<std::string> const& environment = {}) const {
    return home.run(arguments, std::move(input), environment);
  }
  std::vector<std::string> inside() const {
    return {"AGENT_RUNNER_SOCKET=" + home.socket().string(), "AGENT_RELAY_TOKEN=secret-7", "AGENT_RELAY_ID=alice"};
  }
};

}  // namespace

TEST_CASE("MemoryListsGoThroughAllPages") {
  Scene const scene;
  CHECK(scene.run({"memory", "scopes"}).out == "shared: 1 ids, 2 entries, 24B\n");
  CHECK(scene.run({"memory", "ids", "shared"}).out == "shared/team: 2 entries, 24B\n");
  auto const listed = scene.run({"memory", "list", "a &", "--in", "shared/team"});
  CHECK(listed.status == 0);
  CHECK(scene.daemon.requests().back().query.find("prefix=a%20%26") == 0);
  CHECK(listed.out.find("a/b") != std::string::npos);
  CHECK(listed.out.find("{\"n\":1}") != std::string::npos);
  CHECK(listed.out.find('\033') == std::string::npos);
  auto const lines = scene.run({"memory", "list", "--in", "shared/team", "--json"}).out;
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
  CHECK(json::parse(lines.substr(0, lines.find('\n')))["key"] == "a/b");
}

TEST_CASE("MemoryGetPrintsATextAsItIs") {
  Scene const scene;
  CHECK(scene.run({"memory", "get", "k", "--in", "shared/team"}).out == "te\033xt");
  CHECK(scene.run({"memory", "get", "json", "--in", "shared/team"}).out == "{\"n\":1}\n");
  CHECK(json::parse(scene.run({"memory", "get", "k", "--in", "shared/team", "--json"}).out)["version"] == 7);
  CHECK(scene.run({"memory", "get", "none", "--in", "shared/team"}).status == 3);
  CHECK(scene.run({"memory", "get", "a/b c", "--in", "shared/team"}).status == 0);
  CHECK(scene.daemon.requests().back().path == "/v1/memory/shared/team/a%2Fb%20c");
}

TEST_CASE("MemorySetTakesATextStdinAFileOrJson") {
  Scene const scene;
  std::ofstream(scene.home.dir() / "f", std::ios::binary) << "of a file\n";
  auto const set = [&](std::vector<std::string> words, std::string input = {}) {
    words.insert(words.begin(), {"memory", "set", "k"});
    words.insert(words.end(), {"--in", "shared/team"});
    return scene.run(words, std::move(input));
  };
  auto const sent = [&] { return scene.daemon.last("/v1/memory/shared/team/k").object(); };
  CHECK(set({"5"}).out == "shared/team/k: version 7\n");
  CHECK(sent() == json{{"value", "5"}});
  CHECK(scene.daemon.last("/v1/memory/shared/team/k").method == "PUT");
  CHECK(set({"5", "--as-json"}).status == 0);
  CHECK(sent() == json{{"value", 5}});
  CHECK(set({"-"}, "of stdin\n").status == 0);
  CHECK(sent() == json{{"value", "of stdin\n"}});
  CHECK(set({"@" + (scene.home.dir() / "f").string()}).status == 0);
  CHECK(sent() == json{{"value", "of a file\n"}});
  auto const before = scene.daemon.requests().size();
  CHECK(set({"-"}, "\xff").status == 2);
  CHECK(set({"{", "--as-json"}).status == 2);
  CHECK(set({"@/nowhere"}).status == 2);
  for (std::size_t i = before; i < scene.daemon.requests().size(); ++i)
    CHECK(scene.daemon.requests()[i].method != "PUT");
}

TEST_CASE("MemoryIsChangedOnlyInTheVersionThatWasSeen") {
  Scene const scene;
  auto const headers = [&] { return scene.daemon.requests().back().headers; };
  CHECK(scene.run({"memory", "set", "k", "x", "--in", "shared/team", "--if-version", "7"}).status == 0);
  CHECK(headers().at("if-match") == "\"7\"");
  CHECK(scene.run({"memory", "set", "k", "x", "--in", "shared/team", "--if-absent"}).status == 0);
  CHECK(headers().at("if-none-match") == "*");
  CHECK(scene.run({"memory", "rm", "k", "--in", "shared/team", "--if-version", "7"}).out == "shared/team/k: removed\n");
  CHECK(scene.daemon.requests().back().method == "DELETE");
  CHECK(headers().at("if-match") == "\"7\"");
  auto const late = scene.run({"memory", "set", "old", "x", "--in", "shared/team", "--if-version", "6"});
  CHECK(late.status == 4);
  CHECK(late.err.find("has version 7, not 6") != std::string::npos);
  CHECK(scene.run({"memory", "rm", "k", "--in", "shared/team", "--if-version", "new"}).status == 2);
}

TEST_CASE("APersonSaysWhoseMemoryAnAgentMeansItsOwn") {
  Scene const scene;
  for (std::vector<std::string> const& place :
       {std::vector<std::string>{}, {"--in", "shared"}, {"--in", "/team"}, {"--in", "shared/"}}) {
    std::vector<std::string> words{"memory", "get", "k"};
    words.insert(words.end(), place.begin(), place.end());
    auto const ran = scene.run(words);
    CHECK(ran.status == 2);
    CHECK_MESSAGE(ran.err.find("SCOPE/ID") != std::string::npos, ran.err);
  }
  CHECK(scene.run({"memory", "set", "k", "x"}, {}, scene.inside()).status == 0);
  CHECK(scene.daemon.last("/v1/memory/agent/alice/k").headers.at("authorization") == "Bearer secret-7");
  CHECK(scene.run({"memory", "set", "k", "x", "--in", "shared/team"}, {}, scene.inside()).status == 0);
}

TEST_CASE("AnAgentRemembersFilesOfItsWorkspaceOnly") {
  Scene const scene;
  std::filesystem::create_directory(scene.home.dir() / "work");
  std::ofstream(scene.home.dir() / "work" / "notes") << "mine";
  std::ofstream(scene.home.dir() / "secret") << "not mine";
  auto const set = [&](char const* file) {
    return scene.run({"memory", "set", "k", "@" + (scene.home.dir() / file).string()}, {}, scene.inside());
  };
  CHECK(set("work/notes").status == 0);
  auto const refused = set("secret");
  CHECK(refused.status == 4);
  CHECK_MESSAGE(refused.err.find("of its workspace only") != std::string::npos, refused.err);
  CHECK(scene.daemon.last("/v1/memory/agent/alice/k").object() == json{{"value", "mine"}});
}

TEST_CASE("InjectTakesEntriesOfTheMemory") {
  Scene const scene;
  CHECK(scene.run({"inject", "alice", "--memory", "shared/team/k", "--memory", "shared/team/a/b"}).status == 0);
  CHECK(scene.daemon.last("/v1/agents/alice/inject").object() ==
        json{{"content", ""}, {"memoryIds", {"shared/team/k", "shared/team/a/b"}}});
  CHECK(scene.run({"inject", "alice"}).status == 2);
}
