// Texts of any length that a layer on the way to a program could take for its own language: made from a seed that is
// printed, and that AR_SEED gives again.
#pragma once
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace ar::test {

class HostileText {
 public:
  /// What may stand in it: what every input keeps (UTF-8, no control characters but newlines), the same on one line,
  /// or every byte but NUL.
  enum class Kind { text, line, bytes };

  HostileText() : seed_(seed()), random_(seed_) {
    std::printf("AR_SEED=%llu\n", static_cast<unsigned long long>(seed_));
  }

  /// `offset`: how many typed bytes stand before it. The traps lie at its two ends and at each place where the typed
  /// text could be cut: multiples of 4 KiB, which all borders of terminals, pipes and our own buffers are.
  std::string make(Kind kind, std::size_t size, std::size_t offset = 0) {
    std::string text;
    while (text.size() < size) text += word(kind);
    cut(text, size);
    constexpr std::size_t kBorder = 4096;
    for (auto border = kBorder; border < offset + size; border += kBorder)
      if (border >= offset) set(text, border - offset, kind);
    set(text, 0, kind);
    if (size > 16) put(text, size - 2, random_() % 2 == 0 ? "\\;" : "~}");
    return text;
  }

 private:
  static std::uint64_t seed() {
    char const* const given = std::getenv("AR_SEED");
    return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  }

  static constexpr std::array<std::string_view, 24> kTraps{"-",
                                                           "--",
                                                           "-a ",
                                                           "~",
                                                           "~/",
                                                           "~root",
                                                           ";",
                                                           "\\;",
                                                           "#{pid}",
                                                           "#(touch must-not-exist)",
                                                           "$(",
                                                           "${",
                                                           "$HOME",
                                                           "`id`",
                                                           "%end 1 1 1",
                                                           "%if 1",
                                                           "%output %0 x",
                                                           "{",
                                                           "}",
                                                           "\"",
                                                           "'",
                                                           "\\",
                                                           "\\033",
                                                           "#"};

  std::string_view trap() { return kTraps.at(random_() % kTraps.size()); }

  std::string word(Kind kind) {
    switch (random_() % 8) {
      case 0: return std::string(trap());
      case 1: return kind == Kind::line ? " " : "\n";
      case 2: return "ÄÖÜ 漢字 🙂 e\u0301";
      case 3: {
        if (kind != Kind::bytes) return std::string(1, static_cast<char>(0x20 + random_() % 0x5f));
        std::string all;
        for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
        return all;
      }
      default: return "word" + std::to_string(random_() % 1000) + " ";
    }
  }

  static bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

  /// At most `size` bytes, and no half character.
  static void cut(std::string& text, std::size_t size) {
    auto end = size;
    while (end > 0 && end < text.size() && continues(text[end])) --end;
    text.resize(end);
    text.resize(size, '.');
  }

  /// A trap of which the first, a middle or the last byte stands at `at`.
  void set(std::string& text, std::size_t at, Kind kind) {
    auto const what = kind == Kind::bytes && random_() % 2 == 0
                          ? std::string(1, static_cast<char>(1 + next_byte_++ % 255))
                          : std::string(trap());
    put(text, at - std::min(at, static_cast<std::size_t>(random_() % 2 == 0 ? 0 : random_() % what.size())), what);
  }

  /// Whole characters only are replaced; what is left of cut ones becomes dots.
  static void put(std::string& text, std::size_t at, std::string_view what) {
    if (at + what.size() > text.size()) return;
    for (auto i = at; i > 0 && continues(text[i]); --i) {
      text[i] = '.';
      if (!continues(text[i - 1])) text[i - 1] = '.';
    }
    for (auto i = at + what.size(); i < text.size() && continues(text[i]); ++i) text[i] = '.';
    text.replace(at, what.size(), what);
  }

  std::uint64_t const seed_;
  std::mt19937_64 random_;
  unsigned next_byte_ = 0;
};

/// For tests that have bodies of their own.
inline std::optional<HostileText> generated_on_demand() {
  if (!std::getenv("E2E_GENERATED")) return std::nullopt;
  return std::optional<HostileText>(std::in_place);
}

}  // namespace ar::test
