// One client's connection, TCP, TLS or unix socket: reads requests one after another, has them answered, writes
// the answers. Deadlines hold at every step, so a slow or silent client costs a socket and a buffer for a
// while and nothing else.
#pragma once
#include "base/http/limits.hpp"
#include "base/http/request_handler.hpp"
#include "base/http/seats.hpp"
#include "base/http/stream.hpp"

#include <memory>
#include <string>

namespace ar::http {

class Connection {
 public:
  virtual ~Connection() = default;
  /// Returns when the connection has ended; the owner keeps the object until then.
  virtual awaitable<void> serve() = 0;
  /// No further request is read; an answer under way is finished, waits and streams end now.
  virtual void finish() = 0;
};

/// What its requests know of the door they came in by.
struct Entrance {
  bool over_unix = false;
  bool token_needed = true;
};

/// `service`, `limits` and `seats` must outlive the connection. `address`: as Seats wants it.
std::shared_ptr<Connection> make_connection(Stream stream, Entrance entrance, RequestHandler& service,
                                            Limits const& limits, Seats& seats, std::string address);

}  // namespace ar::http
