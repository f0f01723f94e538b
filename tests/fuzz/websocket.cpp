// What comes after a good handshake: a client's frames.
#include "fuzz/connection.hpp"

#include <string>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string sent =
      "GET /v1/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  sent += ar::fuzz::text_of(data, size);
  if (sent.size() <= ar::fuzz::kMostSent) ar::fuzz::serve_connection(sent);
  return 0;
}
