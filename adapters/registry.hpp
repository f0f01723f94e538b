// The adapters of the providers that are built in (model/provider.hpp), by name.
#pragma once
#include "adapters/adapter.hpp"
#include "base/json.hpp"

#include <map>
#include <memory>
#include <string>

namespace ar::adapters {

using Adapters = std::map<std::string, std::shared_ptr<Adapter const>>;
/// `tables`: the configuration's [providers.NAME]; agents that only [providers.acp.NAME] names are among them.
Adapters make_adapters(std::map<std::string, json> const& tables);

/// The options of this provider: [providers.NAME], or of an agent that speaks ACP [providers.acp.NAME]. Empty: none.
json provider_table(std::map<std::string, json> const& tables, std::string const& provider);

}  // namespace ar::adapters
