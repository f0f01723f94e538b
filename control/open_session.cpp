#include "control/open_session.hpp"

#include "base/ids.hpp"
#include "control/session_input.hpp"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

namespace ar::control {
namespace {

constexpr std::int64_t kIdleTtlMs = 180'000;  ///< of a session that does not say

/// A part of a request that carries on with a key of its own: the same request, the same key.
IdempotencyKey part_of(IdempotencyKey const& key, std::string const& part) {
  return key.key.empty() ? key : IdempotencyKey{sha256_hex(key.key + "#" + part), key.body_hash};
}

/// Whoever is told that a session could not be opened has none. But what keeps its input away may pass, and then the
/// same request with the same key goes on with it.
awaitable<void> take_back(SessionsApi& sessions, IdempotencyKey const& key, std::string const& id, Error const& why) {
  if (!key.key.empty() && is_transient(why)) co_return;
  auto const closed = co_await sessions.take_back(id);
  if (!closed) spdlog::warn("session {} has got no input, and is there all the same: {}", id, closed.error().message);
}

}  // namespace

Result<SessionRequest> read_session_request(json request) {
  SessionRequest read;
  auto input = take_input(request, false);
  if (!input) return input.error();
  auto idle = take_idle_ttl(request);
  if (!idle) return idle.error();
  if (auto taken = take_deadline(request); !taken) return taken.error();
  request["idleTtlMs"] = idle->value_or(kIdleTtlMs);
  read.specification = std::move(request);
  read.input = std::move(*input);
  return read;
}

/// The agent is spawned first, and its input is a message like any other: it waits until the agent is ready.
awaitable<Result<Opened>> open_session(SessionsApi& sessions, Principal who, json request, IdempotencyKey key) {
  auto read = read_session_request(std::move(request));
  if (!read) co_return read.error();
  auto& input = read->input;
  if (input)
    if (auto good = co_await sessions.check_input(who, *input); !good) co_return good.error();
  auto opened = co_await sessions.open(who, std::move(read->specification), key);
  if (!opened) co_return opened.error();
  Opened done{std::move(*opened), {}};
  if (input) {
    auto const id = done.session.session["id"].get<std::string>();
    auto sent = co_await sessions.send(who, id, std::move(*input), part_of(key, "input"));
    if (!sent && done.session.created) co_await take_back(sessions, key, id, sent.error());
    if (!sent) co_return sent.error();
    done.sent = std::move(*sent);
  }
  co_return done;
}

}  // namespace ar::control
