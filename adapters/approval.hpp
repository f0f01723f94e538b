// What a provider asks of a person, and what it is told: one form for all providers.
#pragma once
#include "base/json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters {

enum class Decision { approve, approve_session, deny, abort, answer };
std::string_view to_string(Decision decision);  ///< "approve-session"
std::optional<Decision> decision_from(std::string_view word);

/// One question of a request; `options` empty: any text.
struct Question {
  struct Option {
    std::string label, description{};
  };
  std::string id;  ///< names it within its request
  std::string header{}, text;
  std::vector<Option> options{};
  bool multiple = false;   ///< several options may be chosen
  bool free_text = false;  ///< something else than an option is an answer too
  bool secret = false;     ///< its answer is kept nowhere
};

/// A permission or a question that waits for a person. Or a dialog that can be answered on the provider's screen only:
/// it has no choices, and its text is the input's `screen`.
struct ApprovalRequest {
  enum class Kind {
    permission,
    question,
    dialog,
    continuation,  ///< not the provider's own: whether work goes on that was cut off in the middle
    budget,        ///< not the provider's own, and of no agent: what becomes of a budget that is used up
  };
  std::string key;  ///< names it within its provider process; the same when it is asked again
  Kind kind = Kind::permission;
  std::string tool;     ///< in the provider's words: Bash, commandExecution
  std::string summary;  ///< one line for people
  std::string cwd{};    ///< where its tool would be used; empty: the provider has not said
  json input = json::object();
  std::vector<Question> questions{};
  std::vector<Decision> choices{};
  std::vector<std::string> session_grant{};  ///< what approve-session allows from then on, for people
};

std::string_view to_string(ApprovalRequest::Kind kind);  ///< "permission"
ApprovalRequest::Kind kind_from(std::string_view word);  ///< permission where it is none of them

/// What the provider is told.
struct Answer {
  std::optional<Decision> decision{};  ///< none: nobody decided here, it stays with the person at the terminal
  std::string reason{};                ///< for the model, with deny
  std::vector<std::vector<std::string>> answers{};  ///< one list for each question, in their order
};

/// `input` as it may be kept and shown: long texts cut, and as a whole at most a few dozen KiB.
json bounded(json const& input);
/// The first line of a text, at most 120 characters.
std::string one_line(std::string_view text);

}  // namespace ar::adapters
