#include "daemon/store/schema.hpp"

namespace ar::daemon {
namespace {

/// Append only: a released migration is never edited.
constexpr char const* kMigrations[] = {
    R"sql(
CREATE TABLE agents(
  id TEXT PRIMARY KEY,
  spec TEXT NOT NULL,               -- AgentSpec as JSON
  state TEXT NOT NULL,
  record TEXT NOT NULL              -- AgentRecord as JSON: session, process, counters
) STRICT;
CREATE TABLE deliveries(
  agent TEXT NOT NULL,
  message INTEGER NOT NULL,         -- negative: not from the bus (initial prompt, injected context)
  state TEXT NOT NULL,
  nonce TEXT NOT NULL,
  record TEXT NOT NULL,             -- Delivery as JSON
  open INTEGER NOT NULL,            -- 1 while something is still to be done about it
  PRIMARY KEY(agent, message)
) STRICT;
CREATE INDEX deliveries_open ON deliveries(agent) WHERE open = 1;
CREATE INDEX deliveries_message ON deliveries(message);
CREATE TABLE turns(
  agent TEXT NOT NULL,
  number INTEGER NOT NULL,
  record TEXT NOT NULL,             -- Turn as JSON
  PRIMARY KEY(agent, number)
) STRICT;
CREATE TABLE events(
  number INTEGER PRIMARY KEY,       -- gapless over the whole log
  agent TEXT NOT NULL,
  agent_number INTEGER NOT NULL,    -- gapless within its agent; 0: not about an agent
  at INTEGER NOT NULL,
  text TEXT NOT NULL                -- the event as it is sent
) STRICT;
CREATE UNIQUE INDEX events_agent ON events(agent, agent_number) WHERE agent_number > 0;
CREATE TABLE spawn_keys(
  key TEXT PRIMARY KEY,
  body_hash TEXT NOT NULL,
  agent TEXT NOT NULL
) STRICT;
CREATE TABLE facts(                 -- single values: the last control port
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
)sql",
    R"sql(
CREATE TABLE approvals(
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  record TEXT NOT NULL              -- Approval as JSON
) STRICT;
CREATE INDEX approvals_agent ON approvals(agent, id);
CREATE INDEX approvals_pending ON approvals(status) WHERE status = 'pending';
)sql",
    // A message's number is its own in one store of the bus only.
    R"sql(
CREATE TABLE deliveries_of_stores(
  agent TEXT NOT NULL,
  store TEXT NOT NULL DEFAULT '',   -- whose number it is; empty: of none (negative), or nobody could tell
  message INTEGER NOT NULL,
  state TEXT NOT NULL,
  nonce TEXT NOT NULL,
  record TEXT NOT NULL,
  open INTEGER NOT NULL,
  PRIMARY KEY(agent, store, message)
) STRICT;
INSERT INTO deliveries_of_stores(agent, message, state, nonce, record, open)
  SELECT agent, message, state, nonce, record, open FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_of_stores RENAME TO deliveries;
CREATE INDEX deliveries_open ON deliveries(agent) WHERE open = 1;
CREATE INDEX deliveries_message ON deliveries(message);
)sql",
    // Settled ones that still hold more than their number: see Retention.
    R"sql(
CREATE INDEX deliveries_kept ON deliveries(agent) WHERE open = 0 AND nonce <> '';
)sql",
    // What is still to be said to those who asked for a reply on a bus that is gone.
    R"sql(
CREATE TABLE words_owed(
  agent TEXT NOT NULL,
  key TEXT NOT NULL,                -- idempotency key of the message
  word TEXT NOT NULL,               -- NewMessage as JSON
  PRIMARY KEY(agent, key)
) STRICT;
)sql",
    // The words of docs/glossary.md.
    R"sql(
ALTER TABLE deliveries RENAME COLUMN nonce TO correlation_id;
UPDATE deliveries SET state = 'submitted' WHERE state = 'handed';
UPDATE deliveries SET record = replace(replace(replace(replace(record, '"nonce":', '"correlationId":'),
                                                       '["submitted",', '["entered",'),
                                               '["handed",', '["submitted",'),
                                       '"state":"handed"', '"state":"submitted"')
  WHERE record LIKE '%"nonce":%';
UPDATE events SET text = replace(text, '"type":"message.handed"', '"type":"message.submitted"')
  WHERE text LIKE '%"type":"message.handed"%';
UPDATE events SET text = replace(text, '"type":"message.witness"', '"type":"message.looked_up"')
  WHERE text LIKE '%"type":"message.witness"%';
UPDATE agents SET spec = json_set(spec, '$.options.proof.pattern',
                                  replace(json_extract(spec, '$.options.proof.pattern'), '{nonce}', '{correlation_id}'))
  WHERE CASE WHEN json_valid(spec) THEN json_extract(spec, '$.options.proof.pattern') END LIKE '%{nonce}%';
)sql",
    // What requests with an Idempotency-Key were answered. (spawn_keys stays: it is written with the agent itself.)
    R"sql(
