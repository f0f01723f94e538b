#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field used[] = {
    {.name = "agent", .about = "null: agents that are gone", .nullable = true},
    {.name = "day", .about = "of the daemon's time zone"},
    {.name = "account", .about = "null: of no login", .nullable = true},
    {.name = "turns", .type = Type::integer, .about = "that were measured", .required = true},
    {.name = "inputTokens", .type = Type::integer, .required = true},
    {.name = "outputTokens", .type = Type::integer, .required = true},
    {.name = "cacheReadTokens", .type = Type::integer, .required = true},
    {.name = "cacheWriteTokens", .type = Type::integer, .required = true},
    {.name = "costUsd", .type = Type::number, .about = "null: nobody says", .required = true, .nullable = true},
};
constexpr Schema kUsed{.name = "UsageSum", .about = "by one of agent, day and account", .fields = used};

constexpr Field sums[] = {
    {.name = "by", .required = true, .words = "agent day account"},
    {.name = "since", .about = "the first day; null: all that is kept", .required = true, .nullable = true},
    {.name = "usage", .type = Type::list, .required = true, .of = Type::object, .schema = &kUsed},
};

constexpr Field raise[] = {
    {.name = "usd", .type = Type::number, .about = "by so much; neither: by the budget's amount once more"},
    {.name = "tokens", .type = Type::integer, .least = 1},
};

constexpr Field budget[] = {
    {.name = "name", .required = true},
    {.name = "agent", .about = "whom it meets; with tag and account absent: all"},
    {.name = "tag"},
    {.name = "account"},
    {.name = "per", .required = true, .words = "day total"},
    {.name = "unit", .required = true, .words = "usd tokens"},
    {.name = "used", .type = Type::number, .required = true},
    {.name = "limit", .type = Type::number, .about = "with what it was raised by", .required = true},
    {.name = "raised", .type = Type::number, .required = true},
    {.name = "until", .type = Type::time, .about = "its day's end", .required = true, .nullable = true},
    {.name = "state", .required = true, .words = "open warned reached stopped"},
    {.name = "reachedAt", .type = Type::time, .required = true, .nullable = true},
    {.name = "asking", .type = Type::boolean, .about = "an approval of the kind budget is pending", .required = true},
    {.name = "agents", .type = Type::list, .about = "that it meets", .required = true},
    {.name = "held", .type = Type::list, .about = "those that are given nothing", .required = true},
    {.name = "unseen",
     .type = Type::list,
     .about = "those whose provider names no price, so that a budget in USD does not see what they use",
     .required = true},
};

constexpr Field budgets[] = {
    {.name = "budgets", .type = Type::list, .required = true, .of = Type::object, .schema = &kBudget},
};

}  // namespace

Schema const kUsageSums{.name = "UsageSums", .fields = sums};
Schema const kRaiseBudget{.name = "RaiseBudget", .fields = raise};
Schema const kBudget{.name = "Budget", .about = "how much agents may use", .fields = budget};
Schema const kBudgetList{.name = "BudgetList", .fields = budgets};

}  // namespace ar::control
