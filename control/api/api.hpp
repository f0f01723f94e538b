// What the control server needs of the daemon, topic by topic: declared here, implemented in daemon/api/.
#pragma once

namespace ar::control {

class AgentsApi;
class ApprovalsApi;
class AttachmentsApi;
class BudgetsApi;
class Authenticator;
class EventsApi;
class HooksApi;
class IdempotencyApi;
class LimitsApi;
class MemoryApi;
class MessagesApi;
class NotifyApi;
class OutputsApi;
class SchedulesApi;
class SearchApi;
class SessionsApi;
class RuntimeApi;
class SkillsApi;
class SnapshotsApi;
class SystemApi;
class WebhooksApi;
class UsersApi;
class ToolHooksApi;
class WorktreesApi;

/// Each must outlive whoever is given this.
struct Api {
  Authenticator& authenticator;
  SystemApi& system;
  RuntimeApi& runtime;
  AgentsApi& agents;
  MessagesApi& messages;
  AttachmentsApi& attachments;
  HooksApi& hooks;
  ApprovalsApi& approvals;
  EventsApi& events;
  IdempotencyApi& idempotency;
  SessionsApi& sessions;
  MemoryApi& memory;
  WebhooksApi& webhooks;
  OutputsApi& outputs;
  SearchApi& search;
  SkillsApi& skills;
  UsersApi& users;
  SnapshotsApi& snapshots;
  ToolHooksApi& tool_hooks;
  WorktreesApi& worktrees;
  LimitsApi& limits;
  BudgetsApi& budgets;
  NotifyApi& notify;
  SchedulesApi& schedules;
};

}  // namespace ar::control
