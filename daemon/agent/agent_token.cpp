#include "daemon/agent/agent_token.hpp"

#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"
#include "base/worker.hpp"
#include "daemon/config/config.hpp"
#include "daemon/services.hpp"

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;

awaitable<Result<AgentToken>> make_agent_token(Services const& services, std::string id) {
  TokenScope scope;
  scope.agent_ids = {id};
  scope.rights = {"send", "read", "claim", "presence", "tasks", "attachments"};
  std::optional<milliseconds> lifetime;
  if (auto const configured = services.config.agent_token_lifetime_s; configured > 0)
    lifetime = std::chrono::seconds(configured);
  Result<IssuedToken> issued = IssuedToken();
  if (services.bus.name() == "embedded")
    issued = co_await services.bus.issue_token("provider-agent", std::move(scope), lifetime);
  else  // it is for this daemon's own server: known here only, so that agents start while the bus is away
    issued->token = "art_" + random_hex(32), issued->info.jti = new_uuid();
  if (!issued) co_return issued.error();
  auto token = agent_token_from(*issued, wall_now());
  auto const written = co_await keep_agent_token(services, std::move(id), token);
  if (!written) co_return written.error();
  co_return token;
}

std::string token_problem(AgentToken const& token, WallTime now) {
  if (token.revoked) return "its token has been revoked";
  if (token.expires_at && *token.expires_at <= now) return "its token expired at " + to_iso8601(*token.expires_at);
  return {};
}

AgentToken agent_token_from(IssuedToken const& issued, WallTime now) {
  return {issued.token, issued.info.jti, issued.info.profile, now, issued.info.expires_at, false};
}

Result<AgentToken> read_agent_token(std::filesystem::path const& agent_dir) {
  auto text = read_file(agent_dir / "token.json", 4096);
  if (!text) return text.error();
  auto stored = parse_object(*text);
  if (!stored) return stored.error();
  FieldReader in(*stored);
  AgentToken token;
  token.token = in.string("token");
  token.jti = in.string("jti");
  token.profile = in.string("profile");
  token.issued_at = from_millis(in.integer("issuedAt", 0, 0, std::numeric_limits<std::int64_t>::max()));
  auto const end = in.integer("expiresAt", 0, 0, std::numeric_limits<std::int64_t>::max());
  if (end > 0) token.expires_at = from_millis(end);
  if (auto error = in.finish()) return *error;
  return token;
}

Result<void> write_agent_token(std::filesystem::path const& agent_dir, AgentToken const& token) {
  json stored = {
      {"token", token.token}, {"jti", token.jti}, {"profile", token.profile}, {"issuedAt", to_millis(token.issued_at)}};
  if (token.expires_at) stored["expiresAt"] = to_millis(*token.expires_at);
  if (auto made = make_private_dir(agent_dir.parent_path()); !made) return made;
  if (auto made = make_private_dir(agent_dir); !made) return made;
  return write_file(agent_dir / "token.json", stored.dump());
}

awaitable<Result<void>> keep_agent_token(Services const& services, std::string id, AgentToken token) {
  auto job = [dir = services.paths.agent_dir(id), token = std::move(token)] { return write_agent_token(dir, token); };
  Worker files(services.files);
  co_return co_await files.run(std::move(job));
}

std::optional<WallTime> renewal_time(AgentToken const& token, WallTime now, double random) {
  bool const renewable = token.profile == "provider-agent" || token.profile == "provider-interactive";
  if (!renewable || !token.expires_at || !token_problem(token, now).empty()) return std::nullopt;
  auto const lifetime = *token.expires_at - token.issued_at;
  auto const lead = std::clamp<milliseconds>(lifetime / 5, 60s, 1h);
  auto const most = std::min<milliseconds>(30s, lead / 2);
  auto const jitter = milliseconds(static_cast<std::int64_t>(random * static_cast<double>(most.count())));
  return *token.expires_at - lead - jitter;
}

}  // namespace ar::daemon
