// One connection of the control server, given all that its client will ever send.
#pragma once
#include "base/http/connection.hpp"
#include "base/http/websocket.hpp"
#include "fuzz/fuzz.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace ar::fuzz {

inline constexpr std::size_t kBodyLimit = 1000, kFrameLimit = 1000;
inline constexpr std::size_t kMostSent = 64U << 10;                ///< what a socket takes at once
inline constexpr auto kPatience = std::chrono::milliseconds(100);  ///< with a connection that should be over

inline awaitable<http::Response> answer(http::Request request, http::Peer&) {
  must(request.body.size() <= kBodyLimit, "a body is within its limit");
  http::Response response = http::json_text_response("{\"bytes\":" + std::to_string(request.body.size()) + "}");
  if (!http::is_websocket_request(request)) co_return response;
  response.websocket = [](http::WebSocket& socket) -> awaitable<void> {
    for (;;) {
      auto const frame = co_await socket.read();
      if (!frame) co_return;
      must(frame->size() <= kFrameLimit, "a frame is within its limit");
      socket.send(*frame);
    }
  };
  co_return response;
}

class Echo final : public http::RequestHandler {
 public:
  std::variant<http::Admission, http::Response> admit(http::Request const& head) override {
    for (auto const& header : head.headers)
      must(header.value.find_first_of("\r\n") == std::string::npos, "a header is one line");
    http::Admission admission;
    admission.body_limit = kBodyLimit;
    admission.handle = answer;
    return admission;
  }
};

/// Sends it, says that no more comes, and serves the connection to its end.
inline void serve_connection(std::string_view sent) {
  int ends[2];
  must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "there is a socket");
  (void)!::write(ends[0], sent.data(), sent.size());
  ::shutdown(ends[0], SHUT_WR);

  net::io_context io(1);
  Echo service;
  http::Limits limits;
  limits.frame_bytes = kFrameLimit;
  http::Seats seats(limits);
  http::Socket socket(io, net::generic::stream_protocol(AF_UNIX, 0), ends[1]);
  auto connection = http::make_connection(http::Stream(std::move(socket)), {true, false}, service, limits, seats, "");
  bool over = false;
  net::co_spawn(io, connection->serve(), [&](std::exception_ptr const& failed) {
    must(!failed, "no exception leaves a connection");
    over = true;
    io.stop();
  });
  while (!over) {
    io.run_for(kPatience);
    char taken[16U << 10];
    while (::read(ends[0], taken, sizeof taken) > 0) continue;
    if (!over) connection->finish();
  }
  ::close(ends[0]);
}

}  // namespace ar::fuzz
