#include "daemon/agent/worktree_look.hpp"

#include "daemon/agent/git.hpp"

#include <algorithm>
#include <vector>

namespace fs = std::filesystem;

namespace ar::daemon {
namespace {

constexpr std::size_t kMostShown = 1U << 20;

Error gone(Workspace const& w) {
  return conflict("worktree_gone", w.path + " or its repository " + w.repository + " is not there any more");
}

bool is_there(Workspace const& w) {
  std::error_code ec;
  return fs::is_directory(w.path, ec) && fs::is_directory(w.repository, ec);
}

/// Ahead and behind.
awaitable<Result<std::pair<std::int64_t, std::int64_t>>> distance(Executor executor, Workspace const& w,
                                                                  std::string into) {
  std::vector<std::string> words{"rev-list", "--left-right", "--count", "HEAD..." + into};
  auto const counted = co_await plain_git(executor, w.path, std::move(words));
  if (!counted) co_return counted.error();
  auto const tab = counted->said.find('\t');
  if (counted->status != 0 || tab == std::string::npos) co_return git_failed("compare " + w.path, *counted);
  co_return std::pair(number_in(counted->said.substr(0, tab)), number_in(counted->said.substr(tab + 1)));
}

awaitable<Result<std::int64_t>> changed_files(Executor executor, Workspace const& w) {
  std::vector<std::string> words{"status", "--porcelain", "--ignore-submodules=none"};
  auto const status = co_await plain_git(executor, w.path, std::move(words), {.most_kept = kMostShown});
  if (!status) co_return status.error();
  if (status->status != 0) co_return git_failed("look at the worktree " + w.path, *status);
  co_return static_cast<std::int64_t>(lines_of(status->said).size());
}

}  // namespace

awaitable<json> look_at_worktree(Executor executor, Workspace workspace) {
  auto const& w = workspace;
  json shown = {{"path", w.path},   {"branch", w.branch}, {"repository", w.repository}, {"into", nullptr},
                {"ahead", nullptr}, {"behind", nullptr},  {"changed", nullptr},         {"problem", nullptr}};
  auto const fails = [&](Error const& error) { shown["problem"] = error.message; };
  if (!is_there(w)) {
    fails(gone(w));
    co_return shown;
  }
  auto const into = co_await branch_of(executor, w.repository);
  if (!into) {
    fails(into.error());
    co_return shown;
  }
  if (!into->empty()) shown["into"] = *into;
  auto const between = co_await distance(executor, w, into->empty() ? w.commit : "refs/heads/" + *into);
  auto const changed = co_await changed_files(executor, w);
  if (!between)
    fails(between.error());
  else
    shown["ahead"] = between->first, shown["behind"] = between->second;
  if (!changed)
    fails(changed.error());
  else
    shown["changed"] = *changed;
  co_return shown;
}

awaitable<Result<json>> worktree_diff(Executor executor, Workspace workspace) {
  auto const& w = workspace;
  if (!is_there(w)) co_return gone(w);
  auto const into = co_await branch_of(executor, w.repository);
  if (!into) co_return into.error();
  std::vector<std::string> common{"merge-base", "HEAD", into->empty() ? w.commit : "refs/heads/" + *into};
  auto const base = co_await plain_git(executor, w.path, std::move(common));
  if (!base) co_return base.error();
  auto const since = base->status == 0 ? base->said : w.commit;  // they have nothing in common
  // No program that the repository names for showing a difference.
  std::vector<std::string> words{
      "-c", "core.safecrlf=false", "diff", "--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short", since};
  auto stat_words = words;
  stat_words.emplace_back("--stat");
  auto const stat = co_await plain_git(executor, w.path, std::move(stat_words), {.most_kept = kMostShown});
  if (!stat) co_return stat.error();
  auto const diff = co_await plain_git(executor, w.path, std::move(words), {.most_kept = kMostShown});
  if (!diff) co_return diff.error();
  if (diff->status != 0) co_return git_failed("compare " + w.path + " with " + since, *diff);
  std::vector<std::string> new_files{"-c", "core.quotePath=false", "ls-files", "--others", "--exclude-standard"};
  auto const untracked = co_await plain_git(executor, w.path, std::move(new_files), {.most_kept = kMostShown});
  if (!untracked) co_return untracked.error();
  json shown = {{"path", w.path}, {"branch", w.branch}, {"base", since}};
  shown["stat"] = stat->said;
  shown["diff"] = diff->said;
  shown["untracked"] = json::array();
  for (auto const& file : lines_of(untracked->said)) shown["untracked"].push_back(file);
  shown["truncated"] = std::max({stat->said.size(), diff->said.size(), untracked->said.size()}) == kMostShown;
  co_return ok(std::move(shown));
}

}  // namespace ar::daemon
