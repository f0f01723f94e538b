// What a program writes to its terminal, as plain lines.
#include "adapters/output_lines.hpp"
#include "fuzz/fuzz.hpp"

using namespace ar;
using adapters::OutputLines;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  auto const now = Clock::time_point() + std::chrono::hours(1);
  OutputLines whole, cut;
  auto const lines = whole.feed(text, now);
  std::vector<std::string> others;
  for (auto const piece : fuzz::pieces_of(text))
    for (auto& line : cut.feed(piece, now)) others.push_back(std::move(line));
  fuzz::must(lines == others && whole.partial() == cut.partial(), "cut elsewhere, the same lines");
  for (auto const& line : lines) {
    fuzz::must(!line.empty(), "no line is empty");
    fuzz::must(line.find_first_of("\n\r\033\007") == std::string::npos, "no line holds a control");
  }
  return 0;
}
