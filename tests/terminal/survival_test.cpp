// What happens when the daemon, the control client, tmux itself or a session goes away.
#include "base/process/process_info.hpp"
#include "base/process/process_tree.hpp"
#include "base/process/spawn.hpp"
#include "lab.hpp"
#include "terminal/tmux/control.hpp"

#include <csignal>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ar;
using namespace ar::test;

namespace {

std::vector<std::string> const kEcho{"/bin/sh", "-c", "echo ready; while read x; do echo \"<$x>\"; done"};

/// Returns the process that speaks to the server, on `terminal` if there is one.
pid_t begin_tmux(Lab& lab, std::vector<char const*> command, int terminal = -1) {
  auto const socket = lab.options().socket.string();
  command.insert(command.begin(), {"tmux", "-S", socket.c_str()});
  command.push_back(nullptr);
  pid_t const client = ::fork();
  REQUIRE(client >= 0);
  if (client == 0) {
    for (int fd : {0, 1, 2})
      if (terminal >= 0) ::dup2(terminal, fd);
    ::execvp("tmux", const_cast<char**>(command.data()));
    ::_exit(127);
  }
  return client;
}

/// Clients of the server, those included that it has not let in yet.
int clients_of(std::filesystem::path const& socket) {
  std::ifstream sockets("/proc/net/unix");
  int named = 0;
  for (std::string line; std::getline(sockets, line);) named += line.ends_with(" " + socket.string()) ? 1 : 0;
  return named - 1;  // one of them listens
}

std::string ask_tmux(Lab& lab, std::string const& arguments) {
  auto* pipe = ::popen(("tmux -S " + lab.options().socket.string() + " " + arguments + " 2>&1").c_str(), "r");
  REQUIRE(pipe);
  std::string all;
  char buffer[4096];
  while (auto const n = std::fread(buffer, 1, sizeof buffer, pipe)) all.append(buffer, n);
  ::pclose(pipe);
  return all;
}

}  // namespace

TEST_CASE("ProgramsOutliveTheHostAndAreAdopted") {
  bool renamed = false;
  SUBCASE("as they were") {}
  SUBCASE("by another name of their session") { renamed = true; }
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Lab::Exit unheard(lab.io.get_executor());
    auto first = co_await lab.start("lives", unheard.callback(), kEcho);
    co_await lab.start("dies", nullptr, "/bin/sh", "-c", "read x; exit 3");
    co_await Lab::until(first, "ready");
    auto const pid = first->pid();
    co_await lab.close();
    CHECK(ask_tmux(lab, "list-clients").empty());
    auto closed = co_await first->capture();
    REQUIRE(!closed.has_value());
    CHECK(closed.error().code == "tmux_gone");
    first.reset();
    ask_tmux(lab, "send-keys -t =dies: Enter");
    if (renamed) ask_tmux(lab, "rename-session -t =lives mine");

    co_await lab.open();
    auto list = co_await lab.host->list();
    REQUIRE(list.has_value());
    auto const deadline = Clock::now() + 10s;
    auto is_dead = [](FoundTerminal const& f) { return f.session == "dies" && !f.alive; };
    while (std::none_of(list->begin(), list->end(), is_dead) && Clock::now() < deadline)
      list = co_await lab.host->list();
    REQUIRE(list->size() == 2);
    Lab::Exit exit(lab.io.get_executor());
    std::shared_ptr<Terminal> adopted;
    for (auto const& found : *list) {
      if (found.session == "dies") {
        CHECK_FALSE(found.alive);
        CHECK(found.exit.code == 3);
        auto refused = co_await lab.host->adopt(found, {});
        REQUIRE(!refused.has_value());
        CHECK(refused.error().code == "terminal_gone");
      } else {
        CHECK(found.session == "lives");
        CHECK(found.alive);
        CHECK(found.pid == pid);
        auto taken = co_await lab.host->adopt(found, exit.callback());
        REQUIRE(taken.has_value());
        adopted = *taken;
      }
    }
    REQUIRE(adopted);
    co_await adopted->paste_and_enter("after adoption");
    co_await Lab::until(adopted, "<after adoption>");
    CHECK(unheard.reports() == 0);
    ::kill(pid, SIGKILL);
    auto const status = co_await exit.wait();
    CHECK(status.signal == SIGKILL);
  });
}

