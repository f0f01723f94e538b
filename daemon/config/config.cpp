#include "daemon/config/config.hpp"

#include "base/duration.hpp"
#include "base/ids.hpp"
#include "base/time_zone/time_zone.hpp"
#include "daemon/config/launch_environment.hpp"
#include "daemon/config/profile.hpp"
#include "model/provider.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <variant>

namespace ar::daemon {
namespace {

constexpr milliseconds kLongestRetryWait = std::chrono::minutes(15);  ///< as every wait for a model's service

/// When a running daemon takes another value of a setting.
enum class Takes { at_start, at_reload };

/// One known key: what it sets, its range or choices, its environment variable and what it is for.
struct Setting {
  using Strings = std::vector<std::string>;
  std::string key;
  std::variant<std::string Config::*, bool Config::*, std::int64_t Config::*, Strings Config::*,
               std::function<std::int64_t(Config&, std::int64_t const*)>>
      target;                        ///< the function form reads (null) or writes a value that is not a plain member
  std::int64_t least = 0, most = 0;  ///< of integers
  Setting::Strings choices{};        ///< of strings; empty: any
  char const* variable = nullptr;
  std::string help;
  Takes takes = Takes::at_start;
};

std::vector<Setting> const& settings() {
  using Number = std::function<std::int64_t(Config&, std::int64_t const*)>;
  static std::vector<Setting> const all = {
      {"log.level",
       &Config::log_level,
       0,
       0,
       {"trace", "debug", "info", "warn", "error"},
       "AGENT_RUNNER_LOG_LEVEL",
       "how much the daemon logs",
       Takes::at_reload},
      {"control.tcp", &Config::tcp, 0, 0, {}, nullptr, "serve the control API on 127.0.0.1 besides the unix socket"},
      {"control.port",
       &Config::tcp_port,
       0,
       65535,
       {},
       "AGENT_RUNNER_CONTROL_PORT",
       "TCP port; 0: last time's, else any free one"},
      {"agents.default_provider", &Config::default_provider, 0, 0, provider_names(), "AGENT_RUNNER_DEFAULT_PROVIDER",
       "provider of `spawn` without --provider", Takes::at_reload},
      {"agents.pass_environment",
       &Config::pass_environment,
       0,
       0,
       {},
       nullptr,
       "environment variables handed on to agents besides the built-in list",
       Takes::at_reload},
      {"agents.shutdown_timeout_ms",
       &Config::shutdown_timeout_ms,
       1,
       60'000,
       {},
       nullptr,
       "ms an agent may take to stop before it is killed",
       Takes::at_reload},
      {"agents.columns",
       &Config::attach_columns,
       40,
       500,
       {},
       nullptr,
       "columns of a terminal nobody is attached to",
       Takes::at_reload},
      {"agents.rows",
       &Config::attach_rows,
       10,
       200,
       {},
       nullptr,
       "rows of a terminal nobody is attached to",
       Takes::at_reload},
      {"agents.memory_pressure",
       &Config::memory_pressure,
       0,
       0,
       {},
       "AGENT_RUNNER_MEMORY_PRESSURE",
       "suspend the longest idle agents while programs of this machine wait for memory, as the kernel tells"},
      {"agents.memory_limit_mb",
       &Config::memory_limit_mb,
       0,
       1 << 24,
       {},
       nullptr,
       "MiB that all agents together may use before the longest idle are suspended; 0: no limit",
       Takes::at_reload},
      {"resources.memory_max",
       &Config::agent_memory_max,
       0,
       0,
       {},
       nullptr,
       "memory that an agent and all that it starts may use, such as 4G, unless it says otherwise; empty: no limit",
       Takes::at_reload},
      {"resources.memory_high",
       &Config::agent_memory_high,
       0,
       0,
       {},
       nullptr,
       "memory above which they are slowed down; empty: none",
       Takes::at_reload},
      {"resources.cpu_quota",
       &Config::agent_cpu_quota,
       0,
       0,
       {},
       nullptr,
       "share of one processor that they may use together, such as 150%; empty: no limit",
       Takes::at_reload},
      {"resources.tasks_max",
       &Config::agent_tasks_max,
       0,
       4'194'304,
       {},
       nullptr,
       "processes and threads that they may have together; 0: no limit",
       Takes::at_reload},
      {"agents.token_lifetime_s",
       &Config::agent_token_lifetime_s,
       0,
       315'360'000,
       {},
       nullptr,
       "seconds for which an agent's token lasts, renewed in time; 0: no end",
       Takes::at_reload},
      {"children.max_depth",
       &Config::most_child_depth,
       1,
       ChildrenGrant::kMostDepth,
       {},
       nullptr,
       "generations that an agent which may spawn children can have below it; the most, and what is granted unless "
       "said",
       Takes::at_reload},
      {"children.max_children",
       &Config::most_children,
       1,
       ChildrenGrant::kMostChildren,
       {},
       nullptr,
       "descendants that such an agent can have at a time; the most, and what is granted unless said",
       Takes::at_reload},
      {"events.retention_days",
       &Config::event_retention_days,
       1,
       3650,
       {},
       nullptr,
       "days for which events and decided approvals are kept",
       Takes::at_reload},
      {"events.most",
       &Config::most_events,
       1000,
       1'000'000'000,
       {},
       nullptr,
       "of events, and of approvals, not more than this are kept",
       Takes::at_reload},
      {"history.retention_days",
       &Config::history_retention_days,
       1,
       3650,
       {},
       nullptr,
       "days for which an agent's turns are kept, and what became of its messages",
       Takes::at_reload},
      {"history.most",
       &Config::most_history,
       100,
       1'000'000'000,
       {},
       nullptr,
       "of an agent's turns, and of its messages, not more than this are kept",
       Takes::at_reload},
      {"outputs.roots",
       &Config::output_roots,
       0,
       0,
       {},
       nullptr,
       "folders, from / on, in which agents may have output folders besides in their workspaces",
       Takes::at_reload},
      {"outputs.quota_mb",
       &Config::outputs_mb,
       1,
       1 << 24,
       {},
       nullptr,
       "MiB that are kept of one agent's outputs",
       Takes::at_reload},
      {"search.most_rows",
       &Config::search_most_rows,
       1000,
       1'000'000,
       {},
       nullptr,
       "of what can be searched not more rows than this are kept, the newest",
       Takes::at_reload},
      {"search.most_mb",
       &Config::search_most_mb,
       1,
       1 << 14,
       {},
       nullptr,
       "MiB of text that can be searched, at most",
       Takes::at_reload},
      {"search.agent_rows",
       &Config::search_agent_rows,
       100,
       1'000'000,
       {},
       nullptr,
       "of one agent's transcripts not more rows than this can be searched, the newest",
       Takes::at_reload},
      {"search.agent_mb",
       &Config::search_agent_mb,
       1,
       1 << 14,
       {},
       nullptr,
       "MiB of text of one agent's transcripts that can be searched, at most",
       Takes::at_reload},
      {"approvals.deadline_s",
       &Config::approval_deadline_s,
       0,
       7 * 86'400,
       {},
       nullptr,
       "seconds for which a permission request or question waits for an answer from outside its terminal; 0: no end",
       Takes::at_reload},
      {"approvals.at_deadline",
       &Config::approval_at_deadline,
       0,
       0,
       {"terminal", "deny"},
       nullptr,
       "what happens then: it is left to the person at the terminal, or denied",
       Takes::at_reload},
      {"limits.margin_s",
       &Config::limits_margin_s,
       0,
       3600,
       {},
       nullptr,
       "seconds from the end of a usage limit to the next try, half of it sooner or later",
       Takes::at_reload},
      {"limits.continue",
       &Config::limits_continue,
       0,
       0,
       {"ask", "yes", "no"},
       nullptr,
       "the turn that a usage limit cuts off: ask a person whether it goes on, have it go on once, or end it as failed",
       Takes::at_reload},
      {"delivery.retry_failed.kinds",
       &Config::retry_kinds,
       0,
       0,
       {"overloaded", "network", "server_error"},
       nullptr,
       "failures of the model's service after which a message is handed again where its turn did nothing; where it did "
       "something a person is asked",
       Takes::at_reload},
      {"delivery.retry_failed.max",
       &Config::retry_max,
       0,
       1000,
       {},
       nullptr,
       "times that one message is handed again after them; 0: never",
       Takes::at_reload},
      {"delivery.retry_failed.backoff",
       &Config::retry_backoff,
       0,
       0,
       {},
       nullptr,
       "wait before the first of these times, such as 30s; twice as long before each next one, at most 15m",
       Takes::at_reload},
      {"agents.stall_s",
       &Config::stall_s,
       0,
       7 * 86'400,
       {},
       nullptr,
       "seconds of a turn without output, processor time and network of its processes after which it counts as "
       "stalled; 0: never",
       Takes::at_reload},
      {"agents.at_stall",
       &Config::at_stall,
       0,
       0,
       {"tell", "interrupt", "restart"},
       nullptr,
       "what happens then: people are told, and besides its turn is interrupted or its process started again",
       Takes::at_reload},
      {"webhooks.private_addresses",
       &Config::private_receivers,
       0,
       0,
       {},
       nullptr,
       "whose webhooks and callbacks may go to this machine and to private networks: operator, agents by name, or *",
       Takes::at_reload},
      {"snapshots.max_bytes",
       &Config::snapshot_max_bytes,
       1 << 20,
       std::int64_t{1} << 40,
       {},
       nullptr,
       "bytes that a snapshot may have, to be taken or restored",
       Takes::at_reload},
      {"tool_hooks.hosts",
       &Config::tool_hook_hosts,
       0,
       0,
       {},
       nullptr,
       "other hosts than this one on which tool hooks may be called; \"*\": any",
       Takes::at_reload},
      {"relay.kind",
       &Config::relay_kind,
       0,
       0,
       {"embedded", "remote", "nats"},
       "AGENT_RUNNER_RELAY_KIND",
       "the bus: this machine's own, another's, or a NATS server"},
      {"relay.url",
       &Config::relay_url,
       0,
       0,
       {},
       "AGENT_RUNNER_RELAY_URL",
       "https://HOST:PORT of the remote relay, or nats://HOST:PORT"},
      {"relay.token_file", &Config::relay_token_file, 0, 0, {}, nullptr, "file that holds the token for it"},
      {"relay.ca_file", &Config::relay_ca_file, 0, 0, {}, nullptr, "authorities to trust; empty: the system's"},
      {"relay.serve",
       &Config::relay_serve,
       0,
       0,
       {},
       "AGENT_RUNNER_RELAY_SERVE",
       "HOST:PORT on which the embedded relay is served to other machines; empty: not at all"},
      {"relay.tls_cert",
       &Config::relay_tls_cert,
       0,
       0,
       {},
       nullptr,
       "PEM file of the certificate to serve with, or to show NATS"},
      {"relay.tls_key", &Config::relay_tls_key, 0, 0, {}, nullptr, "PEM file of its key (0600)"},
      {"relay.insecure", &Config::relay_insecure, 0, 0, {}, nullptr, "serve beyond this machine without TLS"},
      {"relay.user", &Config::relay_user, 0, 0, {}, nullptr, "name at a NATS server"},
      {"relay.password_file", &Config::relay_password_file, 0, 0, {}, nullptr, "file with the password for it"},
      {"relay.nkey", &Config::relay_nkey, 0, 0, {}, nullptr, "public NKey at a NATS server"},
      {"relay.nkey_seed_file", &Config::relay_nkey_seed_file, 0, 0, {}, nullptr, "file with its seed"},
      {"relay.credentials_file", &Config::relay_credentials_file, 0, 0, {}, nullptr, "NATS .creds file"},
      {"relay.tls", &Config::relay_tls, 0, 0, {}, nullptr, "speak TLS with NATS (tls:// in the url does too)"},
      {"relay.prefix", &Config::relay_prefix, 0, 0, {}, nullptr, "begins the name of everything on a NATS server"},
      {"relay.replicas", &Config::relay_replicas, 1, 5, {}, nullptr, "of each stream that is made on NATS"},
      {"relay.max_bytes",
       &Config::relay_max_bytes,
       -1,
       std::int64_t{1} << 50,
       {},
       nullptr,
       "of each stream that is made on NATS; -1: the server's limit"},
      {"relay.max_body_bytes",
       Number([](Config& c, std::int64_t const* v) {
         if (v) c.relay.max_body_bytes = static_cast<std::size_t>(*v);
         return static_cast<std::int64_t>(c.relay.max_body_bytes);
       }),
       1,
       16 << 20,
       {},
       nullptr,
       "largest message body in bytes"},
      {"relay.max_attachment_bytes",
       Number([](Config& c, std::int64_t const* v) {
         if (v) c.relay.max_attachment_bytes = static_cast<std::size_t>(*v);
         return static_cast<std::int64_t>(c.relay.max_attachment_bytes);
       }),
       1,
       32 << 20,
       {},
       nullptr,
       "largest attachment in bytes"},
      {"relay.lease_seconds",
       Number([](Config& c, std::int64_t const* v) {
         if (v) c.relay.lease = std::chrono::seconds(*v);
         return std::chrono::duration_cast<std::chrono::seconds>(c.relay.lease).count();
       }),
       1,
       86'400,
       {},
       nullptr,
       "seconds for which a claimed message is its holder's"},
      {"relay.max_deliveries",
       Number([](Config& c, std::int64_t const* v) {
         if (v) c.relay.max_deliveries = static_cast<int>(*v);
         return static_cast<std::int64_t>(c.relay.max_deliveries);
       }),
       1,
       1000,
       {},
       nullptr,
       "claims of one message before it is a dead letter"},
      {"relay.retention_days",
       Number([](Config& c, std::int64_t const* v) {
         if (v) c.relay.retention = std::chrono::hours(24 * *v);
         return std::chrono::duration_cast<std::chrono::hours>(c.relay.retention).count() / 24;
       }),
       1,
       3650,
       {},
       nullptr,
       "days for which messages are kept"},
  };
  return all;
}

json to_json(toml::node const& node) {
  if (auto const* t = node.as_table()) {
    json object = json::object();
    for (auto const& [key, value] : *t) object[std::string(key.str())] = to_json(value);
    return object;
  }
  if (auto const* a = node.as_array()) {
    json list = json::array();
    for (auto const& value : *a) list.push_back(to_json(value));
    return list;
  }
  if (auto const* s = node.as_string()) return s->get();
  if (auto const* i = node.as_integer()) return i->get();
  if (auto const* f = node.as_floating_point()) return f->get();
  if (auto const* b = node.as_boolean()) return b->get();
  std::ostringstream text;  // dates and times: as written
  node.visit([&](auto const& value) { text << value; });
  return text.str();
}

std::string place(std::filesystem::path const& file, toml::source_region const& region) {
  return file.string() + ":" + std::to_string(region.begin.line) + ":" + std::to_string(region.begin.column);
}

bool is_choice(Setting const& setting, std::string const& word) {
  return setting.choices.empty() || std::ranges::find(setting.choices, word) != setting.choices.end();
}

std::string choices_of(Setting const& setting) {
  std::string list;
  for (auto const& choice : setting.choices) list += (list.empty() ? "" : ", ") + choice;
  return list;
}

/// Sets one value from its JSON form; empty: done, else what is wrong with it.
std::string assign(Config& config, Setting const& setting, json const& value) {
  auto const integer = [&](std::int64_t& out) -> std::string {
    if (!value.is_number_integer()) return std::string("must be an integer, not ") + value.type_name();
    out = value.get<std::int64_t>();
    if (out < setting.least || out > setting.most)
      return "must be from " + std::to_string(setting.least) + " to " + std::to_string(setting.most);
    return {};
  };
  if (auto const* member = std::get_if<0>(&setting.target)) {
    if (!value.is_string()) return std::string("must be a string, not ") + value.type_name();
    auto const text = value.get<std::string>();
    if (!is_choice(setting, text)) return "is \"" + text + "\"; use one of: " + choices_of(setting);
    config.*(*member) = text;
  } else if (auto const* flag = std::get_if<1>(&setting.target)) {
    if (!value.is_boolean()) return std::string("must be true or false, not ") + value.type_name();
    config.*(*flag) = value.get<bool>();
  } else if (auto const* number = std::get_if<2>(&setting.target)) {
    std::int64_t read = 0;
    if (auto problem = integer(read); !problem.empty()) return problem;
    config.*(*number) = read;
  } else if (auto const* list = std::get_if<3>(&setting.target)) {
    if (!value.is_array() || !std::ranges::all_of(value, [](json const& v) { return v.is_string(); }))
      return "must be a list of strings";
    auto words = value.get<std::vector<std::string>>();
    for (auto const& word : words)
      if (!is_choice(setting, word)) return "holds \"" + word + "\"; use any of: " + choices_of(setting);
    config.*(*list) = std::move(words);
  } else {
    std::int64_t read = 0;
    if (auto problem = integer(read); !problem.empty()) return problem;
    std::get<4>(setting.target)(config, &read);
  }
  return {};
}

json current(Config& config, Setting const& setting) {
  if (auto const* member = std::get_if<0>(&setting.target)) return config.*(*member);
  if (auto const* flag = std::get_if<1>(&setting.target)) return config.*(*flag);
  if (auto const* number = std::get_if<2>(&setting.target)) return config.*(*number);
  if (auto const* list = std::get_if<3>(&setting.target)) return config.*(*list);
  return std::get<4>(setting.target)(config, nullptr);
}

Setting const* find_setting(std::string const& key) {
  auto const it = std::ranges::find(settings(), key, &Setting::key);
  return it == settings().end() ? nullptr : &*it;
}

/// [[approvals.rules]]: numbered as they stand there.
Result<void> read_rules(Config& config, std::filesystem::path const& file, toml::node const& node,
                        std::map<std::string, std::string>& origins) {
  auto const* list = node.as_array();
  if (!list || !list->is_array_of_tables())
    return invalid("approvals.rules",
                   place(file, node.source()) + ": approvals.rules must be tables, each headed [[approvals.rules]]");
  for (auto const& table : *list) {
    auto const number = std::to_string(config.approval_rules.size() + 1);
    auto rule = read_approval_rule(to_json(table));
    if (!rule)
      return invalid("approvals.rules", place(file, table.source()) + ": rule " + number +
                                            " of [[approvals.rules]]: " + rule.error().message);
    rule->id = "config:" + number;
    config.approval_rules.push_back(std::move(*rule));
    origins["approvals.rules." + number] = file.string() + ":" + std::to_string(table.source().begin.line);
  }
  return {};
}

/// [[budgets]]: a name is that of one.
Result<void> read_budgets(Config& config, std::filesystem::path const& file, toml::node const& node,
                          std::map<std::string, std::string>& origins) {
  auto const* list = node.as_array();
  if (!list || !list->is_array_of_tables())
    return invalid("budgets", place(file, node.source()) + ": budgets must be tables, each headed [[budgets]]");
  for (auto const& table : *list) {
    auto budget = read_budget(to_json(table));
    if (!budget) return invalid("budgets", place(file, table.source()) + ": [[budgets]]: " + budget.error().message);
    auto const key = "budgets." + budget->name;
    if (origins.contains(key))
      return invalid(key, place(file, table.source()) + ": there are two budgets named " + budget->name);
    origins[key] = file.string() + ":" + std::to_string(table.source().begin.line);
    config.budgets.push_back(std::move(*budget));
  }
  return {};
}

/// [[notify]]: a name is that of one.
Result<void> read_notify(Config& config, std::filesystem::path const& file, toml::node const& node,
                         std::map<std::string, std::string>& origins) {
  auto const* list = node.as_array();
  if (!list || !list->is_array_of_tables())
    return invalid("notify", place(file, node.source()) + ": notify must be tables, each headed [[notify]]");
  for (auto const& table : *list) {
    auto rule = read_notify_rule(to_json(table));
    if (!rule) return invalid("notify", place(file, table.source()) + ": [[notify]]: " + rule.error().message);
    auto const where = place(file, table.source());
    if (!rule->time_zone.empty() && !find_zone(rule->time_zone))
      return invalid("notify", where + ": [[notify]]: " + zone_of_field(rule->time_zone).error().message);
    auto const key = "notify." + rule->name;
    if (origins.contains(key)) return invalid(key, where + ": there are two [[notify]] named " + rule->name);
    origins[key] = file.string() + ":" + std::to_string(table.source().begin.line);
    config.notify.push_back(std::move(*rule));
  }
  return {};
}

/// The place of a profile's field, or of the nearest table around it.
std::string place_of(toml::table const& root, std::filesystem::path const& file, std::string field) {
  for (;;) {
    if (auto const node = root.at_path(field)) return place(file, node.node()->source());
    auto const dot = field.rfind('.');
    if (dot == std::string::npos) return file.string();
    field.resize(dot);
  }
}

/// Paths are made absolute in all of them first, since one may build on another.
Result<void> check_profiles(Config& config, std::filesystem::path const& file, toml::table const& root) {
  auto const wrong = [&](Error const& error) {
    return invalid(error.field, place_of(root, file, error.field) + ": " + error.message);
  };
  for (auto& [name, table] : config.profiles) {
    auto const prefix = "profiles." + name + ".";
    if (!is_safe_name(name) || name.find('.') != std::string::npos || name == "host" || name == "isolated")
      return wrong(invalid(
          "profiles." + name,
          "\"" + name + "\" is no name for a profile; use letters, digits, - and _" + ", and not host or isolated"));
    auto placed = profile_table(table, file.parent_path(), prefix);
    if (!placed) return wrong(placed.error());
    table = std::move(*placed);
  }
  for (auto const& [name, table] : config.profiles)
    if (auto const read = resolve_profile(table, name, config.profiles, "profiles." + name + "."); !read)
      return wrong(read.error());
  return {};
}

/// Of a key that is a table of settings, each of them.
Result<void> apply_value(Config& config, std::filesystem::path const& file, std::string const& key,
                         toml::node const& value, std::map<std::string, std::string>& origins) {
  auto const* setting = find_setting(key);
  bool const has_settings =
      std::ranges::any_of(settings(), [&](Setting const& s) { return s.key.starts_with(key + "."); });
  if (auto const* table = value.as_table(); table && has_settings) {
    for (auto const& [name, node] : *table)
      if (auto set = apply_value(config, file, key + "." + std::string(name.str()), node, origins); !set)
        return set.error();
    return {};
  }
  if (!setting && has_settings)
    return invalid(key, place(file, value.source()) + ": " + key + " must be a table: { ... }");
  if (!setting)
    return invalid(
        key, place(file, value.source()) + ": unknown key " + key + "; `agent-runner config show` lists all keys");
  if (auto problem = assign(config, *setting, to_json(value)); !problem.empty())
    return invalid(key, place(file, value.source()) + ": " + key + " " + problem);
  origins[key] = file.string() + ":" + std::to_string(value.source().begin.line);
  return {};
}

Result<void> apply_file(Config& config, std::filesystem::path const& file, std::string const& text,
                        std::map<std::string, std::string>& origins) {
  toml::table root;
  try {
    root = toml::parse(text, file.string());
  } catch (toml::parse_error const& e) {
    return invalid(file.string(), place(file, e.source()) + ": " + std::string(e.description()));
  }
  for (auto const& [section, node] : root) {
    std::string const name(section.str());
    if (name == "budgets") {
      if (auto read = read_budgets(config, file, node, origins); !read) return read.error();
      continue;
    }
    if (name == "notify") {
      if (auto read = read_notify(config, file, node, origins); !read) return read.error();
      continue;
    }
    auto const* table = node.as_table();
    bool const known = name == "providers" || name == "profiles" ||
                       std::ranges::any_of(settings(), [&](Setting const& s) { return s.key.starts_with(name + "."); });
    if (!known)
      return invalid(name, place(file, node.source()) + ": unknown section [" + name +
                               "]; `agent-runner config show` lists all keys");
    if (!table) return invalid(name, place(file, node.source()) + ": " + name + " must be a section: [" + name + "]");
    for (auto const& [key, value] : *table) {
      std::string const full = name + "." + std::string(key.str());
      if (name == "providers" || name == "profiles") {
        if (!value.is_table())
          return invalid(full, place(file, value.source()) + ": " + full + " must be a section: [" + full + "]");
        (name == "providers" ? config.providers : config.profiles)[std::string(key.str())] = to_json(value);
        origins[full] = file.string() + ":" + std::to_string(value.source().begin.line);
        continue;
      }
      if (full == "approvals.rules") {
        if (auto read = read_rules(config, file, value, origins); !read) return read.error();
        continue;
      }
      if (auto set = apply_value(config, file, full, value, origins); !set) return set.error();
    }
  }
  return check_profiles(config, file, root);
}

Result<void> apply_environment(Config& config, std::map<std::string, std::string>& origins) {
  for (auto const& setting : settings()) {
    if (!setting.variable) continue;
    char const* const text = std::getenv(setting.variable);
    if (!text) continue;
    json value = std::string(text);
    if (std::holds_alternative<bool Config::*>(setting.target)) {
      if (value == "true" || value == "false") value = value == "true";
    } else if (!std::holds_alternative<std::string Config::*>(setting.target)) {
      std::int64_t number = 0;
      auto const* const end = text + std::char_traits<char>::length(text);
      auto const [stop, ec] = std::from_chars(text, end, number);
      if (ec == std::errc() && stop == end) value = number;
    }
    if (auto problem = assign(config, setting, value); !problem.empty())
      return invalid(setting.key, std::string("environment variable ") + setting.variable + " " + problem);
    origins[setting.key] = std::string("environment ") + setting.variable;
  }
  return {};
}

/// A name that is never passed on would be left out in silence.
Result<void> check_passed(Config const& config, std::string const& origin) {
  for (auto const& name : config.pass_environment)
    if (auto const why = why_never_passed(name); !why.empty())
      return invalid("agents.pass_environment", origin + ": agents.pass_environment: \"" + name + "\" " + why);
  return {};
}

Result<void> check_backoff(Config const& config, std::string const& origin) {
  auto const wait = parse_duration(config.retry_backoff);
  if (wait && *wait >= milliseconds(1000) && *wait <= kLongestRetryWait) return {};
  return invalid("delivery.retry_failed.backoff", origin + ": delivery.retry_failed.backoff is \"" +
                                                      config.retry_backoff + "\"; use a time from 1s to 15m");
}

Result<void> check_roots(Config const& config, std::string const& origin) {
  for (auto const& root : config.output_roots)
    if (!root.starts_with('/'))
      return invalid("outputs.roots", origin + ": outputs.roots: \"" + root + "\" is relative; name it from / on");
  return {};
}

Result<void> check_resources(Config const& config, std::function<std::string(std::string const&)> const& origin) {
  auto const check = [&](char const* key, std::string const& text, auto parse) -> Result<void> {
    if (text.empty()) return {};
    auto const value = parse(text);
    if (value) return {};
    return invalid(key, origin(key) + ": " + key + " " + value.error().message);
  };
  for (auto const& [key, text] : {std::pair{"resources.memory_max", &config.agent_memory_max},
                                  std::pair{"resources.memory_high", &config.agent_memory_high}})
    if (auto good = check(key, *text, parse_memory_size); !good) return good;
  return check("resources.cpu_quota", config.agent_cpu_quota, parse_cpu_quota);
}

/// The bus's settings, together.
Result<void> check_relay(Config const& config) {
  auto const kind = "relay.kind is \"" + config.relay_kind + "\"";
  if (config.relay_kind == "embedded") return {};
  if (config.relay_url.empty())
    return invalid("relay.url", kind + " and relay.url is empty; write url = \"" +
                                    (config.relay_kind == "nats" ? "nats" : "https") + "://HOST:PORT\"");
  if (config.relay_kind == "remote" && config.relay_token_file.empty())
    return invalid("relay.token_file", kind +
                                           " and relay.token_file is empty; `agent-runner relay token issue` on the "
                                           "relay's machine makes a token");
  if (!config.relay_serve.empty()) return invalid("relay.serve", "only the embedded relay can be served, and " + kind);
  return {};
}

/// As it is shown: what stands under `env` or among headers may be a secret.
json without_secrets(json options) {
  if (!options.is_structured()) return options;
  for (auto& [name, value] : options.items()) {
    bool const may_be_secret = options.is_object() && (name == "env" || name.ends_with("headers")) && value.is_object();
    if (!may_be_secret)
      value = without_secrets(std::move(value));
    else
      for (auto& secret : value) secret = "(set)";
  }
  return options;
}

}  // namespace

Result<Config> Config::load(std::filesystem::path const& file) {
  Config config;
  std::map<std::string, std::string> origins;
  if (auto text = read_file(file, 1 << 20)) {
    if (auto applied = apply_file(config, file, *text, origins); !applied) return applied.error();
  } else if (text.error().code != "file_not_found") {
    return text.error();
  }
  if (auto applied = apply_environment(config, origins); !applied) return applied.error();
  auto const origin = [&](std::string const& key) {
    auto const it = origins.find(key);
    return it == origins.end() ? std::string("default") : it->second;
  };
  if (auto passed = check_passed(config, origin("agents.pass_environment")); !passed) return passed.error();
  if (auto placed = check_roots(config, origin("outputs.roots")); !placed) return placed.error();
  if (auto good = check_resources(config, origin); !good) return good.error();
  if (auto timed = check_backoff(config, origin("delivery.retry_failed.backoff")); !timed) return timed.error();
  if (auto consistent = check_relay(config); !consistent) return consistent.error();
  for (auto const& setting : settings())
    config.explained.push_back(
        {setting.key, current(config, setting), origin(setting.key), setting.help, setting.takes == Takes::at_reload});
  for (auto const& rule : config.approval_rules) {
    auto const key = "approvals.rules." + rule.id.substr(rule.id.find(':') + 1);
    auto shown = ar::to_json(rule);
    shown.erase("id");
    config.explained.push_back({key, std::move(shown), origin(key), "an approval rule", true});
  }
  for (auto const& budget : config.budgets) {
    auto const key = "budgets." + budget.name;
    config.explained.push_back({key, ar::to_json(budget), origin(key), "a budget", true});
  }
  for (auto const& rule : config.notify) {
    auto const key = "notify." + rule.name;
    config.explained.push_back({key, ar::to_json(rule), origin(key), "who is notified of what", true});
  }
  for (auto const& [name, options] : config.providers)
    config.explained.push_back(
        {"providers." + name, without_secrets(options), origin("providers." + name), "options of this provider", true});
  for (auto const& [name, table] : config.profiles)
    if (auto const profile = resolve_profile(table, name, config.profiles, ""))
      config.explained.push_back(
          {"profiles." + name, adapters::summary_of(*profile), origin("profiles." + name), "an agent profile", true});
  return config;
}

ResourceLimits Config::agent_limits() const {
  ResourceLimits limits;
  if (auto const memory = parse_memory_size(agent_memory_max)) limits.memory_max = *memory;
  if (auto const memory = parse_memory_size(agent_memory_high)) limits.memory_high = *memory;
  if (auto const quota = parse_cpu_quota(agent_cpu_quota)) limits.cpu_quota = *quota;
  limits.tasks_max = agent_tasks_max;
  return limits;
}

milliseconds Config::retry_wait() const {
  auto const wait = parse_duration(retry_backoff);  // which was checked as it was read
  return wait ? *wait : milliseconds(30'000);
}

bool Config::allows_private_addresses(std::string const& owner) const {
  return std::ranges::any_of(private_receivers, [&](auto const& name) { return name == owner || name == "*"; });
}

std::vector<Config::Change> Config::take(Config fresh) {
  auto const find = [](std::vector<Explained> const& all, std::string const& key) {
    auto const found = std::ranges::find(all, key, &Explained::key);
    return found == all.end() ? nullptr : &*found;
  };
  std::vector<Change> changes;
  auto const note = [&](Explained const& entry, json before, json after) {
    changes.push_back({entry.key, std::move(before), std::move(after), entry.live});
  };
  for (auto& entry : fresh.explained) {
    auto const* const before = find(explained, entry.key);
    auto const* const setting = find_setting(entry.key);
    if (!before || before->value != entry.value) note(entry, before ? before->value : json(), entry.value);
    if (setting && entry.live)
      (void)assign(*this, *setting, entry.value);
    else if (setting)
      entry = *before;  // what it goes by until it is started again
  }
  for (auto const& entry : explained)
    if (!find(fresh.explained, entry.key)) note(entry, entry.value, json());
  // Of these what is shown may be the same, and what is meant another: a secret, a text.
  auto const note_hidden = [&](char const* section, auto const& now, auto const& then) {
    for (auto const& [name, table] : now) {
      auto const key = section + name;
      auto const same = then.find(name);
      bool const told = std::ranges::any_of(changes, [&](Change const& change) { return change.key == key; });
      if (!told && same != then.end() && same->second != table) changes.push_back({key, json(), json(), true});
    }
  };
  note_hidden("providers.", fresh.providers, providers);
  note_hidden("profiles.", fresh.profiles, profiles);
  providers = std::move(fresh.providers);
  profiles = std::move(fresh.profiles);
  approval_rules = std::move(fresh.approval_rules);
  budgets = std::move(fresh.budgets);
  notify = std::move(fresh.notify);
  explained = std::move(fresh.explained);
  return changes;
}

}  // namespace ar::daemon
