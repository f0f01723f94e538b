// The program providers run, against the real server and against daemons that are absent, silent or strange.
#include "control/run_program.hpp"
#include "control/test_server.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <future>
#include <sys/socket.h>
#include <sys/un.h>

using namespace ar;
using namespace ar::test;
using namespace std::chrono_literals;

namespace {

std::string const hook = AR_BIN_DIR "/agent-runner-hook";
std::string const denial =
    R"({"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"deny","message":"agent-runner is not reachable and is set to deny permissions then."}}})";

std::vector<std::string> environment(std::filesystem::path const& socket, std::vector<std::string> more = {}) {
  more.insert(more.end(), {"AGENT_RUNNER_SOCKET=" + socket.string(), "AGENT_RELAY_TOKEN=token-of-a",
                           "AGENT_RELAY_PROVIDER_SESSION_ID=s-1"});
  return more;
}

/// A daemon that answers each connection with fixed bytes (nothing: never) and closes.
class StrangeDaemon {
 public:
  StrangeDaemon(std::filesystem::path const& path, std::string answer)
      : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), answer_(std::move(answer)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener_, 16) != 0)
      throw std::runtime_error("cannot listen");
    if (answer_.empty()) return;
    thread_ = std::thread([this] {
      for (;;) {
        int const fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        char bytes[65536];
        (void)!::recv(fd, bytes, sizeof bytes, 0);
        (void)!::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
        ::shutdown(fd, SHUT_WR);
        while (::recv(fd, bytes, sizeof bytes, 0) > 0) {
        }
        ::close(fd);
      }
    });
  }
  ~StrangeDaemon() {
    ::shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }

 private:
  int listener_;
  std::string answer_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("TheHookPrintsTheDaemonsAnswer") {
  TestServer server;
  std::string const input = R"({"session_id":"p-1","hook_event_name":"SessionStart"})";
  Ran const ran = run_program(hook, {"SessionStart"}, environment(server.socket()), input);
  CHECK(ran.status == 0);
  CHECK(ran.err == "");
  REQUIRE_FALSE(ran.out.empty());
  CHECK(json::parse(ran.out)["hookSpecificOutput"]["hookEventName"] == "SessionStart");
  CHECK(server.daemon().called("hook a SessionStart s-1 p-1"));
}

TEST_CASE("TheHookPrintsNothingWhenThereIsNothingToSay") {
  TestServer server;
  Ran const ran = run_program(hook, {"Stop"}, environment(server.socket()), "{}");
  CHECK(ran.status == 0);
  CHECK(ran.out == "");
  CHECK(ran.err == "");
  CHECK(server.daemon().called("hook a Stop s-1 -"));
}

TEST_CASE("TheHookGivesTheProviderNoticesAndWakesIt") {
  TestServer server;
  Ran const none = run_program(hook, {"FileChanged"}, environment(server.socket()), "{}");
  CHECK(none.status == 0);
  CHECK(none.out == "");
  CHECK(none.err == "");
  std::string const text = "one \"quoted\" C:\\\\dir \u00fc /\nline \\n two\n" + std::string(30'000, 'x') + "\n";
  Ran const some = run_program(hook, {"FileChanged"}, environment(server.socket()), json{{"notices", text}}.dump());
  CHECK(some.status == 2);
  CHECK(some.out == "");
  CHECK(some.err == text);
  CHECK(server.daemon().called("hook a FileChanged s-1 -"));
}

TEST_CASE("TheHookIsSilentWhenTheDaemonRefuses") {
  TestServer server;
  Ran const ran = run_program(hook, {"Refused"}, environment(server.socket()), "{}");
  CHECK(ran.status == 0);
  CHECK(ran.out == "");
  CHECK(ran.err == "");
  Ran const told = run_program(hook, {"Refused"}, environment(server.socket(), {"AGENT_RUNNER_HOOK_DEBUG=1"}), "{}");
  CHECK(told.status == 0);
  CHECK(told.out == "");
  CHECK(told.err.find("stale_provider_session") != std::string::npos);
}

TEST_CASE("TheHookCarriesLargeInputs") {
  TestServer server;
  std::string const input = R"({"session_id":"p","text":")" + std::string(4 << 20, 'x') + "\"}";
  Ran const ran = run_program(hook, {"PostToolUse"}, environment(server.socket()), input);
  CHECK(ran.status == 0);
  REQUIRE_FALSE(ran.out.empty());
  CHECK(json::parse(ran.out)["hookSpecificOutput"]["bytes"] == input.size());
  Ran const over = run_program(hook, {"PostToolUse"}, environment(server.socket(), {"AGENT_RUNNER_HOOK_DEBUG=1"}),
                               std::string((32 << 20) + 1, 'x'));
  CHECK(over.status == 0);
  CHECK(over.out == "");
  CHECK(over.err.find("32 MiB") != std::string::npos);
}

