#include "adapters/output_lines.hpp"

#include <doctest/doctest.h>

#include <random>

using ar::adapters::OutputLines;
using Lines = std::vector<std::string>;

TEST_CASE("LinesAreWhatAPersonReads") {
  OutputLines out;
  CHECK(out.feed("one\r\n\033[1;31mtwo\033[0m\ttab\033]0;title\007!\nthr") == Lines{"one", "two\ttab!"});
  CHECK(out.partial() == "thr");
  CHECK(out.feed("ee\033[K\n") == Lines{"three"});
  CHECK(out.feed("10%\r20%\rx\by\n") == Lines{"10%", "20%", "y"});
  CHECK(out.feed("\033Pdcs\033\\a\033(Bb\0337c\n") == Lines{"abc"});
}

TEST_CASE("AControlStringEndsWhereTheTerminalEndsIt") {
  for (std::string const end : {"\x18", "\x1a", "\033\\", "\007", "\033[m", "\033(B"}) {
    CAPTURE(end);
    OutputLines out;
    CHECK(out.feed("\033]0;x" + end + "took 1\n") == Lines{"took 1"});
    bool const ends_all = end != "\007";
    for (std::string const string : {"\033X", "\033^", "\033_x", "\033kname"})
      CHECK(OutputLines().feed(string + "x" + end + "took 1\n\x18") == (ends_all ? Lines{"took 1"} : Lines{}));
    CHECK(OutputLines().feed("\033Pqx" + end + "took 1\n") == (end == "\033\\" ? Lines{"took 1"} : Lines{}));
  }
  OutputLines cancelled;
  CHECK(cancelled.feed("a\033[3\x18"
                       "b\033[3\nc\n") == Lines{"ab"});
  CHECK(cancelled.feed("\n") == Lines{});
  // No C1 control begins or ends anything, as a byte or as a character.
  OutputLines c1;
  CHECK(c1.feed("a\x9b"
                "31mb\xc2\x9d"
                "0;c\n") == Lines{"a31mb0;c"});
  CHECK(c1.feed("\033]0;x\xc2\x9c y\x9c z\007é\xc3\n") == Lines{"é"});
  // The terminal waits no longer than some seconds.
  OutputLines patient;
  auto const now = ar::Clock::now();
  CHECK(patient.feed("\033]0;no end\n", now) == Lines{});
  CHECK(patient.feed("still\n", now + std::chrono::seconds(4)) == Lines{});
  CHECK(patient.feed("took 1\n", now + std::chrono::seconds(6)) == Lines{"took 1"});
}

TEST_CASE("OfALongLineTheEndIsKept") {
  OutputLines out;
  auto const lines = out.feed(std::string(100'000, 'x') + "é took 0123456789\n");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].ends_with("xé took 0123456789"));
  CHECK(lines[0].size() >= 4096);
}

TEST_CASE("TwoPlacesOfTheScreenNeverReadAsOneLine") {
  OutputLines out;
  CHECK(out.feed("took \033[5;1H0123456789\033[Kx\n") == Lines{"took ", "0123456789x"});
  CHECK(out.feed("took\033[3C012\033[Aup\n") == Lines{"took   012", "up"});
}

TEST_CASE("SequencesMaySplitAnywhere") {
  std::string const text = "a\033[38;5;1mb\033]8;;http://x\033\\c\033[2J\033[Hd é\r\n";
  OutputLines whole;
  auto const wanted = whole.feed(text);
  OutputLines pieces;
  Lines got;
  for (char const c : text)
    for (auto& line : pieces.feed(std::string_view(&c, 1))) got.push_back(std::move(line));
  CHECK(got == wanted);
  CHECK(wanted == Lines{"abc", "d é"});
}

TEST_CASE("JunkAndEndlessLinesCostNoMemory") {
  OutputLines out;
  std::mt19937 random(3);
  std::string junk(1 << 20, '\0');
  for (auto& c : junk) c = static_cast<char>(random() % 256);
  for (auto const& line : out.feed(junk)) CHECK(line.size() <= 2 * 4096);
  out.feed("\033\\\n");
  out.feed(std::string(1 << 20, 'x'));
  CHECK(out.partial().size() <= 2 * 4096);
  auto const lines = out.feed("\n");
  CHECK(lines.size() == 1);
}
