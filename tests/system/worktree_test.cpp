#include "support/file_text.hpp"
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;
namespace fs = std::filesystem;

namespace {

struct World {
  Installation home;
  World() {
    git({"init", "-q", "-b", "main", "."});
    std::ofstream(home.work() / "file") << "one";
    git({"add", "file"});
    git({"-c", "user.name=T", "-c", "user.email=t@localhost", "commit", "-qm", "x"});
  }
  int git(std::vector<std::string> words) {
    words.insert(words.begin(), {"-C", home.work().string()});
    return home.run_program("/usr/bin/git", words, "").status;
  }
  std::string head() {
    return home.run_program("/usr/bin/git", {"-C", home.work().string(), "rev-parse", "main"}, "").out.substr(0, 40);
  }
  bool has_branch(std::string const& name) {
    return git({"show-ref", "--verify", "--quiet", "refs/heads/" + name}) == 0;
  }
};

}  // namespace

TEST_CASE("AnAgentWorksInItsOwnWorktreeOverADaemonsDeathAndItGoesWithTheAgent") {
  World world;
  auto& home = world.home;
  json const options = {{"command", {"/bin/sh", "-c", "pwd; echo mode $AGENT_RELAY_WORKSPACE_MODE; exec cat"}}};
  home.spawn("builder", {"--worktree", "--options", options.dump()});
  auto const tree = home.state() / "worktrees" / "builder";
  auto const shown = home.agent("builder");
  CHECK(shown["workspace"] == json{{"requestedMode", "worktree"},
                                   {"mode", "worktree"},
                                   {"path", tree.string()},
                                   {"branch", "agent-runner/builder"},
                                   {"repository", home.work().string()},
                                   {"commit", world.head()}});
  CHECK(shown["cwd"] == tree.string());
  CHECK(Installation::eventually([&] {
    auto const screen = home.run({"screen", "builder"}).out;
    return screen.find(tree.filename().string()) != std::string::npos &&
           screen.find("mode worktree") != std::string::npos;
  }));
  home.kill_daemon();
  CHECK(home.agent("builder")["workspace"]["branch"] == "agent-runner/builder");
  home.good({"stop", "builder"});
  home.good({"rm", "builder"});
  CHECK_FALSE(fs::exists(tree));
  CHECK_FALSE(world.has_branch("agent-runner/builder"));
}

TEST_CASE("WorkInARemovedAgentsWorktreeIsKeptAndNamed") {
  World world;
  auto& home = world.home;
  home.spawn("builder", {"--worktree=topic"});
  auto const tree = home.state() / "worktrees" / "builder";
  std::ofstream(tree / "result") << "precious";
  home.good({"stop", "builder"});
  auto const removed = home.good({"rm", "builder"});
  CHECK(removed.err.find("kept the worktree " + tree.string()) != std::string::npos);
  CHECK(fs::exists(tree / "result"));
  CHECK(world.has_branch("topic"));
  // Its place stays taken, and says so.
  auto const again =
      home.run({"spawn", "builder", "--provider", "command", "--cwd", home.work().string(), "--worktree"});
  CHECK(again.status != 0);
  CHECK(again.err.find(tree.string()) != std::string::npos);
}

TEST_CASE("ASpawnThatFailsLeavesNoWorktree") {
  World world;
  auto& home = world.home;
  auto const spawn = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"spawn", "x", "--provider", "command", "--worktree"};
    words.insert(words.end(), more.begin(), more.end());
    return home.run(words);
  };
  json const missing = {{"command", {"/does/not/exist"}}};
  CHECK(spawn({"--cwd", home.work().string(), "--options", missing.dump()}).status != 0);
  CHECK_FALSE(fs::exists(home.state() / "worktrees" / "x"));
  CHECK_FALSE(world.has_branch("agent-runner/x"));
  CHECK(spawn({"--cwd", "/"}).err.find("no git repository") != std::string::npos);
  CHECK(home.agent("x").empty());
}

