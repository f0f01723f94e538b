// Bytes as lower-case hexadecimal digits.
#pragma once
#include <cstddef>
#include <string>

namespace ar {

inline std::string hex(unsigned char const* data, std::size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    text += digits[data[i] >> 4];
    text += digits[data[i] & 15];
  }
  return text;
}

}  // namespace ar
