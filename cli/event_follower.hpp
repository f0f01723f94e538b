// Events as they happen, across restarts of the daemon: when the stream breaks it is opened again after the
// last event seen, so that nothing is missed or repeated.
#pragma once
#include "cli/api_client.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace ar::cli {

class EventFollower {
 public:
  /// `path`: /v1/events or /v1/agents/ID/events; events after `cursor`, a number or "latest". A stream that says
  /// nothing for `silence` counts as broken.
  EventFollower(Endpoint endpoint, std::string path, std::string cursor, milliseconds silence = silence_limit);
  /// The next event; nothing when `patience` passed without one. Fails when the daemon refuses, or stays away
  /// for `absence_limit`.
  Result<std::optional<StreamEvent>> next(std::optional<milliseconds> patience = std::nullopt);

  static constexpr std::chrono::seconds absence_limit{30};

 private:
  Result<void> reopen();
  Endpoint endpoint_;
  std::string path_, cursor_;
  milliseconds silence_;
  std::string seen_;  ///< the last event's id
  std::unique_ptr<EventStream> stream_;
};

}  // namespace ar::cli
