// One supervised provider CLI: its state machine, its process and session, its deliveries and its face on the bus.
//
// Whatever happens to it (provider events, exits, wishes of people) arrives in one mailbox and is taken one at a time;
// a change of state goes into the journal, then into the event log and onto the bus. io thread only.
#pragma once
#include "adapters/adapter.hpp"
#include "base/async.hpp"
#include "daemon/agent/agent_account.hpp"
#include "daemon/agent/agent_mailbox.hpp"
#include "daemon/agent/agent_process.hpp"
#include "daemon/agent/agent_provider.hpp"
#include "daemon/agent/agent_rest.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/agent/agent_verbs.hpp"
#include "daemon/agent/agent_view.hpp"
#include "daemon/agent/answer_checker.hpp"
#include "daemon/agent/approval.hpp"
#include "daemon/agent/bus_commands.hpp"
#include "daemon/agent/bus_presence.hpp"
#include "daemon/agent/descriptor_budget.hpp"
#include "daemon/agent/provider_retries.hpp"
#include "daemon/agent/restarts.hpp"
#include "daemon/agent/session_callback.hpp"
#include "daemon/agent/stall_watch.hpp"
#include "daemon/agent/token_keeper.hpp"
#include "daemon/agent/usage_meter.hpp"
#include "daemon/delivery/delivery_queue.hpp"
#include "daemon/delivery/turn_tracker.hpp"
#include "daemon/delivery/work.hpp"
#include "daemon/limits/budgets.hpp"
#include "daemon/outputs/output_keeper.hpp"
#include "daemon/services.hpp"
#include "daemon/store/tables/agent_table.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

class Agent;

/// What an agent asks of who has all agents. It outlives them.
class AgentOwner {
 public:
  virtual ~AgentOwner() = default;
  virtual void tokens_changed(Agent const& agent) = 0;
  /// Its descendants are stopped or killed as it is, but those that are detached and theirs.
  virtual awaitable<void> end_descendants(std::string id, std::string verb, json params) = 0;
};

