// agent-runner's tools inside the real providers: an agent answers, looks around and remembers by them, also where its
// sandbox lets no command out.
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/profile_home.hpp"
#include "e2e/stub.hpp"

using ar::json;
using namespace ar::test;

namespace {

struct Scene : ProfileHome {
  /// What its model gets back from a tool that it calls; empty: nothing yet.
  virtual std::string call(std::string const& agent, std::string const& tool, json const& arguments) = 0;
  /// What its model is shown.
  virtual std::string shown() = 0;
  virtual void spawn(std::string const& agent, std::string const& mode, json const& options = json::object()) = 0;
  virtual ~Scene() = default;

  /// The tools come when their server is ready, which is after the first prompt.
  void wait_for_tools(std::string const& agent) {
    REQUIRE_MESSAGE(Installation::eventually([&] {
                      home.good({"send", agent, "hello", "--wait=done"});
                      return shown().find("wait_message") != std::string::npos;
                    }),
                    shown().substr(0, 4000));
  }
  void answers(std::string const& mode) {
    CAPTURE(mode);
    auto const agent = "ag-" + mode;
    spawn(agent, mode);
    wait_for_tools(agent);
    auto const id = home.send(agent, "a question");
    CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
    auto const said = call(agent, "reply", {{"message", id}, {"body", "by the tool"}});
    auto const replies = home.message(id)["replies"];
    REQUIRE_MESSAGE(replies.size() == 1, said);
    CHECK(replies[0]["body"] == "by the tool");
    CHECK(replies[0]["from"] == agent);
    auto const listed = call(agent, "list_agents", json::object());
    CHECK_MESSAGE(listed.find(agent) != std::string::npos, listed);
    auto const refused = call(agent, "get_agent", {{"agent", "somebody"}});
    CHECK_MESSAGE(refused.find("not_your_agent") != std::string::npos, refused);
  }
  void remembers() {
    spawn("mem", "full");
    wait_for_tools("mem");
    auto const said = call("mem", "memory_set", {{"key", "plan"}, {"value", "tests first"}});
    CHECK_MESSAGE(home.run({"memory", "get", "plan", "--in", "agent/mem"}).out == "tests first", said);
    auto const text = shown();
    for (auto const* for_people : {"decide_approval", "list_approvals"})
      CHECK(text.find(for_people) == std::string::npos);
    spawn("without", "full", {{"relay_tools", false}});
    home.good({"send", "without", "hello", "--wait=done"});
    CHECK(shown().find("wait_message") == std::string::npos);
  }
};

struct ClaudeScene : Scene {
  std::string const claude = claude_offline();
  Stub stub;

  void spawn(std::string const& agent, std::string const& mode, json const& options) override {
    auto words = claude_options(home, agent, claude, stub, mode);
    auto all = json::parse(words.back());
    all.update(options);
    words.back() = all.dump();
    words.insert(words.begin(), {"spawn", agent});
    home.good(words);
    home.wait_for_state(agent, "idle");
  }
  std::string call(std::string const& agent, std::string const& tool, json const& arguments) override {
    home.good({"send", agent, "[[tool:mcp__agent-runner__" + tool + ":" + arguments.dump() + "]]", "--wait=done"});
    return home.run_program("/usr/bin/curl", {"-s", stub.url() + "/__results"}, "").out;
  }
  std::string shown() override { return home.run_program("/usr/bin/curl", {"-s", stub.url() + "/__last"}, "").out; }
};

struct CodexScene : Scene {
  std::string const codex = codex_offline();
  OpenAiStub stub;

  CodexScene() { stub.configure(person / ".codex"); }
  void spawn(std::string const& agent, std::string const& mode, json const& options) override {
    json all = {{"command", codex}};
    all.update(options);
    home.good({"spawn", agent, "--provider", "codex", "--cwd", repo.string(), "--approval-mode", mode, "--options",
               all.dump()});
    home.wait_for_state(agent, "idle");
  }
  std::string call(std::string const& agent, std::string const& tool, json const& arguments) override {
    home.good({"send", agent, "[[mcp:" + tool + ":" + arguments.dump() + "]]", "--wait=done"});
    return stub.get("/__outputs").dump();
  }
  std::string shown() override { return stub.get("/__last").dump(); }
};

}  // namespace

TEST_CASE("AClaudeAnswersByATool") {
  ClaudeScene scene;
  for (auto const* mode : {"read-only", "guarded", "full"}) scene.answers(mode);
}

TEST_CASE("AClaudeRemembersByATool") { ClaudeScene().remembers(); }

TEST_CASE("ACodexAnswersByATool") {
  CodexScene scene;
  for (auto const* mode : {"read-only", "guarded", "auto", "full"}) scene.answers(mode);
}

TEST_CASE("ACodexRemembersByATool") { CodexScene().remembers(); }
