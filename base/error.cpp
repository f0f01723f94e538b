#include "base/error.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace ar {

Error from_errno(std::string_view what, int errno_value) {
  if (errno_value == ENOSPC || errno_value == EDQUOT)
    return unavailable("disk_full", std::string(what) + ": the disk is full; free some space");
  auto error = internal("system_error", std::string(what) + ": " + std::strerror(errno_value));
  switch (errno_value) {
    case ENOMEM:
    case EAGAIN:
    case EMFILE:
    case ENFILE: error.kind = ErrorKind::unavailable; break;
    default: break;
  }
  return error;
}

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid: return "invalid";
    case ErrorKind::unauthorized: return "unauthorized";
    case ErrorKind::forbidden: return "forbidden";
    case ErrorKind::not_found: return "not_found";
    case ErrorKind::conflict: return "conflict";
    case ErrorKind::too_large: return "too_large";
    case ErrorKind::unavailable: return "unavailable";
    case ErrorKind::timeout: return "timeout";
    case ErrorKind::internal: return "internal";
  }
  return "internal";
}

void throw_exception_from_error(Error const& error, boost::source_location const& where) {
  throw std::logic_error("unchecked error at " + where.to_string() + ": " + error.message);
}

}  // namespace ar
