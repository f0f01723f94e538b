// The tool hooks: their order, what is kept of them, and what comes of their answers.
#include "daemon/tools/tool_hooks.hpp"

#include "base/paths.hpp"
#include "daemon/tools/hook_target.hpp"
#include "daemon/tools/tool_hook_chain.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;
using adapters::ToolCall;
using adapters::ToolVerdict;

namespace {

ToolHook hook(std::string name, bool after = false, bool closed = false) {
  ToolHook made;
  made.owner = "web";
  made.name = std::move(name);
  made.after = after;
  made.callback_url = "http://127.0.0.1:1/" + made.name;
  made.closed = closed;
  made.timeout = 5s;
  return made;
}

ToolCall bash() { return {false, "toolu_1", "Bash", {{"command", "ls"}}, {}}; }
ToolCall ran() { return {true, "toolu_1", "Bash", {{"command", "ls"}}, {"out", false}}; }

/// The hooks of one daemon after the other, and receivers that answer what the test says.
struct Scene {
  World world;
  WorkerPool threads{1};
  std::filesystem::path const file = world.dir() / "tool-hooks";
  std::optional<ToolHooks> hooks;
  std::optional<ToolHookChain> chain;
  std::map<std::string, std::string>
      says;  ///< by the hook's name; "never": it does not answer; "away": nobody is there
  std::vector<std::pair<std::string, json>> asked;

  Scene() { start(); }
  void start() {
    hooks.emplace(world.executor(), world.journal(), world.event_log(), threads, file);
    REQUIRE(world.await(hooks->load()).has_value());
    chain.emplace(*hooks, world.event_log(), [this](ToolHook one, std::string body, Clock::duration) {
      return answer(std::move(one), std::move(body));
    });
  }
  void restart() {
    chain.reset();
    hooks.reset();
    world.crash();
    world.start();
    start();
  }
  awaitable<Result<std::string>> answer(ToolHook one, std::string body) {
    asked.emplace_back(one.name, json::parse(body));
    auto const& text = says[one.name];
    if (text == "away") co_return unavailable("server_unreachable", "nobody answers at 127.0.0.1:1");
    if (text == "never") co_await sleep_for(1h);
    co_return text;
  }
  std::string add(ToolHook one) {
    auto const added = world.await(hooks->add(std::move(one)));
    REQUIRE_MESSAGE(added.has_value(), added.error().message);
    return added->hook.id;
  }
  Result<void> remove(std::string id) { return world.await(hooks->remove(std::move(id))); }
  ToolVerdict run(ToolCall call) {
    asked.clear();
    ToolCaller caller{"a", {{"id", "t"}, {"sequence", 0}}};
    return world.await(chain->run(std::move(caller), std::move(call)));
  }
  std::string order() const {
    std::string names;
    for (auto const& [name, body] : asked) names += (names.empty() ? "" : " ") + name;
    return names;
  }
  std::string lines() const {
    auto const text = read_file(file, 1 << 20);
    return text ? *text : "none";
  }
};

bool passed(ToolVerdict const& verdict) {
  return !verdict.denied && !verdict.input && !verdict.result && verdict.context.empty();
}

}  // namespace

TEST_CASE("PreHooksAreAskedInTheOrderOfRegistrationAndPostHooksTheOtherWayRound") {
  Scene scene;
  for (auto const* name : {"one", "two", "three"}) scene.add(hook(name));
  for (auto const* name : {"four", "five"}) scene.add(hook(name, true));
  CHECK(passed(scene.run(bash())));
  CHECK(scene.order() == "one two three");
  CHECK(scene.asked[0].second ==
        json{{"phase", "pre"},
             {"agent", "a"},
             {"session", "a"},
             {"turn", {{"id", "t"}, {"sequence", 0}}},
             {"tool_call", {{"id", "toolu_1"}, {"name", "Bash"}, {"input", {{"command", "ls"}}}}}});
  CHECK(passed(scene.run(ran())));
  CHECK(scene.order() == "five four");
  CHECK(scene.asked[0].second["phase"] == "post");
  CHECK(scene.asked[0].second["tool_result"] == json{{"text", "out"}, {"is_error", false}});
}

