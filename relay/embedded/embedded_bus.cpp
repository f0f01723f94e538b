#include "relay/embedded/embedded_bus.hpp"

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/sqlite.hpp"
#include "base/worker.hpp"
#include "relay/embedded/attachments.hpp"
#include "relay/embedded/claims.hpp"
#include "relay/embedded/commands.hpp"
#include "relay/embedded/notes.hpp"
#include "relay/embedded/presence.hpp"
#include "relay/embedded/query.hpp"
#include "relay/embedded/replies.hpp"
#include "relay/embedded/retention.hpp"
#include "relay/embedded/schema.hpp"
#include "relay/embedded/tasks.hpp"
#include "relay/embedded/tokens.hpp"
#include "relay/listeners.hpp"
#include "relay/storage_fault.hpp"
#include "relay/subscribers.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace ar::relay {
namespace {

namespace fs = std::filesystem;
using embedded::BusTime;
using embedded::Changes;
using embedded::Moment;

/// A clean-up that failed (a full disk) is tried again after this, or with the next call.
constexpr auto kRetry = std::chrono::seconds(30);
constexpr std::size_t kMostKnownTokens = 10'000;
constexpr std::size_t kMostTogether = 64;  ///< calls in one commit: the first of them waits for the last
/// A timer is never armed further ahead; nanoseconds overflow after 292 years of retention.
constexpr auto kFarthest = std::chrono::hours(24 * 365);

/// What a job works with. Worker thread only, but for the constants.
struct Core {
  BusLimits const limits;
  fs::path const folder;
  BusTime const time{};
  std::unique_ptr<Database> database;
  std::optional<WallTime> next_due{};
  bool due_is_stale = true;  ///< something was written since next_due was found
  Moment now{};              ///< of the running job
  Changes changes{};         ///< of the running job, once committed
  Database& db() const { return *database; }
  void find_next_due() {
    next_due = embedded::next_due(db(), limits, now);
    due_is_stale = false;
  }
};

template <class T>
using Job = std::function<Result<T>(Core&)>;

/// One job's way through the worker.
struct Passage {
  std::function<void(Core&)> job;  ///< may be run again, when the commit that it was in has failed
  Transaction::Durability durability = Transaction::Durability::at_once;
  Changes due{}, changes{};
  std::optional<Error> clean_up_failed{};
  bool wrote = false;
  bool done = false;  ///< worker thread only

  void look_at_the_time(Core& core) {
    core.now = core.time.now();
    try {
      if (core.due_is_stale) core.find_next_due();
      if (!core.next_due || *core.next_due > core.now.steady) return;
      embedded::remove_files(core.folder, embedded::do_what_is_due(core.db(), core.limits, core.now, due));
      core.find_next_due();
    } catch (SqliteError const& e) {
      clean_up_failed = e.error;
    }
  }
  void do_job(Core& core) {
    core.now = core.time.now();
    core.changes = {};
    auto const before = core.db().total_changes();
    job(core);
    changes = std::move(core.changes);
    wrote = core.db().total_changes() != before;
    core.due_is_stale = core.due_is_stale || wrote;
    done = true;
  }
};

using Passages = std::vector<std::shared_ptr<Passage>>;

/// In one transaction. False: it could not be committed, and nothing of it has happened.
bool pass_together(Core& core, Passages const& passages) {
  using Durability = Transaction::Durability;
  bool const later =
      std::ranges::all_of(passages, [](auto const& passage) { return passage->durability == Durability::later; });
  try {
    Transaction transaction(core.db(), later ? Durability::later : Durability::at_once);
    for (auto const& passage : passages) {
      passage->do_job(core);
      if (!core.db().in_transaction()) return false;  // the disk is full, or fails: that has rolled all of it back
    }
    transaction.commit();
    return true;
  } catch (SqliteError const&) {
    return false;
  }
}

/// When the store has something to do by itself.
struct Due {
  bool is_stale = false;         ///< to be found anew
  std::optional<WallTime> at{};  ///< nothing: only what is written can make something due
  bool operator==(Due const&) const = default;
};

class Implementation final : public EmbeddedBus {
 public:
  Implementation(Executor executor, BusLimits limits, fs::path folder, BusStore store,
                 std::unique_ptr<Database> database, TaskGroup::OnDeath on_death)
      : core_{limits, std::move(folder), {}, std::move(database)},
        store_(std::move(store)),
        due_changed_(executor),
        tasks_(executor, "relay") {
    tasks_.spawn_vital("due", watch_due(), std::move(on_death));
  }

