#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/event_follower.hpp"
#include "cli/exit_status.hpp"
#include "cli/outbox_view.hpp"
#include "cli/paging.hpp"
#include "cli/resource_view.hpp"
#include "cli/runtime_view.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace ar::cli {
namespace {

struct Ps {
  bool all = false, watch = false;
  std::optional<std::string> user;
};

constexpr milliseconds kTick{1000};

Colour colour_of(std::string const& state) {
  if (state == "idle") return Colour::green;
  if (state == "busy") return Colour::blue;
  if (state == "waiting") return Colour::magenta;
  if (state == "failed") return Colour::red;
  if (state == "stopped" || state == "suspended") return Colour::dim;
  return Colour::yellow;
}

/// "the model's service is overloaded; attempt 3 of 10"
std::string retrying_text(json const& retrying) {
  auto const kind = field(retrying, "kind");
  auto const most = number(retrying, "most");
  return (kind == "overloaded"     ? "the model's service is overloaded"
          : kind == "network"      ? "the model's service cannot be reached"
          : kind == "server_error" ? "the model's service fails"
                                   : "the model is asked again: " + field(retrying, "error")) +
         "; attempt " + std::to_string(number(retrying, "attempt")) + (most > 0 ? " of " + std::to_string(most) : "");
}

/// What its turn is at, where that is worth a word.
std::string turn_text(json const& agent) {
  if (auto const& stalled = object_at(agent, "stalled"); !stalled.empty()) {
    auto const since = stalled.contains("since") ? time_of(stalled["since"]) : std::nullopt;
    return "stalled: no sign of life" + (since ? " for " + age(wall_now() - *since) : std::string());
  }
  auto const& retrying = object_at(agent, "retrying");
  return retrying.empty() ? std::string() : retrying_text(retrying);
}

/// What it is busy with, or what keeps its messages back.
std::string why(json const& agent) {
  auto const of_turn = turn_text(agent);
  auto const reason = of_turn.empty() ? field(agent, "reason") : of_turn;
  auto const held = field(agent, "held");
  std::string asked;
  for (auto const& approval : array(agent, "approvals"))
    asked += (asked.empty() ? "asks: " : ", ") +
             (approval.contains("name") ? field(approval, "name") + ": " : std::string()) + field(approval, "summary") +
             " (approval " + field(approval, "id") + ")";
  std::string text;
  for (auto const& part : {asked.empty() ? reason : asked, held.empty() ? held : "held: " + held})
    if (!part.empty()) text += (text.empty() ? "" : "; ") + part;
  return text;
}

/// {runtime, outbox, nextSchedule}; an older daemon's are empty, and so is an agent's, who cannot ask.
Result<json> daemon_of(Context const& context, ApiClient& api) {
  if (context.inside_agent()) return ok(json::object());
  auto const info = api.get("/v1/info");
  if (!info) return info.error();
  return ok({{"runtime", object_at(*info, "runtime")},
             {"outbox", object_at(*info, "outbox")},
             {"nextSchedule", info->value("nextSchedule", json())}});
}

Result<std::vector<json>> agents_of(ApiClient& api, Ps const& options) {
  std::vector<json> agents;
  auto const target = "/v1/agents" + (options.user ? "?user=" + encoded(*options.user) : std::string());
  auto const listed = for_each_row(api, target, "agents", 0, [&](json const& agent) {
    if (options.all || field(agent, "state") != "stopped") agents.push_back(agent);
  });
  if (!listed) return listed.error();
  return agents;
}

/// Children below their parents, and how deep each stands. One whose parent is not in the list stands as if it had
/// none.
std::vector<std::pair<json const*, std::size_t>> as_tree(std::vector<json> const& agents) {
  std::map<std::string, std::vector<json const*>> children;
  std::set<std::string> names;
  for (auto const& agent : agents) names.insert(field(agent, "id"));
  for (auto const& agent : agents) {
    auto const parent = field(agent, "parent");
    children[names.contains(parent) ? parent : ""].push_back(&agent);
  }
  std::vector<std::pair<json const*, std::size_t>> tree;
  std::function<void(std::string const&, std::size_t)> add = [&](std::string const& parent, std::size_t depth) {
    for (auto const* agent : std::exchange(children[parent], {})) {
      tree.emplace_back(agent, depth);
      add(field(*agent, "id"), depth + 1);
    }
  };
  add("", 0);
  for (auto const& agent : agents) add(field(agent, "parent"), 0);  // a circle, which an early version let people make
  return tree;
}

Table table_of(Context const& context, std::vector<json> const& agents) {
  Table table({{"AGENT", false, 32},
               {"STATE"},
               {"SINCE", true},
               {.header = "PROVIDER", .rank = 3},
               {.header = "SESSION", .rank = 6},
               {"QUEUE", true},
               {.header = "CONTEXT", .right = true, .rank = 2},
               {.header = "MEMORY", .right = true, .rank = 4},
               {.header = "BY", .rank = 7},
               {.header = "RESTARTS", .right = true, .rank = 5},
               {"WHY"}});
  auto const now = wall_now();
  for (auto const& [row, depth] : as_tree(agents)) {
    auto const& agent = *row;
    auto const road = field(agent, "road");
    auto const state = field(agent, "state");
    auto const since = agent.contains("since") ? time_of(agent["since"]) : std::nullopt;
    std::string context_use;
    if (agent.contains("contextUse") && agent["contextUse"].is_object())
      if (auto const& use = agent["contextUse"]; use.contains("utilization") && use["utilization"].is_number())
        context_use = std::to_string(std::lround(use["utilization"].get<double>() * 100)) + "%";
    table.add({{field(agent, "id"), Colour::bold, 2 * depth},
               {state, colour_of(state)},
               since ? age(now - *since) : "",
               field(agent, "provider") + (road.empty() ? "" : " (" + road + ")"),
               field(agent, "providerSession").substr(0, 8),
               std::to_string(number(agent, "queue")),
               context_use,
               memory_text(agent),
               field(object_at(agent, "resources"), "by"),
               std::to_string(number(agent, "restarts")),
               context.hints(why(agent))});
  }
  return table;
}

void show(Context const& context, json const& daemon, std::vector<json> const& agents, bool all) {
  auto const& runtime = object_at(daemon, "runtime");
  if (is_paused(runtime))
    context.print(paint("the runtime is " + runtime_text(runtime) + ": nothing new is handed to any agent; " +
                            context.hints(kToResume),
                        Colour::yellow, context.colour()) +
                  "\n");
  if (auto const problem = outbox_problem(object_at(daemon, "outbox")); !problem.empty())
    context.print(paint(problem + "; " + context.hints(kToLookAtWebhooks), Colour::yellow, context.colour()) + "\n");
  if (auto const next = time_of(daemon.value("nextSchedule", json())))
    context.print("the next schedule is due in " + age(std::max(*next - wall_now(), milliseconds(0))) + "; " +
                  context.hints("agent-runner schedule list") + "\n");
  if (agents.empty()) {
    context.note(all ? "no agents; start one: agent-runner spawn"
                     : "no agents run; agent-runner ps -a shows stopped ones too");
    return;
  }
  context.print(table_of(context, agents));
}

Result<int> watch(Context& context, ApiClient& api, Ps const& options) {
  if (context.inside_agent())
    return Error{ErrorKind::forbidden, "inside_agent",
                 "an agent cannot follow all events; use `agent-runner ps`, or " +
                     std::string("`agent-runner events CHILD -f`")};
  auto const endpoint = context.endpoint();
  if (!endpoint) return endpoint.error();
  // From the last event before the list is read: what changes in between is seen again rather than missed.
  auto const info = api.get("/v1/info");
  if (!info) return info.error();
  EventFollower events(*endpoint, "/v1/events", std::to_string(number(*info, "lastEvent")));
  std::map<std::string, json> shown;
  auto shown_runtime = json::object();
  for (;;) {
    // A fresh client each time: the daemon may have been replaced while the events were followed.
    ApiClient now(*endpoint);
    auto const daemon = daemon_of(context, now);
    if (!daemon && daemon.error().kind != ErrorKind::unavailable) return daemon.error();
    auto const agents = agents_of(now, options);
    if (!agents && agents.error().kind != ErrorKind::unavailable) return agents.error();
    if (daemon && agents && context.json_output()) {
      auto const& runtime = object_at(*daemon, "runtime");
      auto const before = std::exchange(shown_runtime, runtime);
      if (before != runtime && (is_paused(before) || is_paused(runtime)))
        context.print_json(json{{"runtime", runtime}});
      for (auto const& agent : *agents)
        if (auto& last = shown[field(agent, "id")]; last != agent) context.print_json(last = agent);
    } else if (daemon && agents) {
      if (context.terminal()) context.print("\033[H\033[J");
      show(context, *daemon, *agents, options.all);
    }
    std::fflush(stdout);
    // What people look at ticks: how long a state lasts is half of what it says.
    bool const ticks = context.terminal() && !context.json_output();
    auto event = events.next(ticks ? std::optional(kTick) : std::nullopt);
    if (!event) return event.error();
    // One redraw for a burst of events.
    while (*event) {
      event = events.next(milliseconds(100));
      if (!event) return event.error();
    }
  }
}

Result<int> list(Context& context, Ps const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  if (options.watch) return watch(context, **api, options);
  auto const daemon = daemon_of(context, **api);
  if (!daemon) return daemon.error();
  auto const agents = agents_of(**api, options);
  if (!agents) return agents.error();
  if (context.json_output()) {
    if (auto const& runtime = object_at(*daemon, "runtime"); is_paused(runtime))
      context.print_json(json{{"runtime", runtime}});
    for (auto const& agent : *agents) context.print_json(agent);
  } else {
    show(context, *daemon, *agents, options.all);
  }
  return exit_done;
}

void add(Program& program) {
  auto const o = std::make_shared<Ps>();
  program.verb("Agents", "ps", "List agents: state, since when and why, queue, context use, memory", "ps -a")
      .flag("-a,--all", o->all, "Stopped ones too")
      .flag("-w,--watch", o->watch, "Go on, and show every change")
      .option("--user", o->user, "USER", "Only those that they have spawned: operator, or an agent", Words::agent)
      .runs([o](Context& context) { return list(context, *o); });
}
Family const family(11, add);

}  // namespace
}  // namespace ar::cli
