#include "relay/subscribers.hpp"

#include <algorithm>
#include <utility>

namespace ar::relay {

class Subscribers::Registration : public Subscription {
 public:
  Registration(std::weak_ptr<Subscribers> of, std::shared_ptr<Entry> entry)
      : of_(std::move(of)), entry_(std::move(entry)) {}
  ~Registration() override {
    entry_->ended = true;
    if (auto const subscribers = of_.lock()) std::erase(subscribers->entries_, entry_);
  }

 private:
  std::weak_ptr<Subscribers> of_;
  std::shared_ptr<Entry> entry_;
};

std::unique_ptr<Subscription> Subscribers::add(Identity who, std::string runner_id, BusHints hints) {
  auto entry = std::make_shared<Entry>();
  entry->who = std::move(who);
  entry->runner_id = std::move(runner_id);
  entry->hints = std::move(hints);
  entries_.push_back(entry);
  return std::make_unique<Registration>(weak_from_this(), std::move(entry));
}

bool Subscribers::concerns(Entry const& entry, Only const* only) {
  if (entry.ended) return false;
  return !only || (entry.who.agent_id == only->agent_id && (!only->runner_id || entry.runner_id == *only->runner_id));
}

std::vector<std::pair<Identity, std::string>> Subscribers::all() const {
  std::vector<std::pair<Identity, std::string>> found;
  for (auto const& entry : entries_) {
    bool const seen = std::ranges::any_of(found, [&](auto const& one) {
      return one.first.agent_id == entry->who.agent_id && one.second == entry->runner_id;
    });
    if (!seen) found.emplace_back(entry->who, entry->runner_id);
  }
  return found;
}

// Both walk a copy that shares the entries: callbacks change the list, and may end the entry they run in.
void Subscribers::announce(Message const& message, Only const* only) const {
  for (auto const& entry : std::vector(entries_)) {
    if (!concerns(*entry, only) || !entry->hints.message || !addressed_to(message, entry->who)) continue;
    bool const own_echo = !message.claimable && message.from == entry->who.agent_id && is_group_address(message.to);
    if (!own_echo) entry->hints.message(message);
  }
}

void Subscribers::announce(Command const& command, Only const* only) const {
  for (auto const& entry : std::vector(entries_)) {
    if (!concerns(*entry, only) || !entry->hints.command) continue;
    if (command.target == entry->who.agent_id || command.target == entry->runner_id) entry->hints.command(command);
  }
}

}  // namespace ar::relay
