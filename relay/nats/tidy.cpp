// What the passing of time asks for. Leases and delays end by themselves (see lease.hpp), so only hints are due then;
// expiry needs somebody to tell the sender, and what is forgotten has to be deleted. Every daemon does it; telling is
// idempotent, and each begins elsewhere, so that they seldom do the same.
#include "relay/message_rules.hpp"
#include "relay/nats/core.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>

namespace ar::relay::nats {
namespace {

constexpr std::size_t kAtATime = 200;
constexpr auto kSweep = std::chrono::hours(6);
constexpr auto kRetry = std::chrono::seconds(30);
constexpr auto kFarthest = std::chrono::hours(24 * 365);  // nanoseconds overflow after 292 years of retention

awaitable<Result<void>> tell_sender(Core& core, MessageId id, Entry const& entry, FateAt fate) {
  auto const& message = entry.message();
  // A notice that nobody reads is not worth another one.
  if (message.from == "system" || core.messages.has_answer(id, "system", "expired")) co_return Result<void>();
  auto agents = core.messages.unread_recipients(entry);
  agents.resize(std::min<std::size_t>(agents.size(), 100));
  auto notice = expiry_notice(message, agents, entry.envelope.keep, fate.fate == Fate::dead);
  notice.idempotency_key = "expired-" + std::to_string(id) + "-" + std::to_string(to_millis(fate.since));
  auto const sent = co_await send(core, std::move(notice));
  // Another daemon saw other readers at that moment: the sender has been told.
  if (!sent && sent.error().code != "idempotency_conflict") co_return sent.error();
  co_return Result<void>();
}

awaitable<Result<void>> tell_of_death(Core& core, MessageId id, Entry const& entry, FateAt fate) {
  if (entry.message().from == "system") co_return Result<void>();
  auto message = entry.message();
  message.id = id;
  auto notice = dead_letter_notice(message, entry.lease.deliveries);
  notice.idempotency_key = "dead-" + std::to_string(id) + "-" + std::to_string(to_millis(fate.since));
  auto const sent = co_await send(core, std::move(notice));
  if (!sent) co_return sent.error();
  co_return Result<void>();
}

/// False: it is the newest of its stream, which stays: its sequence is what feeds wait for.
awaitable<Result<bool>> delete_message(Core& core, MessageId id) {
  if (static_cast<std::uint64_t>(id) >= core.message_feed.applied()) co_return false;
  auto const done =
      co_await core.js.api("STREAM.MSG.DELETE." + core.stream(Store::messages), {{"seq", id}, {"no_erase", true}});
  if (!done && done.error().code != "nats_not_found") co_return done.error();
  co_return true;
}

/// Deletes a message and all that is known of it; false as above, of the message or of that.
awaitable<Result<bool>> erase(Core& core, MessageId id, Entry const& entry) {
  auto const newest_state = entry.last_state;
  if (newest_state != 0 && newest_state >= core.state_feed.applied()) co_return false;
  auto const deleted = co_await delete_message(core, id);
  if (!deleted || !*deleted || newest_state == 0) co_return deleted;
  auto const purged =
      co_await core.js.purge(core.stream(Store::state), core.subject(Store::state, std::to_string(id) + ".>"));
  if (!purged) co_return purged.error();
  co_return true;
}

/// Makes room in a full store for the notice about a message that is past all its time: the message is deleted, but
/// not before what its sender has to be told is safe elsewhere. Where that does not fit either, the message stays.
awaitable<Result<void>> make_way(Core& core, MessageId id, Entry const& entry) {
  if (static_cast<std::uint64_t>(id) >= core.message_feed.applied()) co_return Result<void>();
  if (!entry.outlined) {  // else only the deletion may be missing
    auto const& message = entry.message();
    Envelope outline;
    outline.message.from = message.from;
    outline.message.to = message.to;
    outline.message.claimable = message.claimable;
    outline.message.created_at = message.created_at;
    outline.recipients = entry.envelope.recipients;
    outline.keep = entry.envelope.keep;
    Publication publication;
    publication.subject = core.subject(Store::state, std::to_string(id) + ".outline");
    publication.data = to_text(outline);
    publication.expected = 0;
    auto const kept = co_await write(core, core.state_feed, std::move(publication));
    if (!kept && kept.error().code != "wrong_revision") co_return kept.error();
  }
  auto const deleted = co_await delete_message(core, id);
  if (!deleted) co_return deleted.error();
  co_return Result<void>();
}

awaitable<Result<void>> sweep(Core& core) {
  for (auto const id : core.commands.forgettable(core.limits.retention, core.time.now())) {
    auto const* const found = core.commands.find(id);
    if (!found || found->last >= core.command_feed.applied()) continue;
    auto const gone =
        co_await core.js.purge(core.stream(Store::commands), core.subject(Store::commands, *core.commands.nonce(id)));
    if (!gone) co_return gone;
    core.commands.forget(id);
  }
  if (auto const done = co_await forget_old_tokens(core); !done) co_return done;
  co_return co_await forget_old_attachments(core);
}

void note(Core& core, char const* what, Result<void> const& done) {
  if (!done && done.error().code == "cancelled") return;
  if (!done && core.failures.should_log(what, done.error().code))
    spdlog::warn("nats: {} waits: {}", what, done.error().message);
  else if (done && core.failures.recovered(what))
    spdlog::info("nats: {} is done again", what);
}

}  // namespace

awaitable<Result<void>> settle(Core& core, MessageId id) {
  auto const now = core.time.now();
  auto const* entry = core.messages.find(id);
  if (!entry) co_return Result<void>();
  auto const fate = core.messages.fate(*entry, now);
  if (fate.expired) {
    auto told = co_await tell_sender(core, id, *entry, fate);
    if (entry = core.messages.find(id); !entry) co_return told;
    if (!told && told.error().code == "disk_full" && fate.fate == Fate::forgotten) {
      if (auto const room = co_await make_way(core, id, *entry); !room) co_return room;
      if (entry = core.messages.find(id); !entry) co_return Result<void>();
      told = co_await tell_sender(core, id, *entry, fate);
    }
    if (!told) co_return told;
    if (entry = core.messages.find(id); !entry) co_return Result<void>();
  }
  if (fate.fate == Fate::dead && !fate.expired) {
    auto const told = co_await tell_of_death(core, id, *entry, fate);
    if (!told) co_return told;
    if (entry = core.messages.find(id); !entry) co_return Result<void>();
  }
  if (fate.fate == Fate::dead) core.messages.watch(id, fate.since + entry->envelope.keep);
  if (fate.fate == Fate::live || fate.fate == Fate::finished)  // the bus's time was set back
    core.messages.watch(id, entry->lease.kept_since.value_or(entry->message().created_at) + entry->envelope.keep);
  if (fate.fate == Fate::held) core.messages.watch(id, std::max(entry->lease.until, now + milliseconds(1)));
  if (fate.fate != Fate::forgotten) co_return Result<void>();
  auto const erased = co_await erase(core, id, *entry);
  if (!erased) co_return erased.error();
  if (*erased)
    core.messages.forget(id);
  else
    core.messages.watch(id, now + std::chrono::minutes(1));
  co_return Result<void>();
}

awaitable<void> tidy(Core& core) {
  constexpr char const* kWhat = "what is due by time";
  for (auto next = core.messages.next_expiry(); next && *next <= core.time.now(); next = core.messages.next_expiry()) {
    auto const lock = co_await core.tidying.lock();
    auto due = core.messages.pop_expired(core.time.now(), kAtATime);
    std::ranges::shuffle(due, std::mt19937(std::random_device{}()));
    Result<void> all;
    for (auto id = due.begin(); id != due.end(); ++id) {
      auto const done = co_await settle(core, *id);
      if (done) continue;
      all = done;
      // In a full store the next may be one that makes room. Any other failure is one of all.
      bool const full = done.error().code == "disk_full";
      auto const end = full ? std::next(id) : due.end();
      for (auto late = id; late != end; ++late) core.messages.watch(*late, core.time.now() + kRetry);
      if (!full) break;
    }
    if (!due.empty()) note(core, kWhat, all);
    if (!all) co_return;  // the others have their turn when time is looked at next
  }
}

awaitable<void> watch_time(Core& core) {
  auto sweep_at = Clock::now();
  for (;;) {
    auto wake = sweep_at;
    auto const now = core.time.now();
    for (auto const id : core.messages.pop_ended(now)) core.announce(id);
    if (core.js.connection() && !core.replaying) {
      co_await tidy(core);
      if (sweep_at <= Clock::now()) {
        note(core, "the deletion of what is old", co_await sweep(core));
        sweep_at = Clock::now() + kSweep;
        wake = sweep_at;
      }
      if (auto const next = core.messages.next_expiry())
        wake = std::min(wake, core.time.at(std::min(*next, now + kFarthest)));
    } else {
      wake = Clock::now() + kRetry;
    }
    if (auto const next = core.messages.next_lease_end())
      wake = std::min(wake, core.time.at(std::min(*next, now + kFarthest)));
    if (wake > Clock::now()) (void)co_await core.due_changed.wait(wake);
  }
}

}  // namespace ar::relay::nats
