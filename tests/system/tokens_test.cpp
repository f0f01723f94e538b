// Tokens that are no longer good, at the control server.
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;

namespace {

json token_of(Installation& home, std::string const& agent) {
  std::ifstream file(home.state() / "agents" / agent / "token.json");
  return json::parse(file);
}
std::string operators_token(Installation& home) {
  std::ifstream file(home.state() / "operator-token");
  std::string token;
  file >> token;
  return token;
}
/// The status of the answer to a bearer.
std::string ask(Installation& home, std::string const& token, std::string const& path) {
  auto const socket = (home.state() / "run" / "control.sock").string();
  return home
      .run_program("/usr/bin/curl",
                   {"-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", socket, "-H",
                    "Authorization: Bearer " + token, "http://localhost" + path},
                   "")
      .out;
}
bool says(Installation& home, std::string const& word) {
  return home.agent("demo").value("reason", "").find(word) != std::string::npos;
}
/// It cannot speak, and people see why; the next process can.
void check_mute(Installation& home, std::string const& token, std::string const& why) {
  CHECK(ask(home, token, "/v1/agents/demo/inbox") == "401");
  CHECK_MESSAGE(says(home, why), home.agent("demo").dump());
  auto const id = home.send("demo", "hello");
  CHECK(Installation::eventually([&] { return home.delivery_state(id) == "held"; }));
  CHECK(home.message(id)["deliveries"][0]["reason"].get<std::string>().find(why) != std::string::npos);
  home.good({"restart", "demo"});
  CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
  CHECK_FALSE(says(home, why));
  CHECK(ask(home, token, "/v1/agents/demo/inbox") == "401");
  CHECK(ask(home, token_of(home, "demo")["token"], "/v1/agents/demo/inbox") == "200");
}

}  // namespace

TEST_CASE("AnAgentWhoseTokenIsRevokedCannotSpeakUntilItIsStartedAnew") {
  Installation home;
  home.spawn("demo");
  home.spawn("other");
  auto const token = token_of(home, "demo");
  CHECK(ask(home, token["token"], "/v1/agents/demo/inbox") == "200");
  home.good({"relay", "token", "revoke", token["jti"]});
  // It is shown once the journal has it.
  CHECK(Installation::eventually([&] {
    return home.good({"events", "demo", "--from", "0"}).out.find("runtime-token-ended") != std::string::npos;
  }));
  SUBCASE("at once") {}
  SUBCASE("with another daemon too") {
    home.kill_daemon();
    home.good({"up"});
    home.wait_for_state("demo", "idle");
  }
  CHECK(ask(home, token_of(home, "other")["token"], "/v1/agents/other/inbox") == "200");
  check_mute(home, token["token"], "revoked");
}

TEST_CASE("TheJtiThatAnAgentBeganWithEndsWhatItsTokenWasRenewedInto") {
  Installation home;
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[agents]\ntoken_lifetime_s = 62\n";  // due a second after its issue
  home.spawn("demo");
  auto const first = token_of(home, "demo");
  CHECK(Installation::eventually([&] { return token_of(home, "demo")["jti"] != first["jti"]; }));
  CHECK(ask(home, first["token"], "/v1/agents/demo/inbox") == "200");  // its process has no other
  home.good({"relay", "token", "revoke", first["jti"]});
  CHECK(ask(home, token_of(home, "demo")["token"], "/v1/agents/demo/inbox") == "401");
  check_mute(home, first["token"], "revoked");
}

TEST_CASE("AnAgentWhoseTokenHasExpiredCannotSpeakUntilItIsStartedAnew") {
  Installation home;
  home.spawn("demo");
  home.kill_daemon();
  auto token = token_of(home, "demo");
  token["expiresAt"] = 1'700'000'000'000;
  std::ofstream(home.state() / "agents" / "demo" / "token.json") << token.dump();
  home.good({"up"});
  home.wait_for_state("demo", "idle");
  check_mute(home, token["token"], "expired");
}

