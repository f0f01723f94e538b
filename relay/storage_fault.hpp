// The last time a bus's storage has refused to keep something, until it keeps something again: for `bus status`.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <optional>
#include <utility>

namespace ar::relay {

class StorageFault {
 public:
  /// True, and kept, if `error` is one of the storage's: a disk that is full or broken, a file that cannot be written.
  bool note(Error const& error) {
    if (error.code != "disk_full" && error.code != "disk_error" && error.code != "database_closed" &&
        error.code != "database_damaged")
      return false;
    last_ = {error, wall_now()};
    return true;
  }
  /// Something was written.
  void clear() { last_.reset(); }
  /// Adds `storage: {error: {code, message}, at}` to a bus's status, if there is one.
  void show(json& status) const {
    if (!last_) return;
    auto const& [error, at] = *last_;
    status["storage"] = {{"error", {{"code", error.code}, {"message", error.message}}}, {"at", to_iso8601(at)}};
  }

 private:
  std::optional<std::pair<Error, WallTime>> last_{};
};

}  // namespace ar::relay
