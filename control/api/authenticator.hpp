// Who speaks: the control server's first question about a request.
#pragma once
#include "base/error.hpp"
#include "model/principal.hpp"

#include <string>
#include <string_view>

namespace ar::control {

/// io thread only.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// Who holds this bearer token; `unauthorized` when it is unknown, expired or revoked.
  virtual Result<Principal> authenticate(std::string_view token) = 0;
  /// Whether the agent is a child of `of`, or one of its children, at any depth.
  virtual bool is_descendant(std::string const& agent, std::string const& of) const = 0;
};

}  // namespace ar::control
