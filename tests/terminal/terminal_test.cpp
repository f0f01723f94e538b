// Starting programs and learning how they end.
#include "base/process/spawn.hpp"
#include "lab.hpp"
#include "terminal/tmux/version.hpp"

#include <algorithm>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace ar;
using namespace ar::test;

TEST_CASE("ExitCodesAndSignalsAreReportedOnce") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    struct Case {
      std::string script;
      int code, signal;
    };
    std::vector<Case> const cases{{"exit 0", 0, 0}, {"exit 7", 7, 0}, {"kill -9 $$", 0, 9}, {"kill -TERM $$", 0, 15}};
    for (auto const& c : cases) {
      Lab::Exit exit(lab.io.get_executor());
      auto terminal = co_await lab.start("x", exit.callback(), "/bin/sh", "-c", c.script);
      auto const status = co_await exit.wait();
      CHECK_MESSAGE(status.known, c.script);
      CHECK(status.code == c.code);
      CHECK(status.signal == c.signal);
      CHECK(exit.reports() == 1);
      CHECK_FALSE(terminal->alive());
      auto typed = co_await terminal->paste("into a dead pane: this ends tmux 3.3a when done unguarded");
      REQUIRE(!typed.has_value());
      CHECK(typed.error().code == "terminal_gone");
    }
  });
}

TEST_CASE("ExitIsReportedWithinMilliseconds") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    std::vector<double> latencies;
    for (int i = 0; i < 60; ++i) {
      Lab::Exit exit(lab.io.get_executor());
      auto terminal = co_await lab.start("x", exit.callback(), "/bin/sleep", "1000");
      bool const killed = i % 2 == 0;
      auto const from = Clock::now();
      if (killed)
        ::kill(terminal->pid(), SIGKILL);
      else
        ::kill(terminal->pid(), SIGTERM);
      auto const status = co_await exit.wait();
      CHECK(status.known);
      CHECK(status.signal == (killed ? SIGKILL : SIGTERM));
      latencies.push_back(std::chrono::duration<double, std::milli>(exit.at() - from).count());
    }
    std::ranges::sort(latencies);
    MESSAGE("exit latency: p50 " << latencies[30] << " ms, p95 " << latencies[57] << " ms, most " << latencies[59]
                                 << " ms");
    // An event brings it, no look now and then; how fast is for bench/recovery_bench to say.
    CHECK(latencies[30] < 500 * ar::test::kPatience);
  });
}

