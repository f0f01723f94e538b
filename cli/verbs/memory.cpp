// The memory: values under keys, for agents and people.
#include "base/unicode.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/local_files.hpp"
#include "cli/paging.hpp"
#include "cli/text.hpp"

namespace ar::cli {
namespace {

using Place = std::optional<std::string>;  ///< SCOPE/ID; none: the agent's own that this runs in

struct List {
  Place place;
  std::optional<std::string> prefix, limit;
};

struct Entry {
  Place place;
  std::string key, value;
  std::optional<std::string> version;
  bool json_value = false, absent = false;
};

Result<std::string> path_of(Context const& context, Place const& place) {
  if (!place && context.inside_agent()) {
    auto const self = context.agent_or_self(std::nullopt);
    if (!self) return self.error();
    return "/v1/memory/agent/" + encoded(*self);
  }
  if (!place) return invalid("--in", "say where: --in SCOPE/ID, like --in shared/team; agent-runner memory ids shared");
  auto const slash = place->find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == place->size())
    return invalid("--in", "\"" + *place + "\" is no place in the memory; write SCOPE/ID, like shared/team");
  return "/v1/memory/" + encoded(place->substr(0, slash)) + "/" + encoded(place->substr(slash + 1));
}

Result<Call> call_of(Context const& context, char const* method, Entry const& entry) {
  auto const path = path_of(context, entry.place);
  if (!path) return path.error();
  if (!is_utf8(entry.key)) return invalid("KEY", "the key is not UTF-8");
  Call call{.method = method, .target = *path + "/" + encoded(entry.key)};
  if (entry.version) {
    if (auto const number = number_input("--if-version", *entry.version); !number) return number.error();
    call.headers.emplace_back("If-Match", "\"" + *entry.version + "\"");
  }
  if (entry.absent) call.headers.emplace_back("If-None-Match", "*");
  return call;
}

std::string size_and_count(json const& row) {
  return field(row, "entries") + " entries, " + size_text(number(row, "bytes"));
}

Result<int> scopes(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/memory");
  if (!answer) return answer.error();
  for (auto const& scope : array(*answer, "scopes")) {
    if (context.json_output())
      context.print_json(scope);
    else
      context.print(field(scope, "scope") + ": " + field(scope, "ids") + " ids, " + size_and_count(scope) + "\n");
  }
  return exit_done;
}

Result<int> ids(Context& context, std::string const& scope) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const listed = for_each_row(**api, "/v1/memory/" + encoded(scope), "ids", 0, [&](json const& row) {
    if (context.json_output())
      context.print_json(row);
    else
      context.print(scope + "/" + single_line(field(row, "id")) + ": " + size_and_count(row) + "\n");
  });
  if (!listed) return listed.error();
  return exit_done;
}

/// A text as it is, anything else as JSON.
std::string value_text(json const& entry) {
  auto const value = entry.find("value");
  if (value == entry.end()) return {};
  return value->is_string() ? value->get<std::string>() : to_text(*value);
}

Result<int> list(Context& context, List const& options) {
  std::size_t limit = 0;
  if (options.limit) {
    auto const given = number_input("--limit", *options.limit);
    if (!given) return given.error();
    limit = static_cast<std::size_t>(*given);
  }
  auto path = path_of(context, options.place);
  if (!path) return path.error();
  if (options.prefix) *path += "?prefix=" + encoded(*options.prefix);
  auto const api = context.api();
  if (!api) return api.error();
  Table table({{"KEY"}, {"AGE", true}, {"SIZE", true}, {"VERSION", true}, {"VALUE"}});
  auto const listed = for_each_row(**api, *path, "entries", limit, [&](json const& entry) {
    if (context.json_output()) {
      context.print_json(entry);
      return;
    }
    auto const at = entry.contains("updatedAt") ? time_of(entry["updatedAt"]) : std::nullopt;
    table.add({field(entry, "key"), at ? age(wall_now() - *at) : "", size_text(number(entry, "bytes")),
               field(entry, "version"), value_text(entry).substr(0, 400)});
  });
  if (!listed) return listed.error();
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no entries");
  else
    context.print(table);
  return exit_done;
}

