#include "relay/embedded/messages.hpp"

#include "relay/embedded/query.hpp"
#include "relay/message_rules.hpp"

#include <algorithm>

namespace ar::relay::embedded {
namespace {

std::vector<Message> load_all(Database& db, std::vector<MessageId> const& ids) {
  std::vector<Message> found;
  found.reserve(ids.size());
  for (auto const id : ids) found.push_back(load_message(db, id));
  return found;
}

/// The first message with this sender's key: repeated, or in conflict.
std::optional<Result<Sent>> sent_before(Database& db, NewMessage const& message, std::string const& hash) {
  Query first(db, "SELECT id, body_hash FROM messages WHERE sender = ?1 AND idempotency_key = ?2", message.from,
              message.idempotency_key);
  if (!first.step()) return std::nullopt;
  auto const id = first.integer(0);
  if (first.text(1) != hash)
    return idempotency_conflict(std::to_string(id), "the key \"" + message.idempotency_key +
                                                        "\" was used for message " + std::to_string(id) +
                                                        ", which says something else; use a new key for a new message");
  return Sent{load_message(db, id), true};
}

Result<void> check_references(Database& db, NewMessage const& message) {
  if (message.reply_to && !message_exists(db, *message.reply_to)) {
    auto error = unknown_message(*message.reply_to);
    error.field = "replyTo";
    return error;
  }
  for (auto const& id : message.attachments) {
    Query stored(db, "SELECT 1 FROM attachments WHERE id = ?1", id);
    if (!stored.step())
      return Error{ErrorKind::not_found, "unknown_attachment",
                   "there is no attachment \"" + id.substr(0, 80) + "\"; upload it first", "attachments"};
  }
  return {};
}

void owe_reply(Database& db, std::string const& agent_id, MessageId id) {
  run(db, "INSERT INTO obligations(agent_id, message_id, open) VALUES(?1, ?2, 1) ON CONFLICT DO NOTHING", agent_id, id);
}

}  // namespace

Error unknown_message(MessageId id) {
  return not_found("unknown_message", "there is no message " + std::to_string(id) + "; it may have expired");
}

bool message_exists(Database& db, MessageId id) { return Query(db, "SELECT 1 FROM messages WHERE id = ?1", id).step(); }

Message load_message(Database& db, MessageId id) {
  Message message;
  {
    Query row(db,
              "SELECT sender, recipient, kind, subject, body, payload, claimable, reply_to, created_at,"
              " EXISTS(SELECT 1 FROM message_attachments WHERE message_id = ?1) FROM messages WHERE id = ?1",
              id);
    if (!row.step()) return message;
    message.id = id;
    message.from = row.text(0);
    message.to = row.text(1);
    message.kind = row.text(2);
    message.subject = row.maybe_text(3);
    message.body = row.text(4);
    message.payload = row.object(5, "message " + std::to_string(id)).value_or(json::object());
    message.claimable = row.boolean(6);
    message.reply_to = row.maybe_integer(7);
    message.created_at = row.time(8);
    if (row.boolean(9)) {
      Query part(db,
                 "SELECT m.attachment_id, m.name, a.size, m.media_type FROM message_attachments m"
                 " JOIN attachments a ON a.id = m.attachment_id WHERE m.message_id = ?1 ORDER BY m.position",
                 id);
      while (part.step()) message.attachments.push_back({part.text(0), part.text(1), part.integer(2), part.text(3)});
    }
  }
  Query reader(db, "SELECT agent_id FROM reads WHERE message_id = ?1 ORDER BY at, agent_id", id);
  while (reader.step()) message.read_by.push_back(reader.text(0));
  return message;
}

void fill_inboxes(Database& db, MessageId id, std::string const& from, std::string const& to) {
  if (is_group_address(to)) {
    run(db,
        "INSERT OR IGNORE INTO inbox(agent_id, message_id) SELECT agent_id, ?1 FROM agent_addresses"
        " WHERE address = ?2 AND agent_id <> ?3"
        " AND NOT EXISTS(SELECT 1 FROM reads WHERE message_id = ?1 AND reads.agent_id = "
        "agent_addresses.agent_id)",
        id, to, from);
  } else {
    run(db,
        "INSERT OR IGNORE INTO inbox(agent_id, message_id) SELECT ?2, ?1"
        " WHERE NOT EXISTS(SELECT 1 FROM reads WHERE message_id = ?1 AND agent_id = ?2)",
        id, to);
  }
}

MessageId insert_message(Database& db, Moment now, NewMessage const& message, std::string const& body_hash) {
  auto const flag = message.payload.find("replyRequested");
  bool const reply_requested = flag != message.payload.end() && flag->get<bool>();
  std::optional<std::string_view> key, hash;
  if (!message.idempotency_key.empty()) {
    key = message.idempotency_key;
    hash = body_hash;
  }
  run(db,
      "INSERT INTO messages(sender, recipient, kind, subject, body, payload, claimable, reply_requested, "
      "reply_to,"
      " created_at, kept_since, idempotency_key, body_hash)"
      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12)",
      message.from, message.to, message.kind, message.subject, message.body, message.payload.dump(), message.claimable,
      reply_requested, message.reply_to, to_millis(now.wall), key, hash);
  auto const id = db.last_insert_id();
  int position = 0;
  for (auto const& attachment : message.attachments)
    run(db,
        "INSERT INTO message_attachments(message_id, position, attachment_id, name, media_type)"
        " SELECT ?1, ?2, id, name, media_type FROM attachments WHERE id = ?3",
        id, position++, attachment);
  if (!message.claimable) fill_inboxes(db, id, message.from, message.to);
  if (reply_requested) {
    // Of claimable work, one agent of the group will owe the answer: the one that takes and reads it.
    if (!is_group_address(message.to))
      owe_reply(db, message.to, id);
    else if (!message.claimable)
      run(db,
          "INSERT INTO obligations(agent_id, message_id, open) SELECT agent_id, message_id, 1 FROM inbox"
          " WHERE message_id = ?1",
          id);
  }
  if (message.reply_to)
    run(db,
        "INSERT INTO obligations(agent_id, message_id, open) SELECT ?1, id, 0 FROM messages"
        " WHERE id = ?2 AND reply_requested ON CONFLICT DO UPDATE SET open = 0",
        message.from, *message.reply_to);
  return id;
}

