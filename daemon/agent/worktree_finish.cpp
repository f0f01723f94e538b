#include "daemon/agent/worktree_finish.hpp"

#include "base/unicode.hpp"
#include "daemon/agent/git.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

namespace fs = std::filesystem;

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr std::array<std::string_view, 3> kHow{"merge", "squash", "rebase"};
constexpr std::size_t kMostNamed = 20;              ///< files in an error
constexpr std::size_t kMostListed = 16U << 20;      ///< bytes of a list of changed files
constexpr std::size_t kLongestMessage = 64U << 10;  ///< bytes; the kernel takes 128 KiB in one argument
constexpr std::string_view kSubmodule = "160000";   ///< the mode of one in a tree

using Said = Result<ProgramOutcome>;

/// For an error: the first few, and how many more.
std::string named(std::vector<std::string> const& files) {
  std::string text;
  for (std::size_t i = 0; i < std::min(files.size(), kMostNamed); ++i) text += (i == 0 ? "" : ", ") + files[i];
  if (files.size() > kMostNamed) text += " and " + std::to_string(files.size() - kMostNamed) + " more";
  return text;
}

Error cannot(std::string const& what, Said const& outcome) {
  return outcome ? git_failed(what, *outcome) : outcome.error();
}

/// One that begins and ends while others work beside it, so that it must not find what they leave half done.
awaitable<Result<void>> check_no_operation(Executor executor, std::string where) {
  struct Kind {
    char const *file, *name;
  };
  static constexpr std::array<Kind, 6> kinds{{{"MERGE_HEAD", "merge"},
                                              {"CHERRY_PICK_HEAD", "cherry-pick"},
                                              {"REVERT_HEAD", "revert"},
                                              {"rebase-merge", "rebase"},
                                              {"rebase-apply", "rebase"},
                                              {"BISECT_LOG", "bisect"}}};
  std::vector<std::string> words{"rev-parse"};
  for (auto const& kind : kinds) {
    words.emplace_back("--git-path");
    words.emplace_back(kind.file);
  }
  auto const paths = co_await plain_git(executor, where, std::move(words));
  if (!paths || paths->status != 0) co_return cannot("look into " + where, paths);
  auto const files = lines_of(paths->said);
  std::error_code ec;
  for (std::size_t i = 0; i < std::min(files.size(), kinds.size()); ++i)
    if (fs::exists(fs::path(where) / files[i], ec))
      co_return conflict("operation_in_progress", "a " + std::string(kinds[i].name) + " is under way in " + where +
                                                      "; end it or undo it there (`git -C " + where +
                                                      " status` says how)");
  co_return Result<void>();
}

awaitable<Result<std::string>> commit_of(Executor executor, std::string where, std::string name) {
  std::vector<std::string> words{"rev-parse", "--verify", "--quiet", name + "^{commit}"};
  auto const found = co_await plain_git(executor, where, std::move(words));
  if (!found) co_return found.error();
  co_return found->status == 0 ? found->said : std::string();
}

/// What is to be done, looked at from all sides.
struct Plan {
  Finished finished;
  bool is_ahead = false;     ///< the agent's branch has all that the other has
  bool checked_out = false;  ///< the repository's working copy has the other
};

/// The worktree: on its own branch, everything committed, nothing half done.
awaitable<Result<void>> check_worktree(Executor executor, Workspace const& w) {
  if (auto quiet = co_await check_no_operation(executor, w.path); !quiet) co_return quiet.error();
  auto const on = co_await branch_of(executor, w.path);
  if (!on) co_return on.error();
  if (*on != w.branch)
    co_return conflict("detached_head", "the worktree " + w.path + " is on " +
                                            (on->empty() ? "no branch" : "the branch " + *on) +
                                            " and not on its own; go back with `git -C " + w.path + " switch " +
                                            w.branch + "`, or merge by hand");
  std::vector<std::string> words{"-c", "core.quotePath=false", "status", "--porcelain", "--ignore-submodules=none"};
  auto const status = co_await plain_git(executor, w.path, std::move(words), {.most_kept = kMostListed});
  if (!status || status->status != 0) co_return cannot("look at the worktree " + w.path, status);
  if (status->said.empty()) co_return Result<void>();
  auto files = lines_of(status->said);
  for (auto& file : files) file.erase(0, std::min<std::size_t>(3, file.size()));
  co_return conflict("worktree_dirty", "the worktree " + w.path + " holds changes that are not committed: " +
                                           named(files) + "; have them committed, or thrown away");
}

