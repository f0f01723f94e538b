#include "daemon/daemon.hpp"

#include "adapters/registry.hpp"
#include "base/ids.hpp"
#include "base/instance.hpp"
#include "base/kernel.hpp"
#include "base/log.hpp"
#include "base/loop_lag.hpp"
#include "base/sha256.hpp"
#include "base/suggest.hpp"
#include "base/version.hpp"
#include "control/server.hpp"
#include "daemon/agent/approval_rules.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/agent/descriptor_budget.hpp"
#include "daemon/agent/lineage.hpp"
#include "daemon/agent/restart_policy.hpp"
#include "daemon/api/daemon_api.hpp"
#include "daemon/config/bus_config.hpp"
#include "daemon/config/config.hpp"
#include "daemon/config/launch_environment.hpp"
#include "daemon/fleet/runtime_pause.hpp"
#include "daemon/limits/account_notes.hpp"
#include "daemon/limits/accounts.hpp"
#include "daemon/limits/budgets.hpp"
#include "daemon/metrics/metrics.hpp"
#include "daemon/notify/notifications.hpp"
#include "daemon/outbox/http_sender.hpp"
#include "daemon/outbox/outbox.hpp"
#include "daemon/resources/agent_groups.hpp"
#include "daemon/runtime/folder_keeper.hpp"
#include "daemon/runtime/instance_lock.hpp"
#include "daemon/runtime/program.hpp"
#include "daemon/runtime/serve_relay.hpp"
#include "daemon/runtime/service_manager.hpp"
#include "daemon/schedule/schedules.hpp"
#include "daemon/search/indexer.hpp"
#include "daemon/search/search_index.hpp"
#include "daemon/snapshot/snapshots.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/message_files.hpp"
#include "daemon/store/removed.hpp"
#include "daemon/store/retention.hpp"
#include "daemon/store/runtime_state.hpp"
#include "daemon/store/skill_store.hpp"
#include "daemon/store/tables/fact_table.hpp"
#include "daemon/tools/tool_hooks.hpp"
#include "model/provider.hpp"
#include "relay/first_token.hpp"
#include "relay/open_bus.hpp"
#include "terminal/tmux/tmux_host.hpp"
#include "terminal/tmux/version.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <unistd.h>

namespace fs = std::filesystem;

namespace ar::daemon {
namespace {

std::string joined(std::vector<std::string> const& words) {
  std::string line;
  for (auto const& word : words) line += (line.empty() ? "" : ", ") + word;
  return line;
}

/// plugins/ lie beside the installed programs, or beside the build's.
fs::path share_dir() { return executable_dir().parent_path() / "share" / "agent-runner"; }

/// Agents know both ports from their environment: they should be the same after a restart. 0: there was none.
awaitable<std::uint16_t> last_port(Journal& journal, std::string fact) {
  auto query = [fact = std::move(fact)](Database& db) -> Result<std::int64_t> {
    return std::atoll(FactTable(db).get(fact).c_str());
  };
  auto port = co_await journal.read(std::move(query));
  co_return static_cast<std::uint16_t>(port && *port > 0 && *port < 65536 ? *port : 0);
}

constexpr std::size_t kThreads = 4;        ///< of each pool: so many slow agents hold up no other
constexpr std::size_t kOutputThreads = 2;  ///< of what reads and compresses a lot

/// In AGENT_RUNNER_LOOP_FAULT_MS: the tests' daemons look often, and a thread that stands still so long is a fault.
LoopLag make_loop_lag() {
  auto const environment = own_environment();
  auto const set = environment.find("AGENT_RUNNER_LOOP_FAULT_MS");
  if (set == environment.end()) return {std::chrono::seconds(5), milliseconds(0)};
  return {milliseconds(5), milliseconds(std::atoll(set->second.c_str()))};
}

/// In AGENT_RUNNER_LEAST_INTERVAL_MS: the tests' schedules are due more often than people's may be.
ScheduleLimits schedule_limits() {
  ScheduleLimits limits;
  auto const environment = own_environment();
  if (auto const set = environment.find("AGENT_RUNNER_LEAST_INTERVAL_MS"); set != environment.end())
    limits.least_interval = milliseconds(std::max(1LL, std::atoll(set->second.c_str())));
  return limits;
}

/// What tells this installation from others on this machine.
std::string installation_of(fs::path const& state_dir) {
  std::error_code ec;
  Sha256 hash;
  hash.add(fs::weakly_canonical(state_dir, ec).string());
  return hash.hex().substr(0, 8);
}

/// Besides the agents' own time, when they are to stop.
constexpr auto kLongestEnd = std::chrono::seconds(20);

/// Everything that lives as long as the daemon runs; the io_context outlives it.
class Daemon final : public Program {
 public:
  Daemon(net::io_context& io, InstanceLock const& lock, Paths const& paths, Config const& config,
         std::function<void()> on_ready)
      : Program(io.get_executor()),
        io_(io),
        lock_(lock),
        paths_(paths),
        config_(config),
        on_ready_(std::move(on_ready)),
        service_manager_(io.get_executor(), own_environment(), on_death_of("service manager's part")),
        tasks_(io.get_executor(), "daemon"),
        reloading_(io.get_executor()),
        groups_(io.get_executor(), installation_of(paths.state_dir)) {}

