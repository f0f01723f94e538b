// Which bus the configuration asks for, in the bus's own words.
#pragma once
#include "base/paths.hpp"
#include "daemon/config/config.hpp"
#include "relay/open_bus.hpp"

#include <string>

namespace ar::daemon {

relay::BusConfig bus_config(Config const& config, Paths const& paths, std::string instance_id);

}  // namespace ar::daemon