TEST_CASE("AKilledControlClientIsReplacedAndNothingIsLost") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Lab::Exit exit(lab.io.get_executor());
    auto terminal = co_await lab.start("a", exit.callback(), kEcho);
    co_await Lab::until(terminal, "ready");
    auto watch = terminal->watch_output();
    REQUIRE(watch.has_value());
    for (int round = 0; round < 5; ++round) {
      auto const client = std::atoi(ask_tmux(lab, "list-clients -F '#{client_pid}'").c_str());
      REQUIRE(client > 1);
      ::kill(client, SIGKILL);
      // Some calls may be under way, and fail; soon they work again.
      auto const deadline = Clock::now() + 20s;
      std::string const word = "round-" + std::to_string(round);
      for (bool typed = false; !typed;) {
        auto const result = co_await terminal->paste_and_enter(word);
        typed = result.has_value();
        if (!typed) CHECK(result.error().code == "tmux_gone");
        REQUIRE(Clock::now() < deadline);
      }
      co_await Lab::until(terminal, "<" + word + ">");
      // What the program wrote meanwhile is on its screen only; with the new client, the watch hears it
      // again.
      auto const current = [&] { return std::atoi(ask_tmux(lab, "list-clients -F '#{client_pid}'").c_str()); };
      for (auto now = current(); now == client || now == 0; now = current()) {
        co_await sleep_for(2ms);
        REQUIRE(Clock::now() < deadline);
      }
      (*watch)->take();
      co_await terminal->paste_and_enter(word + "-heard");
      std::string seen;
      while (seen.find("<" + word + "-heard>") == std::string::npos) {
        bool const more = co_await (*watch)->wait(Clock::now() + 20s);
        REQUIRE(more);
        seen += (*watch)->take();
      }
    }
    CHECK(terminal->alive());
    CHECK(exit.reports() == 0);
    // One client, one link of the watched window, the same sizes.
    CHECK(ask_tmux(lab, "list-windows -t =_ctl -F '#{window_width}x#{window_height}'") == "120x40\n120x40\n");
    watch->reset();
    auto screen = co_await terminal->capture();
    CHECK(screen.has_value());
    CHECK(ask_tmux(lab, "list-windows -t =_ctl -F '#{window_width}x#{window_height}'") == "120x40\n");
    ::kill(terminal->pid(), SIGTERM);
    CHECK((co_await exit.wait()).signal == SIGTERM);
  });
}

TEST_CASE("AKilledServerIsReportedForEveryTerminalAndTheNextStartMakesANewOne") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    std::string const mark = unique_seconds();
    std::string const script = "trap '' HUP; echo ready; while :; do sleep " + mark + "; done";
    Lab::Exit a(lab.io.get_executor()), b(lab.io.get_executor());
    auto first = co_await lab.start("a", a.callback(), kEcho);
    // This one does not mind losing its terminal; it must not go on unseen.
    auto second = co_await lab.start("b", b.callback(), "/bin/sh", "-c", script);
    co_await Lab::until(second, "ready");
    auto const server = std::atoi(ask_tmux(lab, "display-message -p '#{pid}'").c_str());
    REQUIRE(server > 1);
    ::kill(server, SIGKILL);
    auto const status_a = co_await a.wait();
    auto const status_b = co_await b.wait();
    CHECK_FALSE(status_a.known);
    CHECK_FALSE(status_b.known);
    CHECK(a.reports() == 1);
    CHECK(b.reports() == 1);
    CHECK(all_gone(mark));
    CHECK_FALSE(first->alive());
    auto typed = co_await first->paste("x");
    REQUIRE(!typed.has_value());
    CHECK(typed.error().code == "terminal_gone");

    Lab::Exit c(lab.io.get_executor());
    auto third = co_await lab.start("a", c.callback(), kEcho);
    co_await Lab::until(third, "ready");
    auto stale = co_await first->capture();  // its pane's name may be in use again: not its pane
    CHECK(!stale.has_value());
    ::kill(third->pid(), SIGKILL);
    CHECK((co_await c.wait()).known);
  });
}

TEST_CASE("ASessionKilledByAPersonIsReported") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    std::string const mark = unique_seconds();
    std::string const script = "trap '' HUP; echo ready; while :; do sleep " + mark + "; done";
    Lab::Exit exit(lab.io.get_executor());
    auto terminal = co_await lab.start("a", exit.callback(), "/bin/sh", "-c", script);
    co_await Lab::until(terminal, "ready");
    ask_tmux(lab, "kill-session -t =a");
    auto const status = co_await exit.wait();
    CHECK_FALSE(status.known);
    CHECK(all_gone(mark));
    auto again = co_await lab.start("a", nullptr, kEcho);
    co_await Lab::until(again, "ready");
  });
}

