// Our reader of a program's output beside the terminal itself: both must read the same lines. AR_SEED gives one again.
#include "adapters/output_lines.hpp"
#include "terminal/lab.hpp"

#include <algorithm>
#include <array>
#include <random>

using namespace ar;
using namespace ar::test;
using adapters::OutputLines;

namespace {

class Output {
 public:
  explicit Output(std::uint64_t seed) : random_(seed) {}
  /// At most 30 short lines.
  std::string make() {
    std::string all;
    for (int line = 0; line < 30; ++line) {
      for (auto pieces = random_() % 6; pieces > 0; --pieces) all += piece();
      all += word() + "\r\n";
    }
    return all + "\030\033\\\030\r\nthe end\r\n";
  }

 private:
  template <std::size_t N>
  std::string one_of(std::array<std::string_view, N> const& all) {
    return std::string(all.at(random_() % N));
  }
  std::string word() { return "w" + std::to_string(random_() % 1000); }
  std::string piece() {
    static constexpr std::array<std::string_view, 8> kPlain{"é", "漢字", "🙂", "a b", "%", "[", "\\", "]"};
    static constexpr std::array<std::string_view, 11> kSequences{
        "\033[31m", "\033[0m",     "\033[38;5;1m", "\033[?25l",     "\033(B",  "\033=",
        "\033>",    "\033[1\0301", "\033[2\032m",  "\033[3\033[1m", "\033\030"};
    static constexpr std::array<std::string_view, 12> kStrings{"\033]0;t", "\033]2;",   "\033]7;",    "\033P1z",
                                                               "\033Pz",   "\033X",     "\033^",      "\033_",
                                                               "\033k",    "\033P1:2z", "\033P \060", "\033P"};
    static constexpr std::array<std::string_view, 8> kInside{"abc", "12;3", "é", "\a", "\r\n", "\177", "\001", "[0m"};
    static constexpr std::array<std::string_view, 6> kEnds{"\033\\", "\a", "\030", "\032", "\033[m", "\033\033\\"};
    switch (random_() % 4) {
      case 0: return one_of(kPlain);
      case 1: return word();
      case 2: return one_of(kSequences);
      default: {
        auto string = one_of(kStrings);
        for (auto n = random_() % 4; n > 0; --n) string += one_of(kInside);
        return string + one_of(kEnds);
      }
    }
  }
  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("TheReaderReadsWhatTheTerminalShows") {
  auto const* const given = std::getenv("AR_SEED");
  auto const seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::printf("AR_SEED=%llu\n", static_cast<unsigned long long>(seed));
  Lab lab;
  lab.with_host([&]() -> awaitable<void> {
    Output outputs(seed);
    for (int round = 0; round < 25; ++round) {
      auto const output = outputs.make();
      auto const file = lab.dir.path() / "output";
      std::ofstream(file, std::ios::binary) << output;
      auto terminal = co_await lab.start("x", nullptr, "/bin/sh", "-c", "stty -echo -opost; cat output; read -r x");
      auto const screen = co_await Lab::until(terminal, "the end");
      std::vector<std::string> shown, read;
      for (auto const& line : screen.lines)
        if (!line.empty()) shown.push_back(line);
      OutputLines reader;
      for (auto const& line : reader.feed(output)) {
        auto const end = line.find_last_not_of(' ');
        if (end != std::string::npos) read.push_back(line.substr(0, end + 1));
      }
      CAPTURE(round);
      std::string quoted;
      for (char const c : output) quoted += c < 0x20 || c == 0x7f ? "<" + std::to_string(c) + ">" : std::string(1, c);
      auto const [ours, theirs] = std::mismatch(read.begin(), read.end(), shown.begin(), shown.end());
      REQUIRE_MESSAGE(read == shown, "we read \"" << (ours == read.end() ? "" : *ours) << "\", it shows \""
                                                  << (theirs == shown.end() ? "" : *theirs) << "\"\n"
                                                  << quoted);
      co_await lab.host->remove("x");
    }
  });
}
