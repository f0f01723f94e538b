// Asks tool hooks over HTTP: over connections that are kept for each of them. No token goes with it, redirects are not
// followed.
#pragma once
#include "base/async.hpp"
#include "base/http/http_client.hpp"
#include "base/worker.hpp"
#include "daemon/config/config.hpp"
#include "daemon/tools/tool_hooks.hpp"

#include <map>
#include <memory>
#include <string>

namespace ar::daemon {

/// io thread only.
class ToolHookClient {
 public:
  static constexpr std::uint64_t kLargestAnswer = 1U << 20;

  /// All outlive this.
  ToolHookClient(Executor executor, Config const& config, WorkerPool& files, ToolHooks const& hooks)
      : executor_(std::move(executor)), config_(config), hooks_(hooks), files_(files) {}

  /// The answer's body. Errors name no part of the URL but its host: the rest may be a secret.
  awaitable<Result<std::string>> ask(ToolHook hook, std::string body, Clock::duration patience);

 private:
  awaitable<Result<std::shared_ptr<http::HttpClient>>> client_of(ToolHook const& hook, http::Endpoint endpoint);

  Executor const executor_;
  Config const& config_;
  ToolHooks const& hooks_;
  Worker files_;  ///< reads the authorities to trust
  http::Tls tls_{};
  std::map<std::string, std::shared_ptr<http::HttpClient>> clients_{};  ///< by the ids of the hooks
};

}  // namespace ar::daemon
