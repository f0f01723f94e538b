// What the NATS bus does when things go wrong: servers that die, hang or vanish from the network, stores that are
// full, settings and credentials that are not what they should be. Each test of a fault in the traffic prints what was
// sent, received, lost and doubled.
#include "relay/nats/envelope.hpp"
#include "relay/nats/jetstream.hpp"
#include "relay/nats/live.hpp"

#include <filesystem>
#include <fstream>
#include <thread>
#include <unistd.h>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;
namespace nats = ar::relay::nats;

namespace {

NewMessage numbered(int number, std::string to = "worker") {
  auto message = message_to(std::move(to), "body " + std::to_string(number));
  message.idempotency_key = "key " + std::to_string(number);
  return message;
}

/// Sends `count` messages, each until it is taken; `at_half` happens in between.
void send_all(LiveBus& bus, Figures& figures, int count, std::function<void()> const& at_half) {
  for (int i = 0; i < count; ++i) {
    if (i == count / 2) at_half();
    figures.sent.insert("body " + std::to_string(i));
    (void)bus.insist([&] { return bus->send(numbered(i)); });
  }
}
void read_all(LiveBus& bus, Figures& figures) {
  for (auto const end = std::chrono::steady_clock::now() + 60s; std::chrono::steady_clock::now() < end;) {
    auto const unread = bus.insist([&] { return bus->unread(agent("worker"), 1000); });
    if (unread->empty()) return;
    for (auto const& message : *unread) {
      ++figures.got[message.body];
      (void)bus.insist([&] { return bus->mark_read(message.id, "worker"); });
    }
  }
}

std::string problem_of(LiveBus& bus) {
  auto const ready = bus.get(bus->ready());
  REQUIRE_FALSE(ready.has_value());
  return ready.error().code + ": " + ready.error().message;
}

bool run_command(std::string const& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

/// A server in a network namespace of its own, reached over a veth pair that can be cut and made deaf.
struct Far {
  std::string name = "ar" + std::to_string(::getpid() % 100000);
  std::string net = "10.213." + std::to_string(::getpid() % 250) + ".";
  bool made = false;

  Far() {
    if (::geteuid() != 0 || !run_command("ip netns add " + name)) return;
    made = run_command("ip link add " + name + "a type veth peer name " + name + "b netns " + name) &&
           run_command("ip addr add " + net + "1/30 dev " + name + "a && ip link set " + name + "a up") &&
           run_command("ip -n " + name + " addr add " + net + "2/30 dev " + name + "b") && plug(true) &&
           run_command("ip -n " + name + " link set lo up");
  }
  ~Far() {
    run_command("ip link del " + name + "a");
    run_command("ip netns del " + name);
  }
  bool plug(bool in) const { return run_command("ip -n " + name + " link set " + name + "b " + (in ? "up" : "down")); }
  /// The server hears us and its answers vanish: no reset, no unreachable.
  bool deaf(bool on) const {
    return run_command("ip -n " + name + " route " + (on ? "add" : "del") + " blackhole " + net + "1/32");
  }
  NatsServer::Setup setup() const {
    NatsServer::Setup setup;
    setup.address = net + "2";
    setup.netns = name;
    return setup;
  }
};

#define NEEDS_NAMESPACES(far)                                                                  \
  if (!(far).made) {                                                                           \
    MESSAGE("skipped: this needs root and iproute2, for network namespaces with a veth pair"); \
    return;                                                                                    \
  }

std::size_t threads_now() {
  std::size_t count = 0;
  for ([[maybe_unused]] auto const& task : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

}  // namespace

TEST_CASE("ServerKilledAndRestartedLosesAndDoublesNothing") {
  NatsServer server;
  net::io_context io;
  LiveBus sender(io, server.options()), reader(io, server.options());
  std::set<MessageId> hinted;
  BusHints hints;
  hints.message = [&](Message const& message) { hinted.insert(message.id); };
  (void)reader.insist([&] { return reader->ready(); });
  auto const subscription = reader->subscribe(agent("worker"), "", std::move(hints));
  Presence presence;
  presence.identity = agent("worker");
  presence.instance_id = "i";
  presence.status = "starting";
  (void)sender.insist([&] { return sender->register_agent(presence); });
  Figures figures;
  send_all(sender, figures, 200, [&] {
    server.kill();
    sender.wait_state("backoff");
    auto const begun = std::chrono::steady_clock::now();
    auto const refused = sender.get(sender->send(numbered(9999)));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::unavailable);
    for (char const* status : {"busy", "idle", "error"})
      CHECK_FALSE(sender.get(sender->publish_status("worker", status, true, json::object())).has_value());
    CHECK(std::chrono::steady_clock::now() - begun < 1s);
    server.start();
  });
  read_all(reader, figures);
  CHECK(hinted.size() == 200);
  // Of the statuses that could not be told, the newest was told when the server was back.
  CHECK(reader.insist([&] { return reader->agents(); })->at(0).status == "error");
  CHECK(sender->transport_state() == "connected");
  figures.report("server killed and restarted");
}

TEST_CASE("ServerThatHangsMakesCallsFailInTimeAndGoesOn") {
  NatsServer server;
  net::io_context io;
  LiveBus sender(io, server.options()), reader(io, server.options());
  Figures figures;
  send_all(sender, figures, 100, [&] {
    server.pause();
    auto const begun = std::chrono::steady_clock::now();
    auto const refused = sender.get(sender->send(numbered(50)));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::unavailable);
    CHECK(std::chrono::steady_clock::now() - begun < 8s);
    server.proceed();
  });
  read_all(reader, figures);
  figures.report("server stopped with SIGSTOP");
}

TEST_CASE("CutConnectionIsMadeAnew") {
  Far far;
  NEEDS_NAMESPACES(far);
  NatsServer server(far.setup());
  net::io_context io;
  LiveBus sender(io, server.options()), reader(io, server.options());
  Figures figures;
  send_all(sender, figures, 100, [&] {
    CHECK(far.plug(false));
    sender.wait_state("backoff");
    reader.wait_state("backoff");
    CHECK(far.plug(true));
  });
  read_all(reader, figures);
  figures.report("connection cut");
}

TEST_CASE("HalfOpenConnectionIsNoticedAndMadeAnew") {
  Far far;
  NEEDS_NAMESPACES(far);
  NatsServer server(far.setup());
  net::io_context io;
  LiveBus sender(io, server.options()), reader(io, server.options());
  Figures figures;
  send_all(sender, figures, 100, [&] {
    CHECK(far.deaf(true));
    // The message arrives there, its confirmation does not: whether it was stored cannot be known here.
    auto const unsure = sender.get(sender->send(numbered(50)));
    REQUIRE_FALSE(unsure.has_value());
    CHECK(unsure.error().kind == ErrorKind::unavailable);
    sender.wait_state("backoff");
    CHECK(far.deaf(false));
  });
  read_all(reader, figures);
  figures.report("half-open (answers dropped)");
}

TEST_CASE("SlowReaderIsHeldBackAndMissesNothing") {
  NatsServer server;
  net::io_context slow_io;
  LiveBus slow(slow_io, server.options());
  (void)slow.insist([&] { return slow->ready(); });
  Figures figures;
  std::thread sending([&] {
    net::io_context io;
    LiveBus sender(io, server.options());
    std::string const filling(4000, 'x');
    for (int i = 0; i < 3000; ++i) {
      auto message = numbered(i);
      message.body += filling;
      figures.sent.insert(message.body);
      (void)sender.insist([&] { return sender->send(message); });
    }
  });
  sending.join();  // all the time nobody ran the slow one's io thread
  read_all(slow, figures);
  figures.report("slow consumer");
}

TEST_CASE("DoubledAndReorderedDeliveriesAreSortedOut") {
  NatsServer server;
  net::io_context io;
  LiveBus reader(io, server.options()), sender(io, server.options());
  std::map<MessageId, int> hinted;
  BusHints hints;
  hints.message = [&](Message const& message) { ++hinted[message.id]; };
  (void)reader.insist([&] { return reader->ready(); });
  (void)sender.insist([&] { return sender->ready(); });
  auto const subscription = reader->subscribe(agent("worker"), "", std::move(hints));
  Figures figures;

  // A third party pushes into the reader's feed what a confused server or network might.
  auto const status = reader.status();
  std::string consumer, stream = server.options().prefix + "-messages";
  for (auto const& feed : status.at("feeds"))
    if (feed.at("stream") == stream) consumer = feed.at("consumer").get<std::string>();
  REQUIRE_FALSE(consumer.empty());
  Worker thread;
  std::shared_ptr<nats::Connection> connection;
  ar::test::run(io, [&]() -> awaitable<void> {
    auto opened = co_await nats::Connection::open(io.get_executor(), thread, server.options(), nullptr);
    REQUIRE(opened.has_value());
    connection = *opened;
  });
  nats::JetStream js(3s);
  js.use(connection);
  std::string subject;
  ar::test::run(io, [&]() -> awaitable<void> {
    auto const info = co_await js.api("CONSUMER.INFO." + stream + "." + consumer, json::object());
    REQUIRE(info.has_value());
    subject = info->at("config").at("deliver_subject").get<std::string>();
  });
  auto const push = [&](std::uint64_t sequence, std::uint64_t delivered, std::string body) {
    nats::Envelope envelope;
    envelope.message = {};
    envelope.message.from = "alice";
    envelope.message.to = "worker";
    envelope.message.kind = "chat";
    envelope.message.body = std::move(body);
    envelope.keep = 24h;
    nats::Outgoing out;
    out.subject = subject;
    out.data = to_text(envelope);
    out.reply = "$JS.ACK." + stream + "." + consumer + ".1." + std::to_string(sequence) + "." +
                std::to_string(delivered) + ".1700000000000000000.0";
    connection->publish(std::move(out));
  };
  send_all(sender, figures, 100, [&] {
    push(1, 1, "body 0");        // doubled
    push(50, 50, "body 49");     // doubled
    push(70, 70, "the future");  // ahead of its turn: a gap
    sender.run_for(200ms);
  });
  read_all(reader, figures);
  reader.run_for(1500ms);
  figures.report("doubled and reordered pushes");
  int hints_doubled = 0;
  for (auto const& [id, times] : hinted) hints_doubled += times > 1 ? 1 : 0;
  CHECK(hints_doubled == 0);
  CHECK(hinted.size() == 100);
  ar::test::run(io, [&] { return connection->close(); });
}

TEST_CASE("EveryPieceOfWorkGoesToExactlyOneOfTwoDaemons") {
  NatsServer server;
  net::io_context io;
  LiveBus one(io, server.options()), other(io, server.options());
  (void)one.insist([&] { return one->ready(); });
  (void)other.insist([&] { return other->ready(); });
  Figures figures;
  std::vector<MessageId> ids;
  for (int i = 0; i < 100; ++i) {
    auto work = work_for("tag:team", "body " + std::to_string(i));
    auto const sent = one.insist([&] { return one->send(work); });
    ids.push_back(sent->message.id);
    figures.sent.insert(work.body);
  }
  int running = 2;
  auto const take = [&](NatsBus& bus, std::string me) -> awaitable<void> {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      auto const id = ids[i];
      auto const claim = co_await bus.claim(id, me);
      if (!claim) {
        CHECK((claim.error().code == "already_claimed" || claim.error().code == "finished"));
        continue;
      }
      auto const message = co_await bus.message(id);
      REQUIRE(message.has_value());
      ++figures.got[message->body];
      auto const finished = co_await bus.finish(id, claim->token);
      CHECK(finished.has_value());
    }
    --running;
  };
  TaskGroup takers(io.get_executor(), "takers");
  takers.spawn("one", take(*one, "a"));
  takers.spawn("other", take(*other, "b"));
  while (running > 0) one.run_for(10ms);
  figures.report("two daemons at the same work");
}

