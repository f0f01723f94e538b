// An agent's own bearer token, by which its process is known: kept in its folder (0600), so that it survives the
// daemon, and renewed in time when it has a lifetime (docs/bus.md). A process speaks by the token it was started with
// for as long as the present one, which that one was renewed into, is good.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "relay/bus.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace ar::daemon {

struct Services;

struct AgentToken {
  std::string token, jti, profile;
  WallTime issued_at{};
  std::optional<WallTime> expires_at{};  ///< none: never
  bool revoked = false;                  ///< the bus says so; not in the file
};

/// A new one for that agent, issued by the bus if that is this daemon's own, and written.
awaitable<Result<AgentToken>> make_agent_token(Services const& services, std::string id);
/// Why it is no longer good; empty: it is.
std::string token_problem(AgentToken const& token, WallTime now);

AgentToken agent_token_from(IssuedToken const& issued, WallTime now);

/// Errors: not there, unreadable, damaged.
Result<AgentToken> read_agent_token(std::filesystem::path const& agent_dir);
/// Creates the folder (0700) if need be.
Result<void> write_agent_token(std::filesystem::path const& agent_dir, AgentToken const& token);
/// The same, on a thread.
awaitable<Result<void>> keep_agent_token(Services const& services, std::string id, AgentToken token);

/// When a renewal is due: at expiry minus the lead (20 % of the lifetime, held within 60 s and 1 h), minus a jitter of
/// up to min(30 s, lead / 2); `random` in [0, 1) chooses it. Nothing: it is not renewed, having no end, another
/// profile, or an end that has passed, or being revoked.
std::optional<WallTime> renewal_time(AgentToken const& token, WallTime now, double random);

}  // namespace ar::daemon
