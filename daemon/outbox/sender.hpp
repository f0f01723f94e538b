// One attempt at telling a receiver something.
#pragma once
#include "base/async.hpp"
#include "base/http/http.hpp"
#include "daemon/outbox/receiver.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

struct SendResult {
  int status = 0;       ///< 0: there was no answer
  std::string error{};  ///< why there was none
};

/// io thread only.
class Sender {
 public:
  virtual ~Sender() = default;
  /// Ends within a deadline of its own.
  virtual awaitable<SendResult> send(Receiver receiver, std::vector<http::Header> headers, std::string body) = 0;
  /// Nothing more is to be sent to this receiver for now.
  virtual void rest(std::string const& receiver) = 0;
};

}  // namespace ar::daemon
