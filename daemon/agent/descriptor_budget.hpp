// The files that this process and tmux's server may have open, shared out: so many are kept for people, hooks, the
// journal and the bus that no agent's start can make the daemon deaf. io thread only.
#pragma once
#include "base/descriptors.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace ar::daemon {

class DescriptorBudget {
 public:
  /// Nothing: it cannot be told, and then there is room.
  using Look = std::function<std::optional<Descriptors>()>;
  DescriptorBudget(Look own, Look terminals) : own_(std::move(own)), terminals_(std::move(terminals)) {}

  /// Of each door (unix, TCP, the relay's), at most.
  static std::size_t connections(std::size_t limit, std::size_t most = 256);
  /// What agents may not take of `limit`.
  static std::size_t reserve(std::size_t limit);

  /// Counts as an agent that is being started, which has not opened yet what it will.
  using Place = std::shared_ptr<void>;
  /// Error `too_many_files` (unavailable): another agent would take what is kept.
  Result<Place> take();
  /// {open, limit, reserved}
  json shown() const;

 private:
  Result<void> check() const;

  Look own_, terminals_;
  std::shared_ptr<int> starting_ = std::make_shared<int>(0);
};

}  // namespace ar::daemon