TEST_CASE("LeaseLostWhileInHandGoesToTheOtherAndTheLateFinishIsRefused") {
  NatsServer server;
  net::io_context io;
  BusLimits limits;
  limits.lease = 1500ms;
  LiveBus first(io, server.options(), limits), second(io, server.options(), limits);
  auto const work = work_for("tag:team");
  auto const id = first.insist([&] { return first->send(work); })->message.id;
  auto const lost = first.insist([&] { return first->claim(id, "a"); });
  CHECK(second.get(second->claim(id, "b")).error().code == "already_claimed");
  first.stop();  // its daemon is gone
  bool hinted = false;
  BusHints hints;
  hints.message = [&](Message const& message) { hinted = message.id == id; };
  auto const subscription = second->subscribe(agent("b", {"team"}), "", std::move(hints));
  auto const begun = std::chrono::steady_clock::now();
  while (!hinted && std::chrono::steady_clock::now() - begun < 20s) second.run_for(10ms);
  CHECK(hinted);
  auto const taken = second.insist([&] { return second->claim(id, "b"); });
  CHECK(taken->delivery_count == 2);
  LiveBus again(io, server.options(), limits);
  CHECK(again.get(again->finish(id, lost->token)).error().code == "claim_lost");
  CHECK(second.get(second->finish(id, taken->token)).has_value());
}

