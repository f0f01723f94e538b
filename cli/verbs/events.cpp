#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/event_follower.hpp"
#include "cli/event_view.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/paging.hpp"
#include "cli/recovery_view.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"

#include <cstdio>

namespace ar::cli {
namespace {

struct Events {
  std::optional<std::string> agent, from, count;
  bool follow = false, types = false, ticket = false, since_boot = false;
};

void print_event(Context const& context, json const& event, bool own_numbers) {
  if (context.json_output()) {
    context.print_json(event);
    return;
  }
  auto const at = event.contains("at") ? time_of(event["at"]) : std::nullopt;
  auto number_text = field(event, own_numbers ? "agentNumber" : "number");
  if (number_text.size() < 6) number_text.insert(0, 6 - number_text.size(), ' ');
  std::string line = paint(number_text, Colour::dim, context.colour()) + "  " + (at ? date_text(*at) : "") + "  ";
  if (auto const agent = field(event, "agent"); !agent.empty()) line += single_line(agent) + "  ";
  line += paint(single_line(field(event, "type")), Colour::bold, context.colour()) + "  " +
          event_detail(event, context.terminal() ? 60 : 0);
  // Whole in pipes and files, which have no width.
  if (context.terminal()) line = cut_to_width(line, context.columns() + (context.colour() ? 15 : 0));
  context.print(line + "\n");
}

Result<int> follow(Context& context, std::string const& path, Events const& options) {
  auto const endpoint = context.endpoint();
  if (!endpoint) return endpoint.error();
  EventFollower events(*endpoint, path, options.from.value_or("latest"));
  for (;;) {
    auto const event = events.next();
    if (!event) return event.error();
    if (!*event) continue;
    auto const parsed = parse_object((*event)->data);
    if (!parsed) continue;
    print_event(context, *parsed, options.agent.has_value());
    std::fflush(stdout);
  }
}

Result<int> types(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/events/types");
  if (!answer) return answer.error();
  if (context.json_output()) {
    for (auto const& type : array(*answer, "types")) context.print_json(type);
    return exit_done;
  }
  Table table({{"TYPE"}, {"WHAT HAS HAPPENED"}, {"DATA"}});
  for (auto const& type : array(*answer, "types")) {
    std::string fields;
    for (auto const& name : array(type, "data"))
      if (name.is_string()) fields += (fields.empty() ? "" : " ") + name.get<std::string>();
    table.add({field(type, "type"), field(type, "summary"), fields});
  }
  context.print(table.text(context.terminal() ? context.columns() : 0, context.colour()));
  return exit_done;
}

Result<int> ticket(Context& context, Events const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  json body = json::object();
  if (options.agent) body["agent"] = *options.agent;
  auto const answer = (*api)->post("/v1/events/ticket", body);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(field(*answer, "ticket") + "\n");
  return exit_done;
}

Result<int> since_boot(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const report = (*api)->get("/v1/runtime/recovery");
  if (!report) return report.error();
  if (context.json_output())
    context.print_json(*report);
  else
    print_recovery(context, *report);
  return exit_done;
}

/// More is seldom what somebody wants to read; --from 0 is everything.
constexpr auto kNewest = "50";

Result<int> events(Context& context, Events const& options) {
  bool const shows_some = options.from || options.count || options.follow;
  if (options.types && (options.agent || options.ticket || options.since_boot || shows_some))
    return invalid("--types", "--types goes alone: it shows no events, but which types of them there are");
  if (options.types) return types(context);
  if (options.since_boot && (options.agent || options.ticket || shows_some))
    return invalid("--since-boot", "--since-boot goes alone: it shows what came of the newest cold start");
  if (options.since_boot) return since_boot(context);
  if (options.ticket && shows_some)
    return invalid("--ticket", "--ticket goes with an agent's name at the most: who has the ticket asks for the rest");
  if (options.ticket) return ticket(context, options);
  std::size_t count = 0;
  if (options.count) {
    auto const given = number_input("-n", *options.count);
    if (!given) return invalid("-n", "\"" + *options.count + "\" is not a number of events; use one from 1 on");
    count = static_cast<std::size_t>(*given);
  }
  if (options.from)
    if (auto const cursor = message_id(*options.from); !cursor)
      return invalid("--from", "\"" + *options.from + "\" is not a cursor; it is the number of the last event seen");
  auto const api = context.api();
  if (!api) return api.error();
  std::string const path = options.agent ? "/v1/agents/" + encoded(*options.agent) + "/events" : "/v1/events";
  if (options.follow) return follow(context, path, options);
  auto const print = [&](json const& event) { print_event(context, event, options.agent.has_value()); };
  auto cursor = options.from.value_or("");
  std::size_t const most = options.from ? count : 0;
  if (!options.from) {
    auto const newest = (*api)->get(path + "?limit=1000&last=" + options.count.value_or(kNewest));
    if (!newest) return newest.error();
    for (auto const& event : array(*newest, "events")) print(event);
    cursor = field(*newest, "nextCursor");
    if (cursor.empty()) return exit_done;
  }
  auto const listed = for_each_row(**api, path, "events", most, print, std::move(cursor));
  if (!listed) return listed.error();
  return exit_done;
}

void add(Program& program) {
  auto const o = std::make_shared<Events>();
  program.verb("Events", "events", "What happened: states, turns, messages, restarts", "events alice -f")
      .argument("AGENT", o->agent, "Only this agent's, with its own numbers", Words::agent)
      .flag("-f,--follow", o->follow, "Go on with what happens from now, or from --from, on")
      .option("-n,--count", o->count, "N",
              "At most so many: the newest, or the first after --from (default: the newest 50)")
      .option("--from", o->from, "CURSOR", "After this event's number; 0: from the beginning")
      .flag("--since-boot", o->since_boot,
            "What came of the newest reboot, or of another end of all agents' processes at once")
      .flag("--types", o->types, "Which types of events there are, and what their data is")
      .flag("--ticket", o->ticket, "Print a ticket: it opens one stream of them, within 30 s, in the place of a token")
      .runs([o](Context& context) { return events(context, *o); });
}
Family const family(40, add);

}  // namespace
}  // namespace ar::cli
