// A server in operator mode, and the .creds file that a user of its account has: right, wrong, expired, revoked.
#include "relay/nats/accounts.hpp"
#include "relay/nats/live.hpp"

#include <fstream>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;

namespace {

struct Lab {
  Accounts accounts{};
  NatsServer server{{.config = accounts.server_config()}};
  ar::test::TempDir files{};
  std::filesystem::path const file = files.path() / "fleet.creds";
  net::io_context io{};

  NatsOptions options() const {
    auto options = server.options();
    options.credentials_file = file;
    return options;
  }
  void write(std::string const& text) const { std::ofstream(file, std::ios::trunc) << text; }
};

/// The bus is away because of its credentials, and says of which file without telling what is in it.
void check_refused(Lab& lab, LiveBus& bus, NKey const& user) {
  bus.wait_state("auth-failed");
  auto const refused = bus.get(bus->send(message_to("worker")));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::unavailable);
  auto const shown = bus.status().at("lastError");
  CHECK(shown.at("code") == "nats_auth_failed");
  auto const message = shown.at("message").get<std::string>();
  MESSAGE(message);
  CHECK(message.find(lab.file.string()) != std::string::npos);
  CHECK(message.find(user.seed()) == std::string::npos);
  CHECK(message.find("eyJ") == std::string::npos);  // how every JWT begins
}

}  // namespace

TEST_CASE("CredentialsFileOpensTheAccount") {
  Lab lab;
  NKey const user('U');
  lab.write(lab.accounts.credentials(user));
  LiveBus sender(lab.io, lab.options()), reader(lab.io, lab.options());
  Figures figures;
  send_all(sender, figures, 20, [] {});
  read_all(reader, figures);
  figures.report("operator mode, .creds file");
}

TEST_CASE("CredentialsThatAreWrongAreNamedAndTheCorrectedOnesTaken") {
  Lab lab;
  NKey const user('U'), other('U');
  auto const right = lab.accounts.credentials(user);
  auto const with_seed = [&](std::string const& seed) {
    auto text = right;
    return text.replace(text.find(user.seed()), user.seed().size(), seed);
  };
  SUBCASE("expired") { lab.write(lab.accounts.credentials(user, wall_now() - 1h)); }
  SUBCASE("of another operator's account") { lab.write(Accounts().credentials(user)); }
  SUBCASE("the seed is another user's") { lab.write(with_seed(other.seed())); }
  SUBCASE("the seed is none") { lab.write(with_seed("SUANONSENSE")); }
  SUBCASE("the JWT is cut off") { lab.write("-----BEGIN NATS USER JWT-----\neyJ0eXAi\n"); }
  SUBCASE("something else is in the file") { lab.write("not credentials\n"); }
  LiveBus bus(lab.io, lab.options());
  check_refused(lab, bus, user);
  lab.write(right);
  bus.wait_state("connected");
  CHECK(bus.get(bus->send(message_to("worker"))).has_value());
}

TEST_CASE("RevokedCredentialsEndTheConnectionUntilTheFileIsReplaced") {
  Lab lab;
  NKey const user('U'), successor('U');
  lab.write(lab.accounts.credentials(user));
  LiveBus bus(lab.io, lab.options());
  Figures figures;
  send_all(bus, figures, 20, [&] {
    lab.accounts.revoke(user);
    lab.server.reload(lab.accounts.server_config());
    check_refused(lab, bus, user);
    lab.write(lab.accounts.credentials(successor));
    bus.wait_state("connected");
  });
  read_all(bus, figures);
  figures.report("credentials revoked and replaced");
}

TEST_CASE("CredentialsThatExpireEndTheConnectionUntilTheFileIsReplaced") {
  Lab lab;
  NKey const user('U');
  lab.write(lab.accounts.credentials(user, wall_now() + 4s));
  LiveBus bus(lab.io, lab.options());
  Figures figures;
  send_all(bus, figures, 20, [&] {
    check_refused(lab, bus, user);
    lab.write(lab.accounts.credentials(user));
    bus.wait_state("connected");
  });
  read_all(bus, figures);
  figures.report("credentials expired and replaced");
}
