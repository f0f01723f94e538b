// Who wants to be told that something has happened. io thread only.
#pragma once
#include "relay/bus.hpp"

#include <functional>
#include <list>
#include <memory>
#include <utility>
#include <vector>

namespace ar::relay {

/// Shared, so that a Subscription may outlive the bus. A listener may add others, and end any of them, itself too.
class Listeners : public std::enable_shared_from_this<Listeners> {
 public:
  std::unique_ptr<Subscription> add(std::function<void()> listener) {
    auto entry = std::make_shared<std::function<void()>>(std::move(listener));
    entries_.push_back(entry);
    return std::make_unique<Registration>(weak_from_this(), std::move(entry));
  }
  void tell() const {
    std::vector<std::weak_ptr<std::function<void()>>> const now(entries_.begin(), entries_.end());
    for (auto const& listener : now)
      if (auto const entry = listener.lock()) (*entry)();  // else one before it has ended it
  }

 private:
  using Entry = std::shared_ptr<std::function<void()>>;
  class Registration final : public Subscription {
   public:
    Registration(std::weak_ptr<Listeners> of, Entry entry) : of_(std::move(of)), entry_(std::move(entry)) {}
    ~Registration() override {
      if (auto const listeners = of_.lock()) listeners->entries_.remove(entry_);
    }

   private:
    std::weak_ptr<Listeners> of_;
    Entry entry_;
  };
  std::list<Entry> entries_;
};

}  // namespace ar::relay