TEST_CASE("TheSameOwnerAndNameReplacesInPlaceUnderANewId") {
  Scene scene;
  auto const first = scene.add(hook("one"));
  scene.add(hook("two"));
  auto other = hook("one");
  other.owner = "mail";
  scene.add(other);
  auto const again = scene.world.await(scene.hooks->add(hook("one", false, true)));
  CHECK_FALSE(again->created);
  CHECK(again->hook.id != first);
  std::vector<std::string> names;
  for (auto const& one : scene.hooks->all()) names.push_back(to_string(one));
  CHECK(names == std::vector<std::string>{"web/one", "web/two", "mail/one"});
  CHECK(scene.hooks->all()[0].closed);
  CHECK(scene.remove(first).error().code == "no_such_tool_hook");
  CHECK(scene.remove(again->hook.id).has_value());
  CHECK(scene.hooks->all().size() == 2);
}

TEST_CASE("AHookIsAskedAboutItsToolsOnly") {
  Scene scene;
  auto one = hook("exact");
  one.tools = {"Read", "Bash"};
  scene.add(one);
  one = hook("servers");
  one.tools = {"mcp__*"};
  scene.add(one);
  one = hook("all");
  one.tools = {"*"};
  scene.add(one);
  auto call = bash();
  scene.run(call);
  CHECK(scene.order() == "exact all");
  call.name = "mcp__github__search";
  scene.run(call);
  CHECK(scene.order() == "servers all");
  call.name = "Bas";
  scene.run(call);
  CHECK(scene.order() == "all");
}

TEST_CASE("TheFirstDenialCountsAndTheNextIsAskedAboutWhatTheOneBeforeHasMade") {
  Scene scene;
  for (auto const* name : {"one", "two", "three"}) scene.add(hook(name));
  scene.says = {{"one", R"({"input":{"command":"ls -l"}})"}, {"two", R"({"input":null,"deny":null})"}};
  auto verdict = scene.run(bash());
  CHECK(scene.asked[1].second["tool_call"]["input"] == json{{"command", "ls -l"}});
  CHECK(scene.asked[2].second["tool_call"]["input"] == json{{"command", "ls -l"}});
  CHECK(*verdict.input == json{{"command", "ls -l"}});
  scene.says["two"] = R"({"deny":{"text":"not here"}})";
  verdict = scene.run(bash());
  CHECK(scene.order() == "one two");
  CHECK(verdict.denied->text == "not here");
  CHECK(verdict.denied->is_error);
  auto const denied = scene.world.events("tool_hook.denied");
  REQUIRE(denied.size() == 1);
  CHECK(denied[0]["data"] == json{{"hook", "web/two"},
                                  {"phase", "pre"},
                                  {"tool", "Bash"},
                                  {"id", "toolu_1"},
                                  {"failMode", "open"},
                                  {"reason", "not here"}});
  CHECK(scene.world.events("tool_hook.rewrote").size() == 2);
}

TEST_CASE("ResultsAreRewrittenOneAfterTheOtherAndContextsStandTogether") {
  Scene scene;
  for (auto const* name : {"one", "two"}) scene.add(hook(name, true));
  scene.says = {{"two", R"({"result":{"text":"redacted"},"context":"from two"})"},
                {"one", R"({"result":{"text":"less","is_error":true},"context":"from one"})"}};
  auto const verdict = scene.run(ran());
  CHECK(scene.asked[1].second["tool_result"] == json{{"text", "redacted"}, {"is_error", false}});
  CHECK(verdict.result->text == "less");
  CHECK(verdict.result->is_error);
  CHECK(verdict.context == "from two\n\nfrom one");
}

