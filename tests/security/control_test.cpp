// What an agent tries that was talked into it, at the daemon's doors: with the command line and its own variables, with
// its own token, without any; and what a server of another user gets to hear.
#include "control/raw_client.hpp"
#include "security/attack.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

using ar::json;
using ar::test::Attack;
using ar::test::Installation;
using ar::test::RawClient;
using Words = std::vector<std::string>;
namespace fs = std::filesystem;

namespace {

/// What a command inside the agent has in its environment, and nothing else.
Words environment_of(Attack& t, std::string const& name) {
  Words found;
  std::ifstream file("/proc/" + std::to_string(t.home.agent(name)["pid"].get<int>()) + "/environ", std::ios::binary);
  for (std::string entry; std::getline(file, entry, '\0');)
    if (entry.starts_with("AGENT_")) found.push_back(entry);
  REQUIRE(found.size() > 5);
  return found;
}

std::string value_of(Words const& environment, std::string const& name) {
  for (auto const& entry : environment)
    if (entry.starts_with(name + "=")) return entry.substr(name.size() + 1);
  return {};
}

Words without(Words environment, std::string const& name) {
  std::erase_if(environment, [&](auto const& entry) { return entry.starts_with(name + "="); });
  return environment;
}

std::string text_of(fs::path const& file) {
  std::ifstream in(file);
  std::string text;
  for (std::string line; std::getline(in, line);) text += line + "\n";
  return text;
}

/// A process of another user that listens there, and tells of each byte that it is sent.
class ForeignServer {
 public:
  static constexpr uid_t user = 65534;

  explicit ForeignServer(fs::path const& socket) {
    REQUIRE(::pipe2(heard_, O_CLOEXEC | O_NONBLOCK) == 0);
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    pid_ = ::fork();
    if (pid_ == 0) serve(socket.c_str(), ready[1]);
    ::close(ready[1]);
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
  }
  ~ForeignServer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(heard_[0]), ::close(heard_[1]);
  }
  std::string heard() const {
    char bytes[4096];
    auto const n = ::read(heard_[0], bytes, sizeof bytes);
    return {bytes, n > 0 ? static_cast<std::size_t>(n) : 0};
  }