class Agent final : private DeliveryHost,
                    private TurnHost,
                    private PresenceHost,
                    private CommandHost,
                    private TokenHost,
                    private ProcessHost,
                    private VerbHost,
                    private BudgetMember {
 public:
  Agent(Services& services, std::shared_ptr<adapters::Adapter const> adapter, AgentSpec spec, AgentRecord record,
        AgentState state, AgentToken token, AgentOwner& owner);
  ~Agent() override;

  std::string const& id() const { return spec_.id; }
  AgentSpec const& spec() const { return spec_; }
  AgentToken const& token() const { return token_.token(); }
  /// SHA-256 of the tokens by which this agent is known: the present one, and the one its process was started with.
  std::vector<std::string> token_hashes() const;
  /// If that is the hash of the present one.
  void token_revoked(std::string const& hash) { token_.revoke(hash); }
  AgentState state() const override { return state_; }
  DeliveryQueue& queue() { return queue_; }
  bool turn_runs() const { return turns_.running() != nullptr; }
  /// The number of the turn that runs; 0: none.
  std::int64_t running_turn() const { return turn_runs() ? turns_.running()->number : 0; }
  std::string running_turn_id() const { return turn_runs() ? turns_.running()->id : std::string(); }
  Turn const* turn() const { return turns_.running(); }  ///< that runs; null: none
  /// What speaks with its provider; null without a process.
  std::shared_ptr<adapters::ProviderSession> provider() const { return process_.session(); }
  /// A turn runs, or a message is being handed over, which opens one.
  bool is_at_work() const { return turn_runs() || queue_.is_submitting(); }
  Identity identity() const override { return view_.identity(); }
  std::filesystem::path files_dir() const override;

  /// Whether its provider could be started on this machine: CLI there, options right, profile possible if it is strict.
  awaitable<Result<void>> check_launch() const { return provider_.check(); }
  /// A new agent, as the journal is to have it before begin().
  AgentTable::Row prepare(DescriptorBudget::Place place);
  /// Registered on the bus, and started.
  void begin();
  /// After a start of the daemon: goes on from the journal with what the terminals' host has found. `cold_start`: why
  /// no agent's process of before lives, for people; empty: some do.
  awaitable<void> take_over(std::optional<terminal::FoundTerminal> found, std::string cold_start = {});
  /// The daemon ends: lets go of everything and leaves the provider running.
  awaitable<void> let_go();
  /// A part of it has ended by an exception, so that it could be deaf: it goes to `failed`, with its process, and
  /// people are told why.
  void fault(std::string const& part, std::string const& why);
  /// Forgets it everywhere; only when at rest. Says what became of a worktree: {workspace?}. `with_parent`: nobody is
  /// left who could be told what came of it.
  awaitable<Result<json>> erase(bool with_parent = false, std::string finished = {});
  /// That has begun.
  bool is_removing() const { return removing_; }
  /// Until its end the session is shown as `deleting`: the agent is stopped to be removed. Holds nothing of the agent.
  std::shared_ptr<void> begin_closing();

  /// See AgentVerbs. What ends it ends its descendants with it, before and once more after it: it may spawn until then.
  awaitable<Result<json>> act(std::string verb, json params) override;
  /// The same of it alone.
  awaitable<Result<json>> act_alone(std::string verb, json params);
  /// Interrupts its turn and withdraws what waits for it alone: how many turns and messages that were. `why` is for
  /// its events and for who asked; may be empty.
  awaitable<std::int64_t> cancel(std::string why = {});
  /// A hook of its provider. Refuses calls of an earlier process.
  Result<json> hook(std::string const& event, std::string const& provider_session, json const& payload);
  /// The hook by which its provider asks a person; returns with the hook's answer. `call` names it over repetitions.
  awaitable<Result<json>> ask(std::string provider_session, std::string call, json payload);
  /// That hook has gone without an answer.
  void ask_left(std::string const& provider_session, std::string const& call);
  /// Its process says what it is at: {status, ready, work}. Refuses one of an earlier process.
  Result<json> report_status(json const& body);
  /// A decision for its provider.
  void answer(Approval const& approval);
  /// Without a terminal: what the last process left on its own.
  awaitable<Result<terminal::Screen>> screen();
  /// A part of its present conversation: {conversation, rows, cursor, nextCursor?}.
  awaitable<Result<json>> transcript(std::int64_t cursor, int limit);
  /// See StallWatch.
  void waits_for_message(bool whether) { stalls_.waits_for_message(whether); }
  /// See AgentProvider.
  awaitable<std::optional<adapters::RecordLine>> accepting_line(std::string correlation_id) const {
    return provider_.accepting_line(std::move(correlation_id));
  }
  /// Where its conversations are recorded, the present one last; none: its provider keeps no record that can be read.
  struct Conversation {
    std::string id;      ///< empty: nobody knows
    std::string record;  ///< a file, which may not be there yet
  };
  std::vector<Conversation> conversations() const;
  adapters::TranscriptParser transcript_parser() const { return provider_.adapter().transcript_parser(); }
  bool has_terminal() const { return process_.terminal() != nullptr; }
  std::string const& terminal_session() const { return record_.tmux_session; }
  /// And the commands that are open for it.
  awaitable<Result<void>> fetch_unread() override;
  void bus_reached();
  /// The runtime pauses, or goes on.
  void on_pause_changed();
  /// A descendant asks people, or has its answer.
  void family_changed() { publish(); }

  json view() const override { return view_.shown(no_bus()); }
  json session() const;
  OutputKeeper& outputs() { return outputs_; }
  /// Returns when what its turns have used is known, as far as it soon will be.
  awaitable<void> usage_measured() { return usage_.measured(); }
  std::int64_t memory_bytes() const { return view_.memory_bytes(); }
  bool does_nothing() const { return rest_.does_nothing(); }
  /// Its conversation goes on in another process. May read the provider's files, on a thread.
  awaitable<bool> can_resume() const { return provider_.can_resume(); }
  std::int64_t shutdown_timeout_ms() const { return verbs_.shutdown_timeout_ms(); }
  WallTime since() const { return record_.since; }
  WallTime created_at() const { return record_.created_at; }
  /// When its deadline comes; nothing: it has none.
  std::optional<WallTime> deadline() const;

 private:
  // DeliveryHost
  adapters::ProviderSession* ready_session() override;
  std::string not_ready_reason() const override;
  std::string no_bus() const override;
  awaitable<adapters::RecordedOutcome> look_up_outcome(adapters::Prompt prompt) override {
    return provider_.look_up_outcome(std::move(prompt));
  }
  awaitable<std::optional<adapters::TurnEnded>> turn_end(std::vector<std::string> correlation_ids) override {
    return provider_.turn_end(std::move(correlation_ids));
  }
  awaitable<AnswerVerdict> check_answer(std::string schema, std::string answer) override {
    return daemon::check_answer(services_.executor, services_.bin_dir / "agent-runner", std::move(schema),
                                std::move(answer));
  }
  void wanted() override;
  std::string account() const override { return record_.account; }
  Clock::time_point usage_due() const override { return usage_.due(); }
  void login_changed() override { account_.look_again(); }
  void hold_changed() override;
  void ask_to_go_on(std::int64_t turn, std::string const& cut_off_by) override;
  void ask_no_more(std::int64_t turn) override;
  void message_over(Delivery const& delivery) override;
  void store_changed() override;

  // TurnHost
  std::int64_t next_turn_number() override { return ++record_.turns; }
  awaitable<std::optional<adapters::TurnEnded>> recorded_end(Turn turn) override {
    return queue_.outcomes().recorded_end(turn);
  }
  void turn_changed(std::string reason) override;
  void turn_over(Turn const& turn, adapters::TurnEnded const& end) override;
  void look_up_wanted() override { queue_.look_up_wanted(); }

  // PresenceHost
  bool is_ready() const override;
  json meta(bool registration) const override { return view_.meta(registration); }
  void registered() override { queue_.intake().look_again(); }
  bool wants_more() const override { return queue_.intake().wants_more(); }
  awaitable<Result<void>> fetch_more() override { return queue_.intake().fetch_more(identity()); }

  // CommandHost
  awaitable<void> leave_bus() override { return presence_.leave(); }
  awaitable<Result<void>> fetch_commands() override;

  // TokenHost
  bool speaks() const override;
  void token_ended() override;

  // ProcessHost
  void launched(bool resumed) override;
  void launch_failed(Error const& error) override;
  void adopted() override { state_ = AgentState::starting; }  // until the adapter has seen where it stands
  void provider_said(adapters::ProviderEvent event) override { receive(std::move(event)); }
  void exited(terminal::ExitStatus status, std::string provider_session) override {
    receive(ProcessExit{std::move(status), std::move(provider_session)});
  }
  void session_died(std::string const& why) override { fault("session", why); }
  awaitable<void> process_gone() override;
  void ended() override;
  std::vector<adapters::Prompt> open_turn() const override { return queue_.outcomes().open_turn(); }
  void save() override;

  // VerbHost
  void set_end(bool hard, milliseconds patience) override {
    hard_ = hard;
    patience_ = patience;
  }
  void end_again() override;
  Result<void> check_kept() const override;

  // BudgetMember; its account() is DeliveryHost's as well
  std::int64_t turns() const override { return record_.turns; }
  bool hides_cost() const override;
  void budget_changed() override { queue_.outcomes().account_changed(); }

  // several of them
  void token_changed() override;
  bool at_rest() const override { return is_at_rest(state_); }
  Work& work() override { return work_; }
  void work_changed() override { publish(); }

  AgentTable::Row row() const;
  void receive(Mail mail);
  awaitable<void> read_mail();
  awaitable<void> keep_deadline();
  void on_event(adapters::ProviderEvent const& event);
  Result<void> check_hook(std::string const& event, std::string const& provider_session) const;
  bool has_work_left() const;
  void on_ready(adapters::Ready const& ready);
  awaitable<Result<json>> end_stalled(std::int64_t turn, std::string verb, std::string why);

  Result<void> apply(AgentInput input, std::string reason) override;
  /// For as long as the agent is here: what ends by an exception is begun again, after a while or when the agent is.
  void keep_up(DeliveryQueue::Loop loop);
  awaitable<void> begin_again(DeliveryQueue::Loop loop, std::uint64_t decision);
  /// What the agent's state waits for.
  void spawn_vital(std::string name, awaitable<void> task);
  void perform(Action action);
  /// Of what is done later: something else has been decided since.
  bool is_stale(std::uint64_t decision) const { return decision != epoch_; }
  awaitable<json> remove_workspace(std::string finished);
  awaitable<void> terminate(std::uint64_t decision);
  void recover();
  void give_up(std::string const& why);
  awaitable<void> restart_later(milliseconds wait, std::uint64_t decision);
  void wake_if_wanted();
  void join_bus();
  void suspend_at_rest(std::string reason);
  awaitable<Result<json>> end_with_descendants(std::string verb, json params);
  void publish() { presence_.publish(); }
  void note_result(std::string outcome, std::string const& text);
  Error being_removed() const;

  Services& services_;
  AgentSpec const spec_;
  AgentOwner& owner_;
  AgentRecord record_;
  AgentState state_;
  TokenKeeper token_;
  AgentProvider provider_;
  Work work_;

  std::uint64_t epoch_ = 0;        ///< number of the last action; what an earlier one left for later is void
  bool removing_ = false;          ///< erase() has begun: it takes no more orders
  std::weak_ptr<void> closing_{};  ///< see begin_closing()
  bool hard_ = false;              ///< the next terminate kills at once
  milliseconds patience_{};        ///< of the next terminate
  bool letting_go_ = false;
  std::string cold_start_{};  ///< why its process had ended, until the next one's start has been decided
  int being_ended_ = 0;       ///< orders under way that end it and its descendants: until then it takes no work
  int faults_ = 0;            ///< since it was started last

  AgentMailbox mailbox_;
  Notifier changed_;
  TurnTracker turns_;
  DeliveryQueue queue_;
  AgentAccount account_;
  std::shared_ptr<void> budgets_;  ///< its place among those that budgets meet
  AgentProcess process_;
  Restarts restarts_;
  ProviderRetries retries_;
  StallWatch stalls_;
  AgentView view_;
  UsageMeter usage_;
  SessionCallback callback_;
  OutputKeeper outputs_;
  BusPresence presence_;
  AgentRest rest_;
  AgentVerbs verbs_;
  BusCommands commands_;
  std::unique_ptr<relay::Subscription> subscription_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
