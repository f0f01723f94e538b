// The one place that decides about a request: host and origin, who asks, which route, whether it may, how
// large a body, the handler, errors and logging. In two steps, so that nobody without the right can make the
// server read a body.
#pragma once
#include "base/http/bad_token_log.hpp"
#include "base/http/request_handler.hpp"
#include "base/http/router.hpp"
#include "control/idempotency.hpp"
#include "control/limits.hpp"
#include "control/rate_limit.hpp"
#include "control/route.hpp"
#include "control/tickets.hpp"

#include <string>
#include <variant>
#include <vector>

namespace ar::control {

class Dispatcher final : public http::RequestHandler {
 public:
  Dispatcher(Api const& api, Limits const& limits);

  /// The TCP port, known once the server listens: part of the server's own origin.
  void set_port(std::uint16_t port) { port_ = port; }

  std::variant<http::Admission, Response> admit(Request const& head) override;

 private:
  struct Admitted {
    Route const* route;
    Principal who;
    Query query;
    std::vector<http::Router::Argument> path;
  };
  /// Never throws but when the server cuts it off; a handler's exception becomes a 500.
  awaitable<Response> handle(Admitted admitted, Request request, Peer& peer);
  awaitable<Result<Response>> carry_out(Call& call);
  /// By its token, or by the door.
  Result<Tickets::Grant> authenticate(Request const& head) const;
  Result<Admitted> check(Request const& head, Response& refusal) const;
  std::size_t body_limit(Body body) const;
  http::Share share_of(Admitted const& admitted) const;
  /// An error: it was asked for too often; `refused` gets a header for the answer.
  std::optional<Error> check_rate(Call const& call, Response& refused);
  static void check_answer(Route const& route, Response const& response);
  static void check_refusal(Route const& route, Error const& error);
  void log(Request const& request, Principal const& who, Response const& response, Clock::time_point start) const;

  Api const api_;
  Limits const limits_;
  http::Router const router_;
  IdempotentRequests idempotent_;
  std::uint16_t port_ = 0;
  mutable http::BadTokenLog bad_tokens_{"control"};
  mutable Tickets tickets_;
  mutable RateLimits rates_{};
};

}  // namespace ar::control
