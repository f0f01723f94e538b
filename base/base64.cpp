#include "base/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cctype>

namespace ar {
namespace {

constexpr std::size_t kAtOnce = 3 << 20;  ///< OpenSSL counts in int

unsigned char const* bytes_of(std::string_view text) { return reinterpret_cast<unsigned char const*>(text.data()); }

bool is_digit(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/'; }

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kAtOnce))) {
    auto const piece = bytes.substr(0, kAtOnce);
    auto const at = text.size();
    text.resize(at + (piece.size() + 2) / 3 * 4 + 1);  // it writes a NUL, too
    auto const length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data() + at), bytes_of(piece),
                                        static_cast<int>(piece.size()));
    text.resize(at + static_cast<std::size_t>(length));
  }
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  auto const padding = text.ends_with("==") ? 2U : text.ends_with("=") ? 1U : 0U;
  if (!std::ranges::all_of(text.substr(0, text.size() - padding), is_digit)) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), kAtOnce / 3 * 4))) {
    auto const piece = text.substr(0, kAtOnce / 3 * 4);
    auto const at = bytes.size();
    bytes.resize(at + piece.size() / 4 * 3);
    auto const length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data() + at), bytes_of(piece),
                                        static_cast<int>(piece.size()));
    if (length < 0) return std::nullopt;
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

}  // namespace ar
