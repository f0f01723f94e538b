#include "adapters/cli_probe.hpp"

#include "base/clock.hpp"
#include "base/process/spawn.hpp"

#include <boost/asio/io_context.hpp>

#include <array>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <memory>
#include <mutex>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ar::adapters {
namespace {

int next_number(std::string_view& rest) {
  int value = 0;
  auto const [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (!rest.empty() && rest.front() == '.')
    rest.remove_prefix(1);
  else
    rest = {};
  return ec == std::errc{} ? value : 0;
}

}  // namespace

Result<std::string> program_output(std::filesystem::path const& program, std::vector<std::string> arguments,
                                   std::vector<std::string> environment, int limit_ms) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return from_errno("cannot make a pipe", errno);
  boost::asio::io_context io(1);
  SpawnSpec spec;
  spec.executable = program;
  spec.arguments = std::move(arguments);
  spec.environment = std::move(environment);
  for (auto const* name : {"PATH", "HOME", "LANG"})
    if (auto const* value = std::getenv(name)) spec.environment.push_back(std::string(name) + "=" + value);
  spec.out = ends[1];
  auto process = spawn(io.get_executor(), spec);
  ::close(ends[1]);
  std::string output;
  auto const deadline = Clock::now() + milliseconds(limit_ms);
  while (process.has_value() && output.size() < 4096) {
    auto const left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    pollfd wait{ends[0], POLLIN, 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0) break;
    std::array<char, 512> buffer{};
    auto const n = ::read(ends[0], buffer.data(), buffer.size());
    if (n <= 0) break;
    output.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  if (!process) return process.error();
  boost::system::error_code ec;
  process->terminate(ec);  // also reaps it
  process->wait(ec);
  return output;
}

std::string version_in(std::string_view text) {
  while (!text.empty()) {
    auto const end = std::min(text.find_first_of(" \n"), text.size());
    auto const word = text.substr(0, end);
    if (!word.empty() && word.front() >= '0' && word.front() <= '9') return std::string(word);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

Result<std::string> program_version(std::filesystem::path const& program, std::vector<std::string> environment,
                                    int limit_ms) {
  struct Known {
    std::mutex probing;  // who asks for the same program meanwhile waits for the answer, and runs it no second time
    std::int64_t size = 0, changed = 0;
    std::string version;
  };
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<Known>> all;
  struct stat info{};
  if (::stat(program.c_str(), &info) != 0) return from_errno("cannot look at " + program.string(), errno);
  std::int64_t const changed = info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec;
  std::shared_ptr<Known> known;
  {
    std::lock_guard const lock(mutex);
    auto& slot = all[program.string()];
    if (!slot) slot = std::make_shared<Known>();
    known = slot;
  }
  std::lock_guard const lock(known->probing);
  if (!known->version.empty() && known->size == info.st_size && known->changed == changed) return known->version;
  auto const output = program_output(program, {"--version"}, std::move(environment), limit_ms);
  if (!output) return output.error();
  auto version = version_in(*output);
  if (version.empty())
    return unavailable("cli_broken", program.string() + " --version printed no version; run it by hand to see why");
  known->size = info.st_size;
  known->changed = changed;
  known->version = version;
  return version;
}

int compare_numbers(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    int const left = next_number(a), right = next_number(b);
    if (left != right) return left < right ? -1 : 1;
  }
  return 0;
}

}  // namespace ar::adapters