 private:
  [[noreturn]] void serve(char const* path, int ready) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int const listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::setresuid(user, user, user) != 0 ||
        ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::chmod(path, 0666) != 0 ||
        ::listen(listener, 16) != 0 || ::write(ready, "!", 1) != 1)
      ::_exit(1);
    for (;;) {
      int const client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      char bytes[4096];
      for (ssize_t n; (n = ::read(client, bytes, sizeof bytes)) > 0;)
        (void)!::write(heard_[1], bytes, static_cast<std::size_t>(n));
      ::close(client);
    }
  }

  int heard_[2] = {-1, -1};
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("H4NothingIsSaidWithoutTheToken") {
  Attack t("H4");
  auto const state = t.home.state().string();
  auto const secret = std::to_string(t.home.send("bob", "the password is 7"));
  auto const own = std::to_string(t.home.send("alice", "a question"));
  auto const inside = environment_of(t, "alice");
  auto const run = [&](Words const& environment, Words const& words) {
    t.home.environment = environment;
    auto ran = t.home.run_program(std::string(AR_BIN_DIR) + "/agent-runner", words, "");
    t.home.environment.clear();
    return ran;
  };
  auto const refused = [&](Words const& environment, Words const& words) {
    auto const ran = run(environment, words);
    std::string line;
    for (auto const& word : words) line += word + " ";
    t.counts(ran.status == 4 && ran.out.find("password") == std::string::npos, line + ran.out + ran.err);
  };
  auto const listed = run(inside, {"ps"});  // herself, and what is below her
  t.counts(listed.status == 0 && listed.out.find("bob") == std::string::npos, "ps " + listed.out + listed.err);
  refused(without(inside, "AGENT_RELAY_TOKEN"), {"ps"});
  for (auto const& words : {Words{"read", secret},
                            {"message", "show", secret},
                            {"reply", secret, "x"},
                            {"react", secret, "x"},
                            {"inbox", "bob"},
                            {"save", secret, "/tmp"},
                            {"show", "bob"},
                            {"screen", "bob"},
                            {"kill", "bob"},
                            {"messages", "bob"},
                            {"events"},
                            {"approvals"},
                            {"send", "bob", "x", "--from", "operator"}}) {
    refused(inside, words);
    auto elsewhere = words;
    elsewhere.insert(elsewhere.begin(), {"--state-dir", state});
    refused(inside, elsewhere);
    elsewhere = words;
    elsewhere.push_back("--state-dir=" + state);
    refused(inside, elsewhere);
    // Without her token, with the installation named as people name it.
    auto bare = without(inside, "AGENT_RELAY_TOKEN");
    bare.push_back("AGENT_RUNNER_STATE_DIR=" + state);
    refused(bare, words);
    refused({"AGENT_RELAY_ID=alice", "AGENT_RUNNER_STATE_DIR=" + state}, words);
    refused({"AGENT_RELAY_TOKEN=" + t.token(), "AGENT_RUNNER_STATE_DIR=" + state}, words);
    auto at_operators = without(inside, "AGENT_RUNNER_SOCKET");
    at_operators.push_back("AGENT_RUNNER_SOCKET=" + state + "/run/control.sock");
    refused(at_operators, words);
  }
  for (auto const& words : {Words{"up"},
                            {"down", "--agents"},
                            {"daemon"},
                            {"logs"},
                            {"doctor"},
                            {"config", "show"},
                            {"relay", "token", "issue"},
                            {"relay", "status"}}) {
    refused(inside, words);
    auto elsewhere = words;
    elsewhere.insert(elsewhere.begin(), {"--state-dir", state});
    refused(inside, elsewhere);
  }
  CHECK(t.home.message(std::atoll(secret.c_str()))["replies"].empty());

  auto const work = t.home.work();
  fs::create_symlink("/etc/passwd", work / "link");
  fs::create_symlink(t.home.state(), work / "folder");
  REQUIRE(::mkfifo((work / "pipe").c_str(), 0600) == 0);
  for (auto const& file : {fs::path("/etc/passwd"), work / "link", work / ".." / "s" / "operator-token",
                           work / "folder" / "operator-token", t.home.state() / "agents" / "alice" / "token.json",
                           t.home.state() / "agents" / "bob" / "token.json", fs::path("/proc/self/environ"),
                           fs::path("/dev/zero"), fs::path("/dev/stdin"), work / "pipe", work})
    for (auto const& words :
         {Words{"reply", own, "x", "--attach", file.string()}, Words{"send", "bob", "x", "--attach", file.string()}}) {
      auto const ran = run(inside, words);
      t.counts(ran.status == 4 || ran.status == 2, file.string() + ": " + ran.out + ran.err);
    }
  std::ofstream(work / "report") << "all well";
  auto const replied = run(inside, {"reply", own, "here", "--attach", (work / "report").string()});
  CHECK_MESSAGE(replied.status == 0, replied.err);
  auto const answer = t.home.message(std::atoll(own.c_str()))["replies"];
  REQUIRE(answer.size() == 1);
  CHECK(answer[0]["from"] == "alice");
  CHECK(answer[0]["attachments"].size() == 1);
}

