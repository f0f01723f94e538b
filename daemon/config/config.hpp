// The daemon's configuration: defaults, then one TOML file (none needed), then environment variables. Every value
// remembers where it came from, so that `agent-runner config show` can tell.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"
#include "model/approval_rule.hpp"
#include "model/budget.hpp"
#include "model/notify_rule.hpp"
#include "model/resource_limits.hpp"
#include "relay/bus.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ar::daemon {

struct Config {
  std::string log_level = "info";
  bool tcp = true;            ///< serve the control API on 127.0.0.1 as well
  std::int64_t tcp_port = 0;  ///< 0: the port of last time, else any free one
  std::string default_provider = "claude";
  std::vector<std::string> pass_environment{};          ///< names of variables agents get besides the built-in list
  std::int64_t shutdown_timeout_ms = 10'000;            ///< how long an agent may take to stop by itself
  std::int64_t attach_columns = 120, attach_rows = 40;  ///< a terminal's size while nobody is attached
  std::int64_t event_retention_days = 30, most_events = 1'000'000;
  std::int64_t history_retention_days = 30, most_history = 10'000;  ///< an agent's turns and deliveries
  std::int64_t search_most_rows = 500'000, search_most_mb = 256;    ///< of the search index
  std::int64_t search_agent_rows = 100'000, search_agent_mb = 64;   ///< of one agent's transcripts in it
  std::int64_t most_child_depth = 2, most_children = 16;  ///< what an agent may be granted, and is unless it says less
  bool memory_pressure = true;       ///< they are suspended as well when the kernel says that programs wait for memory
  std::int64_t memory_limit_mb = 0;  ///< of all agents together; above it the longest idle are suspended; 0: none
  // Of an agent that does not say otherwise; as in ResourceLimits, empty or 0: no limit.
  std::string agent_memory_max{}, agent_memory_high{}, agent_cpu_quota{};
  std::int64_t agent_tasks_max = 0;
  std::vector<std::string> output_roots{};        ///< where output folders may lie besides in agents' workspaces
  std::int64_t outputs_mb = 1024;                 ///< of one agent's outputs so much is kept
  std::int64_t agent_token_lifetime_s = 0;        ///< 0: no end; else renewed in time
  std::int64_t approval_deadline_s = 0;           ///< after a provider asked a person; 0: none
  std::string approval_at_deadline = "terminal";  ///< "terminal" leaves it to the person there; "deny"
  std::int64_t limits_margin_s = 60;              ///< from a usage limit's end to the next try, half of it more or less
  std::string limits_continue = "ask";            ///< the turn that a limit cuts off: "ask", "yes", "no"
  std::vector<std::string> retry_kinds{"overloaded", "network",
                                       "server_error"};  ///< failures of the model's service that are tried again
  std::int64_t retry_max = 20;                           ///< so often for one message; 0: never
  std::string retry_backoff = "30s";  ///< a duration: before the first time; twice as long before each next one
  std::int64_t stall_s = 600;         ///< of a turn without a sign of life, after which it counts as stalled; 0: never
  std::string at_stall = "tell";      ///< what happens then: "tell", "interrupt", "restart"
  std::vector<ApprovalRule> approval_rules{};    ///< [[approvals.rules]], named config:1 and so on
  std::vector<Budget> budgets{};                 ///< [[budgets]]
  std::vector<NotifyRule> notify{};              ///< [[notify]]
  std::vector<std::string> private_receivers{};  ///< whose webhooks may lead into private networks; see below
  std::int64_t snapshot_max_bytes = 512 << 20;   ///< of one snapshot, taken or restored
  std::vector<std::string> tool_hook_hosts{};    ///< on which tool hooks may be called, besides this machine
  relay::BusLimits relay{};
  std::string relay_kind = "embedded";
  std::string relay_url{}, relay_token_file{}, relay_ca_file{};  ///< of a remote one, or NATS
  std::string relay_serve{};                                     ///< the embedded one, to others
  std::string relay_tls_cert{}, relay_tls_key{};                 ///< to serve with, or to show NATS
  bool relay_insecure = false;
  std::string relay_user{}, relay_password_file{}, relay_nkey{}, relay_nkey_seed_file{}, relay_credentials_file{};
  bool relay_tls = false;
  std::string relay_prefix = "agent-runner";
  std::int64_t relay_replicas = 1, relay_max_bytes = -1;  ///< of every stream on NATS; -1: the server's limit
  std::map<std::string, json> providers{};                ///< [providers.NAME], checked by that provider's adapter
  std::map<std::string, json> profiles{};                 ///< [profiles.NAME], checked; see daemon/config/profile.hpp

  /// One line of `config show`.
  struct Explained {
    std::string key;
    json value;
    std::string origin;  ///< "default", "FILE:LINE" or "environment NAME"
    std::string help;
    bool live = false;  ///< a running daemon takes another value; else only the next one does
  };
  std::vector<Explained> explained{};

  /// An absent file is fine. A wrong key, type or range is an error with file, line and column.
  static Result<Config> load(std::filesystem::path const& file);

  /// What agents may use that do not say otherwise.
  ResourceLimits agent_limits() const;

  /// `retry_backoff` as a time.
  milliseconds retry_wait() const;
  /// Whether what is sent for this owner, an agent or the operator, may go to this machine and to private networks.
  bool allows_private_addresses(std::string const& owner) const;

  struct Change {
    std::string key;
    json before, after;  ///< null: it was not there, or is not any more; both: what has changed is not shown
    bool live;           ///< it is in force now
  };
  /// Takes what of a freshly loaded one a running daemon can; says all in which they differ.
  std::vector<Change> take(Config fresh);
};

}  // namespace ar::daemon
