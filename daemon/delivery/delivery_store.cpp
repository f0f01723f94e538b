// What becomes of deliveries when the bus has another store: their numbers are other messages' now.
#include "daemon/delivery/delivery_queue.hpp"
#include "daemon/store/journal_row.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/tables/delivery_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;
using State = DeliveryState;

namespace {

constexpr char kGone[] = "its bus is gone: the bus has another store now, with other messages";
constexpr char kLost[] = "its bus has lost it: the bus was restored from an older copy";

}  // namespace

DeliveryQueue::Stored DeliveryQueue::stored(Database& db, std::string const& agent, std::size_t known) {
  Stored found;
  found.store = KnownStore::stored(db);
  found.known = KnownMessages::read(db, agent, found.store, known);
  auto const [lowest, highest] = DeliveryTable(db).local_range(agent);
  found.lowest_local = std::min(kInitialPrompt, lowest);
  found.prompt_known = highest == kInitialPrompt;
  for (auto const& row : DeliveryTable(db).open_of(agent)) {
    bool const present = row.store.empty() || row.store == found.store;
    auto const whose = "message " + std::to_string(row.message) + " at agent " + agent;
    auto open = read_row(row.record, whose, delivery_from_journal);
    if (!open) continue;
    open->store = row.message < 0 ? std::string() : present ? found.store : row.store;
    (present ? found.open : found.left).push_back(std::move(*open));
  }
  found.to_tell = OwedWords::stored(db, agent);
  return found;
}

bool DeliveryQueue::knows_store() const {
  return !store_.empty() && store_ == services_.bus.store().id && !lost_above_ && !changing_store_;
}

bool DeliveryQueue::store_has_changed() const {
  auto const& found = services_.bus.store();
  return !found.id.empty() && (lost_above_ || store_ != found.id);
}

void DeliveryQueue::store_reached() {
  auto const& found = services_.bus.store();
  if (found.id.empty() || changing_store_) return;
  if (is_same_store(store_, found)) {
    store_ = found.id;
    for (auto& [id, d] : open_)
      if (!d.is_local()) d.store = store_;
  }
  if (store_ == found.id && found.newest && known_.highest() > *found.newest) lost_above_ = *found.newest;
  if (knows_store()) hold_leases();
  changed_.notify_all();
}

/// Those that a daemon before this one took.
void DeliveryQueue::hold_leases() {
  for (auto const& [id, d] : open_)
    if (!d.claim_token.empty() && !leases_.holds(id))
      leases_.hold({id, agent_id_, d.claim_token, wall_now(), 1});  // ended now: renewed at once
}

/// Only between two steps of the loop, where nothing refers to a delivery.
awaitable<void> DeliveryQueue::change_store() {
  auto const id = services_.bus.store().id;
  bool const restored = id == store_;
  auto const kept = restored ? *lost_above_ : 0;
  auto const before = store_;
  auto const aside = restored ? store_ + " until " + to_iso8601(wall_now()) : store_;
  if (restored)  // their numbers are given to other messages now
    services_.journal.write([agent = agent_id_, before, aside, kept](Database& db) {
      DeliveryTable(db).move_above(agent, before, aside, kept);
    });
  std::vector<Delivery> ended;
  for (auto it = open_.upper_bound(kept); it != open_.end(); it = open_.erase(it))
    ended.push_back(std::move(it->second));
  for (auto& d : ended) {
    d.store = aside;
    end_with_store(std::move(d), restored);
  }
  // A note that asks the provider to go on with work which is nobody's any more.
  std::vector<MessageId> notes;
  for (auto& [local, d] : open_)
    if (d.is_local() && !d.continues.empty()) {
      d.continues.clear();
      if (d.state == State::queued) notes.push_back(local);
    }
  for (auto const note : notes) forget(note);
  known_.forget_above(kept);
  lost_above_.reset();
  fetched_to_ = 0;
  services_.events.append(
      agent_id_, "bus.changed",
      {{"store", id}, {"before", aside}, {"restored", restored}, {"ended", static_cast<std::int64_t>(ended.size())}});
  if (!restored) {
    store_.clear();
    changing_store_ = true;
    auto query = [agent = agent_id_, id](Database& db) -> Result<KnownMessages> {
      return KnownMessages::read(db, agent, id);
    };
    auto known = co_await services_.journal.read(std::move(query));
    changing_store_ = false;
    if (!known) {
      spdlog::warn("agent {}: what it knows of the bus cannot be read: {}", agent_id_, known.error().message);
      co_await changed_.wait(Clock::now() + 1s);
    }
    if (!known || services_.bus.store().id != id) co_return;  // once more
    known_ = std::move(*known);
    store_ = id;
    store_reached();
  }
  services_.deliveries_changed.notify_all();
  host_.work_changed();
  host_.store_changed();
}

/// What nobody has been given is forgotten: it is offered afresh, should its store come back. For the rest this is the
/// end, and the present bus is told nothing of it.
void DeliveryQueue::end_with_store(Delivery d, bool restored) {
  leases_.drop(d.message);
  in_process_.erase(d.message);
  outcome_wanted_.erase(d.message);
  host_.work().finish("message", std::to_string(d.message));
  if (d.task) host_.work().finish("task", std::to_string(*d.task));
  bool const untouched = d.state == State::queued || d.state == State::claimed;
  if (!d.has_ended()) {
    d.take(DeliveryInput::store_gone);
    d.reason = restored ? kLost : kGone;
    d.step("failed");
    announce(d, "message.failed");
  }
  d.claim_token.clear();
  bool const asks = d.reply_requested && !d.reported;
  d.acknowledged = d.reported = true;
  if (asks) owed_.owe(d);
  if (untouched)
    erase(d.store, d.message);
  else
    save(d);
}

}  // namespace ar::daemon
