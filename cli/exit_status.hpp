// The command's exit status (spec 5): scripts branch on it, so it never changes its meaning.
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

/// The kind of error an HTTP status stands for.
constexpr ErrorKind error_kind(int http_status) {
  switch (http_status) {
    case 400:
    case 422: return ErrorKind::invalid;
    case 401: return ErrorKind::unauthorized;
    case 403: return ErrorKind::forbidden;
    case 404: return ErrorKind::not_found;
    case 409:
    case 412: return ErrorKind::conflict;
    case 408:
    case 504: return ErrorKind::timeout;
    case 413: return ErrorKind::too_large;
    case 429:
    case 502:
    case 503: return ErrorKind::unavailable;
    default: return ErrorKind::internal;
  }
}

}  // namespace ar::cli
