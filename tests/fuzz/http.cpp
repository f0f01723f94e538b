// A connection of the control server: heads, bodies, chunks, and what a WebSocket begins with, as a client's bytes.
#include "fuzz/connection.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size <= ar::fuzz::kMostSent) ar::fuzz::serve_connection(ar::fuzz::text_of(data, size));
  return 0;
}
