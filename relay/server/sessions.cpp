#include "relay/server/sessions.hpp"

#include "relay/server/scope.hpp"
#include "relay/server/session.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace ar::relay::server {
namespace {
using namespace std::chrono_literals;
/// A token may end while its connection is open.
constexpr auto kTokenCheck = 30s;
constexpr auto kGoodbye = 5s;
constexpr std::size_t kMostRemembered = 100;
/// An agent without a connection: longer than any outage after which its older daemon could come back.
constexpr auto kRemembered = 24h * 14;
}  // namespace

Sessions::Sessions(Executor executor, EmbeddedBus& bus, ServerLimits const& limits)
    : bus_(bus), limits_(limits), look_(std::move(executor)) {
  bus_.watch_presence([this](EmbeddedBus::PresenceChange const& change) {
    for (auto* const session : sessions_) session->tell(change);
  });
  notes_ = bus_.watch_notes([this] {
    for (auto* const session : sessions_) session->tell_of_notes();
  });
}

Sessions::~Sessions() { bus_.watch_presence({}); }

awaitable<void> Sessions::serve(http::WebSocket& socket, TokenInfo who, std::string token) {
  auto const same = [&](Session const* other) { return other->token() == token; };
  if (is_limited(who) && std::cmp_greater_equal(std::ranges::count_if(sessions_, same), limits_.sockets_per_token)) {
    spdlog::warn("relay: token {} has {} connections already; another is refused", who.jti, limits_.sockets_per_token);
    json const refusal = {{"type", "error"},
                          {"code", "too_many_connections"},
                          {"message", "this token has as many connections as it may; close one"}};
    (void)socket.send(to_text(refusal));
    co_await socket.close(kGoodbye);
    co_return;
  }
  Session session(*this, socket, std::move(who), std::move(token));
  look_.notify_all();  // the watch sleeps while there is nobody to watch
  co_await session.run();
}

void Sessions::check_tokens_now() {
  check_tokens_ = true;
  look_.notify_all();
}

awaitable<void> Sessions::watch() {
  auto tokens_at = Clock::now() + kTokenCheck;
  for (;;) {
    if (sessions_.empty() && !check_tokens_) {
      (void)co_await look_.wait();
      tokens_at = Clock::now() + kTokenCheck;
      continue;
    }
    auto const now = Clock::now();
    auto next = tokens_at;
    for (auto* const session : sessions_) {
      auto const limit = session->last_frame() + limits_.session_idle;
      if (limit <= now)
        session->cut("no frame came for too long");
      else
        next = std::min(next, limit);
    }
    if (std::exchange(check_tokens_, false) || tokens_at <= now) {
      tokens_at = now + kTokenCheck;
      std::set<std::string> secrets;
      for (auto* const session : sessions_)
        if (!session->token().empty()) secrets.insert(session->token());
      for (auto const& secret : secrets) {
        auto const good = co_await bus_.check_token(secret);
        if (good || good.error().kind != ErrorKind::unauthorized) continue;
        auto error = good.error();
        error.code = "bad_token";
        for (auto* const session : std::vector(sessions_.begin(), sessions_.end()))
          if (session->token() == secret) session->end(error);
      }
      continue;
    }
    (void)co_await look_.wait(next);
  }
}

std::size_t Sessions::unsent() const {
  std::size_t bytes = 0;
  for (auto const* const session : sessions_) bytes += session->unsent();
  return bytes;
}

std::string const& Sessions::text_of(Message const& message) {
  if (last_text_.id != message.id || last_text_.readers != message.read_by.size())
    last_text_ = {message.id, message.read_by.size(), to_text(to_json(message))};
  return last_text_.text;
}

std::size_t Sessions::agents() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(holders_, [](auto const& holder) { return !holder.second.sessions.empty(); }));
}

bool Sessions::take_over(std::string const& agent_id, std::string const& instance_id, Session& session) {
  auto& holder = holders_[agent_id];
  if (std::ranges::find(holder.superseded, instance_id) != holder.superseded.end()) return false;
  if (holder.instance_id == instance_id) {
    holder.sessions.insert(&session);
    return true;
  }
  if (!holder.instance_id.empty()) {
    holder.superseded.push_back(holder.instance_id);
    if (holder.superseded.size() > kMostRemembered) holder.superseded.erase(holder.superseded.begin());
  }
  holder.instance_id = instance_id;
  auto const older = std::exchange(holder.sessions, {&session});
  if (!older.empty()) spdlog::info("relay: a newer instance of {} takes its connection over", agent_id);
  for (auto* const one : older)
    if (one != &session) one->supersede(agent_id);
  return true;
}

bool Sessions::holds(std::string const& agent_id, Session& session) const {
  auto const holder = holders_.find(agent_id);
  return holder != holders_.end() && holder->second.sessions.contains(&session);
}

void Sessions::leave(Session& session) {
  auto const now = Clock::now();
  for (auto& [id, holder] : holders_)
    if (holder.sessions.erase(&session) > 0) holder.left = now;
  std::erase_if(holders_, [&](auto const& entry) {
    return entry.second.sessions.empty() && now - entry.second.left >= kRemembered;
  });
}

}  // namespace ar::relay::server
