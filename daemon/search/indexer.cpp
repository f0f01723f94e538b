#include "daemon/search/indexer.hpp"

#include "daemon/config/config.hpp"
#include "daemon/search/search_words.hpp"
#include "daemon/store/event_log.hpp"
#include "relay/bus.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace ar::daemon {
namespace {

constexpr std::size_t kRowsAtOnce = 500;  ///< of a transcript in one transaction
constexpr int kMessagesAtOnce = 32;       ///< each may have 1 MiB
constexpr int kEventsAtOnce = 1000;
/// From one pass to the next, though turns end meanwhile: who searches asks for one anyway, and deliveries come first.
constexpr auto kRest = std::chrono::seconds(2);

/// After these there is something to be added, or removed.
bool calls_for_pass(Event const& event) {
  auto const has = [&](std::string_view type) {
    return event.json_text.find("\"type\":\"" + std::string(type) + "\"") != std::string::npos;
  };
  return has("turn.ended") || has("agent.removed");
}

std::string text_of(adapters::TranscriptRow const& row) {
  if (row.type != "tool_call") return searchable(row.text);
  return searchable(text_at(row.tool, "name") + " " + to_text(row.tool.value("input", json())));
}

/// When it was said; `otherwise` where the record does not say, or says what has not come yet.
WallTime time_of(adapters::TranscriptRow const& row, WallTime otherwise) {
  return std::min(from_iso8601(row.time).value_or(otherwise), otherwise);
}

}  // namespace

Indexer::Indexer(Services& services, Supervisor const& supervisor, SearchIndex& index)
    : services_(services),
      supervisor_(supervisor),
      index_(index),
      wanted_(services.executor),
      passed_(services.executor),
      tasks_(services.executor, "search index") {}

std::string Indexer::owner_of(Agent const& agent) {
  return agent.id() + "/" + std::to_string(to_millis(agent.created_at()));
}

void Indexer::start(TaskGroup::OnDeath on_death) {
  tasks_.spawn_vital("pass", run(), on_death);
  tasks_.spawn_vital("watch", watch(), std::move(on_death));
}

awaitable<void> Indexer::stop() { co_await tasks_.stop(); }

void Indexer::ask() {
  ++asked_;
  wanted_.notify_all();
}

awaitable<void> Indexer::caught_up(Clock::time_point deadline) {
  ask();
  auto const target = asked_;
  bool in_time = true;
  while (in_time && done_ < target) in_time = co_await passed_.wait(deadline);
}

awaitable<void> Indexer::run() {
  for (;;) {
    auto const asked = asked_;
    auto const done = co_await pass();
    if (!done && failures_.should_log("pass", done.error().message))
      spdlog::warn("the search index is behind: {}", done.error().message);
    if (done && failures_.recovered("pass")) spdlog::info("the search index is up to date again");
    done_ = asked;
    passed_.notify_all();
    while (asked_ == asked) (void)co_await wanted_.wait();
  }
}

awaitable<void> Indexer::watch() {
  auto seen = services_.events.last();
  for (;;) {
    (void)co_await services_.events.wait("", seen, Clock::time_point::max());
    auto const page = co_await services_.events.page("", seen, kEventsAtOnce);
    bool const whole = page && !page->empty();
    bool const wanted = !whole || std::ranges::any_of(*page, calls_for_pass);
    seen = whole ? page->back().number : services_.events.last();
    if (!wanted) continue;
    ask();
    (void)co_await sleep_for(kRest);
  }
}

SearchLimits Indexer::limits() const {
  auto const& config = services_.config;
  SearchLimits limits;
  limits.rows = config.search_most_rows;
  limits.bytes = config.search_most_mb << 20;
  limits.agent_rows = config.search_agent_rows;
  limits.agent_bytes = config.search_agent_mb << 20;
  limits.oldest = wall_now() - std::chrono::days(config.history_retention_days);
  return limits;
}

/// A step is a transaction of its own, and says whether there is more to do.
template <class Step>
awaitable<Result<void>> Indexer::repeat(Step step) {
  for (bool more = true; more;) {
    auto job = [step](Database& db) -> Result<bool> {
      Transaction transaction(db);
      bool const left = step(SearchTable(db));
      transaction.commit();
      return left;
    };
    auto const left = co_await index_.write(std::move(job));
    if (!left) co_return left.error();
    more = *left;
  }
  co_return Result<void>();
}

awaitable<Result<void>> Indexer::pass() {
  struct Record {
    std::string owner;
    Agent::Conversation conversation;
    adapters::TranscriptParser parse;
  };
  std::vector<Record> records;
  std::set<std::string> present{std::string(kBusOwner)};
  for (auto const& [id, agent] : supervisor_.agents()) {
    present.insert(owner_of(*agent));
    for (auto& conversation : agent->conversations())
      records.push_back({owner_of(*agent), std::move(conversation), agent->transcript_parser()});
  }
  auto forgotten = co_await forget_gone(std::move(present));
  if (!forgotten) co_return forgotten.error();
  for (auto& record : records) {
    auto taken = co_await take_transcript(record.owner, record.conversation, record.parse);
    if (!taken) co_return taken.error();
  }
  auto const messages = co_await take_messages();
  auto step = [limits = limits()](SearchTable table) { return table.prune(limits); };
  auto pruned = co_await repeat(std::move(step));
  if (!pruned) co_return pruned.error();
  // A bus that is away, or does not let this daemon see all, keeps nothing else from the index.
  if (!messages && !is_transient(messages.error())) co_return messages.error();
  co_return Result<void>();
}

