// One message as a provider gets it, and what became of the attempt (docs/delivery.md).
#pragma once
#include "base/clock.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ar::adapters {

/// What is to be handed over. The envelope around the body (adapters/envelope.hpp) carries `correlation_id`, which no
/// sender can know: it ties the proof to this message and keeps a body from posing as another message's header.
struct Prompt {
  std::int64_t message_id = 0;  ///< 0: not from the bus (initial prompt, memory context)
  std::string correlation_id;   ///< 10 hex digits, fresh for each message, kept in the journal
  std::string from;
  std::string kind;
  std::optional<std::string> subject{};
  std::string body;
  bool urgent = false;  ///< may be handed while the provider is busy, where it can be steered
  bool reply_requested = false;
  bool is_notice = false;  ///< information: it may go a way of its own, as the provider's word and not its user's
  std::vector<std::string> attachments{};       ///< lines to show: a local path, or "NAME (missing: why)"
  std::vector<std::filesystem::path> images{};  ///< those of the attachments that is_image() (adapters/image.hpp)
  std::filesystem::path body_file{};            ///< where to put the body when it cannot go inline; parent exists, 0700
};

/// How one attempt ended. Only `accepted` may be acknowledged on the bus (`unverified` where nothing can be proved).
enum class SubmitOutcome {
  accepted,    ///< the provider itself has shown that it took exactly this message: `Accepted` has told of it
  unverified,  ///< typed; this provider has no way to prove more, and its profile says so
  held,        ///< nothing of it is in the provider: it cannot take it now; try again once nothing blocks it
  offered,  ///< a notice: the provider fetches it by itself, and `Accepted` follows. Until then the record may be asked
  refused,  ///< it will never be taken
  unknown,  ///< typed, and the proof is missing: query the outcome, never type again on doubt
};

struct SubmitResult {
  SubmitOutcome outcome = SubmitOutcome::held;
  std::string reason{};  ///< for people: why held, refused or unknown
  std::string screen{};  ///< unknown: the screen as it was
};

/// What the provider's own record says about a message handed earlier.
enum class RecordedOutcome {
  accepted,  ///< it is in the record
  absent,    ///< the record is complete and does not hold it: it may be handed again
  pending,   ///< the living provider may still take it (its own queue): wait
  blind,     ///< there is no record to ask (a `command` provider without proof): a person decides
};

}  // namespace ar::adapters