  std::string_view name() const override { return "embedded"; }
  BusLimits const& limits() const override { return core_.limits; }
  std::string transport_state() const override { return "connected"; }
  BusStore const& store() const override { return store_; }
  void watch_store(std::function<void()>) override {}  // it has been reached, and no other will be
  awaitable<void> stop() override { return tasks_.stop(); }
  awaitable<json> status() override {
    Job<json> job = [](Core& core) {
      json counts = json::object();
      embedded::Query row(core.db(), "SELECT state, count(*) FROM messages GROUP BY state");
      while (row.step()) counts[row.text(0)] = row.integer(1);
      return ok(std::move(counts));
    };
    auto const counts = co_await call<json>(std::move(job));
    json shown = {
        {"kind", "embedded"}, {"transport", "connected"}, {"since", to_iso8601(opened_at_)}, {"store", store_.id}};
    if (counts)
      shown["messages"] = *counts;
    else
      shown["lastError"] = {{"code", counts.error().code}, {"message", counts.error().message}};
    storage_.show(shown);
    co_return shown;
  }

  // ---- messages ----
  awaitable<Result<Sent>> send(NewMessage message) override {
    return call<Sent>([message = std::move(message)](Core& core) {
      return embedded::send(core.db(), core.limits, core.now, message, core.changes);
    });
  }
  awaitable<Result<Message>> message(MessageId id) override {
    return call<Message>([id](Core& core) { return embedded::message(core.db(), id); });
  }
  awaitable<Result<std::vector<Message>>> messages(MessageFilter filter) override {
    return call<std::vector<Message>>(
        [filter = std::move(filter)](Core& core) { return embedded::messages(core.db(), filter); });
  }
  awaitable<Result<std::vector<Message>>> unread(Identity who, int limit, MessageId after) override {
    return call<std::vector<Message>>([who = std::move(who), limit, after](Core& core) {
      return embedded::unread(core.db(), core.now, who, limit, after);
    });
  }
  awaitable<Result<void>> mark_read(MessageId id, std::string agent_id) override {
    return call<void>([id, agent_id = std::move(agent_id)](Core& core) {
      return embedded::mark_read(core.db(), core.now, id, agent_id);
    });
  }
  awaitable<Result<void>> react(MessageId id, std::string by, std::string word) override {
    return call<void>([id, by = std::move(by), word = std::move(word)](Core& core) {
      return embedded::react(core.db(), core.now, id, by, word);
    });
  }
  awaitable<Result<std::vector<Reaction>>> reactions(MessageId id) override {
    return call<std::vector<Reaction>>([id](Core& core) { return embedded::reactions(core.db(), id); });
  }
  awaitable<Result<std::vector<Message>>> reply_obligations(std::string agent_id) override {
    return call<std::vector<Message>>(
        [agent_id = std::move(agent_id)](Core& core) { return embedded::reply_obligations(core.db(), agent_id); });
  }
  awaitable<Result<void>> waive_reply(MessageId id, std::string agent_id) override {
    return call<void>(
        [id, agent_id = std::move(agent_id)](Core& core) { return embedded::waive_reply(core.db(), id, agent_id); });
  }

  // ---- claims ----
  awaitable<Result<Claim>> claim(MessageId id, std::string agent_id) override {
    return call<Claim>([id, agent_id = std::move(agent_id)](Core& core) {
      return embedded::claim(core.db(), core.limits, core.now, id, agent_id);
    });
  }
  awaitable<Result<Claim>> renew(MessageId id, std::string token) override {
    return call<Claim>([id, token = std::move(token)](Core& core) {
      return embedded::renew(core.db(), core.limits, core.now, id, token);
    });
  }
  awaitable<Result<void>> release(MessageId id, std::string token, milliseconds delay, Tried tried) override {
    return call<void>([id, token = std::move(token), delay, tried](Core& core) {
      return embedded::release(core.db(), core.limits, core.now, id, token, delay, tried, core.changes);
    });
  }
  awaitable<Result<void>> finish(MessageId id, std::string token) override {
    return call<void>(
        [id, token = std::move(token)](Core& core) { return embedded::finish(core.db(), core.now, id, token); });
  }
  awaitable<Result<std::vector<DeadLetter>>> dead_letters() override {
    return call<std::vector<DeadLetter>>([](Core& core) { return embedded::dead_letters(core.db()); });
  }
  awaitable<Result<void>> requeue(MessageId id) override {
    return call<void>([id](Core& core) { return embedded::requeue(core.db(), core.now, id, core.changes); });
  }

