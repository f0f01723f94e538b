// The command's exit status (README.md): scripts branch on it, so it never changes its meaning.
#pragma once
#include "base/error.hpp"

namespace ar::cli {

enum Exit : int {
  exit_done = 0,
  exit_failed = 1,
  exit_usage = 2,
  exit_not_found = 3,  ///< no such agent or message
  exit_refused = 4,    ///< rights, state, limits
  exit_timed_out = 5,
};

constexpr int exit_status(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid: return exit_usage;
    case ErrorKind::not_found: return exit_not_found;
    case ErrorKind::unauthorized:
    case ErrorKind::forbidden:
    case ErrorKind::conflict:
    case ErrorKind::too_large: return exit_refused;
    case ErrorKind::timeout: return exit_timed_out;
    case ErrorKind::unavailable:
    case ErrorKind::internal: return exit_failed;
  }
  return exit_failed;
}

}  // namespace ar::cli
