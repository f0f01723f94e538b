// The token a bus makes for its own machine, so that a newcomer configures nothing (docs/bus.md).
#pragma once
#include "relay/bus.hpp"

#include <filesystem>

namespace ar::relay {

/// The token in `file` (0600) if the bus still takes it; else a new one of that profile with every right,
/// written there.
awaitable<Result<std::string>> first_token(Bus& bus, std::filesystem::path file, std::string profile);

/// The token in `file`, made there if need be, that no bus knows: for a daemon whose bus is another machine's.
Result<std::string> local_token(std::filesystem::path const& file);

}  // namespace ar::relay
