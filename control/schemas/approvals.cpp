#include "control/schemas/schemas.hpp"
#include "model/approval_rule.hpp"

namespace ar::control {
namespace {

constexpr Field always[] = {
    {.name = "for", .about = "whom: this agent (it is meant unless said), its tag, or all", .words = "agent tag all"},
    {.name = "tag", .about = "which, where the agent has several"},
    {.name = "until", .type = Type::time, .about = "else for good; of an agent, as long as there is that agent"},
};
constexpr Schema kAlways{.name = "Always", .fields = always};

constexpr Field decision[] = {
    {.name = "decision", .required = true, .words = "approve approve-session deny abort answer"},
    {.name = "reason", .about = "for the model, with deny; at most 16 KiB"},
    {.name = "answer", .type = Type::any, .about = "to the one question: a text, or a list of texts"},
    {.name = "answers", .type = Type::any, .about = "one for each question in their order, or an object by their ids"},
    {.name = "always",
     .type = Type::object,
     .about = "with approve: a rule that allows this very request from now on",
     .schema = &kAlways},
};

constexpr auto kRuleFields = std::to_array<Field>({
    {.name = "decision", .about = "a denial wins over whatever is allowed", .required = true, .words = kRuleDecisions},
    {.name = "tool", .about = "in its provider's words, or how they begin and then *; none: any"},
    {.name = "input", .about = "a pattern for the tool's main field: command, path, address; none: whatever it is"},
    {.name = "match", .about = "how input matches; exact where this is missing", .words = kRuleMatches},
    {.name = "cwd", .about = "only in this folder and below it"},
    {.name = "agent", .about = "only of this agent"},
    {.name = "tag", .about = "only of agents with this tag"},
    {.name = "until", .type = Type::time, .about = "it is in force; none: for good"},
});
constexpr auto kShownRule =
    joined(std::to_array<Field>({{.name = "id", .about = "of the configuration's config:N", .required = true}}),
           joined(kRuleFields,
                  std::to_array<Field>({
                      {.name = "createdAt", .type = Type::time, .about = "not of the configuration's"},
                      {.name = "approval", .type = Type::integer, .about = "the request that it was made of"},
                      {.name = "uses",
                       .type = Type::integer,
                       .about = "decisions that it took part in; of the configuration's since the daemon started",
                       .required = true},
                      {.name = "lastUsedAt", .type = Type::time},
                      {.name = "inForce", .type = Type::boolean, .about = "false: its time is over", .required = true},
                  })));

constexpr Field rule_removed[] = {{.name = "deleted", .about = "the id", .required = true}};

constexpr Field rule_test[] = {
    {.name = "agent", .about = "whose request it would be", .required = true},
    {.name = "tool", .about = "in its provider's words", .required = true},
    {.name = "input", .type = Type::object, .about = "what the tool would be called with", .required = true},
    {.name = "cwd", .about = "where; the agent's folder where this is missing"},
};

constexpr Field verdict_part[] = {
    {.name = "text", .about = "a command of a line, a path, an address", .required = true},
    {.name = "rule", .about = "the most specific one that allows it", .required = true, .nullable = true},
    {.name = "why", .about = "not, where more is to be said than that no rule does"},
};
constexpr Schema kVerdictPart{.name = "RuleVerdictPart", .fields = verdict_part};

constexpr Field verdict[] = {
    {.name = "decision", .required = true, .words = "ask allow deny"},
    {.name = "rules", .type = Type::list, .about = "the ids of those that decide", .required = true},
    {.name = "why", .required = true},
    {.name = "parts", .type = Type::list, .required = true, .of = Type::object, .schema = &kVerdictPart},
};

constexpr Field option[] = {
    {.name = "label", .required = true},
    {.name = "description", .required = true},
};
constexpr Schema kOption{.name = "QuestionOption", .fields = option};

constexpr Field question[] = {
    {.name = "id", .required = true},
    {.name = "text", .required = true},
    {.name = "header"},
    {.name = "options", .type = Type::list, .of = Type::object, .schema = &kOption},
    {.name = "multiple", .type = Type::boolean, .about = "several options may be chosen", .required = true},
    {.name = "freeText", .type = Type::boolean, .about = "other texts are an answer too", .required = true},
    {.name = "secret", .type = Type::boolean, .about = "its answer is kept nowhere", .required = true},
};
constexpr Schema kQuestion{.name = "Question", .fields = question};

constexpr Field approval[] = {
    {.name = "id", .type = Type::integer, .required = true},
    {.name = "agent", .about = "empty: it is the daemon that asks, about a budget", .required = true},
    {.name = "name", .about = "the agent's label, else its id", .required = true},
    {.name = "parent", .about = "whose child the agent is"},
    {.name = "rootSessionId", .about = "where its line of parents begins", .required = true},
    {.name = "kind", .required = true, .words = "permission question dialog continue budget"},
    {.name = "tool", .about = "in its provider's words", .required = true},
    {.name = "summary", .about = "one line", .required = true},
    {.name = "input", .type = Type::object, .about = "long texts are cut", .required = true},
    {.name = "cwd", .about = "where the tool would be used, as far as the provider says it"},
    {.name = "choices", .type = Type::list, .about = "the decisions that it takes", .required = true},
    {.name = "questions", .type = Type::list, .of = Type::object, .schema = &kQuestion},
    {.name = "sessionGrant", .type = Type::list, .about = "what approve-session allows from then on"},
    {.name = "createdAt", .type = Type::time, .required = true},
    {.name = "deadline", .type = Type::time, .required = true, .nullable = true},
    {.name = "status",
     .required = true,
     .words = "pending approved approved-session denied aborted answered expired withdrawn"},
    {.name = "endedAt", .type = Type::time, .nullable = true},
    {.name = "where", .about = "who was first: cli, http, bus, terminal, deadline, policy, rule or provider"},
    {.name = "by", .about = "with rule: the rules' ids"},
    {.name = "decision", .nullable = true},
    {.name = "reason"},
    {.name = "answers", .type = Type::object, .about = "a list of texts by each question's id; no secret ones"},
    {.name = "rule", .type = Type::object, .about = "that this decision has made", .schema = &kApprovalRule},
};

constexpr Field rules[] = {
    {.name = "rules", .type = Type::list, .required = true, .of = Type::object, .schema = &kApprovalRule},
};

constexpr Field approvals[] = {
    {.name = "approvals", .type = Type::list, .required = true, .of = Type::object, .schema = &kApproval},
    {.name = "nextCursor", .type = Type::integer, .about = "there are more"},
};

}  // namespace

Schema const kNewApprovalRule{.name = "NewApprovalRule", .fields = kRuleFields};
Schema const kApprovalRule{.name = "ApprovalRule", .about = "what decides approvals", .fields = kShownRule};
Schema const kApprovalRuleList{.name = "ApprovalRuleList", .fields = rules};
Schema const kApprovalRuleRemoved{.name = "ApprovalRuleRemoved", .fields = rule_removed};
Schema const kRuleTest{.name = "RuleTest", .fields = rule_test};
Schema const kRuleVerdict{.name = "RuleVerdict", .fields = verdict};
Schema const kDecision{.name = "Decision", .fields = decision};
Schema const kApproval{.name = "Approval", .about = "what a provider asks of people", .fields = approval};
Schema const kApprovalList{.name = "ApprovalList", .about = "newest first", .fields = approvals};

}  // namespace ar::control
