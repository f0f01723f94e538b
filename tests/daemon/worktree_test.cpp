// With the real git, in a folder of its own.
#include "daemon/agent/worktree.hpp"

#include "git_repository.hpp"

using namespace ar;
using namespace ar::daemon;
namespace fs = std::filesystem;

namespace {

struct Repository : test::GitRepository {
  Repository() {
    fs::create_directories(root / "sub");
    commit("sub/file", "one");
  }
  void shell(std::string const& line) const { GitRepository::shell(root, line); }
  void commit(std::string const& file, std::string const& text) const { GitRepository::commit(root, file, text); }
  bool has_branch(std::string const& name) const {
    return std::system(("git -C '" + root.string() + "' show-ref --verify --quiet refs/heads/" + name).c_str()) == 0;
  }
  Result<NewWorktree> make(fs::path const& cwd, std::string const& branch = "agent-runner/alice",
                           Clock::duration patience = kCheckoutPatience) {
    return wait(make_worktree(io.get_executor(), cwd.string(), tree, branch, {}, patience));
  }
  Removal remove(Workspace const& workspace) {
    auto removal = wait(remove_worktree(io.get_executor(), workspace));
    REQUIRE_MESSAGE(removal.has_value(), removal.error().message);
    return *removal;
  }
};

}  // namespace

TEST_CASE("AWorktreeStartsFromHeadAndGoesWithoutATrace") {
  Repository repo;
  auto const made = repo.make(repo.root / "sub");
  REQUIRE_MESSAGE(made.has_value(), made.error().message);
  CHECK(made->cwd == (repo.tree / "sub").string());
  CHECK(made->workspace.repository == repo.root.string());
  CHECK(*read_file(repo.tree / "sub" / "file", 10) == "one");
  CHECK(repo.has_branch("agent-runner/alice"));
  auto const stored = workspace_from(json::parse(to_json(made->workspace).dump()));
  CHECK(to_json(stored) == to_json(made->workspace));
  auto const removal = repo.remove(stored);
  CHECK(removal.removed);
  CHECK(removal.branch_deleted);
  CHECK(removal.kept.empty());
  CHECK_FALSE(fs::exists(repo.tree));
  CHECK_FALSE(repo.has_branch("agent-runner/alice"));
}

TEST_CASE("WorkThatIsNowhereElseIsKeptAndNamed") {
  Repository repo;
  auto const made = repo.make(repo.root);
  REQUIRE(made.has_value());
  SUBCASE("a new file") {
    REQUIRE(write_file(repo.tree / "new", "n").has_value());
    auto const removal = repo.remove(made->workspace);
    CHECK_FALSE(removal.removed);
    CHECK(removal.kept.find("not committed") != std::string::npos);
    CHECK(*read_file(repo.tree / "new", 10) == "n");
  }
  SUBCASE("a commit on its branch") {
    repo.git("-C '" + repo.tree.string() + "' commit -q --allow-empty -m own");
    auto const removal = repo.remove(made->workspace);
    CHECK(removal.removed);
    CHECK_FALSE(removal.branch_deleted);
    CHECK(removal.kept.find("commits of its own") != std::string::npos);
    CHECK(repo.has_branch("agent-runner/alice"));
  }
  SUBCASE("a commit on no branch") {
    repo.git("-C '" + repo.tree.string() + "' checkout -q --detach");
    repo.git("-C '" + repo.tree.string() + "' commit -q --allow-empty -m loose");
    auto const removal = repo.remove(made->workspace);
    CHECK_FALSE(removal.removed);
    CHECK(removal.kept.find("on no branch") != std::string::npos);
    CHECK(fs::exists(repo.tree));
  }
  SUBCASE("a commit that has been merged is not its own any more") {
    repo.git("-C '" + repo.tree.string() + "' commit -q --allow-empty -m own");
    repo.git("merge -q --ff-only agent-runner/alice");
    CHECK(repo.remove(made->workspace).branch_deleted);
  }
  SUBCASE("somebody else has removed it") {
    repo.git("worktree remove '" + repo.tree.string() + "'");
    auto const removal = repo.remove(made->workspace);
    CHECK(removal.removed);
    CHECK(removal.branch_deleted);
  }
  SUBCASE("the repository is gone") {
    fs::rename(repo.root, repo.dir.path() / "moved");
    auto const removal = repo.wait(remove_worktree(repo.io.get_executor(), made->workspace));
    CHECK((!removal || !removal->removed));
    CHECK(fs::exists(repo.tree / "sub" / "file"));
  }
}

