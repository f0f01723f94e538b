#include "base/sha256.hpp"

#include "base/hex.hpp"

// As in ids.cpp: the functions that replace these load OpenSSL's providers first.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <array>
#include <stdexcept>

namespace ar {

struct Sha256::State {
  SHA256_CTX context;
};

namespace {
void check(int done) {
  if (done != 1) throw std::runtime_error("SHA-256 is not available");
}
}  // namespace

Sha256::Sha256() : state_(std::make_unique<State>()) { check(SHA256_Init(&state_->context)); }

Sha256::~Sha256() = default;

void Sha256::add(std::string_view part) { check(SHA256_Update(&state_->context, part.data(), part.size())); }

std::string Sha256::hex() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  check(SHA256_Final(digest.data(), &state_->context));
  return ar::hex(digest.data(), digest.size());
}

}  // namespace ar
