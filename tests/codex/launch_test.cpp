#include "adapters/codex/launch.hpp"

#include "adapters/codex/codex_adapter.hpp"
#include "adapters/codex/profile.hpp"
#include "support/launch_setup.hpp"
#include "support/listener.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace ar;
using namespace ar::adapters;
using namespace ar::adapters::codex;
namespace fs = std::filesystem;
using test::has;

namespace {

struct Setup : test::LaunchSetup {
  Setup() : LaunchSetup(make_codex_adapter()) { version("codex", "0.169.0"); }
  void version(std::string const& name, std::string const& number) { command(name, "echo codex-cli " + number); }
};

}  // namespace

TEST_CASE("TheTerminalRunsOurHostWithTheAppServerBehindIt") {
  Setup setup;
  setup.request.options["settings"] = {
      {"features", {{"plugins", false}}}, {"model", "m\"x"}, {"a.b", json::array({1, "c"})}};
  setup.request.provider_args = {"--enable", "thing"};
  REQUIRE(write_file(setup.request.agent_dir / "x", "").has_value());
  auto const plan = setup.plan();
  REQUIRE_MESSAGE(plan.has_value(), plan.error().message);
  auto const& argv = plan->argv;
  CHECK(argv[0] == "/opt/bin/agent-runner-codex");
  CHECK(argv[1] == (setup.request.agent_dir / "codex").string());
  CHECK(argv[2] == "view");
  CHECK(argv[3] == (setup.dir.path() / "codex").string());
  CHECK(argv[4] == "app-server");
  CHECK(has(argv, "features.plugins=false"));
  CHECK(has(argv, "features.unbounded_connection_retries=false"));
  CHECK(has(argv, "model=\"m\\\"x\""));
  CHECK(has(argv, "a.b=[1,\"c\"]"));
  CHECK(has(argv, "--enable"));
  CHECK(argv.back() == "unix://" + (setup.request.agent_dir / "codex" / "app.sock").string());
  CHECK(plan->session_id.empty());
  CHECK_FALSE(plan->resumes);
  setup.request.resume_session = "thread-1";
  CHECK(setup.plan()->resumes);
  CHECK(setup.plan()->session_id == "thread-1");
}

TEST_CASE("WhatCannotBeStartedIsRefusedWithTheRemedy") {
  Setup setup;
  setup.request.approval_mode = "reckless";
  CHECK(setup.plan().error().field == "approvalMode");
  setup.request.approval_mode = "";
  setup.request.provider_args = {"--listen=ws://127.0.0.1:1"};
  CHECK(setup.plan().error().field == "providerArgs");
  setup.request.provider_args = {};
  setup.version("old", "0.99.0");
  CHECK(setup.plan().error().code == "cli_too_old");
  CHECK(setup.plan().error().message.find("npm install -g @openai/codex") != std::string::npos);
  setup.version("mute", "");
  CHECK(setup.plan().error().code == "cli_broken");
  setup.request.options["command"] = "/nowhere/codex";
  CHECK(setup.plan().error().code == "cli_missing");
  setup.request.options["commnad"] = "x";
  CHECK(setup.plan().error().kind == ErrorKind::invalid);
  setup.request.options.erase("commnad");
  setup.version("codex", "0.169.0");
  setup.request.options["request_retries"] = 101;
  CHECK(setup.plan().error().message.find("between 0 and 100") != std::string::npos);
  setup.request.options.erase("request_retries");
  setup.request.agent_dir = setup.dir.path() / std::string(100, 'd');
  CHECK(setup.plan().error().message.find("too long for a unix socket") != std::string::npos);
}

TEST_CASE("ALivingListenerAtTheSocketIsNamedAndADeadOnesSocketIsNoMatter") {
  Setup setup;
  auto const socket = setup.request.agent_dir / "codex" / "app.sock";
  setup.write("agent/codex/server.log", "Error: of an earlier one\n");
  test::Listener stranger(socket);
  auto const taken = setup.plan();
  REQUIRE_FALSE(taken.has_value());
  CHECK(taken.error().code == "socket_taken");
  CHECK(taken.error().kind == ErrorKind::unavailable);  // tried again
  auto const& why = taken.error().message;
  CHECK_MESSAGE(why.find("process " + std::to_string(::getpid()) + " (codex_test) listens at " + socket.string()) == 0,
                why);
  CHECK(why.find("agent alice") != std::string::npos);
  CHECK(why.find("kill " + std::to_string(::getpid())) != std::string::npos);
  stranger.close();
  CHECK(fs::exists(socket));
  CHECK(setup.plan().has_value());
  CHECK(setup.adapter->exit_diagnostic(setup.request).empty());  // it has not said anything yet
}