/// The branch that it is to come into: there, and in nobody else's hands.
awaitable<Result<Plan>> check_target(Executor executor, Workspace const& w, std::string into) {
  Plan plan;
  auto const checked_out = co_await branch_of(executor, w.repository);
  if (!checked_out) co_return checked_out.error();
  if (into.empty()) into = *checked_out;
  if (into.empty())
    co_return conflict("detached_head", "the repository " + w.repository +
                                            " has no branch checked out; say with --into which one is meant");
  if (into == w.branch) co_return invalid("into", into + " is the agent's own branch; name the one it is to come into");
  auto const ref = "refs/heads/" + into;
  auto const before = co_await commit_of(executor, w.repository, ref);
  if (!before) co_return before.error();
  if (before->empty())
    co_return not_found("no_such_branch", "the repository " + w.repository + " has no branch \"" + into.substr(0, 80) +
                                              "\"; `git branch` lists them");
  std::vector<std::string> look{"for-each-ref", "--format=%(worktreepath)", ref};
  auto const used = co_await plain_git(executor, w.repository, std::move(look));
  if (!used || used->status != 0) co_return cannot("look at the branch " + into, used);
  std::error_code ec;
  plan.checked_out = !used->said.empty();
  if (plan.checked_out && !fs::equivalent(used->said, w.repository, ec))
    co_return conflict("branch_in_use", "the branch " + into + " is checked out in " + used->said.substr(0, 300) +
                                            ", which would be changed under whoever works there; go to another "
                                            "branch there first");
  if (plan.checked_out)
    if (auto quiet = co_await check_no_operation(executor, w.repository); !quiet) co_return quiet.error();
  plan.finished.into = into;
  plan.finished.before = plan.finished.after = *before;
  co_return plan;
}

/// What the agent has changed: nothing that a branch alone does not hold.
awaitable<Result<void>> check_contents(Executor executor, Workspace const& w, std::string base, std::string tip) {
  std::vector<std::string> words{"diff-tree", "-r", "--raw", "--no-renames", "-z", base, tip};
  auto const changed = co_await plain_git(executor, w.repository, std::move(words), {.most_kept = kMostListed});
  if (!changed || changed->status != 0) co_return cannot("compare " + base + " with " + tip, changed);
  if (changed->said.size() == kMostListed)
    co_return conflict("git_failed", "more files were changed than can be looked at here; merge by hand");
  std::set<std::string, std::less<>> files;
  std::vector<std::string> submodules;
  // ":OLDMODE NEWMODE OLD NEW STATUS\0FILE\0" of each
  std::string_view rest = changed->said;
  auto const next = [&rest] {
    auto const end = std::min(rest.find('\0'), rest.size());
    auto const word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return word;
  };
  while (!rest.empty()) {
    auto const modes = next().substr(0, 14);
    std::string file(next());
    if (modes.find(kSubmodule) != std::string_view::npos || file == ".gitmodules") submodules.push_back(file);
    files.insert(std::move(file));
  }
  if (!submodules.empty())
    co_return conflict("has_submodules", "submodules were changed, whose own commits would not come along: " +
                                             named(submodules) + "; push those, and merge by hand");
  std::vector<std::string> look{"ls-files", "-z", "--", ":(attr:filter=lfs)"};
  auto const large = co_await plain_git(executor, w.path, std::move(look), {.most_kept = kMostListed});
  if (!large || large->status != 0) co_return cannot("look for LFS files in " + w.path, large);
  std::vector<std::string> lfs;
  for (rest = large->said; !rest.empty();)
    if (auto const file = next(); files.contains(file)) lfs.emplace_back(file);
  if (!lfs.empty())
    co_return conflict("has_lfs_files", "files that git LFS keeps elsewhere were changed: " + named(lfs) +
                                            "; push them, and merge by hand");
  co_return Result<void>();
}