  awaitable<Result<void>> serve() override {
    auto started = co_await start();
    if (!started) {
      service_manager_.status(started.error().message);
      co_return started.error();
    }
    if (service_manager_.present()) tasks_.spawn("status", show_status());
    tasks_.spawn("loop lag", loop_lag_.watch());
    serving_ = true;
    service_manager_.ready();
    on_ready_();
    auto ended = co_await until_stopped();
    service_manager_.stopping();
    co_return ended;
  }

  awaitable<void> end(bool served_well) override {
    serving_ = false;
    co_await stop(served_well);
    co_await service_manager_.stop();
  }

  Clock::duration longest_end() const override {
    return kLongestEnd + std::chrono::milliseconds(stop_agents_ ? config_.shutdown_timeout_ms : 0);
  }

  void reload() override {
    if (serving_) tasks_.spawn("reload", reload_by_signal());
  }

  void stop_with(bool agents) {
    stop_agents_ = stop_agents_ || agents;
    ask_to_stop();
  }

 private:
  ApprovalPolicy approval_policy() const {
    return {std::chrono::seconds(config_.approval_deadline_s), config_.approval_at_deadline == "deny"};
  }

  RetentionLimits retention_limits() const {
    RetentionLimits limits;
    limits.events = std::chrono::days(config_.event_retention_days);
    limits.most_events = config_.most_events;
    limits.history = std::chrono::days(config_.history_retention_days);
    limits.most_history = config_.most_history;
    return limits;
  }

  awaitable<void> reload_by_signal() {
    auto const taken = co_await reload_config();
    if (!taken) spdlog::error("the configuration stays as it is: {}", taken.error().message);
  }

  /// What is read at its use is in force with that; the rest is told here. An error: nothing has changed.
  awaitable<Result<std::vector<Config::Change>>> reload_config() {
    auto const lock = co_await reloading_.lock();
    auto job = [file = paths_.config_file]() -> Result<Config> {
      auto fresh = Config::load(file);
      if (!fresh) return fresh;
      if (auto const right = check_providers(*fresh); !right) return right.error();
      return fresh;
    };
    auto fresh = co_await own_files_.run(std::move(job));
    if (!fresh) co_return fresh.error();
    auto changes = config_.take(std::move(*fresh));
    set_log_level(config_.log_level);
    approvals_->set_policy(approval_policy());
    retention_->set_limits(retention_limits());
    budgets_->set(config_.budgets);
    notifications_->set(config_.notify);
    std::vector<std::string> taken, left;
    for (auto const& change : changes) (change.live ? taken : left).push_back(change.key);
    spdlog::info("the configuration was read again: {} values are new; {}", taken.size(),
                 left.empty() ? "none needs a restart" : "these need a restart: " + joined(left));
    events_->append("", "config.reloaded", {{"changed", taken}, {"restart", left}});
    co_return changes;
  }

