#include "daemon/agent/descriptor_budget.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace ar::daemon {
namespace {

constexpr std::size_t kOfAgent = 8;       ///< its terminal's process, connection, watched files; and of its start
constexpr std::size_t kOfTerminal = 2;    ///< in tmux's server
constexpr std::size_t kOwn = 8;           ///< a file being read, a program being asked
constexpr std::size_t kTmuxReserve = 12;  ///< its clients: ours, and people that attach
constexpr std::size_t kFewest = 3;        ///< connections

Error no_room(std::string const& who, Descriptors const& has, std::size_t kept) {
  return unavailable("too_many_files",
                     "no further agent can be started: " + who + " has " + std::to_string(has.open) + " of " +
                         std::to_string(has.limit) + " files open, and " + std::to_string(kept) +
                         " are kept for people, hooks and the journal. Stop agents, or start the daemon with a higher "
                         "limit (ulimit -Hn, LimitNOFILE= of its service)");
}

}  // namespace

std::size_t DescriptorBudget::connections(std::size_t limit, std::size_t most) {
  return std::clamp(limit / 16, kFewest, most);
}

std::size_t DescriptorBudget::reserve(std::size_t limit) { return 3 * connections(limit) + kOwn; }

Result<void> DescriptorBudget::check() const {
  auto const starting = static_cast<std::size_t>(*starting_) + 1;
  if (auto const has = own_(); has && has->open + starting * kOfAgent + reserve(has->limit) > has->limit)
    return no_room("the daemon", *has, reserve(has->limit));
  if (auto const has = terminals_(); has && has->open + starting * kOfTerminal + kTmuxReserve > has->limit)
    return no_room("the tmux server", *has, kTmuxReserve);
  return {};
}

Result<DescriptorBudget::Place> DescriptorBudget::take() {
  if (auto room = check(); !room) return room.error();
  ++*starting_;
  return Place(starting_.get(), [starting = starting_](void*) { --*starting; });
}

json DescriptorBudget::shown() const {
  auto const has = own_();
  if (!has) return nullptr;
  return {{"open", has->open}, {"limit", has->limit}, {"reserved", reserve(has->limit)}};
}

}  // namespace ar::daemon
