// What is logged while it lives, as lines instead of on stderr.
#pragma once
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>

namespace ar::test {

class LogLines {
 public:
  LogLines() {
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_pattern("%v");
    spdlog::set_default_logger(std::move(logger));
  }
  ~LogLines() { spdlog::set_default_logger(before_); }
  LogLines(LogLines const&) = delete;
  LogLines& operator=(LogLines const&) = delete;

  std::string text() const { return text_.str(); }
  /// How many lines have it in them.
  long count(std::string const& part) const {
    std::istringstream in(text());
    long found = 0;
    for (std::string line; std::getline(in, line);) found += line.find(part) != std::string::npos ? 1 : 0;
    return found;
  }

 private:
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream text_{};
};

}  // namespace ar::test
