#include "adapters/command/output_lines.hpp"

#include <doctest/doctest.h>

#include <random>

using ar::adapters::command::OutputLines;
using Lines = std::vector<std::string>;

TEST_CASE("LinesAreWhatAPersonReads") {
  OutputLines out;
  CHECK(out.feed("one\r\n\033[1;31mtwo\033[0m\ttab\033]0;title\007!\nthr") == Lines{"one", "two\ttab!"});
  CHECK(out.partial() == "thr");
  CHECK(out.feed("ee\033[K\n") == Lines{"three"});
  CHECK(out.feed("10%\r20%\rx\by\n") == Lines{"10%", "20%", "y"});
  CHECK(out.feed("\033Pdcs\033\\a\033(Bb\0337c\n") == Lines{"abc"});
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
  for (auto const& line : out.feed(junk)) CHECK(line.size() <= 4096 + 200);
  out.feed("\033\\\n");
  out.feed(std::string(1 << 20, 'x'));
  CHECK(out.partial().size() <= 4096);
  auto const lines = out.feed("\n");
  CHECK(lines.size() == 1);
}
