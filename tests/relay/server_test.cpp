// Who is let in, and to what: routes and rights, revoked tokens, addresses and TLS.
#include "relay/protocol.hpp"
#include "relay/server/route.hpp"
#include "relay/server_lab.hpp"
#include "support/log_lines.hpp"

#include <fstream>
#include <map>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;

TEST_CASE("TheProtocolPageListsEveryRouteAsItIs") {
  std::map<std::string, std::string> documented;  // "METHOD path?query" -> right
  std::ifstream page(AR_SOURCE_DIR "/docs/relay-protocol.md");
  REQUIRE(page.good());
  for (std::string line; std::getline(page, line);) {
    std::vector<std::string> cells;
    for (std::size_t start = 1, end = 0; (end = line.find(" | ", start)) != std::string::npos; start = end + 2)
      cells.push_back(line.substr(start + 1, end - start - 1));
    if (cells.size() < 4 || std::string(" GET POST PUT DELETE ").find(" " + cells[0] + " ") == std::string::npos)
      continue;
    std::string path = cells[1];
    std::erase(path, '`');
    CHECK_MESSAGE(documented.emplace(cells[0] + " " + path, cells[2]).second, path);
  }
  for (auto const& route : server::routes()) {
    std::string path = std::string(route.method) + " " + std::string(route.pattern);
    char separator = '?';
    for (std::string_view rest = route.query; !rest.empty();) {
      auto const end = std::min(rest.find(' '), rest.size());
      path += separator + std::string(rest.substr(0, end)) + "=";
      separator = '&';
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    CHECK_MESSAGE(documented.contains(path), path);
    CHECK_MESSAGE(documented[path] == route.right, path);
    documented.erase(path);
  }
  for (auto const& [path, right] : documented) FAIL_CHECK("documented, but no route: " << path);
}

TEST_CASE("EveryRouteRefusesStrangersAndWrongRights") {
  Relay relay;
  auto const powerless = relay.issue({});
  ar::test::LogLines const log;
  for (auto const& route : server::routes()) {
    std::string target(route.pattern);
    if (auto const brace = target.find('{'); brace != std::string::npos)
      target.replace(brace, target.find('}') - brace + 1, "1");
    auto const body = route.method == "GET" ? std::string() : std::string("{}");
    CAPTURE(route.method);
    CAPTURE(target);
    if (route.right == "none") {
      CHECK(relay.ask(std::string(route.method), target, "").empty());
      continue;
    }
    CHECK(relay.ask(std::string(route.method), target, "", body) == "token_required");
    CHECK(relay.ask(std::string(route.method), target, "nonsense", body) == "bad_token");
    if (route.right != "any")
      CHECK(relay.ask(std::string(route.method), target, powerless.token, body) == "wrong_scope");
  }
  CHECK(log.count("with a bad token was refused") == 1);  // who guesses leaves a trace, but does not fill the log
}

TEST_CASE("ATokenSpeaksForItsAgentsOnly") {
  Relay relay;
  auto const token = relay.issue({"send", "read", "claim", "presence", "tokens"}, {"a"}).token;
  auto const ask = [&](char const* method, std::string target, json const& body) {
    return relay.ask(method, std::move(target), token, body.dump());
  };
  CHECK(ask("POST", "/api/messages", {{"from", "a"}, {"to", "b"}, {"body", "x"}}).empty());
  CHECK(ask("POST", "/api/messages", {{"from", "b"}, {"to", "a"}, {"body", "x"}}) == "wrong_scope");
  CHECK(ask("POST", "/api/messages/1/claim", {{"agentId", "b"}}) == "wrong_scope");
  CHECK(ask("POST", "/api/messages/1/read", {{"agentId", "b"}}) == "wrong_scope");
  CHECK(ask("POST", "/api/unread", {{"identity", {{"agentId", "b"}}}}) == "wrong_scope");
  CHECK(ask("POST", "/api/agents/b/status", {{"status", "idle"}}) == "wrong_scope");
  CHECK(relay.ask("GET", "/api/messages", token) == "wrong_scope");
  CHECK(relay.ask("GET", "/api/messages?agent=a", token).empty());
  CHECK(ask("POST", "/api/tokens", {{"profile", "p"}, {"rights", {"*"}}, {"agentIds", {"a"}}}) == "wrong_scope");
  CHECK(ask("POST", "/api/tokens", {{"profile", "p"}, {"rights", {"send"}}}) == "wrong_scope");
  CHECK(ask("POST", "/api/tokens", {{"profile", "p"}, {"rights", {"send"}}, {"agentIds", {"a"}}}).empty());
}

TEST_CASE("NoSpanOverTheWireIsLongEnoughToOverflow") {
  Relay relay;
  auto const admin = relay.issue({"*"}).token;
  for (std::string const span : {"0", "-1", "3153600000001", "9223372036854775806", "9223372036854775807",
                                 "9223372036854775808", "18446744073709551615", "18446744073709551616",
                                 "-9223372036854775807", "-9223372036854775808", "1e18", "1e300", "1.5", "\"1\""}) {
    CAPTURE(span);
    CHECK(relay.ask("POST", "/api/tokens", admin, R"({"profile":"p","rights":["*"],"lifetimeMs":)" + span + "}") ==
          "invalid_argument");
    CHECK(relay.ask("POST", "/api/commands", admin, R"({"type":"x","target":"a","expiresAfterMs":)" + span + "}") ==
          "invalid_argument");
    if (span == "0") continue;
    CHECK(relay.ask("POST", "/api/messages/1/release", admin, R"({"token":"t","delayMs":)" + span + "}") ==
          "invalid_argument");
  }
  CHECK(
      relay.ask("POST", "/api/tokens", admin, R"({"profile":"p","rights":["*"],"lifetimeMs":3153600000000})").empty());
  CHECK(
      relay.ask("POST", "/api/commands", admin, R"({"type":"x","target":"a","expiresAfterMs":3153600000000})").empty());
  std::string tokens;
  CHECK(relay.ask("GET", "/api/tokens", admin, "", &tokens).empty());
  CHECK(json::parse(tokens)["tokens"].size() == 2);
}

TEST_CASE("RevokedAndExpiredTokensAreRefusedAtOnceEverywhere") {
  Relay relay;
  auto const admin = relay.issue({"*"}).token;
  auto const token = relay.issue({"read", "presence"});
  auto const brief = relay.issue({"read"}, {}, 50ms);
  Wire wire(relay, token.token);
  REQUIRE(wire.refusal.empty());
  wire.say(Wire::hello("a", "i-1"));
  CHECK(wire.hear()["type"] == "welcome");
  CHECK(relay.ask("DELETE", "/api/tokens/" + token.info.jti, admin).empty());
  auto const last = wire.hear();
  CHECK(last["type"] == "error");
  CHECK(last["code"] == "bad_token");
  CHECK(relay.ask("GET", "/api/agents", token.token) == "bad_token");
  CHECK(Wire(relay, token.token).refusal == "bad_token");
  relay.run([]() -> awaitable<void> { (void)co_await sleep_for(60ms); });
  CHECK(relay.ask("GET", "/api/agents", brief.token) == "bad_token");
}

TEST_CASE("ARequestThatMeansAnotherStoreIsNotAnswered") {
  Relay relay;
  auto const token = relay.issue({"*"}).token;
  std::string info;
  CHECK(relay.ask("GET", "/api/info", token, "", &info).empty());
  auto const store = json::parse(info)["store"]["id"].get<std::string>();
  CHECK(store == relay.bus->store().id);
  auto const send = [&](std::string const& meant) {
    http::HttpClient caller(relay.io.get_executor(), *http::parse_endpoint(relay.url()), {});
    http::Call call{.method = "POST", .target = "/api/messages", .body = R"({"from":"x","to":"a","body":"hi"})"};
    call.headers = {{"Authorization", "Bearer " + token}, {kStoreHeader, meant}};
    std::string code;
    relay.run([&]() -> awaitable<void> {
      auto const got = co_await caller.call(call);
      code = got ? std::string() : std::string(to_string(got.error().kind)) + " " + got.error().code;
    });
    return code;
  };
  CHECK(send("another") == "unavailable other_store");
  CHECK(relay.bus->store().newest == 0);
  CHECK(send(store).empty());
  CHECK(relay.bus->store().newest == 1);
}

TEST_CASE("WithoutTlsOnlyLoopbackIsServed") {
  CHECK(RelayServer::check_exposure("127.0.0.1", false, false).has_value());
  CHECK(RelayServer::check_exposure("::1", false, false).has_value());
  CHECK(RelayServer::check_exposure("localhost", false, false).has_value());
  CHECK(RelayServer::check_exposure("0.0.0.0", false, false).has_error());
  CHECK(RelayServer::check_exposure("", false, false).has_error());
  CHECK(RelayServer::check_exposure("192.0.2.1", false, false).has_error());
  CHECK(RelayServer::check_exposure("192.0.2.1", true, false).has_value());
  CHECK(RelayServer::check_exposure("192.0.2.1", false, true).has_value());
}

TEST_CASE("AddressesToListenOnAreRead") {
  CHECK(parse_listen_address("[::1]:7")->host == "::1");
  CHECK(parse_listen_address(":7077")->host.empty());
  CHECK(parse_listen_address("relay.example:7077")->port == 7077);
  for (auto const* bad : {"", "host", "host:", "host:x", "host:70777", "::1:7"})
    CHECK_MESSAGE(parse_listen_address(bad).has_error(), bad);
}

TEST_CASE("UrlsAreReadStrictly") {
  CHECK(http::parse_endpoint("https://relay.example")->port == 443);
  CHECK(http::parse_endpoint("http://[::1]:7077/x/")->authority() == "[::1]:7077");
  CHECK(http::parse_endpoint("http://[::1]:7077/x/")->path == "/x");
  for (auto const* bad : {"", "relay.example:7077", "ws://x", "http://", "http://x:0", "http://x:y", "http://u@x",
                          "http://x?token=1", "http://x /"})
    CHECK_MESSAGE(http::parse_endpoint(bad).has_error(), bad);
}

TEST_CASE("TlsIsSpokenByCertificateFilesAndTheirNameIsChecked") {
  Relay relay;
  auto const file = [&](char const* name) { return (relay.folder.path() / name).string(); };
  auto const make =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=relay "
      "-addext subjectAltName=IP:127.0.0.1 -keyout " +
      file("key") + " -out " + file("cert") + " 2>/dev/null && chmod 600 " + file("key");
  REQUIRE(std::system(make.c_str()) == 0);
  auto const tls = http::server_tls(file("cert"), file("key"));
  REQUIRE(tls.has_value());
  auto const port = relay.server->open_tcp("127.0.0.1", 0, *tls);
  REQUIRE(port.has_value());
  auto config = relay.client(relay.issue({"*"}).token);
  config.ca_file = file("cert");
  config.url = "https://127.0.0.1:" + std::to_string(*port);
  bool expected = true;
  SUBCASE("right") {}
  SUBCASE("wrong name") { config.url = "https://localhost:" + std::to_string(*port), expected = false; }
  SUBCASE("not trusted") { config.ca_file = "", expected = false; }
  SUBCASE("plain to TLS") { config.url = "http://127.0.0.1:" + std::to_string(*port), expected = false; }
  auto bus = RemoteBus::open(relay.io.get_executor(), config);
  REQUIRE(bus.has_value());
  relay.run([&]() -> awaitable<void> {
    CHECK(co_await (*bus)->reach(expected ? 10s : 1s) == expected);
    auto const agents = co_await (*bus)->agents();
    CHECK(agents.has_value() == expected);
    co_await (*bus)->stop();
  });
  CHECK(http::server_tls(file("nothing"), file("key")).has_error());
  std::filesystem::permissions(file("key"), std::filesystem::perms::owner_read | std::filesystem::perms::others_read);
  CHECK(http::server_tls(file("cert"), file("key")).error().message.find("chmod") != std::string::npos);
}
