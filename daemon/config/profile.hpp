// Where agent profiles come from: [profiles.NAME] of the configuration, and a spawn request's own (README.md). A
// profile builds on another or on one of two grounds: "isolated" (a provider home of the agent's own) and "host" (the
// person's configuration). A key that is given replaces the base's; tables are merged key by key.
#pragma once
#include "adapters/profile.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace ar::daemon {

/// As written, by name, with absolute paths.
using ProfileTables = std::map<std::string, json>;

/// Makes the paths absolute (from `dir`) and checks that what they name is there; errors name the field, which starts
/// with `prefix`.
Result<json> profile_table(json table, std::filesystem::path const& dir, std::string const& prefix);

/// Puts `table` on its base, reads the texts that it names as files, and reads it all. Blocks. Errors: invalid for an
/// unknown base, one that leads back to itself, and whatever is wrong with a field.
Result<adapters::Profile> resolve_profile(json table, std::string const& name, ProfileTables const& tables,
                                          std::string const& prefix);

}  // namespace ar::daemon
