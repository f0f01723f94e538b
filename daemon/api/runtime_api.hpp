// The control server's questions about the runtime's pause.
#pragma once
#include "control/api/runtime_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/fleet/runtime_pause.hpp"

namespace ar::daemon {

class RuntimeApi final : public control::RuntimeApi {
 public:
  RuntimeApi(RuntimePause& pause, Access const& access) : pause_(pause), access_(access) {}

  awaitable<Result<json>> runtime() override;
  awaitable<Result<std::int64_t>> pause(json request) override;
  awaitable<Result<json>> wait_paused(std::int64_t pause) override;
  awaitable<Result<json>> resume() override;

 private:
  RuntimePause& pause_;
  Access const& access_;
};

}  // namespace ar::daemon
