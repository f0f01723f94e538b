// The worktrees of agents: seen, compared, and brought to an end.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/paging.hpp"
#include "cli/text.hpp"

namespace ar::cli {
namespace {

/// git may check out and compare large trees, each step within a minute.
constexpr milliseconds kPatience{600'000};

struct Diff {
  std::string agent;
  bool stat = false;
};

struct Finish {
  std::string agent;
  std::optional<std::string> into, message;
  bool merge = false, squash = false, rebase = false, keep = false;
};

std::string number_or(json const& row, char const* name) {
  return row.contains(name) && row[name].is_number() ? std::to_string(number(row, name)) : "?";
}

Result<int> list(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  Call call{.method = "GET", .target = "/v1/worktrees"};
  call.patience = kPatience;
  auto const answer = (*api)->call(call);
  if (!answer) return answer.error();
  Table table(
      {{"AGENT", false, 32}, {"BRANCH"}, {"INTO"}, {"AHEAD", true}, {"BEHIND", true}, {"CHANGED", true}, {"PATH"}});
  for (auto const& row : array(*answer, "worktrees")) {
    if (context.json_output()) {
      context.print_json(row);
      continue;
    }
    table.add({{field(row, "agent"), Colour::bold},
               field(row, "branch"),
               field(row, "into"),
               number_or(row, "ahead"),
               number_or(row, "behind"),
               number_or(row, "changed"),
               field(row, "path")});
    if (auto const problem = field(row, "problem"); !problem.empty())
      context.note("agent-runner: " + single_line(field(row, "agent")) + ": " + single_line(problem));
  }
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no agent has a worktree; spawn one with --worktree");
  else
    context.print(table);
  return exit_done;
}

Result<int> diff(Context& context, Diff const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  Call call{.method = "GET", .target = "/v1/agents/" + encoded(options.agent) + "/worktree/diff"};
  call.patience = kPatience;
  auto const answer = (*api)->call(call);
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  auto const text = field(*answer, options.stat ? "stat" : "diff");
  if (!text.empty()) context.print_foreign(text + "\n");
  for (auto const& file : array(*answer, "untracked"))
    if (file.is_string()) context.note("not added: " + single_line(file.get<std::string>()));
  if (answer->value("truncated", false))
    context.note("agent-runner: that is not all; git -C " + single_line(field(*answer, "path")) + " diff " +
                 single_line(field(*answer, "base")));
  return exit_done;
}

/// What was done, in one line.
std::string told(json const& answer) {
  auto const commits = number(answer, "commits");
  auto const into = single_line(field(answer, "into"));
  if (field(answer, "before") == field(answer, "after")) return into + " has all of it already";
  return std::to_string(commits) + (commits == 1 ? " commit" : " commits") + " into " + into + " (" +
         field(answer, "how") + "), which is at " + single_line(field(answer, "after")).substr(0, 12);
}

Result<int> finish(Context& context, Finish const& options) {
  if (options.merge + options.squash + options.rebase > 1)
    return invalid("--merge", "say one of --merge, --squash and --rebase");
  json body = {{"how", options.squash ? "squash" : options.rebase ? "rebase" : "merge"}, {"keep", options.keep}};
  if (options.into) body["into"] = *options.into;
  if (options.message) body["message"] = *options.message;
  auto const api = context.api();
  if (!api) return api.error();
  Call call{.method = "POST", .target = "/v1/agents/" + encoded(options.agent) + "/worktree/finish"};
  call.body = to_text(body);
  call.patience = kPatience;
  auto const answer = (*api)->call(call);
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  context.print(single_line(options.agent) + ": " + told(*answer) + "\n");
  bool const removed = answer->value("removed", false);
  auto const workspace = answer->contains("workspace") ? (*answer)["workspace"] : json::object();
  auto const kept = field(removed ? workspace : *answer, "kept");
  if (!kept.empty()) context.note("agent-runner: kept: " + single_line(kept));
  if (removed && kept.empty())
    context.print(single_line(options.agent) + ": removed, with its worktree and its branch " +
                  single_line(field(*answer, "branch")) + "\n");
  return exit_done;
}

void add(Program& program) {
  auto worktree = program.verb("Agents", "worktree", "The git worktrees of agents, and how they come to an end",
                               "worktree finish alice --squash");
  worktree.command("list", "Each, and how far it is from its repository's branch", "worktree list").runs(list);

  auto const compared = std::make_shared<Diff>();
  worktree.command("diff", "What an agent has changed in its worktree, committed or not", "worktree diff alice --stat")
      .argument("AGENT", compared->agent, "Which one", Words::agent)
      .flag("--stat", compared->stat, "Only the files, and how much was changed in each")
      .runs([compared](Context& context) { return diff(context, *compared); });

  auto const ended = std::make_shared<Finish>();
  worktree
      .command("finish",
               "Bring what an agent has committed into a branch, and remove the agent with its worktree and branch. A "
               "refusal leaves all as it was",
               "worktree finish alice --squash --into main")
      .argument("AGENT", ended->agent, "Which one; it is at rest (agent-runner stop)", Words::agent)
      .flag("--merge", ended->merge, "Its commits, and one that joins them where that is needed (the default)")
      .flag("--squash", ended->squash, "All in one commit")
      .flag("--rebase", ended->rebase, "Its commits, written anew on top of the branch")
      .option("--into", ended->into, "BRANCH", "The branch (default: the one that the repository has checked out)")
      .option("--message", ended->message, "TEXT", "Of the commit that a merge or squash makes")
      .flag("--keep", ended->keep, "The agent, its worktree and its branch stay")
      .runs([ended](Context& context) { return finish(context, *ended); });
}
Family const family(13, add);

}  // namespace
}  // namespace ar::cli
