// All that the daemon answers its control server with.
#pragma once
#include "control/api/api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/api/agents_api.hpp"
#include "daemon/api/approvals_api.hpp"
#include "daemon/api/attachments_api.hpp"
#include "daemon/api/budgets_api.hpp"
#include "daemon/api/events_api.hpp"
#include "daemon/api/hooks_api.hpp"
#include "daemon/api/idempotency_api.hpp"
#include "daemon/api/limits_api.hpp"
#include "daemon/api/memory_api.hpp"
#include "daemon/api/messages_api.hpp"
#include "daemon/api/notify_api.hpp"
#include "daemon/api/outputs_api.hpp"
#include "daemon/api/runtime_api.hpp"
#include "daemon/api/scheduled_work.hpp"
#include "daemon/api/schedules_api.hpp"
#include "daemon/api/search_api.hpp"
#include "daemon/api/sessions_api.hpp"
#include "daemon/api/skills_api.hpp"
#include "daemon/api/snapshots_api.hpp"
#include "daemon/api/system_api.hpp"
#include "daemon/api/tool_hooks_api.hpp"
#include "daemon/api/users_api.hpp"
#include "daemon/api/webhooks_api.hpp"
#include "daemon/api/worktrees_api.hpp"
#include "relay/uploads.hpp"

#include <functional>
#include <utility>

namespace ar::daemon {

class DaemonApi {
 public:
  /// `uploads`: of all doors to the bus. `own_bus`: null where the bus is another's.
  DaemonApi(Services& services, Supervisor& supervisor, RuntimePause& pause, ApprovalRules& approval_rules,
            ToolHooks& tool_hooks, Snapshots& snapshots, Schedules& schedules, Notifications& notifications,
            Indexer& indexer, SearchIndex& index, relay::EmbeddedBus* own_bus, relay::Uploads& uploads,
            LoopLag const& lag, Metrics& metrics, std::function<void(bool stop_agents)> on_shut_down,
            SystemApi::Reload reload)
      : access_(supervisor, services.lineage, services.removed, services.paths.operator_token()),
        rights_(services.bus, supervisor, uploads),
        system_(services, supervisor, pause, schedules, access_, lag, metrics, std::move(on_shut_down),
                std::move(reload)),
        runtime_(pause, supervisor.recovery(), snapshots, access_),
        agents_(services, supervisor, access_),
        messages_(services, supervisor, access_, rights_, uploads),
        attachments_(services.bus, uploads, rights_),
        hooks_(services, supervisor, access_, tool_hooks),
        approvals_(services.approvals, approval_rules, supervisor, services.lineage, access_),
        events_(services.events, supervisor),
        idempotency_(services.journal, services.files),
        sessions_(services, supervisor, access_, messages_, attachments_),
        memory_(services.journal, services.events),
        webhooks_(services, access_),
        outputs_(services, supervisor),
        search_(services, supervisor, access_, indexer, index),
        skills_(services),
        users_(supervisor, access_, own_bus),
        snapshots_(snapshots, access_),
        tool_hooks_(services.config, tool_hooks),
        worktrees_(services, supervisor, access_),
        limits_(services.accounts),
        budgets_(services.budgets),
        notify_(notifications),
        scheduled_work_(services, supervisor, messages_, sessions_),
        schedules_(services, access_, schedules, scheduled_work_) {}

  Access& access() { return access_; }
  /// What is due, done with its owner's right.
  ScheduledWork& scheduled_work() { return scheduled_work_; }
  control::Api topics() {
    return {access_, system_,      runtime_,    agents_,    messages_, attachments_, hooks_,  approvals_,
            events_, idempotency_, sessions_,   memory_,    webhooks_, outputs_,     search_, skills_,
            users_,  snapshots_,   tool_hooks_, worktrees_, limits_,   budgets_,     notify_, schedules_};
  }

 private:
  Access access_;
  MessageAccess rights_;
  SystemApi system_;
  RuntimeApi runtime_;
  AgentsApi agents_;
  MessagesApi messages_;
  AttachmentsApi attachments_;
  HooksApi hooks_;
  ApprovalsApi approvals_;
  EventsApi events_;
  IdempotencyApi idempotency_;
  SessionsApi sessions_;
  MemoryApi memory_;
  WebhooksApi webhooks_;
  OutputsApi outputs_;
  SearchApi search_;
  SkillsApi skills_;
  UsersApi users_;
  SnapshotsApi snapshots_;
  ToolHooksApi tool_hooks_;
  WorktreesApi worktrees_;
  LimitsApi limits_;
  BudgetsApi budgets_;
  NotifyApi notify_;
  ScheduledWork scheduled_work_;
  SchedulesApi schedules_;
};

}  // namespace ar::daemon
