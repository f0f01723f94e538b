// The relay's HTTP routes as calls: JSON in and out, with the token, and with every way to fail told apart.
#pragma once
#include "base/http/caller.hpp"
#include "base/json.hpp"

#include <functional>
#include <memory>
#include <string>

namespace ar::relay::remote {

/// True for the refusal of the caller's own token.
bool is_refused_token(Error const& error);
/// Refuses what is not UTF-8, with the name of the field that holds it.
Result<std::string> wire_text(json const& value);

class Calls {
 public:
  Calls(http::Caller& caller, std::string const& token, Clock::duration patience)
      : caller_(caller), token_(token), patience_(patience) {}

  awaitable<Result<json>> get(std::string target);
  /// `repeatable`: doing it twice is as good as once.
  awaitable<Result<json>> post(std::string target, json body, bool repeatable);
  awaitable<Result<json>> send(char const* method, std::string target, json body, bool repeatable);
  awaitable<Result<std::string>> bytes(http::Call call);

  http::Header authorization() const { return {"Authorization", "Bearer " + token_}; }

 private:
  http::Caller& caller_;
  std::string const& token_;  ///< the present one
  Clock::duration const patience_;
};

}  // namespace ar::relay::remote