TEST_CASE("TheProgramHasExactlyItsEnvironmentAndNothingOfItShowsAnywhere") {
  Lab lab;
  ::setenv("AR_TEST_OUTER", "outer-value", 1);
  lab.with_host([&]() -> awaitable<void> {
    auto spec = lab.spec("env", "/bin/sh", "-c", "/usr/bin/env -0 > env.out; pwd > pwd.out; echo ready; read x");
    spec.environment.push_back("AGENT_RELAY_TOKEN=s3cr3t-value");
    spec.environment.push_back("MULTI=two\nlines");
    auto terminal = co_await lab.start(spec);
    co_await Lab::until(terminal, "ready");
    std::vector<std::string> seen;
    std::istringstream in(slurp(lab.dir.path() / "env.out"));
    for (std::string word; std::getline(in, word, '\0');)
      if (!word.starts_with("PWD=") && !word.starts_with("_=") && !word.starts_with("OLDPWD=") &&
          !word.starts_with("SHLVL="))
        seen.push_back(word);
    auto wanted = spec.environment;
    wanted.push_back("TERM=tmux-256color");
    std::ranges::sort(seen);
    std::ranges::sort(wanted);
    CHECK(seen == wanted);
    CHECK(slurp(lab.dir.path() / "pwd.out") == lab.dir.path().string() + "\n");

    CHECK(processes_with("s3cr3t-value").empty());
    std::string const tmux = "tmux -S " + lab.options().socket.string() + " ";
    std::string listings;
    for (auto const* what :
         {"show-environment -g", "show-environment -t =env", "list-panes -a -F '#{pane_start_command}'",
          "show-options -g", "list-buffers", "show-messages -t =env"}) {
      auto* pipe = ::popen((tmux + what + " 2>&1").c_str(), "r");
      REQUIRE(pipe);
      char buffer[4096];
      while (auto const n = std::fread(buffer, 1, sizeof buffer, pipe)) listings.append(buffer, n);
      ::pclose(pipe);
    }
    CHECK(listings.find("PATH=/usr/local/bin:/usr/bin:/bin") != std::string::npos);
    CHECK(listings.find("s3cr3t") == std::string::npos);
    CHECK(listings.find("outer-value") == std::string::npos);
    CHECK(std::filesystem::is_empty(lab.options().socket.string() + ".launch"));
    struct stat info {};
    REQUIRE(::stat(lab.options().socket.parent_path().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);
  });
}

TEST_CASE("AMissingProgramSaysSoOnItsScreenAndABadDirectoryIsRefused") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Lab::Exit exit(lab.io.get_executor());
    auto terminal = co_await lab.start("gone", exit.callback(), "/no/such/program", "-x");
    auto const status = co_await exit.wait();
    CHECK(status.code == 127);
    auto screen = co_await terminal->capture();
    REQUIRE(screen.has_value());
    std::string text;
    for (auto const& line : screen->lines) text += line;
    CHECK(text.find("cannot start /no/such/program: the program was not found") != std::string::npos);
    CHECK(status.not_started == "cannot start /no/such/program: the program was not found");

    auto bad = lab.spec("cwd", "/bin/true");
    bad.directory = "/no/such/folder";
    auto refused = co_await lab.host->start(bad, {});
    REQUIRE(!refused.has_value());
    CHECK(refused.error().field == "cwd");

    auto named = lab.spec("path", "sh", "-c", "exit 5");
    Lab::Exit found(lab.io.get_executor());
    co_await lab.start(named, found.callback());
    auto const by_path = co_await found.wait();
    CHECK(by_path.code == 5);
    CHECK(by_path.not_started.empty());
  });
}

TEST_CASE("WhyTheKernelRefusesAProgramIsSaid") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    using std::filesystem::perms;
    auto const file = [&](char const* name, std::string const& text, perms mode = perms::owner_all) {
      auto const path = lab.dir.path() / name;
      std::ofstream(path) << text;
      std::filesystem::permissions(path, mode);
      return path.string();
    };
    auto const no_interpreter = file("a", "#! /no/such/python -u\n"),
               not_executable = file("b", "echo", perms::owner_read);
    auto const bad_interpreter = file("c", "#!" + not_executable + "\n"), no_loader = file("d", {});
    // A program's head that names a loader which is not there.
    std::ifstream shell("/bin/sh", std::ios::binary);
    std::stringstream elf;
    elf << shell.rdbuf();
    auto image = elf.str();
    auto const loader = image.find("/lib64/ld-");
    if (loader != std::string::npos) image.replace(loader, 6, "/lib00");
    std::ofstream(no_loader, std::ios::binary) << image;
    struct Case {
      std::string program, why;
      int code;
      bool large = false;
    };
    std::vector<Case> cases{
        {no_interpreter, "its interpreter /no/such/python, which its first line names, is not there", 126},
        {not_executable, "it may not be executed: Permission denied", 126},
        {bad_interpreter, "its interpreter " + not_executable + ", which its first line names, may not be executed",
         126},
        {lab.dir.path().string(), "it may not be executed: Permission denied", 126},
        {not_executable + "/x", "the program was not found", 127},
        {"/bin/true", "the longest: the variable LARGE, 200007 bytes", 126, true}};
    if (loader != std::string::npos) cases.push_back({no_loader, "the loader that it was built for is not", 126});
    for (auto const& c : cases) {
      auto spec = lab.spec("x", c.program.c_str());
      if (c.large) spec.environment.push_back("LARGE=" + std::string(200'000, 'x'));
      Lab::Exit exit(lab.io.get_executor());
      co_await lab.start(spec, exit.callback());
      auto const status = co_await exit.wait();
      CHECK_MESSAGE(status.code == c.code, c.program);
      CHECK_MESSAGE(status.not_started.find(c.why) != std::string::npos, status.not_started);
      CHECK(status.not_started.find("xxx") == std::string::npos);
    }
    CHECK(std::filesystem::is_empty(lab.options().socket.string() + ".launch"));
  });
}