TEST_CASE("TheClientOfAKilledDaemonClingsToTheServerUntilTheNextDaemonOrTheServersEnd") {
  enum { next_daemon, our_order, persons_order } end = next_daemon;
  SUBCASE("the next daemon") {}
  SUBCASE("the server's end by our order") { end = our_order; }
  SUBCASE("the server's end by a person's order, and the next start replaces it") { end = persons_order; }
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto flood = co_await lab.start("flood", nullptr, "/bin/sh", "-c", "echo ready; read x; seq 1 300000; sleep 100");
    co_await Lab::until(flood, "ready");
    // As a daemon that is killed while tmux has more to say than it has read.
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    ask_tmux(lab, "link-window -s =flood: -t =_ctl:");
    pid_t const client = begin_tmux(lab, {"-C", "attach", "-t", "=_ctl"}, ends[1]);
    ::close(ends[1]);
    char byte = 0;
    REQUIRE(::read(ends[0], &byte, 1) == 1);  // it is attached
    ask_tmux(lab, "send-keys -t =flood: Enter");
    // Until tmux has it all, and the socket cannot take it.
    int unread = 0;
    for (auto const deadline = Clock::now() + kPatience * 20s; Clock::now() < deadline && unread < 10'000;) {
      co_await Lab::until(flood, "300000");
      ::ioctl(ends[0], FIONREAD, &unread);
    }
    CHECK(unread >= 10'000);
    ::close(ends[0]);
    auto const server = listener_at(lab.options().socket);
    Process clinging(lab.io.get_executor(), client);
    CHECK_FALSE(clinging.exited());
    if (end == our_order) {
      auto const ended = co_await lab.host->kill_server();
      CHECK_MESSAGE(ended.has_value(), ended.error().message);
    } else {
      co_await lab.close();
      if (end == persons_order) ask_tmux(lab, "kill-server");
      co_await lab.open();
      auto const next = listener_at(lab.options().socket);
      CHECK(next > 0);
      CHECK((next == server) == (end == next_daemon));
    }
    CHECK(co_await clinging.wait(Clock::now() + kPatience * 10s));
    ::kill(client, SIGKILL);
    ::waitpid(client, nullptr, 0);
  });
}

TEST_CASE("AServerThatIsJustBeingKilledIsReplaced") {
  Lab lab;
  lab.with_host(
      [&]() -> awaitable<void> {
        auto const socket = lab.options().socket;
        for (int round = 0; round < 20; ++round) {
          co_await lab.close();
          // The order to end waits at its door when it wakes up, and then our client does, or comes a little later.
          auto const server = listener_at(socket);
          REQUIRE(server > 0);
          REQUIRE(::kill(server, SIGSTOP) == 0);
          auto const deadline = Clock::now() + kPatience * 20s;
          auto const before = clients_of(socket);
          auto const killing = begin_tmux(lab, {"kill-server"});
          while (clients_of(socket) == before && Clock::now() < deadline) co_await sleep_for(1ms);
          TaskGroup tasks(lab.io.get_executor(), "test");
          tasks.spawn("wake", [](pid_t pid, int delay) -> awaitable<void> {
            co_await sleep_for(delay * 3ms);
            ::kill(pid, SIGCONT);
          }(server, round));
          co_await lab.open();
          co_await tasks.join();
          Process order(lab.io.get_executor(), killing);
          REQUIRE(co_await order.wait(deadline));
          ::waitpid(killing, nullptr, 0);
          Process ended(lab.io.get_executor(), server);
          CHECK(co_await ended.wait(deadline));
          // Our client may have overtaken the order: then it is another server that has ended under us.
          auto started = co_await lab.try_start("ends", kEcho);
          while (!started && started.error().code == "tmux_gone" && Clock::now() < deadline)
            started = co_await lab.try_start("ends", kEcho);
          REQUIRE_MESSAGE(started.has_value(), started.error().message);
          CHECK(listener_at(socket) != server);
        }
      },
      180s);
}

TEST_CASE("TwoHostsDoNotMeet") {
  Lab one, two;
  one.with_host([&]() -> awaitable<void> {
    auto opened = co_await TmuxHost::open(one.io.get_executor(), two.options());
    REQUIRE(opened.has_value());
    auto const other = std::move(*opened);
    auto mine = co_await one.start("same", nullptr, kEcho);
    auto theirs = co_await two.try_start_on(*other, "same", kEcho);
    REQUIRE(theirs.has_value());
    co_await Lab::until(mine, "ready");
    co_await Lab::until(*theirs, "ready");
    co_await mine->paste_and_enter("for one");
    co_await Lab::until(mine, "<for one>");
    auto screen = co_await (*theirs)->capture();
    REQUIRE(screen.has_value());
    CHECK(screen->lines[1].empty());
    auto removed = co_await other->remove("same");
    CHECK(removed.has_value());
    CHECK(mine->alive());
    co_await other->kill_server();
    co_await other->stop();
  });
}

