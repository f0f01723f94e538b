#include "daemon/delivery/delivery_queue.hpp"

#include "daemon/store/known_store.hpp"
#include "daemon/store/message_files.hpp"
#include "daemon/store/tables/delivery_table.hpp"
#include "relay/message_rules.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <ranges>

namespace ar::daemon {
using namespace std::chrono_literals;
using adapters::Prompt;
using State = DeliveryState;
using Input = DeliveryInput;

namespace {

constexpr int kUnreadAtOnce = 200;
constexpr std::size_t kFew = 100;    ///< messages that wait: enough for a while
constexpr std::size_t kMost = 1000;  ///< messages kept here: each is looked at whenever one is handed over
constexpr std::size_t kContentKept = 8U << 20;
constexpr auto kAll = std::numeric_limits<MessageId>::max();

bool is_waiting(Delivery const& d) {
  return d.state == State::queued || d.state == State::claimed || d.state == State::submitted ||
         d.state == State::unknown;
}

}  // namespace

DeliveryQueue::DeliveryQueue(Services& services, std::string agent_id, TurnTracker& turns, DeliveryHost& host)
    : services_(services),
      agent_id_(std::move(agent_id)),
      turns_(turns),
      host_(host),
      leases_(
          services.executor, services.bus,
          [this](MessageId id, std::string token) {
            if (auto it = open_.find(id); it != open_.end()) {
              it->second.claim_token = std::move(token);
              save(it->second);
            }
          },
          [this](MessageId id, Error const& error) {
            services_.events.append(agent_id_, "claim.lost", {{"message", id}, {"reason", error.message}});
            if (auto it = open_.find(id); it != open_.end()) {
              it->second.claim_token.clear();
              save(it->second);
            }
          }),
      reporter_(services.bus, services.events, leases_, agent_id_, [this] { return knows_store(); }),
      owed_(services.journal, reporter_, agent_id_),
      files_(services.files),
      changed_(services.executor),
      submitting_(services.executor, "hand " + agent_id_),
      store_(services.store.id()) {}

void DeliveryQueue::load(Stored stored) {
  store_ = std::move(stored.store);
  known_ = std::move(stored.known);
  prompt_known_ = stored.prompt_known;
  lowest_local_ = stored.lowest_local;
  for (auto& d : stored.open) {
    // Handed by a daemon that is no more: whether it was typed, only the record can tell.
    d.take(Input::interrupted);
    if (d.state == State::unknown) {
      in_process_.insert(d.message);
      d.reason = "the daemon was restarted while it was handed over";
    }
    auto const id = d.message;
    open_.emplace(id, std::move(d));
  }
  owed_.load(std::move(stored.to_tell));
  for (auto& d : stored.left) end_with_store(std::move(d), false);
  store_reached();
}

std::vector<DeliveryQueue::Loop> DeliveryQueue::loops() {
  return {{"deliveries", [this] { return run(); }}, {"leases", [this] { return leases_.run(); }}};
}

awaitable<void> DeliveryQueue::stop() { co_await submitting_.stop(); }

void DeliveryQueue::offer(Message message) {
  if (!known_.is_below(message.id)) return take_up(std::move(message));
  // It waited for long, or came free again: when it is fetched, the journal is asked.
  if (!knows_store() || is_known(message.id)) return;
  fetched_to_ = std::min(fetched_to_, message.id - 1);
  host_.work_changed();
}

void DeliveryQueue::take_up(Message message) {
  if (!knows_store() || is_known(message.id)) return;
  // So many wait that the youngest are left on the bus; they are fetched when few do.
  auto const most = message.urgent() ? 2 * kMost : kMost;
  if (open_.size() >= most && message.id > open_.rbegin()->first) {
    fetched_to_ = std::min(fetched_to_, message.id - 1);
    return;
  }
  auto const id = message.id;
  auto const size = relay::content_bytes(message);
  bool const keep_content = content_kept() + size <= kContentKept;
  known_.insert(id);
  auto& d = open_.emplace(id, new_delivery(std::move(message))).first->second;
  d.store = store_;
  d.content_size = size;
  if (!keep_content) d.content.reset();  // asked of the bus when its turn comes
  announce(d, "message.queued");
  host_.wanted();
  changed_.notify_all();
}

/// Those below the mark that the journal knows. An error: it cannot tell now.
awaitable<Result<void>> DeliveryQueue::leave_out_known(std::vector<Message>& messages) {
  std::vector<MessageId> in_doubt;
  for (auto const& message : messages)
    if (known_.is_below(message.id) && !is_known(message.id)) in_doubt.push_back(message.id);
  if (in_doubt.empty()) co_return Result<void>();
  // What has ended may still wait to be written, while the disk is full.
  if (auto const safe = co_await services_.journal.committed(); !safe) co_return safe.error();
  auto query = [agent = agent_id_, store = store_, in_doubt](Database& db) -> Result<std::vector<MessageId>> {
    return KnownMessages::in_journal(db, agent, store, in_doubt);
  };
  auto const known = co_await services_.journal.read(std::move(query));
  if (!known) co_return known.error();
  std::erase_if(messages, [&](auto const& message) { return std::ranges::find(*known, message.id) != known->end(); });
  co_return Result<void>();
}

/// The same for what was known before older ones were fetched.
void DeliveryQueue::leave_the_youngest() {
  auto const untouched = [](auto const& entry) {
    auto const& d = entry.second;
    return d.state == State::queued && d.attempts == 0 && d.claim_token.empty() && !d.urgent && !d.is_local();
  };
  while (open_.size() > kMost) {
    auto const youngest = std::ranges::find_if(std::views::reverse(open_), untouched);
    if (youngest == open_.rend()) return;
    auto const id = youngest->first;
    forget(id);
    fetched_to_ = std::min(fetched_to_, id - 1);
  }
}

std::size_t DeliveryQueue::content_kept() const {
  std::size_t bytes = 0;
  for (auto const& [id, d] : open_)
    if (d.content) bytes += d.content_size;
  return bytes;
}

awaitable<Result<void>> DeliveryQueue::fetch_unread(Identity who) { return fetch(std::move(who), 0); }
awaitable<Result<void>> DeliveryQueue::fetch_more(Identity who) { return fetch(std::move(who), fetched_to_); }

awaitable<Result<void>> DeliveryQueue::fetch(Identity who, MessageId after) {
  bool const had_all = fetched_to_ == kAll;
  while (after != kAll) {
    auto const before = fetched_to_;
    if (store_has_changed()) co_return relay::other_store();
    auto unread = co_await services_.bus.unread(who, kUnreadAtOnce, after);
    auto const last = !unread ? before : unread->empty() ? kAll : unread->back().id;
    Result<void> sorted;
    if (unread) sorted = co_await leave_out_known(*unread);
    if (!unread || !sorted) {
      if (had_all) fetched_to_ = kAll;  // what came since was told
      co_return unread ? sorted.error() : unread.error();
    }
    if (!knows_store()) co_return relay::other_store();
    if (fetched_to_ < before) break;  // for want of room: what was left comes later
    fetched_to_ = after = last;
    for (auto& message : *unread) take_up(std::move(message));
    changed_.notify_all();
    if (fetched_to_ < after || !wants_more()) break;
  }
  co_return Result<void>();
}

bool DeliveryQueue::wants_more() const {
  if (fetched_to_ == kAll) return false;
  auto const waits = [this](auto const& entry) {
    auto const& [id, d] = entry;
    bool const stuck = d.state == State::unknown && !in_process_.contains(id);  // its process is gone: it holds up none
    return id <= fetched_to_ && is_waiting(d) && !stuck;
  };
  return static_cast<std::size_t>(std::ranges::count_if(open_, waits)) < kFew;
}

void DeliveryQueue::offer_local(MessageId id, std::string from, std::string kind, std::string body) {
  if (id == kInitialPrompt ? std::exchange(prompt_known_, true) : id >= lowest_local_) return;
  lowest_local_ = std::min(lowest_local_, id);
  Delivery d;
  d.message = id;
  d.from = std::move(from);
  d.kind = std::move(kind);
  d.local_body = std::move(body);
  d.step("queued");
  auto& stored = open_.emplace(id, std::move(d)).first->second;
  save(stored);
  announce(stored, "message.queued");
  host_.wanted();
  changed_.notify_all();
}

void DeliveryQueue::look_again() {
  for (auto& [id, d] : open_) d.content.reset();
  changed_.notify_all();
}

// ---- the loop ----

/// What the loop before this one had in hand when it ended by an exception.
void DeliveryQueue::take_back_in_hand() {
  in_hand_.reset();
  changing_store_ = false;
  for (auto& [id, d] : open_) {
    bool const in_hand = d.state == State::submitted;
    d.take(Input::interrupted);
    if (!in_hand) continue;
    d.reason = "a fault of agent-runner's while it was handed over; see its log";
    outcome_wanted_.insert(id);
    save(d);
  }
}

awaitable<void> DeliveryQueue::run() {
  take_back_in_hand();
  for (;;) {
    forget_settled();  // only here, where nothing refers to a delivery
    leave_the_youngest();
    if (store_has_changed())
      co_await change_store();
    else if (auto* d = next_to_report())
      co_await report(*d);
    else if (!owed_.empty() && knows_store() && owed_.due() <= Clock::now())
      co_await owed_.tell_next();
    else if (turns_.has_to_look_up() && session_users_ == 0)
      co_await turns_.look_up(store_);
    else if (auto* unknown = next_to_resolve())
      co_await resolve(*unknown);
    else if (auto const now = outlook(); auto const kept = to_give_back(open_, now))
      co_await give_back(open_.at(*kept), why_not_now(open_.at(*kept), now));
    else if (auto* next = next_to_submit(now))
      co_await deliver(*next);
    else
      co_await changed_.wait(std::min(next_retry(), turns_.watch_rest(provider_rests())));
  }
}

/// Although a turn is open.
bool DeliveryQueue::provider_rests() const {
  auto* const session = turns_.running() ? host_.ready_session() : nullptr;
  return session && session->block_reason(false).empty();
}

Delivery* DeliveryQueue::next_to_report() {
  if (!knows_store()) return nullptr;
  for (auto& [id, d] : open_)
    if (d.must_report() && d.retry_at <= Clock::now()) return &d;
  return nullptr;
}

Delivery* DeliveryQueue::next_to_resolve() {
  for (auto id : outcome_wanted_)
    if (auto it = open_.find(id); it != open_.end() && it->second.state == State::unknown) return &it->second;
  return nullptr;
}

Outlook DeliveryQueue::outlook() const {
  Outlook now;
  now.agent = agent_id_;
  now.no_bus = host_.no_bus();
  now.knows_store = knows_store();
  // The model's refusal keeps back everything until the next try is due, then all but that one.
  bool const probe = hold_.may_probe() && !turns_.running();
  if (!probe) now.limit = hold_.reason(agent_id_);
  auto* const session = host_.ready_session();
  now.is_ready = session != nullptr;
  now.at_rest = host_.at_rest();
  if (!session || now.at_rest) now.not_ready = host_.not_ready_reason();
  if (session) {
    now.closed = session->block_reason(false);
    now.closed_to_urgent = session->block_reason(true);
  }
  now.turn_runs = turns_.running() != nullptr;
  now.end_unseen = turns_.end_is_doubtful();
  now.fetched_to = fetched_to_;
  for (auto id : in_process_)
    if (auto const it = open_.find(id); it != open_.end() && it->second.state == State::unknown)
      now.in_doubt = std::max(id, now.in_doubt.value_or(id));
  return now;
}

Delivery* DeliveryQueue::next_to_submit(Outlook const& now) {
  auto decision = decide(open_, now);
  for (auto& [id, why] : decision.blocked) {
    auto& d = open_.at(id);
    d.held = std::move(why.text);
    if (why.is_news) services_.events.append(agent_id_, "message.held", {{"message", id}, {"reason", d.held}});
  }
  if (!decision.blocked.empty()) services_.deliveries_changed.notify_all();
  return decision.next ? &open_.at(*decision.next) : nullptr;
}

Clock::time_point DeliveryQueue::next_retry() const {
  auto next = hold_.next_look();
  if (!owed_.empty() && owed_.due() > Clock::now()) next = std::min(next, owed_.due());
  for (auto const& [id, d] : open_)
    if (d.retry_at > Clock::now()) next = std::min(next, d.retry_at);
  return next;
}

void DeliveryQueue::forget_settled() {
  if (std::erase_if(open_, [](auto const& entry) { return entry.second.is_settled(); }) > 0)
    services_.deliveries_changed.notify_all();
}

void DeliveryQueue::forget(MessageId id) {
  auto const it = open_.find(id);
  bool const journalled = it->second.steps.size() > 1;  // what only waited was never saved
  auto const store = it->second.store;
  known_.erase(id);
  open_.erase(it);
  services_.deliveries_changed.notify_all();
  host_.work_changed();
  if (!journalled) return;
  erase(store, id);
}

void DeliveryQueue::erase(std::string const& store, MessageId id) {
  services_.journal.write([agent = agent_id_, store, id](Database& db) { DeliveryTable(db).erase(agent, store, id); });
}

// ---- small ones ----

std::size_t DeliveryQueue::waiting() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(open_, [](auto const& entry) { return is_waiting(entry.second); }));
}