TEST_CASE("M10AnAgentIsToldOfADoorThatAsksForItsToken") {
  Attack t("M10");
  auto const run = t.home.state() / "run";
  auto const environment = environment_of(t, "alice");
  CHECK(value_of(environment, "AGENT_RUNNER_SOCKET") == (run / "agents" / "agents.sock").string());
  for (auto const& entry : environment)
    t.counts(entry.find("control.sock") == std::string::npos, entry.substr(0, entry.find('=')));
  for (auto const& file : fs::recursive_directory_iterator(t.home.state() / "agents" / "alice"))
    if (file.is_regular_file())
      t.counts(text_of(file.path()).find("control.sock") == std::string::npos, file.path().string());
  struct stat info{};
  REQUIRE(::stat((run / "agents").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0700);
  REQUIRE(::stat((run / "agents" / "agents.sock").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);

  for (auto const* path : {"/healthz", "/v1/info", "/v1/agents", "/v1/agents/alice", "/v1/agents/alice/inbox",
                           "/v1/messages", "/v1/messages/1", "/v1/events", "/v1/approvals", "/v1/dead", "/nothing"})
    for (auto const* method : {"GET", "POST", "DELETE"}) {
      auto const answer = t.ask("agents/agents", method, path, "", false);
      t.counts(answer.status == 401, std::string(method) + " " + path + " without a token: " + answer.body.dump());
    }
  for (auto const* path :
       {"/v1/info", "/v1/users", "/v1/agents/bob", "/v1/sessions/bob", "/v1/agents/bob/inbox",
        "/v1/agents/bob/workspace", "/v1/agents/bob/events", "/v1/events", "/v1/approvals", "/v1/dead", "/v1/config"})
    for (auto const* door : {"agents/agents", "control"}) t.refused(403, door, "GET", path);
  for (auto const* door : {"agents/agents", "control"}) {  // an agent of an earlier version knows the other one
    t.allowed(door, "GET", "/v1/agents/alice/inbox");
    auto const listed = t.allowed(door, "GET", "/v1/agents").body["agents"];
    t.counts(listed.size() == 1 && listed[0]["id"] == "alice", listed.dump());
    t.allowed(door, "POST", "/v1/messages", t.to("bob", json::object()));
  }
}

TEST_CASE("M5ASenderIsNotShownTheReceiversScreen") {
  Attack t("M5");
  auto const sent =
      t.allowed("control", "POST", "/v1/messages", t.to("bob", json::object())).body["id"].get<std::int64_t>();
  REQUIRE(Installation::eventually([&] { return t.home.delivery_state(sent) == "unverified"; }));
  for (auto const* door : {"agents/agents", "control"})
    for (auto const* query : {"", "?wait=accepted", "?wait=done"}) {
      auto const shown = t.allowed(door, "GET", "/v1/messages/" + std::to_string(sent) + query).body;
      t.counts(!shown["deliveries"].empty() && shown.dump().find("\"screen\"") == std::string::npos, shown.dump());
    }
  t.refused(403, "control", "GET", "/v1/agents/bob/screen");
  t.refused(403, "control", "GET", "/v1/agents/bob/attach");

  // Why a message waits may tell of that screen, or of who works at it.
  json const mute = {{"command", {"/bin/cat"}}, {"ready", {{"pattern", "never said"}}}};
  t.home.good({"spawn", "carol", "--no-wait", "--provider", "command", "--cwd", t.home.work().string(), "--options",
               mute.dump()});
  auto const waiting =
      t.allowed("control", "POST", "/v1/messages", t.to("carol", json::object())).body["id"].get<std::int64_t>();
  REQUIRE(Installation::eventually([&] { return t.home.delivery_state(waiting) == "held"; }));
  auto const path = "/v1/messages/" + std::to_string(waiting);
  auto const why = t.good("control", "GET", path)["deliveries"][0].value("reason", "");
  CHECK_FALSE(why.empty());
  for (auto const* door : {"agents/agents", "control"}) {
    for (auto const& target : {path, std::string("/v1/messages"), std::string("/v1/messages?agent=alice")}) {
      auto const shown = t.allowed(door, "GET", target).body.dump();
      t.counts(shown.find("held") != std::string::npos && shown.find(why) == std::string::npos, target + ": " + shown);
    }
    auto const late = t.ask(door, "GET", path + "?wait=done&timeoutMs=1", "", true);
    t.counts(late.status == 504 && late.body.dump().find("held") != std::string::npos &&
                 late.body.dump().find(why) == std::string::npos,
             "a wait that is over: " + late.body.dump());
  }
}

TEST_CASE("M6AServerOfAnotherUserHearsNothing") {
  if (::geteuid() != 0) {
    MESSAGE("only root can start a server of another user: not tried");
    return;
  }
  Attack t("M6");
  auto const state = t.home.work() / "foreign";
  fs::create_directories(state / "run");
  for (auto folder = state / "run"; folder != t.home.work().parent_path().parent_path(); folder = folder.parent_path())
    ::chmod(folder.c_str(), 0777);
  ForeignServer const server(state / "run" / "control.sock");
  auto const run = [&](char const* program, Words const& words) {
    return t.home.run_program(std::string(AR_BIN_DIR) + "/" + program, words, "{\"prompt\":\"secret\"}");
  };
  for (auto const& verb : {Words{"ps"},
                           {"attach", "alice", "--json"},
                           {"send", "bob", "secret"},
                           {"read", "1"},
                           {"down"},
                           {"up"},
                           {"events", "-f"},
                           {"approvals"}}) {
    Words words{"--state-dir", state.string()};
    words.insert(words.end(), verb.begin(), verb.end());
    auto const ran = run("agent-runner", words);
    t.counts(ran.status == 4 && ran.err.find("uid 65534") != std::string::npos, verb[0] + ": " + ran.out + ran.err);
  }
  t.home.environment = {"AGENT_RUNNER_SOCKET=" + (state / "run" / "control.sock").string(), "AGENT_RELAY_TOKEN=secret",
                        "AGENT_RELAY_ID=alice", "AGENT_RUNNER_HOOK_DEBUG=1"};
  for (auto const* event : {"Stop", "PermissionRequest", "SessionStart"}) {
    auto const ran = run("agent-runner-hook", {event});
    t.counts(ran.status == 0 && ran.out.empty() && ran.err.find("uid 65534") != std::string::npos,
             event + (": " + ran.out + ran.err));
  }
  t.counts(run("agent-runner", {"inbox"}).status == 4, "inbox from inside");
  t.home.environment.clear();
  auto const terminals = t.home.work() / "terminals";
  fs::create_directories(terminals / "run");
  for (auto const& folder : {terminals, terminals / "run"}) ::chmod(folder.c_str(), 0777);
  ForeignServer const tmux(terminals / "run" / "tmux.sock");
  auto const up = run("agent-runner", {"--state-dir", terminals.string(), "up"});
  t.counts(up.status != 0 && up.err.find("uid 65534") != std::string::npos, "up: " + up.out + up.err);
  t.counts(tmux.heard().empty(), "the tmux server of another heard something");
  auto const heard = server.heard();
  t.counts(heard.empty(), "it heard: " + heard);
}

TEST_CASE("M7NoAgentFillsADoor") {
  Attack t("M7");
  // Of a message that nobody takes.
  auto const id =
      t.allowed("control", "POST", "/v1/messages", t.to("tag:nobody", json::object())).body["id"].get<std::int64_t>();
  auto const wait = "/v1/messages/" + std::to_string(id) + "?wait=done&timeoutMs=600000";
  Words const as_alice{"Authorization: Bearer " + t.token()};
  Words const as_bob{
      "Authorization: Bearer " +
      json::parse(text_of(t.home.state() / "agents" / "bob" / "token.json"))["token"].get<std::string>()};
  Words const as_person{"Authorization: Bearer " + [&] {
    auto token = text_of(t.home.state() / "operator-token");
    return token.substr(0, token.find('\n'));
  }()};
  auto const attack = [&](auto const& door, std::string const& name) {
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 256; ++i) {
      clients.push_back(std::make_unique<RawClient>(door));
      clients.back()->send(ar::test::request_text("GET", wait, as_alice));
    }
    auto const last = clients.back()->reply();
    t.counts(last.status == 503, name + ", the 256th: " + last.body);
    RawClient person(door), bob(door), hook(door);
    auto const info = person.request("GET", "/v1/info", as_person);
    t.counts(info.status == 200, name + ", the operator: " + info.body);
    auto const inbox = bob.request("GET", "/v1/agents/bob/inbox", as_bob);
    t.counts(inbox.status == 200, name + ", another agent: " + inbox.body);
    auto const told = hook.request("POST", "/v1/hooks/Stop", as_bob, "{}");
    t.counts(told.status != 503, name + ", another agent's hook: " + told.body);
    auto const ran = t.home.run({"ps"});
    t.counts(ran.status == 0, name + ", ps: " + ran.err);
    // Connections that say nothing at all.
    std::vector<std::unique_ptr<RawClient>> silent;
    for (int i = 0; i < 300; ++i) silent.push_back(std::make_unique<RawClient>(door));
    RawClient after(door);
    t.counts(after.request("GET", "/v1/info", as_person).status == 200, name + ", beside silent ones");
  };
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
  attack(t.home.state() / "run" / "agents" / "agents.sock", "agents' socket");
  attack(t.home.state() / "run" / "control.sock", "operator's socket");
  auto const environment = environment_of(t, "alice");
  attack(static_cast<std::uint16_t>(std::atoi(value_of(environment, "AGENT_RELAY_RUNNER_PORT").c_str())), "TCP");
}

TEST_CASE("M7AgentsThatActTogetherKeepNobodyFromADoor") {
  Attack t("M7, six together");
  auto const as = [&](std::string const& agent) {
    auto const token =
        json::parse(text_of(t.home.state() / "agents" / agent / "token.json"))["token"].get<std::string>();
    return Words{"Authorization: Bearer " + token};
  };
  Words together{"alice"};
  for (int i = 1; i < 6; ++i) {
    together.push_back("eve" + std::to_string(i));
    t.home.spawn(together.back(), {"--options", json{{"command", {"/bin/cat"}}}.dump()});
  }
  // Each waits for a message of its own that nobody takes.
  std::map<std::string, std::string> waits;
  for (auto const& agent : together) {
    RawClient client(t.home.state() / "run" / "agents" / "agents.sock");
    auto const sent = client.request("POST", "/v1/messages", as(agent), R"({"to":"tag:nobody","body":"x"})");
    REQUIRE(sent.status == 201);
    waits[agent] = "/v1/messages/" + sent.document()["id"].dump() + "?wait=done&timeoutMs=600000";
  }
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
  for (std::string const door : {"agents/agents", "control"}) {
    auto const socket = t.home.state() / "run" / (door + ".sock");
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int round = 0; round < 2; ++round) {
      for (auto const& agent : together)
        for (int i = 0; i < 40; ++i) {
          clients.push_back(std::make_unique<RawClient>(socket));
          clients.back()->send(ar::test::request_text("GET", waits[agent], as(agent)));
        }
      // By the answers to those that are too many, the others are known to have their places.
      auto const refused = [&] {
        return std::ranges::count_if(clients, [](auto const& one) { return one->has_answer(); });
      };
      CHECK(Installation::eventually([&] { return std::ssize(clients) - refused() <= 192; }));
      CHECK(std::ssize(clients) - refused() > 180);
      for (int i = 0; i < 3; ++i) {
        RawClient bob(socket), hook(socket), sender(socket);
        auto const inbox = bob.request("GET", "/v1/agents/bob/inbox", as("bob"));
        t.counts(inbox.status == 200, door + ", another agent: " + inbox.body);
        auto const told = hook.request("POST", "/v1/hooks/Stop", as("bob"), "{}");
        t.counts(told.status != 503, door + ", another agent's hook: " + told.body);
        auto const sent = sender.request("POST", "/v1/messages", as("bob"), R"({"to":"operator","body":"x"})");
        t.counts(sent.status == 201 || sent.status == 200, door + ", another agent's message: " + sent.body);
        auto const ran = t.home.run({"ps"});
        t.counts(ran.status == 0, door + ", ps: " + ran.err);
      }
    }
  }
}

