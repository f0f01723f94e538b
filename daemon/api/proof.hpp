// What shows that an agent took a message, in one document that can be checked without the daemon (docs/proof.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "daemon/agent/agent.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/services.hpp"
#include "model/message.hpp"

namespace ar::daemon {

/// Of a delivery that was accepted. Reads the provider's record on the agent's thread.
awaitable<Result<json>> proof_of(Services& services, Agent& agent, Message message, Delivery delivery);

}  // namespace ar::daemon
