// Everything the bus has on a NATS server, in one place: streams, subjects, buckets, limits.
//
// clang-format off
//   stream PREFIX-messages      PREFIX.messages.KEY           one message per subject; its id is its sequence
//   stream PREFIX-commands      PREFIX.commands.NONCE         a command, then its steps; its id is the first's sequence
//   stream PREFIX-attachments   PREFIX.attachments.SHA.PART   bytes in parts; PART "about" describes them, written last
//   bucket PREFIX-state         ID.lease, ID.read.AGENT, ID.reaction.HASH, ID.waived.AGENT   what became of message ID
//                               ID.outline                    of a deleted one whose sender is still to be told
//   bucket PREFIX-presence      AGENT                         forgotten by the server after kPresenceTtl of silence
//                               note.KEY                      what daemons keep for each other
//   bucket PREFIX-tasks         ID
//   bucket PREFIX-tokens        token.SHA, jti.JTI, revoked.JTI, name.NAME
// clang-format on
//
// KEY is the digest of sender and idempotency key: a subject that is taken is a key that was used. Where AGENT is not
// made of plain letters, the odd bytes are written as =XX.
#pragma once
#include "relay/nats/nats_options.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ar::relay::nats {

inline constexpr std::size_t kInlineBody = 256U << 10;   ///< longer bodies are stored as attachments are
inline constexpr std::size_t kPartBytes = 512U << 10;    ///< of an attachment; NATS takes 1 MiB at once by default
inline constexpr std::size_t kTaskBytes = 768U << 10;    ///< a task's whole document
inline constexpr std::size_t kCachedBodies = 64U << 20;  ///< bytes of bodies kept in memory
inline constexpr auto kDedupWindow = std::chrono::minutes(2);
inline constexpr auto kPresenceTtl = std::chrono::hours(24 * 14);
inline constexpr auto kFeedHeartbeat = std::chrono::seconds(5);
inline constexpr auto kFeedInactive = std::chrono::seconds(60);  ///< the server forgets a feed nobody listens to
/// How long one waits for a feed's consumer, and how often another is made.
inline constexpr auto kPlacement = std::chrono::milliseconds(1500);
inline constexpr int kPlacements = 5;
inline constexpr int kWriteAttempts = 50;  ///< compare-and-set against others' writes

enum class Store { messages, commands, attachments, state, presence, tasks, tokens };
inline constexpr Store kStores[] = {Store::messages, Store::commands, Store::attachments, Store::state,
                                    Store::presence, Store::tasks,    Store::tokens};

/// A stream as it must be.
struct StreamPlan {
  std::string name;
  std::string subject;
  std::int64_t messages_per_subject = 1;  ///< -1: any number
  std::chrono::nanoseconds max_age{0};    ///< 0: kept until the bus deletes it
  bool bucket = false;
};

class Names {
 public:
  explicit Names(std::string prefix) : prefix_(std::move(prefix)) {}
  StreamPlan plan(Store store) const;
  std::string stream(Store store) const;
  /// The subject of `key` in a stream or bucket.
  std::string subject(Store store, std::string_view key) const;
  /// The inverse; empty when the subject is not of this store.
  std::string_view key(Store store, std::string_view subject) const;

 private:
  std::string start(Store store) const;  ///< of every subject in it
  std::string prefix_;
};

/// `text` as one token of a key.
std::string key_token(std::string_view text);

}  // namespace ar::relay::nats
