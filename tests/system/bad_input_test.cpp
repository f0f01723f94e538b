// Wrong input of every kind: a clear error with its remedy, the right exit status, and nothing lost.
#include "system/http_request.hpp"
#include "system/installation.hpp"

#include <fstream>
#include <sys/stat.h>

using ar::json;
using ar::test::Installation;
using ar::test::Outcome;

namespace {
void refuses(Outcome const& outcome, int status, std::string const& words) {
  CHECK(outcome.status == status);
  CHECK_MESSAGE(outcome.err.find(words) != std::string::npos, outcome.err, outcome.out);
}
}  // namespace

TEST_CASE("APipeInThePlaceOfAFileOfOursIsToldAtOnce") {
  for (auto const* name : {"config.toml", "daemon.log", "daemon.lock", "operator-token", "journal.db"}) {
    Installation home;
    std::filesystem::create_directories(home.state());
    auto const pipe = home.state() / name;
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    auto const up = home.run({"up"});
    CHECK(up.status == 1);
    CHECK_MESSAGE(up.err.find(pipe.string()) != std::string::npos, up.err);
    CHECK(home.run({"down"}).status == 0);
    std::filesystem::remove(pipe);  // the installation's end reads its log
  }
}

TEST_CASE("AProvidersTableGivesItsAgentsTagsAndIsChecked") {
  Installation home;
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml")
      << "[providers.command]\ndefault_tags = [\"team\"]\ndefault_capabilities = [\"builds\"]\n";
  home.spawn("a");
  for (auto const* address : {"tag:team", "cap:builds", "tag:command"}) {
    auto const id = home.send(address, "hello");
    CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
  }
  home.good({"down", "--agents"});
  std::ofstream(home.state() / "config.toml") << "[providers.command]\ndefault_tags = 3\n";
  auto const refused = home.run({"spawn", "b", "--provider", "command"});
  CHECK(refused.status != 0);
  CHECK_MESSAGE(refused.err.find("default_tags") != std::string::npos, refused.err);
}

TEST_CASE("WrongSpawnsAreRefusedWithTheReason") {
  Installation home;
  auto const cwd = home.work().string();
  home.spawn("demo");
  refuses(home.run({"spawn", "x", "--provider", "nonsense", "--cwd", cwd}), 2, "nonsense");
  refuses(home.run({"spawn", "x", "--provider", "command", "--cwd", "/does/not/exist"}), 2, "/does/not/exist");
  refuses(home.run({"spawn", "demo", "--provider", "command", "--cwd", cwd}), 4, "demo");
  refuses(home.run({"spawn", "../x", "--provider", "command", "--cwd", cwd}), 2, "name");
  refuses(home.run({"spawn", "x", "--provider", "command", "--cwd", cwd, "--", "no-such-program-here"}), 3,
          "no-such-program-here");
  CHECK_FALSE(std::filesystem::exists(home.state() / "agents" / "x"));
  CHECK(Installation::lines(home.good({"ps", "-a", "--json"}).out).size() == 1);
}

TEST_CASE("AnAgentThatTheBusWouldNotTakeIsRefusedAtOnce") {
  Installation home;
  home.good({"up"});
  json const good = {{"provider", "command"}, {"cwd", home.work().string()}, {"id", "x"}, {"input", "hello"}};
  json many = json::array();
  for (int i = 0; i < 70; ++i) many.push_back("t" + std::to_string(i));
  for (auto const& [field, value] : {std::pair{"label", json("\u001b[31mred")},
                                     {"label", json("two\nlines")},
                                     {"tags", json{"\u202egnp"}},
                                     {"tags", many},
                                     {"capabilities", json{"a\u0007"}},
                                     {"idleTtlMs", json(-1)}}) {
    auto body = good;
    body[field] = value;
    auto const refused = ar::test::request(home, "POST", "/v1/runs", body);
    CHECK_MESSAGE(refused.status == 400, refused.body.dump());
    CHECK(refused.body["field"] == field);
  }
  auto body = good;
  body["idleTtlMs"] = nullptr;
  CHECK(ar::test::request(home, "POST", "/v1/runs", body).status == 201);
}

TEST_CASE("ASessionWhoseInputCannotBeHadIsNone") {
  Installation home;
  home.good({"up"});
  for (auto const& part : {json{{"attachment", "none"}}, json{{"path", "/no/such/file"}}}) {
    json file = {{"type", "file"}};
    file.update(part);
    json const body = {
        {"provider", "command"}, {"cwd", home.work().string()}, {"id", "x"}, {"input", json::array({file})}};
    for (auto const* path : {"/v1/sessions", "/v1/runs"}) {
      auto const refused = ar::test::request(home, "POST", path, body);
      CHECK_MESSAGE(refused.status == 404, refused.body.dump());
      CHECK(home.agent("x").empty());
    }
  }
}

