// How the bus comes to its server, and goes: options, credentials, TLS, servers that are away or have no JetStream.
#include "relay/nats/live.hpp"

#include <filesystem>
#include <fstream>

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
  SUBCASE("a file that is not there") { bad.token_file = "/nonexistent", field = ""; }
  auto const opened = NatsBus::open(io.get_executor(), bad);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().field == field);
  CHECK(opened.error().message.find("secret@") == std::string::npos);
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