TEST_CASE("WhereAHookFailsOpenPassesOnAndClosedRefuses") {
  for (bool const closed : {false, true})
    for (bool const after : {false, true}) {
      Scene scene;
      CAPTURE(closed);
      CAPTURE(after);
      scene.add(hook("one", after, closed));
      std::vector<std::string> failures{"away",
                                        "never",
                                        "no json",
                                        "[]",
                                        R"({"denny":{"text":"x"}})",
                                        after ? R"({"deny":{"text":"x"}})" : R"({"result":{"text":"x"}})",
                                        after ? R"({"result":"x"})" : R"({"deny":"x"})",
                                        after ? R"({"result":{"is_error":true}})" : R"({"deny":{"is_error":true}})",
                                        after ? R"({"context":5})" : R"({"input":[]})",
                                        std::string(100, '[') + std::string(100, ']')};
      for (auto const& failure : failures) {
        CAPTURE(failure);
        scene.says["one"] = failure;
        auto const verdict = scene.run(after ? ran() : bash());
        auto const& refusal = after ? verdict.result : verdict.denied;
        CHECK(refusal.has_value() == closed);
        if (!refusal) CHECK(passed(verdict));
        if (refusal) CHECK(refusal->is_error);
        if (refusal) CHECK(refusal->text.find("web/one must be asked") != std::string::npos);
      }
      auto const told = scene.world.events("tool_hook.failed");
      CHECK(told.size() == failures.size());
      CHECK(told[0]["data"]["failMode"] == (closed ? "closed" : "open"));
      CHECK(told[0]["data"]["reason"] == "nobody answers at 127.0.0.1:1");
      CHECK(told[1]["data"]["reason"] == "it did not answer in time");
      scene.says["one"] = " \n";
      CHECK(passed(scene.run(after ? ran() : bash())));
    }
}

TEST_CASE("AHookHasItsOwnTimeAndAllTogetherHaveTheChains") {
  Scene scene;
  for (auto const* name : {"one", "two", "three", "four"}) {
    auto slow = hook(name, false, std::string_view(name) == "four");
    slow.timeout = std::string_view(name) == "three" ? 1s : 60s;
    scene.add(slow);
    scene.says[name] = "never";
  }
  std::optional<ToolVerdict> verdict;
  auto run = [&]() -> awaitable<void> {
    ToolCaller caller{"a"};
    verdict = co_await scene.chain->run(std::move(caller), bash());
  };
  scene.world.begin(run());
  scene.world.pass(59s);
  CHECK(scene.order() == "one");
  scene.world.pass(2s);
  CHECK(scene.order() == "one two");
  scene.world.pass(60s);
  REQUIRE(verdict.has_value());
  CHECK(scene.order() == "one two");  // for the others there is no time left
  REQUIRE(verdict->denied.has_value());
  CHECK_MESSAGE(verdict->denied->text.find("have taken all the time") != std::string::npos, verdict->denied->text);
}

TEST_CASE("HooksOutliveTheDaemonAndTheHookClientsLearnOfThem") {
  Scene scene;
  CHECK(scene.lines() == "none");
  auto one = hook("one", false, true);
  one.tools = {"Bash", "mcp__*"};
  auto const first = scene.add(one);
  auto const second = scene.add(hook("two", true));
  std::string const both = "post open *\npre closed Bash\npre closed mcp__*\n";
  CHECK(scene.lines() == both);
  auto const before = scene.hooks->all();
  std::filesystem::remove(scene.file);
  scene.restart();
  CHECK(scene.lines() == both);
  REQUIRE(scene.hooks->all().size() == 2);
  for (std::size_t i = 0; i < 2; ++i) CHECK(to_json(scene.hooks->all()[i]) == to_json(before[i]));
  std::filesystem::remove(scene.file);
  scene.world.await(scene.hooks->restore_file());
  CHECK(scene.lines() == both);
  CHECK(scene.remove(first).has_value());
  CHECK(scene.lines() == "post open *\n");
  CHECK(scene.remove(second).has_value());
  CHECK(scene.lines() == "none");
}

TEST_CASE("WhatHookClientsCannotLearnOfIsNotRegistered") {
  Scene scene;
  std::filesystem::create_directories(scene.file / "in the way");
  CHECK_FALSE(scene.world.await(scene.hooks->add(hook("one", false, true))).has_value());
  CHECK(scene.hooks->empty());
  std::filesystem::remove_all(scene.file);
  scene.restart();
  CHECK(scene.hooks->empty());
}

TEST_CASE("ThereAreOnlySoManyHooks") {
  Scene scene;
  for (std::size_t i = 0; i < ToolHooks::kMost; ++i) scene.add(hook("n" + std::to_string(i)));
  CHECK(scene.world.await(scene.hooks->add(hook("more"))).error().code == "quota");
  CHECK(scene.world.await(scene.hooks->add(hook("n3"))).has_value());
}

