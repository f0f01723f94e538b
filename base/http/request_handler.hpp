// What a server does with its requests: asked in two steps, so that nobody without the right can make it read a body.
#pragma once
#include "base/http/http.hpp"
#include "base/http/peer.hpp"

#include <functional>
#include <optional>
#include <string>
#include <variant>

namespace ar::http {

/// Of the door, what this request is counted to (Seats).
struct Share {
  std::string holder{};  ///< who asks; empty: one without bounds
  std::size_t most = 0;  ///< that the holder may have at a time
  bool waits = false;    ///< for a person: counted apart
};

/// A request that may go on: how much body it may have, and what answers it. `handle` is called once, with the whole
/// request, and must not throw but when it is cut off.
struct Admission {
  std::size_t body_limit = 0;
  /// Where it takes time to know who asks: awaited before the body is read; a Response is the refusal.
  std::function<awaitable<std::optional<Response>>()> check{};
  std::function<awaitable<Response>(Request, Peer&)> handle;
  std::function<Share()> share{};  ///< asked after `check`; none: without bounds
};

class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  /// `head`: the request without its body. A Response is the refusal.
  virtual std::variant<Admission, Response> admit(Request const& head) = 0;
};

}  // namespace ar::http