TEST_CASE("MachineWhoseClockIsAnHourAheadTakesNoLease") {
  NatsServer server;
  net::io_context io;
  MessageId id = 0;
  {
    LiveBus holder(io, server.options());
    id = holder.insist([&] { return holder->send(work_for("tag:team")); })->message.id;
    (void)holder.insist([&] { return holder->claim(id, "a"); });
  }
  ManualClock ahead(wall_now() + 1h);
  LiveBus other(io, server.options());
  auto const refused = other.get(other->claim(id, "b"));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "already_claimed");
  // What it is told is in its own time.
  auto const fresh = other.get(other->send(work_for("tag:team")));
  REQUIRE(fresh.has_value());
  auto const claim = other.get(other->claim(fresh->message.id, "b"));
  REQUIRE(claim.has_value());
  auto const left = claim->expires_at - wall_now();
  CHECK(left > 14min);
  CHECK(left <= 15min + 1s);
}

TEST_CASE("FullStoreRefusesAndKeepsWhatItHas") {
  NatsServer server;
  net::io_context io;
  auto options = server.options();
  options.max_bytes = 64 << 10;
  LiveBus bus(io, options);
  Figures figures;
  std::optional<Error> full;
  for (int i = 0; i < 200 && !full; ++i) {
    auto message = numbered(i);
    message.body += std::string(1000, 'x');
    auto const sent = bus.get(bus->send(message));
    if (sent)
      figures.sent.insert(message.body);
    else
      full = sent.error();
  }
  REQUIRE(full.has_value());
  CHECK(full->code == "disk_full");
  CHECK(full->kind == ErrorKind::unavailable);
  CHECK(full->message.find("maximum bytes") != std::string::npos);
  CHECK(bus->transport_state() == "connected");
  auto const unread = bus.insist([&] { return bus->unread(agent("worker"), 1000); });
  for (auto const& message : *unread) ++figures.got[message.body];
  figures.report("stream full (max_bytes)");
}

