#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field decision[] = {
    {.name = "decision", .required = true, .words = "approve approve-session deny abort answer"},
    {.name = "reason", .about = "for the model, with deny; at most 16 KiB"},
    {.name = "answer", .type = Type::any, .about = "to the one question: a text, or a list of texts"},
    {.name = "answers", .type = Type::any, .about = "one for each question in their order, or an object by their ids"},
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
    {.name = "agent", .required = true},
    {.name = "name", .about = "the agent's label, else its id", .required = true},
    {.name = "parent", .about = "whose child the agent is"},
    {.name = "rootSessionId", .about = "where its line of parents begins", .required = true},
    {.name = "kind", .required = true, .words = "permission question dialog continue"},
    {.name = "tool", .about = "in its provider's words", .required = true},
    {.name = "summary", .about = "one line", .required = true},
    {.name = "input", .type = Type::object, .about = "long texts are cut", .required = true},
    {.name = "choices", .type = Type::list, .about = "the decisions that it takes", .required = true},
    {.name = "questions", .type = Type::list, .of = Type::object, .schema = &kQuestion},
    {.name = "sessionGrant", .type = Type::list, .about = "what approve-session allows from then on"},
    {.name = "createdAt", .type = Type::time, .required = true},
    {.name = "deadline", .type = Type::time, .required = true, .nullable = true},
    {.name = "status",
     .required = true,
     .words = "pending approved approved-session denied aborted answered expired withdrawn"},
    {.name = "endedAt", .type = Type::time, .nullable = true},
    {.name = "where", .about = "who was first: cli, http, bus, terminal, deadline, policy or provider"},
    {.name = "by"},
    {.name = "decision", .nullable = true},
    {.name = "reason"},
    {.name = "answers", .type = Type::object, .about = "a list of texts by each question's id; no secret ones"},
};

constexpr Field approvals[] = {
    {.name = "approvals", .type = Type::list, .required = true, .of = Type::object, .schema = &kApproval},
    {.name = "nextCursor", .type = Type::integer, .about = "there are more"},
};

}  // namespace

Schema const kDecision{.name = "Decision", .fields = decision};
Schema const kApproval{.name = "Approval", .about = "what a provider asks of people", .fields = approval};
Schema const kApprovalList{.name = "ApprovalList", .about = "newest first", .fields = approvals};

}  // namespace ar::control
