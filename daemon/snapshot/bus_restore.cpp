#include "daemon/snapshot/bus_restore.hpp"

#include "base/base64.hpp"
#include "daemon/snapshot/bus_rows.hpp"
#include "daemon/snapshot/file_job.hpp"
#include "daemon/store/known_store.hpp"
#include "relay/bus.hpp"
#include "relay/message_json.hpp"

#include <utility>

namespace ar::daemon {
namespace {

constexpr std::size_t kMostLeft = 20;  ///< that people are told of, of one agent

}  // namespace

DeliveryTable::Row row_of(std::string const& agent, Delivery const& d) {
  return {agent,          d.store, d.message, std::string(to_string(d.state)), d.correlation_id, to_text(to_journal(d)),
          !d.is_settled()};
}

BusRestore::BusRestore(Services& services, Worker& files, std::shared_ptr<RowSpool> spool, std::string store,
                       std::string agent, bool has_record)
    : services_(services),
      files_(files),
      spool_(std::move(spool)),
      store_(std::move(store)),
      agent_(std::move(agent)),
      same_store_(store_ == services.store.id()),
      has_record_(has_record) {}

awaitable<Result<void>> BusRestore::run() {
  for (std::int64_t after = 0;;) {
    auto next = [spool = spool_, agent = agent_, after]() -> Result<std::vector<RowSpool::Row>> {
      return spool->page("queue", agent, after);
    };
    auto const rows = co_await file_job(files_, std::move(next));
    if (!rows) co_return rows.error();
    if (rows->empty()) co_return Result<void>();
    after = rows->back().number;
    for (auto const& row : *rows)
      if (auto brought = co_await bring(row.value()); !brought) co_return brought.error();
  }
}

awaitable<Result<void>> BusRestore::bring(json row) {
  auto const kind = kind_of(row);
  if (kind == kMessageRow) co_return co_await bring_message(*relay::message_from(row.at("message")));
  if (kind == kTaskRow) co_return co_await bring_task(*relay::task_from(row.at("task")));
  if (kind == kDeliveryRow) co_return co_await bring_delivery(std::move(row));
  words_.push_back({row.at("key").get<std::string>(), to_text(row.at("word"))});
  ++written_;
  co_return Result<void>();
}

awaitable<Result<void>> BusRestore::bring_message(Message message) {
  if (same_store_) {
    numbers_[message.id] = message.id;
    co_return Result<void>();
  }
  auto attachments = co_await bring_attachments(message);
  if (!attachments) co_return attachments.error();
  NewMessage fresh;
  fresh.from = std::move(message.from);
  // Work is for whoever takes it; of anything else this is this agent's own copy.
  fresh.to = message.claimable ? std::move(message.to) : agent_;
  fresh.kind = std::move(message.kind);
  fresh.subject = std::move(message.subject);
  fresh.body = std::move(message.body);
  fresh.payload = std::move(message.payload);
  fresh.claimable = message.claimable;
  fresh.attachments = std::move(*attachments);
  fresh.idempotency_key =
      "restored:" + store_ + ":" + std::to_string(message.id) + (message.claimable ? "" : ":" + agent_);
  if (auto const at = message.reply_to ? numbers_.find(*message.reply_to) : numbers_.end(); at != numbers_.end())
    fresh.reply_to = at->second;
  auto const sent = co_await services_.bus.send(std::move(fresh));
  if (!sent && !is_definite(sent.error())) co_return sent.error();
  if (!sent) {
    leave_out("message " + std::to_string(message.id), sent.error().message);
    co_return Result<void>();
  }
  numbers_[message.id] = sent->message.id;
  written_ += sent->repeated ? 0 : 1;
  co_return Result<void>();
}

/// Of the message; one that the snapshot has not whole is left out.
awaitable<Result<std::vector<std::string>>> BusRestore::bring_attachments(Message const& message) {
  std::vector<std::string> ids;
  for (auto const& attachment : message.attachments) {
    auto read = [spool = spool_, owner = owner_of_attachment(attachment.id)]() -> Result<std::string> {
      std::string bytes;
      spool->each("queue", owner,
                  [&](json row) { bytes += base64_decode(row.at("data").get<std::string>()).value_or(""); });
      return bytes;
    };
    auto bytes = co_await file_job(files_, std::move(read));
    if (!bytes) co_return bytes.error();
    auto const stored =
        co_await services_.bus.put_attachment(attachment.name, attachment.media_type, std::move(*bytes));
    if (!stored && !is_definite(stored.error())) co_return stored.error();
    if (stored && stored->id == attachment.id)
      ids.push_back(stored->id);
    else
      leave_out("attachment " + attachment.name + " of message " + std::to_string(message.id),
                stored ? "the snapshot does not hold it whole" : stored.error().message);
  }
  co_return ids;
}

awaitable<Result<void>> BusRestore::bring_task(Task task) {
  auto const known = co_await services_.bus.task(task.id);
  if (known) co_return Result<void>();
  if (known.error().kind != ErrorKind::not_found) co_return known.error();
  auto const set = co_await services_.bus.set_task(std::move(task));
  if (!set && !is_definite(set.error())) co_return set.error();
  written_ += set ? 1 : 0;
  co_return Result<void>();
}

awaitable<Result<void>> BusRestore::bring_delivery(json row) {
  auto d = delivery_from_journal(row.at("delivery"));
  auto const there = d.message;
  if (!d.is_local()) {
    auto const at = numbers_.find(d.message);
    bool const is_known = same_store_ && row.at("store").get<std::string>() == store_;
    if (at == numbers_.end() && !is_known) {
      leave_out("what became of message " + std::to_string(there), "its bus is not this one");
      co_return Result<void>();
    }
    d.message = at == numbers_.end() ? d.message : at->second;
    d.store = services_.store.id();
    d.acknowledged = false;  // this bus is to be told
  }
  d.continues = numbers_here(std::move(d.continues));
  // A record that is not here would show all of it as absent, and it would be typed a second time.
  bool const in_doubt = d.state == DeliveryState::submitted || d.state == DeliveryState::unknown;
  if (in_doubt && !has_record_) {
    d.take(DeliveryInput::store_gone);
    d.reason = "whether it was taken cannot be told: the conversation's record is not in the snapshot";
  }
  bool const is_work = d.claimable && (d.is_taken() ? d.must_report() : !d.has_ended());
  if (is_work) {
    auto const claim = co_await services_.bus.claim(d.message, agent_);
    if (!claim && !is_definite(claim.error())) co_return claim.error();
    if (!claim) {
      leave_out("the work of message " + std::to_string(there), claim.error().message);
      co_return Result<void>();
    }
    d.claim_token = claim->token;
  }
  deliveries_.push_back(row_of(agent_, d));
  ++written_;
  co_return Result<void>();
}

std::vector<MessageId> BusRestore::numbers_here(std::vector<MessageId> there) const {
  if (same_store_) return there;
  auto const is_local = [](MessageId id) { return id < 0; };  // the agent's own, which come with their numbers
  std::erase_if(there, [&](MessageId id) { return !is_local(id) && !numbers_.contains(id); });
  for (auto& id : there)
    if (!is_local(id)) id = numbers_.at(id);
  return there;
}

void BusRestore::leave_out(std::string what, std::string const& why) {
  if (left_.size() < kMostLeft) left_.push_back(std::move(what) + ": " + why);
}

}  // namespace ar::daemon
