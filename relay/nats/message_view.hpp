// All messages and what became of them, as the feeds of the messages stream and the state bucket tell it: an index in
// memory that answers unread, lists, obligations and what is due. The streams are the truth; this is rebuilt from them
// at every start. Bodies are kept up to a limit, older ones are fetched again. io thread only.
#pragma once
#include "relay/bus.hpp"
#include "relay/nats/envelope.hpp"
#include "relay/nats/lease.hpp"

#include <deque>
#include <map>
#include <set>
#include <unordered_map>

namespace ar::relay::nats {

struct ReadMark {
  WallTime at{};
  std::uint64_t sequence = 0;
};

struct Entry {
  bool known = false;  ///< false: its state was heard of first
  bool body_kept = false;
  bool outlined = false;  ///< deleted; what is left is its outline, until its sender has been told (see tidy.cpp)
  Envelope envelope{};
  Lease lease{};
  std::uint64_t lease_revision = 0;         ///< 0: no document yet
  std::uint64_t last_state = 0;             ///< the newest sequence of anything about it in the state bucket
  std::map<std::string, ReadMark> reads{};  ///< of a plain message; claimable ones have theirs in the lease
  std::vector<std::pair<std::uint64_t, Reaction>> reactions{};
  std::set<std::string> waived{};
  std::set<std::string> former_readers{};  ///< whose read mark went with their lease; the view still lists it for them

  Message const& message() const { return envelope.message; }
  bool group() const { return is_group_address(message().to); }
  std::vector<std::string> const& recipients() const {
    return lease.kept_since && !lease.recipients.empty() ? lease.recipients : envelope.recipients;
  }
};

enum class Fate { live, held, finished, dead, forgotten };
struct FateAt {
  Fate fate = Fate::live;
  bool expired = false;  ///< by its retention time, with somebody waiting for it
  WallTime since{};      ///< of dead
};

class MessageView {
 public:
  /// Something that subscribers may want to hear of.
  using Announce = std::function<void(MessageId)>;
  explicit MessageView(Announce announce) : announce_(std::move(announce)) {}

  void take_message(MessageId id, std::string_view data);
  /// `key`: ID.lease, ID.read.AGENT, ...; a document of ours that was just written may be given before its feed has it.
  void take_state(std::string_view key, std::string_view data, std::uint64_t sequence, WallTime now);
  void forget(MessageId id);
  void clear();

  Entry const* find(MessageId id) const;  ///< a known one
  std::uint64_t revision(MessageId id) const;
  FateAt fate(Entry const& entry, WallTime now) const;
  bool read_by(Entry const& entry, std::string const& agent, WallTime now) const;
  /// With its readers; its body only when `body_kept`.
  Message shown(MessageId id, Entry const& entry, WallTime now) const;

  std::vector<MessageId> unread(Identity const& who, int limit, MessageId after, WallTime now) const;
  std::vector<MessageId> list(MessageFilter const& filter, WallTime now) const;
  std::vector<MessageId> owed_by(std::string const& agent, WallTime now) const;
  std::vector<MessageId> dead(WallTime now) const;
  std::vector<std::string> unread_recipients(Entry const& entry) const;
  bool has_answer(MessageId id, std::string const& from, std::string const& kind) const;
  bool needs_attachment(std::string const& id, WallTime now) const;
  std::size_t size() const { return entries_.size(); }

  /// When a lease or delay ends next; `pop_ended` gives those that have.
  std::optional<WallTime> next_lease_end() const;
  std::vector<MessageId> pop_ended(WallTime now);
  /// When a message expires or is forgotten next; `pop_expired` gives those, which are to be given to `watch` again.
  std::optional<WallTime> next_expiry() const;
  std::vector<MessageId> pop_expired(WallTime now, std::size_t most);
  void watch(MessageId id, WallTime at) { expiries_.emplace(at, id); }

 private:
  using Ids = std::set<MessageId>;
  void index(MessageId id, Entry const& entry);
  void keep_body(MessageId id, Entry& entry);
  bool seen(Entry const& entry) const;
  bool listed(Entry const& entry, Identity const& who, WallTime now) const;
  std::vector<std::string> readers(Entry const& entry, WallTime now) const;
  static void merge(std::vector<MessageId>& ids, int limit);

  Announce announce_;
  std::map<MessageId, Entry> entries_;
  std::unordered_map<std::string, Ids> open_;      ///< by address: somebody may still have to read or take it
  std::unordered_map<std::string, Ids> of_agent_;  ///< sent by, addressed to, or read by
  std::unordered_map<std::string, Ids> asking_;    ///< by agent: messages that may ask it for a reply
  std::unordered_map<MessageId, Ids> answers_;
  std::unordered_map<std::string, Ids> attached_;  ///< by attachment: the messages that need it
  std::set<std::pair<WallTime, MessageId>> lease_ends_, expiries_;
  std::deque<MessageId> kept_bodies_;
  std::size_t kept_bytes_ = 0;
};

}  // namespace ar::relay::nats
