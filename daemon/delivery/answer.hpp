// What a message may want as its answer: a JSON document that a JSON Schema describes (its payload's `outputSchema`).
// The agent is told of it with the message, its turn's last text is checked, and while it does not fit the agent is
// asked to repair it (docs/delivery.md).
#pragma once
#include "base/json.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace ar::daemon {

inline constexpr std::size_t kMostSchemaBytes = 32U << 10;
inline constexpr std::size_t kMostAnswerBytes = 256U << 10;
inline constexpr int kMostRepairs = 3;

struct AnswerVerdict {
  enum class Says {
    fits,
    does_not_fit,
    bad_schema,   ///< nothing can be compared with it
    cannot_tell,  ///< the checking itself failed
  };
  Says says = Says::cannot_tell;
  std::string problems{};  ///< in the validator's words
};

/// The schema that the payload of a message gives, as text; empty: none, or one that is too long.
std::string output_schema_of(json const& payload);
/// An answer's JSON: all of it, or what its only code block holds.
std::string_view json_in(std::string_view answer);
/// What the agent is told with the message.
std::string schema_note(std::string const& schema);
/// What it is told when its answer did not fit.
std::string repair_note(std::string const& problems);

}  // namespace ar::daemon
