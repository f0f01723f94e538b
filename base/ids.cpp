#include "base/ids.hpp"

#include "base/hex.hpp"

// The digest's own functions: the ones that replace them read OpenSSL's configuration and load its providers first, 2
// MB of an idle daemon.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <sys/random.h>

namespace ar {
namespace {
void fill_random(unsigned char* data, std::size_t size) {
  if (::getentropy(data, size) != 0) throw std::runtime_error("no random bytes from the system");
}
}  // namespace

std::string new_uuid() {
  std::array<unsigned char, 16> raw{};
  fill_random(raw.data(), raw.size());
  raw[6] = static_cast<unsigned char>((raw[6] & 0x0f) | 0x40);
  raw[8] = static_cast<unsigned char>((raw[8] & 0x3f) | 0x80);
  std::string text = hex(raw.data(), raw.size());
  for (std::size_t at : {20U, 16U, 12U, 8U}) text.insert(at, 1, '-');
  return text;
}

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  auto* data = reinterpret_cast<unsigned char*>(raw.data());
  fill_random(data, bytes);
  return hex(data, bytes);
}

std::string sha256_hex(std::string_view data) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256_CTX context;
  if (SHA256_Init(&context) != 1 || SHA256_Update(&context, data.data(), data.size()) != 1 ||
      SHA256_Final(digest.data(), &context) != 1)
    throw std::runtime_error("SHA-256 is not available");
  return hex(digest.data(), digest.size());
}

bool equal_secrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool is_safe_name(std::string_view name) {
  auto const alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  if (name.empty() || name.size() > 64 || !alnum(name.front())) return false;
  return std::ranges::all_of(name, [&](char c) { return alnum(c) || c == '.' || c == '_' || c == '-'; });
}

std::string safe_file_name(std::string_view name) {
  constexpr std::size_t most = 100;
  std::string safe;
  for (char const c : name) {
    auto const byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80) continue;  // one _ for each character
    bool const plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    safe += plain ? c : '_';
  }
  if (safe.empty()) return "attachment";
  if (safe.front() == '.' || safe.front() == '-') safe.front() = '_';
  if (safe.size() > most) {
    auto const dot = safe.rfind('.');
    auto const ending = dot != std::string::npos && safe.size() - dot <= 16 ? safe.substr(dot) : std::string();
    safe = safe.substr(0, most - ending.size()) + ending;
  }
  return safe;
}

}  // namespace ar