  awaitable<Result<void>> start() {
    auto const executor = io_.get_executor();
    if (auto made = make_socket_folders(); !made) co_return made.error();
    auto journal = Journal::open(executor, paths_.state_dir / "journal.db", on_death_of("journal"));
    if (!journal) co_return journal.error();
    journal_ = std::move(*journal);
    auto const instance_id = new_uuid();
    auto bus_settings = bus_config(config_, paths_, instance_id);
    bus_settings.on_death = on_death_of("bus");
    auto bus = relay::open_bus(executor, bus_settings);
    if (!bus) co_return bus.error();
    bus_ = std::move(bus->bus);
    if (bus->embedded) {
      auto served = co_await serve_relay(*bus->embedded, paths_, served_relay(config_), on_death_of("relay"));
      if (!served) co_return served.error();
      relay_server_ = std::move(*served);
    }
    events_.emplace(executor, *journal_);
    auto loaded = co_await events_->load();
    if (!loaded) co_return loaded.error();
    sender_.emplace(executor, [this](std::string const& owner) { return config_.allows_private_addresses(owner); });
    outbox_.emplace(executor, *journal_, *events_, *sender_);
    if (auto read = co_await outbox_->load(); !read) co_return read.error();
    approvals_.emplace(executor, *journal_, *events_, lineage_, approval_policy());
    auto known = co_await approvals_->load();
    if (!known) co_return known.error();
    approval_rules_.emplace(executor, *journal_, *events_, config_);
    if (auto read = co_await approval_rules_->load(); !read) co_return read.error();
    approvals_->use(*approval_rules_);
    tool_hooks_.emplace(executor, *journal_, *events_, files_, paths_.tool_hooks_file());
    if (auto read = co_await tool_hooks_->load(); !read) co_return read.error();

    co_await groups_.open(service_manager_.present());
    groups_.watch().start(on_death_of("watch over the agents' control groups"));
    terminal::TmuxOptions options;
    options.socket = paths_.tmux_socket();
    options.record = paths_.state_dir / "tmux-server";
    options.launcher = executable_dir() / "agent-runner-launch";
    options.own_scope = service_manager_.present();
    options.on_death = on_death_of("watch over the terminals");
    auto host = co_await terminal::TmuxHost::open(executor, std::move(options));
    if (!host) co_return host.error();
    host_ = std::move(*host);

    auto const port = co_await last_port(*journal_, FactTable::kControlPort);
    auto const relay_port = co_await last_port(*journal_, FactTable::kRelayPort);
    deliveries_changed_.emplace(executor);
    store_.emplace(*bus_, *journal_, *events_);
    if (auto read = co_await store_->load(); !read) co_return read.error();
    runtime_.emplace(executor, *journal_);
    if (auto read = co_await runtime_->load(); !read) co_return read.error();
    skills_.emplace(executor, *journal_, files_, paths_.state_dir / "skills");
    if (auto tidied = co_await skills_->load(); !tidied) co_return tidied.error();
    removed_.emplace(*journal_, [this] { return std::chrono::days(config_.history_retention_days); });
    if (auto read = co_await removed_->load(); !read) co_return read.error();
    accounts_.emplace(executor, *journal_, *events_, files_, [this] { return config_.limits_margin_s; });
    if (auto read = co_await accounts_->load(); !read) co_return read.error();
    budgets_.emplace(executor, *journal_, *events_);
    if (auto read = co_await budgets_->load(config_.budgets); !read) co_return read.error();
    services_.emplace(Services{executor,
                               config_,
                               paths_,
                               *journal_,
                               *events_,
                               *approvals_,
                               lineage_,
                               *bus_,
                               *store_,
                               *runtime_,
                               *outbox_,
                               *skills_,
                               *removed_,
                               *accounts_,
                               *budgets_,
                               *host_,
                               groups_,
                               *deliveries_changed_,
                               files_,
                               outputs_,
                               launches_,
                               adapters_,
                               executable_dir(),
                               share_dir(),
                               brake_,
                               descriptors_,
                               instance_id,
                               [this] { return server_ ? static_cast<int>(server_->port()) : 0; },
                               [this] { return relay_port_; },
                               on_death_of("watch over the agents' memory")});
    supervisor_.emplace(*services_);
    pause_.emplace(*services_, *supervisor_, on_death_of("pause of the runtime"));
    auto tell = [this](Approval const& approval) {
      if (approval.request.kind == adapters::ApprovalRequest::Kind::budget) return answer_budget(approval);
      if (auto const agent = supervisor_->find(approval.agent)) agent->answer(approval);
    };
    approvals_->watch_families([this](std::string const& ancestor) {
      if (auto const agent = supervisor_->find(ancestor)) agent->family_changed();
    });
    approvals_->start(std::move(tell), on_death_of("watch over approvals"));
    search_index_.emplace(paths_.state_dir / "search.db");
    indexer_.emplace(*services_, *supervisor_, *search_index_);
    schedules_.emplace(executor, *journal_, *events_, schedule_limits());
    notice_sender_.emplace(executor);
    notifications_.emplace(executor, *journal_, *events_, *notice_sender_, [this](std::string const& id) {
      auto const agent = supervisor_->find(id);
      return agent ? agent->spec().tags : std::vector<std::string>();
    });
    metrics_.emplace(*services_, *supervisor_, loop_lag_);
    snapshots_.emplace(*services_, *supervisor_, *tool_hooks_);
    if (auto swept = co_await snapshots_->sweep(); !swept) co_return swept.error();
    api_.emplace(
        *services_, *supervisor_, *pause_, *approval_rules_, *tool_hooks_, *snapshots_, *schedules_, *notifications_,
        *indexer_, *search_index_, bus->embedded, relay_server_ ? relay_server_->uploads() : uploads_, loop_lag_, *metrics_,
        [this](bool agents) { stop_with(agents); }, [this] { return reload_config(); });
    auto recognised = co_await know_operator(bus->embedded != nullptr);
    if (!recognised) co_return recognised.error();
    if (bus->embedded)
      bus->embedded->watch_revocations([this](std::vector<std::string> const& hashes) {
        supervisor_->tokens_revoked(hashes);
        if (api_->access().operator_revoked(hashes)) tasks_.spawn("operator's token", replace_operator_token());
      });
    control::ServerConfig server_config;
    server_config.limits.check_answers = own_environment().contains("AGENT_RUNNER_CHECK_ANSWERS");
    server_config.socket = paths_.control_socket();
    server_config.agents_socket = paths_.agents_socket();
    server_config.tcp = config_.tcp;
    server_config.port = config_.tcp_port > 0 ? static_cast<std::uint16_t>(config_.tcp_port) : port;
    if (auto const has = descriptors_of(::getpid()))
      server_config.limits.connections = DescriptorBudget::connections(has->limit, server_config.limits.connections);
    server_config.on_death = on_death_of("control server");
    server_ = std::make_unique<control::ControlServer>(executor, api_->topics(), std::move(server_config));
    auto served = server_->start();
    if (!served) co_return served.error();
    if (config_.tcp && relay_server_) {
      if (auto opened = open_relay_to_agents(relay_port); !opened) co_return opened.error();
    }
    if (config_.tcp)
      journal_->write([control = std::to_string(server_->port()), relay = std::to_string(relay_port_)](Database& db) {
        FactTable(db).put(FactTable::kControlPort, control);
        FactTable(db).put(FactTable::kRelayPort, relay);
      });
    if (auto told = lock_.announce(paths_.control_socket()); !told) co_return told.error();
    tasks_.spawn_vital("sockets",
                       keep_folders({paths_.runtime_dir, paths_.agents_dir()}, [this] { return restore_sockets(); }),
                       on_death_of("watch over the sockets"));
    events_->append("", "daemon.started", {{"version", kVersion}, {"pid", ::getpid()}});
    account_notes_.emplace(executor, *accounts_, *bus_, relay::machine_name());
    account_notes_->start(on_death_of("accounts of other daemons"));
    auto taken = co_await supervisor_->take_over();
    if (!taken) co_return taken.error();
    supervisor_->recovery().start(on_death_of("report of the recovery"));
    accounts_->start(on_death_of("watch over accounts"));
    budgets_->start(ask_about_budgets(), on_death_of("watch over budgets"));
    api_->access().open();
    outbox_->start(on_death_of("outbox"));
    schedules_->start([this](DueWork work) { return api_->scheduled_work().carry_out(std::move(work)); },
                      on_death_of("schedules"));
    metrics_->start(on_death_of("metrics"));
    notifications_->start(config_.notify, on_death_of("notifications"));
    indexer_->start(on_death_of("search index"));
    auto const messages_of = [this](std::string const& agent) { return message_files_dir(paths_, agent); };
    auto const pruned = [this](std::string const& id) {
      if (auto const agent = supervisor_->find(id)) agent->outputs().tidy();
    };
    retention_.emplace(executor, *journal_, own_files_, messages_of, retention_limits(), Random(), pruned);
    retention_->start(on_death_of("removal of what is old"));
    spdlog::info("ready: {} agents, control socket {}, {}", supervisor_->agents().size(),
                 paths_.control_socket().string(),
                 config_.tcp ? "port " + std::to_string(server_->port()) : std::string("no port"));
    co_return Result<void>();
  }

