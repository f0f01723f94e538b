// OpenAI's Codex over `codex app-server`; its screen is shown to people beside it.
#pragma once
#include "adapters/adapter.hpp"

#include <memory>

namespace ar::adapters {

std::shared_ptr<Adapter const> make_codex_adapter();

}  // namespace ar::adapters
