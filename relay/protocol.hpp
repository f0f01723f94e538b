// The version of the relay's frames and routes (docs/relay-protocol.md): both sides say theirs, in hello and welcome,
// and refuse another one (unsupported_protocol).
#pragma once

namespace ar::relay {

inline constexpr int kProtocol = 1;
/// Which store a request means; another one does not answer it (other_store).
inline constexpr char kStoreHeader[] = "relay-store";

}  // namespace ar::relay
