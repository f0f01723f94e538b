#include "daemon/delivery/intake.hpp"

#include "daemon/delivery/current_store.hpp"
#include "daemon/delivery/delivery_host.hpp"
#include "daemon/delivery/in_process.hpp"
#include "daemon/delivery/open_deliveries.hpp"
#include "daemon/store/journal.hpp"
#include "relay/bus.hpp"
#include "relay/message_rules.hpp"

#include <algorithm>
#include <limits>
#include <ranges>
#include <utility>

namespace ar::daemon {
using State = DeliveryState;
namespace {

constexpr int kUnreadAtOnce = 200;
constexpr std::size_t kFew = 100;    ///< messages that wait: enough for a while
constexpr std::size_t kMost = 1000;  ///< messages kept here: each is looked at whenever one is handed over
constexpr std::size_t kContentKept = 8U << 20;
constexpr auto kAll = std::numeric_limits<MessageId>::max();

}  // namespace

Intake::Intake(DeliveryParts const& parts) : parts_(parts) {}

void Intake::offer(Message message) {
  if (!parts_.open.known().is_below(message.id)) return take_up(std::move(message));
  // It waited for long, or came free again: when it is fetched, the journal is asked.
  if (!parts_.store.is_known() || parts_.open.is_known(message.id)) return;
  fetched_to_ = std::min(fetched_to_, message.id - 1);
  parts_.host.work_changed();
}

void Intake::take_up(Message message) {
  if (!parts_.store.is_known() || parts_.open.is_known(message.id)) return;
  // So many wait that the youngest are left on the bus; they are fetched when few do.
  auto const most = message.urgent() ? 2 * kMost : kMost;
  if (parts_.open.all().size() >= most && message.id > parts_.open.all().rbegin()->first) {
    fetched_to_ = std::min(fetched_to_, message.id - 1);
    return;
  }
  auto const id = message.id;
  auto const size = relay::content_bytes(message);
  bool const keep_content = parts_.open.content_bytes() + size <= kContentKept;
  parts_.open.known().insert(id);
  auto& d = parts_.open.add(new_delivery(std::move(message)));
  d.store = parts_.store.id();
  d.content_size = size;
  if (!keep_content) d.content.reset();  // asked of the bus when its turn comes
  parts_.open.announce(d, "message.queued");
  parts_.host.wanted();
  parts_.changed.notify_all();
}

/// Those below the mark that the journal knows. An error: it cannot tell now.
awaitable<Result<void>> Intake::leave_out_known(std::vector<Message>& messages) {
  std::vector<MessageId> in_doubt;
  for (auto const& message : messages)
    if (parts_.open.known().is_below(message.id) && !parts_.open.is_known(message.id)) in_doubt.push_back(message.id);
  if (in_doubt.empty()) co_return Result<void>();
  // What has ended may still wait to be written, while the disk is full.
  if (auto const safe = co_await parts_.services.journal.committed(); !safe) co_return safe.error();
  auto query = [agent = parts_.agent_id, store = parts_.store.id(),
                in_doubt](Database& db) -> Result<std::vector<MessageId>> {
    return KnownMessages::in_journal(db, agent, store, in_doubt);
  };
  auto const known = co_await parts_.services.journal.read(std::move(query));
  if (!known) co_return known.error();
  std::erase_if(messages, [&](auto const& message) { return std::ranges::find(*known, message.id) != known->end(); });
  co_return Result<void>();
}

/// The same for what was known before older ones were fetched.
void Intake::leave_the_youngest() {
  auto const untouched = [](auto const& entry) {
    auto const& d = entry.second;
    return d.state == State::queued && d.attempts == 0 && d.claim_token.empty() && !d.urgent && !d.is_local();
  };
  while (parts_.open.all().size() > kMost) {
    auto const youngest = std::ranges::find_if(std::views::reverse(parts_.open.all()), untouched);
    if (youngest == parts_.open.all().rend()) return;
    auto const id = youngest->first;
    parts_.open.forget(id);
    fetched_to_ = std::min(fetched_to_, id - 1);
  }
}

awaitable<Result<void>> Intake::fetch_unread(Identity who) { return fetch(std::move(who), 0); }

awaitable<Result<void>> Intake::fetch_more(Identity who) { return fetch(std::move(who), fetched_to_); }

awaitable<Result<void>> Intake::fetch(Identity who, MessageId after) {
  bool const had_all = fetched_to_ == kAll;
  while (after != kAll) {
    auto const before = fetched_to_;
    if (parts_.store.has_changed()) co_return relay::other_store();
    auto unread = co_await parts_.services.bus.unread(who, kUnreadAtOnce, after);
    auto const last = !unread ? before : unread->empty() ? kAll : unread->back().id;
    Result<void> sorted;
    if (unread) sorted = co_await leave_out_known(*unread);
    if (!unread || !sorted) {
      if (had_all) fetched_to_ = kAll;  // what came since was told
      co_return unread ? sorted.error() : unread.error();
    }
    if (!parts_.store.is_known()) co_return relay::other_store();
    if (fetched_to_ < before) break;  // for want of room: what was left comes later
    fetched_to_ = after = last;
    for (auto& message : *unread) take_up(std::move(message));
    parts_.changed.notify_all();
    if (fetched_to_ < after || !wants_more()) break;
  }
  co_return Result<void>();
}

bool Intake::wants_more() const {
  if (fetched_to_ == kAll) return false;
  auto const waits = [this](auto const& entry) {
    auto const& [id, d] = entry;
    bool const stuck =
        d.state == State::unknown && !parts_.process.given.contains(id);  // its process is gone: it holds up none
    return id <= fetched_to_ && d.is_waiting() && !stuck;
  };
  return static_cast<std::size_t>(std::ranges::count_if(parts_.open.all(), waits)) < kFew;
}

void Intake::look_again() {
  for (auto& [id, d] : parts_.open.all()) d.content.reset();
  parts_.changed.notify_all();
}

}  // namespace ar::daemon
