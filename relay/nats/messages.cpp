// Sending, listing, reading, reacting, answering.
#include "base/ids.hpp"
#include "relay/message_rules.hpp"
#include "relay/nats/core.hpp"

namespace ar::relay::nats {
namespace {

constexpr std::size_t kMaxReactionBytes = 64;

/// The message that took this subject: repeated, or in conflict. Nothing: it is gone since.
awaitable<Result<std::optional<Sent>>> sent_before(Core& core, std::string subject, std::string key, std::string hash) {
  auto const stored = co_await core.js.last(core.stream(Store::messages), std::move(subject));
  if (!stored) co_return stored.error();
  if (!*stored) co_return std::optional<Sent>();
  auto const id = static_cast<MessageId>((*stored)->sequence);
  auto const envelope = envelope_from((*stored)->data);
  if (!envelope || envelope->body_hash != hash)
    co_return idempotency_conflict(std::to_string(id),
                                   "the key \"" + key + "\" was used for message " + std::to_string(id) +
                                       ", which says something else; use a new key for a new message");
  (void)co_await core.message_feed.reached((*stored)->sequence, core.options.request_timeout);
  auto const* const entry = core.messages.find(id);
  if (entry && core.messages.fate(*entry, core.time.now()).fate == Fate::forgotten) {
    // Its time is over, and with it its key's; it only has not been swept away yet, nor its sender told, perhaps.
    auto const done = co_await settle(core, id);
    if (!done) co_return done.error();
    auto const gone = co_await core.js.purge(core.stream(Store::messages), (*stored)->subject, (*stored)->sequence + 1);
    if (!gone) co_return gone.error();
    co_return std::optional<Sent>();
  }
  auto message = co_await load(core, id);
  if (!message) co_return message.error();
  co_return Sent{std::move(*message), true};
}

awaitable<Result<void>> check_references(Core& core, NewMessage const& message, Envelope& envelope) {
  if (message.reply_to && !core.messages.find(*message.reply_to)) {
    if (auto const there = co_await caught_up(core, {&core.message_feed}); !there) co_return there;
    auto const* const question = core.messages.find(*message.reply_to);
    if (!question || core.messages.fate(*question, core.time.now()).fate == Fate::forgotten) {
      auto error = unknown_message(*message.reply_to);
      error.field = "replyTo";
      co_return error;
    }
  }
  for (auto const& id : message.attachments) {
    auto stored = co_await attachment(core, id);
    if (!stored) {
      auto error = stored.error();
      if (error.kind == ErrorKind::not_found) error.field = "attachments";
      co_return error;
    }
    envelope.message.attachments.push_back(std::move(*stored));
  }
  if (!message.claimable && is_group_address(message.to)) {
    if (auto const there = co_await caught_up(core, {&core.presence_feed}); !there) co_return there;
    envelope.recipients = core.presence.members(message.to, core.time.now());
    std::erase(envelope.recipients, message.from);
  }
  co_return Result<void>();
}

/// The message, if it is known and not forgotten; looked for again when it is not known yet.
awaitable<Result<Entry const*>> known(Core& core, MessageId id) {
  for (bool const fresh : {false, true}) {
    auto const* const entry = core.messages.find(id);
    if (entry && core.messages.fate(*entry, core.time.now()).fate != Fate::forgotten) co_return entry;
    if (fresh) break;
    if (auto const there = co_await caught_up(core, {&core.message_feed, &core.state_feed}); !there)
      co_return there.error();
  }
  co_return unknown_message(id);
}

/// Puts a document beside message `id`; what is there already stays.
awaitable<Result<void>> put_beside(Core& core, MessageId id, std::string key, json document) {
  Publication publication;
  publication.subject = core.subject(Store::state, std::to_string(id) + "." + key);
  publication.data = document.dump();
  publication.expected = 0;
  auto const done = co_await write(core, core.state_feed, std::move(publication));
  if (!done && done.error().code != "wrong_revision") co_return done.error();
  co_return Result<void>();
}

}  // namespace

awaitable<Result<Sent>> send(Core& core, NewMessage message) {
  if (auto const good = check_message(message, core.limits); !good) co_return good.error();
  Envelope envelope;
  if (auto const good = co_await check_references(core, message, envelope); !good) co_return good.error();
  auto& said = envelope.message;
  said.from = message.from;
  said.to = message.to;
  said.kind = message.kind;
  said.subject = message.subject;
  said.payload = message.payload;
  said.claimable = message.claimable;
  said.reply_to = message.reply_to;
  said.body = message.body;
  said.created_at = core.time.now();
  envelope.keep = core.limits.retention;
  bool const keyed = !message.idempotency_key.empty();
  if (keyed) {
    envelope.key = message.idempotency_key;
    envelope.body_hash = canonical_hash(message);
  }
  if (message.body.size() > kInlineBody) {
    auto const stored = co_await put_attachment(core, "body", "", message.body);
    if (!stored) co_return stored.error();
    envelope.body_id = stored->id;
  }
  auto const token = keyed ? sha256_hex(message.from + '\0' + message.idempotency_key).substr(0, 40) : random_hex(20);
  Publication publication;
  publication.subject = core.subject(Store::messages, token);
  publication.data = to_text(envelope);
  publication.message_id = token;
  publication.expected = 0;
  for (bool const again : {false, true}) {
    auto const done = co_await write(core, core.message_feed, publication);
    if (!done && done.error().code != "wrong_revision") co_return done.error();
    if (done && !done->repeated) {
      auto const id = static_cast<MessageId>(done->sequence);
      auto stored = co_await load(core, id);
      if (stored) co_return Sent{std::move(*stored), false};
      said.id = id;  // stored, though our view is late
      said.created_at = core.time.local(said.created_at);
      co_return Sent{std::move(said), false};
    }
    auto first = co_await sent_before(core, publication.subject, message.idempotency_key, envelope.body_hash);
    if (!first) co_return first.error();
    if (*first) co_return std::move(**first);
    if (again) break;
    publication.message_id = random_hex(20);  // the window must not answer for a message that is gone
  }
  co_return unavailable("nats_busy", "the key \"" + message.idempotency_key + "\" is being used by others; try again");
}

awaitable<Result<Message>> message(Core& core, MessageId id) {
  if (auto const there = co_await caught_up(core, {&core.state_feed}); !there) co_return there.error();
  auto const entry = co_await known(core, id);
  if (!entry) co_return entry.error();
  co_return co_await load(core, id);
}

awaitable<Result<std::vector<Message>>> messages(Core& core, MessageFilter filter) {
  if (auto const good = check_limit(filter.limit); !good) co_return good.error();
  if (auto const there = co_await caught_up(core, {&core.message_feed, &core.state_feed}); !there)
    co_return there.error();
  co_await tidy(core);
  co_return co_await load_all(core, core.messages.list(filter, core.time.now()));
}

awaitable<Result<std::vector<Message>>> unread(Core& core, Identity who, int limit, MessageId after) {
  if (auto const good = check_limit(limit); !good) co_return good.error();
  if (auto const good = check_identity(who); !good) co_return good.error();
  if (auto const there = co_await caught_up(core, {&core.message_feed, &core.state_feed}); !there)
    co_return there.error();
  co_await tidy(core);
  std::vector<Message> found;
  std::size_t bytes = 0;
  for (auto const id : core.messages.unread(who, limit, after, core.time.now())) {
    auto one = co_await load(core, id);
    if (!one && one.error().kind == ErrorKind::not_found) continue;
    if (!one) co_return one.error();
    bytes += content_bytes(*one);
    if (bytes > kContentAtOnce && !found.empty()) break;
    found.push_back(std::move(*one));
  }
  co_return found;
}

awaitable<Result<void>> mark_read(Core& core, MessageId id, std::string agent_id) {
  if (auto const good = check_word("agentId", agent_id, kMaxNameBytes); !good) co_return good;
  auto const entry = co_await known(core, id);
  if (!entry) co_return entry.error();
  auto const now = core.time.now();
  if (!(*entry)->message().claimable) {
    if ((*entry)->reads.contains(agent_id)) co_return Result<void>();
    co_return co_await put_beside(core, id, "read." + key_token(agent_id),
                                  {{"agent", agent_id}, {"at", to_millis(now)}});
  }
  LeaseChange change = [agent_id](Entry const&, Lease& lease, WallTime at) -> Result<bool> {
    return lease.reads.try_emplace(agent_id, at).second;
  };
  co_return co_await change_lease(core, id, std::move(change));
}

awaitable<Result<void>> react(Core& core, MessageId id, std::string by, std::string word) {
  if (auto const good = check_word("by", by, kMaxNameBytes); !good) co_return good;
  if (auto const good = check_word("word", word, kMaxReactionBytes); !good) co_return good;
  auto const entry = co_await known(core, id);
  if (!entry) co_return entry.error();
  auto const key = sha256_hex(by + '\0' + word).substr(0, 40);
  co_return co_await put_beside(core, id, "reaction." + key,
                                {{"by", by}, {"word", word}, {"at", to_millis(core.time.now())}});
}

awaitable<Result<std::vector<Reaction>>> reactions(Core& core, MessageId id) {
  if (auto const there = co_await caught_up(core, {&core.state_feed}); !there) co_return there.error();
  auto const entry = co_await known(core, id);
  if (!entry) co_return entry.error();
  std::vector<Reaction> found;
  for (auto const& [sequence, reaction] : (*entry)->reactions) {
    found.push_back(reaction);
    found.back().at = core.time.local(reaction.at);
  }
  co_return found;
}

awaitable<Result<std::vector<Message>>> reply_obligations(Core& core, std::string agent_id) {
  if (auto const there = co_await caught_up(core, {&core.message_feed, &core.state_feed}); !there)
    co_return there.error();
  co_return co_await load_all(core, core.messages.owed_by(agent_id, core.time.now()));
}

awaitable<Result<void>> waive_reply(Core& core, MessageId id, std::string agent_id) {
  if (auto const good = check_word("agentId", agent_id, kMaxNameBytes); !good) co_return good;
  auto const entry = co_await known(core, id);
  if (!entry) co_return entry.error();
  co_return co_await put_beside(core, id, "waived." + key_token(agent_id), {{"agent", agent_id}});
}

}  // namespace ar::relay::nats
