#include "adapters/claude/kept_text.hpp"

#include "base/unicode.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <span>

namespace ar::adapters::claude {
namespace {

struct CodeRange {
  char32_t first, last;
};

/// Measured with 2.1.277 (the first), 2.1.300 and 2.1.332, the same in all: every code point up to U+1FFFF and from
/// U+E0000 to U+E10FF was sent between two letters. Two of them, U+2028 and U+2029, become a newline.
constexpr std::array kInvisible{
    CodeRange{0x00AD, 0x00AD},   CodeRange{0x034F, 0x034F},   CodeRange{0x061C, 0x061C},   CodeRange{0x115F, 0x1160},
    CodeRange{0x17B4, 0x17B5},   CodeRange{0x180B, 0x180F},   CodeRange{0x200B, 0x200F},   CodeRange{0x2028, 0x202E},
    CodeRange{0x2060, 0x206F},   CodeRange{0x3164, 0x3164},   CodeRange{0xFE00, 0xFE0F},   CodeRange{0xFEFF, 0xFEFF},
    CodeRange{0xFFA0, 0xFFA0},   CodeRange{0xFFF0, 0xFFFB},   CodeRange{0x1107F, 0x1107F}, CodeRange{0x13430, 0x1343F},
    CodeRange{0x16FE4, 0x16FE4}, CodeRange{0x1BCA0, 0x1BCA3}, CodeRange{0x1D173, 0x1D17A}, CodeRange{0xE0000, 0xE0FFF}};

/// Pictographs beside which they keep a joiner and a variation selector: the most usual ones, not all.
constexpr std::array kPictographs{
    CodeRange{0x2194, 0x2199},   CodeRange{0x231A, 0x231B},   CodeRange{0x23E9, 0x23F3},   CodeRange{0x25AA, 0x25AB},
    CodeRange{0x25FB, 0x25FE},   CodeRange{0x2600, 0x2604},   CodeRange{0x260E, 0x260E},   CodeRange{0x2611, 0x2611},
    CodeRange{0x2614, 0x2615},   CodeRange{0x2638, 0x263A},   CodeRange{0x2640, 0x2640},   CodeRange{0x2642, 0x2642},
    CodeRange{0x2648, 0x2653},   CodeRange{0x2665, 0x2666},   CodeRange{0x2692, 0x2697},   CodeRange{0x26A0, 0x26A1},
    CodeRange{0x26BD, 0x26BE},   CodeRange{0x26C4, 0x26C5},   CodeRange{0x26F0, 0x26F5},   CodeRange{0x26F7, 0x26FA},
    CodeRange{0x2702, 0x2702},   CodeRange{0x2708, 0x270D},   CodeRange{0x270F, 0x270F},   CodeRange{0x2714, 0x2714},
    CodeRange{0x2716, 0x2716},   CodeRange{0x2733, 0x2734},   CodeRange{0x2744, 0x2744},   CodeRange{0x2763, 0x2764},
    CodeRange{0x27A1, 0x27A1},   CodeRange{0x2934, 0x2935},   CodeRange{0x2B05, 0x2B07},   CodeRange{0x2B50, 0x2B50},
    CodeRange{0x1F300, 0x1F321}, CodeRange{0x1F324, 0x1F393}, CodeRange{0x1F399, 0x1F39B}, CodeRange{0x1F39E, 0x1F3F0},
    CodeRange{0x1F3F3, 0x1F3F5}, CodeRange{0x1F3F7, 0x1F3FA}, CodeRange{0x1F400, 0x1F4FD}, CodeRange{0x1F4FF, 0x1F53D},
    CodeRange{0x1F550, 0x1F567}, CodeRange{0x1F573, 0x1F57A}, CodeRange{0x1F5FA, 0x1F64F}, CodeRange{0x1F680, 0x1F6C5},
    CodeRange{0x1F6CB, 0x1F6D2}, CodeRange{0x1F90C, 0x1F93A}, CodeRange{0x1F93C, 0x1F945}, CodeRange{0x1F947, 0x1F9FF}};

constexpr char32_t kJoiner = 0x200D, kEmojiStyle = 0xFE0F;

bool is_in(std::span<CodeRange const> ranges, char32_t point) {
  auto const it = std::ranges::lower_bound(ranges, point, {}, &CodeRange::last);
  return it != ranges.end() && it->first <= point;
}
bool is_pictograph(char32_t point) { return is_in(kPictographs, point); }
bool is_skin_tone(char32_t point) { return point >= 0x1F3FB && point <= 0x1F3FF; }

bool begins_with(std::string_view text, std::string_view word) {
  auto const same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  return text.size() >= word.size() &&
         std::equal(word.begin(), word.end(), text.begin(), [&](char w, char t) { return same(t, w); });
}

/// Where `text` has the tag's name: "pasted", a sign or two, "content", in letters of any case.
std::size_t find_tag(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!begins_with(text.substr(at), "pasted")) continue;
    for (std::size_t signs = 0; signs <= 4 && at + 6 + signs < text.size(); ++signs)
      if (begins_with(text.substr(at + 6 + signs), "content")) return at;
  }
  return std::string_view::npos;
}

/// Says of one code point after the other whether it is kept.
class Keeper {
 public:
  /// `next`: the one behind `point`, 0 at the end.
  bool keeps(char32_t point, char32_t next) {
    bool kept = !is_in(kInvisible, point);
    if (point == kEmojiStyle) kept = last_ == Last::pictograph;
    if (point == kJoiner) kept = last_ != Last::other && is_pictograph(next);
    if (is_pictograph(point))
      last_ = Last::pictograph;
    else if (last_ == Last::pictograph && (is_skin_tone(point) || point == kEmojiStyle))
      last_ = Last::styled;
    else
      last_ = Last::other;
    return kept;
  }

 private:
  enum class Last { other, pictograph, styled };
  Last last_ = Last::other;
};

}  // namespace

bool is_kept(std::string_view text) {
  Keeper keeper;
  for (auto rest = text; !rest.empty();) {
    auto const symbol = first_symbol(rest);
    rest.remove_prefix(symbol.bytes);
    if (!keeper.keeps(symbol.code, rest.empty() ? 0 : first_symbol(rest).code)) return false;
  }
  return find_tag(text) == std::string_view::npos;
}

std::string kept_form(std::string_view text, std::string_view instead) {
  std::string kept;
  for (Symbol symbol; !text.empty(); text.remove_prefix(symbol.bytes)) {
    symbol = first_symbol(text);
    kept += is_in(kInvisible, symbol.code) ? instead : text.substr(0, symbol.bytes);
  }
  for (auto tag = find_tag(kept); tag != std::string::npos; tag = find_tag(kept)) kept.insert(tag + 5, "-");
  return kept;
}

}  // namespace ar::adapters::claude