TEST_CASE("FullDiskLosesNothingThatWasAcknowledged") {
  ar::test::TempDir folder;
  auto const disk = folder.path() / "disk";
  std::filesystem::create_directory(disk);
  if (::geteuid() != 0 || !run_command("mount -t tmpfs -o size=4m none " + disk.string())) {
    MESSAGE("skipped: this needs root, for a small disk of its own");
    return;
  }
  struct Unmount {
    std::string at;
    ~Unmount() { run_command("umount -l " + at); }
  } const unmount{disk.string()};
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
  REQUIRE(run_command("mount -o remount,size=64m " + disk.string()));
  server.start();
  LiveBus bus(io, server.options());
  auto const unread = bus.insist([&] { return bus->unread(agent("worker"), 1000); });
  for (auto const& message : *unread) ++figures.got[message.body];
  // What got no answer may have been stored all the same; its sender repeats it with its key.
  std::erase_if(figures.got, [&](auto const& one) { return !figures.sent.contains(one.first); });
  figures.report("disk full (4 MiB)");
}

TEST_CASE("WhatIsForgottenIsDeletedOnTheServer") {
  NatsServer server;
  net::io_context io;
  BusLimits limits;
  limits.retention = 1s;
  LiveBus bus(io, server.options(), limits);
  for (int i = 0; i < 20; ++i) {
    auto const sent = bus.insist([&] { return bus->send(numbered(i)); });
    (void)bus.insist([&] { return bus->mark_read(sent->message.id, "worker"); });
  }
  std::int64_t messages = 20, states = 20;
  for (auto const end = std::chrono::steady_clock::now() + 30s;
       (messages > 2 || states > 3) && std::chrono::steady_clock::now() < end;) {
    // The newest of a stream stays until there is a newer one.
    auto const sent = bus.insist([&] { return bus->send(message_to("worker")); });
    (void)bus.insist([&] { return bus->mark_read(sent->message.id, "worker"); });
    bus.run_for(1500ms);
    auto const shown = bus.status();
    for (auto const& stream : shown.at("streams")) {
      if (stream.at("name") == "agent-runner-messages") messages = stream.at("messages").get<std::int64_t>();
      if (stream.at("name") == "KV_agent-runner-state") states = stream.at("messages").get<std::int64_t>();
    }
  }
  CHECK(messages <= 2);
  CHECK(states <= 3);
  // Its key is free again.
  CHECK_FALSE(bus.insist([&] { return bus->send(numbered(0)); })->repeated);
}

