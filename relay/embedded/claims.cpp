#include "relay/embedded/claims.hpp"

#include "base/ids.hpp"
#include "relay/embedded/query.hpp"
#include "relay/message_rules.hpp"

#include <algorithm>

namespace ar::relay::embedded {
namespace {

struct Lease {
  bool claimable = false;
  std::string state{}, holder{}, token{};
  std::optional<WallTime> until{}, not_before{};
  int deliveries = 0;
};

std::optional<Lease> find_lease(Database& db, MessageId id) {
  Query row(db,
            "SELECT claimable, state, holder, token, lease_until, not_before, deliveries FROM messages WHERE "
            "id = ?1",
            id);
  if (!row.step()) return std::nullopt;
  return Lease{row.boolean(0),
               row.text(1),
               row.text(2),
               row.text(3),
               row.maybe_time(4),
               row.maybe_time(5),
               static_cast<int>(row.integer(6))};
}

std::string named(MessageId id) { return "message " + std::to_string(id); }

Error claim_lost(MessageId id, Lease const& lease) {
  std::string who = "its lease has run out";
  if (lease.state == "claimed") who = lease.holder + " holds it now";
  if (lease.state == "finished") who = "another holder has finished it";
  if (lease.state == "dead") who = "it is a dead letter";
  return conflict("claim_lost", "the claim on " + named(id) + " is lost: " + who + "; drop the work or claim it again");
}

bool held(Lease const& lease, Moment now) {
  return lease.state == "claimed" && lease.until && *lease.until > now.steady;
}

/// The lease that `token` proves, while it lasts.
Result<Lease> held_lease(Database& db, Moment now, MessageId id, std::string const& token) {
  auto const lease = find_lease(db, id);
  if (!lease) return unknown_message(id);
  if (!held(*lease, now) || !equal_secrets(lease->token, token)) return claim_lost(id, *lease);
  return *lease;
}

/// Back to the others, or to the dead letters when that was the last of its `deliveries`; then its sender is told.
/// True: claimable (again, at `not_before`).
bool end_lease(Database& db, BusLimits const& limits, Moment now, MessageId id, std::string const& holder,
               int deliveries, std::optional<WallTime> not_before, Changes& changes) {
  // The work goes back unfinished, so its former holder has to see it again as well.
  run(db, "DELETE FROM reads WHERE message_id = ?1 AND agent_id = ?2", id, holder);
  if (deliveries >= limits.max_deliveries) {
    make_dead(db, now, id, "max_deliveries");
    auto const message = load_message(db, id);
    if (message.from == "system") return false;  // a notice that nobody takes is not worth another one
    auto const notice = insert_message(db, now, dead_letter_notice(message, deliveries), {});
    changes.messages.push_back(load_message(db, notice));
    return false;
  }
  std::optional<std::int64_t> later;
  if (not_before) later = to_millis(*not_before);
  run(db,
      "UPDATE messages SET state = 'live', holder = NULL, token = NULL, lease_until = NULL, not_before = ?2,"
      " deliveries = ?3 WHERE id = ?1",
      id, later, deliveries);
  return true;
}

}  // namespace

void make_dead(Database& db, Moment now, MessageId id, char const* reason) {
  run(db,
      "UPDATE messages SET state = 'dead', dead_reason = ?2, kept_since = ?3, holder = NULL, token = NULL,"
      " lease_until = NULL, not_before = NULL WHERE id = ?1",
      id, reason, to_millis(now.wall));
  run(db, "DELETE FROM inbox WHERE message_id = ?1", id);
}

Result<Claim> claim(Database& db, BusLimits const& limits, Moment now, MessageId id, std::string const& agent_id) {
  if (auto const good = check_word("agentId", agent_id, kMaxNameBytes); !good) return good.error();
  Transaction transaction(db);
  auto const lease = find_lease(db, id);
  if (!lease) return unknown_message(id);
  if (!lease->claimable) return conflict("not_claimable", named(id) + " was not sent to be claimed; read it instead");
  if (lease->state == "finished") return conflict("finished", named(id) + " has been finished; nothing is left to do");
  if (lease->state == "dead") return conflict("dead_letter", named(id) + " is a dead letter; a person can requeue it");
  bool const mine = lease->state == "claimed" && lease->holder == agent_id;
  if (lease->state == "claimed" && !mine)
    return conflict("already_claimed", named(id) + " is held by " + lease->holder + "; leave it to them");
  if (lease->not_before && *lease->not_before > now.steady)
    return conflict("delayed", named(id) + " was released for later; claim it after " + to_iso8601(*lease->not_before));
  Claim claim{id, agent_id, new_uuid(), now.wall + limits.lease, lease->deliveries + (mine ? 0 : 1)};
  run(db,
      "UPDATE messages SET state = 'claimed', holder = ?2, token = ?3, lease_until = ?4, deliveries = ?5,"
      " not_before = NULL WHERE id = ?1",
      id, claim.holder, claim.token, to_millis(now.steady + limits.lease), claim.delivery_count);
  transaction.commit();
  return claim;
}

Result<Claim> renew(Database& db, BusLimits const& limits, Moment now, MessageId id, std::string const& token) {
  Transaction transaction(db);
  auto const lease = held_lease(db, now, id, token);
  if (!lease) return lease.error();
  auto const until = std::max(*lease->until, now.steady + limits.lease);
  run(db, "UPDATE messages SET lease_until = ?2 WHERE id = ?1", id, to_millis(until));
  transaction.commit();
  return Claim{id, lease->holder, token, now.wall + (until - now.steady), lease->deliveries};
}

Result<void> release(Database& db, BusLimits const& limits, Moment now, MessageId id, std::string const& token,
                     milliseconds delay, Tried tried, Changes& changes) {
  if (auto const good = check_span("delay", delay, milliseconds(0), limits.retention); !good) return good.error();
  Transaction transaction(db);
  auto const lease = held_lease(db, now, id, token);
  if (!lease) return lease.error();
  std::optional<WallTime> not_before;
  if (delay > milliseconds(0)) not_before = now.steady + delay;
  int const deliveries = lease->deliveries - (tried == Tried::no ? 1 : 0);
  Changes done;
  bool const claimable = end_lease(db, limits, now, id, lease->holder, deliveries, not_before, done);
  if (claimable && !not_before) done.messages.push_back(load_message(db, id));
  transaction.commit();
  changes = std::move(done);
  return {};
}

Result<void> finish(Database& db, Moment now, MessageId id, std::string const& token) {
  Transaction transaction(db);
  auto const lease = find_lease(db, id);
  if (!lease) return unknown_message(id);
  if (!equal_secrets(lease->token, token)) return claim_lost(id, *lease);
  if (lease->state == "finished") return {};
  if (!held(*lease, now)) return claim_lost(id, *lease);
  insert_read(db, now, id, lease->holder);
  run(db, "UPDATE messages SET state = 'finished', lease_until = NULL WHERE id = ?1", id);
  transaction.commit();
  return {};
}

Result<std::vector<DeadLetter>> dead_letters(Database& db) {
  std::vector<DeadLetter> letters;
  Query row(db, "SELECT id, deliveries, dead_reason, kept_since FROM messages WHERE state = 'dead' ORDER BY id");
  while (row.step())
    letters.push_back({load_message(db, row.integer(0)), static_cast<int>(row.integer(1)), row.text(2), row.time(3)});
  return letters;
}

Result<void> requeue(Database& db, Moment now, MessageId id, Changes& changes) {
  Transaction transaction(db);
  auto const lease = find_lease(db, id);
  if (!lease) return unknown_message(id);
  if (lease->state != "dead")
    return conflict("not_a_dead_letter", named(id) + " is not a dead letter; there is nothing to requeue");
  run(db,
      "UPDATE messages SET state = 'live', dead_reason = NULL, deliveries = 0, seen = 0, kept_since = ?2"
      " WHERE id = ?1",
      id, to_millis(now.wall));
  auto message = load_message(db, id);
  if (!message.claimable) fill_inboxes(db, id, message.from, message.to);
  transaction.commit();
  changes.messages.push_back(std::move(message));
  return {};
}

void end_due_leases(Database& db, BusLimits const& limits, Moment now, Changes& changes) {
  struct Due {
    MessageId id;
    std::string holder;
    int deliveries;
  };
  std::vector<Due> leases;
  std::vector<MessageId> delays;
  {
    Query row(db,
              "SELECT id, holder, deliveries FROM messages WHERE state = 'claimed' AND lease_until <= ?1"
              " ORDER BY lease_until, id",
              to_millis(now.steady));
    while (row.step()) leases.push_back({row.integer(0), row.text(1), static_cast<int>(row.integer(2))});
    Query later(db, "SELECT id FROM messages WHERE not_before IS NOT NULL AND not_before <= ?1 ORDER BY not_before, id",
                to_millis(now.steady));
    while (later.step()) delays.push_back(later.integer(0));
  }
  for (auto const& due : leases)
    if (end_lease(db, limits, now, due.id, due.holder, due.deliveries, std::nullopt, changes))
      changes.messages.push_back(load_message(db, due.id));
  for (auto const id : delays) {
    run(db, "UPDATE messages SET not_before = NULL WHERE id = ?1", id);
    changes.messages.push_back(load_message(db, id));
  }
}

void shorten_leases(Database& db, BusLimits const& limits, Moment now) {
  auto const longest = to_millis(now.steady + limits.lease);
  run(db, "UPDATE messages SET lease_until = ?1 WHERE state = 'claimed' AND lease_until > ?1", longest);
  run(db, "UPDATE agents SET last_heartbeat = ?1 WHERE last_heartbeat > ?1", to_millis(now.steady));
}

}  // namespace ar::relay::embedded
