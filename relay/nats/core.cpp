#include "relay/nats/core.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace ar::relay::nats {

Core::Core(Executor executor, NatsOptions nats_options, BusLimits bus_limits)
    : io(executor),
      options(std::move(nats_options)),
      limits(bus_limits),
      names(options.prefix),
      js(options.request_timeout),
      messages([this](MessageId id) { announce(id); }),
      message_feed(
          io, stream(Store::messages),
          [this](FeedItem const& item) {
            messages.take_message(static_cast<MessageId>(item.sequence), item.data);
            due_changed.notify_all();
          },
          [this] {
            messages.clear();
            state_feed.rewind();
          }),
      state_feed(
          io, stream(Store::state),
          [this](FeedItem const& item) {
            messages.take_state(names.key(Store::state, item.subject), item.data, item.sequence, time.now());
            due_changed.notify_all();
          },
          [this] {
            messages.clear();
            message_feed.rewind();
          }),
      command_feed(
          io, stream(Store::commands), [this](FeedItem const& item) { take_command(item); },
          [this] { commands.clear(); }),
      presence_feed(
          io, stream(Store::presence), [this](FeedItem const& item) { take_presence(item); },
          [this] {
            presence.clear();
            notes.clear();
          }),
      due_changed(io),
      tidying(io),
      tasks(io, "nats") {
  message_feed.on_found([this](std::string const& created, std::optional<std::uint64_t> last) {
    numbering.id = "nats-" + created;
    numbering.newest.reset();
    if (last) numbering.newest = static_cast<MessageId>(*last);
    if (store_listener) store_listener();
  });
  command_feed.on_found([this](std::string const& created, std::optional<std::uint64_t>) {
    auto const before = std::exchange(numbering.commands, "nats-" + created);
    if (before != numbering.commands && store_listener) store_listener();
  });
}

void Core::take_command(FeedItem const& item) {
  auto const nonce = names.key(Store::commands, item.subject);
  if (!commands.take(nonce, item.data, item.sequence) || replaying) return;
  subscribers->announce(settled(commands.find(nonce)->command, time.now()));
}

void Core::take_presence(FeedItem const& item) {
  auto const key = names.key(Store::presence, item.subject);
  if (!is_note_key(key)) return presence.take(item.data, key, item.sequence, item.tombstone);
  if (notes.take(item.data, key, item.sequence) && !replaying) note_listeners->tell();
}

void Core::announce(MessageId id) {
  if (replaying) return;
  auto const* const entry = messages.find(id);
  if (!entry) return;
  auto const now = time.now();
  if (auto const fate = messages.fate(*entry, now).fate; fate != Fate::live) return;
  if (entry->body_kept) {
    auto message = messages.shown(id, *entry, now);
    message.created_at = time.local(message.created_at);
    subscribers->announce(message);
    return;
  }
  auto const fetch = [](Core& core, MessageId wanted) -> awaitable<void> {
    auto message = co_await load(core, wanted);
    if (message) core.subscribers->announce(*message);  // unread has it all the same
  };
  tasks.spawn("fetch", fetch(*this, id));
}

awaitable<Result<void>> caught_up(Core& core, std::initializer_list<Feed*> feeds) {
  std::vector<Feed*> const all(feeds);
  for (auto* const feed : all)
    if (auto const there = co_await feed->catch_up(core.js, core.options.request_timeout); !there) co_return there;
  co_return Result<void>();
}

awaitable<Result<Published>> write(Core& core, Feed& feed, Publication publication) {
  auto const done = co_await core.js.publish(std::move(publication));
  // It is stored; that our own view is late to see it is no failure of the write.
  if (done) (void)co_await feed.reached(done->sequence, core.options.request_timeout);
  co_return done;
}

Error unknown_message(MessageId id) {
  return not_found("unknown_message", "there is no message " + std::to_string(id) + "; it may have expired");
}

awaitable<Result<void>> change_lease(Core& core, MessageId id, LeaseChange change) {
  bool fresh = false;
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    auto const now = core.time.now();
    auto const* const entry = core.messages.find(id);
    if (entry && core.messages.fate(*entry, now).fate != Fate::forgotten) {
      auto lease = settled(entry->lease, now);
      auto const verdict = change(*entry, lease, now);
      if (verdict && !*verdict) co_return Result<void>();
      if (verdict) {
        Publication document;
        document.subject = core.subject(Store::state, std::to_string(id) + ".lease");
        document.data = to_json(lease).dump();
        document.expected = entry->lease_revision;
        auto const done = co_await write(core, core.state_feed, std::move(document));
        if (done) co_return Result<void>();
        if (done.error().code != "wrong_revision") co_return done.error();
      } else if (fresh) {
        co_return verdict.error();
      }
    } else if (fresh) {
      co_return unknown_message(id);
    }
    // Refused by what we know, or by the server: look at what is there now.
    auto const there = co_await caught_up(core, {&core.message_feed, &core.state_feed});
    if (!there) co_return there;
    fresh = true;
  }
  co_return unavailable("nats_busy", "too many others change message " + std::to_string(id) + " at once; try again");
}

awaitable<Result<Message>> load(Core& core, MessageId id) {
  auto const* entry = core.messages.find(id);
  if (!entry) co_return unknown_message(id);
  std::optional<std::string> body;
  if (!entry->body_kept) {
    auto const body_id = entry->envelope.body_id;
    if (!body_id.empty()) {
      auto bytes = co_await attachment_bytes(core, body_id);
      if (!bytes) co_return bytes.error();
      body = std::move(*bytes);
    } else {
      auto const stored = co_await core.js.at(core.stream(Store::messages), static_cast<std::uint64_t>(id));
      if (!stored) co_return stored.error();
      if (!*stored) co_return unknown_message(id);
      auto envelope = envelope_from((*stored)->data);
      if (!envelope) co_return unknown_message(id);
      body = std::move(envelope->message.body);
    }
    entry = core.messages.find(id);
    if (!entry) co_return unknown_message(id);
  }
  auto message = core.messages.shown(id, *entry, core.time.now());
  message.created_at = core.time.local(message.created_at);
  if (body) message.body = std::move(*body);
  co_return message;
}

awaitable<Result<std::vector<Message>>> load_all(Core& core, std::vector<MessageId> ids) {
  std::vector<Message> found;
  found.reserve(ids.size());
  for (auto const id : ids) {
    auto one = co_await load(core, id);
    if (one)
      found.push_back(std::move(*one));
    else if (one.error().kind != ErrorKind::not_found)
      co_return one.error();
  }
  co_return found;
}

}  // namespace ar::relay::nats