TEST_CASE("StreamThatWasMadeAnewIsReadFromItsBeginning") {
  NatsServer server;
  net::io_context io;
  LiveBus bus(io, server.options());
  (void)bus.insist([&] { return bus->send(numbered(1)); });
  (void)bus.insist([&] { return bus->send(numbered(2)); });
  server.kill();
  std::filesystem::remove_all(server.folder() / "store");
  server.start();
  auto const sent = bus.insist([&] { return bus->send(numbered(3)); });
  auto const unread = bus.insist([&] { return bus->unread(agent("worker"), 10); });
  REQUIRE(unread->size() == 1);
  CHECK(unread->front().id == sent->message.id);
}

TEST_CASE("ServerWithoutJetStreamIsNamedAsSuch") {
  NatsServer::Setup setup;
  setup.jetstream = false;
  NatsServer server(setup);
  net::io_context io;
  LiveBus bus(io, server.options());
  auto const problem = problem_of(bus);
  CHECK(problem.starts_with("no_jetstream: "));
  CHECK(problem.find("JetStream is off") != std::string::npos);
  CHECK(bus.get(bus->send(message_to("worker"))).error().kind == ErrorKind::unavailable);
  CHECK(bus.status().at("lastError").at("code") == "no_jetstream");
}

TEST_CASE("ServerThatIsAwayAtTheStartIsWaitedFor") {
  NatsServer server;
  server.kill();
  net::io_context io;
  LiveBus bus(io, server.options());
  CHECK(problem_of(bus).starts_with("nats_away: "));
  CHECK(bus->transport_state() == "backoff");
  server.start();
  bus.wait_state("connected");
  CHECK(bus.get(bus->send(message_to("worker"))).has_value());
}