  // ---- tasks ----
  awaitable<Result<Task>> task(std::int64_t id) override {
    return call<Task>([id](Core& core) { return embedded::task(core.db(), id); });
  }
  awaitable<Result<Task>> set_task(Task task) override {
    return call<Task>(
        [task = std::move(task)](Core& core) { return embedded::set_task(core.db(), core.limits, core.now, task); });
  }

  // ---- commands ----
  awaitable<Result<Command>> send_command(std::string type, std::string target, json params,
                                          std::optional<milliseconds> expires_after) override {
    return call<Command>(
        [type = std::move(type), target = std::move(target), params = std::move(params), expires_after](Core& core) {
          return embedded::send_command(core.db(), core.now, type, target, params, expires_after, core.changes);
        });
  }
  awaitable<Result<Command>> command(std::int64_t id) override {
    return call<Command>([id](Core& core) { return embedded::command(core.db(), id); });
  }
  awaitable<Result<std::vector<Command>>> commands_for(std::vector<std::string> targets) override {
    return call<std::vector<Command>>(
        [targets = std::move(targets)](Core& core) { return embedded::commands_for(core.db(), targets); });
  }
  awaitable<Result<Command>> update_command(std::int64_t id, CommandStatus status, json detail) override {
    return call<Command>([id, status, detail = std::move(detail)](Core& core) {
      return embedded::update_command(core.db(), core.now, id, status, detail);
    });
  }

  // ---- presence ----
  awaitable<Result<void>> register_agent(Presence presence) override {
    PresenceChange change{presence.identity.agent_id, presence.status, presence.ready};
    Job<void> job = [presence = std::move(presence)](Core& core) {
      return embedded::register_agent(core.db(), core.now, presence);
    };
    co_return co_await tell(std::move(job), std::move(change));
  }
  awaitable<Result<void>> publish_status(std::string agent_id, std::string status, bool ready, json meta) override {
    PresenceChange change{agent_id, status, ready};
    Job<void> job = [agent_id = std::move(agent_id), status = std::move(status), ready,
                     meta = std::move(meta)](Core& core) {
      return embedded::publish_status(core.db(), core.now, agent_id, status, ready, meta);
    };
    co_return co_await tell(std::move(job), std::move(change));
  }
  awaitable<Result<void>> heartbeat(std::string agent_id, json meta) override {
    Job<void> job = [agent_id = std::move(agent_id), meta = std::move(meta)](Core& core) {
      return embedded::heartbeat(core.db(), core.now, agent_id, meta);
    };
    return call<void>(std::move(job), Transaction::Durability::later);
  }
  awaitable<Result<void>> remove_agent(std::string agent_id) override {
    PresenceChange change{agent_id, "offline", false, true};
    Job<void> job = [agent_id = std::move(agent_id)](Core& core) {
      return embedded::remove_agent(core.db(), agent_id);
    };
    co_return co_await tell(std::move(job), std::move(change));
  }
  awaitable<Result<std::vector<Presence>>> agents() override {
    return call<std::vector<Presence>>([](Core& core) { return embedded::agents(core.db(), core.now); });
  }

  // ---- notes ----
  awaitable<Result<std::vector<Note>>> notes() override {
    return call<std::vector<Note>>([](Core& core) { return embedded::notes(core.db()); });
  }
  awaitable<Result<Note>> put_note(std::string key, std::string text, std::int64_t revision) override {
    Job<Note> job = [key = std::move(key), text = std::move(text), revision](Core& core) {
      return embedded::put_note(core.db(), core.now, key, text, revision);
    };
    auto put = co_await call<Note>(std::move(job));
    if (put) note_listeners_->tell();
    co_return put;
  }
  std::unique_ptr<Subscription> watch_notes(std::function<void()> listener) override {
    return note_listeners_->add(std::move(listener));
  }

