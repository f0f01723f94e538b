#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field worktree[] = {
    {.name = "agent", .required = true},
    {.name = "path", .required = true},
    {.name = "branch", .about = "its own", .required = true},
    {.name = "repository", .required = true},
    {.name = "into", .about = "the branch that the repository has checked out", .required = true, .nullable = true},
    {.name = "ahead",
     .type = Type::integer,
     .about = "commits that the worktree has and that branch has not",
     .required = true,
     .nullable = true},
    {.name = "behind", .type = Type::integer, .about = "the other way round", .required = true, .nullable = true},
    {.name = "changed",
     .type = Type::integer,
     .about = "files that are not committed",
     .required = true,
     .nullable = true},
    {.name = "problem", .about = "why what is null is not known", .required = true, .nullable = true},
};
constexpr Schema kWorktree{.name = "Worktree", .fields = worktree};

constexpr Field worktrees[] = {
    {.name = "worktrees", .type = Type::list, .required = true, .of = Type::object, .schema = &kWorktree},
};

constexpr Field diff[] = {
    {.name = "agent", .required = true},
    {.name = "path", .required = true},
    {.name = "branch", .required = true},
    {.name = "base", .about = "the commit that it is compared with", .required = true},
    {.name = "stat", .about = "the files and how much was changed in each", .required = true},
    {.name = "diff", .about = "as git shows it, committed or not", .required = true},
    {.name = "untracked", .type = Type::list, .about = "files that git does not know yet", .required = true},
    {.name = "truncated", .type = Type::boolean, .about = "there is more than 1 MiB of it", .required = true},
};

constexpr Field finish[] = {
    {.name = "how", .about = "merge, if it is not said", .words = "merge squash rebase"},
    {.name = "into", .about = "the branch; the one that the repository has checked out, if it is not said"},
    {.name = "keep", .type = Type::boolean, .about = "the agent, its worktree and its branch stay"},
    {.name = "message", .about = "of the commit that a merge or squash makes"},
};

constexpr Field finished[] = {
    {.name = "agent", .required = true},
    {.name = "how", .required = true, .words = "merge squash rebase"},
    {.name = "branch", .about = "the agent's", .required = true},
    {.name = "into", .required = true},
    {.name = "before", .about = "its commit", .required = true},
    {.name = "after", .about = "its commit now; the same as before: it had all", .required = true},
    {.name = "commits", .type = Type::integer, .about = "of the agent's that it did not have", .required = true},
    {.name = "removed", .type = Type::boolean, .about = "the agent", .required = true},
    {.name = "workspace", .type = Type::object, .schema = &kRemovedWorkspace},
    {.name = "kept", .about = "why the agent is still there"},
};

}  // namespace

Schema const kWorktreeList{.name = "WorktreeList", .fields = worktrees};
Schema const kWorktreeDiff{.name = "WorktreeDiff", .fields = diff};
Schema const kFinish{.name = "WorktreeFinish", .fields = finish};
Schema const kFinished{.name = "FinishedWorktree", .fields = finished};

}  // namespace ar::control
