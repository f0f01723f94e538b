#include "relay/embedded/retention.hpp"

#include "relay/embedded/attachments.hpp"
#include "relay/embedded/claims.hpp"
#include "relay/embedded/commands.hpp"
#include "relay/embedded/notes.hpp"
#include "relay/embedded/presence.hpp"
#include "relay/embedded/query.hpp"
#include "relay/embedded/tasks.hpp"
#include "relay/embedded/tokens.hpp"
#include "relay/message_rules.hpp"

#include <algorithm>

namespace ar::relay::embedded {
namespace {

/// Few enough that other jobs do not wait long behind the clean-up.
constexpr int kAtATime = 200;

struct Old {
  MessageId id;
  std::string sender, recipient, state;
  bool claimable;
  bool seen;
};

std::vector<std::string> unread_by(Database& db, MessageId id) {
  std::vector<std::string> agents;
  Query row(db, "SELECT agent_id FROM inbox WHERE message_id = ?1", id);
  while (row.step()) agents.push_back(row.text(0));
  return agents;
}

/// Dead letters and what has been read are forgotten; what has not becomes a dead letter, and its sender is
/// told.
void expire(Database& db, BusLimits const& limits, Moment now, Old const& old, Changes& changes) {
  auto agents = unread_by(db, old.id);
  bool const waited_for = old.claimable || !old.seen || !agents.empty();
  if (old.state != "live" || !waited_for) {
    run(db, "DELETE FROM messages WHERE id = ?1", old.id);
    return;
  }
  make_dead(db, now, old.id, "expired");
  run(db,
      "UPDATE obligations SET open = 0 WHERE message_id = ?1"
      " AND agent_id NOT IN (SELECT agent_id FROM reads WHERE message_id = ?1)",
      old.id);
  if (old.sender == "system") return;  // a notice that nobody reads is not worth another one
  agents.resize(std::min<std::size_t>(agents.size(), 100));
  Message about;
  about.id = old.id;
  about.from = old.sender;
  about.to = old.recipient;
  about.claimable = old.claimable;
  auto const id = insert_message(db, now, expiry_notice(about, agents, limits.retention), {});
  changes.messages.push_back(load_message(db, id));
}

void expire_old_messages(Database& db, BusLimits const& limits, Moment now, Changes& changes) {
  std::vector<Old> due;
  {
    Query row(db,
              "SELECT id, sender, recipient, state, claimable, seen FROM messages"
              " WHERE kept_since <= ?1 AND state <> 'claimed' ORDER BY kept_since, id LIMIT ?2",
              to_millis(now.wall - limits.retention), kAtATime);
    while (row.step())
      due.push_back({row.integer(0), row.text(1), row.text(2), row.text(3), row.boolean(4), row.boolean(5)});
  }
  for (auto const& old : due) expire(db, limits, now, old, changes);
}

std::optional<WallTime> least(Database& db, char const* sql) {
  Query row(db, sql);
  if (!row.step()) return std::nullopt;
  return row.maybe_time(0);
}

}  // namespace

std::vector<std::string> do_what_is_due(Database& db, BusLimits const& limits, Moment now, Changes& changes) {
  Transaction transaction(db);
  Changes done;
  end_due_leases(db, limits, now, done);
  expire_commands(db, limits, now);
  expire_old_messages(db, limits, now, done);
  forget_old_tokens(db, limits, now);
  forget_old_tasks(db, limits, now);
  forget_old_notes(db, limits, now);
  forget_silent_agents(db, limits, now);
  auto files = forget_old_attachments(db, limits, now);
  transaction.commit();
  changes = std::move(done);
  return files;
}

std::optional<WallTime> next_due(Database& db, BusLimits const& limits, Moment now) {
  Reading const one_state(db);
  std::optional<WallTime> next;
  auto const consider = [&](std::optional<WallTime> time, milliseconds more = milliseconds(0)) {
    if (time && (!next || *time + more < *next)) next = *time + more;
  };
  consider(least(db, "SELECT min(lease_until) FROM messages WHERE state = 'claimed'"));
  consider(least(db, "SELECT min(not_before) FROM messages WHERE not_before IS NOT NULL"));
  consider(least(db, "SELECT min(expires_at) FROM commands WHERE ended = 0 AND expires_at IS NOT NULL"));
  auto const to_steady = now.steady - now.wall + limits.retention;
  consider(least(db, "SELECT min(kept_since) FROM messages WHERE state <> 'claimed'"), to_steady);
  consider(least(db, "SELECT min(created_at) FROM commands WHERE ended = 1"), to_steady);
  consider(least(db, "SELECT min(updated_at) FROM tasks WHERE status IN ('done', 'failed', 'cancelled')"), to_steady);
  consider(least(db, "SELECT min(changed_at) FROM notes"), to_steady);
  consider(least(db, "SELECT min(last_heartbeat) FROM agents"), limits.retention);
  // Older ones are still needed by a message, and go with it.
  consider(oldest_young_attachment(db, limits, now), to_steady);
  return next;
}

}  // namespace ar::relay::embedded
