// With the real git, in folders of its own. Each situation is one that people's repositories are in.
#include "daemon/agent/worktree_finish.hpp"

#include "daemon/agent/worktree_look.hpp"
#include "git_repository.hpp"

#include <cstdio>
#include <cstdlib>

using namespace ar;
using namespace ar::daemon;
namespace fs = std::filesystem;

namespace {

struct Situation : test::GitRepository {
  std::string const home = std::getenv("HOME") ? std::getenv("HOME") : "/";
  fs::path scratch = dir.path() / "trees" / ".rebase";
  Workspace workspace;

  Situation() {
    ::setenv("HOME", dir.path().c_str(), 1);  // whose git configuration the daemon's git reads
    commit(root, "shared", "one\ntwo\nthree\n", "first");
    auto made = wait(make_worktree(io.get_executor(), root.string(), tree, "alice", {}));
    REQUIRE_MESSAGE(made.has_value(), made.error().message);
    workspace = made->workspace;
  }
  ~Situation() { ::setenv("HOME", home.c_str(), 1); }
  void tree_git(std::string const& words) const { shell(tree, "git " + words); }
  std::string said(std::string const& line) const {
    auto* const pipe = ::popen(("cd '" + root.string() + "' && " + line + " 2>&1").c_str(), "r");
    REQUIRE(pipe);
    std::string text;
    char buffer[4096];
    while (auto const n = std::fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, n);
    ::pclose(pipe);
    return text;
  }
  void write(fs::path const& file, std::string const& text) const { REQUIRE(write_file(file, text).has_value()); }
  Result<Finished> finish(FinishHow how = FinishHow::merge, std::string into = "", std::string message = "") {
    return wait(finish_worktree(io.get_executor(), workspace, {how, std::move(into), std::move(message), scratch}));
  }
  /// All that a refusal must leave alone: branches, index and files of both working copies, worktrees.
  std::string everything() const {
    return said("git for-each-ref; git worktree list --porcelain; git stash list; for d in . '" + tree.string() +
                "'; do git -C $d status --porcelain --ignored; git -C $d diff; git -C $d diff --cached; done; ls -a '" +
                tree.parent_path().string() + "'");
  }
  /// Refused with that code, and nothing has changed.
  Error refused(std::string const& code, FinishHow how = FinishHow::merge, std::string const& into = "") {
    auto const before = everything();
    auto const done = finish(how, into);
    REQUIRE_MESSAGE(!done.has_value(), code);
    CHECK_MESSAGE(done.error().code == code, done.error().message);
    CHECK(everything() == before);
    return done.error();
  }
};

constexpr FinishHow kAll[] = {FinishHow::merge, FinishHow::squash, FinishHow::rebase};

}  // namespace

TEST_CASE("WhatTheBranchCanSimplyFollowIsFollowed") {
  for (auto const how : {FinishHow::merge, FinishHow::rebase}) {
    CAPTURE(to_string(how));
    Situation s;
    s.commit(s.tree, "new", "n\n", "second");
    s.commit(s.tree, "new2", "n\n", "third");
    auto const done = s.finish(how);
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    CHECK(done->into == "main");
    CHECK(done->commits == 2);
    CHECK(done->after == done->tip);
    CHECK(s.said("git log --format=%s main") == "third\nsecond\nfirst\n");
    CHECK(s.said("git status --porcelain").empty());  // its files have followed
    CHECK(*read_file(s.root / "new", 10) == "n\n");
    auto const again = s.finish(how);
    REQUIRE(again.has_value());
    CHECK(again->commits == 0);
    CHECK(again->after == again->before);
  }
}

