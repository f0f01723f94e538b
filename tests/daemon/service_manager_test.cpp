#include "daemon/runtime/service_manager.hpp"

#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;

namespace {

/// The other end: a service manager that only listens.
class Listener {
 public:
  explicit Listener(std::string address) : address_(std::move(address)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, address_.data(), address_.size());
    if (address_[0] == '@') name.sun_path[0] = '\0';
    auto const size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&name), size) == 0);
  }
  ~Listener() { ::close(fd_); }
  Listener(Listener const&) = delete;
  Listener& operator=(Listener const&) = delete;

  std::string const& address() const { return address_; }
  /// The next datagram, if there is one.
  std::optional<std::string> hear() const {
    char buffer[4096];
    auto const n = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0) return std::nullopt;
    return std::string(buffer, static_cast<std::size_t>(n));
  }

 private:
  std::string address_;
  int fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

class ManagerLab {
 public:
  explicit ManagerLab(std::map<std::string, std::string> environment = {}, bool abstract = false)
      : listener(abstract ? "@agent-runner-test-" + dir.path().filename().string() : (dir.path() / "notify").string()) {
    environment.emplace("NOTIFY_SOCKET", listener.address());
    manager.emplace(io.get_executor(), environment);
  }
  ~ManagerLab() {
    test::run(io, [this] { return manager->stop(); });
  }
  std::optional<std::string> hear() {
    test::advance(io, clock, 0s);
    return listener.hear();
  }

  ManualClock clock{};
  test::TempDir dir{};
  net::io_context io{1};
  Listener listener;
  std::optional<ServiceManager> manager{};
};

}  // namespace

TEST_CASE("WithoutAManagerNothingHappens") {
  net::io_context io(1);
  ServiceManager manager(io.get_executor(), {{"WATCHDOG_USEC", "1000000"}});
  CHECK_FALSE(manager.present());
  manager.ready();
  manager.status("alone");
  manager.stopping();
  test::run(io, [&] { return manager.stop(); });
}

TEST_CASE("AManagerThatCannotBeReachedIsNone") {
  net::io_context io(1);
  for (std::string const address : {"/nowhere/notify", "vsock:2:1", "@", "relative"}) {
    ServiceManager manager(io.get_executor(), {{"NOTIFY_SOCKET", address}});
    CHECK_MESSAGE(!manager.present(), address);
    test::run(io, [&] { return manager.stop(); });
  }
  ServiceManager manager(io.get_executor(), {{"NOTIFY_SOCKET", "/" + std::string(200, 'x')}});
  CHECK_FALSE(manager.present());
  test::run(io, [&] { return manager.stop(); });
}

TEST_CASE("NothingIsSaidBeforeTheDaemonIsReady") {
  ManagerLab lab({{"WATCHDOG_USEC", "1000000"}});
  CHECK(lab.manager->present());
  test::advance(lab.io, lab.clock, 10s);
  CHECK_FALSE(lab.hear().has_value());
  lab.manager->status("3 agents, 2 running");
  lab.manager->ready();
  CHECK(lab.hear() == "READY=1\nSTATUS=3 agents, 2 running\n");
}

TEST_CASE("AbstractSocketsAreSpokenToAsWell") {
  ManagerLab lab({}, true);
  lab.manager->ready();
  CHECK(lab.hear() == "READY=1\n");
}

TEST_CASE("AStatusIsOneLineAndSaidOnce") {
  ManagerLab lab;
  lab.manager->status("full\nMAINPID=1");
  CHECK(lab.hear() == "STATUS=full MAINPID=1\n");
  lab.manager->status("full\nMAINPID=1");
  CHECK_FALSE(lab.hear().has_value());
}

TEST_CASE("TheWatchdogIsFedTwiceWithinItsTime") {
  ManagerLab lab({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", std::to_string(::getpid())}});
  lab.manager->ready();
  CHECK(lab.hear() == "READY=1\n");
  CHECK(lab.hear() == "WATCHDOG=1\n");
  for (int i = 0; i < 5; ++i) {
    test::advance(lab.io, lab.clock, 14s);
    CHECK_FALSE(lab.hear().has_value());
    test::advance(lab.io, lab.clock, 1s);
    CHECK(lab.hear() == "WATCHDOG=1\n");
  }
}

TEST_CASE("ALoopThatHangsDoesNotFeedTheWatchdog") {
  ManagerLab lab({{"WATCHDOG_USEC", "30000000"}});
  lab.manager->ready();
  while (lab.hear()) {
  }
  lab.clock.advance(10min);
  CHECK_FALSE(lab.listener.hear().has_value());
  CHECK(lab.hear() == "WATCHDOG=1\n");  // it turns again
}

TEST_CASE("AWatchdogOfAnotherProcessOrOfNoUseIsNotFed") {
  for (std::map<std::string, std::string> const& environment :
       {std::map<std::string, std::string>{{"WATCHDOG_USEC", "1000000"}, {"WATCHDOG_PID", "1"}},
        {{"WATCHDOG_USEC", "0"}},
        {{"WATCHDOG_USEC", "soon"}},
        {{"WATCHDOG_USEC", "-5"}},
        {}}) {
    ManagerLab lab(environment);
    lab.manager->ready();
    CHECK(lab.hear() == "READY=1\n");
    test::advance(lab.io, lab.clock, 1h);
    CHECK_FALSE(lab.hear().has_value());
  }
}

TEST_CASE("AManagerThatIsBehindHoldsNobodyUpAndHearsTheLastWord") {
  ManagerLab lab;
  for (int i = 0; i <= 5000; ++i) {  // far more than its socket holds
    lab.manager->status("status " + std::to_string(i));
    lab.io.restart();
    lab.io.poll();
  }
  lab.manager->stopping();
  std::string last;
  int heard = 0;
  for (int i = 0; i < 10'000 && last.find("STOPPING") == std::string::npos; ++i) {
    while (auto datagram = lab.listener.hear()) {
      last = *datagram;
      ++heard;
    }
    lab.io.restart();
    lab.io.poll();
  }
  CHECK(last == "STATUS=status 5000\nSTOPPING=1\n");
  CHECK(heard < 5000);
}

TEST_CASE("TheLastWordIsSaidBeforeStopReturnsAndNoneAfter") {
  ManagerLab lab({{"WATCHDOG_USEC", "1000000"}});
  lab.manager->ready();
  while (lab.hear()) {
  }
  lab.manager->stopping();
  test::run(lab.io, [&] { return lab.manager->stop(); });
  CHECK(lab.listener.hear() == "STOPPING=1\n");
  lab.manager->status("too late");
  test::advance(lab.io, lab.clock, 1min);
  CHECK_FALSE(lab.hear().has_value());
}