TEST_CASE("ARelayTokenIsKnownByItsName") {
  Installation home;
  home.good({"up"});
  auto const issue = std::vector<std::string>{"relay", "token", "issue", "--name", "host-b"};
  auto const secret = home.good(issue).out.substr(0, 68);
  auto const again = home.run(issue);
  CHECK(again.status == 4);
  CHECK(again.err.find("host-b") != std::string::npos);
  auto const table = home.good({"relay", "token", "list"}).out;
  CHECK(table.find("host-b") != std::string::npos);
  CHECK(table.find(secret) == std::string::npos);
  int named = 0;
  for (auto const& line : Installation::lines(home.good({"relay", "token", "list", "--json"}).out)) {
    CHECK(line.find(secret) == std::string::npos);
    auto const shown = json::parse(line);
    CHECK(shown.contains("madeAt"));
    named += shown.value("name", "") == "host-b";
  }
  CHECK(named == 1);
  CHECK(home.good({"__complete", "--", "relay", "token", "revoke", ""}).out.find("host-b") != std::string::npos);
  home.good({"relay", "token", "revoke", "host-b"});
  CHECK(home.good({"__complete", "--", "relay", "token", "revoke", ""}).out.find("host-b") == std::string::npos);
  home.good(issue);
}

TEST_CASE("TheOperatorsRevokedTokenIsRefusedAndItsFileHoldsAnother") {
  Installation home;
  home.good({"up"});
  auto const token = operators_token(home);
  CHECK(ask(home, token, "/v1/info") == "200");
  std::string jti;
  for (auto const& line : Installation::lines(home.good({"relay", "token", "list", "--json"}).out))
    if (auto const shown = json::parse(line); shown["profile"] == "operator") jti = shown["jti"];
  home.good({"relay", "token", "revoke", jti});
  CHECK(ask(home, token, "/v1/info") == "401");
  CHECK(Installation::eventually([&] { return operators_token(home) != token; }));
  CHECK(Installation::eventually([&] { return ask(home, operators_token(home), "/v1/info") == "200"; }));
  CHECK(ask(home, token, "/v1/info") == "401");
}

TEST_CASE("AnAgentReachesTheRelayByItsOwnUrlAndToken") {
  Installation home;
  home.spawn("demo");
  home.spawn("other");
  auto const environment = ar::test::file_text("/proc/" + home.agent("demo")["pid"].dump() + "/environ");
  auto const of_demo = [&](std::string const& name) {
    auto const at = environment.find('\0' + name + "=");
    REQUIRE_MESSAGE(at != std::string::npos, name);
    return std::string(environment.c_str() + at + name.size() + 2);
  };
  auto const url = of_demo("AGENT_RELAY_URL"), token = of_demo("AGENT_RELAY_TOKEN");
  auto const call = [&](std::string const& bearer, std::string const& path, json const& body) {
    std::vector<std::string> words{"-s", "-w", "\n%{http_code}", "-H", "Authorization: Bearer " + bearer, url + path};
    if (!body.is_null()) words.insert(words.end(), {"-d", body.dump()});
    auto const lines = Installation::lines(home.run_program("/usr/bin/curl", words, "").out);
    REQUIRE(lines.size() == 2);
    return std::pair(lines[1], json::parse(lines[0], nullptr, false));
  };
  for (bool const killed : {false, true}) {  // its environment stays as it is
    if (killed) {
      home.kill_daemon();
      home.good({"up"});
    }
    auto const [status, sent] = call(token, "/api/messages", {{"from", "demo"}, {"to", "other"}, {"body", "hello"}});
    REQUIRE_MESSAGE(status == "201", sent.dump());
    CHECK(call(token, "/api/messages?agent=demo", nullptr).first == "200");
    auto const id = sent["message"]["id"].get<std::int64_t>();
    CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
    CHECK(home.message(id)["from"] == "demo");
    CHECK(call(token, "/api/messages", {{"from", "other"}, {"to", "demo"}, {"body", "x"}}).second["code"] ==
          "wrong_scope");
    CHECK(call("nobody", "/api/messages?agent=demo", nullptr).first == "401");
  }
}
