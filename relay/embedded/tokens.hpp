// Bearer tokens. The secret leaves once, at issue; the database holds its SHA-256. As messages.hpp.
#pragma once
#include "relay/bus.hpp"
#include "relay/embedded/moment.hpp"

namespace ar {
class Database;
}

namespace ar::relay::embedded {

Result<IssuedToken> issue_token(Database& db, Moment now, std::string const& profile, TokenScope const& scope,
                                std::optional<milliseconds> lifetime, std::string const& name = {});
Result<IssuedToken> renew_token(Database& db, Moment now, std::string const& token);
Result<TokenInfo> check_token(Database& db, Moment now, std::string const& token);
Result<std::vector<TokenInfo>> tokens(Database& db);
/// With all it was renewed from and into. By its jti or its name. The SHA-256 of each.
Result<std::vector<std::string>> revoke_token(Database& db, std::string const& which);

/// Inside a transaction of the caller's: those that ended longer ago than the retention time.
void forget_old_tokens(Database& db, BusLimits const& limits, Moment now);

}  // namespace ar::relay::embedded
