// The code points that newer versions of Claude Code take out of a prompt.
#pragma once
#include <array>
#include <string>
#include <utility>

namespace ar::test {

/// Control characters are not among them: no version takes those.
inline constexpr std::array<std::pair<char32_t, char32_t>, 20> kInvisibleRanges{
    {{0xAD, 0xAD},       {0x34F, 0x34F},     {0x61C, 0x61C},     {0x115F, 0x1160},   {0x17B4, 0x17B5},
     {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},   {0x2060, 0x206F},   {0x3164, 0x3164},
     {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},   {0x1107F, 0x1107F},
     {0x13430, 0x1343F}, {0x16FE4, 0x16FE4}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}}};

inline std::string utf8(char32_t point) {
  auto const byte = [](char32_t bits) { return static_cast<char>(static_cast<unsigned char>(bits)); };
  auto const more = [&](int shift) { return byte(0x80U | ((point >> shift) & 0x3FU)); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xC0U | (point >> 6)), more(0)};
  if (point < 0x10000) return {byte(0xE0U | (point >> 12)), more(6), more(0)};
  return {byte(0xF0U | (point >> 18)), more(12), more(6), more(0)};
}

}  // namespace ar::test
