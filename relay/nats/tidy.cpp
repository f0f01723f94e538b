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

awaitable<Result<void>> tell_sender(Core& core, MessageId id, Entry const& entry, WallTime expired_at) {
  auto const& message = entry.message();
  // A notice that nobody reads is not worth another one.
  if (message.from == "system" || core.messages.has_answer(id, "system", "expired")) co_return Result<void>();
  auto agents = core.messages.unread_recipients(entry);
  agents.resize(std::min<std::size_t>(agents.size(), 100));
  auto notice = expiry_notice(message, agents, entry.envelope.keep);
  notice.idempotency_key = "expired-" + std::to_string(id) + "-" + std::to_string(to_millis(expired_at));
  auto const sent = co_await send(core, std::move(notice));
  // Another daemon saw other readers at that moment: the sender has been told.
  if (!sent && sent.error().code != "idempotency_conflict") co_return sent.error();
  co_return Result<void>();
}

/// Deletes a message and all that is known of it. The newest of a stream stays: its sequence is what feeds wait for.
awaitable<Result<bool>> erase(Core& core, MessageId id, Entry const& entry) {
  auto const newest_state = entry.last_state;
  if (static_cast<std::uint64_t>(id) >= core.message_feed.applied()) co_return false;
  if (newest_state != 0 && newest_state >= core.state_feed.applied()) co_return false;
  auto done =
      co_await core.js.api("STREAM.MSG.DELETE." + core.stream(Store::messages), {{"seq", id}, {"no_erase", true}});
  if (!done && done.error().code != "nats_not_found") co_return done.error();
  if (newest_state != 0) {
    auto const purged =
        co_await core.js.purge(core.stream(Store::state), core.subject(Store::state, std::to_string(id) + ".>"));
    if (!purged) co_return purged.error();
  }
  co_return true;
}

awaitable<Result<void>> look_at(Core& core, MessageId id) {
  auto const now = core.time.now();
  auto const* entry = core.messages.find(id);
  if (!entry) co_return Result<void>();
  auto const fate = core.messages.fate(*entry, now);
  if (fate.expired) {
    auto const told = co_await tell_sender(core, id, *entry, fate.since);
    // In a full store the room for the next sender's notice is made by deleting what is past all its time.
    if (!told && (fate.fate != Fate::forgotten || told.error().code != "disk_full")) co_return told;
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

void note(Core& core, Result<void> const& done) {
  if (!done && done.error().code == "cancelled") return;
  if (!done && core.failures.should_log("tidy", done.error().code))
    spdlog::warn("nats: what is due by time waits: {}", done.error().message);
  else if (done && core.failures.recovered("tidy"))
    spdlog::info("nats: what is due by time is done again");
}

}  // namespace

awaitable<Result<void>> tidy(Core& core) {
  for (auto next = core.messages.next_expiry(); next && *next <= core.time.now(); next = core.messages.next_expiry()) {
    auto const lock = co_await core.tidying.lock();
    auto due = core.messages.pop_expired(core.time.now(), kAtATime);
    std::ranges::shuffle(due, std::mt19937(std::random_device{}()));
    for (std::size_t i = 0; i < due.size(); ++i) {
      auto const done = co_await look_at(core, due[i]);
      if (done) continue;
      for (; i < due.size(); ++i) core.messages.watch(due[i], core.time.now() + kRetry);
      note(core, done);
      co_return Result<void>();  // what was asked is answered all the same
    }
  }
  co_return Result<void>();
}

awaitable<void> watch_time(Core& core) {
  auto sweep_at = Clock::now();
  for (;;) {
    auto wake = sweep_at;
    auto const now = core.time.now();
    for (auto const id : core.messages.pop_ended(now)) core.announce(id);
    if (core.js.connection() && !core.replaying) {
      note(core, co_await tidy(core));
      if (sweep_at <= Clock::now()) {
        note(core, co_await sweep(core));
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
