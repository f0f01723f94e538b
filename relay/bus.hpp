// The relay bus as the daemon sees it (docs/bus.md). Three implementations keep this contract and pass the same suite
// (tests/relay/contract/): embedded, remote, nats.
//
// Thread rule: called on the io thread, which is where every call resumes and every hint arrives. Errors are values;
// `unavailable` means "the bus is away, try later": nothing was lost and a repeat is safe (sends: with their key).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "model/message.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::relay {

/// Limits and times of a bus; the defaults are the product's.
struct BusLimits {
  std::size_t max_body_bytes = 1U << 20;
  std::size_t max_attachment_bytes = 32U << 20;
  milliseconds lease = std::chrono::minutes(15);
  int max_deliveries = 5;                                ///< leases of one message before it is a dead letter
  milliseconds retention = std::chrono::hours(24 * 14);  ///< older messages expire; unread ones tell their sender
};

struct MessageFilter {
  std::optional<std::string> agent{};   ///< sent by it, or read by it, or addressed to its id
  std::optional<MessageId> after{};     ///< ids greater than this, oldest first
  std::optional<MessageId> before{};    ///< ids smaller than this, newest first (the default order)
  std::optional<MessageId> reply_to{};  ///< answers to this message
  int limit = 100;                      ///< 1 to 1000
};

/// What a lease that is given back counts as: one of the message's deliveries, or, where nobody has tried the work,
/// none.
enum class Tried { yes, no };

/// The store in which a bus keeps its messages: it gives them their numbers, and what anybody remembers by such a
/// number he remembers of this store alone.
struct BusStore {
  std::string id{};                   ///< made with the store; empty: the bus has not been reached yet
  std::string formerly{};             ///< what it is called for as long as its server names no store; empty: nothing
  std::optional<MessageId> newest{};  ///< the highest number it had given when it was reached, or a later one. Of what
                                      ///< is remembered with a higher one it knows nothing: it was restored from a copy
  std::string commands{};  ///< the same as `id` for the numbers of commands, where these are lost apart; empty: they
                           ///< are id's own
};
/// Of a call that was begun under one store, and would have reached another.
inline Error other_store() {
  return unavailable("other_store", "the bus has another store now, with other messages; ask again");
}

/// The code of the refusal of a token that was good once, so that nobody replaces it by himself.
inline constexpr char kRevokedToken[] = "token_revoked";

/// A short text under a key that daemons keep for each other; a new one replaces the old one. It is forgotten when
/// nobody has changed it for the retention time (over NATS 14 days).
struct Note {
  std::string key{};
  std::string text{};
  std::int64_t revision = 0;  ///< every change of any note has a higher one
};

/// Told that there may be something new for an agent. A hint may be early, doubled or missing; `unread` is the truth.
struct BusHints {
  std::function<void(Message const&)> message{};  ///< a message that matches the identity
  std::function<void(Command const&)> command{};  ///< a command for the agent or its runner
};

/// Ends the subscription when destroyed.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

class Bus {
 public:
  virtual ~Bus() = default;

  virtual std::string_view name() const = 0;  ///< embedded, remote or nats
  virtual BusLimits const& limits() const = 0;
  /// connected, connecting, backoff or auth-failed.
  virtual std::string transport_state() const = 0;
  /// What `bus status` shows: at least {kind, transport}; how it is to be reached, since when, the last error, counts.
  virtual awaitable<json> status() {
    json shown = {{"kind", name()}, {"transport", transport_state()}};
    co_return shown;
  }
  /// Whose numbers these are now. A call that another store would answer than the one that was here when it began fails
  /// as `other_store`.
  virtual BusStore const& store() const = 0;
  /// One listener: told each time the bus has been reached, when `store` is the one reached and before any hint of it.
  virtual void watch_store(std::function<void()> listener) = 0;
  /// Ends everything the bus does by itself: await it before destroying the bus.
  virtual awaitable<void> stop() = 0;

  // ---- messages ----
  /// Durable when it returns. Errors: idempotency_conflict (names the first id), too_large, invalid, not_found (an
  /// attachment or the message replied to).
  virtual awaitable<Result<Sent>> send(NewMessage message) = 0;
  virtual awaitable<Result<Message>> message(MessageId id) = 0;
  virtual awaitable<Result<std::vector<Message>>> messages(MessageFilter filter) = 0;
  /// What `who` has not read, oldest first, from the first message after `after`. A claimable message is listed while
  /// nobody holds or has finished it (or while `who` itself holds it). A group message (label, tag, cap, broadcast)
  /// reaches the agents that were known when it was sent; one that nobody has read yet reaches the first that comes. A
  /// plain one does not come back to its sender; work does, since it is for whoever takes it. Large ones may come fewer
  /// at a time than `limit`: only an empty answer is the end.
  virtual awaitable<Result<std::vector<Message>>> unread(Identity who, int limit, MessageId after = 0) = 0;
  /// Idempotent.
  virtual awaitable<Result<void>> mark_read(MessageId id, std::string agent_id) = 0;
  virtual awaitable<Result<void>> react(MessageId id, std::string by, std::string word) = 0;
  virtual awaitable<Result<std::vector<Reaction>>> reactions(MessageId id) = 0;
  /// Messages with payload.replyRequested read by or addressed to the agent and not yet answered by it or waived.
  virtual awaitable<Result<std::vector<Message>>> reply_obligations(std::string agent_id) = 0;
  virtual awaitable<Result<void>> waive_reply(MessageId id, std::string agent_id) = 0;

