// The provider `claude`: Claude Code in a terminal. See session.hpp for how it is driven, versions.hpp for
// what differs between its versions.
#pragma once
#include "adapters/adapter.hpp"

#include <memory>

namespace ar::adapters {

std::shared_ptr<Adapter const> make_claude_adapter();

}  // namespace ar::adapters