  /// Of no agent: only the operator answers.
  Budgets::People ask_about_budgets() {
    auto ask = [this](Budgets::Question question) {
      adapters::ApprovalRequest request;
      request.key = std::move(question.key);
      request.kind = adapters::ApprovalRequest::Kind::budget;
      request.summary = adapters::one_line(question.text);
      request.input = {{"budget", std::move(question.budget)}};
      adapters::Question choice;
      choice.id = "budget";
      choice.text = std::move(question.text);
      choice.options = {{Budgets::kRaise}, {Budgets::kOnceMore}, {Budgets::kStop}};
      request.questions.push_back(std::move(choice));
      request.choices = {adapters::Decision::answer};
      approvals_->asked({}, "", std::move(request), true);
    };
    return {std::move(ask), [this](std::string const& key) { approvals_->withdraw("", key); }};
  }

  void answer_budget(Approval const& approval) {
    auto const& answers = approval.answer.answers;
    if (!answers.empty() && !answers.front().empty()) budgets_->answered(approval.request.key, answers.front().front());
  }

  /// The operator's token: one that the bus knows, if that is this daemon's own.
  awaitable<Result<void>> know_operator(bool embedded) {
    auto token = embedded ? co_await relay::first_token(*bus_, paths_.operator_token(), "operator")
                          : relay::local_token(paths_.operator_token());
    if (!token) co_return token.error();
    std::optional<WallTime> end;
    if (embedded) {
      auto const info = co_await bus_->check_token(*token);
      if (!info) co_return info.error();
      end = info->expires_at;
    }
    api_->access().set_operator_token(std::move(*token), end);
    co_return Result<void>();
  }