std::string DeliveryQueue::held_reason() const {
  for (auto const& [id, d] : open_)
    if (d.state == State::unknown) return "message " + std::to_string(id) + " is unknown: " + d.reason;
  if (hold_.is_on()) return hold_.reason(agent_id_);
  for (auto const& [id, d] : open_)
    if (d.state == State::queued && !d.held.empty()) return d.held;
  return {};
}

Prompt DeliveryQueue::prompt_of(Delivery const& d) const {
  Prompt prompt;
  prompt.message_id = d.is_local() ? 0 : d.message;
  prompt.correlation_id = d.correlation_id;
  prompt.from = d.from;
  prompt.kind = d.kind;
  prompt.subject = d.subject;
  prompt.urgent = d.urgent;
  prompt.reply_requested = d.reply_requested;
  prompt.body_file = host_.files_dir() / body_file_name(d.message, d.store);
  return prompt;
}

void DeliveryQueue::save(Delivery const& d) {
  DeliveryTable::Row row{
      agent_id_,      d.store, d.message, std::string(to_string(d.state)), d.correlation_id, to_text(to_journal(d)),
      !d.is_settled()};
  auto change = [row = std::move(row)](Database& db) { DeliveryTable(db).put(row); };
  // The agent may be gone when the journal has it.
  auto tell = [&changed = services_.deliveries_changed] { changed.notify_all(); };
  services_.journal.write(std::move(change), std::move(tell));
}

void DeliveryQueue::announce(Delivery const& d, char const* type) {
  json data = {{"message", d.message}, {"from", d.from}, {"kind", d.kind}};
  if (!d.proof.empty()) data["proof"] = d.proof;
  if (!d.reason.empty() && d.state != State::done) data["reason"] = d.reason;
  if (d.turn > 0) data["turn"] = d.turn;
  services_.events.append(agent_id_, type, std::move(data));
}

}  // namespace ar::daemon
