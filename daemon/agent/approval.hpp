// One request of a provider to a person and what became of it, as a value.
#pragma once
#include "adapters/approval.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ar::daemon {

enum class ApprovalStatus {
  pending,
  approved,
  approved_session,
  denied,
  aborted,    ///< denied, and the turn ended with it
  answered,   ///< a question by its answer; anything by the person at the terminal, whatever they said
  expired,    ///< left to the terminal: its deadline has passed, or its provider hears nobody else any more
  withdrawn,  ///< its turn or its process is over
};
std::string_view to_string(ApprovalStatus status);
std::optional<ApprovalStatus> approval_status_from(std::string_view word);

/// Who decided, and from which place: cli, http, bus, terminal, deadline, policy, rule (then `by` has their ids),
/// provider.
struct Decider {
  std::string where{}, by{};
};

struct Approval {
  std::int64_t id = 0;
  std::string agent;
  std::string provider_session{};  ///< the start of its process that asked: request.key is unique within
  adapters::ApprovalRequest request;
  WallTime created_at{};
  std::optional<WallTime> deadline{}, ended_at{};
  ApprovalStatus status = ApprovalStatus::pending;
  Decider decider{};
  adapters::Answer answer{};  ///< what the provider is told
};

/// As shown. Answers to secret questions are left out.
json to_json(Approval const& approval);
/// The journal's form, and back. A secret answer does not survive: the question then stays with the terminal.
json to_journal(Approval const& approval);
Approval approval_from_journal(json const& stored);
/// "approval 3 was denied over http by operator at TIME", for those who come late.
std::string outcome_text(Approval const& approval);

/// Reads {decision, reason?, answer? | answers?} for this request. `answer`: the text for its one question; `answers`:
/// one text, or list of texts, for each question in their order, or an object by the questions' ids. Errors: invalid
/// with the field; wrong_decision (conflict) for one that this request does not take.
Result<adapters::Answer> answer_from(json const& body, adapters::ApprovalRequest const& request);
ApprovalStatus status_after(adapters::Decision decision);

}  // namespace ar::daemon
