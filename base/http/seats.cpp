#include "base/http/seats.hpp"

#include <algorithm>
#include <utility>

namespace ar::http {
namespace {

Error too_many(std::string who) {
  return unavailable("too_many_connections", std::move(who) + "; let some end and try again");
}

Error too_much(std::string who) {
  return unavailable("too_many_bytes", std::move(who) + " as many bytes of requests and answers as this door keeps; take "
                                                        "what is answered, let some end and try again");
}

}  // namespace

Seats::Seat::Seat(Seats& seats, std::string address, std::function<void()> give_way)
    : seats_(seats), address_(std::move(address)), give_way_(std::move(give_way)) {
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
  if (share.waits) {
    auto const mine = seats_.holders_.find(share.holder);
    if (mine != seats_.holders_.end() && mine->second.waiting >= share.most)
      return too_many(share.holder + " has " + std::to_string(share.most) + " requests that wait");
    if (seats_.waiting_ >= limits.waiting) return too_many(std::to_string(limits.waiting) + " requests wait");
  } else if (!share.holder.empty()) {
    auto const mine = seats_.holders_.find(share.holder);
    if (mine != seats_.holders_.end() && mine->second.busy >= share.most)
      return too_many(share.holder + " has " + std::to_string(share.most) + " requests under way");
    if (seats_.bounded_ >= limits.connections - seats_.reserve()) return too_many("all connections are in use");
  }
  seats_.idle_.erase(place_);
  holder_ = share.holder;
  if (share.waits) {
    use_ = Use::waiting;
    ++seats_.waiting_;
    ++seats_.holders_[holder_].waiting;
    if (auto const it = seats_.places_.find(address_); --it->second == 0) seats_.places_.erase(it);
    return {};
  }
  use_ = Use::busy;
  ++seats_.busy_;
  if (holder_.empty()) return {};
  ++seats_.bounded_;
  ++seats_.holders_[holder_].busy;
  return {};
}

Result<void> Seats::Seat::hold(std::size_t bytes) {
  if (use_ != Use::busy && use_ != Use::waiting) return {};
  auto const most = seats_.limits_.held_bytes;
  auto const of_others = seats_.held_ - held_;
  if (bytes > held_ && of_others + bytes > most) return too_much("clients have");
  if (!holder_.empty()) {
    auto& mine = seats_.holders_[holder_].held;
    if (bytes > held_ && mine - held_ + bytes > most / 2) return too_much(holder_ + " has");
    if (bytes > held_ && seats_.bounded_held_ - held_ + bytes > most / 4 * 3) return too_much("clients have");
    mine += bytes - held_;
    seats_.bounded_held_ += bytes - held_;
  }
  seats_.held_ = of_others + bytes;
  held_ = bytes;
  return {};
}

void Seats::Seat::release() {
  if (use_ != Use::busy && use_ != Use::waiting) return;
  (void)hold(0);
  if (use_ == Use::waiting) {
    --seats_.waiting_;
    ++seats_.places_[address_];
  } else {
    --seats_.busy_;
    if (!holder_.empty()) --seats_.bounded_;
  }
  if (auto const it = seats_.holders_.find(holder_); it != seats_.holders_.end()) {
    --(use_ == Use::waiting ? it->second.waiting : it->second.busy);
    if (it->second.busy + it->second.waiting == 0) seats_.holders_.erase(it);
  }
  become_idle();
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
