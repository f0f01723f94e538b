// The version of the relay's frames and routes (docs/relay-protocol.md): both sides say theirs, in hello and welcome,
// and refuse another one (unsupported_protocol).
#pragma once

namespace ar::relay {

inline constexpr int kProtocol = 1;

}  // namespace ar::relay
