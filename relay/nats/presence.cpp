// Which agents there are: one key each in the presence bucket.
#include "relay/message_rules.hpp"
#include "relay/nats/core.hpp"

namespace ar::relay::nats {
namespace {

using PresenceChange = std::function<void(Presence&)>;

awaitable<Result<void>> change_presence(Core& core, std::string agent_id, json meta, PresenceChange change) {
  if (auto const good = object_text("meta", meta, kMaxMetaBytes); !good) co_return good.error();
  bool fresh = false;
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    if (auto const* const entry = core.presence.find(agent_id, core.time.now())) {
      auto presence = entry->presence;
      presence.meta.update(meta);
      if (auto const good = object_text("meta", presence.meta, kMaxMetaBytes); !good) co_return good.error();
      presence.last_heartbeat = core.time.now();
      change(presence);
      Publication publication;
      publication.subject = core.subject(Store::presence, key_token(agent_id));
      publication.data = presence_text(presence);
      publication.expected = entry->revision;
      auto const done = co_await write(core, core.presence_feed, std::move(publication));
      if (done) co_return Result<void>();
      if (done.error().code != "wrong_revision") co_return done.error();
    } else if (fresh) {
      co_return not_found("unknown_agent", "agent \"" + agent_id + "\" is not on the bus; register it first");
    }
    if (auto const there = co_await caught_up(core, {&core.presence_feed}); !there) co_return there;
    fresh = true;
  }
  co_return unavailable("nats_busy", "too many others change agent \"" + agent_id + "\" at once; try again");
}

}  // namespace

awaitable<Result<void>> register_agent(Core& core, Presence presence) {
  if (auto const good = check_agent(presence.identity); !good) co_return good;
  if (auto const good = check_word("instanceId", presence.instance_id, kMaxNameBytes); !good) co_return good;
  if (auto const good = check_word("status", presence.status, kMaxKindBytes); !good) co_return good;
  if (auto const good = object_text("meta", presence.meta, kMaxMetaBytes); !good) co_return good.error();
  presence.registered_at = presence.last_heartbeat = core.time.now();
  Publication publication;
  publication.subject = core.subject(Store::presence, key_token(presence.identity.agent_id));
  publication.data = presence_text(presence);
  auto const done = co_await write(core, core.presence_feed, std::move(publication));
  if (!done) co_return done.error();
  co_return Result<void>();
}

awaitable<Result<void>> publish_status(Core& core, std::string agent_id, std::string status, bool ready, json meta) {
  if (auto const good = check_word("status", status, kMaxKindBytes); !good) co_return good;
  PresenceChange change = [status, ready](Presence& presence) {
    presence.status = status;
    presence.ready = ready;
  };
  co_return co_await change_presence(core, std::move(agent_id), std::move(meta), std::move(change));
}

awaitable<Result<void>> heartbeat(Core& core, std::string agent_id, json meta) {
  PresenceChange change = [](Presence&) {};
  co_return co_await change_presence(core, std::move(agent_id), std::move(meta), std::move(change));
}

awaitable<Result<void>> remove_agent(Core& core, std::string agent_id) {
  if (auto const there = co_await caught_up(core, {&core.presence_feed}); !there) co_return there;
  if (!core.presence.find(agent_id, core.time.now())) co_return Result<void>();
  Publication publication;
  publication.subject = core.subject(Store::presence, key_token(agent_id));
  publication.tombstone = true;
  auto const done = co_await write(core, core.presence_feed, std::move(publication));
  if (!done) co_return done.error();
  co_return Result<void>();
}

awaitable<Result<std::vector<Presence>>> agents(Core& core) {
  if (auto const there = co_await caught_up(core, {&core.presence_feed}); !there) co_return there.error();
  auto all = core.presence.all(core.time.now());
  for (auto& one : all) {
    one.registered_at = core.time.local(one.registered_at);
    one.last_heartbeat = core.time.local(one.last_heartbeat);
  }
  co_return all;
}

}  // namespace ar::relay::nats
