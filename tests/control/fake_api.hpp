// A daemon that only remembers: records each call as a line, answers from fixed data, and has an event log to
// fill.
#pragma once
#include "base/ids.hpp"
#include "control/api/agents_api.hpp"
#include "control/api/api.hpp"
#include "control/api/approvals_api.hpp"
#include "control/api/attachments_api.hpp"
#include "control/api/authenticator.hpp"
#include "control/api/budgets_api.hpp"
#include "control/api/events_api.hpp"
#include "control/api/hooks_api.hpp"
#include "control/api/idempotency_api.hpp"
#include "control/api/limits_api.hpp"
#include "control/api/memory_api.hpp"
#include "control/api/messages_api.hpp"
#include "control/api/notify_api.hpp"
#include "control/api/outputs_api.hpp"
#include "control/api/runtime_api.hpp"
#include "control/api/schedules_api.hpp"
#include "control/api/search_api.hpp"
#include "control/api/sessions_api.hpp"
#include "control/api/skills_api.hpp"
#include "control/api/snapshots_api.hpp"
#include "control/api/system_api.hpp"
#include "control/api/tool_hooks_api.hpp"
#include "control/api/users_api.hpp"
#include "control/api/webhooks_api.hpp"
#include "control/api/worktrees_api.hpp"

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace ar::test {

/// Known tokens: "operator-token", "token-of-a" (agent a), "token-of-b". Known: agents a and b, message 7
/// (from b to a) and message 8, which is never accepted. Everything on the io thread but calls().
class FakeApi final : public control::Authenticator,
                      public control::SystemApi,
                      public control::RuntimeApi,
                      public control::AgentsApi,
                      public control::MessagesApi,
                      public control::AttachmentsApi,
                      public control::HooksApi,
                      public control::ApprovalsApi,
                      public control::EventsApi,
                      public control::IdempotencyApi,
                      public control::SessionsApi,
                      public control::MemoryApi,
                      public control::WebhooksApi,
                      public control::OutputsApi,
                      public control::SearchApi,
                      public control::SkillsApi,
                      public control::UsersApi,
                      public control::SnapshotsApi,
                      public control::ToolHooksApi,
                      public control::WorktreesApi,
                      public control::LimitsApi,
                      public control::BudgetsApi,
                      public control::NotifyApi,
                      public control::SchedulesApi {
 public:
  explicit FakeApi(Executor executor) : events_(executor), waits_(std::move(executor)) {}
  control::Api topics() {
    return {*this, *this, *this, *this, *this, *this, *this, *this, *this, *this, *this, *this,
            *this, *this, *this, *this, *this, *this, *this, *this, *this, *this, *this, *this};
  }

  /// The calls so far, oldest first; any thread.
  std::vector<std::string> calls() const;
  bool called(std::string const& line) const;

  /// Adds an event about `agent` (empty: none) and wakes the streams.
  void append(std::string const& agent, std::size_t padding = 0);
  int waits_cancelled = 0;  ///< wait_message and PermissionRequest calls that were cancelled
  int waiting = 0;          ///< such calls that wait now
  void release_waits();     ///< answers them

  Result<Principal> authenticate(std::string_view token) override;
  /// Agent a has the child a-1, and that the child a-1-1.
  bool is_descendant(std::string const& agent, std::string const& of) const override {
    return of == "a" && (agent == "a-1" || agent == "a-1-1");
  }
  awaitable<Result<json>> info() override;
  awaitable<Result<std::string>> metrics() override;
  awaitable<Result<json>> configuration() override;
  awaitable<Result<json>> reload_configuration() override;
  awaitable<Result<json>> bus() override;
  awaitable<Result<json>> shut_down(bool stop_agents) override;
  awaitable<Result<control::Spawned>> spawn(Principal who, json spec, IdempotencyKey key) override;
  awaitable<Result<std::optional<control::KeptAnswer>>> answer_of(std::string owner, std::string key) override;
  awaitable<control::HashedBytes> hash(std::string bytes) override {
    control::HashedBytes hashed{bytes, sha256_hex(bytes)};
    co_return hashed;
  }
  awaitable<Result<void>> keep(std::string owner, std::string key, control::KeptAnswer answer) override;
  awaitable<Result<void>> check_input(Principal, control::SessionInput const&) override { co_return Result<void>(); }
  awaitable<Result<control::OpenedSession>> open(Principal who, json specification, IdempotencyKey key) override;
  awaitable<Result<json>> sessions(Principal who, Page page) override;
  awaitable<Result<json>> session(std::string id) override;
  awaitable<Result<control::SentInput>> send(Principal who, std::string id, control::SessionInput input,
                                             IdempotencyKey key) override;
  awaitable<Result<json>> result_of(Principal who, std::string id, std::int64_t message) override;
  awaitable<Result<json>> cancel(std::string id, std::string reason) override;
  awaitable<Result<json>> close(std::string id) override;
  awaitable<Result<json>> take_back(std::string id) override;
  awaitable<Result<json>> runtime() override;
  awaitable<Result<json>> recovery() override;
  /// With force it never comes to its end.
  awaitable<Result<std::int64_t>> pause(json request) override;
  awaitable<Result<json>> wait_paused(std::int64_t pause) override;
  awaitable<Result<json>> resume() override;
  awaitable<Result<json>> agents(Principal who, Page page) override;
  awaitable<Result<json>> agent(std::string id) override;
  awaitable<Result<json>> remove_agent(std::string id) override;
  awaitable<Result<json>> act(std::string id, std::string action, json params) override;
  Result<json> report_status(std::string const& id, json const& report) override;
  awaitable<Result<json>> screen(std::string id) override;
  awaitable<Result<json>> attach(std::string id) override;
  awaitable<Result<json>> inbox(std::string id) override;
  awaitable<Result<json>> turns(std::string id, Page page) override;
  awaitable<Result<json>> transcript(std::string id, Page page) override;
  awaitable<Result<json>> workspace(std::string id) override;
  awaitable<Result<json>> send(Principal who, json message) override;
  awaitable<Result<json>> messages(Principal who, Page page) override;
  /// Its bus has store "present".
  Result<void> check_store(std::string const& meant) const override {
    if (meant == "present") return {};
    return conflict("bus_changed", "the bus has another store");
  }
  awaitable<Result<json>> message(Principal who, std::int64_t id) override;
  awaitable<Result<json>> wait_message(Principal who, std::int64_t id, std::string until,
                                       milliseconds patience) override;
  awaitable<Result<json>> react(Principal who, std::int64_t id, std::string word) override;
  awaitable<Result<json>> read(Principal who, std::int64_t id) override;
  awaitable<Result<std::string>> body(Principal who, std::int64_t id) override;
  awaitable<Result<json>> dead_letters(Page page) override;
  awaitable<Result<json>> proof(std::int64_t id, std::string agent) override;
  awaitable<Result<json>> settle(std::int64_t id, std::string agent, bool taken) override;
  awaitable<Result<json>> requeue(std::int64_t id) override;
  awaitable<Result<json>> put_attachment(Principal who, std::string name, std::string media_type,
                                         std::string bytes) override;
  awaitable<Result<std::string>> attachment(Principal who, std::string id, std::int64_t message) override;
  /// Event "Silent" never answers, nor does session "slow"; "Stop" has nothing to say.
  awaitable<Result<json>> hook(Principal who, std::string event, std::string provider_session, json payload) override;
  /// Waits for release_waits().
  awaitable<Result<json>> ask(Principal who, std::string provider_session, std::string call, json payload) override;
  void ask_left(Principal const& who, std::string const& provider_session, std::string const& call) override;
  /// Approval 1 exists; 2 has been decided.
  awaitable<Result<json>> approvals(Page page) override;
  awaitable<Result<json>> approval(std::int64_t id) override;
  awaitable<Result<json>> decide(std::int64_t id, json decision, std::string where) override;
  /// Rule 1 exists.
  awaitable<Result<json>> approval_rules() override;
  awaitable<Result<json>> add_approval_rule(json rule) override;
  awaitable<Result<json>> remove_approval_rule(std::string id) override;
  awaitable<Result<json>> test_approval_rules(json request) override;
  awaitable<Result<std::vector<Event>>> events(std::string agent, std::int64_t cursor, int limit) override;
  std::int64_t last_event(std::string const& agent) const override;
  awaitable<Result<json>> check_log() override;
  awaitable<bool> wait_events(std::string agent, std::int64_t cursor, Clock::time_point deadline) override;
  /// shared/team/k exists, with version 7; shared/team/full has no room.
  awaitable<Result<json>> memory_scopes() override;
  awaitable<Result<json>> memory_ids(std::string scope, control::MemoryPage page) override;
  awaitable<Result<json>> memory_entries(std::string scope, std::string id, control::MemoryPage page) override;
  awaitable<Result<json>> memory_entry(MemoryAddress address) override;
  awaitable<Result<control::MemoryWritten>> put_memory(MemoryAddress address, json value,
                                                       control::MemoryCondition condition) override;
  awaitable<Result<json>> remove_memory(MemoryAddress address, control::MemoryCondition condition) override;
  /// whk_1 exists, with the delivery msg_1.
  awaitable<Result<json>> add_schedule(Principal who, json request, IdempotencyKey key) override;
  awaitable<Result<json>> schedules(Principal who, Page page) override;
  awaitable<Result<json>> schedule(Principal who, std::string id) override;
  awaitable<Result<json>> pause_schedule(Principal who, std::string id, bool paused) override;
  awaitable<Result<json>> remove_schedule(Principal who, std::string id) override;
  awaitable<Result<json>> run_schedule(Principal who, std::string id) override;
  awaitable<Result<json>> add_webhook(Principal who, json request) override;
  awaitable<Result<json>> webhooks(Principal who, Page page) override;
  awaitable<Result<json>> webhook(Principal who, std::string id) override;
  awaitable<Result<json>> remove_webhook(Principal who, std::string id) override;
  awaitable<Result<json>> webhook_deliveries(Principal who, std::string id, Page page) override;
  awaitable<Result<json>> redeliver(Principal who, std::string id, std::string delivery) override;
  /// Output "f00" is "<b>" in "a b.html"; "broken" breaks off. The archive is endless until its client goes.
  awaitable<Result<json>> outputs(std::string session, control::OutputQuery query) override;
  awaitable<Result<control::Download>> output(std::string session, std::string id) override;
  awaitable<Result<control::Download>> archive(std::string session) override;
  int archives_ended = 0;
  awaitable<Result<json>> search(Principal who, control::SearchRequest request) override;
  /// skl_1 exists; its content comes under the name same.
  awaitable<Result<control::SkillAdded>> add_skill(control::NewSkill skill) override;
  awaitable<Result<json>> skills(control::SkillFilter filter) override;
  awaitable<Result<json>> skill(std::string id) override;
  awaitable<Result<json>> remove_skill(std::string id) override;
  awaitable<Result<json>> users(Page page) override;
  awaitable<Result<json>> worktrees() override;
  awaitable<Result<json>> worktree_diff(std::string agent) override;
  awaitable<Result<json>> finish_worktree(std::string agent, json body) override;
  /// snp_1 exists; the label "full" has no room; what is restored from /newer is newer than what is known.
  awaitable<Result<json>> create_snapshot(json request) override;
  awaitable<Result<json>> snapshots(std::string label_contains, int limit) override;
  awaitable<Result<json>> snapshot(std::string id) override;
  awaitable<Result<std::unique_ptr<control::SnapshotDocument>>> export_snapshot(std::string id) override;
  awaitable<Result<void>> remove_snapshot(std::string id) override;
  awaitable<Result<json>> restore_snapshot(json request) override;
  /// The hook "known" exists; its owner "old" has one already, "full" gets none.
  awaitable<Result<control::ToolHookAdded>> add_tool_hook(json hook) override;
  awaitable<Result<json>> tool_hooks() override;
  awaitable<Result<json>> remove_tool_hook(std::string id) override;
  /// The account "known" exists.
  awaitable<Result<json>> usage(std::string by, std::string since) override;
  awaitable<Result<json>> budgets() override;
  awaitable<Result<json>> notify_rules() override;
  awaitable<Result<json>> test_notify(std::string name) override;
  awaitable<Result<json>> raise_budget(std::string name, json amount) override;
  awaitable<Result<json>> limits() override;
  awaitable<Result<json>> release_limit(std::string account) override;
  awaitable<Result<json>> hold_limit(std::string account, std::string reason) override;
  awaitable<Result<json>> forget_limit(std::string account) override;

 private:
  void record(std::string line);
  awaitable<bool> wait_for_release(milliseconds patience);

  mutable std::mutex mutex_;
  std::vector<std::string> calls_;  ///< under mutex_
  std::vector<Event> log_;
  std::map<std::pair<std::string, std::string>, control::KeptAnswer> kept_;
  Notifier events_, waits_;
};

}  // namespace ar::test
