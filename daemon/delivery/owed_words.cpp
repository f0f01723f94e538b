#include "daemon/delivery/owed_words.hpp"

#include "daemon/store/tables/owed_word_table.hpp"
#include "relay/message_json.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
namespace {

NewMessage word_about(Delivery const& d, std::string const& agent) {
  auto const number = std::to_string(d.message);
  bool const answered = d.state == DeliveryState::done && !d.reason.empty();
  NewMessage word;
  word.from = agent;
  word.to = d.from;
  word.kind = "reply";
  word.subject = "Message " + number + " of the bus before is " + (answered ? "answered" : "not answered");
  word.body = answered ? d.reason : "Agent " + agent + " does not answer message " + number + ": " + d.reason;
  word.payload["outcome"] = "bus_gone";
  word.idempotency_key = "bus-gone:" + agent + ":" + number + ":" + d.store;
  return word;
}

}  // namespace

OwedWords::OwedWords(Journal& journal, Reporter& reporter, std::string agent_id)
    : journal_(journal), reporter_(reporter), agent_id_(std::move(agent_id)) {}

std::vector<NewMessage> OwedWords::stored(Database& db, std::string const& agent) {
  std::vector<NewMessage> found;
  for (auto const& row : OwedWordTable(db).of(agent)) {
    auto const text = parse_json(row.word);
    auto word = text ? relay::new_message_from(*text) : Result<NewMessage>(text.error());
    if (word)
      found.push_back(std::move(*word));
    else
      spdlog::error("the journal's word {} cannot be read and is left as it is: {}", row.key, word.error().message);
  }
  return found;
}

void OwedWords::owe(Delivery const& d) { owe(word_about(d, agent_id_)); }

void OwedWords::owe(NewMessage word) {
  OwedWordTable::Row row{word.idempotency_key, to_text(relay::to_json(word))};
  journal_.write([agent = agent_id_, row = std::move(row)](Database& db) { OwedWordTable(db).put(agent, row); });
  words_.push_back(std::move(word));
}

awaitable<void> OwedWords::tell_next() {
  auto const word = words_.back();
  auto const told = co_await reporter_.reply(word);
  if (told) {
    std::erase_if(words_, [&](auto const& other) { return other.idempotency_key == word.idempotency_key; });
    journal_.write(
        [agent = agent_id_, key = word.idempotency_key](Database& db) { OwedWordTable(db).erase(agent, key); });
    tries_ = 0;
  } else {
    due_ = Clock::now() + retry_wait(++tries_);
  }
}

awaitable<Result<void>> OwedWords::tell_all() {
  auto const words = words_;
  for (auto const& word : words) {
    auto const told = co_await reporter_.reply(word);
    if (!told) co_return told.error();
  }
  co_return Result<void>();
}

}  // namespace ar::daemon