TEST_CASE("AToolHooksFieldsAreChecked") {
  json const good = {{"owner", "web"}, {"name", "n"}, {"phase", "pre"}, {"callbackUrl", "http://localhost/x"}};
  auto const read = read_tool_hook(good);
  REQUIRE(read.has_value());
  CHECK(read->timeout == 5s);
  CHECK_FALSE(read->closed);
  CHECK(read->tools.empty());
  auto const wrong = [&](char const* field, json value) {
    auto body = good;
    body[field] = std::move(value);
    auto const bad = read_tool_hook(body);
    CAPTURE(body);
    REQUIRE_FALSE(bad.has_value());
    CHECK(bad.error().field == field);
  };
  for (auto const* name : {"", "a b", "../x", "-x"}) wrong("owner", name);
  wrong("name", std::string(65, 'n'));
  for (auto const* tool : {"", "a b", "a\nb", "a*b", "**", "\"", "é"}) wrong("tools", {tool});
  wrong("tools", {std::string(129, 't')});
  wrong("tools", std::vector<std::string>(65, "t"));
  wrong("callbackUrl", "http://localhost/" + std::string(2048, 'x'));
  wrong("timeoutMs", 60'001);
  wrong("timeoutMs", -1);
  auto body = good;
  body["timeoutMs"] = 0;
  CHECK(read_tool_hook(body)->timeout == 5s);
}

TEST_CASE("ACallbackIsOnThisMachineOrOnAHostThatIsNamed") {
  auto const callback = read_hook_target("http://127.0.0.1:8080/hooks?secret=x");
  REQUIRE(callback.has_value());
  CHECK(callback->endpoint.host == "127.0.0.1");
  CHECK(callback->endpoint.port == 8080);
  CHECK(callback->endpoint.path.empty());
  CHECK(callback->path == "/hooks?secret=x");
  CHECK(read_hook_target("https://[::1]?x=1")->path == "/?x=1");
  CHECK(read_hook_target("http://localhost")->path == "/");
  for (auto const* url : {"", "ftp://localhost/", "localhost:80", "http://", "http://:80/", "http://a:b@localhost/",
                          "http://localhost/a b", "http://localhost/a\r\nX: y", "http://localhost/#x",
                          "http://localhost:0/", "http://localhost:99999/", "http:///x", "unix:///tmp/s"}) {
    CAPTURE(url);
    auto const bad = read_hook_target(url);
    REQUIRE_FALSE(bad.has_value());
    CHECK(bad.error().field == "callbackUrl");
  }
  for (auto const* here : {"127.0.0.1", "127.8.0.1", "::1", "localhost", "LOCALHOST"})
    CHECK(check_host(here, {}).has_value());
  for (auto const* there : {"10.0.0.1", "192.168.1.2", "169.254.169.254", "0.0.0.0", "::", "hooks.example",
                            "localhost.example", "2130706433", "::ffff:127.0.0.1"}) {
    CAPTURE(there);
    CHECK(check_host(there, {"other.example"}).error().code == "host_not_allowed");
    CHECK(check_host(there, {"*"}).has_value());
  }
  CHECK(check_host("Hooks.example", {"hooks.Example"}).has_value());
}

TEST_CASE("ANameIsAskedAtAddressesOnlyThatItMayStandFor") {
  auto const may = [](char const* url, char const* address, std::vector<std::string> const& hosts) {
    return may_ask_at(address, read_hook_target(url)->endpoint, hosts);
  };
  // What is not named is this machine, whatever a name server says.
  CHECK(may("http://localhost/", "127.0.0.1", {}));
  CHECK(may("http://localhost/", "::1", {}));
  CHECK_FALSE(may("http://localhost/", "10.0.0.1", {}));
  CHECK_FALSE(may("http://localhost/", "10.0.0.1", {"*"}));
  CHECK_FALSE(may("https://hooks.example/", "1.1.1.1", {}));  // the configuration has changed
  CHECK(may("http://hooks.example/", "10.0.0.1", {"Hooks.Example"}));
  CHECK(may("http://hooks.example/", "127.0.0.1", {"hooks.example"}));
  CHECK(may("https://hooks.example/", "1.1.1.1", {"hooks.example"}));
  CHECK_FALSE(may("http://hooks.example/", "1.1.1.1", {"hooks.example"}));  // others could read what agents do
  for (auto const* never : {"169.254.169.254", "0.0.0.0", "fe80::1", "224.0.0.1"})
    CHECK_FALSE(may("https://hooks.example/", never, {"*"}));
}
