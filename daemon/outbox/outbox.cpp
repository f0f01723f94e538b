#include "daemon/outbox/outbox.hpp"

#include "base/http/webhook_signature.hpp"
#include "base/ids.hpp"
#include "daemon/services.hpp"
#include "daemon/store/journal_row.hpp"
#include "daemon/store/tables/agent_table.hpp"
#include "daemon/store/tables/receiver_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr auto kGivenUpAfter = 24h;  ///< in which the receiver has taken nothing
constexpr auto kLongestWait = 1h;    ///< between two attempts
constexpr auto kLookAgain = 5s;      ///< where the journal cannot say what is next, or keep what was done
constexpr int kAtOnce = 8;           ///< receivers that are told something just now
constexpr std::int64_t kGone = 410;
// An id begins so. There may be many callbacks, of which an event knows nothing: webhooks come after all of them.
constexpr char kCallback[] = "cbk_", kWebhook[] = "whk_";

OutboxTable::Entry new_entry(std::string receiver, std::string type, std::int64_t event, std::string body) {
  OutboxTable::Entry entry;
  entry.id = "msg_" + random_hex(12);
  entry.receiver = std::move(receiver);
  entry.type = std::move(type);
  entry.event = event;
  entry.created_at = wall_now();
  entry.body = std::move(body);
  return entry;
}

std::vector<http::Header> headers_for(Receiver const& receiver, OutboxTable::Entry const& entry, WallTime at) {
  auto const seconds = to_millis(at) / 1000;
  auto const key = receiver.is_callback() ? receiver.secret : http::webhook_key(receiver.secret);
  std::vector<http::Header> headers{{"webhook-id", entry.id},
                                    {"webhook-timestamp", std::to_string(seconds)},
                                    {"webhook-signature", http::webhook_signature(key, entry.id, seconds, entry.body)}};
  if (receiver.is_callback()) headers.push_back({"Authorization", "Bearer " + receiver.secret});
  return headers;
}

/// Empty: it has taken it.
std::string problem_of(SendResult const& sent) {
  if (!sent.error.empty()) return sent.error;
  if (sent.status >= 200 && sent.status < 300) return {};
  auto const answered = "it answered " + std::to_string(sent.status);
  if (sent.status == kGone) return answered + ": it is gone";
  return sent.status >= 300 && sent.status < 400 ? answered + "; redirects are not followed" : answered;
}

ReceiverTable::Row row_of(Receiver const& receiver) {
  return {receiver.id, receiver.owner, to_text(to_journal(receiver))};
}

Error no_such_webhook(std::string const& id) {
  return not_found("no_such_webhook",
                   "there is no webhook \"" + id.substr(0, 80) + "\"; `agent-runner webhook list` lists them");
}

}  // namespace

Clock::duration retry_wait(int failures, double random) {
  auto const exact = std::min<Clock::duration>(1s * (1 << std::clamp(failures - 1, 0, 20)), kLongestWait);
  return std::chrono::duration_cast<Clock::duration>(exact * (0.8 + 0.4 * random));
}

Outbox::Outbox(Executor executor, Journal& journal, EventLog& events, Sender& sender, OutboxLimits limits,
               Random random)
    : journal_(journal),
      events_(events),
      sender_(sender),
      limits_(limits),
      random_(random ? std::move(random) : real_random()),
      adding_(executor),
      changed_(executor),
      tasks_(executor, "outbox") {}

awaitable<Result<void>> Outbox::load() {
  struct Stored {
    std::vector<ReceiverTable::Row> receivers;
    std::map<std::string, OutboxTable::Size> waiting;
  };
  auto query = [](Database& db) -> Result<Stored> {
    return Stored{ReceiverTable(db).all(), OutboxTable(db).waiting()};
  };
  auto stored = co_await journal_.read(std::move(query));
  if (!stored) co_return stored.error();
  for (auto& [id, owner, record] : stored->receivers) {
    auto const read = [&](json const& document) { return receiver_from(id, owner, document); };
    if (auto receiver = read_row(record, "receiver " + id, read)) put(std::move(*receiver), stored->waiting[id]);
  }
  events_.tell([this](Event const& event, std::string_view type) { return tell(event, type); },
               [this] { changed_.notify_all(); });
  co_return Result<void>();
}

void Outbox::start(TaskGroup::OnDeath on_death) { tasks_.spawn_vital("send", run(), std::move(on_death)); }

awaitable<void> Outbox::stop() { co_await tasks_.stop(); }

// ---- receivers ----

Outbox::~Outbox() { events_.tell({}, {}); }

Outbox::Lane* Outbox::find(std::string const& id) {
  auto const it = lanes_.find(id);
  return it == lanes_.end() ? nullptr : &it->second;
}