Result<int> get(Context& context, Entry const& entry) {
  auto const call = call_of(context, "GET", entry);
  if (!call) return call.error();
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->call(*call);
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  auto const text = value_text(*answer);
  context.print_foreign(text);
  // A text goes byte for byte into a pipe or file.
  if (!(*answer)["value"].is_string() || (context.terminal() && !text.ends_with('\n'))) context.print("\n");
  return exit_done;
}

/// `word`: the value itself, - for stdin, @FILE for a file's content.
Result<std::string> value_input(Context const& context, ApiClient& api, std::string const& word) {
  if (word == "-") return stdin_input();
  if (!word.starts_with('@')) return word;
  auto const local = LocalFiles::open(context, api);
  if (!local) return local.error();
  return local->read(word.substr(1), "VALUE");
}

Result<int> set(Context& context, Entry const& entry) {
  auto call = call_of(context, "PUT", entry);
  if (!call) return call.error();
  auto const api = context.api();
  if (!api) return api.error();
  auto const text = value_input(context, **api, entry.value);
  if (!text) return text.error();
  if (!is_utf8(*text)) return invalid("VALUE", "the value is not UTF-8; convert it (iconv -t UTF-8)");
  auto value = entry.json_value ? parse_json(*text) : ok(*text);
  if (!value) return invalid("VALUE", value.error().message);
  json const body = {{"value", std::move(*value)}};
  call->body = to_text(body);
  auto const answer = (*api)->call(*call);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(single_line(field(*answer, "scope") + "/" + field(*answer, "id") + "/" + field(*answer, "key")) +
                  ": version " + field(*answer, "version") + "\n");
  return exit_done;
}

Result<int> remove(Context& context, Entry const& entry) {
  auto const call = call_of(context, "DELETE", entry);
  if (!call) return call.error();
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->call(*call);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(single_line(field(*answer, "removed")) + ": removed\n");
  return exit_done;
}

constexpr auto kIn = "Whose: agent/NAME, user/NAME or shared/NAME; inside an agent its own unless said";
constexpr auto kIfVersion = "Only while it has this version";

void add(Program& program) {
  auto memory = program.verb("Memory", "memory", "What agents and people keep under a key",
                             "memory set style @style.md --in shared/team");
  memory.command("scopes", "How much there is in each scope", "memory scopes").runs(scopes);

  auto const scope = std::make_shared<std::string>();
  memory.command("ids", "Who has something in a scope", "memory ids shared")
      .argument("SCOPE", *scope, "agent, user or shared", Words::any, {"agent", "user", "shared"})
      .runs([scope](Context& context) { return ids(context, *scope); });

  auto const listed = std::make_shared<List>();
  memory.command("list", "Its entries, in the order of their keys", "memory list plan. --in agent/alice")
      .argument("PREFIX", listed->prefix, "Only keys that begin so")
      .option("--in", listed->place, "SCOPE/ID", kIn)
      .option("--limit", listed->limit, "N", "At most so many")
      .runs([listed](Context& context) { return list(context, *listed); });

  auto const shown = std::make_shared<Entry>();
  memory.command("get", "An entry's value: a text as it is, anything else as JSON", "memory get style --in shared/team")
      .argument("KEY", shown->key, "The entry's key")
      .option("--in", shown->place, "SCOPE/ID", kIn)
      .runs([shown](Context& context) { return get(context, *shown); });

  auto const given = std::make_shared<Entry>();
  memory.command("set", "Give an entry a value", "memory set style \"Two blanks, no tabs\" --in shared/team")
      .argument("KEY", given->key, "The entry's key")
      .argument("VALUE|-|@FILE", given->value, "A text; - reads stdin, @FILE a file")
      .option("--in", given->place, "SCOPE/ID", kIn)
      .flag("--as-json", given->json_value, "The value is JSON rather than a text")
      .option("--if-version", given->version, "N", kIfVersion)
      .flag("--if-absent", given->absent, "Only where there is no such entry")
      .runs([given](Context& context) { return set(context, *given); });

  auto const gone = std::make_shared<Entry>();
  memory.command("rm", "Remove an entry", "memory rm style --in shared/team")
      .argument("KEY", gone->key, "The entry's key")
      .option("--in", gone->place, "SCOPE/ID", kIn)
      .option("--if-version", gone->version, "N", kIfVersion)
      .runs([gone](Context& context) { return remove(context, *gone); });
}
Family const family(28, add);

}  // namespace
}  // namespace ar::cli