bool is_object_name(std::string_view line) {
  return (line.size() == 40 || line.size() == 64) && line.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// The tree of both together. Conflicts are found in memory: nothing is checked out.
awaitable<Result<std::string>> joined_tree(Executor executor, Workspace const& w, Finished const& f) {
  std::vector<std::string> words{"-c",          "core.quotePath=false", "merge-tree", "--write-tree",
                                 "--name-only", "--no-messages",        f.before,     f.tip};
  auto const merged = co_await plain_git(executor, w.repository, std::move(words), {.most_kept = kMostListed});
  if (!merged || (merged->status != 0 && merged->status != 1))
    co_return cannot("merge " + w.branch + " with " + f.into, merged);
  auto lines = lines_of(merged->said);
  auto const tree = std::ranges::find_if(lines, is_object_name);  // what git warns of may stand before and behind it
  if (merged->status == 0 && tree != lines.end()) co_return *tree;
  if (merged->status == 0) co_return cannot("merge " + w.branch + " with " + f.into, merged);
  if (tree != lines.end()) lines.erase(lines.begin(), tree + 1);  // the one with the conflicts in it
  co_return conflict("merge_conflict", w.branch + " and " + f.into + " have both changed " + named(lines) +
                                           "; nothing was done. Have the agent merge " + f.into +
                                           " into its branch, and finish again");
}

awaitable<Result<std::string>> tree_of(Executor executor, Workspace const& w, std::string commit) {
  std::vector<std::string> words{"rev-parse", "--verify", commit + "^{tree}"};
  auto const tree = co_await plain_git(executor, w.repository, std::move(words));
  if (!tree || tree->status != 0) co_return cannot("read the commit " + commit, tree);
  co_return tree->said;
}

awaitable<Result<std::string>> new_commit(Executor executor, Workspace const& w, std::string tree,
                                          std::vector<std::string> parents, std::string message) {
  std::vector<std::string> words{"commit-tree", std::move(tree), "-m", std::move(message)};
  for (auto& parent : parents) {
    words.emplace_back("-p");
    words.push_back(std::move(parent));
  }
  auto const made = co_await plain_git(executor, w.repository, std::move(words));
  if (!made || made->status != 0) co_return cannot("make the commit", made);
  auto const lines = lines_of(made->said);
  auto const commit = std::ranges::find_if(lines, is_object_name);
  if (commit == lines.end()) co_return cannot("make the commit", made);
  co_return *commit;
}

awaitable<Result<std::string>> squash_message(Executor executor, Workspace const& w, Finished const& f) {
  std::vector<std::string> words{"log", "--reverse", f.before + ".." + f.tip};
  words.emplace_back(f.commits == 1 ? "--format=%B" : "--format=* %s");
  auto const log = co_await plain_git(executor, w.repository, std::move(words), {.most_kept = kLongestMessage});
  if (!log || log->status != 0) co_return cannot("read the commits of " + w.branch, log);
  auto const told = cut_utf8(log->said, kLongestMessage - 4);  // a character may be cut
  if (f.commits == 1) co_return std::string(told);
  co_return "Squash " + std::to_string(f.commits) + " commits of " + w.branch + "\n\n" + std::string(told);
}

awaitable<Result<std::string>> merged(Executor executor, Workspace const& w, Plan const& plan, std::string message) {
  auto const& f = plan.finished;
  if (plan.is_ahead) co_return f.tip;
  auto const tree = co_await joined_tree(executor, w, f);
  if (!tree) co_return tree.error();
  if (message.empty()) message = "Merge branch '" + w.branch + "' into " + f.into;
  std::vector<std::string> parents{f.before, f.tip};
  co_return co_await new_commit(executor, w, *tree, std::move(parents), std::move(message));
}

awaitable<Result<std::string>> squashed(Executor executor, Workspace const& w, Plan const& plan, std::string message) {
  auto const& f = plan.finished;
  auto const tree = co_await joined_tree(executor, w, f);
  if (!tree) co_return tree.error();
  auto const had = co_await tree_of(executor, w, f.before);
  if (!had) co_return had.error();
  if (*had == *tree) co_return f.before;  // it is all there, as of an earlier squash
  if (message.empty()) {
    auto made = co_await squash_message(executor, w, f);
    if (!made) co_return made.error();
    message = std::move(*made);
  }
  std::vector<std::string> parents{f.before};
  co_return co_await new_commit(executor, w, *tree, std::move(parents), std::move(message));
}

/// In a working copy of its own, which goes again whatever comes of it.
awaitable<Result<std::string>> rebased(Executor executor, Workspace const& w, Plan const& plan, fs::path scratch) {
  auto const& f = plan.finished;
  if (plan.is_ahead) co_return f.tip;
  auto const folder = scratch.string();
  std::vector<std::string> const clean_up{"worktree", "remove", "--force", "--force", folder};
  (void)co_await plain_git(executor, w.repository, clean_up);  // of one that a daemon's end has cut off
  std::vector<std::string> add{"worktree", "add", "--detach", folder, f.tip};
  auto const added = co_await plain_git(executor, w.repository, std::move(add));
  if (!added || added->status != 0) co_return cannot("make a working copy for the rebase", added);
  std::vector<std::string> words{"-c", "rebase.autoStash=false", "-c",     "rebase.updateRefs=false",
                                 "-c", "commit.gpgSign=false",   "rebase", f.before};
  auto const done = co_await plain_git(executor, folder, std::move(words));
  Result<std::string> result = std::string();
  if (done && done->status == 0) {
    result = co_await commit_of(executor, folder, "HEAD");
  } else {
    std::vector<std::string> look{"-c", "core.quotePath=false", "diff", "--name-only", "--diff-filter=U"};
    auto const open = co_await plain_git(executor, folder, std::move(look), {.most_kept = kMostListed});
    auto const files = open && open->status == 0 ? lines_of(open->said) : std::vector<std::string>();
    result = files.empty()
                 ? cannot("rebase " + w.branch + " on " + f.into, done)
                 : conflict("merge_conflict", "a commit of " + w.branch + " and " + f.into + " have both changed " +
                                                  named(files) + "; nothing was done. Have the agent rebase its " +
                                                  "branch on " + f.into + ", and finish again");
  }
  (void)co_await plain_git(executor, w.repository, clean_up);
  co_return result;
}

/// A working copy that is gone, as after a finish which the daemon's end has cut off: whether the branch that it is to
/// come into has what was committed there.
awaitable<Result<Finished>> finished_before(Executor executor, Workspace const& w, std::string into) {
  auto plan = co_await check_target(executor, w, std::move(into));
  if (!plan) co_return plan.error();
  auto& f = plan->finished;
  auto const tip = co_await commit_of(executor, w.repository, "refs/heads/" + w.branch);
  if (!tip) co_return tip.error();
  f.tip = *tip;
  if (f.tip.empty()) co_return f;  // its branch is gone, too
  auto const tree = co_await joined_tree(executor, w, f);
  auto const had = co_await tree_of(executor, w, f.before);
  if (!had) co_return had.error();
  if (!tree || *tree != *had)
    co_return conflict("worktree_gone",
                       w.path + " is not there any more; what was committed is on the branch " + w.branch);
  co_return f;
}

/// The only step that others see.
awaitable<Result<void>> move_branch(Executor executor, Workspace const& w, Plan const& plan) {
  auto const& f = plan.finished;
  auto const ref = "refs/heads/" + f.into;
  auto const moved_meanwhile = [&] {
    return conflict("branch_moved", "the branch " + f.into + " has got other commits meanwhile, or " + w.repository +
                                        " has gone to another branch; nothing was done, finish again");
  };
  std::vector<std::string> words;
  if (plan.checked_out) {
    auto const on = co_await branch_of(executor, w.repository);
    if (!on) co_return on.error();
    if (*on != f.into) co_return moved_meanwhile();
  }
  if (plan.checked_out)
    words = {"merge", "--quiet", "--ff-only", "--no-autostash", f.after};
  else
    words = {"update-ref", "-m", "finish " + w.branch, ref, f.after, f.before};
  auto const moved = co_await plain_git(executor, w.repository, std::move(words));
  if (!moved) co_return moved.error();
  auto const now = co_await commit_of(executor, w.repository, ref);
  if (!now) co_return now.error();
  if (moved->status == 0 && *now != f.after)
    co_return conflict("branch_moved", "the repository " + w.repository + " went to another branch just then, which " +
                                           "has got the commits in place of " + f.into + "; look at `git -C " +
                                           w.repository + " reflog`, and finish again");
  if (moved->status == 0) co_return Result<void>();
  if (*now != f.before) co_return moved_meanwhile();
  if (moved->said.find("would be overwritten") != std::string::npos)
    co_return conflict("would_overwrite", "the repository " + w.repository +
                                              " holds what is not committed and would be lost; commit it or `git "
                                              "stash` it. git: " +
                                              moved->said.substr(0, 600));
  co_return git_failed("bring the branch " + f.into + " forward", *moved);
}

awaitable<Result<Plan>> plan_of(Executor executor, Workspace const& w, std::string into) {
  if (auto good = co_await check_worktree(executor, w); !good) co_return good.error();
  auto plan = co_await check_target(executor, w, std::move(into));
  if (!plan) co_return plan.error();
  std::vector<std::string> ident{"var", "GIT_COMMITTER_IDENT"};
  auto const who = co_await plain_git(executor, w.repository, std::move(ident));
  if (!who) co_return who.error();
  if (who->status != 0)
    co_return conflict("no_identity",
                       "git does not know in whose name to commit; set it with `git config --global "
                       "user.name` and `user.email`");
  auto& f = plan->finished;
  auto const tip = co_await commit_of(executor, w.path, "HEAD");
  if (!tip) co_return tip.error();
  f.tip = *tip;
  std::vector<std::string> common{"merge-base", f.before, f.tip};
  auto const base = co_await plain_git(executor, w.repository, std::move(common));
  if (!base) co_return base.error();
  if (base->status != 0)
    co_return conflict("unrelated_branch", w.branch + " and " + f.into + " have no commit in common; merge by hand");
  plan->is_ahead = base->said == f.before;
  std::vector<std::string> count{"rev-list", "--count", f.before + ".." + f.tip};
  auto const commits = co_await plain_git(executor, w.repository, std::move(count));
  if (!commits || commits->status != 0) co_return cannot("count the commits of " + w.branch, commits);
  f.commits = number_in(commits->said);
  if (f.commits > 0)
    if (auto good = co_await check_contents(executor, w, base->said, f.tip); !good) co_return good.error();
  co_return plan;
}

}  // namespace

