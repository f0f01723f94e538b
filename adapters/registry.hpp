// The adapters of the providers that are built in (model/provider.hpp), by name.
#pragma once
#include "adapters/adapter.hpp"

#include <map>
#include <memory>
#include <string>

namespace ar::adapters {

using Adapters = std::map<std::string, std::shared_ptr<Adapter const>>;
Adapters make_adapters();

}  // namespace ar::adapters