TEST_CASE("AccessByTokenRightHostAndOrigin") {
  Attack t("access");
  auto const port = value_of(environment_of(t, "alice"), "AGENT_RELAY_RUNNER_PORT");
  auto const number = static_cast<std::uint16_t>(std::atoi(port.c_str()));
  auto const run = t.home.state() / "run";
  auto const status = [](auto const& door, char const* method, std::string const& path, Words const& headers) {
    RawClient client(door);
    return client.request(method, path, headers).status;
  };
  auto const alice = "Authorization: Bearer " + t.token();
  std::string changed = alice;
  changed.back() = changed.back() == '0' ? '1' : '0';
  for (auto const* path : {"/v1/info", "/v1/agents", "/v1/agents/alice/inbox", "/v1/messages", "/v1/nothing"}) {
    for (auto const& bad :
         {changed, std::string("Authorization: Bearer x"), std::string("Authorization: Basic b3A6b3A="),
          std::string("Authorization: Bearer"), std::string("Authorization: ") + t.token(), alice + " x"}) {
      t.counts(status(number, "GET", path, {bad}) == 401, "TCP " + std::string(path) + " " + bad.substr(0, 24));
      t.counts(status(run / "control.sock", "GET", path, {bad}) == 401,
               "unix " + std::string(path) + " " + bad.substr(0, 24));
      t.counts(status(run / "agents" / "agents.sock", "GET", path, {bad}) == 401,
               "agents " + std::string(path) + " " + bad.substr(0, 24));
    }
    t.counts(status(number, "GET", path, {}) == 401, "TCP " + std::string(path) + " without a token");
    t.counts(status(number, "GET", path, {alice, alice}) == 400, "two tokens");
    for (auto const* host :
         {"evil.example", "127.0.0.1.evil.example", "localhost.", "0", "127.0.0.1:0", "[::1", "127.1", ""})
      t.counts(status(number, "GET", path, {alice, std::string("Host: ") + host}) == 403, std::string("Host: ") + host);
    for (auto const* origin : {"null", "http://evil.example", "https://127.0.0.1:1", "http://127.0.0.1", "file://"})
      for (auto const* door : {"TCP", "unix"})
        t.counts((door == std::string("TCP")
                      ? status(number, "GET", path, {alice, std::string("Origin: ") + origin})
                      : status(run / "control.sock", "GET", path, {std::string("Origin: ") + origin})) == 403,
                 std::string(door) + " Origin: " + origin);
  }
  struct Route {
    char const* method;
    char const* path;
  };
  for (auto const& [method, path] : {Route{"POST", "/v1/shutdown"},
                                     {"POST", "/v1/agents"},
                                     {"POST", "/v1/sessions"},
                                     {"DELETE", "/v1/sessions/bob"},
                                     {"POST", "/v1/sessions/bob/cancel"},
                                     {"POST", "/v1/sessions/alice/cancel"},
                                     {"POST", "/v1/agents/alice/stop"},
                                     {"DELETE", "/v1/agents/bob"},
                                     {"DELETE", "/v1/agents/alice"},
                                     {"POST", "/v1/agents/bob/kill"},
                                     {"POST", "/v1/agents/alice/restart"},
                                     {"POST", "/v1/agents/bob/inject"},
                                     {"GET", "/v1/agents/bob/screen"},
                                     {"GET", "/v1/agents/alice/attach"},
                                     {"GET", "/v1/events"},
                                     {"GET", "/v1/config"},
                                     {"GET", "/v1/memory"},
                                     {"GET", "/v1/memory/agent/bob"},
                                     {"PUT", "/v1/memory/agent/bob/plan"},
                                     {"DELETE", "/v1/memory/user/ann/plan"},
                                     {"POST", "/v1/approvals/1/decision"},
                                     {"POST", "/v1/dead/1/requeue"},
                                     {"POST", "/v1/messages/1/settle"}}) {
    auto const answered = status(number, method, path, {alice});
    t.counts(answered == 403 || answered == 404, std::string(method) + " " + path + ": " + std::to_string(answered));
  }
}