  // ---- tokens ----
  awaitable<Result<IssuedToken>> issue_token(std::string profile, TokenScope scope,
                                             std::optional<milliseconds> lifetime, std::string name) override {
    return call<IssuedToken>(
        [profile = std::move(profile), scope = std::move(scope), lifetime, name = std::move(name)](Core& core) {
          return embedded::issue_token(core.db(), core.now, profile, scope, lifetime, name);
        });
  }
  awaitable<Result<IssuedToken>> renew_token(std::string token) override {
    Job<IssuedToken> job = [token = std::move(token)](Core& core) {
      return embedded::renew_token(core.db(), core.now, token);
    };
    auto renewed = co_await call<IssuedToken>(std::move(job));
    forget_known_tokens();  // the old one's end has changed
    co_return renewed;
  }
  awaitable<Result<TokenInfo>> check_token(std::string token) override {
    auto const hash = sha256_hex(token);
    if (auto const known = known_tokens_.find(hash); known != known_tokens_.end())
      if (auto const& end = known->second.expires_at; !end || *end > wall_now()) co_return known->second;
    auto const round = token_round_;
    Job<TokenInfo> job = [token = std::move(token)](Core& core) {
      return embedded::check_token(core.db(), core.now, token);
    };
    auto checked = co_await call<TokenInfo>(std::move(job));
    if (known_tokens_.size() >= kMostKnownTokens) known_tokens_.clear();
    if (checked && round == token_round_) known_tokens_.insert_or_assign(hash, *checked);
    co_return checked;
  }
  awaitable<Result<void>> revoke_token(std::string which) override {
    Job<std::vector<std::string>> job = [which = std::move(which)](Core& core) {
      return embedded::revoke_token(core.db(), which);
    };
    forget_known_tokens();
    auto const revoked = co_await call<std::vector<std::string>>(std::move(job));
    forget_known_tokens();
    if (!revoked) co_return revoked.error();
    if (revocation_listener_) revocation_listener_(*revoked);
    co_return Result<void>();
  }
  awaitable<Result<std::vector<TokenInfo>>> tokens() override {
    return call<std::vector<TokenInfo>>([](Core& core) { return embedded::tokens(core.db()); });
  }

  // ---- what concerns whom ----
  awaitable<Result<bool>> carries_attachment(Parties parties, std::string id) override {
    return call<bool>([parties = std::move(parties), id = std::move(id)](Core& core) {
      return embedded::carries_attachment(core.db(), parties.agents, parties.addresses, id);
    });
  }
  awaitable<Result<bool>> names_task(Parties parties, std::int64_t id) override {
    return call<bool>([parties = std::move(parties), id](Core& core) {
      return embedded::names_task(core.db(), parties.agents, parties.addresses, id);
    });
  }

  // ---- attachments ----
  awaitable<Result<Attachment>> put_attachment(std::string name, std::string media_type, std::string bytes) override {
    return call<Attachment>(
        [name = std::move(name), media_type = std::move(media_type), bytes = std::move(bytes)](Core& core) {
          return embedded::put_attachment(core.db(), core.folder, core.limits, core.now, name, media_type, bytes);
        });
  }
  awaitable<Result<std::string>> attachment_bytes(std::string id) override {
    return call<std::string>(
        [id = std::move(id)](Core& core) { return embedded::attachment_bytes(core.db(), core.folder, id); });
  }

  // ---- hints ----
  std::unique_ptr<Subscription> subscribe(Identity who, std::string runner_id, BusHints hints) override {
    return subscribers_->add(std::move(who), std::move(runner_id), std::move(hints));
  }
  void watch_revocations(std::function<void(std::vector<std::string> const&)> listener) override {
    revocation_listener_ = std::move(listener);
  }
  void watch_presence(std::function<void(PresenceChange const&)> listener) override {
    presence_listener_ = std::move(listener);
  }

 private:
  void forget_known_tokens() {
    known_tokens_.clear();
    ++token_round_;  // a check under way may have seen the old state
  }

  awaitable<Result<void>> tell(Job<void> job, PresenceChange change) {
    auto result = co_await call<void>(std::move(job), Transaction::Durability::later);
    if (result && presence_listener_) presence_listener_(change);
    co_return result;
  }

  /// Runs the job on the worker, then tells the subscribers what it and the time before it changed.
  template <class T>
  awaitable<Result<T>> call(Job<T> job, Transaction::Durability durability = Transaction::Durability::at_once) {
    // Shared with the job, which runs to its end even when this coroutine is destroyed first.
    auto const result = std::make_shared<std::optional<Result<T>>>();
    auto const passage = std::make_shared<Passage>();
    passage->durability = durability;
    passage->job = [result, job = std::move(job)](Core& core) {
      result->emplace(guarded([&]() -> Result<T> { return job(core); }));
    };
    co_await pass(passage);
    if (!**result)
      storage_.note((*result)->error());
    else if (passage->wrote)
      storage_.clear();
    co_return std::move(**result);
  }

