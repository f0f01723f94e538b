// Logging set-up (spdlog) and the rule that a repeated failure is not repeated in the log.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ar {

/// Sends spdlog's default logger to `file` (0600, rotated at 5 MiB, 3 kept), and to stderr too when `also_stderr`. Each
/// record is one line, whatever names and texts of others it holds.
/// `level`: trace, debug, info, warn or error.
Result<void> start_logging(std::filesystem::path const& file, std::string_view level, bool also_stderr);

/// From now on.
void set_log_level(std::string const& level);

/// Says whether a failure is worth a line: the first time, when it changes, and again every 5 min while it lasts. io
/// thread only.
class LogThrottle {
 public:
  bool should_log(std::string const& subject, std::string const& failure);
  /// True if `subject` had been failing: worth a "works again" line.
  bool recovered(std::string const& subject);

 private:
  struct Last {
    std::string failure;
    Clock::time_point at;
  };
  std::unordered_map<std::string, Last> last_;
};

}  // namespace ar
