// Opens a session as a request of POST /v1/sessions says: an agent is spawned, and sent its first input.
#pragma once
#include "control/api/sessions_api.hpp"
#include "model/idempotency.hpp"
#include "model/principal.hpp"

#include <optional>

namespace ar::control {

/// A request, taken apart.
struct SessionRequest {
  json specification;  ///< of its agent
  std::optional<SessionInput> input{};
};
/// Errors: invalid fields that no schema tells of.
Result<SessionRequest> read_session_request(json request);

struct Opened {
  OpenedSession session;
  std::optional<SentInput> sent;
};

/// Asked again with the same key, it goes on where it was, and opens no second one. Errors: those of a spawn and of a
/// send; there is no session then, unless what keeps its input away may pass.
awaitable<Result<Opened>> open_session(SessionsApi& sessions, Principal who, json request, IdempotencyKey key);

}  // namespace ar::control
