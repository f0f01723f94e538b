// What the daemon tells the service manager that started it: that it is ready, how it goes, that it stops,
// and, as long as its io loop turns, that it is alive (systemd's Type=notify and WatchdogSec=, or any manager
// that speaks sd_notify). Datagrams of KEY=VALUE lines to $NOTIFY_SOCKET, written here because that is less
// than a dependency on libsystemd. Started by anybody else, all of this does nothing. io thread only.
#pragma once
#include "base/async.hpp"

#include <boost/asio/local/datagram_protocol.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ar::daemon {

class ServiceManager {
 public:
  /// Looks at NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of the environment. `on_death`: it tells nothing any more.
  ServiceManager(Executor executor, std::map<std::string, std::string> const& environment,
                 TaskGroup::OnDeath on_death = {});

  /// There is one.
  bool present() const { return socket_.has_value(); }
  /// From now on the watchdog is fed as well, by a timer of the io loop and nothing else: a loop that hangs
  /// starves it, and the manager ends and restarts the daemon.
  void ready();
  /// One line for people: `systemctl status` shows it.
  void status(std::string_view line);
  void stopping();
  /// Waits until all is told, though not for long; then no more is. Await it before destroying this.
  awaitable<void> stop();

 private:
  void tell(std::string const& key, std::string value);
  awaitable<void> send();
  awaitable<void> feed();

  TaskGroup::OnDeath const on_death_;
  std::optional<net::local::datagram_protocol::socket> socket_{};
  Clock::duration watchdog_{};                   ///< it wants to be fed within this; zero: there is none
  std::map<std::string, std::string> untold_{};  ///< a manager that is behind gets the last word only
  bool sending_ = false;
  std::string status_{};
  Notifier more_, told_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
