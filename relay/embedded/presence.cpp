#include "relay/embedded/presence.hpp"

#include "relay/embedded/query.hpp"
#include "relay/message_rules.hpp"

namespace ar::relay::embedded {
namespace {

constexpr auto kHeartbeat = std::chrono::seconds(30);
constexpr int kMissedUntilStale = 3;
/// Presence is told anew after a power cut, by the daemon that starts or connects again: it is worth no wait for the
/// disk.
constexpr auto kPresence = Transaction::Durability::later;

/// The stored meta with the fields of `fresh` laid over it; `unknown_agent` when it is not registered.
Result<std::string> merged_meta(Database& db, std::string const& agent_id, json const& fresh) {
  if (auto const good = object_text("meta", fresh, kMaxMetaBytes); !good) return good.error();
  Query row(db, "SELECT meta FROM agents WHERE id = ?1", agent_id);
  if (!row.step()) return not_found("unknown_agent", "agent \"" + agent_id + "\" is not on the bus; register it first");
  auto meta = row.object(0, "agent " + agent_id).value_or(json::object());
  meta.update(fresh);
  return object_text("meta", meta, kMaxMetaBytes);
}

}  // namespace

Result<void> register_agent(Database& db, Moment now, Presence const& presence) {
  auto const& who = presence.identity;
  if (auto const good = check_agent(who); !good) return good;
  if (auto const good = check_word("instanceId", presence.instance_id, kMaxNameBytes); !good) return good;
  if (auto const good = check_word("status", presence.status, kMaxKindBytes); !good) return good;
  auto const meta = object_text("meta", presence.meta, kMaxMetaBytes);
  if (!meta) return meta.error();
  Transaction transaction(db, kPresence);
  run(db, "DELETE FROM agents WHERE id = ?1", who.agent_id);
  run(db,
      "INSERT INTO agents(id, label, tags, capabilities, narrow, instance_id, status, ready, meta, "
      "registered_at,"
      " last_heartbeat) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
      who.agent_id, who.label, json(who.tags).dump(), json(who.capabilities).dump(), who.narrow, presence.instance_id,
      presence.status, presence.ready, *meta, to_millis(now.wall), to_millis(now.steady));
  for (auto const& address : addresses_of(who))
    if (is_group_address(address))
      run(db, "INSERT OR IGNORE INTO agent_addresses(address, agent_id) VALUES(?1, ?2)", address, who.agent_id);
  transaction.commit();
  return {};
}

Result<void> publish_status(Database& db, Moment now, std::string const& agent_id, std::string const& status,
                            bool ready, json const& meta) {
  if (auto const good = check_word("status", status, kMaxKindBytes); !good) return good;
  Transaction transaction(db, kPresence);
  auto const merged = merged_meta(db, agent_id, meta);
  if (!merged) return merged.error();
  run(db, "UPDATE agents SET status = ?2, ready = ?3, meta = ?4, last_heartbeat = ?5 WHERE id = ?1", agent_id, status,
      ready, *merged, to_millis(now.steady));
  transaction.commit();
  return {};
}

Result<void> heartbeat(Database& db, Moment now, std::string const& agent_id, json const& meta) {
  Transaction transaction(db, kPresence);
  auto const merged = merged_meta(db, agent_id, meta);
  if (!merged) return merged.error();
  run(db, "UPDATE agents SET meta = ?2, last_heartbeat = ?3 WHERE id = ?1", agent_id, *merged, to_millis(now.steady));
  transaction.commit();
  return {};
}

Result<void> remove_agent(Database& db, std::string const& agent_id) {
  run(db, "DELETE FROM agents WHERE id = ?1", agent_id);
  return {};
}

Result<std::vector<Presence>> agents(Database& db, Moment now) {
  std::vector<Presence> found;
  Query row(db,
            "SELECT id, label, tags, capabilities, narrow, instance_id, status, ready, meta, registered_at,"
            " last_heartbeat FROM agents ORDER BY id");
  while (row.step()) {
    Presence one;
    one.identity.agent_id = row.text(0);
    auto const whose = "agent " + one.identity.agent_id;
    auto tags = row.texts(2, whose);
    auto capabilities = row.texts(3, whose);
    if (!tags || !capabilities) continue;  // until it registers again
    one.identity.label = row.text(1);
    one.identity.tags = std::move(*tags);
    one.identity.capabilities = std::move(*capabilities);
    one.identity.narrow = row.boolean(4);
    one.instance_id = row.text(5);
    one.status = row.text(6);
    one.ready = row.boolean(7);
    one.meta = row.object(8, whose).value_or(json::object());
    one.registered_at = row.time(9);
    one.last_heartbeat = row.time(10);
    one.stale = now.steady - one.last_heartbeat > kMissedUntilStale * kHeartbeat;
    found.push_back(std::move(one));
  }
  return found;
}

void forget_silent_agents(Database& db, BusLimits const& limits, Moment now) {
  run(db, "DELETE FROM agents WHERE last_heartbeat <= ?1", to_millis(now.steady - limits.retention));
}

}  // namespace ar::relay::embedded