Result<Sent> send(Database& db, BusLimits const& limits, Moment now, NewMessage const& message, Changes& changes) {
  if (auto const good = check_message(message, limits); !good) return good.error();
  std::string const hash = message.idempotency_key.empty() ? std::string() : canonical_hash(message);
  Transaction transaction(db);
  if (!message.idempotency_key.empty())
    if (auto first = sent_before(db, message, hash)) return std::move(*first);
  if (auto const good = check_references(db, message); !good) return good.error();
  auto const id = insert_message(db, now, message, hash);
  Sent sent{load_message(db, id), false};
  transaction.commit();
  changes.messages.push_back(sent.message);
  return sent;
}

BusStore store(Database& db) {
  BusStore store;
  Query name(db, "SELECT id FROM store");
  if (name.step()) store.id = name.text(0);
  Query last(db, "SELECT seq FROM sqlite_sequence WHERE name = 'messages'");  // also of those that are deleted
  store.newest = last.step() ? last.integer(0) : 0;
  return store;
}

Result<Message> message(Database& db, MessageId id) {
  auto found = load_message(db, id);
  if (found.id == 0) return unknown_message(id);
  return found;
}

Result<std::vector<Message>> messages(Database& db, MessageFilter const& filter) {
  if (auto const good = check_limit(filter.limit); !good) return good.error();
  // A literal for each shape, so that each has a plan of its own along an index; the merged lists of an agent
  // come in order from their three indexes and stop at the limit.
  struct Shape {
    char const *oldest_first, *newest_first;
  };
  static constexpr Shape kAll{"SELECT id FROM messages WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3",
                              "SELECT id FROM messages WHERE id > ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"};
  static constexpr Shape kOfAgent{
      "SELECT id FROM messages WHERE sender = ?4 AND id > ?1 AND id < ?2"
      " UNION SELECT id FROM messages WHERE recipient = ?4 AND id > ?1 AND id < ?2"
      " UNION SELECT message_id FROM reads WHERE agent_id = ?4 AND message_id > ?1 AND message_id < ?2"
      " ORDER BY 1 LIMIT ?3",
      "SELECT id FROM messages WHERE sender = ?4 AND id > ?1 AND id < ?2"
      " UNION SELECT id FROM messages WHERE recipient = ?4 AND id > ?1 AND id < ?2"
      " UNION SELECT message_id FROM reads WHERE agent_id = ?4 AND message_id > ?1 AND message_id < ?2"
      " ORDER BY 1 DESC LIMIT ?3"};
  static constexpr Shape kAnswers{
      "SELECT id FROM messages WHERE reply_to = ?5 AND id > ?1 AND id < ?2 AND (?4 IS NULL OR sender = ?4 OR"
      " recipient = ?4 OR EXISTS(SELECT 1 FROM reads WHERE message_id = id AND agent_id = ?4)) ORDER BY id "
      "LIMIT ?3",
      "SELECT id FROM messages WHERE reply_to = ?5 AND id > ?1 AND id < ?2 AND (?4 IS NULL OR sender = ?4 OR"
      " recipient = ?4 OR EXISTS(SELECT 1 FROM reads WHERE message_id = id AND agent_id = ?4))"
      " ORDER BY id DESC LIMIT ?3"};
  Shape const& shape = filter.reply_to ? kAnswers : filter.agent ? kOfAgent : kAll;
  auto& list = db.prepare(filter.after ? shape.oldest_first : shape.newest_first);
  auto const after = filter.after.value_or(0);
  auto const before = filter.before.value_or(INT64_MAX);
  if (filter.reply_to)
    list.bind(after, before, filter.limit, filter.agent, *filter.reply_to);
  else if (filter.agent)
    list.bind(after, before, filter.limit, *filter.agent);
  else
    list.bind(after, before, filter.limit);
  std::vector<MessageId> ids;
  while (list.step()) ids.push_back(list.integer(0));
  return load_all(db, ids);
}

