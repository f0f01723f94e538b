// One fuzzer: a function that takes any bytes and says, by ending the program, that a promise does not hold. It runs in
// two ways: in libFuzzer (the preset "fuzz"; scripts/fuzz), and in the tests, which try its corpus and changed copies
// of it for a moment (replay.cpp).
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace ar::fuzz {

/// The promise `what` must hold for this input.
inline void must(bool holds, char const* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

inline std::string_view text_of(std::uint8_t const* data, std::size_t size) {
  return {reinterpret_cast<char const*>(data), size};
}

/// The input as pieces of lengths that it chooses itself: what is read as it comes must not depend on where it is cut.
inline std::vector<std::string_view> pieces_of(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < text.size();) {
    auto const length = 1 + static_cast<unsigned char>(text[at]) % 7;
    pieces.push_back(text.substr(at, length));
    at += length;
  }
  return pieces;
}

/// Takes the input apart: one line after the other.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  std::string next() {
    auto const end = rest_.find('\n');
    auto const line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return std::string(line);
  }
  std::string rest() const { return std::string(rest_); }

 private:
  std::string_view rest_;
};

}  // namespace ar::fuzz
