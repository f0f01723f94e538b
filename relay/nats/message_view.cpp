#include "relay/nats/message_view.hpp"

#include "base/read_json.hpp"
#include "relay/nats/names.hpp"

#include <algorithm>
#include <charconv>

namespace ar::relay::nats {

// ---- what the feeds tell ----

void MessageView::take_message(MessageId id, std::string_view data) {
  auto envelope = envelope_from(data);
  if (!envelope) return;  // not written by us
  auto& entry = entries_[id];
  if (entry.known) return;
  entry.known = true;
  entry.envelope = std::move(*envelope);
  entry.envelope.message.id = id;
  keep_body(id, entry);
  auto const& message = entry.message();
  of_agent_[message.from].insert(id);
  if (!entry.group()) of_agent_[message.to].insert(id);
  if (message.reply_to) answers_[*message.reply_to].insert(id);
  for (auto const& attachment : message.attachments) attached_[attachment.id].insert(id);
  if (!entry.envelope.body_id.empty()) attached_[entry.envelope.body_id].insert(id);
  if (message.reply_requested()) {
    if (!entry.group()) asking_[message.to].insert(id);
    for (auto const& agent : entry.envelope.recipients) asking_[agent].insert(id);
    for (auto const& [agent, at] : entry.lease.reads) asking_[agent].insert(id);
  }
  watch(id, message.created_at + entry.envelope.keep);
  index(id, entry);
  announce_(id);
}

void MessageView::take_state(std::string_view key, std::string_view data, std::uint64_t sequence, WallTime now) {
  MessageId id = 0;
  auto const [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
  if (error != std::errc() || id <= 0 || end == key.data() + key.size()) return;
  auto const what = key.substr(static_cast<std::size_t>(end - key.data()) + 1);
  auto& entry = entries_[id];
  bool const fresh = sequence > entry.last_state;
  entry.last_state = std::max(entry.last_state, sequence);
  // What cannot be read was not written by us.
  if (what == "lease") {
    if (sequence <= entry.lease_revision) return;
    auto lease = lease_from(data);
    if (!lease) return;
    bool const was_free = entry.lease_revision == 0 || settled(entry.lease, now).state == LeaseState::free;
    bool const requeued = lease->kept_since != entry.lease.kept_since;
    for (auto const& [agent, at] : lease->reads) {
      of_agent_[agent].insert(id);
      if (entry.known && entry.message().reply_requested()) asking_[agent].insert(id);
    }
    for (auto const& [agent, at] : entry.lease.reads)
      if (!lease->reads.contains(agent)) entry.former_readers.insert(agent);
    entry.lease = std::move(*lease);
    entry.lease_revision = sequence;
    if (entry.lease.state == LeaseState::held) lease_ends_.emplace(entry.lease.until, id);
    if (entry.lease.not_before) lease_ends_.emplace(*entry.lease.not_before, id);
    if (entry.lease.state == LeaseState::dead) watch(id, entry.lease.dead_at);
    if (requeued && entry.lease.kept_since) watch(id, *entry.lease.kept_since + entry.envelope.keep);
    index(id, entry);
    auto const now_free = settled(entry.lease, now);
    if (now_free.state == LeaseState::free && !now_free.not_before && (!was_free || requeued)) announce_(id);
  } else if (what.starts_with("read.")) {
    if (!fresh) return;
    auto const read = [](json const& in) { return std::pair(in.at("agent").get<std::string>(), time_in(in.at("at"))); };
    auto const mark = maybe_json(data, read);
    if (!mark) return;
    auto const& [agent, at] = *mark;
    entry.reads.try_emplace(agent, ReadMark{at, sequence});
    of_agent_[agent].insert(id);
    asking_[agent].insert(id);
    index(id, entry);
  } else if (what.starts_with("reaction.")) {
    if (!fresh) return;
    auto reaction = maybe_json(data, [id](json const& in) {
      return Reaction{id, in.at("by").get<std::string>(), in.at("word").get<std::string>(), time_in(in.at("at"))};
    });
    if (reaction) entry.reactions.emplace_back(sequence, std::move(*reaction));
  } else if (what.starts_with("waived.")) {
    auto agent = maybe_json(data, [](json const& in) { return in.at("agent").get<std::string>(); });
    if (agent) entry.waived.insert(std::move(*agent));
  } else if (what == "outline") {
    entry.outlined = true;
    take_message(id, data);
  }
}

void MessageView::keep_body(MessageId id, Entry& entry) {
  if (!entry.envelope.body_id.empty()) return;
  entry.body_kept = true;
  kept_bodies_.push_back(id);
  kept_bytes_ += entry.message().body.size();
  while (kept_bytes_ > kCachedBodies && kept_bodies_.size() > 1) {
    auto const oldest = entries_.find(kept_bodies_.front());
    kept_bodies_.pop_front();
    if (oldest == entries_.end() || !oldest->second.body_kept) continue;
    kept_bytes_ -= oldest->second.message().body.size();
    oldest->second.body_kept = false;
    std::string().swap(oldest->second.envelope.message.body);
  }
}

void MessageView::index(MessageId id, Entry const& entry) {
  if (!entry.known) return;
  auto const& message = entry.message();
  bool open = false;
  if (message.claimable)
    open = entry.lease.state == LeaseState::free || entry.lease.state == LeaseState::held;
  else if (!entry.group())
    open = !entry.reads.contains(message.to);
  else
    open = !seen(entry) || !unread_recipients(entry).empty();
  if (open)
    open_[message.to].insert(id);
  else if (auto const found = open_.find(message.to); found != open_.end())
    found->second.erase(id);
}

void MessageView::forget(MessageId id) {
  auto const found = entries_.find(id);
  if (found == entries_.end()) return;
  auto const& entry = found->second;
  auto const drop = [id](auto& map, auto const& key) {
    auto const place = map.find(key);
    if (place == map.end()) return;
    place->second.erase(id);
    if (place->second.empty()) map.erase(place);
  };
  auto const& message = entry.message();
  if (entry.body_kept) kept_bytes_ -= message.body.size();
  auto agents = entry.former_readers;
  agents.insert({message.from, message.to});
  for (auto const& [agent, mark] : entry.reads) agents.insert(agent);
  for (auto const& [agent, at] : entry.lease.reads) agents.insert(agent);
  for (auto const& agent : entry.envelope.recipients) agents.insert(agent);
  for (auto const& agent : agents) {
    drop(of_agent_, agent);
    drop(asking_, agent);
  }
  drop(open_, message.to);
  if (message.reply_to) drop(answers_, *message.reply_to);
  for (auto const& attachment : message.attachments) drop(attached_, attachment.id);
  drop(attached_, entry.envelope.body_id);
  entries_.erase(found);
  while (!kept_bodies_.empty() && !entries_.contains(kept_bodies_.front())) kept_bodies_.pop_front();
}

void MessageView::clear() {
  MessageView empty(std::move(announce_));
  *this = std::move(empty);
}

// ---- what can be asked ----

Entry const* MessageView::find(MessageId id) const {
  auto const found = entries_.find(id);
  return found != entries_.end() && found->second.known ? &found->second : nullptr;
}

std::uint64_t MessageView::revision(MessageId id) const {
  auto const found = entries_.find(id);
  return found == entries_.end() ? 0 : found->second.lease_revision;
}

bool MessageView::seen(Entry const& entry) const {
  // A requeue makes it unseen: only marks that came after it count.
  auto const since = entry.lease.kept_since ? entry.lease_revision : 0;
  return std::ranges::any_of(entry.reads, [&](auto const& mark) { return mark.second.sequence > since; });
}

std::vector<std::string> MessageView::unread_recipients(Entry const& entry) const {
  std::vector<std::string> waiting;
  if (entry.message().claimable) return waiting;
  auto const consider = [&](std::string const& agent) {
    if (!entry.reads.contains(agent)) waiting.push_back(agent);
  };
  if (!entry.group()) consider(entry.message().to);
  for (auto const& agent : entry.recipients()) consider(agent);
  return waiting;
}

FateAt MessageView::fate(Entry const& entry, WallTime now) const {
  auto const lease = settled(entry.lease, now);
  auto const keep = entry.envelope.keep;
  auto const end = entry.lease.kept_since.value_or(entry.message().created_at) + keep;
  if (entry.outlined) return {Fate::forgotten, true, end};  // whatever the clock says now
  switch (lease.state) {
    case LeaseState::held: return {Fate::held, false, {}};
    case LeaseState::finished: return {now < end ? Fate::finished : Fate::forgotten, false, {}};
    case LeaseState::dead: return {now < lease.dead_at + keep ? Fate::dead : Fate::forgotten, false, lease.dead_at};
    case LeaseState::free: break;
  }
  if (now < end) return {Fate::live, false, {}};
  auto const late = [&](std::string const& agent) {
    auto const mark = entry.reads.find(agent);
    return mark == entry.reads.end() || mark->second.at >= end;
  };
  auto const in_time = [&](auto const& mark) { return mark.second.at < end; };
  bool waited_for = entry.message().claimable || !seen(entry) || std::ranges::none_of(entry.reads, in_time);
  if (!entry.message().claimable) {
    waited_for =
        waited_for || (!entry.group() && late(entry.message().to)) || std::ranges::any_of(entry.recipients(), late);
  }
  if (!waited_for) return {Fate::forgotten, false, {}};
  return {now < end + keep ? Fate::dead : Fate::forgotten, true, end};
}

bool MessageView::read_by(Entry const& entry, std::string const& agent, WallTime now) const {
  if (!entry.message().claimable) return entry.reads.contains(agent);
  return settled(entry.lease, now).reads.contains(agent);
}

std::vector<std::string> MessageView::readers(Entry const& entry, WallTime now) const {
  std::vector<std::pair<WallTime, std::string>> marks;
  if (entry.message().claimable)
    for (auto const& [agent, at] : settled(entry.lease, now).reads) marks.emplace_back(at, agent);
  else
    for (auto const& [agent, mark] : entry.reads) marks.emplace_back(mark.at, agent);
  std::ranges::sort(marks);
  std::vector<std::string> agents;
  for (auto& [at, agent] : marks) agents.push_back(std::move(agent));
  return agents;
}

Message MessageView::shown(MessageId id, Entry const& entry, WallTime now) const {
  auto message = entry.message();
  message.id = id;
  message.read_by = readers(entry, now);
  return message;
}

bool MessageView::listed(Entry const& entry, Identity const& who, WallTime now) const {
  auto const fate = this->fate(entry, now).fate;
  if (fate != Fate::live && fate != Fate::held) return false;
  auto const& message = entry.message();
  if (message.claimable) {
    auto const lease = settled(entry.lease, now);
    return (lease.state == LeaseState::free || lease.holder == who.agent_id) && !lease.not_before &&
           !lease.reads.contains(who.agent_id);
  }
  if (!entry.group()) return !entry.reads.contains(who.agent_id);
  if (!seen(entry) && message.from != who.agent_id) return true;
  if (entry.reads.contains(who.agent_id)) return false;
  return std::ranges::find(entry.recipients(), who.agent_id) != entry.recipients().end();
}

void MessageView::merge(std::vector<MessageId>& ids, int limit) {
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  if (ids.size() > static_cast<std::size_t>(limit)) ids.resize(static_cast<std::size_t>(limit));
}

std::vector<MessageId> MessageView::unread(Identity const& who, int limit, MessageId after, WallTime now) const {
  std::vector<MessageId> ids;
  for (auto const& address : addresses_of(who)) {
    auto const open = open_.find(address);
    if (open == open_.end()) continue;
    int found = 0;
    for (auto id = open->second.upper_bound(after); id != open->second.end() && found < limit; ++id) {
      if (!listed(entries_.at(*id), who, now)) continue;
      ids.push_back(*id);
      ++found;
    }
  }
  merge(ids, limit);
  return ids;
}

std::vector<MessageId> MessageView::list(MessageFilter const& filter, WallTime now) const {
  auto const after = filter.after.value_or(0);
  auto const before = filter.before.value_or(INT64_MAX);
  std::vector<MessageId> ids;
  auto const fits = [&](MessageId id) {
    if (id <= after || id >= before) return false;
    auto const entry = entries_.find(id);
    if (entry == entries_.end() || !entry->second.known || fate(entry->second, now).fate == Fate::forgotten)
      return false;
    if (!filter.agent) return true;
    auto const& message = entry->second.message();
    return message.from == *filter.agent || message.to == *filter.agent || read_by(entry->second, *filter.agent, now);
  };
  auto const walk = [&](auto const& range, auto const& id_of) {
    for (auto const& one : range) {
      if (!fits(id_of(one))) continue;
      ids.push_back(id_of(one));
      if (ids.size() == static_cast<std::size_t>(filter.limit)) return;
    }
  };
  auto const both_ways = [&](auto const& container, auto const& id_of) {
    if (filter.after)
      walk(container, id_of);
    else
      walk(std::views::reverse(container), id_of);
  };
  auto const itself = [](MessageId id) { return id; };
  static Ids const none;
  auto const in = [&](auto const& map, auto const& key) -> Ids const& {
    auto const found = map.find(key);
    return found == map.end() ? none : found->second;
  };
  if (filter.reply_to)
    both_ways(in(answers_, *filter.reply_to), itself);
  else if (filter.agent)
    both_ways(in(of_agent_, *filter.agent), itself);
  else
    both_ways(entries_, [](auto const& entry) { return entry.first; });
  return ids;
}

std::vector<MessageId> MessageView::owed_by(std::string const& agent, WallTime now) const {
  std::vector<MessageId> ids;
  auto const asking = asking_.find(agent);
  if (asking == asking_.end()) return ids;
  for (auto const id : asking->second) {
    auto const* const found = find(id);
    if (!found || !found->message().reply_requested() || found->waived.contains(agent)) continue;
    auto const& entry = *found;
    auto const fate = this->fate(entry, now);
    bool const has_read = read_by(entry, agent, now);
    if (fate.fate == Fate::forgotten || (fate.expired && !has_read)) continue;
    bool const addressed = entry.group() ? std::ranges::find(entry.recipients(), agent) != entry.recipients().end()
                                         : entry.message().to == agent;
    if (!addressed && !(has_read && entry.message().from != agent)) continue;
    if (!has_answer(id, agent, {})) ids.push_back(id);
  }
  return ids;
}

bool MessageView::has_answer(MessageId id, std::string const& from, std::string const& kind) const {
  auto const answers = answers_.find(id);
  if (answers == answers_.end()) return false;
  return std::ranges::any_of(answers->second, [&](MessageId answer) {
    auto const& message = entries_.at(answer).message();
    return message.from == from && (kind.empty() || message.kind == kind);
  });
}

std::vector<MessageId> MessageView::dead(WallTime now) const {
  std::vector<MessageId> ids;
  for (auto const& [id, entry] : entries_)
    if (entry.known && fate(entry, now).fate == Fate::dead) ids.push_back(id);
  return ids;
}

bool MessageView::needs_attachment(std::string const& id, WallTime now) const {
  auto const messages = attached_.find(id);
  if (messages == attached_.end()) return false;
  return std::ranges::any_of(messages->second,
                             [&](MessageId one) { return fate(entries_.at(one), now).fate != Fate::forgotten; });
}

// ---- time ----

std::optional<WallTime> MessageView::next_lease_end() const {
  if (lease_ends_.empty()) return std::nullopt;
  return lease_ends_.begin()->first;
}
std::vector<MessageId> MessageView::pop_ended(WallTime now) {
  std::vector<MessageId> ended;
  while (!lease_ends_.empty() && lease_ends_.begin()->first <= now) {
    auto const [at, id] = *lease_ends_.begin();
    lease_ends_.erase(lease_ends_.begin());
    auto const entry = find(id);
    // A renewed lease has a later end of its own in the list.
    bool const that_one = entry && ((entry->lease.state == LeaseState::held && entry->lease.until == at) ||
                                    (entry->lease.not_before && *entry->lease.not_before == at));
    if (!that_one) continue;
    auto const lease = settled(entry->lease, now);
    if (lease.state == LeaseState::free && !lease.not_before && fate(*entry, now).fate == Fate::live)
      ended.push_back(id);
    if (lease.state == LeaseState::dead) watch(id, lease.dead_at);
  }
  return ended;
}

std::optional<WallTime> MessageView::next_expiry() const {
  if (expiries_.empty()) return std::nullopt;
  return expiries_.begin()->first;
}
std::vector<MessageId> MessageView::pop_expired(WallTime now, std::size_t most) {
  std::vector<MessageId> expired;
  while (!expiries_.empty() && expiries_.begin()->first <= now && expired.size() < most) {
    auto const id = expiries_.begin()->second;
    expiries_.erase(expiries_.begin());
    if (find(id)) expired.push_back(id);
  }
  return expired;
}

}  // namespace ar::relay::nats
