#include "relay/embedded/replies.hpp"

#include "relay/embedded/query.hpp"
#include "relay/message_rules.hpp"

namespace ar::relay::embedded {
namespace {
constexpr std::size_t kMaxReactionBytes = 64;
}

Result<std::vector<Message>> reply_obligations(Database& db, std::string const& agent_id) {
  std::vector<Message> owed;
  Query row(db, "SELECT message_id FROM obligations WHERE agent_id = ?1 AND open ORDER BY message_id", agent_id);
  while (row.step()) owed.push_back(load_message(db, row.integer(0)));
  return owed;
}

Result<void> waive_reply(Database& db, MessageId id, std::string const& agent_id) {
  if (auto const good = check_word("agentId", agent_id, kMaxNameBytes); !good) return good;
  Transaction transaction(db);
  if (!message_exists(db, id)) return unknown_message(id);
  run(db,
      "INSERT INTO obligations(agent_id, message_id, open) VALUES(?1, ?2, 0)"
      " ON CONFLICT DO UPDATE SET open = 0",
      agent_id, id);
  transaction.commit();
  return {};
}

Result<void> react(Database& db, Moment now, MessageId id, std::string const& by, std::string const& word) {
  if (auto const good = check_word("by", by, kMaxNameBytes); !good) return good;
  if (auto const good = check_word("word", word, kMaxReactionBytes); !good) return good;
  Transaction transaction(db);
  if (!message_exists(db, id)) return unknown_message(id);
  run(db, "INSERT INTO reactions(message_id, by, word, at) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING", id, by, word,
      to_millis(now.wall));
  transaction.commit();
  return {};
}

Result<std::vector<Reaction>> reactions(Database& db, MessageId id) {
  if (!message_exists(db, id)) return unknown_message(id);
  std::vector<Reaction> found;
  Query row(db, "SELECT by, word, at FROM reactions WHERE message_id = ?1 ORDER BY at, rowid", id);
  while (row.step()) found.push_back({id, row.text(0), row.text(1), row.time(2)});
  return found;
}

}  // namespace ar::relay::embedded