TEST_CASE("CredentialsAreTakenFromFilesAndWrongOnesAreNamed") {
  ar::test::TempDir files;
  auto const write = [&](char const* name, std::string const& text) {
    std::ofstream(files.path() / name) << text;
    return files.path() / name;
  };
  NatsServer::Setup setup;
  NatsOptions right, wrong;
  SUBCASE("user and password") {
    setup.config = R"(authorization { user: "fleet", password: "s3cret" })";
    right.user = wrong.user = "fleet";
    right.password_file = write("right", "s3cret\n");
    wrong.password_file = write("wrong", "guess\n");
  }
  SUBCASE("user with no rights but those that the documentation names") {
    setup.config = R"(authorization { users: [ { user: "fleet", password: "s3cret", permissions: {
        publish: ["agent-runner.>", "$KV.agent-runner-state.>", "$KV.agent-runner-presence.>",
                  "$KV.agent-runner-tasks.>", "$KV.agent-runner-tokens.>", "$JS.API.>", "$JS.FC.>"],
        subscribe: ["_INBOX.>"] } } ] })";
    right.user = wrong.user = "fleet";
    right.password_file = write("right", "s3cret\n");
    wrong.password_file = write("wrong", "guess\n");
  }
  SUBCASE("token") {
    setup.config = R"(authorization { token: "s3cret" })";
    right.token_file = write("right", "s3cret\n");
    wrong.token_file = write("wrong", "guess\n");
  }
  SUBCASE("NKey") {
    setup.config =
        R"(authorization { users: [ { nkey: "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4" } ] })";
    right.nkey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    right.nkey_seed_file = write("right", "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n");
    wrong.user = "fleet";
    wrong.password_file = write("wrong", "guess\n");
  }
  NatsServer server(setup);
  net::io_context io;
  for (auto* const options : {&right, &wrong}) {
    options->url = server.url();
    options->connect_timeout = 2s;
    LiveBus bus(io, *options);
    if (options == &right) {
      CHECK(bus.insist([&] { return bus->send(message_to("worker")); }).has_value());
    } else {
      auto const problem = problem_of(bus);
      CHECK(problem.starts_with("nats_auth_failed: "));
      CHECK(problem.find("guess") == std::string::npos);
      CHECK(bus->transport_state() == "auth-failed");
    }
  }
}

TEST_CASE("TlsIsVerifiedAgainstTheAuthority") {
  ar::test::TempDir files;
  auto const at = [&](char const* name) { return (files.path() / name).string(); };
  bool const made =
      run_command("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-authority -keyout " + at("ca.key") +
                  " -out " + at("ca.pem")) &&
      run_command("openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout " + at("server.key") + " -out " +
                  at("server.csr")) &&
      run_command("printf 'subjectAltName=IP:127.0.0.1,DNS:localhost' > " + at("names") +
                  " && openssl x509 -req -days 2 -in " + at("server.csr") + " -CA " + at("ca.pem") + " -CAkey " +
                  at("ca.key") + " -CAcreateserial -extfile " + at("names") + " -out " + at("server.pem"));
  if (!made) {
    MESSAGE("skipped: this needs the openssl program");
    return;
  }
  NatsServer::Setup setup;
  setup.config = "tls { cert_file: \"" + at("server.pem") + "\", key_file: \"" + at("server.key") + "\", ca_file: \"" +
                 at("ca.pem") + "\", verify: true }";
  NatsServer server(setup);
  net::io_context io;
  auto options = server.options();
  options.tls_ca = at("ca.pem");
  options.tls_certificate = at("server.pem");
  options.tls_key = at("server.key");
  {
    LiveBus bus(io, options);
    auto const sent = bus.get(bus->send(message_to("worker")));
    if (!sent) FAIL(sent.error().message);
    CHECK(bus.status().at("server").at("tls") == true);
  }
  auto stranger = options;
  stranger.tls_ca.clear();
  stranger.tls = true;
  LiveBus refused(io, stranger);
  CHECK_FALSE(refused.get(refused->ready()).has_value());
  auto plain = server.options();
  LiveBus unencrypted(io, plain);
  CHECK_FALSE(unencrypted.get(unencrypted->ready()).has_value());
}