std::optional<FinishHow> finish_how_from(std::string_view word) {
  auto const it = std::ranges::find(kHow, word);
  if (it == kHow.end()) return std::nullopt;
  return static_cast<FinishHow>(it - kHow.begin());
}

std::string_view to_string(FinishHow how) { return kHow.at(static_cast<std::size_t>(how)); }

awaitable<Result<Finished>> finish_worktree(Executor executor, Workspace workspace, Finish finish) {
  std::error_code ec;
  if (!fs::is_directory(workspace.repository, ec))
    co_return conflict("worktree_gone", "the repository " + workspace.repository + " is not there any more");
  if (!fs::is_directory(workspace.path, ec))
    co_return co_await finished_before(executor, std::move(workspace), std::move(finish.into));
  auto plan = co_await plan_of(executor, workspace, finish.into);
  if (!plan) co_return plan.error();
  auto& f = plan->finished;
  if (f.commits == 0) co_return f;
  Result<std::string> after = std::string();
  switch (finish.how) {
    case FinishHow::merge: after = co_await merged(executor, workspace, *plan, finish.message); break;
    case FinishHow::squash: after = co_await squashed(executor, workspace, *plan, finish.message); break;
    case FinishHow::rebase: after = co_await rebased(executor, workspace, *plan, finish.scratch); break;
  }
  if (!after) co_return after.error();
  f.after = *after;
  if (f.after == f.before) co_return f;
  if (auto moved = co_await move_branch(executor, workspace, *plan); !moved) co_return moved.error();
  co_return f;
}

}  // namespace ar::daemon
