// The answers that requests with an Idempotency-Key got, for when they are repeated.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "model/idempotency.hpp"

#include <optional>
#include <string>

namespace ar::control {

struct HashedBytes {
  std::string bytes, hash;  ///< SHA-256
};

struct KeptAnswer {
  std::string body_hash;  ///< of the request
  std::string location;   ///< of what it made; empty: nothing
  std::string body;       ///< JSON
};

/// io thread only. Keys are their owner's: another's do not matter to them.
class IdempotencyApi {
 public:
  virtual ~IdempotencyApi() = default;
  virtual awaitable<Result<std::optional<KeptAnswer>>> answer_of(std::string owner, std::string key) = 0;
  /// Of many bytes, which come back: not on the io thread.
  virtual awaitable<HashedBytes> hash(std::string bytes) = 0;
  /// Returns when it is safe. Kept for 24 h, and for as long as what it made is there.
  virtual awaitable<Result<void>> keep(std::string owner, std::string key, KeptAnswer answer) = 0;
};

}  // namespace ar::control
