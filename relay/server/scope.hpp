// What a token that is for some agents only may see and take (docs/relay-protocol.md, "A token for some agents"): it
// sees the messages that one of its agents sent, has read or is addressed by, and takes those that one is addressed by.
// An agent's groups are those with which it is registered, whatever a caller says of them; one that is not registered
// is in none but broadcast. A token for any agent sees and takes everything, and is asked nothing here.
#pragma once
#include "relay/server/route.hpp"

namespace ar::relay::server {

/// True: the token is for some agents only.
bool is_limited(TokenInfo const& who);

/// A token for some agents may put them on the bus in those groups in which they are registered, unless it has the
/// right "groups". Error: `wrong_scope`.
awaitable<Result<void>> check_groups(EmbeddedBus& bus, TokenInfo const& who, Identity said);

/// `said` for a token that is for any agent; else the agent as it is registered.
awaitable<Result<Identity>> trusted_identity(EmbeddedBus& bus, TokenInfo const& who, Identity said);

/// Of all these the error is `wrong_scope`, or that of a look-up that failed. {message} and {attachment} are the
/// call's.
awaitable<Result<void>> check_may_see(Call& call);
/// What a new message refers to gives its sender rights, and makes its receivers act: it may only refer to messages,
/// attachments and tasks that the token may see (or, attachments, has uploaded).
awaitable<Result<void>> check_may_refer(Call& call, NewMessage const& message);
/// As that agent, for which the token must be good; "": as any of the token's.
awaitable<Result<void>> check_may_take(Call& call, std::string agent_id);
awaitable<Result<void>> check_may_see_attachment(Call& call);
/// A task is seen by who set it last and by who sees a message about it; one that does not exist yet is anybody's.
awaitable<Result<void>> check_may_see_task(Call& call, std::int64_t id);
/// Leaves those that the token may see.
awaitable<Result<std::vector<DeadLetter>>> visible(Call& call, std::vector<DeadLetter> letters);

/// Notes are the daemons': a token for some agents has none, an agent's neither.
Result<void> check_may_keep_notes(TokenInfo const& who);

/// A token issues, sees and revokes tokens with no more than it has itself: rights and agents.
Result<void> check_no_wider(TokenInfo const& who, TokenScope const& scope);

}  // namespace ar::relay::server
