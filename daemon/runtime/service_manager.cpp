#include "daemon/runtime/service_manager.hpp"

#include <boost/asio/buffer.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace ar::daemon {
namespace {

using namespace std::chrono_literals;
using Datagrams = net::local::datagram_protocol;
constexpr auto kFarewell = 1s;
constexpr std::size_t kLongestStatus = 300;

std::string value_of(std::map<std::string, std::string> const& environment, char const* name) {
  auto const it = environment.find(name);
  return it == environment.end() ? std::string() : it->second;
}

/// Within which time the watchdog wants to be fed; zero: there is none, or it watches another process.
Clock::duration watchdog_time(std::map<std::string, std::string> const& environment) {
  auto const pid = value_of(environment, "WATCHDOG_PID");
  if (!pid.empty() && pid != std::to_string(::getpid())) return {};
  auto const text = value_of(environment, "WATCHDOG_USEC");
  std::int64_t microseconds = 0;
  auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), microseconds);
  if (ec != std::errc() || end != text.data() + text.size() || microseconds <= 0) return {};
  return std::chrono::microseconds(microseconds);
}

}  // namespace

ServiceManager::ServiceManager(Executor executor, std::map<std::string, std::string> const& environment,
                               TaskGroup::OnDeath on_death)
    : on_death_(std::move(on_death)),
      watchdog_(watchdog_time(environment)),
      more_(executor),
      told_(executor),
      tasks_(executor, "service manager") {
  auto address = value_of(environment, "NOTIFY_SOCKET");
  if (address.empty()) return;
  auto const shown = address;
  if (address.front() == '@') address.front() = '\0';  // a name that is not in the file system
  error_code ec = boost::system::errc::make_error_code(boost::system::errc::invalid_argument);
  if ((address.front() == '/' || address.front() == '\0') && address.size() < sizeof(sockaddr_un::sun_path)) {
    socket_.emplace(executor);
    // Connected, so that the loop can wait until the manager takes more.
    socket_->connect(Datagrams::endpoint(address), ec);
  }
  if (ec) {
    spdlog::warn("the service manager at {} cannot be told anything: {}", shown, ec.message());
    socket_.reset();
    return;
  }
  tasks_.spawn_vital("send", send(), on_death_);
}

void ServiceManager::ready() {
  tell("READY", "1");
  if (present() && watchdog_ > Clock::duration::zero()) tasks_.spawn_vital("feed", feed(), on_death_);
}

void ServiceManager::status(std::string_view line) {
  std::string text(line.substr(0, kLongestStatus));
  std::ranges::replace(text, '\n', ' ');  // or what follows would be a KEY=VALUE of its own
  if (text == status_) return;
  status_ = text;
  tell("STATUS", std::move(text));
}

void ServiceManager::stopping() { tell("STOPPING", "1"); }

awaitable<void> ServiceManager::stop() {
  auto const deadline = Clock::now() + kFarewell;
  while ((sending_ || !untold_.empty()) && Clock::now() < deadline) co_await told_.wait(deadline);
  co_await tasks_.stop();
  socket_.reset();
  untold_.clear();
}

void ServiceManager::tell(std::string const& key, std::string value) {
  if (!present()) return;
  untold_[key] = std::move(value);
  more_.notify_all();
}

awaitable<void> ServiceManager::send() {
  for (;;) {
    while (untold_.empty()) co_await more_.wait();
    std::string datagram;
    for (auto const& [key, value] : std::exchange(untold_, {})) datagram += key + "=" + value + "\n";
    sending_ = true;
    auto const [ec, sent] = co_await socket_->async_send(net::buffer(datagram), nothrow);
    sending_ = false;
    told_.notify_all();
    if (ec) spdlog::warn("the service manager could not be told \"{}\": {}", datagram, ec.message());
  }
}

awaitable<void> ServiceManager::feed() {
  for (;;) {
    tell("WATCHDOG", "1");
    bool const slept = co_await sleep_for(watchdog_ / 2);
    if (!slept) co_return;
  }
}

}  // namespace ar::daemon
