// By what a request is known again when its sender repeats it.
#pragma once
#include <string>

namespace ar {

struct IdempotencyKey {
  std::string key{};        ///< empty: it is not to be known again
  std::string body_hash{};  ///< SHA-256 of what was asked for, without its secrets: they may have been changed since
};

}  // namespace ar