TEST_CASE("WithoutInputTheHookSendsAnEmptyObject") {
  TestServer server;
  Ran const empty = run_program(hook, {"Notification"}, environment(server.socket()), "");
  CHECK(json::parse(empty.out)["hookSpecificOutput"]["bytes"] == 2);
  Ran const closed = run_program(hook, {"Notification"}, environment(server.socket()), std::nullopt);
  CHECK(closed.status == 0);
  CHECK(json::parse(closed.out)["hookSpecificOutput"]["bytes"] == 2);
}

TEST_CASE("WithoutADaemonTheHookLeavesAtOnce") {
  TempDir dir;
  // The best of a few: the machine may be busy, the program must not be.
  auto fastest = 10'000ms;
  for (int i = 0; i < 5; ++i) {
    Ran const ran = run_program(hook, {"Stop"}, environment(dir.path() / "none.sock"), "{}");
    CHECK(ran.status == 0);
    CHECK(ran.out == "");
    CHECK(ran.err == "");
    fastest = std::min(fastest, ran.took);
  }
  CHECK(fastest < 100ms);
}

TEST_CASE("WithoutADaemonAPermissionIsDeniedOnlyIfToldSo") {
  TempDir dir;
  auto const socket = dir.path() / "none.sock";
  CHECK(run_program(hook, {"PermissionRequest"}, environment(socket), "{}").out == "");
  Ran const closed =
      run_program(hook, {"PermissionRequest"}, environment(socket, {"AGENT_RUNNER_PERMISSION_FAIL_CLOSED=1"}), "{}");
  CHECK(closed.status == 0);
  CHECK(closed.out == denial);
  CHECK(json::parse(closed.out)["hookSpecificOutput"]["decision"]["behavior"] == "deny");
  CHECK(run_program(hook, {"Stop"}, environment(socket, {"AGENT_RUNNER_PERMISSION_FAIL_CLOSED=1"}), "{}").out == "");
}

TEST_CASE("ASilentDaemonHoldsAHookFiveSecondsAtMost") {
  TempDir dir;
  StrangeDaemon const silent(dir.path() / "x.sock", "");
  Ran const ran = run_program(hook, {"Stop"}, environment(dir.path() / "x.sock"), "{}");
  CHECK(ran.status == 0);
  CHECK(ran.out == "");
  CHECK(ran.took >= 4900ms);
  CHECK(ran.took < 30s);
}

TEST_CASE("APermissionWaitsAsLongAsConfigured") {
  TestServer server;
  auto const patient = environment(server.socket(), {"AGENT_RUNNER_HOOK_TIMEOUT_MS=40000"});
  auto ran = std::async(std::launch::async, [&] { return run_program(hook, {"PermissionRequest"}, patient, "{}"); });
  REQUIRE(server.eventually([&] { return server.daemon().waiting == 1; }));
  CHECK(ran.wait_for(5500ms) == std::future_status::timeout);
  server.on_io([&] { server.daemon().release_waits(); });
  CHECK(json::parse(ran.get().out)["hookSpecificOutput"]["hookEventName"] == "PermissionRequest");

  auto const hasty =
      environment(server.socket(), {"AGENT_RUNNER_HOOK_TIMEOUT_MS=100", "AGENT_RUNNER_PERMISSION_FAIL_CLOSED=1"});
  CHECK(run_program(hook, {"PermissionRequest"}, hasty, "{}").out == denial);
  // The daemon learns that nobody listens any more.
  CHECK(server.eventually([&] { return server.daemon().waits_cancelled == 1; }));
  CHECK(server.eventually([&] {
    for (auto const& call : server.daemon().calls())
      if (call.starts_with("ask_left a s-1 ")) return true;
    return false;
  }));
}