void Outbox::put(Receiver receiver, OutboxTable::Size waiting) {
  Lane lane{std::move(receiver)};
  // Not longer than any wait is: the system's clock may have been set back.
  lane.due = Clock::now() + std::clamp<milliseconds>(lane.receiver.next_at - wall_now(), 0ms, 2 * kLongestWait);
  lane.waiting = waiting;
  auto const id = lane.receiver.id;
  lanes_.emplace(id, std::move(lane));
}

void Outbox::erase(std::string const& id) {
  lanes_.erase(id);
  sender_.rest(id);
}

awaitable<Result<Receiver>> Outbox::add(Receiver receiver) {
  auto const lock = co_await adding_.lock();  // two must not find the same room
  bool const by_agent = receiver.owner != kOperator;
  auto const all = webhooks();
  auto const own = std::ranges::count(all, receiver.owner, [](auto const* other) { return other->owner; });
  if (all.size() >= limits_.webhooks || (by_agent && std::cmp_greater_equal(own, limits_.webhooks_of_agent)))
    co_return conflict("too_many_webhooks", "there are " + std::to_string(by_agent ? own : all.size()) +
                                                " webhooks, and there may be no more; remove one that is not needed");
  receiver.id = kWebhook + random_hex(8);
  receiver.created_at = wall_now();
  auto job = [row = row_of(receiver), by_agent](Database& db) -> Result<bool> {
    Transaction transaction(db);
    // It goes with its agent, so there must be one.
    if (by_agent && !AgentTable(db).contains(row.owner))
      return not_found("no_such_agent", "there is no agent \"" + row.owner + "\" any more");
    ReceiverTable(db).put(row);
    transaction.commit();
    return true;
  };
  auto const added = co_await journal_.run(std::move(job));
  if (!added) co_return added.error();
  put(receiver, {});
  events_.append("", "webhook.added", {{"webhook", receiver.id}, {"owner", receiver.owner}});
  co_return receiver;
}

awaitable<Result<void>> Outbox::remove(std::string id) {
  if (!webhook(id)) co_return no_such_webhook(id);
  auto job = [id](Database& db) -> Result<bool> {
    Transaction transaction(db);
    ReceiverTable(db).erase(id);
    transaction.commit();
    return true;
  };
  auto const removed = co_await journal_.run(std::move(job));
  if (!removed) co_return removed.error();
  if (!webhook(id)) co_return no_such_webhook(id);  // somebody was faster
  erase(id);
  events_.append("", "webhook.removed", {{"webhook", id}});
  co_return Result<void>();
}

awaitable<Result<void>> Outbox::redeliver(std::string id, std::string delivery) {
  if (!webhook(id)) co_return no_such_webhook(id);
  auto receiver = *webhook(id);
  receiver.gone = false;
  auto job = [row = row_of(receiver), delivery, now = wall_now()](Database& db) -> Result<OutboxTable::Size> {
    Transaction transaction(db);
    OutboxTable outbox(db);
    auto const state = outbox.state_of(row.id, delivery);
    if (!state)
      return not_found("no_such_delivery", "webhook " + row.id + " has no delivery \"" + delivery.substr(0, 80) +
                                               "\" any more; `agent-runner webhook deliveries " + row.id +
                                               "` lists them");
    auto const size = outbox.ask_again(row.id, delivery, now);
    if (!size) return conflict("delivery_waiting", "delivery " + delivery + " waits to be sent already");
    ReceiverTable(db).change(row.id, row.record);
    transaction.commit();
    return *size;
  };
  auto const asked = co_await journal_.run(std::move(job));
  if (!asked) co_return asked.error();
  auto* const lane = find(id);
  if (!lane) co_return no_such_webhook(id);
  lane->receiver.gone = false;
  lane->due = Clock::now();
  lane->waiting += *asked;
  changed_.notify_all();
  co_return Result<void>();
}

Receiver const* Outbox::webhook(std::string const& id) const {
  auto const it = lanes_.find(id);
  return it == lanes_.end() || it->second.receiver.is_callback() ? nullptr : &it->second.receiver;
}

std::vector<Receiver const*> Outbox::webhooks() const {
  std::vector<Receiver const*> all;
  for (auto const& [id, lane] : lanes_)
    if (!lane.receiver.is_callback()) all.push_back(&lane.receiver);
  return all;
}

std::int64_t Outbox::waiting_for(std::string const& receiver) const {
  auto const it = lanes_.find(receiver);
  return it == lanes_.end() ? 0 : it->second.waiting.entries;
}