TEST_CASE("ABranchThatHasGoneOnIsJoined") {
  Situation s;
  s.commit(s.tree, "new", "n\n", "hers");
  s.commit(s.root, "other", "o\n", "ours");
  SUBCASE("by a merge") {
    auto const done = s.finish(FinishHow::merge, "", "Bring what alice made");
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    CHECK(s.said("git log -1 --format='%s %p' main") ==
          "Bring what alice made " + done->before.substr(0, 7) + " " + done->tip.substr(0, 7) + "\n");
  }
  SUBCASE("by a squash") {
    s.commit(s.tree, "new", "n2\n", "hers too");
    auto const done = s.finish(FinishHow::squash);
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    CHECK(s.said("git log --format=%s main") == "Squash 2 commits of alice\nours\nfirst\n");
    CHECK(s.said("git log -1 --format=%b main") == "* hers\n* hers too\n\n");
    auto const again = s.finish(FinishHow::squash);  // as after a daemon's end before the removal
    REQUIRE(again.has_value());
    CHECK(again->after == again->before);
  }
  SUBCASE("by a squash of one commit, under its own message") {
    REQUIRE(s.finish(FinishHow::squash).has_value());
    CHECK(s.said("git log --format=%s main") == "hers\nours\nfirst\n");
  }
  SUBCASE("by a rebase") {
    auto const done = s.finish(FinishHow::rebase);
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    CHECK(s.said("git log --format='%s %p' main") ==
          "hers " + done->before.substr(0, 7) + "\nours " + s.workspace.commit.substr(0, 7) + "\nfirst \n");
    CHECK_FALSE(fs::exists(s.scratch));
    auto const again = s.finish(FinishHow::rebase);
    REQUIRE(again.has_value());
    CHECK(again->after == again->before);
  }
  CHECK(*read_file(s.root / "other", 10) == "o\n");
  CHECK(read_file(s.root / "new", 10).has_value());
  CHECK(s.said("git status --porcelain").empty());
}

TEST_CASE("AConflictIsToldWithItsFilesAndNothingIsDone") {
  for (auto const how : kAll) {
    CAPTURE(to_string(how));
    Situation s;
    s.commit(s.tree, "shared", "one\nhers\nthree\n");
    s.commit(s.tree, "fine", "f\n");
    s.commit(s.root, "shared", "one\nours\nthree\n");
    auto const error = s.refused("merge_conflict", how);
    CHECK(error.message.find("shared") != std::string::npos);
    CHECK(error.message.find("fine") == std::string::npos);
    CHECK_FALSE(fs::exists(s.scratch));
  }
}

TEST_CASE("WhatIsNotCommittedInTheWorktreeIsNamed") {
  Situation s;
  s.commit(s.tree, "new", "n\n");
  SUBCASE("changed") { s.write(s.tree / "shared", "changed"); }
  SUBCASE("staged") {
    s.write(s.tree / "shared", "changed");
    s.tree_git("add shared");
  }
  SUBCASE("new") { s.write(s.tree / "shared2", "changed"); }
  SUBCASE("new, where git shows no such files") {
    s.git("config status.showUntrackedFiles no");
    s.write(s.tree / "shared2", "changed");
    auto const removal = s.wait(remove_worktree(s.io.get_executor(), s.workspace));
    CHECK_FALSE(removal->removed);
    CHECK(fs::exists(s.tree / "shared2"));
  }
  CHECK(s.refused("worktree_dirty").message.find("shared") != std::string::npos);
}

TEST_CASE("WhatIsNotCommittedInTheRepositoryStays") {
  Situation s;
  s.commit(s.tree, "shared", "hers\n");
  SUBCASE("where it would be lost all is refused") {
    s.write(s.root / "shared", "ours, unsaved\n");
    for (auto const how : kAll) CHECK(s.refused("would_overwrite", how).message.find("shared") != std::string::npos);
    CHECK(*read_file(s.root / "shared", 100) == "ours, unsaved\n");
  }
  SUBCASE("a new file in the way") {
    s.commit(s.tree, "new", "hers\n");
    s.write(s.root / "new", "ours\n");
    s.refused("would_overwrite");
    CHECK(*read_file(s.root / "new", 100) == "ours\n");
  }
  SUBCASE("elsewhere it is not in the way") {
    s.write(s.root / "elsewhere", "ours\n");
    auto const done = s.finish();
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    CHECK(s.said("git status --porcelain") == "?? elsewhere\n");
    CHECK(*read_file(s.root / "shared", 100) == "hers\n");
  }
}

TEST_CASE("AWorkingCopyThatIsNotWhereItShouldBe") {
  Situation s;
  s.commit(s.tree, "new", "n\n");
  SUBCASE("the worktree's HEAD is detached") {
    s.tree_git("checkout -q --detach");
    CHECK(s.refused("detached_head").message.find("no branch") != std::string::npos);
  }
  SUBCASE("the worktree is on another branch") {
    s.tree_git("switch -qc other");
    CHECK(s.refused("detached_head").message.find("other") != std::string::npos);
  }
  SUBCASE("the repository's HEAD is detached") {
    s.git("checkout -q --detach");
    CHECK(s.refused("detached_head").message.find("--into") != std::string::npos);
    REQUIRE(s.finish(FinishHow::merge, "main").has_value());  // nobody has it checked out: it is moved only
    CHECK(s.said("git rev-parse main") == s.said("git rev-parse alice"));
    CHECK_FALSE(fs::exists(s.root / "new"));
  }
  SUBCASE("the branch is checked out elsewhere") {
    s.git("branch other && git worktree add -q ../other other");
    s.refused("branch_in_use", FinishHow::merge, "other");
  }
  SUBCASE("there is no such branch") { s.refused("no_such_branch", FinishHow::merge, "nowhere"); }
  SUBCASE("its own branch") { s.refused("invalid_argument", FinishHow::merge, "alice"); }
  SUBCASE("the worktree is gone") {
    fs::remove_all(s.tree);
    CHECK(s.finish().error().code == "worktree_gone");
  }
  SUBCASE("the repository is gone") {
    fs::remove_all(s.root);
    CHECK(s.finish().error().code == "worktree_gone");
  }
}

