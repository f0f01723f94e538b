#include "base/log.hpp"

#include "base/paths.hpp"
#include "base/unicode.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace ar {
namespace {

/// The record's text, as `%*` in the pattern.
class OneLine final : public spdlog::custom_flag_formatter {
 public:
  void format(spdlog::details::log_msg const& record, std::tm const&, spdlog::memory_buf_t& out) override {
    auto const line = log_line({record.payload.data(), record.payload.size()});
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<OneLine>(); }
};

}  // namespace

Result<void> start_logging(std::filesystem::path const& file, std::string_view level, bool also_stderr) {
  auto const parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off")
    return invalid("log.level", "log.level is \"" + std::string(level) + "\"; use trace, debug, info, warn or error");
  if (auto made = make_private_dir(file.parent_path()); !made) return made.error();
  // spdlog creates files by the umask; this one is made private first.
  int const fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
  if (fd < 0) return from_errno("cannot open the log " + file.string(), errno);
  struct stat info {};
  bool const regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  ::close(fd);
  if (!regular)
    return conflict("not_a_file", file.string() + " is in the way of the log and no regular file; remove it");
  try {
    std::vector<spdlog::sink_ptr> sinks;
    sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(file.string(), 5U << 20, 3));
    if (also_stderr) sinks.push_back(std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    auto logger = std::make_shared<spdlog::logger>("agent-runner", sinks.begin(), sinks.end());
    logger->set_level(parsed);
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<OneLine>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%e %L %*");
    logger->set_formatter(std::move(formatter));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
  } catch (spdlog::spdlog_ex const& e) {
    return internal("log_error", "cannot open the log " + file.string() + ": " + e.what());
  }
  return {};
}

void set_log_level(std::string const& level) { spdlog::default_logger()->set_level(spdlog::level::from_str(level)); }

bool LogThrottle::should_log(std::string const& subject, std::string const& failure) {
  auto const now = Clock::now();
  auto [it, first] = last_.try_emplace(subject, Last{failure, now});
  if (first) return true;
  if (it->second.failure == failure && now - it->second.at < std::chrono::minutes(5)) return false;
  it->second = {failure, now};
  return true;
}

bool LogThrottle::recovered(std::string const& subject) { return last_.erase(subject) > 0; }

}  // namespace ar
