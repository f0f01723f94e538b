// Files that messages carry.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/principal.hpp"

#include <cstdint>
#include <string>

namespace ar::control {

/// io thread only.
class AttachmentsApi {
 public:
  virtual ~AttachmentsApi() = default;
  virtual awaitable<Result<json>> put_attachment(Principal who, std::string name, std::string media_type,
                                                 std::string bytes) = 0;
  /// An agent names the message that carries it, which it must be allowed to read; 0: none named.
  virtual awaitable<Result<std::string>> attachment(Principal who, std::string id, std::int64_t message) = 0;
};

}  // namespace ar::control