CREATE TABLE kept_answers(
  owner TEXT NOT NULL,              -- who asked
  key TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  location TEXT NOT NULL,           -- of what it made; empty: nothing
  body TEXT NOT NULL,
  over_at INTEGER NOT NULL,         -- ms: what it made is gone since then; 0: it is there
  PRIMARY KEY(owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_answers_location ON kept_answers(location) WHERE over_at = 0;
CREATE INDEX kept_answers_over ON kept_answers(over_at) WHERE over_at > 0;
)sql",
    // docs/memory.md. A version is never given twice, so that it is an entry's ETag.
    R"sql(
CREATE TABLE memory(
  version INTEGER PRIMARY KEY AUTOINCREMENT,
  scope TEXT NOT NULL,
  id TEXT NOT NULL,
  key TEXT NOT NULL,
  bytes INTEGER NOT NULL,           -- of the value
  updated_at INTEGER NOT NULL,
  value TEXT NOT NULL               -- JSON
) STRICT;
CREATE UNIQUE INDEX memory_entries ON memory(scope, id, key);
CREATE TABLE memory_sizes(          -- so that a quota is not a count of all
  scope TEXT NOT NULL,
  id TEXT NOT NULL,                 -- empty: of the whole scope
  entries INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY(scope, id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER memory_added AFTER INSERT ON memory BEGIN
  INSERT INTO memory_sizes(scope, id, entries, bytes)
    VALUES(new.scope, new.id, 1, new.bytes), (new.scope, '', 1, new.bytes)
    ON CONFLICT(scope, id) DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER memory_removed AFTER DELETE ON memory BEGIN
  UPDATE memory_sizes SET entries = entries - 1, bytes = bytes - old.bytes
    WHERE scope = old.scope AND id IN (old.id, '');
  DELETE FROM memory_sizes WHERE scope = old.scope AND id = old.id AND entries = 0;
END;
)sql",
    // docs/webhooks.md.
    R"sql(
CREATE TABLE receivers(             -- whom the outbox tells
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,              -- operator, or the agent with which it goes
  record TEXT NOT NULL              -- Receiver as JSON; holds a secret
) STRICT;
CREATE TABLE outbox(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,          -- as the receiver sees it
  receiver TEXT NOT NULL,
  place INTEGER NOT NULL,           -- in its receiver's order
  type TEXT NOT NULL,
  event INTEGER NOT NULL,           -- 0: it is about none
  state TEXT NOT NULL,              -- waiting, delivered, gave_up
  created_at INTEGER NOT NULL,
  asked_at INTEGER NOT NULL,        -- or when it was asked for once more
  bytes INTEGER NOT NULL,           -- of the body
  body TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_places ON outbox(receiver, place);
CREATE INDEX outbox_waiting ON outbox(receiver, place) WHERE state = 'waiting';
CREATE INDEX outbox_over ON outbox(receiver, number) WHERE state <> 'waiting';
CREATE INDEX outbox_age ON outbox(created_at) WHERE state <> 'waiting';
CREATE TABLE outbox_attempts(
  number INTEGER PRIMARY KEY,
  delivery INTEGER NOT NULL,
  at INTEGER NOT NULL,
  status INTEGER NOT NULL,          -- 0: there was no answer
  ms INTEGER NOT NULL,
  error TEXT NOT NULL               -- empty: it was taken
) STRICT;
CREATE INDEX outbox_attempts_of ON outbox_attempts(delivery, number);
CREATE TRIGGER receiver_gone AFTER DELETE ON receivers BEGIN
  DELETE FROM outbox WHERE receiver = old.id;
END;
CREATE TRIGGER outbox_gone AFTER DELETE ON outbox BEGIN
  DELETE FROM outbox_attempts WHERE delivery = old.number;
END;
)sql",
    // docs/outputs.md
    R"sql(
CREATE TABLE outputs(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  agent TEXT NOT NULL,
  id TEXT NOT NULL,
  path TEXT NOT NULL,
  name TEXT NOT NULL,               -- below its output folder
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  stamp TEXT NOT NULL,              -- of the file, when it was read
  turn INTEGER NOT NULL,
  modified_at INTEGER NOT NULL,
  captured_at INTEGER NOT NULL,
  gone_at INTEGER NOT NULL          -- ms: the file is not there since then; 0: it is
) STRICT;
CREATE UNIQUE INDEX outputs_path ON outputs(agent, path);
CREATE UNIQUE INDEX outputs_id ON outputs(agent, id);
CREATE INDEX outputs_number ON outputs(agent, number);
CREATE TABLE output_captures(       -- the newest of each agent
  agent TEXT PRIMARY KEY,
  turn INTEGER NOT NULL,
  at INTEGER NOT NULL,
  missing TEXT NOT NULL             -- JSON
) STRICT, WITHOUT ROWID;
)sql",
    // docs/skills.md. Their files are in folders.
    R"sql(
CREATE TABLE skills(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  bytes INTEGER NOT NULL,           -- of all files
  files TEXT NOT NULL,              -- JSON: [{path, bytes}]
  created_at INTEGER NOT NULL,
  live INTEGER NOT NULL             -- 0: kept for the agents that have it, and found by nobody
) STRICT;
CREATE INDEX skills_name ON skills(name, number);
CREATE UNIQUE INDEX skills_content ON skills(name, hash) WHERE live = 1;
CREATE TABLE skill_pins(
  agent TEXT NOT NULL,
  skill TEXT NOT NULL,              -- id
  PRIMARY KEY(agent, skill)
) STRICT, WITHOUT ROWID;
CREATE INDEX skill_pins_skill ON skill_pins(skill);
)sql",
    // docs/snapshots.md. The documents themselves are files.
    R"sql(