TEST_CASE("LowKinds") {
  Attack t("low kinds");
  auto const relay = t.home.state() / "run" / "relay.sock";
  RawClient pings(relay);
  t.open_websocket(pings);
  std::string const ping("\x89\x80\0\0\0\0", 6);
  std::string many;
  for (int i = 0; i < 200; ++i) many += ping;
  pings.send(many);
  t.counts(Installation::eventually([&] { return !pings.send(ping); }), "pings without an end");

  std::string const begun("\x01\x81\0\0\0\0{", 7), nothing("\0\x80\0\0\0\0", 6);
  std::string nothings;
  for (int i = 0; i < 2000; ++i) nothings += nothing;
  for (auto const& first : {begun, std::string("\x01\x80\0\0\0\0", 6), begun + nothings + ping}) {
    RawClient empty(relay);
    t.open_websocket(empty);
    empty.send(first);
    t.counts(Installation::eventually([&] { return !empty.send(nothings); }), "fragments of nothing without an end");
  }
  RawClient slow(relay);  // what says something in small pieces is heard
  t.open_websocket(slow);
  std::string frames;
  for (char const c : std::string(R"({"type":"ping"})")) {
    frames += std::string(frames.empty() ? "\x01\x81" : "\0\x81", 2) + std::string("\0\0\0\0", 4) + c;
    for (int i = 0; i < 10; ++i) frames += nothing;
  }
  slow.send(frames + std::string("\x80\x80\0\0\0\0", 6));
  CHECK(slow.exactly(2).starts_with('\x81'));

  auto const count = [&] {
    auto const log = text_of(t.home.state() / "daemon.log");
    int lines = 0;
    for (auto at = log.find("with a bad token"); at != log.npos; at = log.find("with a bad token", at + 1)) ++lines;
    CHECK(log.find("guess-") == log.npos);
    return lines;
  };
  for (int i = 0; i < 50; ++i) {
    RawClient client(t.home.state() / "run" / "agents" / "agents.sock");
    t.counts(client.request("GET", "/v1/info", {"Authorization: Bearer guess-" + std::to_string(i)}).status == 401,
             "guess");
  }
  t.counts(count() == 1, "a trace of guesses");
}
