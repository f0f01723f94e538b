#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/event_follower.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/paging.hpp"
#include "cli/text.hpp"

#include <cstdio>

namespace ar::cli {
namespace {

struct Events {
  std::optional<std::string> agent, from;
  bool follow = false;
};

/// The interesting part of the data in few words; --json has all of it.
std::string detail_of(json const& event) {
  if (!event.contains("data") || !event["data"].is_object()) return {};
  std::string text;
  for (auto const& [name, value] : event["data"].items()) {
    if (value.is_null() || value.is_object() || value.is_array()) continue;
    auto const shown = value.is_string() ? value.get<std::string>() : to_text(value);
    if (shown.empty()) continue;
    text += (text.empty() ? "" : " ") + name + "=" + cut_to_width(single_line(shown), 60);
  }
  return text;
}

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
  line += paint(single_line(field(event, "type")), Colour::bold, context.colour()) + "  " + detail_of(event);
  context.print(cut_to_width(line, context.columns() ? context.columns() + (context.colour() ? 15 : 0) : line.size()) +
                "\n");
}

Result<int> follow(Context& context, ApiClient& api, std::string const& path, Events const& options) {
  auto const endpoint = context.endpoint();
  if (!endpoint) return endpoint.error();
  // From now on, one agent's events are picked from the log of all: only that one tells where "now" is, so
  // that a stream that breaks before the first event loses nothing.
  bool const pick = options.agent && !options.from;
  if (pick)
    if (auto const known = api.get("/v1/agents/" + encoded(*options.agent)); !known) return known.error();
  EventFollower events(*endpoint, pick ? "/v1/events" : path, options.from.value_or("latest"));
  for (;;) {
    auto const event = events.next();
    if (!event) return event.error();
    if (!*event) continue;
    auto const parsed = parse_object((*event)->data);
    if (!parsed || (pick && field(*parsed, "agent") != *options.agent)) continue;
    print_event(context, *parsed, options.agent.has_value());
    std::fflush(stdout);
  }
}

Result<int> events(Context& context, Events const& options) {
  if (options.from)
    if (auto const cursor = message_id(*options.from); !cursor)
      return invalid("--from", "\"" + *options.from + "\" is not a cursor; it is the number of the last event seen");
  auto const api = context.api();
  if (!api) return api.error();
  std::string const path = options.agent ? "/v1/agents/" + encoded(*options.agent) + "/events" : "/v1/events";
  if (options.follow) return follow(context, **api, path, options);
  auto const listed = for_each_row(
      **api, path, "events", 0, [&](json const& event) { print_event(context, event, options.agent.has_value()); },
      options.from.value_or(""));
  if (!listed) return listed.error();
  return exit_done;
}

void add(Program& program) {
  auto const o = std::make_shared<Events>();
  program.verb("Events", "events", "What happened: states, turns, messages, restarts", "events alice -f")
      .argument("AGENT", o->agent, "Only this agent's, with its own numbers", Words::agent)
      .flag("-f,--follow", o->follow, "Go on with what happens from now, or from --from, on")
      .option("--from", o->from, "CURSOR", "After this event's number")
      .runs([o](Context& context) { return events(context, *o); });
}
Family const family(40, add);

}  // namespace
}  // namespace ar::cli
