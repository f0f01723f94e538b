// The names of what is kept in the memory (docs/memory.md): a value under a key, which belongs to somebody in a scope.
#pragma once
#include "base/error.hpp"

#include <string>
#include <string_view>

namespace ar {

inline constexpr std::string_view kMemoryScopes = "agent user shared";
/// Its ids are those of agents, and an entry goes with its agent.
inline constexpr std::string_view kAgentScope = "agent";
/// Every agent reaches it.
inline constexpr std::string_view kSharedScope = "shared";

struct MemoryAddress {
  std::string scope, id, key;
  bool operator==(MemoryAddress const&) const = default;
};

/// Empty when the text can be a key, else what is wrong with it.
std::string memory_key_problem(std::string_view key);
/// What is wrong with an id is told as of `field`.
Error invalid_memory_id(std::string field);

/// "scope/id/key"; the key goes to the end, slashes included. An error names `field`.
Result<MemoryAddress> read_memory_address(std::string_view text, std::string const& field);
std::string to_string(MemoryAddress const& address);

}  // namespace ar
