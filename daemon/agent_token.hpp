// An agent's own bearer token, by which its process is known: kept in its folder (0600), so that it survives the
// daemon, and renewed in time when it has a lifetime (spec 1.7).
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "relay/bus.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace ar::daemon {

struct AgentToken {
  std::string token, jti, profile;
  WallTime issued_at{};
  std::optional<WallTime> expires_at{};  ///< none: never
};

AgentToken agent_token_from(relay::IssuedToken const& issued, WallTime now);

/// Errors: not there, unreadable, damaged.
Result<AgentToken> read_agent_token(std::filesystem::path const& agent_dir);
/// Creates the folder (0700) if need be.
Result<void> write_agent_token(std::filesystem::path const& agent_dir, AgentToken const& token);

/// When a renewal is due: at expiry minus the lead (20 % of the lifetime, held within 60 s and 1 h), minus a jitter of
/// up to min(30 s, lead / 2); `random` in [0, 1) chooses it. Nothing: it is not renewed, having no end, another
/// profile, or an end that has passed.
std::optional<WallTime> renewal_time(AgentToken const& token, WallTime now, double random);

}  // namespace ar::daemon
