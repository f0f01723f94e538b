#include "daemon/agent/worktree.hpp"

#include "base/paths.hpp"
#include "daemon/agent/git.hpp"

#include <vector>

namespace fs = std::filesystem;

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

/// Takes back what was made for it: the worktree, the folder and the branch.
awaitable<void> take_back(Executor executor, Workspace made) {
  // Twice forced: one that was made by half only is locked.
  std::vector<std::string> words{"worktree", "remove", "--force", "--force", made.path};
  (void)co_await plain_git(executor, made.repository, std::move(words));
  std::error_code ec;
  fs::remove(made.path, ec);  // the empty folder of one that git does not know yet
  if (!made.commit.empty()) (void)co_await delete_branch(executor, made.repository, made.branch, made.commit);
}

}  // namespace

json to_json(Workspace const& w) {
  json shown = {{"requestedMode", w.requested_mode}, {"mode", w.mode}};
  if (w.is_worktree()) {
    shown["path"] = w.path;
    shown["branch"] = w.branch;
    shown["repository"] = w.repository;
    shown["commit"] = w.commit;
  }
  return shown;
}

Workspace workspace_from(json const& stored) {
  Workspace w;
  if (!stored.is_object()) return w;
  w.requested_mode = stored.value("requestedMode", w.requested_mode);
  w.mode = stored.value("mode", w.mode);
  w.path = stored.value("path", "");
  w.branch = stored.value("branch", "");
  w.repository = stored.value("repository", "");
  w.commit = stored.value("commit", "");
  return w;
}

awaitable<Result<NewWorktree>> make_worktree(Executor executor, std::string cwd, fs::path path, std::string branch,
                                             Announce announce, Clock::duration patience) {
  // Every vector is named before it is awaited with: see base/async.hpp.
  auto const run = [&](std::string const& where, std::vector<std::string> words) {
    return git(executor, where, std::move(words));
  };
  auto const root = co_await run(cwd, {"rev-parse", "--show-toplevel"});
  if (!root) co_return root.error();
  if (root->status != 0)
    co_return invalid("workspace", cwd +
                                       " is in no git repository, so it can have no worktree; use --cwd with one, or "
                                       "leave --worktree out (git: " +
                                       root->said.substr(0, 300) + ")");
  auto const prefix = co_await run(cwd, {"rev-parse", "--show-prefix"});
  if (!prefix) co_return prefix.error();
  auto const head = co_await run(cwd, {"rev-parse", "--verify", "--quiet", "HEAD^{commit}"});
  if (!head) co_return head.error();
  if (head->status != 0)
    co_return conflict("no_commit", "the repository " + root->said + " has no commit yet; a worktree starts from one");
  auto const staged = co_await run(root->said, {"diff", "--cached", "--quiet"});
  if (!staged) co_return staged.error();
  if (staged->status != 0)
    co_return conflict("dirty_index", "the repository " + root->said +
                                          " has staged changes, which the worktree would not hold; commit them or "
                                          "`git stash` them first");
  auto const good = co_await run(root->said, {"check-ref-format", "--branch", branch});
  if (!good) co_return good.error();
  // What git expands, such as @{-1}, is the name of another branch.
  if (good->status != 0 || good->said != branch)
    co_return invalid("workspace.branch", "\"" + branch.substr(0, 80) + "\" is no name for a branch");
  auto const taken = co_await run(root->said, {"show-ref", "--verify", "--quiet", "refs/heads/" + branch});
  if (!taken) co_return taken.error();
  if (taken->status == 0)
    co_return conflict("branch_taken", "the repository " + root->said + " has a branch " + branch +
                                           " already; name another with --worktree BRANCH, or delete that one");
  std::error_code ec;
  if (fs::exists(path, ec))
    co_return conflict("path_taken", path.string() +
                                         " exists already, perhaps from an earlier agent of this name; look "
                                         "at it, then `git worktree remove` it or choose another name");
  if (auto made = make_private_dir(path.parent_path()); !made) co_return made.error();
  NewWorktree made;
  made.workspace = {"worktree", "worktree", path.string(), branch, root->said, head->said};
  if (announce) {
    auto const heard = co_await announce(made.workspace);
    if (!heard) co_return heard.error();
  }
  // The branch and the folder are made new or not at all, so what is taken back is ours.
  auto const branched = co_await run(root->said, {"update-ref", "refs/heads/" + branch, head->said, ""});
  if (!branched) co_return branched.error();
  if (branched->status != 0) co_return git_failed("make the branch " + branch, *branched);
  if (!fs::create_directory(path, ec)) {
    (void)co_await delete_branch(executor, root->said, branch, head->said);
    co_return conflict("path_taken", path.string() + " cannot be made: " + (ec ? ec.message() : "it exists by now"));
  }
  std::vector<std::string> add{"worktree", "add", path.string(), branch};
  auto const added = co_await git(executor, root->said, std::move(add), {.patience = patience});
  if (!added || added->status != 0) {
    co_await take_back(executor, made.workspace);
    if (added) co_return git_failed("add the worktree", *added);
    if (added.error().kind != ErrorKind::timeout) co_return added.error();
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(patience).count();
    co_return Error{ErrorKind::timeout, "git_slow",
                    "git has not made the worktree of " + root->said + " within " + std::to_string(seconds) +
                        " s, and was ended. Look whether the repository's post-checkout hook or a checkout filter "
                        "hangs: try `git -C " +
                        root->said + " worktree add --detach /tmp/try`"};
  }
  auto const deep = path / prefix->said;
  made.cwd = (fs::is_directory(deep, ec) ? deep : path).lexically_normal().string();
  if (made.cwd.size() > 1 && made.cwd.ends_with('/')) made.cwd.pop_back();
  co_return made;
}

