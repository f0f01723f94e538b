// The one place that decides about a request to the relay: who asks, which route, whether it may, how large a body, the
// handler, errors and logging.
#pragma once
#include "base/http/bad_token_log.hpp"
#include "base/http/request_handler.hpp"
#include "base/http/router.hpp"
#include "relay/server/route.hpp"
#include "relay/server/sessions.hpp"

#include <memory>
#include <optional>
#include <string>

namespace ar::relay::server {

class Dispatcher final : public http::RequestHandler {
 public:
  Dispatcher(EmbeddedBus& bus, Sessions& sessions, ServerLimits const& limits);
  std::variant<http::Admission, http::Response> admit(http::Request const& head) override;
  Uploads& uploads() { return *uploads_; }

 private:
  struct Admitted {
    Route const* route;
    http::Query query;
    std::string name;
    std::int64_t number = 0;
    std::optional<std::string> token;  ///< none: the operator on the unix socket, or a route that needs none
    bool stranger = false;             ///< without a token where one is needed for the rest
    TokenInfo who{};                   ///< once identified
  };
  Result<Admitted> check(http::Request const& head, http::Response& refusal) const;
  /// Who asks, and whether it may.
  awaitable<std::optional<http::Response>> identify(std::shared_ptr<Admitted> admitted) const;
  http::Share share_of(Admitted const& admitted) const;
  awaitable<http::Response> handle(std::shared_ptr<Admitted> admitted, http::Request request) const;

  EmbeddedBus& bus_;
  Sessions& sessions_;
  std::unique_ptr<Uploads> uploads_ = std::make_unique<Uploads>();
  ServerLimits const& limits_;
  http::Router const router_;
  mutable http::BadTokenLog bad_tokens_{"relay"};
};

}  // namespace ar::relay::server
