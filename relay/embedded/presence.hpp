// Which agents there are. A registered agent is also what a group message finds at the other end. As
// messages.hpp.
#pragma once
#include "relay/bus.hpp"
#include "relay/embedded/moment.hpp"

namespace ar {
class Database;
}

namespace ar::relay::embedded {

Result<void> register_agent(Database& db, Moment now, Presence const& presence);
Result<void> publish_status(Database& db, Moment now, std::string const& agent_id, std::string const& status,
                            bool ready, json const& meta);
Result<void> heartbeat(Database& db, Moment now, std::string const& agent_id, json const& meta);
Result<void> remove_agent(Database& db, std::string const& agent_id);
Result<std::vector<Presence>> agents(Database& db, Moment now);
/// Those of which nothing was heard for the retention time.
void forget_silent_agents(Database& db, BusLimits const& limits, Moment now);

}  // namespace ar::relay::embedded
