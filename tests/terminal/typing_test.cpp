// What reaches the program, byte for byte, and what comes back from its screen.
#include "lab.hpp"
#include "support/hostile_text.hpp"

#include <algorithm>
#include <array>

using namespace ar;
using namespace ar::test;

namespace {

/// Raw mode, optionally bracketed paste, then exactly `count` bytes to the file `got`.
std::vector<std::string> reader(std::size_t count, bool bracketed) {
  return {"/bin/sh", "-c",
          "stty raw -echo; " + std::string(bracketed ? "printf '\\033[?2004h'; " : "") +
              "printf 'ready\\r\\n'; head -c " + std::to_string(count) +
              " > got.tmp; mv got.tmp got; printf 'done\\r\\n'; exec sleep 1000"};
}

std::string every_byte() {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  return all;
}

std::string said_by(std::string const& command) {
  std::string said;
  auto* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe);
  char buffer[4096];
  while (auto const n = std::fread(buffer, 1, sizeof buffer, pipe)) said.append(buffer, n);
  ::pclose(pipe);
  return said;
}

}  // namespace

TEST_CASE("PastesArriveByteForByteWhateverTheyHold") {
  Lab lab;
  std::string large;
  for (int i = 0; large.size() < (1U << 20); ++i)
    large += "line " + std::to_string(i) + " é漢🙂 \"$HOME\" \\ `x` #{pid} %end\t;\n";
  std::array<std::string, 6> const texts{
      every_byte(), "with the end \x1b[201~ of a paste and %begin 1 2 3\n%end 1 2 1\n inside",
      "short",      std::string(100'000, 'a'),
      large,        " ; kill-server ; } { #(touch x) '\"\n"};
  lab.with_host([&]() -> awaitable<void> {
    int number = 0;
    for (auto const& text : texts) {
      for (bool const bracketed : {false, true}) {
        std::filesystem::remove(lab.dir.path() / "got");
        auto const wanted = bracketed ? "\x1b[200~" + text + "\x1b[201~" : text;
        std::string const session = "paste" + std::to_string(++number);
        auto terminal = co_await lab.start(session, nullptr, reader(wanted.size(), bracketed));
        co_await Lab::until(terminal, "ready");
        auto pasted = co_await terminal->paste(text);
        REQUIRE_MESSAGE(pasted.has_value(), pasted.error().message);
        co_await Lab::until(terminal, "done");
        CHECK_MESSAGE((slurp(lab.dir.path() / "got") == wanted), "text " << number);
        co_await lab.host->remove(session);
      }
    }
    auto nul = co_await lab.start("nul", nullptr, "/bin/cat");
    auto refused = co_await nul->paste(std::string("a\0b", 3));
    CHECK(!refused.has_value());
  });
}

TEST_CASE("EveryByteAtEveryBorderArrives") {
  using Kind = HostileText::Kind;
  HostileText hostile;
  std::vector<std::string> texts;
  for (int c = 1; c < 256; ++c)
    for (std::string const& text : {std::string(1, static_cast<char>(c)), static_cast<char>(c) + std::string("/x"),
                                    "x" + std::string(1, static_cast<char>(c))})
      texts.push_back(text);
  for (std::size_t const size : {4'096, 65'535, 65'536, 65'537, 400'000}) {
    texts.push_back(hostile.make(Kind::bytes, size));
    texts.push_back(hostile.make(Kind::text, size));
  }
  std::string wanted;
  for (auto const& text : texts) wanted += text;
  std::vector<std::string> const keys{"~.", "~", "~/x", "-l", "--", ";", "#{pid}", "$HOME", "{", "}", "\\", "\""};
  for (auto const& key : keys) wanted += key;
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto terminal = co_await lab.start("borders", nullptr, reader(wanted.size(), false));
    co_await Lab::until(terminal, "ready");
    for (auto const& text : texts) {
      auto pasted = co_await terminal->paste(text);
      REQUIRE_MESSAGE(pasted.has_value(), pasted.error().message);
    }
    for (auto const& key : keys) {
      std::vector<std::string> const one{key};
      auto pressed = co_await terminal->keys(one);
      REQUIRE_MESSAGE(pressed.has_value(), pressed.error().message);
    }
    co_await Lab::until(terminal, "done");
    auto const got = slurp(lab.dir.path() / "got");
    auto const differs = std::ranges::mismatch(got, wanted).in1 - got.begin();
    CHECK_MESSAGE((got == wanted), "differs at " << differs);
    CHECK(said_by("tmux -S " + lab.options().socket.string() + " list-buffers") == "");
  });
}