  /// It was revoked: the file holds a good one again at once.
  awaitable<void> replace_operator_token() {
    auto const known = co_await know_operator(true);
    if (known)
      spdlog::warn("the operator's token was revoked; a new one is in {}", paths_.operator_token().string());
    else
      spdlog::error("the operator's token was revoked, and there is no new one: {}", known.error().message);
  }

  Result<void> make_socket_folders() {
    auto made = make_private_dir(paths_.runtime_dir);
    return made ? make_private_dir(paths_.agents_dir()) : made;
  }

  /// Where their programs speak to the relay by their own tokens. `port`: if nobody else has it meanwhile.
  Result<void> open_relay_to_agents(std::uint16_t port) {
    auto door = relay_server_->open_tcp("127.0.0.1", port, {});
    if (!door && port > 0) door = relay_server_->open_tcp("127.0.0.1", 0, {});
    if (!door) return door.error();
    relay_port_ = *door;
    return {};
  }

  /// Somebody may have removed them.
  /// False: the whole installation has gone.
  bool restore_sockets() {
    if (!lock_.is_held()) {
      fail(unavailable("installation_gone", paths_.state_dir.string() + " was removed or moved away"));
      return false;
    }
    (void)make_socket_folders();  // what is wrong with them the sockets will say
    server_->restore_sockets();
    if (relay_server_) relay_server_->restore_sockets();
    host_->restore_socket();
    tasks_.spawn("tool hooks' file", tool_hooks_->restore_file());
    return true;
  }

