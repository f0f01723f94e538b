#include "adapters/acp/options.hpp"

#include "adapters/provider_table.hpp"
#include "model/provider.hpp"

#include <algorithm>
#include <sstream>

namespace ar::adapters::acp {

Result<Options> read_options(std::string const& name, json const& table) {
  Options options;
  auto const row = std::ranges::find(kAcpAgents, name, &AcpAgentRow::name);
  if (row != kAcpAgents.end()) {
    std::istringstream words{std::string(row->launch)};
    for (std::string word; words >> word;) options.command.push_back(std::move(word));
    options.loads = row->loads;
    options.install = row->install;
  }
  if (table.is_null()) return options;
  FieldReader in(table, "providers.acp." + name + ".");
  if (auto command = in.strings("command"); !command.empty()) options.command = std::move(command);
  options.environment = in.string_map("env");
  options.auth_method = in.string("auth_method");
  options.loads = in.boolean("loads", options.loads);
  options.relay_tools = in.boolean("relay_tools", options.relay_tools);
  read_daemons_keys(in);
  if (auto error = in.finish()) return *error;
  return options;
}

Result<Options> options_of(std::string const& name, LaunchRequest const& request) {
  auto options = read_options(name, request.options);
  if (!options) return options;
  options->command.insert(options->command.end(), request.provider_args.begin(), request.provider_args.end());
  if (options->command.empty())
    return invalid("command",
                   "the provider " + name + " has no command: " +
                       (name == "acp" ? std::string("give it after --") : "set providers.acp." + name + ".command"));
  return options;
}

}  // namespace ar::adapters::acp