TEST_CASE("ASessionThatAPersonEndsIsOverAlsoWhileItIsWatched") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    for (std::string const name : {"a", "renamed"}) {
      Lab::Exit exit(lab.io.get_executor());
      auto a =
          co_await lab.start("a", exit.callback(), "/bin/sh", "-c", "echo ready; sleep 3" + unique_seconds() + "; :");
      auto b = co_await lab.start("b", nullptr, kEcho);
      co_await Lab::until(a, "ready");
      auto watch = a->watch_output();
      auto other = b->watch_output();
      REQUIRE((watch.has_value() && other.has_value()));
      if (name != "a") ask_tmux(lab, "rename-session -t =a " + name);
      ask_tmux(lab, "kill-session -t =" + name);
      co_await exit.wait();
      CHECK(exit.reports() == 1);
      CHECK(all_gone("3" + unique_seconds()));
      CHECK(b->alive());
      CHECK((co_await b->paste_and_enter("still there")).has_value());
      co_await Lab::until(b, "<still there>");
      watch->reset();
      other->reset();
      co_await lab.host->remove("b");
    }
  });
}

TEST_CASE("SizesStayAndAttachingIsOneCommand") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto wide = lab.spec("wide", kEcho);
    wide.columns = 150;
    wide.rows = 50;
    auto a = co_await lab.start("a", nullptr, kEcho);
    auto b = co_await lab.start(wide);
    auto watch = a->watch_output();
    auto const sizes = [&] { return ask_tmux(lab, "list-panes -a -F '#{session_name} #{pane_width}x#{pane_height}'"); };
    co_await a->capture();  // tmux has done what came before, and so watches
    CHECK(sizes() == "_ctl 120x40\n_ctl 120x40\na 120x40\nwide 150x50\n");

    ask_tmux(lab, "rename-session -t =a renamed");
    // A person looks from a small screen, from inside another tmux even, and leaves: `script` gives the
    // terminal.
    auto const person = "tmux -u -S '" + lab.options().socket.string() + "' attach-session -r -t '" +
                        lab.host->attach_target("a") + "'";
    SpawnSpec attach;
    attach.executable = "/usr/bin/script";
    attach.arguments = {"-qc", "stty cols 60 rows 15; " + person, "/dev/null"};
    attach.environment = {"PATH=/usr/bin:/bin", "TERM=xterm", "HOME=/", "SHELL=/bin/sh"};
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);  // an input that does not end
    attach.in = ends[0];
    auto script = spawn(lab.io.get_executor(), attach);
    REQUIRE(script.has_value());
    auto const wait_clients = [&](std::string wanted) -> awaitable<void> {
      auto const deadline = Clock::now() + 20s;
      while (ask_tmux(lab, "display-message -p -t =renamed: '#{session_attached}'") != wanted + "\n" &&
             Clock::now() < deadline)
        co_await sleep_for(5ms);
      CHECK(ask_tmux(lab, "display-message -p -t =renamed: '#{session_attached}'") == wanted + "\n");
    };
    co_await wait_clients("1");
    co_await a->paste_and_enter("while watched");
    co_await Lab::until(a, "<while watched>");
    ask_tmux(lab, "detach-client -s =renamed");
    co_await wait_clients("0");
    ::close(ends[1]);
    ::close(ends[0]);
    Process gone(lab.io.get_executor(), script->id());
    CHECK(co_await gone.wait(Clock::now() + 20s));
    CHECK(sizes() == "_ctl 120x40\n_ctl 120x40\nrenamed 120x40\nwide 150x50\n");
    CHECK(b->alive());
  });
}

TEST_CASE("AServerThatTakesNothingIsNotSentMoreAndMore") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto const control = std::make_shared<TmuxControl>(lab.io.get_executor(), lab.options(), TmuxControl::Events());
    REQUIRE((co_await control->connect()).has_value());
    auto const server = listener_at(lab.options().socket);
    REQUIRE(server > 0);
    REQUIRE(::kill(server, SIGSTOP) == 0);
    int refused = 0;
    auto const ask = [&]() -> awaitable<void> {
      auto const answer = co_await control->call("display-message -p '" + std::string(1U << 20, 'x') + "'");
      if (!answer && answer.error().message.find("takes no more") != std::string::npos) ++refused;
    };
    TaskGroup tasks(lab.io.get_executor(), "test");
    for (int i = 0; i < 64; ++i) tasks.spawn("ask", ask());
    auto const deadline = Clock::now() + kPatience * 20s;
    while (refused == 0 && Clock::now() < deadline) co_await sleep_for(5ms);
    ::kill(server, SIGCONT);
    co_await tasks.join();
    CHECK(refused > 0);
    CHECK(refused < 64);
    CHECK((co_await control->call("display-message -p well")).has_value());
    co_await control->stop();
  });
}
