// Whether one agent is started again after its process has ended, or could not be started; and after how long.
#pragma once
#include "base/log.hpp"
#include "daemon/agent/agent_process.hpp"
#include "daemon/agent/agent_provider.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/agent/restart_policy.hpp"
#include "daemon/services.hpp"

#include <optional>
#include <string>

namespace ar::daemon {

/// io thread only.
class Restarts {
 public:
  struct Next {
    std::optional<milliseconds> wait{};  ///< none: it is given up
    std::string why;                     ///< for people
  };
  /// Parts of the same agent; they outlive it.
  Restarts(Services& services, AgentSpec const& spec, AgentRecord& record, AgentProcess const& process,
           AgentProvider const& provider);

  /// Its process runs.
  void on_launched();
  /// Its program is there, whatever else kept it from being started.
  void on_found() { policy_.on_found(); }
  /// Its process has ended by itself.
  Next after_exit();
  /// It has ended with all others. That is no end of its own, and counts against nobody.
  Next after_cold_start(std::string const& why);
  /// It was not started, for a reason that may pass.
  Next after_failed_launch(Error const& error);
  /// A person has intervened: what was before no longer counts.
  void forget();
  /// It is being looked for, again and again.
  bool program_missing() const { return policy_.program_missing(); }

 private:
  Services& services_;
  AgentSpec const& spec_;
  AgentRecord& record_;
  AgentProcess const& process_;
  AgentProvider const& provider_;
  RestartPolicy policy_;
  LogThrottle failures_;
};

}  // namespace ar::daemon
