// Reads a log file to its end and goes on as it grows, also when it is rotated (renamed and begun anew).
#pragma once
#include "base/error.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace ar::cli {

class LogReader {
 public:
  explicit LogReader(std::filesystem::path file);
  ~LogReader();
  LogReader(LogReader const&) = delete;
  LogReader& operator=(LogReader const&) = delete;

  /// Gives every whole line there is now, without its end. An absent file has none.
  Result<void> read(std::function<void(std::string_view)> const& line);
  /// Waits for a change of the file or its folder; call it before the first read, so that nothing is missed.
  Result<void> watch();
  /// False at the deadline.
  bool wait(std::chrono::milliseconds patience);

 private:
  bool reopen_if_replaced();
  std::filesystem::path file_;
  int fd_ = -1, inotify_ = -1;
  std::string partial_;
};

}  // namespace ar::cli