TEST_CASE("UnknownAgentsAndMessagesExitWithThree") {
  Installation home;
  home.good({"up"});
  CHECK(home.run({"stop", "nobody"}).status == 3);
  CHECK(home.run({"screen", "nobody"}).status == 3);
  CHECK(home.run({"message", "show", "424242"}).status == 3);
  CHECK(home.run({"nonsense"}).status == 2);
}

TEST_CASE("AMessageTooLargeOrNotTextIsRefusedAndOneAtTheLimitIsKept") {
  Installation home;
  home.good({"up"});
  CHECK(home.run({"send", "later", "-"}, std::string((1 << 20) + 1, 'x')).status != 0);
  CHECK(home.run({"send", "later", "-"}, "broken \xff utf-8").status != 0);
  auto const id = home.send("later", std::string(1 << 20, 'x'), {"--later"});
  CHECK(home.message(id)["body"].get<std::string>().size() == 1 << 20);
}

TEST_CASE("AWrongConfigurationIsNamedWithLineAndColumn") {
  Installation home;
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << "[log]\nlevle = \"info\"\n";
  auto const up = home.run({"up"});
  CHECK(up.status == 1);
  CHECK_MESSAGE(up.err.find("config.toml:2:") != std::string::npos, up.err);
  CHECK(home.run({"config", "check"}).status == 1);
  std::ofstream(home.state() / "config.toml") << "[log]\nlevel = \"debug\"\n";
  home.good({"config", "check"});
  home.good({"up"});
}

TEST_CASE("ASecondDaemonOnTheSameStateIsRefused") {
  Installation home;
  home.good({"up"});
  auto const second =
      home.run_program(std::string(AR_BIN_DIR) + "/agent-runnerd", {"--state-dir", home.state().string()}, "");
  CHECK(second.status == 1);
  CHECK_MESSAGE(second.err.find(std::to_string(*home.daemon_pid())) != std::string::npos, second.err);
  home.good({"ps"});
}

TEST_CASE("DamagedAndNewerDatabasesAreLeftAloneAndNamed") {
  Installation home;
  home.good({"up"});
  home.good({"down"});
  auto const journal = home.state() / "journal.db";
  auto const kept = home.state() / "kept.db";
  std::filesystem::copy_file(journal, kept);
  std::ofstream(journal, std::ios::binary | std::ios::trunc) << std::string(4096, 'x');
  auto const damaged = home.run({"up"});
  CHECK(damaged.status == 1);
  CHECK_MESSAGE(damaged.err.find("journal.db") != std::string::npos, damaged.err);
  std::filesystem::copy_file(kept, journal, std::filesystem::copy_options::overwrite_existing);
  home.good({"up"});
}

TEST_CASE("AMissingOrOldTmuxIsSaidAtTheStart") {
  Installation home;
  auto const fake = home.work() / "bin";
  std::filesystem::create_directories(fake);
  std::ofstream(fake / "tmux") << "#!/bin/sh\necho tmux 2.9\n";
  ::chmod((fake / "tmux").c_str(), 0755);
  home.environment = {"PATH=" + fake.string()};
  auto const old = home.run({"up"});
  CHECK(old.status == 1);
  CHECK_MESSAGE(old.err.find("2.9") != std::string::npos, old.err);
  home.environment = {"PATH=" + home.work().string()};
  auto const missing = home.run({"up"});
  CHECK(missing.status == 1);
  CHECK_MESSAGE(missing.err.find("tmux") != std::string::npos, missing.err);
}

