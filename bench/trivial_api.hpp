// A control server over a daemon that does nothing, on a thread of its own: what a request costs by itself.
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
#include "control/server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>

namespace ar::bench {

class TrivialApi final : public control::Authenticator,
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
  control::Api topics() {
    return {*this, *this, *this, *this, *this, *this, *this, *this, *this, *this, *this, *this,
            *this, *this, *this, *this, *this, *this, *this, *this, *this, *this, *this, *this};
  }
  Result<Principal> authenticate(std::string_view) override { return Principal{Principal::Kind::operator_}; }
  bool is_descendant(std::string const&, std::string const&) const override { return false; }
  awaitable<Result<json>> agent(std::string id) override {
    json shown{{"id", std::move(id)}, {"provider", "claude"}, {"state", "idle"},       {"reason", "turn ended"},
               {"label", "builder"},  {"queue", 0},           {"tags", json::array()}, {"cwd", "/srv/project"}};
    co_return ok(std::move(shown));
  }
  awaitable<Result<json>> hook(Principal, std::string event, std::string, json) override {
    json output{{"hookSpecificOutput", {{"hookEventName", std::move(event)}, {"additionalContext", "nothing new"}}}};
    co_return ok(std::move(output));
  }

  awaitable<Result<std::string>> metrics() override { co_return absent(); }
  awaitable<Result<json>> info() override { return none(); }
  awaitable<Result<json>> configuration() override { return none(); }
  awaitable<Result<json>> reload_configuration() override { return none(); }
  awaitable<Result<json>> bus() override { return none(); }
  awaitable<Result<json>> shut_down(bool) override { return none(); }
  awaitable<Result<json>> runtime() override { return none(); }
  awaitable<Result<json>> recovery() override { return none(); }
  awaitable<Result<std::int64_t>> pause(json) override { co_return absent(); }
  awaitable<Result<json>> wait_paused(std::int64_t) override { return none(); }
  awaitable<Result<json>> resume() override { return none(); }
  awaitable<Result<control::Spawned>> spawn(Principal, json, IdempotencyKey) override { co_return absent(); }
  awaitable<Result<json>> agents(Principal, Page) override { return none(); }
  awaitable<Result<json>> remove_agent(std::string) override { return none(); }
  awaitable<Result<json>> act(std::string, std::string, json) override { return none(); }
  Result<json> report_status(std::string const&, json const&) override { return absent(); }
  awaitable<Result<json>> screen(std::string) override { return none(); }
  awaitable<Result<json>> attach(std::string) override { return none(); }
  awaitable<Result<json>> inbox(std::string) override { return none(); }
  awaitable<Result<json>> turns(std::string, Page) override { return none(); }
  awaitable<Result<json>> transcript(std::string, Page) override { return none(); }
  awaitable<Result<json>> workspace(std::string) override { return none(); }
  awaitable<Result<json>> send(Principal, json) override { return none(); }
  awaitable<Result<json>> messages(Principal, Page) override { return none(); }
  Result<void> check_store(std::string const&) const override { return {}; }
  awaitable<Result<json>> message(Principal, std::int64_t) override { return none(); }
  awaitable<Result<json>> wait_message(Principal, std::int64_t, std::string, milliseconds) override { return none(); }
  awaitable<Result<json>> react(Principal, std::int64_t, std::string) override { return none(); }
  awaitable<Result<json>> read(Principal, std::int64_t) override { return none(); }
  awaitable<Result<std::string>> body(Principal, std::int64_t) override { co_return absent(); }
  awaitable<Result<json>> dead_letters(Page) override { return none(); }
  awaitable<Result<json>> proof(std::int64_t, std::string) override { return none(); }
  awaitable<Result<json>> settle(std::int64_t, std::string, bool) override { return none(); }
  awaitable<Result<json>> requeue(std::int64_t) override { return none(); }
  awaitable<Result<json>> put_attachment(Principal, std::string, std::string, std::string) override { return none(); }
  awaitable<Result<std::string>> attachment(Principal, std::string, std::int64_t) override { co_return absent(); }
  awaitable<Result<json>> ask(Principal, std::string, std::string, json) override { return none(); }
  void ask_left(Principal const&, std::string const&, std::string const&) override {}
  awaitable<Result<json>> approvals(Page) override { return none(); }
  awaitable<Result<json>> approval(std::int64_t) override { return none(); }
  awaitable<Result<json>> decide(std::int64_t, json, std::string) override { return none(); }
  awaitable<Result<json>> approval_rules() override { return none(); }
  awaitable<Result<json>> add_approval_rule(json) override { return none(); }
  awaitable<Result<json>> remove_approval_rule(std::string) override { return none(); }
  awaitable<Result<json>> test_approval_rules(json) override { return none(); }
  awaitable<Result<std::vector<Event>>> events(std::string, std::int64_t, int) override { co_return absent(); }
  std::int64_t last_event(std::string const&) const override { return 0; }
  awaitable<Result<json>> check_log() override { return none(); }
  awaitable<bool> wait_events(std::string, std::int64_t, Clock::time_point) override { co_return false; }
  awaitable<Result<std::optional<control::KeptAnswer>>> answer_of(std::string, std::string) override {
    co_return std::optional<control::KeptAnswer>();
  }
  awaitable<control::HashedBytes> hash(std::string bytes) override {
    control::HashedBytes hashed{bytes, sha256_hex(bytes)};
    co_return hashed;
  }
  awaitable<Result<void>> keep(std::string, std::string, control::KeptAnswer) override { co_return absent(); }
  awaitable<Result<void>> check_input(Principal, control::SessionInput const&) override { co_return Result<void>(); }
  awaitable<Result<control::OpenedSession>> open(Principal, json, IdempotencyKey) override { co_return absent(); }
  awaitable<Result<json>> sessions(Principal, Page) override { return none(); }
  awaitable<Result<json>> session(std::string) override { return none(); }
  awaitable<Result<control::SentInput>> send(Principal, std::string, control::SessionInput, IdempotencyKey) override {
    co_return absent();
  }
  awaitable<Result<json>> result_of(Principal, std::string, std::int64_t) override { return none(); }
  awaitable<Result<json>> cancel(std::string, std::string) override { return none(); }
  awaitable<Result<json>> close(std::string) override { return none(); }
  awaitable<Result<json>> take_back(std::string) override { return none(); }
  awaitable<Result<json>> outputs(std::string, control::OutputQuery) override { return none(); }
  awaitable<Result<control::Download>> output(std::string, std::string) override { co_return absent(); }
  awaitable<Result<control::Download>> archive(std::string) override { co_return absent(); }
  awaitable<Result<json>> memory_scopes() override { return none(); }
  awaitable<Result<json>> memory_ids(std::string, control::MemoryPage) override { return none(); }
  awaitable<Result<json>> memory_entries(std::string, std::string, control::MemoryPage) override { return none(); }
  awaitable<Result<json>> memory_entry(MemoryAddress) override { return none(); }
  awaitable<Result<control::MemoryWritten>> put_memory(MemoryAddress, json, control::MemoryCondition) override {
    co_return absent();
  }
  awaitable<Result<json>> remove_memory(MemoryAddress, control::MemoryCondition) override { return none(); }
  awaitable<Result<json>> add_schedule(Principal, json, IdempotencyKey) override { return none(); }
  awaitable<Result<json>> schedules(Principal, Page) override { return none(); }
  awaitable<Result<json>> schedule(Principal, std::string) override { return none(); }
  awaitable<Result<json>> pause_schedule(Principal, std::string, bool) override { return none(); }
  awaitable<Result<json>> remove_schedule(Principal, std::string) override { return none(); }
  awaitable<Result<json>> run_schedule(Principal, std::string) override { return none(); }
  awaitable<Result<json>> add_webhook(Principal, json) override { return none(); }
  awaitable<Result<json>> webhooks(Principal, Page) override { return none(); }
  awaitable<Result<json>> webhook(Principal, std::string) override { return none(); }
  awaitable<Result<json>> remove_webhook(Principal, std::string) override { return none(); }
  awaitable<Result<json>> webhook_deliveries(Principal, std::string, Page) override { return none(); }
  awaitable<Result<json>> redeliver(Principal, std::string, std::string) override { return none(); }
  awaitable<Result<json>> search(Principal, control::SearchRequest) override { return none(); }
  awaitable<Result<control::SkillAdded>> add_skill(control::NewSkill) override {
    co_return control::SkillAdded{json::object()};
  }
  awaitable<Result<json>> skills(control::SkillFilter) override { return none(); }
  awaitable<Result<json>> skill(std::string) override { return none(); }
  awaitable<Result<json>> remove_skill(std::string) override { return none(); }
  awaitable<Result<json>> users(Page) override { return none(); }
  awaitable<Result<json>> worktrees() override { return none(); }
  awaitable<Result<json>> worktree_diff(std::string) override { return none(); }
  awaitable<Result<json>> finish_worktree(std::string, json) override { return none(); }
  awaitable<Result<json>> create_snapshot(json) override { return none(); }
  awaitable<Result<json>> snapshots(std::string, int) override { return none(); }
  awaitable<Result<json>> snapshot(std::string) override { return none(); }
  awaitable<Result<std::unique_ptr<control::SnapshotDocument>>> export_snapshot(std::string) override {
    co_return absent();
  }
  awaitable<Result<void>> remove_snapshot(std::string) override { co_return absent(); }
  awaitable<Result<json>> restore_snapshot(json) override { return none(); }
  awaitable<Result<control::ToolHookAdded>> add_tool_hook(json) override { co_return absent(); }
  awaitable<Result<json>> tool_hooks() override { return none(); }
  awaitable<Result<json>> remove_tool_hook(std::string) override { return none(); }
  awaitable<Result<json>> usage(std::string, std::string) override { return none(); }
  awaitable<Result<json>> budgets() override { return none(); }
  awaitable<Result<json>> notify_rules() override { return none(); }
  awaitable<Result<json>> test_notify(std::string) override { return none(); }
  awaitable<Result<json>> raise_budget(std::string, json) override { return none(); }
  awaitable<Result<json>> limits() override { return none(); }
  awaitable<Result<json>> release_limit(std::string) override { return none(); }
  awaitable<Result<json>> hold_limit(std::string, std::string) override { return none(); }
  awaitable<Result<json>> forget_limit(std::string) override { return none(); }

 private:
  static Error absent() { return not_found("absent", "this daemon does nothing"); }
  static awaitable<Result<json>> none() { co_return absent(); }
};

class BenchServer {
 public:
  BenchServer() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ar-bench-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
    dir_ = pattern;
    control::ServerConfig config;
    config.socket = socket();
    server_ = std::make_unique<control::ControlServer>(io_.get_executor(), daemon_.topics(), config);
    if (auto started = server_->start(); !started) throw std::runtime_error(started.error().message);
    port_ = server_->port();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~BenchServer() {
    net::co_spawn(io_, server_->stop(), net::use_future).get();
    work_.reset();
    thread_.join();
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }
  std::filesystem::path const& dir() const { return dir_; }
  std::filesystem::path socket() const { return dir_ / "control.sock"; }
  std::uint16_t port() const { return port_; }

 private:
  std::filesystem::path dir_;
  TrivialApi daemon_;
  net::io_context io_{1};
  net::executor_work_guard<net::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<control::ControlServer> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace ar::bench
