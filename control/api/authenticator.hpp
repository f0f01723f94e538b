// Who speaks: the control server's first question about a request.
#pragma once
#include "base/error.hpp"
#include "model/principal.hpp"

#include <string_view>

namespace ar::control {

/// io thread only.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// Who holds this bearer token; `unauthorized` when it is unknown, expired or revoked.
  virtual Result<Principal> authenticate(std::string_view token) = 0;
};

}  // namespace ar::control
