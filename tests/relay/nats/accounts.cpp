#include "relay/nats/accounts.hpp"

#include "base/ids.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>

#include <memory>

namespace ar::relay::test {
namespace {

constexpr std::size_t kKeySize = 32;

/// RFC 4648 without padding: `bits` is 5 or 6 by the alphabet.
std::string encoded(std::string_view bytes, std::string_view alphabet, int bits) {
  std::string text;
  unsigned held = 0;
  int count = 0;
  for (unsigned char const byte : bytes) {
    held = held << 8 | byte;
    for (count += 8; count >= bits; count -= bits) text += alphabet[held >> (count - bits) & (alphabet.size() - 1)];
  }
  if (count > 0) text += alphabet[held << (bits - count) & (alphabet.size() - 1)];
  return text;
}
std::string base32(std::string_view bytes) { return encoded(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5); }
std::string base64url(std::string_view bytes) {
  return encoded(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6);
}

/// Every NKey ends with its CRC-16 (XMODEM), low byte first.
std::string checked(std::string bytes) {
  unsigned crc = 0;
  for (unsigned char const byte : bytes) {
    crc ^= static_cast<unsigned>(byte) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1 ^ (crc & 0x8000U ? 0x1021U : 0U)) & 0xFFFFU;
  }
  bytes += static_cast<char>(crc & 0xFFU);
  bytes += static_cast<char>(crc >> 8);
  return bytes;
}

/// So that the first letter of the text is `letter`.
unsigned prefix_of(char letter) { return static_cast<unsigned>(letter - 'A') << 3; }

template <auto F>
struct Free {
  template <class T>
  void operator()(T* handle) const {
    F(handle);
  }
};
using KeyHandle = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

KeyHandle key_from(std::string const& secret) {
  KeyHandle key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                             reinterpret_cast<unsigned char const*>(secret.data()), secret.size()));
  REQUIRE(key);
  return key;
}

std::string signature_of(std::string const& text, std::string const& secret) {
  auto const key = key_from(secret);
  std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>> const context(EVP_MD_CTX_new());
  std::string signature(64, '\0');
  auto size = signature.size();
  REQUIRE(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  REQUIRE(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                         reinterpret_cast<unsigned char const*>(text.data()), text.size()) == 1);
  return signature;
}

json account_claims() {
  json limits;
  for (char const* name : {"subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage",
                           "disk_storage", "streams", "consumer"})
    limits[name] = -1;
  limits["wildcards"] = true;
  return {{"type", "account"}, {"version", 2}, {"limits", limits}};
}

}  // namespace

NKey::NKey(char kind) {
  auto const hex = random_hex(kKeySize);
  for (std::size_t i = 0; i < hex.size(); i += 2)
    secret_ += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  auto const key = key_from(secret_);
  std::string open(kKeySize, '\0');
  auto size = open.size();
  REQUIRE(EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(open.data()), &size) == 1);
  name_ = base32(checked(static_cast<char>(prefix_of(kind)) + open));
  // A seed has two prefixes, of 5 bits each: "this is a seed", and of what.
  std::string seed;
  seed += static_cast<char>(prefix_of('S') | prefix_of(kind) >> 5);
  seed += static_cast<char>((prefix_of(kind) & 31U) << 3);
  seed_ = base32(checked(seed + secret_));
}

std::string NKey::sign(std::string const& subject, json claims, std::optional<WallTime> expires) const {
  json document = {{"jti", random_hex(16)}, {"iat", to_millis(wall_now()) / 1000},
                   {"iss", name_},          {"sub", subject},
                   {"name", "of-a-test"},   {"nats", std::move(claims)}};
  if (expires) document["exp"] = to_millis(*expires) / 1000;
  auto const text = base64url(R"({"typ":"JWT","alg":"ed25519-nkey"})") + "." + base64url(document.dump());
  return text + "." + base64url(signature_of(text, secret_));
}

Accounts::Accounts() {
  operator_jwt_ = operator_.sign(operator_.name(), {{"type", "operator"}, {"version", 2}});
  auto claims = account_claims();
  // JetStream is not for the system account.
  for (char const* name : {"mem_storage", "disk_storage", "streams", "consumer"}) claims["limits"][name] = 0;
  system_jwt_ = operator_.sign(system_.name(), claims);
}

std::string Accounts::server_config() const {
  auto claims = account_claims();
  if (!revoked_.empty()) claims["revocations"] = revoked_;
  return "operator: \"" + operator_jwt_ + "\"\nsystem_account: \"" + system_.name() +
         "\"\nresolver: MEMORY\nresolver_preload {\n  " + account_.name() + ": \"" +
         operator_.sign(account_.name(), claims) + "\"\n  " + system_.name() + ": \"" + system_jwt_ + "\"\n}\n";
}

std::string Accounts::credentials(NKey const& user, std::optional<WallTime> expires) const {
  json const claims = {{"type", "user"}, {"version", 2}, {"subs", -1}, {"data", -1}, {"payload", -1}};
  return "-----BEGIN NATS USER JWT-----\n" + account_.sign(user.name(), claims, expires) +
         "\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n" + user.seed() +
         "\n------END USER NKEY SEED------\n";
}

void Accounts::revoke(NKey const& user) { revoked_[user.name()] = to_millis(wall_now()) / 1000; }

}  // namespace ar::relay::test
