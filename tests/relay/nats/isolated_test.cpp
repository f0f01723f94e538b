// Faults that need namespaces of the test's own, as root or as anybody who may make them: a network that is cut or
// swallows answers, and a disk that is full. Where the kernel refuses, the program says so and ends with 77.
#include "relay/nats/live.hpp"
#include "support/host_pair.hpp"

#include <cerrno>
#include <cstring>
#include <sys/mount.h>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;

namespace {

/// Once, and first of all: the process has one thread as long as no bus lives.
void isolate() {
  static bool done = false;
  if (done) return;
  if (!ar::test::enter_namespace(CLONE_NEWNS) || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    ar::test::skip_all(std::string("no mount namespace of its own: ") + std::strerror(errno));
  ar::test::need_own_network();
  done = true;
}

NatsServer::Setup on(ar::test::Host const& host) {
  NatsServer::Setup setup;
  setup.address = host.address();
  setup.prefix = host.inside({});
  return setup;
}

/// A small disk.
class Mount {
 public:
  Mount(std::string at, char const* options) : at_(std::move(at)) {
    REQUIRE(::mount("none", at_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options) == 0);
  }
  ~Mount() { ::umount2(at_.c_str(), MNT_DETACH); }
  Mount(Mount const&) = delete;
  Mount& operator=(Mount const&) = delete;
  void change(char const* options) const {
    REQUIRE(::mount("none", at_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_REMOUNT, options) == 0);
  }

 private:
  std::string at_;
};

}  // namespace

TEST_CASE("CutConnectionIsMadeAnew") {
  isolate();
  ar::test::Host far(1);
  NatsServer server(on(far));
  net::io_context io;
  LiveBus sender(io, server.options()), reader(io, server.options());
  Figures figures;
  send_all(sender, figures, 100, [&] {
    far.cut();
    sender.wait_state("backoff");
    reader.wait_state("backoff");
    far.join();
  });
  read_all(reader, figures);
  figures.report("connection cut");
}

TEST_CASE("HalfOpenConnectionIsNoticedAndMadeAnew") {
  isolate();
  ar::test::Host far(1);
  NatsServer server(on(far));
  net::io_context io;
  LiveBus sender(io, server.options()), reader(io, server.options());
  Figures figures;
  send_all(sender, figures, 100, [&] {
    far.mute(far.ours());
    // The message arrives there, its confirmation does not: whether it was stored cannot be known here.
    auto const unsure = sender.get(sender->send(numbered(50)));
    REQUIRE_FALSE(unsure.has_value());
    CHECK(unsure.error().kind == ErrorKind::unavailable);
    sender.wait_state("backoff");
    far.unmute(far.ours());
  });
  read_all(reader, figures);
  figures.report("half-open (answers dropped)");
}

TEST_CASE("FullDiskLosesNothingThatWasAcknowledged") {
  isolate();
  ar::test::TempDir folder;
  auto const disk = folder.path() / "disk";
  std::filesystem::create_directory(disk);
  Mount const mount(disk.string(), "size=4m");
  NatsServer::Setup setup;
  setup.store = (disk / "store").string();
  NatsServer server(setup);
  net::io_context io;
  Figures figures;
  {
    LiveBus bus(io, server.options());
    std::optional<Error> full;
    for (int i = 0; i < 2000 && !full; ++i) {
      auto message = numbered(i);
      message.body += std::string(20'000, 'x');
      auto const sent = bus.get(bus->send(message));
      if (sent)
        figures.sent.insert(message.body);
      else
        full = sent.error();
    }
    REQUIRE(full.has_value());
    CHECK(full->kind == ErrorKind::unavailable);
    MESSAGE(full->code << ": " << full->message);
  }
  server.kill();
  mount.change("size=64m");
  server.start();
  LiveBus bus(io, server.options());
  auto const unread = bus.insist([&] { return bus->unread(agent("worker"), 1000); });
  for (auto const& message : *unread) ++figures.got[message.body];
  // What got no answer may have been stored all the same; its sender repeats it with its key.
  std::erase_if(figures.got, [&](auto const& one) { return !figures.sent.contains(one.first); });
  figures.report("disk full (4 MiB)");
}