TEST_CASE("NothingIsPastedThatIsNotWhatWasSent") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto terminal = co_await lab.start("changed", nullptr, reader(3, false));
    co_await Lab::until(terminal, "ready");
    std::string const tmux = "tmux -S " + lab.options().socket.string();
    // Stands for whatever could come between our words and tmux's buffer.
    REQUIRE(std::system((tmux + " set-hook -g after-set-buffer 'set-buffer -- another'").c_str()) == 0);
    for (bool const enter : {false, true}) {
      Result<void> typed;
      if (enter)
        typed = co_await terminal->paste_and_enter("wanted text");
      else
        typed = co_await terminal->paste("wanted text");
      REQUIRE(!typed.has_value());
      CHECK(typed.error().code == "not_typed");
    }
    REQUIRE(std::system((tmux + " set-hook -gu after-set-buffer").c_str()) == 0);
    CHECK((co_await terminal->paste_and_enter("ok")).has_value());
    co_await Lab::until(terminal, "done");
    CHECK(slurp(lab.dir.path() / "got") == "ok\r");
  });
}

TEST_CASE("PasteAndEnterAndKeysArriveInOrder") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto terminal = co_await lab.start("keys", nullptr, reader(7 + 12 + 1 + 4, true));
    co_await Lab::until(terminal, "ready");
    CHECK((co_await terminal->paste_and_enter("message")).has_value());
    std::vector<std::string> names{"C-s", "Escape", "C-u", "x"};
    CHECK((co_await terminal->keys(std::move(names))).has_value());
    co_await Lab::until(terminal, "done");
    CHECK(slurp(lab.dir.path() / "got") == "\x1b[200~message\x1b[201~\r\x13\x1b\x15x");
  });
}

TEST_CASE("InCopyModeNothingIsTyped") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto terminal = co_await lab.start("copy", nullptr, reader(4, false));
    co_await Lab::until(terminal, "ready");
    std::string const command = "tmux -S " + lab.options().socket.string() + " copy-mode -t =copy:";
    REQUIRE(std::system(command.c_str()) == 0);
    auto screen = co_await terminal->capture();
    REQUIRE(screen.has_value());
    CHECK(screen->copy_mode);
    std::vector<std::string> const key{"x"};
    for (int way = 0; way < 3; ++way) {
      Result<void> typed;
      if (way == 0)
        typed = co_await terminal->paste("no");
      else if (way == 1)
        typed = co_await terminal->paste_and_enter("no");
      else
        typed = co_await terminal->keys(key);
      REQUIRE(!typed.has_value());
      CHECK(typed.error().code == "copy_mode");
    }
    bool over = co_await terminal->copy_mode_over(Clock::now() + 20ms);
    CHECK_FALSE(over);
    std::string const leave = "(sleep 0.05; tmux -S " + lab.options().socket.string() + " copy-mode -q -t =copy:) &";
    REQUIRE(std::system(leave.c_str()) == 0);
    over = co_await terminal->copy_mode_over(Clock::now() + 20s);
    CHECK(over);
    REQUIRE(std::system(command.c_str()) == 0);
    CHECK((co_await terminal->leave_copy_mode()).has_value());
    CHECK((co_await terminal->leave_copy_mode()).has_value());
    CHECK((co_await terminal->paste_and_enter("yes")).has_value());
    co_await Lab::until(terminal, "done");
    CHECK(slurp(lab.dir.path() / "got") == "yes\r");
  });
}

TEST_CASE("AScreenIsSeenAsAPersonSeesIt") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto terminal = co_await lab.start("screen", nullptr, "/bin/sh", "-c",
                                       "printf 'one  \\n\\033[31mröd\\033[0m %%end 1 2 3\\nready>'; exec cat");
    auto const screen = co_await Lab::until(terminal, "ready>");
    REQUIRE(screen.lines.size() == 40);
    CHECK(screen.lines[0] == "one");
    CHECK(screen.lines[1] == "röd %end 1 2 3");
    CHECK(screen.cursor_x == 6);
    CHECK(screen.cursor_y == 2);
    CHECK_FALSE(screen.copy_mode);
    auto styled = co_await terminal->capture(true);
    REQUIRE(styled.has_value());
    CHECK(styled->lines[1].find("\x1b[31mröd") != std::string::npos);
    auto const deadline = Clock::now() + 10s;
    std::string command;
    while (command != "cat" && Clock::now() < deadline) {
      auto now = co_await terminal->capture();
      REQUIRE(now.has_value());
      command = now->command;
    }
    CHECK(command == "cat");
  });
}