TEST_CASE("StreamWithOtherSettingsIsNamedAndLeftAlone") {
  NatsServer server;
  net::io_context io;
  auto const options = server.options();
  auto const stream = options.prefix + "-messages";
  {
    LiveBus bus(io, options);
    (void)bus.insist([&] { return bus->ready(); });
    CHECK(bus.status().at("made").size() == 7);
  }
  Worker thread;
  std::shared_ptr<nats::Connection> connection;
  nats::JetStream js(3s);
  json changed;
  ar::test::run(io, [&]() -> awaitable<void> {
    auto opened = co_await nats::Connection::open(io.get_executor(), thread, options, nullptr);
    REQUIRE(opened.has_value());
    connection = *opened;
    js.use(connection);
    auto const info = co_await js.stream_info(stream);
    REQUIRE(info.has_value());
    changed = info->at("config");
    changed["max_age"] = 3'600'000'000'000;
    auto const updated = co_await js.api("STREAM.UPDATE." + stream, changed);
    REQUIRE(updated.has_value());
  });
  LiveBus bus(io, options);
  auto const problem = problem_of(bus);
  CHECK(problem.starts_with("nats_settings: "));
  CHECK(problem.find("stream " + stream + ": max_age is 3600000000000 and must be 0") != std::string::npos);
  ar::test::run(io, [&]() -> awaitable<void> {
    auto const info = co_await js.stream_info(stream);
    REQUIRE(info.has_value());
    CHECK(info->at("config").at("max_age") == 3'600'000'000'000);
    co_await connection->close();
  });
}

TEST_CASE("BadOptionsAreRefusedWithTheFieldNamed") {
  net::io_context io;
  NatsOptions bad;
  std::string field;
  SUBCASE("no url") { bad.url = "", field = "relay.url"; }
  SUBCASE("another scheme") { bad.url = "http://host:4222", field = "relay.url"; }
  SUBCASE("a secret in the url") { bad.url = "nats://me:secret@host:4222", field = "relay.url"; }
  SUBCASE("two identities") { bad.user = "me", bad.token_file = "/nonexistent", field = "relay"; }
  SUBCASE("NKey without its seed") { bad.nkey = "U123", field = "relay.nkey_seed_file"; }
  SUBCASE("certificate without its key") { bad.tls_certificate = "/nonexistent", field = "relay.tls_key"; }
  SUBCASE("prefix with a dot") { bad.prefix = "a.b", field = "relay.prefix"; }
  SUBCASE("a file that is not there") { bad.token_file = "/nonexistent", field = ""; }
  auto const opened = NatsBus::open(io.get_executor(), bad);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().field == field);
  CHECK(opened.error().message.find("secret@") == std::string::npos);
}

TEST_CASE("LongBodiesAndManyPartsComeBackWhole") {
  NatsServer server;
  net::io_context io;
  LiveBus bus(io, server.options()), other(io, server.options());
  std::string body;
  while (body.size() < (1U << 20)) body += "line " + std::to_string(body.size()) + "\n";
  body.resize(1U << 20);
  auto const sent = bus.insist([&] { return bus->send(message_to("worker", body)); });
  auto const unread = other.insist([&] { return other->unread(agent("worker"), 10); });
  REQUIRE(unread->size() == 1);
  CHECK(unread->front().body == body);
  CHECK(unread->front().id == sent->message.id);
  std::string bytes(5U << 20, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
  auto const put = bus.insist([&] { return bus->put_attachment("big", "", bytes); });
  CHECK(*other.insist([&] { return other->attachment_bytes(put->id); }) == bytes);
}

TEST_CASE("StopLeavesNoThreadBehind") {
  NatsServer server;
  auto const before = threads_now();
  {
    net::io_context io;
    LiveBus one(io, server.options()), other(io, server.options());
    (void)one.insist([&] { return one->ready(); });
    (void)other.insist([&] { return other->ready(); });
    CHECK(threads_now() > before);
  }
  CHECK(threads_now() == before);
}
