#include "daemon/delivery/delivery_queue.hpp"

#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/journal_row.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/runtime_state.hpp"
#include "daemon/store/tables/delivery_table.hpp"
#include "daemon/store/tables/turn_table.hpp"

#include <algorithm>
#include <utility>

namespace ar::daemon {
using State = DeliveryState;

DeliveryQueue::DeliveryQueue(Services& services, std::string agent_id, TurnTracker& turns, DeliveryHost& host)
    : services_(services),
      agent_id_(std::move(agent_id)),
      turns_(turns),
      host_(host),
      changed_(services.executor),
      open_(services, agent_id_, host, changed_),
      process_(changed_),
      leases_(
          services.executor, services.bus, [this](MessageId id, std::string token) { set_claim(id, std::move(token)); },
          [this](MessageId id, Error const& error) {
            services_.events.append(agent_id_, "claim.lost", {{"message", id}, {"reason", error.message}});
            set_claim(id, {});
          }),
      reporter_(services, open_, leases_, host, agent_id_, [this] { return store_.is_known(); }),
      owed_(services.journal, reporter_, agent_id_),
      store_(parts(), owed_),
      intake_(parts()),
      outcomes_(parts(), turns),
      submitter_(parts(), outcomes_, [this] { return outlook(); }) {}

DeliveryParts DeliveryQueue::parts() {
  return {services_, agent_id_, host_, open_, process_, leases_, store_, changed_};
}

void DeliveryQueue::set_claim(MessageId id, std::string token) {
  auto const it = open_.all().find(id);
  if (it == open_.all().end()) return;
  it->second.claim_token = std::move(token);
  open_.save(it->second);
}

DeliveryQueue::Stored DeliveryQueue::stored(Database& db, std::string const& agent, std::size_t known) {
  Stored found;
  found.store = KnownStore::stored(db);
  found.known = KnownMessages::read(db, agent, found.store, known);
  auto const [lowest, highest] = DeliveryTable(db).local_range(agent);
  found.lowest_local = std::min(kInitialPrompt, lowest);
  found.prompt_known = highest == kInitialPrompt;
  for (auto const& row : DeliveryTable(db).open_of(agent)) {
    bool const present = row.store.empty() || row.store == found.store;
    auto const whose = "message " + std::to_string(row.message) + " at agent " + agent;
    auto open = read_row(row.record, whose, delivery_from_journal);
    if (!open) continue;
    open->store = row.message < 0 ? std::string() : present ? found.store : row.store;
    (present ? found.open : found.left).push_back(std::move(*open));
  }
  found.to_tell = OwedWords::stored(db, agent);
  TurnTable const turns(db);
  found.newest_turn = turns.newest(agent);
  for (auto const& [number, record] : turns.running(agent))
    if (auto turn = read_row(record, "turn " + std::to_string(number) + " of agent " + agent, running_turn))
      found.running.push_back(std::move(*turn));
  return found;
}

void DeliveryQueue::load(Stored stored) {
  open_.load(std::move(stored.known), stored.prompt_known, stored.lowest_local);
  for (auto& d : stored.open) {
    // Handed by a daemon that is no more: whether it was typed, only the record can tell.
    d.take(DeliveryInput::interrupted);
    if (d.state == State::unknown) {
      process_.given.insert(d.message);
      d.reason = "the daemon was restarted while it was handed over";
    }
    open_.add(std::move(d));
  }
  turns_.load(std::move(stored.running), stored.newest_turn);
  owed_.load(std::move(stored.to_tell));
  store_.load(std::move(stored.store), std::move(stored.left));
}

std::vector<DeliveryQueue::Loop> DeliveryQueue::loops() {
  return {{"deliveries", [this] { return run(); }}, {"leases", [this] { return leases_.run(); }}};
}

void DeliveryQueue::owe(NewMessage word) {
  owed_.owe(std::move(word));
  changed_.notify_all();
}

awaitable<Result<void>> DeliveryQueue::tell_of_removal() {
  auto const told = co_await owed_.tell_all();
  if (!told) co_return told.error();
  co_return co_await reporter_.tell_of_removal();
}

awaitable<void> DeliveryQueue::run() {
  // What the loop before this one had under way when it ended by an exception.
  store_.reset();
  outcomes_.take_back_in_hand();
  for (;;) {
    open_.forget_settled();  // only here, where nothing refers to a delivery
    intake_.leave_the_youngest();
    if (store_.has_changed())
      co_await change_store();
    else if (auto* d = reporter_.next())
      co_await reporter_.report(*d);
    else if (!owed_.empty() && store_.is_known() && owed_.due() <= Clock::now())
      co_await owed_.tell_next();
    else if (turns_.has_to_look_up() && !process_.is_used())
      co_await turns_.look_up(store_.id());
    else if (auto* unknown = outcomes_.next_to_resolve())
      co_await outcomes_.resolve(*unknown);
    else if (auto* answered = outcomes_.next_to_check())
      co_await outcomes_.check(*answered);
    else if (auto const now = outlook(); auto const kept = to_give_back(open_.all(), now))
      co_await submitter_.give_back(open_.all().at(*kept), why_not_now(open_.all().at(*kept), now));
    else if (auto* next = next_to_submit(now))
      co_await submitter_.deliver(*next);
    else
      co_await changed_.wait(std::min(next_retry(), turns_.watch_rest(provider_rests())));
  }
}

awaitable<void> DeliveryQueue::change_store() {
  intake_.start_over();
  return store_.change();
}

/// Although a turn is open.
bool DeliveryQueue::provider_rests() const {
  auto* const session = turns_.running() ? host_.ready_session() : nullptr;
  return session && session->block_reason(false).empty();
}

Outlook DeliveryQueue::outlook() const {
  Outlook now;
  now.agent = agent_id_;
  now.paused = services_.runtime.why_paused();
  now.no_bus = host_.no_bus();
  now.knows_store = store_.is_known();
  // The model's refusal keeps back everything until the next try is due, then all but that one.
  now.limit = outcomes_.why_limited();
  auto* const session = host_.ready_session();
  now.is_ready = session != nullptr;
  now.at_rest = host_.at_rest();
  if (!session || now.at_rest) now.not_ready = host_.not_ready_reason();
  if (session) {
    now.closed = session->block_reason(false);
    now.closed_to_urgent = session->block_reason(true);
    now.closed_to_notices = session->block_reason_of_notice();
  }
  now.turn_runs = turns_.running() != nullptr;
  now.end_unseen = turns_.end_is_doubtful();
  now.fetched_to = intake_.fetched_to();
  for (auto id : process_.given)
    if (auto const it = open_.all().find(id); it != open_.all().end() && it->second.state == State::unknown)
      now.in_doubt = std::max(id, now.in_doubt.value_or(id));
  return now;
}

Delivery* DeliveryQueue::next_to_submit(Outlook const& now) {
  auto decision = decide(open_.all(), now);
  for (auto& [id, why] : decision.blocked) {
    auto& d = open_.all().at(id);
    d.held = std::move(why.text);
    if (why.is_news) services_.events.append(agent_id_, "message.held", {{"message", id}, {"reason", d.held}});
  }
  if (!decision.blocked.empty()) services_.deliveries_changed.notify_all();
  if (!decision.next) return nullptr;
  services_.accounts.handing(host_.account(), agent_id_, *decision.next);
  return &open_.all().at(*decision.next);
}

Clock::time_point DeliveryQueue::next_retry() const {
  auto next = outcomes_.hold().next_look();
  if (auto const due = host_.usage_due(); due > Clock::now()) next = std::min(next, due);
  if (!owed_.empty() && owed_.due() > Clock::now()) next = std::min(next, owed_.due());
  for (auto const& [id, d] : open_.all())
    if (d.retry_at > Clock::now()) next = std::min(next, d.retry_at);
  return next;
}

bool DeliveryQueue::is_submitting() const {
  return std::ranges::any_of(open_.all(), [](auto const& entry) { return entry.second.state == State::submitted; });
}

bool DeliveryQueue::asks_record() { return process_.is_used() || outcomes_.next_to_resolve() != nullptr; }

std::string DeliveryQueue::held_reason() const {
  for (auto const& [id, d] : open_.all())
    if (d.state == State::unknown) return "message " + std::to_string(id) + " is unknown: " + d.reason;
  if (auto limit = outcomes_.held_for(); !limit.empty()) return limit;
  for (auto const& [id, d] : open_.all())
    if (d.state == State::queued && !d.held.empty()) return d.held;
  return {};
}

}  // namespace ar::daemon
