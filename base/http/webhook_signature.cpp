#include "base/http/webhook_signature.hpp"

#include "base/base64.hpp"
#include "base/ids.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>
#include <stdexcept>

namespace ar::http {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kFewest = 24, kMost = 64;

unsigned char const* bytes_of(std::string_view text) { return reinterpret_cast<unsigned char const*>(text.data()); }

std::string random_bytes(std::size_t count) {
  auto const hex = random_hex(count);
  std::string data;
  for (std::size_t i = 0; i < count; ++i) {
    int byte = 0;
    std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, byte, 16);
    data += static_cast<char>(byte);
  }
  return data;
}

}  // namespace

std::string new_webhook_secret() { return std::string(kPrefix) + base64_encode(random_bytes(32)); }

std::string webhook_secret_problem(std::string_view secret) {
  if (!secret.starts_with(kPrefix)) return "does not begin with whsec_";
  auto const size = webhook_key(secret).size();
  if (size == 0) return "is no base64 after whsec_";
  if (size < kFewest || size > kMost) return "stands for " + std::to_string(size) + " bytes, not for 24 to 64";
  return {};
}

std::string webhook_key(std::string_view secret) {
  if (!secret.starts_with(kPrefix)) return {};
  return base64_decode(secret.substr(kPrefix.size())).value_or(std::string());
}

std::string webhook_signature(std::string_view key, std::string_view id, std::int64_t seconds, std::string_view body) {
  auto const text = std::string(id) + "." + std::to_string(seconds) + "." + std::string(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), digest.data(), &size))
    throw std::runtime_error("HMAC-SHA256 is not available");
  return "v1," + base64_encode({reinterpret_cast<char const*>(digest.data()), size});
}

}  // namespace ar::http