TEST_CASE("WhatAProgramLeftOnItsScreenCanBeReadWhole") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto const script =
        "i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); done; printf '%0300d\\nlast ' 7; sleep 0.3; exit 3";
    Lab::Exit exit(lab.io.get_executor());
    auto const terminal = co_await lab.start("x", exit.callback(), "/bin/sh", "-c", script);
    auto const living = co_await lab.start("y", nullptr, "/bin/cat");
    CHECK((co_await lab.host->left_by("y", living->pane())).empty());
    auto const ended = co_await exit.wait();
    auto const& lines = ended.left;
    REQUIRE(lines.size() == 62);  // those above the screen as well
    CHECK(co_await lab.host->left_by("x", terminal->pane()) == lines);
    CHECK(lines.front() == "line 0");
    CHECK(lines[60] == std::string(299, '0') + "7");  // not as the screen's width cuts it
    CHECK(lines[61] == "last");
    auto const others = co_await lab.host->left_by("y", terminal->pane());
    CHECK(others.empty());
    auto const gone = co_await lab.host->left_by("x", "%99");
    CHECK(gone.empty());
  });
}

TEST_CASE("ALivingSessionIsAConflictAndADeadOneIsReplaced") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Lab::Exit exit(lab.io.get_executor());
    auto first = co_await lab.start("dotted.name", exit.callback(), "/bin/cat");
    auto again = co_await lab.try_start("dotted.name", "/bin/cat");
    REQUIRE(!again.has_value());
    CHECK(again.error().code == "session_exists");
    ::kill(first->pid(), SIGKILL);
    co_await exit.wait();
    auto second = co_await lab.start("dotted.name", nullptr, "/bin/cat");
    CHECK(second->pane() != first->pane());
    auto list = co_await lab.host->list();
    REQUIRE(list.has_value());
    REQUIRE(list->size() == 1);
    CHECK(list->front().session == "dotted.name");
    CHECK(list->front().pid == second->pid());
    auto unsafe = co_await lab.try_start("a:b", "/bin/cat");
    CHECK(!unsafe.has_value());
  });
}

TEST_CASE("RemoveEndsTheProgramAndEverythingItStarted") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Lab::Exit exit(lab.io.get_executor());
    // One child ignores SIGHUP, one has left the process session, one does neither.
    std::string const mark = unique_seconds();
    std::string const script = "trap '' HUP; sleep 1" + mark + " & setsid sleep 2" + mark + " & trap - HUP; sleep 3" +
                               mark + " & echo ready; wait";
    auto terminal = co_await lab.start("tree", exit.callback(), "/bin/sh", "-c", script);
    co_await Lab::until(terminal, "ready");
    std::size_t running = 0;
    for (; running < 4; running = processes_with(mark).size()) co_await sleep_for(1ms);  // the shell and its three
    auto watch = terminal->watch_output();
    REQUIRE(watch.has_value());
    auto removed = co_await lab.host->remove("tree");
    CHECK(removed.has_value());
    CHECK(exit.reports() == 1);
    auto const status = co_await exit.wait();
    CHECK(status.signal == SIGHUP);
    CHECK(all_gone(mark));
    auto list = co_await lab.host->list();
    REQUIRE(list.has_value());
    CHECK(list->empty());
    auto absent = co_await lab.host->remove("tree");
    CHECK(absent.has_value());
    auto gone = co_await terminal->capture();
    REQUIRE(!gone.has_value());
    CHECK(gone.error().code == "terminal_gone");
  });
}