Result<std::vector<Message>> unread(Database& db, Moment now, Identity const& who, int limit, MessageId after) {
  if (auto const good = check_limit(limit); !good) return good.error();
  if (auto const good = check_identity(who); !good) return good.error();
  std::vector<MessageId> ids;
  // Plain messages in its inbox; those for a group that nobody has read; work that is free, or that it holds
  // itself.
  Query row(db,
            "SELECT i.message_id FROM inbox i JOIN messages m ON m.id = i.message_id"
            " WHERE i.agent_id = ?1 AND i.message_id > ?5 AND m.recipient IN (SELECT value FROM json_each(?2))"
            " UNION SELECT m.id FROM json_each(?2) a JOIN messages m ON m.recipient = a.value"
            " WHERE m.claimable = 0 AND m.seen = 0 AND m.state = 'live' AND m.sender <> ?1 AND m.id > ?5"
            " UNION SELECT m.id FROM json_each(?2) a JOIN messages m ON m.recipient = a.value"
            " WHERE m.claimable = 1 AND m.state IN ('live', 'claimed') AND m.id > ?5"
            " AND (m.state = 'live' OR m.holder = ?1) AND (m.not_before IS NULL OR m.not_before <= ?3)"
            " AND NOT EXISTS(SELECT 1 FROM reads r WHERE r.message_id = m.id AND r.agent_id = ?1)"
            " ORDER BY 1 LIMIT ?4",
            who.agent_id, json(addresses_of(who)).dump(), to_millis(now.steady), limit, after);
  while (row.step()) ids.push_back(row.integer(0));
  std::vector<Message> found;
  for (std::size_t bytes = 0; auto const id : ids) {
    auto message = load_message(db, id);
    bytes += content_bytes(message);
    if (bytes > kContentAtOnce && !found.empty()) break;
    found.push_back(std::move(message));
  }
  return found;
}

bool carries_attachment(Database& db, std::vector<std::string> const& agents, std::vector<std::string> const& addresses,
                        std::string const& id) {
  return Query(
             db,
             "SELECT 1 FROM message_attachments p JOIN messages m ON m.id = p.message_id WHERE p.attachment_id = ?3"
             " AND (m.sender IN (SELECT value FROM json_each(?1)) OR m.recipient IN (SELECT value FROM json_each(?2))"
             " OR m.id IN (SELECT message_id FROM reads WHERE agent_id IN (SELECT value FROM json_each(?1)))) LIMIT 1",
             json(agents).dump(), json(addresses).dump(), id)
      .step();
}

bool names_task(Database& db, std::vector<std::string> const& agents, std::vector<std::string> const& addresses,
                std::int64_t id) {
  return Query(db,
               "SELECT 1 FROM messages m"
               " WHERE CASE WHEN json_valid(m.payload) THEN json_extract(m.payload, '$.taskId') END = ?3"
               // What one has sent oneself names a task of one's own only where its receiver has taken the task up: it
               // may have been sent before somebody else made a task of that number.
               " AND CASE WHEN m.sender IN (SELECT value FROM json_each(?1))"
               " THEN EXISTS(SELECT 1 FROM tasks t WHERE t.id = ?3 AND (t.set_by = m.recipient OR EXISTS("
               "SELECT 1 FROM reads r WHERE r.message_id = m.id AND r.agent_id = t.set_by)))"
               " ELSE m.recipient IN (SELECT value FROM json_each(?2))"
               " OR m.id IN (SELECT message_id FROM reads WHERE agent_id IN (SELECT value FROM json_each(?1))) END "
               "LIMIT 1",
               json(agents).dump(), json(addresses).dump(), id)
      .step();
}

void insert_read(Database& db, Moment now, MessageId id, std::string const& agent_id) {
  run(db, "INSERT INTO reads(message_id, agent_id, at) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING", id, agent_id,
      to_millis(now.wall));
  if (db.changes() == 0) return;
  run(db, "UPDATE messages SET seen = 1 WHERE id = ?1 AND seen = 0", id);
  run(db, "DELETE FROM inbox WHERE agent_id = ?1 AND message_id = ?2", agent_id, id);
  if (Query(db, "SELECT 1 FROM messages WHERE id = ?1 AND reply_requested AND sender <> ?2", id, agent_id).step())
    owe_reply(db, agent_id, id);
}

Result<void> mark_read(Database& db, Moment now, MessageId id, std::string const& agent_id) {
  if (auto const good = check_word("agentId", agent_id, kMaxNameBytes); !good) return good;
  Transaction transaction(db);
  if (!message_exists(db, id)) return unknown_message(id);
  insert_read(db, now, id, agent_id);
  transaction.commit();
  return {};
}

}  // namespace ar::relay::embedded