  awaitable<void> pass(std::shared_ptr<Passage> passage) {
    {
      std::lock_guard const lock(gathered_mutex_);
      gathered_.push_back(passage);
    }
    std::function<Due()> step = [this, passage] {
      if (!passage->done) pass_gathered();
      if (core_.due_is_stale) return Due{true};
      return Due{false, passage->clean_up_failed ? core_.now.steady + kRetry : core_.next_due};
    };
    arm(co_await worker_.run(std::move(step)));
    if (passage->clean_up_failed) {
      auto const& error = *passage->clean_up_failed;
      storage_.note(error);
      if (failures_.should_log("clean-up", error.code)) spdlog::error("relay: clean-up failed: {}", error.message);
    } else if (failures_.recovered("clean-up")) {
      storage_.clear();
      spdlog::info("relay: clean-up works again");
    }
    for (auto const* changes : {&passage->due, &passage->changes})
      for (auto const& message : changes->messages) store_.newest = std::max(*store_.newest, message.id);
    for (auto const* changes : {&passage->due, &passage->changes}) {
      for (auto const& message : changes->messages) subscribers_->announce(message);
      for (auto const& command : changes->commands) subscribers_->announce(command);
    }
  }

  /// On the worker.
  Due look_ahead() {
    core_.now = core_.time.now();
    try {
      if (core_.due_is_stale) core_.find_next_due();
      return {false, core_.next_due};
    } catch (SqliteError const&) {  // the next call meets the fault as well, and tells of it
      return {false, core_.now.steady + kRetry};
    }
  }

  /// On the worker: all that have been given so far, in their order.
  void pass_gathered() {
    Passages passages;
    {
      std::lock_guard const lock(gathered_mutex_);
      auto const count = std::min(gathered_.size(), kMostTogether);
      passages.assign(gathered_.begin(), gathered_.begin() + static_cast<std::ptrdiff_t>(count));
      gathered_.erase(gathered_.begin(), gathered_.begin() + static_cast<std::ptrdiff_t>(count));
    }
    passages.front()->look_at_the_time(core_);
    if (passages.size() > 1 && pass_together(core_, passages)) return;
    for (auto const& passage : passages) passage->do_job(core_);
  }

  /// What was written is looked at once its answer is on its way; what was only read wakes nobody.
  void arm(Due due) {
    if (due == due_) return;
    due_ = due;
    due_changed_.notify_all();
  }
  bool is_due() const { return !due_.is_stale && due_.at && *due_.at <= core_.time.now().steady; }
  Clock::time_point next_look() const {
    return due_.at ? core_.time.at(std::min(*due_.at, core_.time.now().steady + kFarthest)) : Clock::time_point::max();
  }

  awaitable<void> watch_due() {
    for (;;) {
      Job<void> nothing = [](Core&) { return Result<void>(); };
      (void)co_await call<void>(std::move(nothing));
      while (!is_due()) {
        if (due_.is_stale) {  // the answer to what wrote is on its way, and does not wait for this
          std::function<Due()> look = [this] { return look_ahead(); };
          due_ = co_await worker_.run(std::move(look));
        } else {
          (void)co_await due_changed_.wait(next_look());
        }
      }
    }
  }

  Core core_;  // outlives the worker, whose destructor finishes every job
  BusStore store_;
  std::shared_ptr<Subscribers> subscribers_ = std::make_shared<Subscribers>();
  std::shared_ptr<Listeners> note_listeners_ = std::make_shared<Listeners>();
  std::function<void(PresenceChange const&)> presence_listener_{};
  std::function<void(std::vector<std::string> const&)> revocation_listener_{};
  WallTime const opened_at_ = wall_now();
  /// Found good, by their hash: every request of a served relay asks, and should not queue behind commits for it.
  std::unordered_map<std::string, TokenInfo> known_tokens_;
  std::uint64_t token_round_ = 0;
  LogThrottle failures_;
  StorageFault storage_;
  Due due_{};
  Notifier due_changed_;
  std::mutex gathered_mutex_;
  std::deque<std::shared_ptr<Passage>> gathered_;  ///< not passed yet
  Worker worker_;
  TaskGroup tasks_;
};

}  // namespace

Result<std::unique_ptr<EmbeddedBus>> EmbeddedBus::open(Executor executor, fs::path file, BusLimits limits,
                                                       TaskGroup::OnDeath on_death) {
  auto database = Database::open(file, embedded::migrations(), true);
  if (!database) return database.error();
  auto const folder = file.parent_path() / "attachments";
  auto store = guarded([&]() -> Result<BusStore> {
    embedded::shorten_leases(**database, limits, BusTime().now());
    embedded::sweep_folder(**database, folder);
    return embedded::store(**database);
  });
  if (!store) return store.error();
  std::unique_ptr<EmbeddedBus> bus = std::make_unique<Implementation>(
      std::move(executor), limits, folder, std::move(*store), std::move(*database), std::move(on_death));
  return bus;
}

}  // namespace ar::relay