TEST_CASE("WhatCannotBecomeAWorktreeIsRefusedAndLeavesNothing") {
  Repository repo;
  CHECK(repo.make(repo.dir.path()).error().message.find("no git repository") != std::string::npos);
  repo.git("branch taken");
  CHECK(repo.make(repo.root, "taken").error().code == "branch_taken");
  CHECK(repo.make(repo.root, "a..b").error().field == "workspace.branch");
  CHECK(repo.make(repo.root, "--force").error().field == "workspace.branch");
  fs::create_directories(repo.tree);
  CHECK(repo.make(repo.root).error().code == "path_taken");
  fs::remove_all(repo.tree);
  REQUIRE(write_file(repo.root / "staged", "s").has_value());
  repo.git("add staged");
  auto const dirty = repo.make(repo.root);
  CHECK(dirty.error().code == "dirty_index");
  CHECK(dirty.error().message.find("git stash") != std::string::npos);
  repo.git("reset -q");
  // A branch below another's name: git itself says no.
  repo.git("branch agent-runner");
  auto const failed = repo.make(repo.root);
  CHECK(failed.error().code == "git_failed");
  CHECK_FALSE(fs::exists(repo.tree));
  auto const empty = repo.dir.path() / "empty";
  fs::create_directories(empty);
  repo.shell("git init -q '" + empty.string() + "'");
  CHECK(repo.make(empty).error().code == "no_commit");
  auto const path = std::string(std::getenv("PATH"));
  ::setenv("PATH", repo.dir.path().c_str(), 1);
  auto const missing = repo.make(repo.root);
  ::setenv("PATH", path.c_str(), 1);
  CHECK(missing.error().code == "git_missing");
  CHECK_FALSE(fs::exists(repo.tree));
}

TEST_CASE("ABranchThatWasThereBeforeIsNeverDeleted") {
  Repository repo;
  repo.git("checkout -q -b precious && git commit -q --allow-empty -m own && git checkout -q main");
  for (auto const* name : {"@{-1}", "@{-2}", "@", "-", "HEAD", "main@{0}"}) {
    CAPTURE(name);
    auto const made = repo.make(repo.root, name);
    if (made)
      repo.remove(made->workspace);
    else
      CHECK(made.error().field == "workspace.branch");
    CHECK(repo.has_branch("precious"));
    CHECK(repo.has_branch("main"));
    CHECK_FALSE(fs::exists(repo.tree));
  }
  // Made by somebody else after the look, and moved on since the agent's was made.
  auto announce = [&](Workspace const&) -> awaitable<Result<void>> {
    repo.git("branch agent-runner/alice precious");
    co_return Result<void>();
  };
  auto const late =
      repo.wait(make_worktree(repo.io.get_executor(), repo.root.string(), repo.tree, "agent-runner/alice", announce));
  CHECK(late.error().code == "git_failed");
  CHECK(repo.has_branch("agent-runner/alice"));
  auto const main = Workspace{"worktree",           "worktree",         repo.tree.string(),
                              "agent-runner/alice", repo.root.string(), "0123456789012345678901234567890123456789"};
  CHECK(repo.wait(discard_worktree(repo.io.get_executor(), main)));
  CHECK(repo.has_branch("agent-runner/alice"));
}

TEST_CASE("AFolderThatAppearsInTheMeantimeIsNotRemoved") {
  Repository repo;
  auto announce = [&](Workspace const&) -> awaitable<Result<void>> {
    repo.git("worktree add -q '" + repo.tree.string() + "' -b other");
    co_return Result<void>();
  };
  auto const made = repo.wait(make_worktree(repo.io.get_executor(), repo.root.string(), repo.tree, "mine", announce));
  CHECK(made.error().code == "path_taken");
  CHECK(fs::exists(repo.tree / "sub" / "file"));
  CHECK(repo.has_branch("other"));
  CHECK_FALSE(repo.has_branch("mine"));
}

TEST_CASE("ABranchThatIsCheckedOutElsewhereIsKept") {
  Repository repo;
  auto const made = repo.make(repo.root);
  REQUIRE(made.has_value());
  repo.git("-C '" + repo.tree.string() + "' checkout -q --detach");
  repo.git("checkout -q agent-runner/alice");
  auto const removal = repo.remove(made->workspace);
  CHECK(removal.removed);
  CHECK_FALSE(removal.branch_deleted);
  CHECK(removal.kept.find("checked out") != std::string::npos);
  CHECK(repo.has_branch("agent-runner/alice"));
}

