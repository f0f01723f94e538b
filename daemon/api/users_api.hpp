// Who has agents here.
#pragma once
#include "control/api/users_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "relay/embedded/embedded_bus.hpp"

namespace ar::daemon {

class UsersApi final : public control::UsersApi {
 public:
  /// `own_bus`: whose tokens are known here; null: the bus is another's. All outlive it.
  UsersApi(Supervisor const& supervisor, Access const& access, relay::EmbeddedBus* own_bus)
      : supervisor_(supervisor), access_(access), own_bus_(own_bus) {}

  awaitable<Result<json>> users(Page page) override;

 private:
  Supervisor const& supervisor_;
  Access const& access_;
  relay::EmbeddedBus* const own_bus_;
};

}  // namespace ar::daemon
