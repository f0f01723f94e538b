// Who still owes an answer, and reactions, which are none. As messages.hpp.
#pragma once
#include "relay/embedded/messages.hpp"

namespace ar::relay::embedded {

Result<std::vector<Message>> reply_obligations(Database& db, std::string const& agent_id);
Result<void> waive_reply(Database& db, MessageId id, std::string const& agent_id);
Result<void> react(Database& db, Moment now, MessageId id, std::string const& by, std::string const& word);
Result<std::vector<Reaction>> reactions(Database& db, MessageId id);

}  // namespace ar::relay::embedded