TEST_CASE("ASpawnThatWasCutOffLeavesNoWorktreeInTheWayOfItsRepetition") {
  World world;
  auto& home = world.home;
  home.good({"up"});
  // git runs this when the worktree is made; the agent is in no journal yet.
  auto const hook = home.work() / ".git" / "hooks" / "post-checkout";
  auto const made = home.state() / "made", go = home.state() / "go";
  fs::create_directories(hook.parent_path());
  std::ofstream(hook) << "#!/bin/sh\necho > " << made.string() << "\nwhile [ ! -e " << go.string()
                      << " ]; do sleep 0.05; done\n";
  fs::permissions(hook, fs::perms::owner_all);
  std::vector<std::string> const spawn{"spawn",     "builder", "--provider", "command", "--cwd", home.work().string(),
                                       "--worktree"};
  std::thread killer([&] {
    CHECK(Installation::eventually([&] { return fs::exists(made); }));
    if (auto const pid = home.daemon_pid()) ::kill(*pid, SIGKILL);
    std::ofstream(go) << "";
  });
  auto arguments = spawn;
  arguments.insert(arguments.begin(), "--no-start");
  auto const cut_off = home.run(arguments);
  killer.join();
  CHECK(cut_off.status != 0);
  CHECK(fs::exists(home.state() / "worktrees" / "builder"));
  fs::remove(hook);
  home.good({"up"});
  CHECK_FALSE(fs::exists(home.state() / "worktrees" / "builder"));
  CHECK_FALSE(world.has_branch("agent-runner/builder"));
  home.good(spawn);
  home.wait_for_state("builder", "idle");
  // An agent that is there keeps its own.
  home.kill_daemon();
  home.good({"up"});
  CHECK(fs::exists(home.state() / "worktrees" / "builder" / "file"));
}

TEST_CASE("AWorktreeIsFinishedAndItsAgentGoesWithIt") {
  World world;
  auto& home = world.home;
  REQUIRE(world.git({"config", "user.name", "T"}) == 0);
  REQUIRE(world.git({"config", "user.email", "t@localhost"}) == 0);
  home.spawn("builder", {"--worktree"});
  auto const tree = home.state() / "worktrees" / "builder";
  auto const in_tree = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"-C", tree.string()});
    REQUIRE(home.run_program("/usr/bin/git", words, "").status == 0);
  };
  std::ofstream(tree / "result") << "precious\n";
  auto listed = json::parse(home.good({"worktree", "list", "--json"}).out);
  CHECK(listed["agent"] == "builder");
  CHECK(listed["changed"] == 1);
  CHECK(listed["ahead"] == 0);

  // While it runs it may be finished only if it stays.
  CHECK(home.run({"worktree", "finish", "builder"}).err.find("stop it first") != std::string::npos);
  auto const dirty = home.run({"worktree", "finish", "builder", "--keep"});
  CHECK(dirty.status != 0);
  CHECK(dirty.err.find("not committed: result") != std::string::npos);
  in_tree({"add", "result"});
  in_tree({"commit", "-qm", "the result"});
  CHECK(home.good({"worktree", "diff", "builder"}).out.find("+precious") != std::string::npos);
  auto const first = world.head();
  auto const kept = json::parse(home.good({"worktree", "finish", "builder", "--keep", "--json"}).out);
  CHECK(kept["before"] == first);
  CHECK(kept["after"] == world.head());
  CHECK(kept["removed"] == false);
  CHECK(fs::exists(home.work() / "result"));
  CHECK(home.agent("builder")["state"] == "idle");

  std::ofstream(tree / "result") << "better\n";
  in_tree({"commit", "-qam", "a better one"});
  std::ofstream(home.work() / "other") << "ours\n";
  world.git({"add", "other"});
  world.git({"commit", "-qm", "meanwhile"});
  home.good({"stop", "builder"});
  // The daemon is killed after the branch has moved, before the agent is gone: once more finds nothing to bring.
  home.good({"worktree", "finish", "builder", "--squash", "--keep"});
  home.kill_daemon();
  auto const squashed = world.head();
  auto const done = home.good({"worktree", "finish", "builder", "--squash"});
  CHECK(done.out.find("has all of it already") != std::string::npos);
  CHECK(done.err.empty());
  CHECK(world.head() == squashed);
  CHECK(ar::test::file_text(home.work() / "result") == "better\n");
  CHECK(home.agent("builder").empty());
  CHECK_FALSE(fs::exists(tree));
  CHECK_FALSE(world.has_branch("agent-runner/builder"));
  CHECK(home.run({"worktree", "list"}).err.find("no agent has a worktree") != std::string::npos);
}