  /// Keeps the service manager's line about us true.
  awaitable<void> show_status() {
    for (;;) {
      auto const seen = events_->last();
      auto const& agents = supervisor_->agents();
      auto const running =
          std::ranges::count_if(agents, [](auto const& entry) { return !is_at_rest(entry.second->state()); });
      service_manager_.status(std::to_string(agents.size()) + (agents.size() == 1 ? " agent, " : " agents, ") +
                              std::to_string(running) + " running" + (runtime_->is_paused() ? ", paused" : ""));
      (void)co_await events_->wait("", seen, Clock::time_point::max());
    }
  }

  awaitable<void> stop(bool served_well) {
    co_await tasks_.stop();
    if (retention_) co_await retention_->stop();
    if (server_) co_await server_->stop();
    if (schedules_) co_await schedules_->stop();
    if (notifications_) co_await notifications_->stop();
    if (metrics_) co_await metrics_->stop();
    if (indexer_) co_await indexer_->stop();
    if (approvals_) co_await approvals_->stop();
    if (pause_) co_await pause_->stop();
    if (account_notes_) co_await account_notes_->stop();
    if (accounts_) co_await accounts_->stop();
    if (budgets_) co_await budgets_->stop();
    if (supervisor_) co_await supervisor_->shut_down(stop_agents_);
    if (outbox_) co_await outbox_->stop();
    if (host_ && stop_agents_) co_await end_empty_server();
    if (host_) co_await host_->stop();
    if (events_ && served_well) events_->append("", "daemon.stopped");
    if (relay_server_) co_await relay_server_->stop();
    if (bus_) co_await bus_->stop();
    co_await groups_.watch().stop();
    if (journal_) co_await journal_->stop();
    if (served_well) spdlog::info("stopped");
  }

  /// With all agents stopped, the tmux server has nothing left to keep.
  awaitable<void> end_empty_server() {
    auto left = co_await host_->list();
    // Panes of programs that have ended may still be there.
    if (left && std::ranges::none_of(*left, &terminal::FoundTerminal::alive)) (void)co_await host_->kill_server();
  }

