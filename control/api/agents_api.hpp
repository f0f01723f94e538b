// Agents: spawning, looking at and controlling them.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/idempotency.hpp"
#include "model/page.hpp"
#include "model/principal.hpp"

#include <string>

namespace ar::control {

struct Spawned {
  json agent;
  bool created = true;  ///< false: the idempotency key had been used with the same body
};

/// io thread only.
class AgentsApi {
 public:
  virtual ~AgentsApi() = default;
  /// Nothing is spawned twice under one key, also when a daemon ended before it could answer. An agent spawns children
  /// of its own.
  virtual awaitable<Result<Spawned>> spawn(Principal who, json spec, IdempotencyKey key) = 0;
  /// {agents: [...], nextCursor?}: all, or the agent that asks and its descendants.
  virtual awaitable<Result<json>> agents(Principal who, Page page) = 0;
  virtual awaitable<Result<json>> agent(std::string id) = 0;
  virtual awaitable<Result<json>> remove_agent(std::string id) = 0;
  /// `verb`: restart, stop, kill, suspend, resume, interrupt, compact, clear, inject, reconnect.
  virtual awaitable<Result<json>> act(std::string id, std::string verb, json params) = 0;
  /// What its process says that it is at: {status, ready, work}.
  virtual Result<json> report_status(std::string const& id, json const& report) = 0;
  virtual awaitable<Result<json>> screen(std::string id) = 0;            ///< {lines, cursorX, cursorY, text}
  virtual awaitable<Result<json>> attach(std::string id) = 0;            ///< {tmuxSocket, target, detachKey}
  virtual awaitable<Result<json>> turns(std::string id, Page page) = 0;  ///< {turns: [...], nextCursor?}
  /// What its provider has recorded of its conversation: {conversation, rows, cursor, nextCursor?}.
  virtual awaitable<Result<json>> transcript(std::string id, Page page) = 0;
  virtual awaitable<Result<json>> workspace(std::string id) = 0;  ///< {cwd, messages}: where its files lie
};

}  // namespace ar::control
