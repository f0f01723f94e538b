// How the bus comes to its server, and goes: options, credentials, TLS, servers that are away or have no JetStream.
#include "relay/nats/live.hpp"
#include "support/log_lines.hpp"
#include "support/patience.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;

namespace {

bool run_command(std::string const& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

std::size_t threads_now() {
  std::size_t count = 0;
  for ([[maybe_unused]] auto const& task : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

/// Between the bus and its server: can cut every connection, as a server that drops its clients does.
class Proxy {
 public:
  Proxy(net::io_context& io, int server)
      : io_(io), server_(static_cast<std::uint16_t>(server)), acceptor_(io, {kHost, 0}) {
    tasks_.spawn("accept", accept());
  }
  ~Proxy() {
    acceptor_.close();
    cut();
    ar::test::run(io_, [this] { return tasks_.stop(); });
  }
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
  void cut() {
    for (auto const& socket : sockets_) socket->close();
    sockets_.clear();
  }

 private:
  using Socket = std::shared_ptr<net::ip::tcp::socket>;
  static inline auto const kHost = net::ip::make_address("127.0.0.1");

  awaitable<void> accept() {
    for (;;) {
      auto [ec, accepted] = co_await acceptor_.async_accept(nothrow);
      if (ec) co_return;
      auto const near = std::make_shared<net::ip::tcp::socket>(std::move(accepted));
      auto const far = std::make_shared<net::ip::tcp::socket>(io_);
      auto const [refused] = co_await far->async_connect({kHost, server_}, nothrow);
      if (refused) continue;
      sockets_.insert(sockets_.end(), {near, far});
      tasks_.spawn("there", carry(near, far));
      tasks_.spawn("back", carry(far, near));
    }
  }
  static awaitable<void> carry(Socket from, Socket to) {
    std::array<char, 65536> block;
    for (;;) {
      auto const [ec, size] = co_await from->async_read_some(net::buffer(block), nothrow);
      if (ec) break;
      auto const [failed, written] = co_await net::async_write(*to, net::buffer(block.data(), size), nothrow);
      if (failed) break;
    }
    error_code ignored;
    (void)to->shutdown(net::ip::tcp::socket::shutdown_both, ignored);
  }

  net::io_context& io_;
  std::uint16_t const server_;
  net::ip::tcp::acceptor acceptor_;
  std::vector<Socket> sockets_{};
  TaskGroup tasks_{io_.get_executor(), "proxy"};
};

}  // namespace

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

TEST_CASE("AServerThatDropsEverybodyAfterTheConnectIsNotStormedAndLoggedOnce") {
  ar::test::LogLines const log;
  ManualClock clock;
  NatsServer server;
  net::io_context io;
  Proxy proxy(io, server.port());
  auto options = server.options();
  options.url = proxy.url();
  options.time = NatsOptions::Time::machine;
  LiveBus bus(io, options);
  bus.wait_state("connected");
  auto const lost = [&] {
    proxy.cut();
    bus.wait_state("backoff");
  };
  lost();
  int connects = 1;
  // Time goes on by the clock of real time here, since a connect takes some of that.
  for (auto passed = 0ms; passed < 3s; passed += 10ms) {
    bus.run_for(10ms);
    ar::test::advance(io, clock, 10ms);
    if (bus->transport_state() != "connected") continue;
    ++connects;
    lost();
  }
  CHECK(connects >= 2);
  CHECK(connects <= 8);  // of the pauses, each twice as long, the shortest that there may be
  CHECK_MESSAGE(log.count("connected") == 1, log.text());
  CHECK_MESSAGE(log.count("is made anew") == 1, log.text());

  while (bus->transport_state() != "connected") {
    bus.run_for(10ms);
    ar::test::advance(io, clock, 100ms);
  }
  ar::test::advance(io, clock, 9s);
  CHECK(log.count("connected again") == 0);
  ar::test::advance(io, clock, 2s);
  CHECK_MESSAGE(log.count("connected again") == 1, log.text());
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
  auto const opened = NatsBus::open(io.get_executor(), bad);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().field == field);
  CHECK(opened.error().message.find("secret@") == std::string::npos);
}

TEST_CASE("AFileThatIsNotThereIsNamedAndReadOnceItIs") {
  ar::test::TempDir files;
  auto const file = files.path() / "secret";
  net::io_context io;
  NatsServer::Setup setup;
  SUBCASE("token") {
    setup.config = R"(authorization { token: "s3cret" })";
    NatsServer server(setup);
    auto options = server.options();
    options.token_file = file;
    LiveBus bus(io, options);
    CHECK(problem_of(bus).starts_with("nats_auth_failed: "));
    auto const sent = bus.get(bus->send(message_to("worker")));
    REQUIRE_FALSE(sent.has_value());
    CHECK(sent.error().kind == ErrorKind::unavailable);
    auto const shown = bus.status();
    CHECK(shown.at("transport") == "auth-failed");
    CHECK(shown.at("lastError").at("message").get<std::string>().find(file.string()) != std::string::npos);
    std::ofstream(file) << "s3cret\n";
    bus.wait_state("connected");
    CHECK(bus.get(bus->send(message_to("worker"))).has_value());
  }
  SUBCASE("authority") {
    NatsServer server(setup);
    auto options = server.options();
    options.tls_ca = file;
    LiveBus bus(io, options);
    CHECK(problem_of(bus).find(file.string()) != std::string::npos);
    CHECK(bus->transport_state() == "backoff");
  }
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
  // A joined thread stands in /proc for a moment more, and nothing tells when it has gone.
  auto const deadline = std::chrono::steady_clock::now() + ar::test::kPatience * std::chrono::seconds(5);
  while (threads_now() != before && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(threads_now() == before);
}