TEST_CASE("TheAgentsOwnServerOfAStartWhoseAnswerWasLostIsNoStranger") {
  Setup setup;
  auto const dir = setup.request.agent_dir / "codex";
  fs::create_directories(dir);
  auto const socket = (dir / "app.sock").string();
  int said[2];
  REQUIRE(::pipe(said) == 0);
  pid_t const server = ::fork();
  REQUIRE(server >= 0);
  if (server == 0) {
    ::dup2(said[1], 1);
    char const* const environment[] = {"AGENT_RELAY_ID=alice", nullptr};
    ::execle("/usr/bin/perl", "perl", "-MIO::Socket::UNIX", "-e",
             "$| = 1; $s = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 5) or die; print 1; sleep 100",
             socket.c_str(), nullptr, environment);
    ::_exit(127);
  }
  char byte = 0;
  ::close(said[1]);
  CHECK(::read(said[0], &byte, 1) == 1);  // it listens
  CHECK(setup.plan().has_value());
  setup.request.agent_id = "bob";
  CHECK(setup.plan().error().code == "socket_taken");
  ::close(said[0]);
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
}

TEST_CASE("ApprovalModesAreCodexsOwnPairs") {
  CHECK(permission("full")->approval == "never");
  CHECK(permission("full")->sandbox == "danger-full-access");
  CHECK(permission("auto")->sandbox == "workspace-write");
  CHECK(permission("guarded")->approval == "untrusted");
  CHECK(permission("read-only")->sandbox == "read-only");
  CHECK(permission("")->approval.empty());
  CHECK_FALSE(permission("never").has_value());
}

TEST_CASE("TheProgramBehindNpmsScriptIsFoundAndItsToolsAreOnThePath") {
  test::TempDir dir;
  auto const modules = dir.path() / "node_modules";
#if defined(__aarch64__)
  auto const vendor = modules / "@openai/codex-linux-arm64/vendor/aarch64-unknown-linux-musl";
#else
  auto const vendor = modules / "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl";
#endif
  for (auto const& folder : {modules / ".bin", modules / "@openai/codex/bin", vendor / "bin", vendor / "codex-path"})
    fs::create_directories(folder);
  REQUIRE(write_file(modules / "@openai/codex/bin/codex.js", "", 0700).has_value());
  fs::create_symlink("../@openai/codex/bin/codex.js", modules / ".bin/codex");
  CHECK(native_program(modules / ".bin/codex") == modules / ".bin/codex");  // not installed: the script may know more
  REQUIRE(write_file(vendor / "bin/codex", "", 0700).has_value());
  CHECK(fs::equivalent(native_program(modules / ".bin/codex"), vendor / "bin/codex"));
  CHECK(native_program("/usr/bin/codex") == "/usr/bin/codex");
  LaunchRequest request;
  request.environment = {{"PATH", "/bin"}, {"HOME", "/h"}};
  request.hook_client = "/opt/bin/agent-runner-hook";
  Options options;
  options.command = (modules / ".bin/codex").string();
  options.environment = {{"CODEX_HOME", "/c"}};
  auto const environment = launch_environment(request, options);
  CHECK(environment.at("PATH").starts_with("/opt/bin:/bin:"));
  CHECK(environment.at("PATH").ends_with("/codex-path"));
  CHECK(codex_home(environment) == "/c");
  CHECK(codex_home(request.environment) == "/h/.codex");
}

TEST_CASE("DoctorSaysWhatIsThereAndWhatIsMissing") {
  Setup setup;
  auto const adapter = make_codex_adapter();
  json options = setup.request.options;
  options["env"] = {{"CODEX_HOME", (setup.dir.path() / "empty").string()}};
  auto const checks = adapter->doctor(options);
  REQUIRE(checks.size() == 2);
  CHECK(checks[0].level == Check::Level::ok);
  CHECK(checks[0].finding.starts_with("0.169.0 at "));
  CHECK(checks[1].level == Check::Level::warning);
  setup.version("newer", "0.172.0");
  CHECK(adapter->doctor(setup.request.options)[0].level == Check::Level::warning);
  options["command"] = "/nowhere/codex";
  CHECK(adapter->doctor(options)[0].level == Check::Level::error);
}

TEST_CASE("TheBusIsToldWhatThisProviderCanDo") {
  auto const told = make_codex_adapter()->facts().capabilities;
  CHECK(told["lifecycle"] == json{{"managed", true},
                                  {"shutdownHard", true},
                                  {"restartHard", true},
                                  {"semanticStatus", true},
                                  {"reconnect", true}});
  CHECK(told["context"] == json{{"compact", true}, {"clear", true}, {"inject", true}});
}