TEST_CASE("RemoveFindsByTheirMarkWhatHasLeftTheTreeAlsoWhenTheProgramHasEnded") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    ProcessMark const mark = 4'711;
    for (auto const* then : {"read x", "exit 3"}) {
      CAPTURE(then);
      std::string const seconds = std::string(then == std::string("exit 3") ? "5" : "4") + unique_seconds();
      // Its parent has ended, and it leads a process session of its own.
      std::string const script = "(env -i setsid /bin/sh -c 'sleep " + seconds + " & sleep 0.1'); echo ready; " + then;
      Lab::Exit exit(lab.io.get_executor());
      auto spec = lab.spec("tree", "/bin/sh", "-c", script);
      spec.mark = mark;
      auto terminal = co_await lab.start(spec, exit.callback());
      if (then == std::string("exit 3"))
        co_await exit.wait();
      else
        co_await Lab::until(terminal, "ready");
      REQUIRE(processes_with("sleep" + std::string(1, '\0') + seconds).size() == 1);
      auto removed = co_await lab.host->remove("tree", mark + 1);
      CHECK(removed.has_value());
      CHECK(processes_with(seconds).size() == 1);
      removed = co_await lab.host->remove("tree", mark);  // its pane is gone by now, the mark is enough
      CHECK(removed.has_value());
      CHECK(all_gone(seconds));
    }
  });
}

TEST_CASE("ThirtyTerminalsAtOnceStayApart") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    TaskGroup group(lab.io.get_executor(), "test");
    int served = 0;
    std::vector<std::unique_ptr<Lab::Exit>> exits;
    for (int i = 0; i < 30; ++i) exits.push_back(std::make_unique<Lab::Exit>(lab.io.get_executor()));
    auto one = [&](int i) -> awaitable<void> {
      std::string const n = std::to_string(i);
      std::string const script = "read x; echo \"got $x\"; read y; exit " + n;
      auto terminal = co_await lab.start("many" + n, exits[i]->callback(), "/bin/sh", "-c", script);
      auto typed = co_await terminal->paste_and_enter("word-" + n);
      CHECK(typed.has_value());
      auto const screen = co_await Lab::until(terminal, "got word-" + n);
      CHECK(screen.lines.size() == 40);
      co_await terminal->paste_and_enter("go");
      auto const status = co_await exits[i]->wait();
      CHECK(status.code == i);
      ++served;
    };
    for (int i = 0; i < 30; ++i) group.spawn(std::to_string(i), one(i));
    auto const deadline = Clock::now() + 50s;
    while (group.size() > 0 && Clock::now() < deadline) co_await sleep_for(1ms);
    co_await group.stop();
    CHECK(served == 30);
  });
}

TEST_CASE("AMissingOrOldTmuxIsExplained") {
  Lab lab;
  auto const fake = lab.dir.path() / "oldtmux";
  {
    std::ofstream out(fake);
    out << "#!/bin/sh\necho tmux 2.9a\n";
  }
  ::chmod(fake.c_str(), 0755);
  run(lab.io, [&]() -> awaitable<void> {
    auto old = co_await tmux_version(lab.io.get_executor(), fake.string());
    REQUIRE(!old.has_value());
    CHECK(old.error().code == "tmux_too_old");
    CHECK(old.error().message.find("2.9a") != std::string::npos);
    auto missing = co_await tmux_version(lab.io.get_executor(), "no-such-tmux-program");
    REQUIRE(!missing.has_value());
    CHECK(missing.error().code == "tmux_missing");
    auto options = lab.options();
    options.tmux = fake.string();
    auto host = co_await TmuxHost::open(lab.io.get_executor(), options);
    REQUIRE(!host.has_value());
    CHECK(host.error().code == "tmux_too_old");
  });
}
