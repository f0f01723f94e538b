// Idempotency-Key: a request that changes something and is sent again with the same key, since its sender could not
// know whether it had come through, is carried out once and gets the first answer.
#pragma once
#include "control/api/idempotency_api.hpp"
#include "control/route.hpp"

#include <optional>
#include <set>
#include <string>
#include <utility>

namespace ar::control {

/// Whether the route's requests can be given a key.
bool takes_key(Route const& route);
/// The request's key, without a hash yet. An error: a key that is none.
Result<IdempotencyKey> read_key(Route const& route, Request const& request);
/// The header of an answer that is given again.
inline http::Header replayed() { return {"Idempotency-Replayed", "true"}; }
/// The order and spaces of a JSON body do not count, nor do its secrets where its schema holds some.
std::string body_hash(Route const& route, Request const& request);
/// The same where the body is a file: its bytes count, of which this is the hash, and what they are said to be.
std::string file_hash(Request const& request, std::string const& hash);

/// io thread only.
class IdempotentRequests {
 public:
  explicit IdempotentRequests(IdempotencyApi& kept) : kept_(kept) {}
  /// Has the route's handler carry it out, or answers as the first time. `owner`: whose key it is.
  awaitable<Result<Response>> answer(Call& call, std::string owner);

 private:
  awaitable<void> hash_body(Call& call);
  IdempotencyApi& kept_;
  std::set<std::pair<std::string, std::string>> under_way_{};  ///< owner and key
};

}  // namespace ar::control