TEST_CASE("APermissionComesBackToTheNextDaemonUnderTheSameId") {
  TempDir dir;
  auto const path = dir.path() / "control.sock";
  auto const call_of = [](TestServer& server) {
    for (auto const& call : server.daemon().calls())
      if (call.starts_with("ask a s-1 ")) return call.substr(10);
    return std::string();
  };
  std::string first, second;
  std::future<Ran> ran;
  {
    TestServer dying;
    std::filesystem::create_symlink(dying.socket(), path);
    auto const patient = environment(path, {"AGENT_RUNNER_HOOK_TIMEOUT_MS=60000"});
    ran = std::async(std::launch::async,
                     [patient] { return run_program(hook, {"PermissionRequest"}, patient, R"({"tool_name":"x"})"); });
    REQUIRE(dying.eventually([&] { return dying.daemon().waiting == 1; }));
    first = call_of(dying);
    CHECK(first.size() == 32);
    dying.stop();
    // The daemon stops: that is no answer of anybody's.
    for (auto const& call : dying.daemon().calls()) CHECK(!call.starts_with("ask_left"));
  }
  CHECK(ran.wait_for(500ms) == std::future_status::timeout);
  TestServer next;
  std::filesystem::remove(path);
  std::filesystem::create_symlink(next.socket(), path);
  REQUIRE(next.eventually([&] { return next.daemon().waiting == 1; }));
  second = call_of(next);
  CHECK(first == second);
  next.on_io([&] { next.daemon().release_waits(); });
  CHECK(json::parse(ran.get().out)["hookSpecificOutput"]["hookEventName"] == "PermissionRequest");
}

TEST_CASE("WrongEventsAndForeignSessionsDoNothing") {
  TestServer server;
  for (auto const& arguments : std::vector<std::vector<std::string>>{
           {}, {""}, {"../agents"}, {"Stop HTTP/1.1"}, {"Stop\r\nX: y"}, {"Stop", "Stop"}, {std::string(65, 'a')}}) {
    Ran const ran = run_program(hook, arguments, environment(server.socket()), "{}");
    CHECK(ran.status == 0);
    CHECK(ran.out == "");
  }
  std::string const socket = "AGENT_RUNNER_SOCKET=" + server.socket().string();
  // Without the agent's token the unix socket would take it for the operator.
  for (auto const& variables : std::vector<std::vector<std::string>>{{},
                                                                     {socket},
                                                                     {socket, "AGENT_RELAY_TOKEN="},
                                                                     {"AGENT_RELAY_TOKEN=t"},
                                                                     {socket, "AGENT_RELAY_TOKEN=a\r\nX: y"}}) {
    Ran const ran = run_program(hook, {"Stop"}, variables, "{}");
    CHECK(ran.status == 0);
    CHECK(ran.out == "");
  }
  CHECK(server.daemon().calls().empty());
}

TEST_CASE("OnlyAWholeGoodAnswerIsPrinted") {
  auto const out = [](std::string const& answer) {
    TempDir dir;
    StrangeDaemon const daemon(dir.path() / "x.sock", answer);
    Ran const ran = run_program(hook, {"Stop"}, environment(dir.path() / "x.sock"), "{}");
    CHECK(ran.status == 0);
    return ran.out;
  };
  CHECK(out("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") == "{}");
  CHECK(out("HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\n{}extra") == "{}");
  CHECK(out("HTTP/1.1 200 OK\r\n\r\nto the end") == "to the end");
  CHECK(out("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}") == "");
  CHECK(out("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n") == "");
  CHECK(out("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}") == "");
  CHECK(out("HTTP/1.1 200 OK\r\n") == "");
  CHECK(out("SSH-2.0-OpenSSH\r\n\r\n") == "");
}

namespace {

std::string const tool_refusal =
    R"({"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"A tool hook must be asked before this call, and agent-runner is not reachable. Try again later."}})";

