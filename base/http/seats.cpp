#include "base/http/seats.hpp"

#include <algorithm>
#include <utility>

namespace ar::http {
namespace {

/// What has no more of all the bytes finds room at a full door. Large ones wait for others' ends, as each would end the
/// other's otherwise.
constexpr std::size_t kSmallPart = 64;

Error too_many(std::string who) {
  return unavailable("too_many_connections", std::move(who) + "; let some end and try again");
}

Error too_much(std::string who) {
  return unavailable("too_many_bytes", std::move(who) +
                                           " as many bytes of requests and answers as this door keeps; "
                                           "take what is answered, let some end and try again");
}

}  // namespace

Seats::Seat::Seat(Seats& seats, std::string address, std::function<void()> give_way, std::function<void()> cut)
    : seats_(seats), address_(std::move(address)), give_way_(std::move(give_way)), cut_(std::move(cut)) {
  ++seats_.places_[address_];
  become_idle();
}

Seats::Seat::~Seat() {
  release();
  leave();
}

void Seats::Seat::become_idle() {
  use_ = Use::idle;
  place_ = seats_.idle_.insert(seats_.idle_.end(), this);
}

/// Its place is free, though the connection may take a moment to end.
void Seats::Seat::leave() {
  if (use_ != Use::idle) return;
  use_ = Use::left;
  seats_.idle_.erase(place_);
  if (auto const it = seats_.places_.find(address_); --it->second == 0) seats_.places_.erase(it);
}

Result<void> Seats::Seat::take(Share const& share) {
  if (use_ != Use::idle) return too_many("all connections are in use");
  auto const& limits = seats_.limits_;
  auto const found = seats_.holders_.find(share.holder);
  auto const has = [&](std::list<Seat*> Used::*kind) {
    return found == seats_.holders_.end() ? std::size_t{0} : (found->second.*kind).size();
  };
  // Who has nothing yet gets a place of who has most.
  auto const finds = [&](std::list<Seat*> Used::*kind) { return has(kind) == 0 && seats_.take_from_the_richest(kind); };
  if (share.waits) {
    if (has(&Used::waiting) >= share.most)
      return too_many(share.holder + " has " + std::to_string(share.most) + " requests that wait");
    if (seats_.waiting_ >= limits.waiting && !finds(&Used::waiting))
      return too_many(std::to_string(limits.waiting) + " requests wait");
  } else if (!share.holder.empty()) {
    if (has(&Used::busy) >= share.most)
      return too_many(share.holder + " has " + std::to_string(share.most) + " requests under way");
    if (seats_.bounded_ >= limits.connections - seats_.reserve() && !finds(&Used::busy))
      return too_many("all connections are in use");
  }
  seats_.idle_.erase(place_);
  holder_ = share.holder;
  if (share.waits) {
    use_ = Use::waiting;
    ++seats_.waiting_;
    auto& mine = seats_.holders_[holder_].waiting;
    place_ = mine.insert(mine.end(), this);
    if (auto const it = seats_.places_.find(address_); --it->second == 0) seats_.places_.erase(it);
    return {};
  }
  use_ = Use::busy;
  ++seats_.busy_;
  if (holder_.empty()) return {};
  ++seats_.bounded_;
  auto& mine = seats_.holders_[holder_].busy;
  place_ = mine.insert(mine.end(), this);
  return {};
}

Result<void> Seats::Seat::hold(std::size_t bytes, std::size_t whole) {
  if (use_ != Use::busy && use_ != Use::waiting) return {};
  auto const most = seats_.limits_.held_bytes;
  bool const more = bytes > held_;
  if (!holder_.empty()) {
    auto& mine = seats_.holders_[holder_].held;
    auto const then = mine - held_ + bytes;
    if (more && then > most / 2) return too_much(holder_ + " has");
    while (more && seats_.bounded_held_ - held_ + bytes > most / 4 * 3)
      if (whole > most / kSmallPart || !seats_.take_from_the_heaviest(then)) return too_much("clients have");
  }
  if (more && seats_.held_ - held_ + bytes > most) return too_much("clients have");
  if (!holder_.empty()) {
    seats_.holders_[holder_].held += bytes - held_;
    seats_.bounded_held_ += bytes - held_;
  }
  seats_.held_ += bytes - held_;
  held_ = bytes;
  return {};
}

void Seats::Seat::give_back() {
  (void)hold(0, 0);
  auto const mine = seats_.holders_.find(holder_);
  if (use_ == Use::waiting) {
    --seats_.waiting_;
    mine->second.waiting.erase(place_);
  } else {
    --seats_.busy_;
    if (holder_.empty()) return;
    --seats_.bounded_;
    mine->second.busy.erase(place_);
  }
  if (mine->second.busy.empty() && mine->second.waiting.empty()) seats_.holders_.erase(mine);
}

void Seats::Seat::release() {
  if (use_ != Use::busy && use_ != Use::waiting) return;
  give_back();
  if (use_ == Use::waiting) ++seats_.places_[address_];
  become_idle();
}

void Seats::Seat::lose() {
  release();
  leave();
  cut_();
}

/// The newest of who has most, and more than one.
bool Seats::take_from_the_richest(std::list<Seat*> Used::*kind) {
  auto const size = [&](auto const& one) { return (one.second.*kind).size(); };
  auto const richest = std::ranges::max_element(holders_, {}, size);
  if (richest == holders_.end() || (richest->second.*kind).size() < 2) return false;
  (richest->second.*kind).back()->lose();
  return true;
}

bool Seats::take_from_the_heaviest(std::size_t heavier_than) {
  auto const heaviest = std::ranges::max_element(holders_, {}, [](auto const& one) { return one.second.held; });
  if (heaviest == holders_.end() || heaviest->second.held <= heavier_than) return false;
  Seat* most = nullptr;
  for (auto const* kind : {&heaviest->second.busy, &heaviest->second.waiting})
    for (auto* const seat : *kind)
      if (!most || seat->held_ > most->held_) most = seat;
  most->lose();
  return true;
}

bool Seats::send_away(std::string const* address) {
  auto const it = std::ranges::find_if(idle_, [&](Seat* seat) { return !address || seat->address_ == *address; });
  if (it == idle_.end()) return false;
  auto& seat = **it;
  seat.leave();
  seat.give_way_();
  return true;
}

bool Seats::make_room(std::string const& address) {
  auto const mine = places_.find(address);
  if (!address.empty() && mine != places_.end() && mine->second >= limits_.connections / 2) return send_away(&address);
  return idle_.size() + busy_ < limits_.connections || send_away(nullptr);
}

}  // namespace ar::http