TEST_CASE("HooksOfStrangersAndOfEarlierProcessesAreIgnored") {
  Installation home;
  home.spawn("demo");
  std::ifstream token_file(home.state() / "agents" / "demo" / "token.json");
  auto const token = json::parse(token_file)["token"].get<std::string>();
  auto const socket = (home.state() / "run" / "control.sock").string();
  auto const hook = [&](std::vector<std::string> environment) {
    home.environment = std::move(environment);
    auto const outcome =
        home.run_program(std::string(AR_BIN_DIR) + "/agent-runner-hook", {"Status"}, R"({"status":"idle"})");
    home.environment.clear();
    return outcome;
  };
  std::vector<std::string> const base{"AGENT_RUNNER_SOCKET=" + socket, "AGENT_RUNNER_HOOK_DEBUG=1"};
  auto with = [&](std::string const& bearer, std::string const& session) {
    auto all = base;
    all.push_back("AGENT_RELAY_TOKEN=" + bearer);
    all.push_back("AGENT_RELAY_PROVIDER_SESSION_ID=" + session);
    return hook(all);
  };
  auto const stranger = with("wrong-token", "x");
  CHECK(stranger.status == 0);
  CHECK(stranger.err.find("401") != std::string::npos);
  auto const stale = with(token, "an-earlier-process");
  CHECK(stale.status == 0);
  CHECK(stale.err.find("409") != std::string::npos);
  CHECK(home.agent("demo")["state"] == "idle");
}

TEST_CASE("ACliThatDoesNotAnswerKeepsNobodyElseWaiting") {
  Installation home;
  home.spawn("a");
  auto const cli = home.work() / "codex";
  std::ofstream(cli) << "#!/bin/sh\ntouch " << (home.work() / "asked").string() << "\nexec sleep 60\n";
  std::filesystem::permissions(cli, std::filesystem::perms::owner_all);
  json const options = {{"command", cli.string()}};
  // In the background; it takes 10 s to give up.
  home.run_program("/bin/sh",
                   {"-c", "\"$@\" </dev/null >/dev/null 2>&1 &", "sh", std::string(AR_BIN_DIR) + "/agent-runner",
                    "--state-dir", home.state().string(), "spawn", "x", "--provider", "codex", "--cwd",
                    home.work().string(), "--options", options.dump()},
                   "");
  REQUIRE(Installation::eventually([&] { return std::filesystem::exists(home.work() / "asked"); }));
  auto const start = std::chrono::steady_clock::now();
  home.good({"send", "a", "hello", "--wait=done"});
  CHECK(home.agent("x").empty());  // nobody sees it before it can be started
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(8));
}

TEST_CASE("ACodexThatCannotStartSaysWhyAndKeepsItsMessages") {
  Installation home;
  auto const cli = home.work() / "codex";
  std::ofstream(cli) << "#!/bin/sh\n[ \"$1\" = --version ] && echo codex-cli 0.169.0 && exit\n"
                        "echo 'Error: cannot bind: '$SOME_API_KEY >&2\nexit 1\n";
  std::filesystem::permissions(cli, std::filesystem::perms::owner_all);
  json const options = {{"command", cli.string()}};
  home.good({"spawn", "x", "--no-wait", "--provider", "codex", "--cwd", home.work().string(), "--env",
             "SOME_API_KEY=very-secret-7", "--options", options.dump()});
  auto const id = home.send("x", "for later");
  home.wait_for_state("x", "failed");
  std::string const account = "exit status 1, Codex's app server said \"Error: cannot bind: [hidden]\"";
  auto const reason = home.agent("x")["reason"].get<std::string>();
  CHECK_MESSAGE(reason.find("gave up after 4 exits in 2 min (last: " + account + ")") == 0, reason);
  CHECK(home.agent("x")["lastExit"] == account);
  CHECK(Installation::eventually([&] { return home.delivery_state(id) == "held"; }));  // for the next start
  std::ifstream in(home.state() / "daemon.log");
  std::string const log{std::istreambuf_iterator<char>(in), {}};
  CHECK_MESSAGE(log.find(account) != std::string::npos, log);
  CHECK(log.find("very-secret-7") == std::string::npos);
  auto const events = home.good({"events", "x", "--json", "--from", "0"}).out;
  CHECK_MESSAGE(events.find("cannot bind: [hidden]") != std::string::npos, events);
  CHECK(events.find("very-secret-7") == std::string::npos);
}

TEST_CASE("AProgramThatVanishesForAMomentComesBack") {
  Installation home;
  auto const program = home.work() / "program";
  auto const away = home.work() / "away";
  std::ofstream(program) << "#!/bin/sh\nexec sleep 1000\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  home.spawn("a", {"--", program.string()});
  auto const pid = home.agent("a")["pid"].get<int>();
  std::filesystem::rename(program, away);
  ::kill(pid, SIGKILL);
  CHECK(Installation::eventually([&] {
    auto const shown = home.agent("a");
    return shown["state"] == "restarting" &&
           shown["reason"].get<std::string>().find(program.string() + " is not an executable file") == 0;
  }));
  std::filesystem::rename(away, program);
  home.wait_for_state("a", "idle");
  CHECK(home.agent("a")["pid"] != pid);
}