  net::io_context& io_;
  InstanceLock const& lock_;
  Paths const& paths_;
  Config config_;
  std::function<void()> on_ready_;
  bool stop_agents_ = false;
  bool serving_ = false;  ///< it has started, and has not begun to end
  ServiceManager service_manager_;
  TaskGroup tasks_;
  AsyncMutex reloading_;
  WorkerPool files_{kThreads}, launches_{kThreads}, outputs_{kOutputThreads};
  Worker own_files_{files_};
  adapters::Adapters const adapters_ = adapters::make_adapters(config_.providers);
  // In the order in which they are made; they end in the opposite one.
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<relay::Bus> bus_;
  std::unique_ptr<relay::RelayServer> relay_server_;
  int relay_port_ = 0;
  std::optional<EventLog> events_;
  std::optional<HttpSender> sender_;
  std::optional<Outbox> outbox_;
  std::optional<KnownStore> store_;
  std::optional<RuntimeState> runtime_;
  std::optional<SkillStore> skills_;
  std::optional<Removed> removed_;
  std::optional<Accounts> accounts_;
  std::optional<AccountNotes> account_notes_;
  std::optional<Budgets> budgets_;
  Lineage lineage_;
  std::optional<ApprovalRules> approval_rules_;
  std::optional<Approvals> approvals_;
  std::optional<ToolHooks> tool_hooks_;
  AgentGroups groups_;
  std::unique_ptr<terminal::TmuxHost> host_;
  std::optional<Notifier> deliveries_changed_;
  RestartRateLimiter brake_;
  DescriptorBudget descriptors_{[] { return descriptors_of(::getpid()); },
                                [this] { return host_ ? host_->descriptors() : std::nullopt; }};
  std::optional<Services> services_;
  std::optional<Supervisor> supervisor_;
  std::optional<RuntimePause> pause_;
  std::optional<SearchIndex> search_index_;
  std::optional<Indexer> indexer_;
  std::optional<Snapshots> snapshots_;
  std::optional<Schedules> schedules_;
  std::optional<RealNoticeSender> notice_sender_;
  std::optional<Notifications> notifications_;
  LoopLag loop_lag_ = make_loop_lag();
  std::optional<Metrics> metrics_;
  relay::Uploads uploads_;  ///< where the bus is served by nobody here
  std::optional<DaemonApi> api_;
  std::optional<Retention> retention_;
  std::unique_ptr<control::ControlServer> server_;
};

}  // namespace

Result<void> run_daemon(Paths const& paths, Config const& config, std::function<void()> on_ready,
                        std::function<void(Error const&)> const& last_words) {
  auto lock = InstanceLock::take(paths.state_dir);
  if (!lock) return lock.error();
  auto const make = [&](net::io_context& io) { return std::make_unique<Daemon>(io, *lock, paths, config, on_ready); };
  return live(make, last_words);
}

Result<void> check_providers(Config const& config) {
  auto const adapters = adapters::make_adapters(config.providers);
  for (auto const& [name, table] : config.providers) {
    auto const key = "providers." + name;
    auto const entry = std::ranges::find(config.explained, key, &Config::Explained::key);
    auto const place = entry == config.explained.end() ? std::string() : entry->origin + ": ";
    auto const adapter = adapters.find(name);
    if (adapter == adapters.end())
      return invalid(key, place + "there is no provider \"" + name + "\"" + suggestion(name, provider_names()) +
                              "; use " + provider_names_in_words());
    auto const good = adapter->second->check_options(table);
    if (!good) return invalid(good.error().field, place + "[" + key + "] " + good.error().message);
  }
  return {};
}

json diagnose(Paths const& paths, Config const& config) {
  json checks = json::array();
  auto const add = [&](adapters::Check const& check) {
    char const* const level = check.level == adapters::Check::Level::ok        ? "ok"
                              : check.level == adapters::Check::Level::warning ? "warning"
                                                                               : "error";
    checks.push_back(
        {{"level", level}, {"subject", check.subject}, {"finding", check.finding}, {"remedy", check.remedy}});
  };
  using Level = adapters::Check::Level;
  if (auto const given = check_kernel(); !given) {  // most of what follows needs it
    add({Level::error, "kernel", given.error().message, ""});
    return {{"checks", std::move(checks)}};
  }
  add({Level::ok, "kernel", "gives all that is needed", ""});
  net::io_context io(1);
  auto ask_tmux = [&]() -> awaitable<void> {
    auto version = co_await terminal::tmux_version(io.get_executor());
    if (version)
      add({Level::ok, "tmux", "version " + *version, ""});
    else
      add({Level::error, "tmux", version.error().message, "apt-get install tmux"});
  };
  net::co_spawn(io, ask_tmux(), [](std::exception_ptr) {});
  io.run();
  auto const running = living_instance(paths.state_dir);
  auto look_at_groups = [&]() -> awaitable<void> {
    auto const daemon = running ? running->pid : ::getpid();
    bool const is_service = environment_of(daemon).value_or(own_environment()).contains("NOTIFY_SOCKET");
    auto const control = co_await find_resource_control(io.get_executor(), daemon, is_service);
    std::string holds;
    for (auto const& [controller, what] : {std::pair{"memory", "memory"}, {"pids", "tasks"}, {"cpu", "processor time"}})
      if (control.can(controller)) holds += (holds.empty() ? "" : ", ") + std::string(what);
    // Without limits there is nothing to hold.
    auto const limits = to_json(config.agent_limits());
    bool const wanted = std::ranges::any_of(limits, [](json const& limit) { return limit != 0; });
    bool const whole = control.controllers.size() == 3;
    add({whole || !wanted ? Level::ok : Level::warning, "resources",
         "agents are kept together by " + std::string(to_string(control.by)) + ": " + control.why +
             "; as a whole they are held to limits of " + (holds.empty() ? "nothing" : holds),
         whole || !wanted ? "" : "give the daemon a user manager of systemd, or a control group with Delegate=yes"});
  };
  io.restart();
  net::co_spawn(io, look_at_groups(), [](std::exception_ptr) {});
  io.run();
  for (auto const& dir : {paths.state_dir, paths.runtime_dir}) {
    auto const made = make_private_dir(dir);
    if (made)
      add({Level::ok, "directory", dir.string() + " is private and writable", ""});
    else
      add({Level::error, "directory", made.error().message, "choose another with --state-dir"});
  }
  std::error_code ec;
  auto const space = fs::space(paths.state_dir, ec);
  if (!ec && space.available < (256U << 20))
    add({Level::warning, "disk", std::to_string(space.available >> 20) + " MiB free for " + paths.state_dir.string(),
         "free some space"});
  else if (!ec)
    add({Level::ok, "disk", std::to_string(space.available >> 20) + " MiB free for " + paths.state_dir.string(), ""});
  std::vector<std::string> programs{"agent-runner", "agent-runner-hook", "agent-runner-launch"};
  for (auto const& provider : kProviders)
    if (!provider.program.empty()) programs.emplace_back(provider.program);
  for (auto const& program : programs) {
    auto const path = executable_dir() / program;
    if (::access(path.c_str(), X_OK) == 0)
      add({Level::ok, program, path.string(), ""});
    else
      add({Level::error, program, path.string() + " is missing", "install agent-runner again"});
  }
  for (auto const& budget : config.budgets)
    if (budget.unit == Budget::Unit::usd)
      add({Level::warning, "budget " + budget.name, "counts USD, and only Claude Code says what its turns cost",
           "give agents of Codex a budget in tokens; agents of the provider command say neither"});
  for (auto const& rule : config.notify)
    if (rule.to == NotifyRule::To::desktop && ::access("/usr/bin/notify-send", X_OK) != 0)
      add({Level::error, "notify " + rule.name, "/usr/bin/notify-send is missing", "apt install libnotify-bin"});
    else if (rule.to == NotifyRule::To::command && ::access(rule.command.front().c_str(), X_OK) != 0)
      add({Level::error, "notify " + rule.name, rule.command.front() + " cannot be run",
           "correct [[notify]] in the configuration"});
  if (!fs::is_directory(share_dir() / "plugins", ec))
    add({Level::error, "plugins", (share_dir() / "plugins").string() + " is missing", "install agent-runner again"});
  // Started from another place, it may have another environment than this shell.
  auto const holder = living_instance(paths.state_dir);
  auto const shell = own_environment().contains("AGENT_RELAY_ID") ? std::map<std::string, std::string>()  // an agent's
                                                                  : own_environment();
  auto const daemons = holder ? environment_of(holder->pid).value_or(shell) : shell;
  for (auto const& [name, adapter] : adapters::make_adapters(config.providers)) {
    auto const found = adapter->doctor(adapters::provider_table(config.providers, name));
    if (found.empty()) continue;  // nobody has it
    for (auto const& variable : not_handed_on(shell, daemons, config.pass_environment, adapter->facts().variables)) {
      auto const never = why_never_passed(variable);
      add({Level::warning, name, variable + " is set in this shell, and agents do not get it from here",
           never.empty()
               ? "name it in agents.pass_environment, then agent-runner down and agent-runner up in this shell"
               : "give it with spawn --env, or as env in [providers." + name + "]"});
    }
    for (auto check : found) {
      // A provider that is not there is only wrong for those who want it.
      if (check.level == Level::error && name != config.default_provider) check.level = Level::warning;
      add(check);
    }
  }
  return {{"checks", std::move(checks)}};
}

}  // namespace ar::daemon
