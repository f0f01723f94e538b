#include "daemon/delivery/known_messages.hpp"

#include "daemon/store/tables/delivery_table.hpp"

#include <algorithm>

namespace ar::daemon {

KnownMessages KnownMessages::read(Database& db, std::string const& agent, std::string const& store, std::size_t kept) {
  KnownMessages known;
  known.kept_ = kept;
  auto const most = static_cast<std::int64_t>(kept);
  for (auto const& one : store.empty() ? std::vector<std::string>{""} : std::vector<std::string>{"", store}) {
    auto const found = DeliveryTable(db).newest_of(agent, one, most);
    known.newest_.insert(known.newest_.end(), found.begin(), found.end());
    if (found.size() == kept && kept > 0) known.mark_ = std::max(known.mark_, found.back());
  }
  std::ranges::sort(known.newest_);
  known.newest_.erase(known.newest_.begin(), std::ranges::lower_bound(known.newest_, known.mark_));
  if (!known.newest_.empty()) known.highest_ = known.newest_.back();
  return known;
}

std::vector<MessageId> KnownMessages::in_journal(Database& db, std::string const& agent, std::string const& store,
                                                 std::vector<MessageId> const& ids) {
  std::vector<MessageId> known;
  for (auto const id : ids)
    if (DeliveryTable(db).contains(agent, store, id)) known.push_back(id);
  return known;
}

bool KnownMessages::contains(MessageId id) const { return std::ranges::binary_search(newest_, id); }

void KnownMessages::insert(MessageId id) {
  if (is_below(id)) return;
  auto const place = std::ranges::lower_bound(newest_, id);
  if (place != newest_.end() && *place == id) return;
  newest_.insert(place, id);
  highest_ = std::max(highest_, id);
  if (newest_.size() < 2 * kept_ + 1) return;
  newest_.erase(newest_.begin(), newest_.end() - static_cast<std::ptrdiff_t>(kept_));
  mark_ = newest_.front();
}

void KnownMessages::erase(MessageId id) {
  auto const place = std::ranges::lower_bound(newest_, id);
  if (place != newest_.end() && *place == id) newest_.erase(place);
}

void KnownMessages::forget_above(MessageId kept) {
  newest_.erase(std::ranges::upper_bound(newest_, kept), newest_.end());
  highest_ = std::min(highest_, kept);
}

}  // namespace ar::daemon
