#include "daemon/delivery/current_store.hpp"

#include "daemon/delivery/delivery_host.hpp"
#include "daemon/delivery/in_process.hpp"
#include "daemon/delivery/leases.hpp"
#include "daemon/delivery/open_deliveries.hpp"
#include "daemon/delivery/owed_words.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/tables/delivery_table.hpp"
#include "relay/bus.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace ar::daemon {
using namespace std::chrono_literals;
using State = DeliveryState;
namespace {

constexpr char kGone[] = "its bus is gone: the bus has another store now, with other messages";
constexpr char kLost[] = "its bus has lost it: the bus was restored from an older copy";

}  // namespace

CurrentStore::CurrentStore(DeliveryParts const& parts, OwedWords& owed)
    : parts_(parts), owed_(owed), id_(parts.services.store.id()) {}

void CurrentStore::load(std::string id, std::vector<Delivery> left) {
  id_ = std::move(id);
  for (auto& d : left) end_with_bus(std::move(d), false);
  reached();
}

bool CurrentStore::is_known() const {
  return !id_.empty() && id_ == parts_.services.bus.store().id && !lost_above_ && !changing_;
}

bool CurrentStore::has_changed() const {
  auto const& found = parts_.services.bus.store();
  return !found.id.empty() && (lost_above_ || id_ != found.id);
}

void CurrentStore::reached() {
  auto const& found = parts_.services.bus.store();
  if (found.id.empty() || changing_) return;
  if (is_same_store(id_, found)) {
    id_ = found.id;
    for (auto& [id, d] : parts_.open.all())
      if (!d.is_local()) d.store = id_;
  }
  if (id_ == found.id && found.newest && parts_.open.known().highest() > *found.newest) lost_above_ = *found.newest;
  if (is_known()) hold_leases();
  parts_.changed.notify_all();
}

/// Those that a daemon before this one took.
void CurrentStore::hold_leases() {
  for (auto const& [id, d] : parts_.open.all())
    if (!d.claim_token.empty() && !parts_.leases.holds(id))
      parts_.leases.hold({id, parts_.agent_id, d.claim_token, wall_now(), 1});  // ended now: renewed at once
}

/// Only between two steps of the loop, where nothing refers to a delivery.
awaitable<void> CurrentStore::change() {
  auto const id = parts_.services.bus.store().id;
  bool const restored = id == id_;
  auto const kept = restored ? *lost_above_ : 0;
  auto const before = id_;
  auto const aside = restored ? id_ + " until " + to_iso8601(wall_now()) : id_;
  if (restored)  // their numbers are given to other messages now
    parts_.services.journal.write([agent = parts_.agent_id, before, aside, kept](Database& db) {
      DeliveryTable(db).move_above(agent, before, aside, kept);
    });
  std::vector<Delivery> ended;
  for (auto it = parts_.open.all().upper_bound(kept); it != parts_.open.all().end(); it = parts_.open.all().erase(it))
    ended.push_back(std::move(it->second));
  for (auto& d : ended) {
    d.store = aside;
    end_with_bus(std::move(d), restored);
  }
  // A note that asks the provider to go on with work which is nobody's any more.
  std::vector<MessageId> notes;
  for (auto& [local, d] : parts_.open.all())
    if (d.is_local() && !d.continues.empty()) {
      bool const fewer =
          std::erase_if(d.continues, [kept](MessageId id) { return id > kept; }) > 0;  // own ones are < 0
      if (d.continues.empty() && d.state == State::queued)
        notes.push_back(local);
      else if (fewer)
        parts_.open.save(d);
    }
  for (auto const note : notes) parts_.open.forget(note);
  parts_.open.known().forget_above(kept);
  lost_above_.reset();
  parts_.services.events.append(
      parts_.agent_id, "bus.changed",
      {{"store", id}, {"before", aside}, {"restored", restored}, {"ended", static_cast<std::int64_t>(ended.size())}});
  if (!restored) {
    id_.clear();
    changing_ = true;
    auto query = [agent = parts_.agent_id, id](Database& db) -> Result<KnownMessages> {
      return KnownMessages::read(db, agent, id);
    };
    auto known = co_await parts_.services.journal.read(std::move(query));
    changing_ = false;
    if (!known) {
      spdlog::warn("agent {}: what it knows of the bus cannot be read: {}", parts_.agent_id, known.error().message);
      co_await parts_.changed.wait(Clock::now() + 1s);
    }
    if (!known || parts_.services.bus.store().id != id) co_return;  // once more
    parts_.open.known() = std::move(*known);
    id_ = id;
    reached();
  }
  parts_.services.deliveries_changed.notify_all();
  parts_.host.work_changed();
  parts_.host.store_changed();
}

/// What nobody has been given is forgotten: it is offered afresh, should its store come back. For the rest this is the
/// end, and the present bus is told nothing of it.
void CurrentStore::end_with_bus(Delivery d, bool restored) {
  parts_.leases.drop(d.message);
  parts_.process.let_go(d.message);
  parts_.host.work().finish("message", std::to_string(d.message));
  if (d.task) parts_.host.work().finish("task", std::to_string(*d.task));
  auto const same_turn = [&d](auto const& entry) { return entry.second.cut_off == d.cut_off; };
  if (d.cut_off > 0 && std::ranges::none_of(parts_.open.all(), same_turn)) parts_.host.ask_no_more(d.cut_off);
  d.cut_off = 0;
  bool const untouched = d.state == State::queued || d.state == State::claimed;
  bool const ends_now = !d.has_ended();
  if (ends_now) {
    d.take(DeliveryInput::store_gone);
    d.reason = restored ? kLost : kGone;
    d.step("failed");
    parts_.open.announce(d, "message.failed");
  }
  d.claim_token.clear();
  bool const asks = d.reply_requested && !d.reported;
  d.acknowledged = d.reported = true;
  if (asks) owed_.owe(d);
  if (untouched)
    parts_.open.erase(d.store, d.message);
  else
    parts_.open.save(d);
  if (ends_now) parts_.host.message_over(d);
}

}  // namespace ar::daemon
