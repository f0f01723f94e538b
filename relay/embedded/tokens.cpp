#include "relay/embedded/tokens.hpp"

#include "base/ids.hpp"
#include "relay/embedded/query.hpp"
#include "relay/message_rules.hpp"

namespace ar::relay::embedded {
namespace {

/// How long a replaced token still works: requests under way carry it.
constexpr auto kOverlap = std::chrono::seconds(60);
Error unauthorized(std::string what) { return {ErrorKind::unauthorized, "unauthorized", std::move(what)}; }

struct Stored {
  TokenInfo info;
  std::string family{};
  std::optional<milliseconds> lifetime;
};

/// Nothing for a damaged one: without its list of agents it would be good for any.
std::optional<Stored> stored_in(Query& row) {
  Stored stored;
  stored.info.jti = row.text(0);
  stored.info.profile = row.text(1);
  auto agents = row.texts(2, "token " + stored.info.jti);
  auto rights = row.texts(3, "token " + stored.info.jti);
  if (!agents || !rights) return std::nullopt;
  stored.info.scope = {std::move(*agents), std::move(*rights)};
  if (auto const lifetime = row.maybe_integer(4)) stored.lifetime = millis_in(*lifetime);
  stored.info.expires_at = row.maybe_time(5);
  stored.info.revoked = row.boolean(6);
  stored.family = row.text(7);
  stored.info.name = row.text(8);
  stored.info.made_at = row.maybe_time(9);
  return stored;
}

Result<Stored> find_valid(Database& db, Moment now, std::string const& token) {
  // Looked up by its hash, so the time a look-up takes tells nothing about a secret.
  Query row(db,
            "SELECT jti, profile, agent_ids, rights, lifetime, expires_at, revoked, family, name, made_at FROM tokens"
            " WHERE hash = ?1",
            sha256_hex(token));
  if (!row.step()) return unauthorized("the token is not known here; get a new one");
  auto const read = stored_in(row);
  if (!read) return unauthorized("what the token may do is damaged on the disk; get a new one");
  auto const& stored = *read;
  if (stored.info.revoked) {
    auto error = unauthorized("token " + stored.info.jti + " has been revoked; get a new one");
    error.code = kRevokedToken;
    return error;
  }
  if (stored.info.expires_at && *stored.info.expires_at <= now.wall)
    return unauthorized("token " + stored.info.jti + " expired at " + to_iso8601(*stored.info.expires_at) +
                        "; get a new one");
  return stored;
}

bool is_taken(Database& db, Moment now, std::string const& name) {
  Query row(db,
            "SELECT 1 FROM tokens WHERE name = ?1 AND name <> '' AND revoked = 0"
            " AND (expires_at IS NULL OR expires_at > ?2) LIMIT 1",
            name, to_millis(now.wall));
  return row.step();
}

/// `family` empty: it begins one.
IssuedToken insert_token(Database& db, Moment now, std::string const& profile, TokenScope const& scope,
                         std::optional<milliseconds> lifetime, std::string const& name, std::string const& family) {
  IssuedToken issued;
  issued.token = "art_" + random_hex(32);
  issued.info.jti = new_uuid();
  issued.info.name = name;
  issued.info.profile = profile;
  issued.info.scope = scope;
  issued.info.made_at = now.wall;
  std::optional<std::int64_t> span, end;
  if (lifetime) {
    issued.info.expires_at = now.wall + *lifetime;
    span = lifetime->count();
    end = to_millis(*issued.info.expires_at);
  }
  run(db,
      "INSERT INTO tokens(jti, hash, profile, agent_ids, rights, lifetime, expires_at, family, name, made_at)"
      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
      issued.info.jti, sha256_hex(issued.token), profile, json(scope.agent_ids).dump(), json(scope.rights).dump(), span,
      end, family.empty() ? issued.info.jti : family, name, to_millis(now.wall));
  return issued;
}

}  // namespace

Result<IssuedToken> issue_token(Database& db, Moment now, std::string const& profile, TokenScope const& scope,
                                std::optional<milliseconds> lifetime, std::string const& name) {
  if (auto const good = check_token_request(profile, scope, lifetime, name); !good) return good.error();
  Transaction transaction(db);
  if (!name.empty() && is_taken(db, now, name)) return token_name_taken(name);
  auto issued = insert_token(db, now, profile, scope, lifetime, name, {});
  transaction.commit();
  return issued;
}

Result<IssuedToken> renew_token(Database& db, Moment now, std::string const& token) {
  Transaction transaction(db);
  auto const old = find_valid(db, now, token);
  if (!old) return old.error();
  auto const& profile = old->info.profile;
  if (profile != "provider-agent" && profile != "provider-interactive")
    return Error{ErrorKind::forbidden, "not_renewable",
                 "a token of profile " + profile + " is not renewed; have a new one issued"};
  auto issued = insert_token(db, now, profile, old->info.scope, old->lifetime, old->info.name, old->family);
  auto const end = now.wall + kOverlap;
  run(db, "UPDATE tokens SET expires_at = min(coalesce(expires_at, ?2), ?2) WHERE jti = ?1", old->info.jti,
      to_millis(end));
  transaction.commit();
  return issued;
}

Result<TokenInfo> check_token(Database& db, Moment now, std::string const& token) {
  auto found = find_valid(db, now, token);
  if (!found) return found.error();
  return std::move(found->info);
}

Result<std::vector<TokenInfo>> tokens(Database& db) {
  std::vector<TokenInfo> all;
  Query row(db,
            "SELECT jti, profile, agent_ids, rights, lifetime, expires_at, revoked, family, name, made_at FROM tokens"
            " ORDER BY revoked, expires_at, jti");
  while (row.step())
    if (auto stored = stored_in(row)) all.push_back(std::move(stored->info));
  return all;
}

Result<std::vector<std::string>> revoke_token(Database& db, std::string const& which) {
  Transaction transaction(db);
  // The first of a family may be forgotten, its jti noted somewhere: it still names the family.
  std::vector<std::string> hashes;
  {
    Query row(db,
              "UPDATE tokens SET revoked = 1 WHERE family = coalesce((SELECT family FROM tokens WHERE jti = ?1),"
              " (SELECT family FROM tokens WHERE name = ?1 AND name <> '' ORDER BY revoked, made_at DESC LIMIT 1), ?1)"
              " RETURNING hash",
              which);
    while (row.step()) hashes.push_back(row.text(0));
  }
  if (hashes.empty())
    return not_found("unknown_token", "there is no token with the jti or the name \"" + which.substr(0, 80) + "\"");
  transaction.commit();
  return hashes;
}

void forget_old_tokens(Database& db, BusLimits const& limits, Moment now) {
  run(db, "DELETE FROM tokens WHERE expires_at IS NOT NULL AND expires_at <= ?1",
      to_millis(now.wall - limits.retention));
}

}  // namespace ar::relay::embedded
