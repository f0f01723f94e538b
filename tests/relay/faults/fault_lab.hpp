// A relay on another host, readers and a sender here, and a tally of what became of every message.
#pragma once
#include "base/paths.hpp"
#include "relay/remote/remote_bus.hpp"
#include "support/host_pair.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ar::relay::test {

/// The real program in a namespace of its own, on its own state, so that it can be killed and started again.
class RelayHost {
 public:
  explicit RelayHost(int number, int lease_seconds = 60, std::string preload = {});
  ~RelayHost() { server_.end(SIGKILL); }
  void start();
  void kill() { server_.end(SIGKILL); }
  void stop_running() { server_.signal(SIGSTOP); }
  void go_on() { server_.signal(SIGCONT); }
  ar::test::Host& host() { return host_; }
  std::string url() const { return "http://" + host_.address() + ":7077"; }
  RemoteConfig client() const;
  /// With short times, so that what takes a minute in life takes seconds here.
  RemoteConfig hasty_client() const;

 private:
  ar::test::Host host_;
  ar::test::TempDir folder_;
  std::string preload_;
  ar::test::Child server_;
};

/// Work for `tag:team`, taken by readers of two machines: each message by exactly one.
class Load {
 public:
  Load(RelayHost& relay, int messages);
  ~Load();
  /// Sends all, lets `fault` happen after a third of them, waits until all are finished, prints the tally. Fails when
  /// one was lost or done twice.
  void run(char const* name, std::function<awaitable<void>()> fault);
  int hints() const { return hints_; }

 private:
  struct Reader {
    std::string id;
    Bus* bus;
    std::unique_ptr<Subscription> subscription{};
    std::set<MessageId> wanted{};
  };
  awaitable<void> send_all();
  awaitable<void> read_for(Reader& reader);
  awaitable<void> do_one(Reader& reader, MessageId id);

  net::io_context io_;
  RelayHost& relay_;
  int const messages_;
  std::vector<std::unique_ptr<RemoteBus>> machines_;
  std::vector<std::unique_ptr<Reader>> readers_;
  std::map<MessageId, int> finished_;  ///< how often each was finished
  int sent_ = 0, hints_ = 0, repeated_ = 0;
  Notifier changed_;
  std::unique_ptr<TaskGroup> tasks_;
};

}  // namespace ar::relay::test