json Outbox::shown() const {
  std::int64_t waiting = 0, failing = 0;
  std::optional<WallTime> since;
  for (auto const& [id, lane] : lanes_) {
    waiting += lane.waiting.entries;
    if (lane.waiting.entries == 0 || lane.receiver.failures == 0) continue;
    ++failing;
    since = std::min(since.value_or(lane.receiver.failing_since), lane.receiver.failing_since);
  }
  return {
      {"waiting", waiting}, {"failing", failing}, {"failingSince", since ? json(to_iso8601(*since)) : json(nullptr)}};
}

// ---- what they are told ----

/// The change that owes an event to those who want it.
Journal::Change Outbox::tell(Event const& event, std::string_view type) {
  std::vector<OutboxTable::Entry> owed;
  auto const bytes = static_cast<std::int64_t>(event.json_text.size());
  for (auto it = lanes_.lower_bound(kWebhook); it != lanes_.end(); ++it) {
    auto& [id, lane] = *it;
    if (!lane.receiver.wants(event.agent, type) || !has_room(lane, bytes)) continue;
    owed.push_back(new_entry(id, std::string(type), event.number, event.json_text));
    lane.waiting += {1, bytes};
  }
  if (type == "agent.removed") {  // its rows have just been removed with it
    std::vector<std::string> own;
    for (auto const& [id, lane] : lanes_)
      if (lane.receiver.owner == event.agent) own.push_back(id);
    for (auto const& id : own) erase(id);
  }
  if (owed.empty()) return {};
  return [owed = std::move(owed)](Database& db) {
    OutboxTable outbox(db);
    for (auto const& entry : owed) outbox.add(entry);
  };
}

/// A full one has none until half of what waits is gone, so that it misses one stretch rather than every other event.
bool Outbox::has_room(Lane& lane, std::int64_t bytes) {
  auto const& waiting = lane.waiting;
  if (waiting.entries >= limits_.entries || waiting.bytes + bytes > limits_.bytes)
    lane.full = true;
  else if (waiting.entries <= limits_.entries / 2 && waiting.bytes <= limits_.bytes / 2)
    lane.full = lane.full_told = false;
  if (lane.full && !lane.full_told) changed_.notify_all();
  return !lane.full;
}

OutboxTable::Size Outbox::waiting_callbacks() const {
  OutboxTable::Size all;
  for (auto const& [id, lane] : lanes_)
    if (lane.receiver.is_callback()) all += lane.waiting;
  return all;
}

void Outbox::call_back(std::string owner, std::string agent, Callback const& callback, std::string type, json data) {
  auto const others = waiting_callbacks();
  Receiver receiver;
  receiver.id = kCallback + random_hex(8);
  receiver.owner = std::move(owner);
  receiver.url = callback.url;
  receiver.secret = callback.token;
  receiver.agent = std::move(agent);
  receiver.call_id = callback.call_id;
  receiver.created_at = wall_now();
  if (others.entries >= limits_.callbacks || others.bytes >= limits_.callback_bytes)
    return announce(receiver, "too many others wait", 1);
  json const body = {{"type", type}, {"timestamp", to_iso8601(receiver.created_at)}, {"data", std::move(data)}};
  auto entry = new_entry(receiver.id, std::move(type), 0, to_text(body));
  put(receiver, {1, static_cast<std::int64_t>(entry.body.size())});
  auto change = [row = row_of(receiver), entry = std::move(entry)](Database& db) {
    ReceiverTable(db).put(row);
    OutboxTable(db).add(entry);
  };
  journal_.write(std::move(change), [this] { changed_.notify_all(); });
}

// ---- sending ----

awaitable<void> Outbox::run() {
  for (;;) {
    tell_of_full_ones();
    auto const next = start_due();
    (void)co_await changed_.wait(next);
  }
}

/// Not where they are found to be: that is in the midst of another event.
void Outbox::tell_of_full_ones() {
  for (auto& [id, lane] : lanes_) {
    if (!lane.full || std::exchange(lane.full_told, true)) continue;
    spdlog::warn("webhook {}: {} events wait for it, and it is told of no more until it takes some", id,
                 lane.waiting.entries);
    events_.append("", "webhook.full", {{"webhook", id}, {"waiting", lane.waiting.entries}});
  }
}

/// Begins with those that are due for longest. Says when the next one is.
Clock::time_point Outbox::start_due() {
  while (sending_ < kAtOnce) {
    Lane* first = nullptr;
    for (auto& [id, lane] : lanes_)
      if (!lane.busy && lane.waiting.entries > 0 && (!first || lane.due < first->due)) first = &lane;
    if (!first) break;
    if (first->due > Clock::now()) return first->due;
    first->busy = true;
    ++sending_;
    auto const& id = first->receiver.id;
    tasks_.spawn("tell " + id, deliver(id));
  }
  return Clock::time_point::max();
}