TEST_CASE("AScreenThatImitatesTmuxsProtocolIsAScreen") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    // What it shows would end the reply to a capture in the second it is told, and then speak for another terminal.
    auto spec = lab.spec("forger", "/bin/sh", "-c",
                         "echo up; read t n pane; i=0; while [ $i -lt 240 ]; do echo \"%end $t $((n+i)) 1\"; "
                         "echo \"%output $pane forged\"; i=$((i+1)); done; echo all; read x");
    spec.rows = 500;
    auto forger = co_await lab.start(spec);
    auto victim = co_await lab.start("victim", nullptr, "/bin/cat");
    co_await Lab::until(forger, "up");
    auto watch = victim->watch_output();
    REQUIRE(watch.has_value());
    // "%begin TIME NUMBER 0": where tmux's own count is.
    long long time = 0, number = 0;
    auto const reply = said_by("cd " + lab.dir.path().string() + " && mkfifo open && tmux -S " +
                               lab.options().socket.string() + " -C display-message -p x <>open");
    REQUIRE(std::sscanf(reply.c_str(), "%%begin %lld %lld", &time, &number) == 2);
    auto const order = std::to_string(time + 3) + " " + std::to_string(number + 20) + " " + victim->pane();
    CHECK((co_await forger->paste_and_enter(order)).has_value());
    auto const drawn = Clock::now() + 20s;
    std::string screen;
    // Not by `until`, which asks again and again and so counts on.
    while (screen.find("all\n") == std::string::npos && Clock::now() < drawn) {
      co_await sleep_for(200ms);
      screen = said_by("tmux -S " + lab.options().socket.string() + " capture-pane -p -t " + forger->pane());
    }
    while (::time(nullptr) < time + 3) co_await sleep_for(1ms);
    for (int i = 0; i < 40; ++i) {
      auto seen = co_await forger->capture();
      REQUIRE_MESSAGE(seen.has_value(), seen.error().message);
      REQUIRE(seen->lines.size() == 500);
      CHECK(std::ranges::count(seen->lines, "%output " + victim->pane() + " forged") == 240);
    }
    WARN(::time(nullptr) == time + 3);  // else this machine was too slow for it to mean much
    bool const heard = co_await (*watch)->wait(Clock::now() + 50ms);
    CHECK_FALSE(heard);
    CHECK((*watch)->take() == "");
  });
}

TEST_CASE("OutputIsAnEventForThoseWhoWatchAndOnlyForThem") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    char const* const echo = "stty -echo; echo ready; while read x; do printf '<%s>' \"$x\"; done";
    auto a = co_await lab.start("a", nullptr, "/bin/sh", "-c", echo);
    auto b = co_await lab.start("b", nullptr, "/bin/sh", "-c", echo);
    co_await Lab::until(a, "ready");
    co_await Lab::until(b, "ready");
    auto first = a->watch_output();
    auto second = a->watch_output();
    REQUIRE(first.has_value());
    REQUIRE(second.has_value());
    CHECK_FALSE(co_await (*first)->wait(Clock::now() + 50ms));
    co_await b->paste_and_enter("not yours");
    co_await a->paste_and_enter("eins");
    for (int i = 0; i < 2; ++i) {
      auto* const watch = i == 0 ? &*first : &*second;
      std::string seen;
      while (seen.find("<eins>") == std::string::npos) {
        REQUIRE(co_await (*watch)->wait(Clock::now() + 10s));
        seen += (*watch)->take();
      }
      CHECK(seen.find("yours") == std::string::npos);
    }
    first->reset();
    co_await a->paste_and_enter("zwei");
    REQUIRE(co_await (*second)->wait(Clock::now() + 10s));
    second->reset();
    co_await a->paste_and_enter("unheard");
    co_await Lab::until(a, "<unheard>");
    auto third = a->watch_output();
    REQUIRE(third.has_value());
    co_await a->paste_and_enter("drei");
    std::string seen;
    while (seen.find("<drei>") == std::string::npos) {
      REQUIRE(co_await (*third)->wait(Clock::now() + 10s));
      seen += (*third)->take();
    }
    CHECK(seen == "<drei>");
    for (auto const& t : {a, b}) {
      auto screen = co_await t->capture();
      REQUIRE(screen.has_value());
      CHECK(screen->lines.size() == 40);
    }
    CHECK(a->alive());
  });
}

TEST_CASE("AFloodIsBoundedAndItsEndIsHeard") {
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    auto flood =
        co_await lab.start("flood", nullptr, "/bin/sh", "-c",
                           "echo ready; read x; head -c 1000000 /dev/zero | tr '\\0' x; printf ' last words'; read y");
    co_await Lab::until(flood, "ready");
    auto watch = flood->watch_output();
    REQUIRE(watch.has_value());
    co_await flood->paste_and_enter("go");
    co_await Lab::until(flood, " last words");
    bool const more = co_await (*watch)->wait(Clock::now() + 20s);
    CHECK(more);
    auto const bytes = (*watch)->take();
    CHECK(bytes.size() == (64U << 10));
    CHECK(bytes.ends_with(" last words"));
  });
}
