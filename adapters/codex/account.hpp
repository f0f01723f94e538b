// Which login Codex uses.
#pragma once
#include "adapters/account.hpp"

#include <map>
#include <string>

namespace ar::adapters::codex {

/// As Codex chooses: what `codex login` has left goes before a key of its environment. Reads its file.
Account account(std::map<std::string, std::string> const& environment, std::string const& salt);

}  // namespace ar::adapters::codex
