#include "relay/embedded/schema.hpp"

namespace ar::relay::embedded {
namespace {

// messages.state: `live` may be read or claimed, `claimed` is under a lease, `finished` was claimed and is
// done, `dead` is a dead letter. Plain messages are live until they die; who is still to read them stands in
// `inbox`.
constexpr char kFirst[] = R"sql(
CREATE TABLE messages(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sender TEXT NOT NULL,
  recipient TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT,
  body TEXT NOT NULL,
  payload TEXT NOT NULL,
  claimable INTEGER NOT NULL,
  reply_requested INTEGER NOT NULL,
  reply_to INTEGER,
  created_at INTEGER NOT NULL,
  idempotency_key TEXT,
  body_hash TEXT,
  seen INTEGER NOT NULL DEFAULT 0,      -- somebody has read it
  state TEXT NOT NULL DEFAULT 'live' CHECK(state IN ('live', 'claimed', 'finished', 'dead')),
  holder TEXT,
  token TEXT,
  lease_until INTEGER,                  -- steady
  not_before INTEGER,                   -- steady
  deliveries INTEGER NOT NULL DEFAULT 0,
  kept_since INTEGER NOT NULL,          -- retention counts from here: creation, death or requeue
  dead_reason TEXT
) STRICT;
CREATE UNIQUE INDEX messages_key ON messages(sender, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX messages_sender ON messages(sender);
CREATE INDEX messages_recipient ON messages(recipient);
CREATE INDEX messages_reply ON messages(reply_to) WHERE reply_to IS NOT NULL;
CREATE INDEX messages_unseen ON messages(recipient) WHERE claimable = 0 AND seen = 0 AND state = 'live';
CREATE INDEX messages_work ON messages(recipient) WHERE claimable = 1 AND state IN ('live', 'claimed');
CREATE INDEX messages_lease ON messages(lease_until) WHERE state = 'claimed';
CREATE INDEX messages_delay ON messages(not_before) WHERE not_before IS NOT NULL;
CREATE INDEX messages_kept ON messages(kept_since) WHERE state <> 'claimed';
CREATE INDEX messages_dead ON messages(id) WHERE state = 'dead';

CREATE TABLE inbox(
  agent_id TEXT NOT NULL,
  message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  PRIMARY KEY(agent_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_message ON inbox(message_id);
CREATE TABLE reads(
  message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  agent_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY(message_id, agent_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reads_agent ON reads(agent_id, message_id);
CREATE TABLE obligations(
  agent_id TEXT NOT NULL,
  message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  open INTEGER NOT NULL,                -- closed rows stay, so that a later read does not open it again
  PRIMARY KEY(agent_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX obligations_message ON obligations(message_id);
CREATE TABLE reactions(
  message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  by TEXT NOT NULL,
  word TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY(message_id, by, word)
) STRICT;

CREATE TABLE attachments(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  stored_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attachments_stored ON attachments(stored_at);
CREATE TABLE message_attachments(       -- name and type as they were when the message was sent
  message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  attachment_id TEXT NOT NULL REFERENCES attachments(id),
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  PRIMARY KEY(message_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_attachments_id ON message_attachments(attachment_id);

CREATE TABLE tasks(
  id INTEGER PRIMARY KEY,
  status TEXT NOT NULL,
  body TEXT NOT NULL,
  metadata TEXT NOT NULL,
  set_by TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE commands(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  target TEXT NOT NULL,
  params TEXT NOT NULL,
  status TEXT NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  expires_at INTEGER                    -- steady; emptied once it runs
) STRICT;
CREATE INDEX commands_open ON commands(target, id) WHERE ended = 0;
CREATE INDEX commands_expiry ON commands(expires_at) WHERE ended = 0 AND expires_at IS NOT NULL;
CREATE INDEX commands_ended ON commands(created_at) WHERE ended = 1;
CREATE TABLE command_steps(
  command_id INTEGER NOT NULL REFERENCES commands(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  status TEXT NOT NULL,
  at INTEGER NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY(command_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE agents(
  id TEXT PRIMARY KEY,
  label TEXT NOT NULL,
  tags TEXT NOT NULL,
  capabilities TEXT NOT NULL,
  narrow INTEGER NOT NULL,
  instance_id TEXT NOT NULL,
  status TEXT NOT NULL,
  ready INTEGER NOT NULL,
  meta TEXT NOT NULL,
  registered_at INTEGER NOT NULL,
  last_heartbeat INTEGER NOT NULL       -- steady
) STRICT, WITHOUT ROWID;
CREATE TABLE agent_addresses(
  address TEXT NOT NULL,
  agent_id TEXT NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
  PRIMARY KEY(address, agent_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_addresses_agent ON agent_addresses(agent_id);

CREATE TABLE tokens(
  jti TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  profile TEXT NOT NULL,
  agent_ids TEXT NOT NULL,
  rights TEXT NOT NULL,
  lifetime INTEGER,                     -- milliseconds; empty: does not expire
  expires_at INTEGER,
  revoked INTEGER NOT NULL DEFAULT 0,
  replaced_by TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_expiry ON tokens(expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX tokens_replaced ON tokens(replaced_by) WHERE replaced_by IS NOT NULL;
)sql";

/// What is forgotten by its age.
constexpr char kAges[] = R"sql(
CREATE INDEX tasks_ended ON tasks(updated_at) WHERE status IN ('done', 'failed', 'cancelled');
CREATE INDEX agents_silent ON agents(last_heartbeat);
)sql";

// A token and all it was renewed into are one family, named by the first one's jti: revoking one ends them all.
constexpr char kTokenFamilies[] = R"sql(
ALTER TABLE tokens ADD COLUMN family TEXT NOT NULL DEFAULT '';
WITH RECURSIVE chain(jti, family) AS (
  SELECT jti, jti FROM tokens
    WHERE NOT EXISTS(SELECT 1 FROM tokens AS older WHERE older.replaced_by = tokens.jti)
  UNION SELECT tokens.replaced_by, chain.family FROM chain JOIN tokens USING(jti) WHERE tokens.replaced_by IS NOT NULL)
UPDATE tokens SET family = coalesce((SELECT family FROM chain WHERE chain.jti = tokens.jti), jti);
DROP INDEX tokens_replaced;
ALTER TABLE tokens DROP COLUMN replaced_by;
CREATE INDEX tokens_family ON tokens(family);
)sql";

// The name of this store: message numbers are its own. A copy of the file has it as well.
constexpr char kStoreName[] = R"sql(
CREATE TABLE store(id TEXT NOT NULL) STRICT;
INSERT INTO store(id) VALUES(lower(hex(randomblob(16))));
)sql";

// A name stands for one family at a time; whose tokens are all revoked or at their end has given it free.
constexpr char kTokenNames[] = R"sql(
ALTER TABLE tokens ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN made_at INTEGER;
CREATE INDEX tokens_name ON tokens(name) WHERE name <> '';
)sql";

// Each change is a new row: its number is the note's revision, and no number is given twice.
constexpr char kNotes[] = R"sql(
CREATE TABLE notes(
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  text TEXT NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX notes_age ON notes(changed_at);
)sql";

constexpr char const* kMigrations[] = {kFirst, kAges, kTokenFamilies, kStoreName, kTokenNames, kNotes};

}  // namespace

std::span<char const* const> migrations() { return kMigrations; }

}  // namespace ar::relay::embedded
