// Who guesses tokens leaves a trace, but does not fill the log.
#pragma once
#include "base/log.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ar::http {

class BadTokenLog {
 public:
  explicit BadTokenLog(std::string server) : server_(std::move(server)) {}
  /// `door`: where the request came in; `request`: its method and path.
  void note(std::string const& door, std::string_view request);

 private:
  std::string const server_;
  LogThrottle throttle_;
  std::uint64_t since_last_line_ = 0;
};

}  // namespace ar::http
