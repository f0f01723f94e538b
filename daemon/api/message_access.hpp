// Which messages somebody may see, and what an agent's own message may refer to.
#pragma once
#include "base/async.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "model/message.hpp"
#include "model/principal.hpp"
#include "relay/bus.hpp"
#include "relay/uploads.hpp"

#include <cstdint>
#include <string>

namespace ar::daemon {

class MessageAccess {
 public:
  MessageAccess(relay::Bus& bus, Supervisor const& supervisor, relay::Uploads const& uploads)
      : bus_(bus), supervisor_(supervisor), uploads_(uploads) {}

  /// The message, if `who` may see it: the operator all, an agent what it sent or what is for it.
  awaitable<Result<Message>> visible_message(Principal who, std::int64_t id);
  /// What an agent's message refers to gives rights, and makes its receiver act: the agent may only refer to what it
  /// has to do with.
  awaitable<Result<void>> check_references(std::string agent, NewMessage message);

 private:
  relay::Bus& bus_;
  Supervisor const& supervisor_;
  relay::Uploads const& uploads_;
};

}  // namespace ar::daemon
