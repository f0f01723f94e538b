#include "base/http/webhook_signature.hpp"

#include "base/ids.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace ar::http {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kFewest = 24, kMost = 64;

unsigned char const* bytes_of(std::string_view text) { return reinterpret_cast<unsigned char const*>(text.data()); }

std::string to_base64(std::string_view data) {
  std::string text((data.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a NUL
  auto const size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes_of(data), static_cast<int>(data.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

/// Nothing else than base64 with its padding is taken; OpenSSL would forgive white space. Empty: it is none.
std::string from_base64(std::string_view text) {
  auto const end = text.find_last_not_of('=');
  auto const digits = text.substr(0, end == std::string_view::npos ? 0 : end + 1);
  auto const padding = text.size() - digits.size();
  auto const is_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  if (text.size() % 4 != 0 || padding > 2 || !std::ranges::all_of(digits, is_digit)) return {};
  std::string data(text.size() / 4 * 3, '\0');
  auto const size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(data.data()), bytes_of(text), static_cast<int>(text.size()));
  if (size < 0) return {};
  data.resize(static_cast<std::size_t>(size) - padding);
  return data;
}

std::string random_bytes(std::size_t count) {
  auto const hex = random_hex(count);
  std::string data;
  for (std::size_t i = 0; i < count; ++i) data += static_cast<char>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  return data;
}

}  // namespace

std::string new_webhook_secret() { return std::string(kPrefix) + to_base64(random_bytes(32)); }

std::string webhook_secret_problem(std::string_view secret) {
  if (!secret.starts_with(kPrefix)) return "does not begin with whsec_";
  auto const size = webhook_key(secret).size();
  if (size == 0) return "is no base64 after whsec_";
  if (size < kFewest || size > kMost) return "stands for " + std::to_string(size) + " bytes, not for 24 to 64";
  return {};
}

std::string webhook_key(std::string_view secret) {
  return secret.starts_with(kPrefix) ? from_base64(secret.substr(kPrefix.size())) : std::string();
}

std::string webhook_signature(std::string_view key, std::string_view id, std::int64_t seconds, std::string_view body) {
  auto const text = std::string(id) + "." + std::to_string(seconds) + "." + std::string(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), digest.data(), &size))
    throw std::runtime_error("HMAC-SHA256 is not available");
  return "v1," + to_base64({reinterpret_cast<char const*>(digest.data()), size});
}

}  // namespace ar::http