TEST_CASE("WhatIsHalfDoneIsNotDisturbed") {
  Situation s;
  s.commit(s.tree, "shared", "one\nhers\nthree\n");
  s.git("branch theirs");
  s.commit(s.root, "shared", "one\nours\nthree\n");
  SUBCASE("a merge in the worktree") {
    s.shell(s.tree, "! git merge main");
    CHECK(s.refused("operation_in_progress").message.find("merge") != std::string::npos);
  }
  SUBCASE("a rebase in the worktree") {
    s.shell(s.tree, "! git rebase main");
    CHECK(s.refused("operation_in_progress").message.find("rebase") != std::string::npos);
  }
  SUBCASE("a cherry-pick in the repository") {
    s.shell(s.root, "! git cherry-pick alice");
    CHECK(s.refused("operation_in_progress").message.find("cherry-pick") != std::string::npos);
  }
  SUBCASE("one in the repository is not in the way of another branch") {
    s.shell(s.root, "! git cherry-pick alice");
    CHECK(s.finish(FinishHow::merge, "theirs").has_value());
  }
}

TEST_CASE("WhatABranchAloneDoesNotHoldIsRefused") {
  Situation s;
  SUBCASE("a submodule") {
    fs::create_directories(s.dir.path() / "lib");
    s.shell(s.dir.path() / "lib",
            "git init -q -b main . && git -c user.name=T -c user.email=t@localhost commit -q --allow-empty -m x");
    s.tree_git("-c protocol.file.allow=always submodule --quiet add '" + (s.dir.path() / "lib").string() +
               "' lib && git commit -qm submodule");
    for (auto const how : kAll) CHECK(s.refused("has_submodules", how).message.find("lib") != std::string::npos);
  }
  SUBCASE("a file of git LFS") {
    s.commit(s.tree, ".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    s.commit(s.tree, "large.bin", "version https://git-lfs.github.com/spec/v1\n");
    for (auto const how : kAll) CHECK(s.refused("has_lfs_files", how).message.find("large.bin") != std::string::npos);
  }
  SUBCASE("LFS in a repository whose files of it were not touched is no obstacle") {
    s.commit(s.tree, ".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    CHECK(s.finish().has_value());
  }
  SUBCASE("no commit in common") {
    s.tree_git("checkout -q --orphan fresh && git commit -qm root && git branch -M fresh alice");
    s.refused("unrelated_branch");
  }
}

TEST_CASE("WithoutANameNothingIsCommitted") {
  Situation s;
  s.commit(s.tree, "new", "n\n");
  s.git("config --unset user.name && git config --unset user.email && git config user.useConfigOnly true");
  s.refused("no_identity");
}

TEST_CASE("NoHookOfTheRepositoryRunsAtAFinish") {
  for (auto const how : kAll) {
    CAPTURE(to_string(how));
    Situation s;
    s.commit(s.tree, "new", "n\n");
    s.commit(s.root, "other", "o\n");
    for (auto const* hook : {"pre-commit", "commit-msg", "post-commit", "post-merge", "post-checkout", "post-rewrite",
                             "pre-rebase", "reference-transaction", "post-index-change", "pre-merge-commit"}) {
      auto const file = s.root / ".git" / "hooks" / hook;
      s.write(file, "#!/bin/sh\ntouch '" + (s.dir.path() / "ran").string() + "'\nexit 1\n");
      fs::permissions(file, fs::perms::owner_all);
    }
    auto const done = s.finish(how);
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    CHECK(done->after != done->before);
    auto const removal = s.wait(remove_worktree(s.io.get_executor(), s.workspace, done->tip));
    CHECK(removal->removed);
    CHECK(removal->branch_deleted);
    CHECK_FALSE(fs::exists(s.dir.path() / "ran"));
  }
}

TEST_CASE("AFinishThatWasCutOffBeforeItsAgentWasRemovedIsMadeWhole") {
  for (auto const how : kAll) {
    CAPTURE(to_string(how));
    Situation s;
    s.commit(s.tree, "new", "n\n");
    s.commit(s.root, "other", "o\n");
    s.git("worktree remove '" + s.tree.string() + "'");
    CHECK(s.refused("worktree_gone", how).message.find("branch alice") != std::string::npos);
    s.git("worktree add -q '" + s.tree.string() + "' alice");
    auto const done = s.finish(how);
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    s.git("worktree remove '" + s.tree.string() + "'");
    auto const again = s.finish(how);
    REQUIRE_MESSAGE(again.has_value(), again.error().message);
    CHECK(again->after == again->before);
    auto const removal = s.wait(remove_worktree(s.io.get_executor(), s.workspace, again->tip));
    CHECK(removal->branch_deleted);
    CHECK(s.finish(how).has_value());  // without the branch, too
  }
}

TEST_CASE("WhatOthersHaveSetDoesNotChangeAFinish") {
  Situation s;
  s.write(s.dir.path() / "message", "subject\n\n" + std::string(9999, 'x') + "\u00e9\n");
  s.write(s.tree / "new", "n\n");
  s.tree_git("add -A && git commit -qF '" + (s.dir.path() / "message").string() + "'");
  s.commit(s.root, "other", "o\n");
  s.git("config commit.gpgSign true && git config gpg.program /bin/false");
  SUBCASE("a long message of a squash is kept whole") {
    auto const done = s.finish(FinishHow::squash);
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    CHECK(s.said("git log -1 --format=%b main") == std::string(9999, 'x') + "\u00e9\n\n");
  }
  SUBCASE("one that is too long is cut between two characters") {
    std::string message;
    while (message.size() < 100'000) message += "x\u00e9\u00e9\n";
    s.write(s.dir.path() / "message", message);
    s.tree_git("commit --amend --no-gpg-sign -qF '" + (s.dir.path() / "message").string() + "'");
    auto const done = s.finish(FinishHow::squash);
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    CHECK(s.said("git log -1 --format=%s main").starts_with("x\u00e9\u00e9 x"));
  }
  SUBCASE("nothing is signed by a rebase") {
    auto const done = s.finish(FinishHow::rebase);
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    CHECK(s.said("git log -1 --format=%G? main") == "N\n");
  }
}

TEST_CASE("ARebaseThatWasCutOffIsNotInTheWayOfTheNext") {
  Situation s;
  s.commit(s.tree, "new", "n\n");
  s.commit(s.root, "other", "o\n");
  s.git("worktree add -q --detach '" + s.scratch.string() + "' alice");
  auto const done = s.finish(FinishHow::rebase);
  REQUIRE_MESSAGE(done.has_value(), done.error().message);
  CHECK_FALSE(fs::exists(s.scratch));
  CHECK(s.said("git worktree list").find(".rebase") == std::string::npos);
}

TEST_CASE("HowFarAWorktreeIs") {
  Situation s;
  s.commit(s.tree, "new", "n\n");
  s.commit(s.tree, "shared", "one\nhers\nthree\n");
  s.commit(s.root, "other", "o\n");
  s.write(s.tree / "shared", "one\nhers\nunsaved\n");
  s.write(s.tree / "untracked", "u\n");
  auto const shown = s.wait(look_at_worktree(s.io.get_executor(), s.workspace));
  CHECK(shown["into"] == "main");
  CHECK(shown["ahead"] == 2);
  CHECK(shown["behind"] == 1);
  CHECK(shown["changed"] == 2);
  CHECK(shown["problem"].is_null());
  auto const diff = s.wait(worktree_diff(s.io.get_executor(), s.workspace));
  REQUIRE_MESSAGE(diff.has_value(), diff.error().message);
  CHECK((*diff)["base"] == s.workspace.commit);
  auto const text = (*diff)["diff"].get<std::string>();
  CHECK(text.find("+hers") != std::string::npos);
  CHECK(text.find("+unsaved") != std::string::npos);
  CHECK(text.find("other") == std::string::npos);
  CHECK((*diff)["stat"].get<std::string>().find("2 files changed") != std::string::npos);
  CHECK((*diff)["untracked"] == json{"untracked"});
  CHECK((*diff)["truncated"] == false);
  fs::remove_all(s.tree);
  CHECK_FALSE(s.wait(look_at_worktree(s.io.get_executor(), s.workspace))["problem"].is_null());
}