CREATE TABLE snapshots(
  id TEXT PRIMARY KEY,
  label TEXT NOT NULL,              -- empty: none
  created_at INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  history INTEGER NOT NULL,         -- 1: with history
  sections TEXT NOT NULL            -- JSON: {name: {version, count}}
) STRICT, WITHOUT ROWID;
)sql",
    // docs/tool-hooks.md.
    R"sql(
CREATE TABLE tool_hooks(
  position INTEGER PRIMARY KEY,     -- in the order of registration
  id TEXT NOT NULL,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  after INTEGER NOT NULL,           -- 1: post
  tools TEXT NOT NULL,              -- a JSON list of patterns
  callback_url TEXT NOT NULL,
  closed INTEGER NOT NULL,
  timeout_ms INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE(owner, name)
) STRICT;
)sql",
    // What is gone, and for how long that is known.
    R"sql(
CREATE TABLE removed(
  noun TEXT NOT NULL,               -- agent, webhook, skill, snapshot
  id TEXT NOT NULL,
  owner TEXT NOT NULL,              -- the agent that could see it besides the operator; empty: none
  at INTEGER NOT NULL,
  PRIMARY KEY(noun, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX removed_at ON removed(at);
CREATE INDEX removed_owner ON removed(owner);
CREATE INDEX approvals_time ON approvals(agent, created_at);
ALTER TABLE spawn_keys ADD COLUMN over_at INTEGER NOT NULL DEFAULT 0;  -- its agent is gone since then; 0: it is there
)sql",
    // docs/limits.md.
    R"sql(
CREATE TABLE account_holds(
  account TEXT PRIMARY KEY,
  record TEXT NOT NULL              -- JSON: the hold, who found it, who has the probe
) STRICT, WITHOUT ROWID;
)sql",
    // docs/schedules.md.
    R"sql(
CREATE TABLE schedules(
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,              -- operator, or the agent with which it goes
  record TEXT NOT NULL,             -- Schedule as JSON
  next_at INTEGER,                  -- ms; null: it is not due, or something of it is under way
  under_way INTEGER NOT NULL,       -- 1: a due time is being carried out
  over_at INTEGER,                  -- ms: since then it is not due any more
  bytes INTEGER NOT NULL,           -- of `what`
  what TEXT NOT NULL                -- JSON: the request that it carries out; may hold secrets
) STRICT;
CREATE INDEX schedules_next ON schedules(next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_owner ON schedules(owner);
CREATE INDEX schedules_over ON schedules(over_at) WHERE over_at IS NOT NULL;
)sql",
    // docs/approval-rules.md. An id is never given twice: the records of decisions name it.
    R"sql(
CREATE TABLE approval_rules(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  agent TEXT NOT NULL,              -- with which it goes; empty: none
  created_at INTEGER NOT NULL,
  approval INTEGER NOT NULL,        -- whose request it was made of; 0: none
  uses INTEGER NOT NULL DEFAULT 0,
  last_used_at INTEGER NOT NULL DEFAULT 0,
  record TEXT NOT NULL              -- JSON: what was asked for
) STRICT;
CREATE INDEX approval_rules_agent ON approval_rules(agent);
)sql",
    // docs/budgets.md.
    R"sql(
CREATE TABLE usage(                 -- sums
  day TEXT NOT NULL,                -- of this machine's time zone: 2026-01-31
  agent TEXT NOT NULL,              -- empty: agents that are gone
  account TEXT NOT NULL,            -- empty: none
  turns INTEGER NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  usd REAL,                         -- null: nobody says
  PRIMARY KEY(day, agent, account)
) STRICT;
CREATE INDEX usage_agent ON usage(agent);
CREATE TABLE budgets(
  name TEXT PRIMARY KEY,
  record TEXT NOT NULL              -- JSON: what is used of it, and what a person has said about it
) STRICT, WITHOUT ROWID;
)sql",
    // docs/proof.md. SHA-256 in hex, of the one of the event before and of the text; null: an event of an earlier
    // version, or that an agent has brought.
    "ALTER TABLE events ADD COLUMN chain TEXT;",
};

}  // namespace

std::span<char const* const> journal_migrations() { return kMigrations; }

}  // namespace ar::daemon
