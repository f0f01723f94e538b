#include "daemon/agent/token_keeper.hpp"

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/paths.hpp"
#include "base/random.hpp"
#include "daemon/store/event_log.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr milliseconds kSoonestRenewal = 1s, kRenewalRetry = 60s, kLongestSleep = 1h;

json end_of(AgentToken const& token) { return token.expires_at ? json(to_iso8601(*token.expires_at)) : json(nullptr); }

}  // namespace

TokenKeeper::TokenKeeper(Services& services, std::string agent_id, AgentToken token, TokenHost& host)
    : services_(services),
      agent_id_(std::move(agent_id)),
      token_(std::move(token)),
      host_(host),
      changed_(services.executor) {}

std::string TokenKeeper::hash() const { return sha256_hex(token_.token); }

void TokenKeeper::revoke(std::string const& hash_of_it) {
  if (hash_of_it != hash()) return;
  token_.revoked = true;
  note_end();
}

awaitable<Result<void>> TokenKeeper::make_good() {
  if (token_problem(token_, wall_now()).empty()) co_return Result<void>();
  auto fresh = co_await make_agent_token(services_, agent_id_);
  if (!fresh) co_return fresh.error();
  token_ = std::move(*fresh);
  end_noted_ = false;
  changed_.notify_all();
  host_.token_changed();
  co_return Result<void>();
}

awaitable<void> TokenKeeper::keep_fresh() {
  double const jitter = real_random()();
  LogThrottle gate;
  auto soonest = kSoonestRenewal;
  for (;;) {
    auto const due = renewal_time(token_, wall_now(), jitter);
    if (!due) {  // it has no end, or has ended: the next process gets a new one
      note_end();
      co_await changed_.wait();
      continue;
    }
    // A long sleep would not notice that the clock was set.
    auto const wait = std::clamp<milliseconds>(*due - wall_now(), soonest, kLongestSleep);
    bool const slept = co_await sleep_for(wait);
    if (!slept) co_return;
    if (wall_now() < *due) continue;
    auto const renewed = co_await renew();
    soonest = renewed ? kSoonestRenewal : kRenewalRetry;
    if (renewed) {
      (void)gate.recovered("renewal");
    } else if (auto const& why = renewed.error().message; gate.should_log("renewal", why)) {
      services_.events.append(agent_id_, "runtime-token-renewal-failed", {{"reason", why}});
      spdlog::warn("agent {}: its token could not be renewed: {}", agent_id_, why);
    }
  }
}

/// Error: it could not be renewed, or not written. Unwritten, it is still good for this daemon; the next one has a new
/// one made.
awaitable<Result<void>> TokenKeeper::renew() {
  auto renewed = co_await services_.bus.renew_token(token_.token);
  if (!renewed) co_return renewed.error();
  auto fresh = agent_token_from(*renewed, wall_now());
  if (fresh.profile.empty()) fresh.profile = token_.profile;
  token_ = std::move(fresh);
  services_.events.append(agent_id_, "runtime-token-renewed", {{"jti", token_.jti}, {"expiresAt", end_of(token_)}});
  host_.token_changed();  // at once, so that it can be revoked
  co_return co_await keep_agent_token(services_, agent_id_, token_);
}

std::string TokenKeeper::why_invalid() const {
  if (!host_.speaks()) return {};
  auto const problem = token_problem(token_, wall_now());
  if (problem.empty()) return {};
  return problem + ", so its process cannot speak any more; `agent-runner restart " + agent_id_ +
         "` gives it a new one";
}

void TokenKeeper::note_end() {
  auto const why = why_invalid();
  if (why.empty() || std::exchange(end_noted_, true)) return;
  services_.events.append(agent_id_, "runtime-token-ended", {{"jti", token_.jti}, {"reason", why}});
  spdlog::warn("agent {}: {}", agent_id_, why);
  host_.token_ended();
}

}  // namespace ar::daemon
