#include "adapters/claude/options.hpp"

#include "adapters/provider_table.hpp"

namespace ar::adapters::claude {

Result<Options> read_options(json const& table) {
  Options options;
  if (table.is_null()) return options;
  FieldReader in(table, "providers.claude.");
  options.command = in.string("command", options.command);
  options.environment = in.string_map("env");
  options.settings = in.object("settings");
  options.trust_workspace = in.boolean("trust_workspace", options.trust_workspace);
  options.accept_bypass = in.boolean("accept_bypass", options.accept_bypass);
  options.enable_project_mcp = in.boolean("enable_project_mcp", options.enable_project_mcp);
  options.sandboxed_root = in.boolean("sandboxed_root", options.sandboxed_root);
  options.relay_tools = in.boolean("relay_tools", options.relay_tools);
  options.status_line = in.boolean("status_line", options.status_line);
  options.set_drafts_aside = in.boolean("set_drafts_aside", options.set_drafts_aside);
  options.monitor = in.boolean("monitor", options.monitor);
  if (auto const road = in.string("road", "terminal"); road == "socket")
    options.road = Options::Road::socket;
  else if (road == "auto")
    options.road = Options::Road::automatic;
  else if (road != "terminal")
    in.fail("road", "road is \"" + road + "\"; use one of: terminal, socket, auto");
  read_daemons_keys(in);
  if (auto error = in.finish()) return *error;
  return options;
}

}  // namespace ar::adapters::claude
