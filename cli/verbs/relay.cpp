// The relay that this machine serves to others: serving, how it is, and its tokens. And the bus this daemon uses.
#include "base/paths.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/daemon_process.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

namespace ar::cli {
namespace {

struct Serve {
  std::optional<std::string> listen{}, tls_cert{}, tls_key{};
  bool insecure = false;
};

Result<int> serve(Serve const& options) {
  if (!options.listen) return invalid("--listen", "--listen HOST:PORT is needed: where other machines reach the relay");
  std::vector<std::string> arguments;
  if (char const* const state = std::getenv("AGENT_RUNNER_STATE_DIR")) arguments = {"--state-dir", state};
  arguments.insert(arguments.end(), {"--foreground", "relay", "--listen", *options.listen});
  if (options.tls_cert) arguments.insert(arguments.end(), {"--tls-cert", *options.tls_cert});
  if (options.tls_key) arguments.insert(arguments.end(), {"--tls-key", *options.tls_key});
  if (options.insecure) arguments.emplace_back("--insecure");
  return become("agent-runnerd", arguments);
}

/// The relay of this installation: the daemon's, or one that serves alone.
Result<std::unique_ptr<ApiClient>> relay_api(Context& context) {
  auto const paths = context.paths();
  if (!paths) return paths.error();
  auto client = std::make_unique<ApiClient>(Endpoint{paths->relay_socket()});
  auto const reached = client->reach();
  if (reached) return client;
  if (reached.error().code != "daemon_away") return reached.error();
  return unavailable("relay_away", "no relay answers on " + paths->relay_socket().string() +
                                       "; `agent-runner up` starts the daemon with its own, `agent-runner relay serve` "
                                       "one without agents");
}

Result<int> status(Context& context) {
  auto const api = relay_api(context);
  if (!api) return api.error();
  auto const info = (*api)->get("/api/info");
  if (!info) return info.error();
  if (context.json_output()) {
    context.print_json(*info);
    return exit_done;
  }
  context.print("relay            version " + field(*info, "version") + ", protocol " + field(*info, "protocol") +
                "\n");
  context.print("connections      " + field(*info, "sessions") + ", of " + field(*info, "connectedAgents") +
                " agents\n");
  auto const agents = (*api)->get("/api/agents");
  if (!agents) return agents.error();
  Table table({{"AGENT", false, 40}, {"STATUS"}, {"READY"}, {"HEARD", true}, {"STALE"}});
  auto const now = wall_now();
  for (auto const& agent : array(*agents, "agents")) {
    auto const heard = agent.contains("lastHeartbeat") ? time_of(agent["lastHeartbeat"]) : std::nullopt;
    table.add({field(agent, "agentId"), field(agent, "status"), field(agent, "ready"),
               heard ? age(now - *heard) : std::string(), field(agent, "stale")});
  }
  if (!table.empty()) context.print(table);
  return exit_done;
}

struct Issue {
  std::vector<std::string> agents{}, rights{};
  std::optional<std::string> name{}, profile{}, lifetime{}, out{};
};

Result<int> issue(Context& context, Issue const& options) {
  json body = {{"profile", options.profile.value_or("provider-agent")},
               {"agentIds", options.agents},
               {"rights", options.rights}};
  if (options.rights.empty())
    body["rights"] = {"send", "read", "claim", "presence", "tasks", "commands", "attachments", "groups"};
  if (options.name) body["name"] = *options.name;
  if (options.lifetime) {
    auto const time = parse_duration(*options.lifetime);
    if (!time) return time.error();
    body["lifetimeMs"] = time->count();
  }
  auto const api = relay_api(context);
  if (!api) return api.error();
  auto const issued = (*api)->post("/api/tokens", body);
  if (!issued) return issued.error();
  auto const secret = field(*issued, "token");
  auto const info = issued->contains("info") ? (*issued)["info"] : json::object();
  if (options.out) {
    if (auto written = write_file_to_disk(*options.out, secret + "\n"); !written) return written.error();
    json shown = {{"file", *options.out}, {"info", info}};
    if (context.json_output())
      context.print_json(shown);
    else
      context.print("token " + field(info, "jti") + " is in " + *options.out + "\n");
    return exit_done;
  }
  if (context.json_output())
    context.print_json(*issued);
  else
    context.print(secret + "\n");
  return exit_done;
}

Result<int> list(Context& context) {
  auto const api = relay_api(context);
  if (!api) return api.error();
  auto const found = (*api)->get("/api/tokens");
  if (!found) return found.error();
  if (context.json_output()) {
    for (auto const& token : array(*found, "tokens")) context.print_json(token);
    return exit_done;
  }
  Table table({{"NAME"}, {"JTI"}, {"PROFILE"}, {"MADE"}, {"EXPIRES"}, {"STATE"}, {"AGENTS", false, 40}, {"RIGHTS"}});
  auto const joined = [](json const& values) {
    std::string text;
    for (auto const& value : values)
      if (value.is_string()) text += (text.empty() ? "" : ",") + value.get<std::string>();
    return text;
  };
  for (auto const& token : array(*found, "tokens")) {
    auto const made = token.contains("madeAt") ? time_of(token["madeAt"]) : std::nullopt;
    auto const end = token.contains("expiresAt") ? time_of(token["expiresAt"]) : std::nullopt;
    bool const revoked = field(token, "revoked") == "true";
    auto const scope = token.contains("scope") ? token["scope"] : json::object();
    auto const agents = joined(array(scope, "agentIds"));
    table.add({field(token, "name"), field(token, "jti"), field(token, "profile"),
               made ? date_text(*made) : std::string(), end ? date_text(*end) : std::string("never"),
               revoked                     ? "revoked"
               : end && *end <= wall_now() ? "expired"
                                           : "good",
               agents.empty() ? std::string("any") : agents, joined(array(scope, "rights"))});
  }
  context.print(table);
  return exit_done;
}

Result<int> revoke(Context& context, std::string const& which) {
  auto const api = relay_api(context);
  if (!api) return api.error();
  auto const gone = (*api)->remove("/api/tokens/" + encoded(which));
  if (!gone) return gone.error();
  if (context.json_output())
    context.print_json(json{{"revoked", which}});
  else
    context.print("token " + single_line(which) + " is revoked\n");
  return exit_done;
}

/// A fact's name in words: "messagesInMemory" is "messages in memory".
std::string words_of(std::string const& name) {
  std::string words;
  for (char const c : name)
    if (c >= 'A' && c <= 'Z')
      words += std::string(" ") + static_cast<char>(c - 'A' + 'a');
    else
      words += c;
  return words;
}

/// A fact in one line: {"live": 3, "dead": 1} is "dead 1, live 3".
std::string in_a_line(json const& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_structured()) return to_text(value);
  std::string line;
  for (auto const& [name, part] : value.items())
    line += (line.empty() ? "" : ", ") + (value.is_object() ? words_of(name) + " " : std::string()) + in_a_line(part);
  return line.empty() ? "none" : line;
}

/// Rows with the same facts, such as the streams of a NATS server; a fact that a row lacks is "-".
Table table_of(json const& rows) {
  std::vector<std::string> names;
  for (auto const& row : rows)
    for (auto const& [name, value] : row.items())
      if (std::ranges::find(names, name) == names.end())
        names.insert(name == "name" || name == "stream" ? names.begin() : names.end(), name);
  std::vector<Column> columns;
  for (auto const& name : names) {
    auto header = words_of(name);
    for (auto& c : header) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    columns.push_back({std::move(header), rows.front().contains(name) && rows.front()[name].is_number()});
  }
  Table table(std::move(columns));
  for (auto const& row : rows) {
    std::vector<Cell> cells;
    for (auto const& name : names) cells.emplace_back(row.contains(name) ? in_a_line(row[name]) : std::string());
    table.add(std::move(cells));
  }
  return table;
}

Result<int> bus_status(Context& context) {
  auto const api = context.running_api();
  if (!api) return api.error();
  auto const bus = (*api)->get("/v1/bus");
  if (!bus) return bus.error();
  if (context.json_output()) {
    context.print_json(*bus);
    return exit_done;
  }
  // Every bus has facts of its own: the common ones first, the others as they come, lists at the end.
  auto const line = [&](std::string name, std::string const& text) {
    name.resize(std::max<std::size_t>(name.size() + 1, 20), ' ');
    context.print(single_line(name) + std::string(name.size() - single_line(name).size(), ' ') + single_line(text) +
                  "\n");
  };
  line("bus", field(*bus, "kind"));
  auto const since = bus->contains("since") ? time_of((*bus)["since"]) : std::nullopt;
  line("transport", field(*bus, "transport") + (since ? ", for " + age(wall_now() - *since) : std::string()));
  auto const ago = [](json const& fault) {
    auto const at = fault.contains("at") ? time_of(fault["at"]) : std::nullopt;
    return at ? " (" + age(wall_now() - *at) + " ago)" : std::string();
  };
  auto const is_table = [](json const& value) {
    return value.is_array() && !value.empty() &&
           std::ranges::all_of(value, [](json const& row) { return row.is_object(); });
  };
  for (auto const& [name, value] : bus->items()) {
    if (name == "kind" || name == "transport" || name == "since" || value.is_null() || is_table(value)) continue;
    if (name == "lastError")
      line("last error", field(value, "message"));
    else if (name == "storage" && value.contains("error"))
      line("storage", field(value["error"], "message") + ago(value));
    else
      line(words_of(name), in_a_line(value));
  }
  for (auto const& [name, value] : bus->items()) {
    if (!is_table(value)) continue;
    context.print("\n" + single_line(words_of(name)) + "\n");
    context.print(table_of(value));
  }
  return exit_done;
}

void add(Program& program) {
  auto relay = program.verb("Fleet", "relay", "Serve this machine's relay to others; its tokens",
                            "relay serve --listen 0.0.0.0:7077 --tls-cert relay.pem --tls-key relay.key");
  relay.people_only();
  auto const s = std::make_shared<Serve>();
  relay.command("serve", "Serve it here, without agents, until told to stop", "relay serve --listen 127.0.0.1:7077")
      .option("--listen", s->listen, "HOST:PORT", "Where others reach it")
      .option("--tls-cert", s->tls_cert, "FILE", "PEM file of the certificate, with its chain", Words::file)
      .option("--tls-key", s->tls_key, "FILE", "PEM file of its key", Words::file)
      .flag("--insecure", s->insecure, "Beyond this machine without TLS: tokens and messages can be read on the way")
      .runs([s](Context&) { return serve(*s); });
  relay.command("status", "Who is connected to it", "relay status").runs(status);
  auto token = relay.command("token", "The tokens by which other machines are known", "relay token list");
  auto const i = std::make_shared<Issue>();
  token
      .command("issue", "Make a token and print it",
               "relay token issue --name host-b --lifetime 30d --out host-b.token")
      .option("--name", i->name, "NAME", "To know it by, and to revoke it by")
      .option("--agent", i->agents, "ID", "An agent it may speak for; none: any")
      .option(
          "--right", i->rights, "RIGHT",
          "send, read, claim, presence, tasks, commands, attachments, tokens, groups or *; none: what a daemon needs")
      .option("--profile", i->profile, "NAME", "Default: provider-agent, which is renewed in time")
      .option("--lifetime", i->lifetime, "TIME", "30d, 12h; none: no end")
      .option("--out", i->out, "FILE", "Into a file (0600) instead of stdout", Words::file)
      .runs([i](Context& context) { return issue(context, *i); });
  token.command("list", "All tokens, without their secrets", "relay token list --json").runs(list);
  auto const which = std::make_shared<std::string>();
  token.command("revoke", "Refuse a token from now on", "relay token revoke host-b")
      .argument("NAME|JTI", *which, "As `relay token list` shows them", Words::relay_token)
      .runs([which](Context& context) { return revoke(context, *which); });
  auto bus = program.verb("Fleet", "bus", "The bus that this daemon uses", "bus status");
  bus.command("status", "Which bus, and how it is", "bus status --json").runs(bus_status);
}
Family const family(45, add);

}  // namespace
}  // namespace ar::cli