/// A folder with agents' socket, or a link to another one, and the file of tool hooks beside it.
struct Door {
  TempDir dir;
  std::filesystem::path const socket = dir.path() / "agents.sock";
  explicit Door(std::string const& lines) { std::ofstream(dir.path() / "tool-hooks") << lines; }
  Ran run(std::string const& event, std::string const& input, char const* patience = "300") const {
    return run_program(hook, {event}, environment(socket, {std::string("AGENT_RUNNER_HOOK_TIMEOUT_MS=") + patience}),
                       input);
  }
};

}  // namespace

TEST_CASE("WithoutADaemonOnlyACallWithAClosedToolHookIsRefused") {
  Door const door("post open *\npre closed Bash\npre closed mcp__x__*\npre open Read\n");
  auto const refused = [&](std::string const& input) { return door.run("PreToolUse", input).out == tool_refusal; };
  CHECK(refused(R"({"tool_name":"Bash","tool_input":{"command":"ls"}})"));
  CHECK(
      refused(R"({"tool_input":{"tool_name":"Read"},"x":"tool_name","list":["tool_name","Read"],"tool_name":"Bash"})"));
  CHECK(refused(R"({"cwd":"a \"tool_name\":\"Read\"","tool_name" : "mcp__x__y"})"));
  CHECK(refused(R"({"tool_name":"B\u0061sh"})"));  // whatever that is
  CHECK(refused("{}"));
  CHECK(refused("no json"));
  CHECK_FALSE(refused(R"({"tool_name":"Read","tool_input":{"tool_name":"Bash"}})"));
  CHECK_FALSE(refused(R"({"tool_name":"Bash2"})"));
  CHECK_FALSE(refused(R"({"tool_name":"mcp__x_"})"));
  CHECK(door.run("PostToolUse", R"({"tool_name":"Bash"})").out.empty());
  CHECK(door.run("Stop", R"({"tool_name":"Bash"})").out.empty());
  CHECK(
      door.run("PreToolUse", R"({"tool_name":"Bash","tool_input":")" + std::string((32 << 20) + 1, 'x') + "\"}").out ==
      tool_refusal);
}

TEST_CASE("AFileOfToolHooksThatCannotBeReadMaySayAnything") {
  TempDir const dir;
  std::filesystem::create_directories(dir.path() / "tool-hooks");
  auto const ran = run_program(hook, {"PreToolUse"},
                               environment(dir.path() / "agents.sock", {"AGENT_RUNNER_HOOK_TIMEOUT_MS=300"}), "{}");
  CHECK(ran.out == tool_refusal);
}

TEST_CASE("AResultWithAClosedToolHookIsNotReliedOnWithoutADaemon") {
  Door const door("post closed *\n");
  auto const ran = door.run("PostToolUse", R"({"tool_name":"Bash"})");
  CHECK(json::parse(ran.out)["decision"] == "block");
  CHECK(door.run("PreToolUse", R"({"tool_name":"Bash"})").out.empty());
}

TEST_CASE("WhatTheDaemonRefusesIsRefusedWhereAToolHookIsClosed") {
  Door const door("pre closed Bash\n");
  StrangeDaemon const strange(door.socket, "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}");
  CHECK(door.run("PreToolUse", R"({"tool_name":"Bash"})", "60000").out == tool_refusal);
  CHECK(door.run("PreToolUse", R"({"tool_name":"Read"})", "60000").out.empty());
}

TEST_CASE("ACallWaitsForTheNextDaemonWhereAToolHookIsClosed") {
  Door const door("pre closed Bash\n");
  auto ran = std::async(std::launch::async, [&] { return door.run("PreToolUse", R"({"tool_name":"Bash"})", "60000"); });
  CHECK(ran.wait_for(300ms) == std::future_status::timeout);
  TestServer server;
  std::filesystem::create_symlink(server.socket(), door.socket);
  CHECK(json::parse(ran.get().out)["hookSpecificOutput"]["hookEventName"] == "PreToolUse");
}

TEST_CASE("AToolHooksAnswerIsGivenUpWhenTheProviderHasGone") {
  TestServer server;
  Door const door("pre open Slow\n");
  std::filesystem::create_symlink(server.socket(), door.socket);
  CHECK(door.run("PreToolUse", R"({"tool_name":"Slow","session_id":"slow"})", "300").out.empty());
  CHECK(server.eventually([&] { return server.daemon().waits_cancelled == 1; }));
}
