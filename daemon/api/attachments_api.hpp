// Files that messages carry: stored within each agent's room, given to who may read the message.
#pragma once
#include "control/api/attachments_api.hpp"
#include "daemon/api/message_access.hpp"
#include "relay/bus.hpp"
#include "relay/uploads.hpp"

#include <cstdint>
#include <string>

namespace ar::daemon {

class AttachmentsApi final : public control::AttachmentsApi {
 public:
  AttachmentsApi(relay::Bus& bus, relay::Uploads& uploads, MessageAccess& rights)
      : bus_(bus), uploads_(uploads), rights_(rights) {}

  awaitable<Result<json>> put_attachment(Principal who, std::string name, std::string media_type,
                                         std::string bytes) override;
  /// Whether they may send it on: it is there, and an agent has uploaded it or been sent it. Error: unknown_attachment.
  awaitable<Result<void>> check(Principal who, std::string id);
  awaitable<Result<std::string>> attachment(Principal who, std::string id, std::int64_t message) override;

 private:
  relay::Bus& bus_;
  relay::Uploads& uploads_;
  MessageAccess& rights_;
};

}  // namespace ar::daemon
