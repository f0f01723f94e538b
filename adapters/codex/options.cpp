#include "adapters/codex/options.hpp"

#include "adapters/provider_table.hpp"

namespace ar::adapters::codex {
namespace {

void collect(json const& settings, std::string const& prefix, std::vector<std::string>& out) {
  for (auto const& [name, value] : settings.items()) {
    auto const key = prefix + name;
    // Strings, numbers, booleans and arrays of them are written alike in JSON and TOML.
    if (value.is_object())
      collect(value, key + ".", out);
    else if (!value.is_null())
      out.push_back(key + "=" + to_text(value));
  }
}

}  // namespace

Result<Options> read_options(json const& table) {
  Options options;
  if (table.is_null()) return options;
  FieldReader in(table, "providers.codex.");
  options.command = in.string("command", options.command);
  options.environment = in.string_map("env");
  options.settings = in.object("settings");
  constexpr std::int64_t most = 100;  // what Codex itself allows
  auto const retries = [&](char const* name) -> std::optional<std::int64_t> {
    auto const value = in.maybe_integer(name);
    if (value && (*value < 0 || *value > most))
      in.fail(name, "providers.codex." + std::string(name) + " must be between 0 and 100");
    return value;
  };
  options.request_retries = retries("request_retries");
  options.stream_retries = retries("stream_retries");
  options.wait_for_network = in.boolean("wait_for_network", options.wait_for_network);
  options.relay_tools = in.boolean("relay_tools", options.relay_tools);
  options.tool_hooks = in.boolean("tool_hooks", options.tool_hooks);
  options.view = in.boolean("view", options.view);
  read_daemons_keys(in);
  if (auto error = in.finish()) return *error;
  return options;
}

std::vector<std::string> overrides(json const& settings) {
  std::vector<std::string> out;
  collect(settings, {}, out);
  return out;
}

}  // namespace ar::adapters::codex
