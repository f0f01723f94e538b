// The app server's requests to a person, and the results that answer them: values only.
#pragma once
#include "adapters/approval.hpp"
#include "base/json.hpp"

#include <optional>
#include <string>

namespace ar::adapters::codex {

/// `changes`: of the item that a fileChange approval is about. Nothing for a request that asks nobody anything we know.
std::optional<ApprovalRequest> request_of(std::string key, std::string const& method, json const& params,
                                          json const& changes);

/// The result for the server. Nothing when none can say it: the turn must be interrupted instead (a question that is
/// aborted).
std::optional<json> result_of(std::string const& method, json const& params, Answer const& answer);

/// The server has no words for the reason of a denial: whether the model must be told in a message of its own.
bool drops_reason(std::string const& method);

/// What a person is needed for: "approval of the command touch x".
std::string waiting_text(ApprovalRequest const& request);

}  // namespace ar::adapters::codex
