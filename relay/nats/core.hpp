// What the parts of the NATS bus share: the connection, the views and their feeds, the time. io thread only.
//
// How a call works: what is asked is answered by the views, after they have taken everything the server had when the
// call began (`caught_up`), so that an answer is never older than its question. What is changed is one write to one
// subject, refused by the server when the subject has moved on since the view saw it; then it is looked at again.
#pragma once
#include "base/log.hpp"
#include "relay/listeners.hpp"
#include "relay/nats/bus_time.hpp"
#include "relay/nats/feed.hpp"
#include "relay/nats/message_view.hpp"
#include "relay/nats/names.hpp"
#include "relay/nats/note_view.hpp"
#include "relay/nats/work_view.hpp"
#include "relay/subscribers.hpp"

#include <initializer_list>

namespace ar::relay::nats {

struct Core {
  Core(Executor executor, NatsOptions nats_options, BusLimits bus_limits);

  Executor io;
  NatsOptions const options;
  BusLimits const limits;
  Names const names;
  BusTime time{};
  BusStore numbering{};  ///< the streams of messages and of commands, which number them
  std::function<void()> store_listener{};
  JetStream js;
  std::shared_ptr<Subscribers> subscribers = std::make_shared<Subscribers>();
  bool replaying = true;  ///< what is heard is history, worth no hint
  MessageView messages;
  CommandView commands{};
  PresenceView presence{};
  NoteView notes{};
  std::shared_ptr<Listeners> note_listeners = std::make_shared<Listeners>();
  Feed message_feed, state_feed, command_feed, presence_feed;
  Notifier due_changed;  ///< something has come whose time may be the next
  AsyncMutex tidying;
  TaskGroup tasks;
  LogThrottle failures{};

  std::string stream(Store store) const { return names.stream(store); }
  std::string subject(Store store, std::string_view key) const { return names.subject(store, key); }
  /// Hints at a message once its body is there.
  void announce(MessageId id);

 private:
  void take_command(FeedItem const& item);
  void take_presence(FeedItem const& item);
};

/// Waits until the feeds have taken all that their streams hold now.
awaitable<Result<void>> caught_up(Core& core, std::initializer_list<Feed*> feeds);
/// Publishes, and waits until the feed has brought it back: what we have written, we see.
awaitable<Result<Published>> write(Core& core, Feed& feed, Publication publication);

/// Decides on a lease, already `settled`: an error, false (nothing to write) or true (write it).
using LeaseChange = std::function<Result<bool>(Entry const& entry, Lease& lease, WallTime now)>;
/// Errors beside the decision's: unknown_message.
awaitable<Result<void>> change_lease(Core& core, MessageId id, LeaseChange change);

/// The message with its body.
awaitable<Result<Message>> load(Core& core, MessageId id);
awaitable<Result<std::vector<Message>>> load_all(Core& core, std::vector<MessageId> ids);
Error unknown_message(MessageId id);

// ---- the bus's calls, one file per subject ----
awaitable<Result<Sent>> send(Core& core, NewMessage message);
awaitable<Result<Message>> message(Core& core, MessageId id);
awaitable<Result<std::vector<Message>>> messages(Core& core, MessageFilter filter);
awaitable<Result<std::vector<Message>>> unread(Core& core, Identity who, int limit, MessageId after);
awaitable<Result<void>> mark_read(Core& core, MessageId id, std::string agent_id);
awaitable<Result<void>> react(Core& core, MessageId id, std::string by, std::string word);
awaitable<Result<std::vector<Reaction>>> reactions(Core& core, MessageId id);
awaitable<Result<std::vector<Message>>> reply_obligations(Core& core, std::string agent_id);
awaitable<Result<void>> waive_reply(Core& core, MessageId id, std::string agent_id);

awaitable<Result<Claim>> claim(Core& core, MessageId id, std::string agent_id);
awaitable<Result<Claim>> renew(Core& core, MessageId id, std::string token);
awaitable<Result<void>> release(Core& core, MessageId id, std::string token, milliseconds delay, Tried tried);
awaitable<Result<void>> finish(Core& core, MessageId id, std::string token);
awaitable<Result<std::vector<DeadLetter>>> dead_letters(Core& core);
awaitable<Result<void>> requeue(Core& core, MessageId id);

awaitable<Result<Task>> task(Core& core, std::int64_t id);
awaitable<Result<Task>> set_task(Core& core, Task task);

awaitable<Result<Command>> send_command(Core& core, std::string type, std::string target, json params,
                                        std::optional<milliseconds> expires_after);
awaitable<Result<Command>> command(Core& core, std::int64_t id);
awaitable<Result<std::vector<Command>>> commands_for(Core& core, std::vector<std::string> targets);
awaitable<Result<Command>> update_command(Core& core, std::int64_t id, CommandStatus status, json detail);

awaitable<Result<void>> register_agent(Core& core, Presence presence);
awaitable<Result<void>> publish_status(Core& core, std::string agent_id, std::string status, bool ready, json meta);
awaitable<Result<void>> heartbeat(Core& core, std::string agent_id, json meta);
awaitable<Result<void>> remove_agent(Core& core, std::string agent_id);
awaitable<Result<std::vector<Presence>>> agents(Core& core);

awaitable<Result<std::vector<Note>>> notes(Core& core);
awaitable<Result<Note>> put_note(Core& core, std::string key, std::string text, std::int64_t revision);

awaitable<Result<IssuedToken>> issue_token(Core& core, std::string profile, TokenScope scope,
                                           std::optional<milliseconds> lifetime, std::string name);
awaitable<Result<IssuedToken>> renew_token(Core& core, std::string token);
awaitable<Result<TokenInfo>> check_token(Core& core, std::string token);
awaitable<Result<void>> revoke_token(Core& core, std::string which);
/// Purges those that ended longer ago than the retention time.
awaitable<Result<void>> forget_old_tokens(Core& core);

awaitable<Result<Attachment>> put_attachment(Core& core, std::string name, std::string media_type, std::string bytes);
awaitable<Result<std::string>> attachment_bytes(Core& core, std::string id);
/// What an upload said of it; unknown_attachment.
awaitable<Result<Attachment>> attachment(Core& core, std::string id);
/// Purges those that no message needs and nobody has put within their retention time.
awaitable<Result<void>> forget_old_attachments(Core& core);

/// What time asks of one message: its sender is told that it expired; it is deleted when it is to be forgotten.
awaitable<Result<void>> settle(Core& core, MessageId id);
/// Tells senders what expired and deletes what is to be forgotten, as far as that is due. What fails is logged and done
/// later.
awaitable<void> tidy(Core& core);
/// What time does by itself, with hints: for as long as the bus lives.
awaitable<void> watch_time(Core& core);

}  // namespace ar::relay::nats