awaitable<Result<void>> Indexer::forget_gone(std::set<std::string> present) {
  auto query = [](Database& db) -> Result<std::vector<std::string>> { return SearchTable(db).owners(); };
  auto const owners = co_await index_.write(std::move(query));
  if (!owners) co_return owners.error();
  for (auto const& owner : *owners) {
    if (present.contains(owner)) continue;
    auto step = [owner](SearchTable table) { return table.forget_owner(owner); };
    auto gone = co_await repeat(std::move(step));
    if (!gone) co_return gone.error();
  }
  co_return Result<void>();
}

awaitable<Result<void>> Indexer::take_transcript(std::string owner, Agent::Conversation conversation,
                                                 adapters::TranscriptParser parse) {
  for (bool more = true; more;) {
    auto job = [owner, conversation, parse, limits = limits(), now = wall_now()](Database& db) -> Result<bool> {
      SearchTable table(db);
      std::error_code ec;
      auto const size = std::filesystem::file_size(conversation.record, ec);
      auto const source = table.source(owner, conversation.record, conversation.id);
      if (ec || std::cmp_equal(size, source.cursor)) return false;
      auto const page = adapters::read_transcript(conversation.record, source.cursor, kRowsAtOnce, parse);
      if (page.cursor == source.cursor) return false;
      Transaction transaction(db);
      for (auto const& row : page.rows) {
        SearchTable::Row found{.owner = owner, .at = time_of(row, now), .seq = row.seq, .role = row.role};
        if (found.at < limits.oldest) continue;
        found.text = text_of(row);
        table.add(source, found);
      }
      table.move_cursor(source, page.cursor);
      (void)table.prune(limits);  // about as much as has come: a long record does not outgrow the bounds on its way
      transaction.commit();
      return page.more;
    };
    auto const left = co_await index_.write(std::move(job));
    if (!left) co_return left.error();
    more = *left;
  }
  co_return Result<void>();
}

/// All that the bus has, by their numbers.
awaitable<Result<void>> Indexer::take_messages() {
  auto const store = services_.bus.store().id;
  if (store.empty()) co_return Result<void>();
  relay::MessageFilter ends;
  ends.limit = 1;
  auto const newest = co_await services_.bus.messages(ends);
  if (!newest) co_return newest.error();
  ends.after = 0;
  auto const oldest = co_await services_.bus.messages(ends);
  if (!oldest) co_return oldest.error();
  auto const first = oldest->empty() ? 0 : oldest->front().id, last = newest->empty() ? 0 : newest->front().id;
  auto step = [store, first, last](SearchTable table) {
    return table.forget_other_stores(store) || table.forget_messages_outside(first, last);
  };
  auto forgotten = co_await repeat(std::move(step));
  if (!forgotten) co_return forgotten.error();
  auto query = [store, last](Database& db) -> Result<std::int64_t> {
    SearchTable table(db);
    auto const source = table.source(std::string(kBusOwner), store, "");
    // A bus that was restored from a copy gives these numbers once more.
    if (source.cursor > last) table.move_cursor(source, last);
    return std::min(source.cursor, last);
  };
  auto cursor = co_await index_.write(std::move(query));
  if (!cursor) co_return cursor.error();
  while (*cursor < last) {
    relay::MessageFilter next;
    next.after = *cursor;
    next.limit = kMessagesAtOnce;
    auto found = co_await services_.bus.messages(next);
    if (!found) co_return found.error();
    if (found->empty() || services_.bus.store().id != store) co_return Result<void>();
    cursor = found->back().id;
    auto job = [store, messages = std::move(*found), limits = limits()](Database& db) -> Result<bool> {
      Transaction transaction(db);
      SearchTable table(db);
      auto const source = table.source(std::string(kBusOwner), store, "");
      for (auto const& message : messages) {
        if (message.created_at < limits.oldest) continue;
        SearchTable::Row row{.owner = std::string(kBusOwner), .at = message.created_at, .seq = message.id};
        row.sender = message.from;
        row.recipient = message.resolved_to_agent.value_or(message.to);
        row.text = searchable(message.subject ? *message.subject + " " + message.body : message.body);
        table.add(source, row);
      }
      table.move_cursor(source, messages.back().id);
      (void)table.prune(limits);
      transaction.commit();
      return true;
    };
    auto const taken = co_await index_.write(std::move(job));
    if (!taken) co_return taken.error();
  }
  co_return Result<void>();
}

}  // namespace ar::daemon