  // ---- claims ----
  /// Errors: already_claimed (somebody else holds it), finished, not_claimable, delayed (released for later),
  /// dead_letter. The holder itself claims again freely: it gets a new token and the old one is fenced off; that
  /// counts as the same delivery.
  virtual awaitable<Result<Claim>> claim(MessageId id, std::string agent_id) = 0;
  /// Errors for these three: claim_lost when the token is not the present one.
  virtual awaitable<Result<Claim>> renew(MessageId id, std::string token) = 0;
  /// A lease that ends without finish, by time or by release, takes the holder's read mark back; the last of
  /// max_deliveries makes the message a dead letter. `Tried::no`: the count is as before the claim.
  virtual awaitable<Result<void>> release(MessageId id, std::string token, milliseconds delay,
                                          Tried tried = Tried::yes) = 0;
  /// Finishing marks it read by the holder as well. Finishing twice with the same token is fine.
  virtual awaitable<Result<void>> finish(MessageId id, std::string token) = 0;
  virtual awaitable<Result<std::vector<DeadLetter>>> dead_letters() = 0;
  /// Makes a dead letter a live message again, with its count at 0.
  virtual awaitable<Result<void>> requeue(MessageId id) = 0;

  // ---- tasks ----
  virtual awaitable<Result<Task>> task(std::int64_t id) = 0;
  /// Creates it when it does not exist. A change that goes backwards (open, in_progress, then one of the ends) is
  /// refused: task_backwards. A repeated end changes nothing.
  virtual awaitable<Result<Task>> set_task(Task task) = 0;

  // ---- commands ----
  virtual awaitable<Result<Command>> send_command(std::string type, std::string target, json params,
                                                  std::optional<milliseconds> expires_after) = 0;
  virtual awaitable<Result<Command>> command(std::int64_t id) = 0;
  /// Unfinished commands for any of the targets, oldest first.
  virtual awaitable<Result<std::vector<Command>>> commands_for(std::vector<std::string> targets) = 0;
  /// Refuses steps that go backwards or change an ended command: command_backwards.
  virtual awaitable<Result<Command>> update_command(std::int64_t id, CommandStatus status, json detail) = 0;

  // ---- presence ----
  virtual awaitable<Result<void>> register_agent(Presence presence) = 0;
  /// Top-level fields of `meta` replace those of the same name, here and in heartbeat. Error: unknown_agent.
  virtual awaitable<Result<void>> publish_status(std::string agent_id, std::string status, bool ready, json meta) = 0;
  virtual awaitable<Result<void>> heartbeat(std::string agent_id, json meta) = 0;
  virtual awaitable<Result<void>> remove_agent(std::string agent_id) = 0;
  virtual awaitable<Result<std::vector<Presence>>> agents() = 0;

  /// Why this agent has no bus although the bus is there; nothing: it has. `superseded`: another daemon has taken it
  /// over; registering it with another instanceId takes it back.
  virtual std::optional<Error> refusal(std::string const& agent_id) const {
    (void)agent_id;
    return std::nullopt;
  }

  // ---- notes ----
  /// All there are, by key. An error that is not transient: this bus keeps none for us (an older relay, a token for
  /// some agents only).
  virtual awaitable<Result<std::vector<Note>>> notes() = 0;
  /// Compare and set: only where `revision` is that of the present note, 0 where there is to be none. Errors:
  /// note_changed; too_large and invalid (check_note); too_many_notes.
  virtual awaitable<Result<Note>> put_note(std::string key, std::string text, std::int64_t revision) = 0;
  /// Told that there may be newer notes, and each time the bus has been reached. As with any hint, it may be early,
  /// doubled or missing; `notes` is the truth.
  virtual std::unique_ptr<Subscription> watch_notes(std::function<void()> listener) = 0;

  // ---- tokens ----
  /// A `name` stands for one token (and what that is renewed into) until that is revoked or ends: name_taken.
  virtual awaitable<Result<IssuedToken>> issue_token(std::string profile, TokenScope scope,
                                                     std::optional<milliseconds> lifetime, std::string name = {}) = 0;
  /// For the profiles provider-agent and provider-interactive, others: not_renewable. The new token replaces the old,
  /// which stops working after 60 s (requests under way, or a repeat of this one, may still carry it).
  virtual awaitable<Result<IssuedToken>> renew_token(std::string token) = 0;
  /// Errors: unauthorized for an unknown, expired or revoked (kRevokedToken) token.
  virtual awaitable<Result<TokenInfo>> check_token(std::string token) = 0;
  /// With all it was renewed from and into. By its jti or its name.
  virtual awaitable<Result<void>> revoke_token(std::string which) = 0;

  // ---- attachments ----
  virtual awaitable<Result<Attachment>> put_attachment(std::string name, std::string media_type, std::string bytes) = 0;
  virtual awaitable<Result<std::string>> attachment_bytes(std::string id) = 0;

  // ---- hints ----
  virtual std::unique_ptr<Subscription> subscribe(Identity who, std::string runner_id, BusHints hints) = 0;
};

}  // namespace ar::relay
