#include "adapters/registry.hpp"

#include "adapters/claude/claude_adapter.hpp"
#include "adapters/codex/codex_adapter.hpp"
#include "adapters/command/command_adapter.hpp"
#include "model/provider.hpp"

#include <array>

namespace ar::adapters {
namespace {

/// In the order of kProviders.
constexpr std::array<std::shared_ptr<Adapter const> (*)(), kProviders.size()> kMake{
    make_claude_adapter,
    make_codex_adapter,
    make_command_adapter,
};

}  // namespace

Adapters make_adapters() {
  Adapters all;
  for (auto* const make : kMake) {
    auto adapter = make();
    auto const name = adapter->facts().name;
    all.emplace(name, std::move(adapter));
  }
  return all;
}

}  // namespace ar::adapters
