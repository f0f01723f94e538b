// A real nats-server of the test's own: a free port, a store of its own, ended with the test whatever happens.
#pragma once
#include "relay/nats/nats_options.hpp"
#include "support/temp_dir.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace ar::relay::test {

/// Free now, and below those that the kernel gives to outgoing connections: it stays free while a server is down.
int free_port();

class NatsServer {
 public:
  struct Setup {
    bool jetstream = true;
    std::string name = "of-a-test";
    std::string config{};  ///< more lines of its configuration file
    std::string address = "127.0.0.1";
    std::vector<std::string> prefix{};  ///< before its command line: what makes it run on another host
    std::string store{};                ///< the folder of its store; empty: one of its own
  };
  explicit NatsServer(Setup setup);
  NatsServer() : NatsServer(Setup()) {}
  ~NatsServer();
  NatsServer(NatsServer const&) = delete;
  NatsServer& operator=(NatsServer const&) = delete;

  /// With the same port and store; returns once it answers.
  void start();
  /// Takes other further lines for its configuration at once, while it runs.
  void reload(std::string config);
  void kill();     ///< SIGKILL, and waited for
  void pause();    ///< SIGSTOP
  void proceed();  ///< SIGCONT
  std::string url() const;
  int port() const { return port_; }
  std::string const& name() const { return setup_.name; }
  NatsOptions options() const;  ///< with short times, for tests of failures
  std::filesystem::path const& folder() const { return folder_.path(); }
  static bool installed();

 private:
  void write_config() const;
  std::filesystem::path log() const { return folder_.path() / "nats.log"; }
  ar::test::TempDir folder_;
  Setup setup_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace ar::relay::test