TEST_CASE("AHookThatHangsIsEndedAndLeavesNothing") {
  Repository repo;
  auto const hook = repo.root / ".git" / "hooks" / "post-checkout", pid_file = repo.dir.path() / "pid";
  fs::create_directories(hook.parent_path());
  REQUIRE(write_file(hook, "#!/bin/sh\necho $$ > '" + pid_file.string() + "'\nexec sleep 1000\n").has_value());
  fs::permissions(hook, fs::perms::owner_all);
  auto const made = repo.make(repo.root, "agent-runner/alice", std::chrono::seconds(2));
  CHECK(made.error().code == "git_slow");
  CHECK(made.error().message.find("post-checkout") != std::string::npos);
  CHECK_FALSE(fs::exists(repo.tree));
  CHECK_FALSE(repo.has_branch("agent-runner/alice"));
  auto const pid = std::stoi(*read_file(pid_file, 100));
  // Its new parent may not have waited for it yet.
  auto const state = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  CHECK((!state || state->find(") Z") != std::string::npos));
  fs::remove(hook);
  CHECK(repo.make(repo.root).has_value());
}

TEST_CASE("AHookSeesNothingOfTheDaemonsEnvironmentThatAnAgentWouldNot") {
  Repository repo;
  auto const hook = repo.root / ".git" / "hooks" / "post-checkout", seen = repo.dir.path() / "environment";
  fs::create_directories(hook.parent_path());
  REQUIRE(write_file(hook, "#!/bin/sh\nexport -p > '" + seen.string() + "'\n").has_value());
  fs::permissions(hook, fs::perms::owner_all);
  ::setenv("SOME_API_KEY", "secret", 1);
  auto const made = repo.make(repo.root);
  ::unsetenv("SOME_API_KEY");
  REQUIRE(made.has_value());
  auto const text = *read_file(seen, 1 << 20);
  CHECK(text.find(" PATH=") != text.npos);
  CHECK(text.find("SOME_API_KEY") == text.npos);
}

TEST_CASE("ACleanWorktreeWithASubmoduleIsRemoved") {
  Repository repo;
  auto const library = repo.dir.path() / "library";
  repo.shell("git init -q -b main '" + library.string() + "' && cd '" + library.string() +
             "' && git -c user.name=T -c user.email=t@localhost commit -q --allow-empty -m x");
  repo.git("-c protocol.file.allow=always submodule --quiet add '" + library.string() + "' lib && git commit -qm lib");
  auto const made = repo.make(repo.root);
  REQUIRE(made.has_value());
  auto const in_tree = "-C '" + repo.tree.string() + "' ";
  SUBCASE("never initialised") {
    CHECK(repo.remove(made->workspace).removed);
    return;
  }
  repo.git(in_tree + "-c protocol.file.allow=always submodule --quiet update --init");
  auto const in_lib = "-C '" + (repo.tree / "lib").string() + "' -c user.name=T -c user.email=t@localhost ";
  SUBCASE("clean") {
    auto const removal = repo.remove(made->workspace);
    CHECK(removal.removed);
    CHECK(removal.branch_deleted);
    CHECK_FALSE(fs::exists(repo.tree));
  }
  SUBCASE("with a file of its own") {
    REQUIRE(write_file(repo.tree / "lib" / "new", "n").has_value());
    CHECK_FALSE(repo.remove(made->workspace).removed);
    CHECK(fs::exists(repo.tree / "lib" / "new"));
  }
  SUBCASE("with a commit that is nowhere else") {
    repo.git(in_lib + "commit -q --allow-empty -m own");
    repo.git(in_tree + "-c user.name=T -c user.email=t@localhost commit -qam moved");
    repo.git("merge -q --ff-only agent-runner/alice");
    auto const removal = repo.remove(made->workspace);
    CHECK_FALSE(removal.removed);
    CHECK(removal.kept.find("submodule") != std::string::npos);
  }
}

TEST_CASE("AWorktreeWhoseFolderIsGoneIsMadeAnewFromItsBranch") {
  Repository at;
  auto const made = at.make(at.root);
  REQUIRE(made.has_value());
  auto const& workspace = made->workspace;
  auto const remake = [&] { return at.wait(remake_worktree(at.io.get_executor(), workspace)); };
  CHECK(*remake() == false);
  CHECK(*at.wait(remake_worktree(at.io.get_executor(), Workspace())) == false);
  REQUIRE(std::system(("cd '" + at.tree.string() +
                       "' && echo two > sub/file && git -c user.name=T -c user.email=t@localhost commit -qam two")
                          .c_str()) == 0);
  fs::remove_all(at.tree.parent_path());
  CHECK(*remake() == true);
  CHECK(*read_file(at.tree / "sub" / "file", 100) == "two\n");
  CHECK(*remake() == false);
  fs::remove_all(at.tree);
  at.git("worktree prune");
  at.git("branch -D agent-runner/alice");
  auto const branchless = remake();
  REQUIRE_FALSE(branchless.has_value());
  CHECK(branchless.error().code == "worktree_gone");
  CHECK(branchless.error().message.find("agent-runner/alice") != std::string::npos);
  fs::remove_all(at.root);
  CHECK(remake().error().code == "worktree_gone");
}
