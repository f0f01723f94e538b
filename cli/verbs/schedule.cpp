// Schedules: what is sent or spawned at its time. `send` and `spawn` make them.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/paging.hpp"
#include "cli/schedule_options.hpp"
#include "cli/text.hpp"

namespace ar::cli {
namespace {

std::string path_of(std::string const& schedule) { return "/v1/schedules/" + encoded(schedule); }

/// "every 2h", "0 9 * * mon-fri Europe/Berlin", "once".
std::string when(json const& schedule) {
  if (auto const cron = field(schedule, "cron"); !cron.empty()) return cron + " " + field(schedule, "timeZone");
  auto const every = field(schedule, "every");
  return every.empty() ? "once" : "every " + every;
}

/// "message to alice: Please review", "spawn bob".
std::string work(json const& schedule) {
  bool const message = field(schedule, "does") == "message";
  auto const to = field(schedule, "to"), text = field(schedule, "text");
  return (message ? "to " + to : to.empty() ? std::string("spawn") : "spawn " + to) + (text.empty() ? "" : ": " + text);
}

std::string outcome(json const& schedule) {
  auto const last = schedule.find("last");
  if (last == schedule.end() || !last->is_object()) return "";
  auto const late = last->value("late", false) && field(*last, "outcome") == "done" ? ", late" : "";
  return field(*last, "outcome") + late;
}

Colour colour_of(std::string const& state) {
  return state == "active" ? Colour::green : state == "paused" ? Colour::yellow : Colour::none;
}

Result<int> list(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  Table table({{"ID"}, {"STATE"}, {"DUE"}, {"WHEN"}, {"LAST"}, {"NAME"}, {"WHAT"}});
  auto const listed = for_each_row(**api, "/v1/schedules", "schedules", 0, [&](json const& schedule) {
    if (context.json_output()) {
      context.print_json(schedule);
      return;
    }
    auto const state = field(schedule, "state");
    table.add({field(schedule, "id"),
               {state, colour_of(state)},
               due_text(schedule),
               when(schedule),
               outcome(schedule),
               field(schedule, "name"),
               work(schedule)});
  });
  if (!listed) return listed.error();
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no schedules; make one: agent-runner send alice \"Good morning\" --cron \"0 9 * * mon-fri\"");
  else
    context.print(table);
  return exit_done;
}

void print(Context const& context, json const& schedule) {
  auto const line = [&](char const* name, std::string const& value) {
    if (!value.empty()) context.print(std::string(name) + ": " + single_line(value) + "\n");
  };
  line("id", field(schedule, "id"));
  line("name", field(schedule, "name"));
  line("does", work(schedule));
  line("when", when(schedule));
  line("state", field(schedule, "state"));
  if (field(schedule, "state") == "active") line("due", due_text(schedule));
  line("missed ones", field(schedule, "missed") == "skip" ? "are skipped" : "are made up for, once");
  line("owner", field(schedule, "owner"));
  line("done", field(schedule, "done"));
  auto const last = schedule.find("last");
  if (last == schedule.end() || !last->is_object()) return;
  line("last", outcome(schedule) + ", due " + field(*last, "dueAt"));
  line("  message", field(*last, "message"));
  line("  agent", field(*last, "agent"));
  line("  reason", field(*last, "reason"));
}

/// What the daemon answers with is a schedule.
Result<int> ask(Context& context, Call call) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->call(call);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    print(context, *answer);
  return exit_done;
}

Result<int> run_now(Context& context, std::string const& schedule) {
  // A spawn may take as long as it takes anybody.
  return ask(context,
             {.method = "POST", .target = path_of(schedule) + "/run", .body = "{}", .patience = milliseconds(120'000)});
}

Result<int> remove(Context& context, std::string const& schedule) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->call({.method = "DELETE", .target = path_of(schedule)});
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(single_line(field(*answer, "removed")) + ": removed\n");
  return exit_done;
}

void add(Program& program) {
  auto schedule = program.verb("Messages", "schedule", "What is sent or spawned at its time; send and spawn make them",
                               "schedule list");
  schedule.command("list", "The schedules, and when they are due", "schedule list").runs(list);
  auto const named = [&](char const* name, char const* help, Result<int> (*act)(Context&, std::string const&)) {
    auto const which = std::make_shared<std::string>();
    schedule.command(name, help, std::string("schedule ") + name + " sch_1a2b3c4d5e6f7081")
        .argument("SCHEDULE", *which, "Its id", Words::schedule)
        .runs([which, act](Context& context) { return act(context, *which); });
  };
  named("show", "One schedule, and what became of its last due time",
        [](Context& context, std::string const& id) { return ask(context, {.method = "GET", .target = path_of(id)}); });
  named("pause", "Let its times pass until it is resumed", [](Context& context, std::string const& id) {
    return ask(context, {.method = "PATCH", .target = path_of(id), .body = R"({"paused":true})"});
  });
  named("resume", "Go on with a paused one", [](Context& context, std::string const& id) {
    return ask(context, {.method = "PATCH", .target = path_of(id), .body = R"({"paused":false})"});
  });
  named("run", "Carry it out now, besides its times", run_now);
  named("rm", "Remove a schedule", remove);
}
Family const family(22, add);

}  // namespace
}  // namespace ar::cli
