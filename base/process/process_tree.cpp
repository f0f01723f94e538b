#include "base/process/process_tree.hpp"

#include <algorithm>
#include <csignal>
#include <set>
#include <utility>

namespace ar {

ProcessTree::ProcessTree(Executor executor, Worker& worker, pid_t root, bool ended, ProcessMark mark)
    : executor_(std::move(executor)), worker_(worker), root_(root), mark_(mark) {
  if (!ended) members_.emplace_back(executor_, root);
}

/// Adds what is new; false: nothing is.
awaitable<bool> ProcessTree::grow() {
  auto look = [] { return all_processes(); };
  ProcessList const running(co_await worker_.run(std::move(look)));
  std::set<pid_t> known;
  for (auto const& member : members_)
    if (!member.exited()) known.insert(member.pid());
  auto const found = running.members(known, root_, mark_);
  for (auto const& entry : found) {
    Process const handle(executor_, entry.pid);
    if (process_of(entry.pid).started == entry.started)
      members_.push_back(handle);  // else another one has the number now
  }
  co_return !found.empty();
}

awaitable<void> ProcessTree::wait_for_all(Clock::time_point deadline) {
  for (auto member : members_) co_await member.wait(deadline);
}

awaitable<void> ProcessTree::end(Clock::duration grace) {
  if (root_ == 0 && mark_ == 0) co_return;
  (void)co_await grow();
  if (members_.empty()) co_return;
  for (auto const& member : members_) {
    member.signal(SIGHUP);
    member.signal(SIGCONT);
  }
  co_await wait_for_all(Clock::now() + grace);
  constexpr int kRounds = 10;  // against one that starts others faster than they can be found
  bool more = true;
  for (int round = 0; more && round < kRounds; ++round) {
    // Held still, so that none of them starts another one between the look and the kill.
    for (bool grown = true; grown; grown = co_await grow())
      for (auto const& member : members_) member.signal(SIGSTOP);
    // The root last: its end is what others hear of.
    std::ranges::for_each(members_.rbegin(), members_.rend(), [](Process const& one) { one.signal(SIGKILL); });
    co_await wait_for_all(Clock::now() + grace);
    more = co_await grow();
  }
}

}  // namespace ar
