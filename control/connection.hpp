// One client's connection, TCP or unix socket: reads requests one after another, has them answered, writes
// the answers. Deadlines hold at every step, so a slow or silent client costs a socket and a buffer for a
// while and nothing else.
#pragma once
#include "control/dispatcher.hpp"

#include <boost/asio/generic/stream_protocol.hpp>

#include <memory>

namespace ar::control {

using Socket = net::generic::stream_protocol::socket;

class Connection {
 public:
  virtual ~Connection() = default;
  /// Returns when the connection has ended; the owner keeps the object until then.
  virtual awaitable<void> serve() = 0;
  /// No further request is read; an answer under way is finished, waits and streams end now.
  virtual void finish() = 0;
};

/// `dispatcher` and `limits` must outlive the connection.
std::shared_ptr<Connection> make_connection(Socket socket, bool over_unix, Dispatcher const& dispatcher,
                                            Limits const& limits);

}  // namespace ar::control
