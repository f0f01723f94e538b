// Which login Claude Code uses.
#pragma once
#include "adapters/account.hpp"

#include <map>
#include <string>

namespace ar::adapters::claude {

/// As Claude Code chooses: a key or a token of its environment goes before what /login has left. Reads its files.
Account account(std::map<std::string, std::string> const& environment, std::string const& salt);

}  // namespace ar::adapters::claude
