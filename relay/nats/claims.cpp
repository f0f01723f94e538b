// Leases on claimable messages and the dead letters they may become; why by compare-and-set, see lease.hpp.
#include "base/ids.hpp"
#include "relay/message_rules.hpp"
#include "relay/nats/core.hpp"

namespace ar::relay::nats {
namespace {

std::string named(MessageId id) { return "message " + std::to_string(id); }

Error claim_lost(MessageId id, Lease const& lease) {
  std::string who = "its lease has run out";
  if (lease.state == LeaseState::held) who = lease.holder + " holds it now";
  if (lease.state == LeaseState::free && lease.token_hash.empty() && lease.deliveries == 0)
    who = "the bus knows of none (its state was lost, or the work was given back)";
  if (lease.state == LeaseState::finished) who = "another holder has finished it";
  if (lease.state == LeaseState::dead) who = "it is a dead letter";
  return conflict("claim_lost", "the claim on " + named(id) + " is lost: " + who + "; drop the work or claim it again");
}

bool proves(Lease const& lease, std::string const& token_hash) {
  return !lease.token_hash.empty() && equal_secrets(lease.token_hash, token_hash);
}

}  // namespace

awaitable<Result<Claim>> claim(Core& core, MessageId id, std::string agent_id) {
  if (auto const good = check_word("agentId", agent_id, kMaxNameBytes); !good) co_return good.error();
  Claim claim{id, agent_id, new_uuid(), {}, 0};
  LeaseChange change = [&core, &claim, hash = sha256_hex(claim.token)](Entry const& entry, Lease& lease,
                                                                       WallTime now) -> Result<bool> {
    auto const id = claim.message_id;
    if (!entry.message().claimable)
      return conflict("not_claimable", named(id) + " was not sent to be claimed; read it instead");
    auto const fate = core.messages.fate(entry, now).fate;
    if (fate == Fate::finished) return conflict("finished", named(id) + " has been finished; nothing is left to do");
    if (fate == Fate::dead) return conflict("dead_letter", named(id) + " is a dead letter; a person can requeue it");
    bool const mine = lease.state == LeaseState::held && lease.holder == claim.holder;
    if (lease.state == LeaseState::held && !mine)
      return conflict("already_claimed", named(id) + " is held by " + lease.holder + "; leave it to them");
    if (lease.not_before)
      return conflict("delayed", named(id) + " was released for later; claim it after " +
                                     to_iso8601(core.time.local(*lease.not_before)));
    lease.state = LeaseState::held;
    lease.holder = claim.holder;
    lease.token_hash = hash;
    lease.until = now + core.limits.lease;
    lease.deliveries += mine ? 0 : 1;
    lease.last = lease.deliveries >= core.limits.max_deliveries;
    claim.expires_at = core.time.local(lease.until);
    claim.delivery_count = lease.deliveries;
    return true;
  };
  auto const done = co_await change_lease(core, id, std::move(change));
  if (!done) co_return done.error();
  co_return claim;
}

awaitable<Result<Claim>> renew(Core& core, MessageId id, std::string token) {
  Claim claim{id, {}, token, {}, 0};
  LeaseChange change = [&core, &claim, hash = sha256_hex(token)](Entry const&, Lease& lease,
                                                                 WallTime now) -> Result<bool> {
    if (lease.state != LeaseState::held || !proves(lease, hash)) return claim_lost(claim.message_id, lease);
    lease.until = std::max(lease.until, now + core.limits.lease);
    claim.holder = lease.holder;
    claim.expires_at = core.time.local(lease.until);
    claim.delivery_count = lease.deliveries;
    return true;
  };
  auto const done = co_await change_lease(core, id, std::move(change));
  if (!done) co_return done.error();
  co_return claim;
}

awaitable<Result<void>> release(Core& core, MessageId id, std::string token, milliseconds delay, Tried tried) {
  if (auto const good = check_span("delay", delay, milliseconds(0), core.limits.retention); !good)
    co_return good.error();
  LeaseChange change = [id, delay, tried, hash = sha256_hex(token)](Entry const&, Lease& lease,
                                                                    WallTime now) -> Result<bool> {
    if (lease.state != LeaseState::held || !proves(lease, hash)) return claim_lost(id, lease);
    if (tried == Tried::no) {
      --lease.deliveries;
      lease.last = false;
    }
    lease.until = now;  // let go: what ends by time ends now
    lease = settled(std::move(lease), now);
    if (lease.state == LeaseState::free && delay > milliseconds(0)) lease.not_before = now + delay;
    return true;
  };
  co_return co_await change_lease(core, id, std::move(change));
}

awaitable<Result<void>> finish(Core& core, MessageId id, std::string token) {
  LeaseChange change = [id, hash = sha256_hex(token)](Entry const&, Lease& lease, WallTime now) -> Result<bool> {
    if (lease.state == LeaseState::finished && proves(lease, hash)) return false;
    if (lease.state != LeaseState::held || !proves(lease, hash)) return claim_lost(id, lease);
    lease.state = LeaseState::finished;
    lease.reads.try_emplace(lease.holder, now);
    return true;
  };
  co_return co_await change_lease(core, id, std::move(change));
}

awaitable<Result<std::vector<DeadLetter>>> dead_letters(Core& core) {
  if (auto const there = co_await caught_up(core, {&core.message_feed, &core.state_feed}); !there)
    co_return there.error();
  auto const now = core.time.now();
  std::vector<DeadLetter> letters;
  for (auto const id : core.messages.dead(now)) {
    auto message = co_await load(core, id);
    auto const* const entry = core.messages.find(id);
    if (!message || !entry) continue;
    auto const fate = core.messages.fate(*entry, now);
    if (fate.fate != Fate::dead) continue;
    letters.push_back({std::move(*message), settled(entry->lease, now).deliveries,
                       fate.expired ? "expired" : "max_deliveries", core.time.local(fate.since)});
  }
  co_return letters;
}

awaitable<Result<void>> requeue(Core& core, MessageId id) {
  if (auto const there = co_await caught_up(core, {&core.presence_feed}); !there) co_return there;
  LeaseChange change = [&core, id](Entry const& entry, Lease& lease, WallTime now) -> Result<bool> {
    if (core.messages.fate(entry, now).fate != Fate::dead)
      return conflict("not_a_dead_letter", named(id) + " is not a dead letter; there is nothing to requeue");
    auto const& message = entry.message();
    lease.state = LeaseState::free;
    lease.deliveries = 0;
    lease.last = false;
    lease.not_before.reset();
    lease.kept_since = now;
    if (!message.claimable && entry.group()) {
      lease.recipients = core.presence.members(message.to, now);
      std::erase(lease.recipients, message.from);
    }
    return true;
  };
  co_return co_await change_lease(core, id, std::move(change));
}

}  // namespace ar::relay::nats
