// The documents of the API, by topic: what comes in and what is answered.
#pragma once
#include "control/schema.hpp"

namespace ar::control {

// agents.cpp
extern Schema const kAgentSpecification, kVerbParameters, kAgent, kInjected, kAgentList, kRemovedAgent,
    kRemovedWorkspace, kStatusReport, kReportedStatus, kScreen, kTerminal, kTurnList, kTranscript, kFolders;
// sessions.cpp; the specification of one is an agent's and more
extern Schema const kSessionSpecification, kSession, kSessionMessage, kSentToSession, kSessionList, kSessionTurnList,
    kCancel, kCancelled, kSessionState, kRun, kUsage, kPrincipal;
// messages.cpp
extern Schema const kNewMessage, kNewReply, kMessage, kSentMessage, kMessageLife, kMessageList, kProof, kInbox,
    kNewReaction, kReaction, kSettlement, kDeadLetterList, kRequeued, kAttachment;
// approvals.cpp
extern Schema const kNewApprovalRule, kApprovalRule, kApprovalRuleList, kApprovalRuleRemoved, kRuleTest, kRuleVerdict;
extern Schema const kDecision, kApproval, kApprovalList;
// limits.cpp; what holds an account is what holds an agent
extern Schema const kHoldLimit, kAccount, kLimitList, kLimited;
extern Schema const kNewApprovalRule, kApprovalRule, kApprovalRuleList, kApprovalRuleRemoved, kRuleTest, kRuleVerdict;
// budgets.cpp
extern Schema const kUsageSums, kRaiseBudget, kBudget, kBudgetList;
// notify.cpp
extern Schema const kNotifyRuleList, kNotifyTest;
// memory.cpp
extern Schema const kNewMemory, kMemoryEntry, kMemoryWritten, kMemoryRemoved, kMemoryEntryList, kMemoryIdList,
    kMemoryScopeList;
// webhooks.cpp
extern Schema const kNewWebhook, kWebhook, kAddedWebhook, kWebhookList, kWebhookRemoved, kWebhookDeliveryList,
    kRedelivered;
// outputs.cpp
extern Schema const kOutputList;
// search.cpp
extern Schema const kFoundList;
// skills.cpp
extern Schema const kNewSkill, kSkill, kSkillDetails, kSkillList, kSkillRemoved;
// snapshots.cpp
extern Schema const kNewSnapshot, kSnapshot, kSnapshotList, kSnapshotRestore, kRestoredSnapshot;
// tool_hooks.cpp
extern Schema const kNewToolHook, kToolHook, kToolHookList, kToolHookRemoved;
// worktrees.cpp
extern Schema const kWorktreeList, kWorktreeDiff, kFinish, kFinished;
// schedules.cpp
extern Schema const kNewSchedule, kSchedule, kScheduleList, kSchedulePause, kScheduleRemoved;
// events.cpp
extern Schema const kEventPage, kEventTypeList, kLogCheck, kTicketRequest, kEventTicket;
// mcp.cpp
extern Schema const kMcpMessage, kMcpAnswer;
// runtime.cpp
extern Schema const kRuntime, kPause, kPaused, kRecovery;
// users.cpp
extern Schema const kUserList;
// system.cpp
extern Schema const kHealth, kInfo, kConfiguration, kNothing, kReloaded, kBus, kShutdown, kShuttingDown, kOpenApi,
    kHookPayload, kHookOutput, kProblem;

}  // namespace ar::control
