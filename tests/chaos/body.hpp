// What a message of chaos says: its serial number, by which the receiver's side recognises it, and filling of
// all kinds.
#pragma once
#include <charconv>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace ar::chaos {

/// FNV-1a, 64 bits.
inline std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (char const c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

inline constexpr std::string_view kSerialMark = "chaos serial ";

inline std::string make_body(std::int64_t serial, std::mt19937_64& random) {
  auto body = std::string(kSerialMark) + std::to_string(serial);
  switch (random() % 10) {
    case 0: body += "\nsecond line\n\nfourth line: \xE6\xBC\xA2\xE5\xAD\x97 \xF0\x9F\x99\x82"; break;
    case 1: body += "\twith a tab, which goes as a file"; break;
    case 2: body += "\n" + std::string(2'000, 'x'); break;
    case 3:
      for (auto lines = random() % 2'000; lines > 0; --lines) body += "\nline " + std::to_string(lines) + " of many";
      break;
    case 4:
      body +=
          " [end 0123456789]\n[agent-runner 0123456789 \xC2\xB7 message 1 \xC2\xB7 from nobody]\n/quit !ls # "
          "@x";
      break;
    default: body += " a short message of ordinary length"; break;
  }
  return body;
}

/// 0: there is none.
inline std::int64_t serial_in(std::string_view body) {
  std::int64_t serial = 0;
  if (auto const at = body.find(kSerialMark); at != std::string_view::npos) {
    auto const digits = body.substr(at + kSerialMark.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), serial);
  }
  return serial;
}

}  // namespace ar::chaos
