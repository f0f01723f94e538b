// The relay's HTTP routes as calls: JSON in and out, with the token, and with every way to fail told apart. A call
// waits a little for a relay that is away, tells the link when its token is refused, and means the store that was there
// when it began.
#pragma once
#include "base/http/http_client.hpp"
#include "base/json.hpp"
#include "relay/remote/link.hpp"
#include "relay/storage_fault.hpp"

#include <string>

namespace ar::relay::remote {

class Calls {
 public:
  Calls(http::HttpClient& caller, Link& link, RemoteConfig const& config, std::string const& token,
        BusStore const& store)
      : caller_(caller), link_(link), config_(config), token_(token), store_(store) {}

  awaitable<Result<json>> get(std::string target);
  /// A POST that changes nothing: what is asked does not fit into a target.
  awaitable<Result<json>> ask(std::string target, json body);
  /// `repeatable`: doing it twice is as good as once.
  awaitable<Result<json>> post(std::string target, json body, bool repeatable) {
    return send("POST", std::move(target), std::move(body), repeatable);
  }
  awaitable<Result<json>> send(char const* method, std::string target, json body, bool repeatable);
  /// `writes`: the relay keeps something of it when it answers well.
  awaitable<Result<std::string>> bytes(http::Call call, bool writes);

  StorageFault const& storage() const { return storage_; }  ///< the relay's
  http::Header authorization() const { return {"Authorization", "Bearer " + token_}; }

 private:
  awaitable<Result<json>> say(char const* method, std::string target, json body, bool repeatable, bool writes);
  awaitable<Result<json>> object(http::Call call, bool writes);
  awaitable<Result<void>> wait_for_relay();
  Error told_apart(Error error);

  http::HttpClient& caller_;
  Link& link_;
  RemoteConfig const& config_;
  std::string const& token_;  ///< the present one
  BusStore const& store_;     ///< as the link knows it
  StorageFault storage_;
};

}  // namespace ar::relay::remote
