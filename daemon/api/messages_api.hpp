// The control server's questions about messages: who may see which, their life, and waiting for it.
#pragma once
#include "control/api/messages_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/api/delivery_views.hpp"
#include "daemon/api/message_access.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"
#include "relay/uploads.hpp"

#include <cstdint>
#include <string>

namespace ar::daemon {

class MessagesApi final : public control::MessagesApi {
 public:
  MessagesApi(Services& services, Supervisor const& supervisor, Access const& access, MessageAccess& rights,
              relay::Uploads& uploads)
      : services_(services),
        supervisor_(supervisor),
        access_(access),
        rights_(rights),
        uploads_(uploads),
        deliveries_(services, supervisor) {}

  /// What would be sent; an error says why it could not be now.
  awaitable<Result<NewMessage>> check(Principal who, json message);
  awaitable<Result<json>> send(Principal who, json message) override;
  awaitable<Result<json>> messages(Principal who, Page page) override;
  awaitable<Result<json>> message(Principal who, std::int64_t id) override;
  Result<void> check_store(std::string const& meant) const override;
  awaitable<Result<json>> wait_message(Principal who, std::int64_t id, std::string until,
                                       milliseconds patience) override;
  awaitable<Result<json>> proof(std::int64_t id, std::string agent) override;
  awaitable<Result<json>> react(Principal who, std::int64_t id, std::string word) override;
  awaitable<Result<json>> settle(std::int64_t id, std::string agent, bool taken) override;
  awaitable<Result<json>> read(Principal who, std::int64_t id) override;
  awaitable<Result<std::string>> body(Principal who, std::int64_t id) override;
  awaitable<Result<json>> inbox(std::string id) override;
  awaitable<Result<json>> dead_letters(Page page) override;
  awaitable<Result<json>> requeue(std::int64_t id) override;

 private:
  awaitable<Result<void>> check_reach(std::string to);
  awaitable<void> note_reading(Principal const& who, Message const& message);
  bool is_in_hand(std::int64_t id, std::string const& until) const;
  awaitable<bool> reached_elsewhere(std::int64_t id, std::string until);
  int matching_agents(Message const& message) const;

  Services& services_;
  Supervisor const& supervisor_;
  Access const& access_;
  MessageAccess& rights_;
  relay::Uploads& uploads_;
  DeliveryViews deliveries_;
};

}  // namespace ar::daemon
