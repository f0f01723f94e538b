// The relay's HTTP routes as calls: JSON in and out, with the token, and with every way to fail told apart. A call
// waits a little for a relay that is away, and tells the link when its token is refused.
#pragma once
#include "base/http/caller.hpp"
#include "base/json.hpp"
#include "relay/remote/link.hpp"

#include <string>

namespace ar::relay::remote {

class Calls {
 public:
  Calls(http::Caller& caller, Link& link, RemoteConfig const& config, std::string const& token)
      : caller_(caller), link_(link), config_(config), token_(token) {}

  awaitable<Result<json>> get(std::string target);
  /// `repeatable`: doing it twice is as good as once.
  awaitable<Result<json>> post(std::string target, json body, bool repeatable) {
    return send("POST", std::move(target), std::move(body), repeatable);
  }
  awaitable<Result<json>> send(char const* method, std::string target, json body, bool repeatable);
  awaitable<Result<std::string>> bytes(http::Call call);

  http::Header authorization() const { return {"Authorization", "Bearer " + token_}; }

 private:
  awaitable<Result<json>> object(http::Call call);
  awaitable<Result<void>> wait_for_relay();
  Error told_apart(Error error);

  http::Caller& caller_;
  Link& link_;
  RemoteConfig const& config_;
  std::string const& token_;  ///< the present one
};

}  // namespace ar::relay::remote