awaitable<void> Outbox::deliver(std::string id) {
  struct Sending {
    Outbox& outbox;
    std::string const& id;
    ~Sending() {
      --outbox.sending_;
      if (auto* const lane = outbox.find(id)) lane->busy = false;
      outbox.changed_.notify_all();
    }
  } const sending{*this, id};
  auto* lane = find(id);
  if (!lane) co_return;
  lane->due = Clock::now() + kLookAgain;  // unless what follows says better
  auto query = [id](Database& db) -> Result<std::optional<OutboxTable::Entry>> {
    return OutboxTable(db).first_waiting(id);
  };
  auto const head = co_await journal_.read(std::move(query));
  if (!head && failures_.should_log("journal", head.error().message))
    spdlog::error("what the outbox has to send cannot be read: {}", head.error().message);
  lane = find(id);
  if (!lane || !head || !*head) co_return;
  auto const& entry = **head;
  auto const at = wall_now();
  auto const began = Clock::now();
  auto headers = headers_for(lane->receiver, entry, at);
  auto const sent = co_await sender_.send(lane->receiver, std::move(headers), entry.body);
  OutboxTable::Attempt attempt{at, sent.status, 0, problem_of(sent)};
  attempt.ms = std::chrono::duration_cast<milliseconds>(Clock::now() - began).count();
  co_await settle(id, entry, std::move(attempt));
}

/// Writes down how it went, and decides when what waits then is sent.
awaitable<void> Outbox::settle(std::string id, OutboxTable::Entry entry, OutboxTable::Attempt attempt) {
  auto* lane = find(id);
  if (!lane) co_return;  // it was removed meanwhile
  bool const taken = attempt.error.empty();
  auto const wait = taken ? Clock::duration(0) : retry_wait(lane->receiver.failures + 1, random_());
  auto receiver = lane->receiver;
  std::optional<WallTime> until;  // what was asked for until then is given up
  if (taken) {
    receiver.failures = 0;
    receiver.failing_since = receiver.next_at = {};
  } else {
    if (receiver.failures++ == 0) receiver.failing_since = attempt.at;
    receiver.next_at = wall_now() + std::chrono::duration_cast<milliseconds>(wait);
    receiver.gone = attempt.status == kGone;
    if (receiver.gone)
      until = WallTime::max();
    else if (attempt.at - receiver.failing_since >= kGivenUpAfter)
      until = attempt.at - kGivenUpAfter;
  }
  auto job = [row = row_of(receiver), once = receiver.is_callback(), number = entry.number,
              bytes = static_cast<std::int64_t>(entry.body.size()), attempt, taken,
              until](Database& db) -> Result<OutboxTable::Size> {
    Transaction transaction(db);
    OutboxTable outbox(db);
    outbox.note(number, attempt);
    OutboxTable::Size over;
    if (taken) {
      outbox.settle(row.id, number, "delivered");
      over = {1, bytes};
    } else if (until) {
      over = outbox.give_up(row.id, *until);
    }
    if (once && over.entries > 0)
      ReceiverTable(db).erase(row.id);
    else
      ReceiverTable(db).change(row.id, row.record);
    transaction.commit();
    return over;
  };
  auto const over = co_await journal_.run(std::move(job));
  if (!over && failures_.should_log("journal", over.error().message))
    spdlog::error("what the outbox has sent cannot be written down, and is sent again: {}", over.error().message);
  lane = find(id);
  if (!over || !lane) co_return;
  if (receiver.failures == 1 && over->entries == 0)
    spdlog::warn("{} takes nothing and is tried again: {}", id, attempt.error);
  lane->receiver = receiver;
  lane->due = Clock::now() + wait;
  lane->waiting -= *over;
  if (!taken || lane->waiting.entries == 0) sender_.rest(id);
  if (receiver.is_callback() && over->entries > 0) erase(id);
  if (!taken && over->entries > 0) announce(receiver, attempt.error, over->entries);
}

void Outbox::announce(Receiver const& receiver, std::string const& problem, std::int64_t given_up) {
  spdlog::error("{}: {} given up: {}", receiver.id, given_up, problem);
  if (receiver.is_callback())
    events_.append("", "callback.gave_up",
                   {{"agent", receiver.agent}, {"callId", receiver.call_id}, {"reason", problem}});
  else
    events_.append("", receiver.gone ? "webhook.gone" : "webhook.gave_up",
                   {{"webhook", receiver.id}, {"count", given_up}, {"reason", problem}});
}

}  // namespace ar::daemon
