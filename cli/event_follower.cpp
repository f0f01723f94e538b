#include "cli/event_follower.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace ar::cli {

EventFollower::EventFollower(Endpoint endpoint, std::string path, std::string cursor, milliseconds silence)
    : endpoint_(std::move(endpoint)), path_(std::move(path)), cursor_(std::move(cursor)), silence_(silence) {}

Result<void> EventFollower::reopen() {
  auto const give_up = std::chrono::steady_clock::now() + absence_limit;
  milliseconds pause{50};
  for (;;) {
    auto opened = EventStream::open(endpoint_, path_ + "?cursor=" + encoded(cursor_), seen_, silence_);
    if (opened) {
      stream_ = std::move(*opened);
      return {};
    }
    if (opened.error().kind != ErrorKind::unavailable) return opened.error();
    if (std::chrono::steady_clock::now() + pause > give_up)
      return unavailable("daemon_away", "the daemon has been away for " + std::to_string(absence_limit.count()) +
                                            " s; start it with: agent-runner up, and go on with: agent-runner events "
                                            "-f --from " +
                                            (seen_.empty() ? cursor_ : seen_));
    // Nothing tells that a socket has begun to listen (its file appears before that), hence the growing
    // pauses.
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, milliseconds(1000));
  }
}

Result<std::optional<StreamEvent>> EventFollower::next(std::optional<milliseconds> patience) {
  for (;;) {
    if (!stream_)
      if (auto opened = reopen(); !opened) return opened.error();
    auto event = stream_->next(patience);
    if (!stream_->last_id().empty()) seen_ = stream_->last_id();
    if (event) return event;
    if (event.error().kind != ErrorKind::unavailable) return event.error();
    stream_.reset();
  }
}

}  // namespace ar::cli
