#include "daemon/agent/git.hpp"

#include "base/paths.hpp"
#include "daemon/config/launch_environment.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace ar::daemon {

awaitable<Result<ProgramOutcome>> git(Executor executor, std::string where, std::vector<std::string> words,
                                      GitCall call) {
  SpawnSpec spec;
  auto const found = find_executable("git");
  if (!found)
    co_return Error{ErrorKind::not_found, "git_missing",
                    "git is not installed, and a worktree needs it: apt-get install git"};
  spec.executable = *found;
  // Whatever a configuration says, an agent's included: a file that git does not know of is work that may be lost.
  spec.arguments = {"-C", std::move(where), "-c", "status.showUntrackedFiles=normal"};
  spec.arguments.insert(spec.arguments.end(), words.begin(), words.end());
  for (auto const& [name, value] : passed_environment(own_environment()))
    if (name != "LC_ALL") spec.environment.push_back(name + "=" + value);
  spec.environment.emplace_back("LC_ALL=C");
  spec.environment.emplace_back("GIT_TERMINAL_PROMPT=0");
  co_return co_await run_program(std::move(executor), std::move(spec), call.patience, call.most_kept);
}

awaitable<Result<ProgramOutcome>> plain_git(Executor const& executor, std::string where, std::vector<std::string> words,
                                            GitCall call) {
  std::vector<std::string> all{"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"};
  std::ranges::move(words, std::back_inserter(all));
  return git(executor, std::move(where), std::move(all), call);
}

std::vector<std::string> lines_of(std::string_view said) {
  std::vector<std::string> lines;
  while (!said.empty()) {
    auto const end = std::min(said.find('\n'), said.size());
    if (end > 0) lines.emplace_back(said.substr(0, end));
    said.remove_prefix(std::min(end + 1, said.size()));
  }
  return lines;
}

std::int64_t number_in(std::string_view said) {
  std::int64_t number = 0;
  (void)std::from_chars(said.data(), said.data() + said.size(), number);
  return number;
}

awaitable<Result<std::string>> branch_of(Executor executor, std::string where) {
  std::vector<std::string> words{"symbolic-ref", "--quiet", "HEAD"};
  auto const head = co_await plain_git(executor, where, std::move(words));
  if (!head) co_return head.error();
  constexpr std::string_view heads = "refs/heads/";
  co_return head->status == 0 && head->said.starts_with(heads) ? head->said.substr(heads.size()) : std::string();
}

Error git_failed(std::string const& what, ProgramOutcome const& outcome) {
  return conflict("git_failed", "git cannot " + what + ": " +
                                    (outcome.said.empty() ? "exit status " + std::to_string(outcome.status)
                                                          : outcome.said.substr(0, 600)));
}

awaitable<std::string> delete_branch(Executor executor, std::string repository, std::string branch,
                                     std::string commit) {
  auto const ref = "refs/heads/" + branch;
  std::vector<std::string> look{"for-each-ref", "--format=%(worktreepath)", ref};
  auto const used = co_await plain_git(executor, repository, std::move(look));
  if (!used) co_return used.error().message;
  if (!used->said.empty()) co_return "it is checked out in " + used->said.substr(0, 300);
  std::vector<std::string> words{"update-ref", "-d", ref, commit};
  auto const deleted = co_await plain_git(executor, repository, std::move(words));
  if (!deleted) co_return deleted.error().message;
  if (deleted->status != 0) co_return deleted->said.substr(0, 300);
  std::vector<std::string> settings{"config", "--local", "--remove-section", "branch." + branch};
  (void)co_await plain_git(executor, repository, std::move(settings));  // it may have none
  co_return std::string();
}

}  // namespace ar::daemon