awaitable<bool> discard_worktree(Executor executor, Workspace workspace) {
  co_await take_back(executor, workspace);
  std::error_code ec;
  co_return !fs::exists(workspace.path, ec);
}

awaitable<Result<bool>> remake_worktree(Executor executor, Workspace workspace) {
  std::error_code ec;
  if (!workspace.is_worktree() || fs::exists(workspace.path, ec)) co_return false;
  if (!fs::is_directory(workspace.repository, ec))
    co_return conflict("worktree_gone", "the worktree " + workspace.path + " is gone, and so is the repository " +
                                            workspace.repository + " from which it could be made anew");
  std::vector<std::string> look{"show-ref", "--verify", "--quiet", "refs/heads/" + workspace.branch};
  auto const there = co_await plain_git(executor, workspace.repository, std::move(look));
  if (!there) co_return there.error();
  if (there->status != 0)
    co_return conflict("worktree_gone", "the worktree " + workspace.path + " is gone, and so is its branch " +
                                            workspace.branch + " in " + workspace.repository);
  if (auto made = make_private_dir(fs::path(workspace.path).parent_path()); !made) co_return made.error();
  // git still has its name down.
  std::vector<std::string> forget{"worktree", "remove", "--force", workspace.path};
  (void)co_await plain_git(executor, workspace.repository, std::move(forget));
  std::vector<std::string> add{"worktree", "add", workspace.path, workspace.branch};
  auto const added = co_await git(executor, workspace.repository, std::move(add));
  if (!added) co_return added.error();
  if (added->status != 0) co_return git_failed("make the worktree " + workspace.path + " anew", *added);
  co_return true;
}

awaitable<Result<Removal>> remove_worktree(Executor executor, Workspace workspace, std::string finished) {
  auto const run = [&](std::string const& where, std::vector<std::string> words) {
    return plain_git(executor, where, std::move(words));
  };
  Removal removal;
  std::error_code ec;
  if (!fs::exists(workspace.path, ec)) {
    removal.removed = true;  // by somebody else
  } else {
    auto const changes = co_await run(workspace.path, {"status", "--porcelain", "--ignore-submodules=none"});
    if (!changes) co_return changes.error();
    if (changes->status != 0) co_return git_failed("look at the worktree " + workspace.path, *changes);
    if (!changes->said.empty()) {
      removal.kept = "it holds changes that are not committed";
      co_return removal;
    }
    // Commits that only this worktree's HEAD knows would be lost with it.
    auto const loose = co_await run(
        workspace.path, {"rev-list", "--max-count=1", "HEAD", "--not", "--branches", "--remotes", "--tags"});
    if (!loose) co_return loose.error();
    if (loose->status != 0 || !loose->said.empty()) {
      removal.kept = "its HEAD holds commits that are on no branch";
      co_return removal;
    }
    auto gone = co_await run(workspace.repository, {"worktree", "remove", workspace.path});
    if (gone && gone->status != 0) {
      // git removes one that has submodules by force only. Their repositories go with it.
      auto const own = co_await run(workspace.path, {"submodule", "--quiet", "foreach", "--recursive",
                                                     "git rev-list --max-count=1 HEAD --all --not --remotes --tags"});
      if (!own) co_return own.error();
      if (own->status == 0 && !own->said.empty()) {
        removal.kept = "a submodule in it holds commits that are on no remote";
        co_return removal;
      }
      auto const still = co_await run(workspace.path, {"status", "--porcelain", "--ignore-submodules=none"});
      if (own->status == 0 && still && still->status == 0 && still->said.empty())
        gone = co_await run(workspace.repository, {"worktree", "remove", "--force", workspace.path});
    }
    if (!gone) co_return gone.error();
    if (gone->status != 0) {
      removal.kept = "git does not remove it: " + gone->said.substr(0, 300);
      co_return removal;
    }
    removal.removed = true;
  }
  auto const there =
      co_await run(workspace.repository, {"show-ref", "--verify", "--hash", "refs/heads/" + workspace.branch});
  if (!there || there->status != 0) co_return removal;  // the branch has gone its own way
  auto const own = co_await run(workspace.repository,
                                {"rev-list", "--max-count=1", there->said, "--not", "--exclude=" + workspace.branch,
                                 "--branches", "--remotes", "--tags", "HEAD"});
  bool const is_finished = there->said == finished;  // git does not see it in commits that are written anew
  if (!own || own->status != 0 || (!own->said.empty() && !is_finished)) {
    removal.kept = "the branch " + workspace.branch + " has commits of its own";
    co_return removal;
  }
  auto const kept = co_await delete_branch(executor, workspace.repository, workspace.branch, there->said);
  removal.branch_deleted = kept.empty();
  if (!kept.empty()) removal.kept = "the branch " + workspace.branch + " cannot be deleted: " + kept;
  co_return removal;
}

}  // namespace ar::daemon
