#include "cli/schedule_options.hpp"

#include "base/ids.hpp"
#include "base/words.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/text.hpp"

namespace ar::cli {

void add_schedule_options(Command& verb, ScheduleOptions& into) {
  verb.option("--at", into.at, "TIME", "Not now, but then: 18:00, \"2026-12-24 18:00\" or 2026-12-24T17:00:00Z")
      .option("--in", into.in, "2h", "Not now, but so long from now")
      .option("--every", into.every, "1d", "Again and again, from --at or --in on or else for the first time then")
      .option("--cron", into.cron, "EXPRESSION", "Again and again, as cron says it: \"0 9 * * mon-fri\"")
      .option("--tz", into.zone, "ZONE", "The time zone of --at and --cron: Europe/Berlin (default: the daemon's)")
      .choice("--missed", into.missed, {"once", "skip"},
              "Of due times that are missed one is done late, or none (default: once)")
      .option("--schedule-name", into.schedule_name, "TEXT", "What people see of the schedule");
}

Result<bool> is_scheduled(ScheduleOptions const& options) {
  if (options.at || options.in || options.every || options.cron) return true;
  for (auto const& [name, value] : {std::pair{"--tz", &options.zone}, std::pair{"--missed", &options.missed},
                                    std::pair{"--schedule-name", &options.schedule_name}})
    if (*value) return invalid(name, std::string(name) + " is for a schedule; say when: --at, --in, --every or --cron");
  return false;
}

Result<int> add_schedule(Context& context, ScheduleOptions const& options, char const* does, json what) {
  json body = {{does, std::move(what)}};
  set_if(body, "at", options.at);
  set_if(body, "in", options.in);
  set_if(body, "every", options.every);
  set_if(body, "cron", options.cron);
  set_if(body, "timeZone", options.zone);
  set_if(body, "missed", options.missed);
  set_if(body, "name", options.schedule_name);
  auto const api = context.api();
  if (!api) return api.error();
  Call call{.method = "POST", .target = "/v1/schedules", .body = to_text(body)};
  call.headers.emplace_back("Idempotency-Key", new_uuid());
  auto const answer = (*api)->call_once(call);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print("schedule " + single_line(field(*answer, "id")) + ": due " + due_text(*answer) + "\n");
  return exit_done;
}

std::string due_text(json const& schedule) {
  if (!field(schedule, "underWay").empty()) return "now, and under way";
  auto const next = schedule.contains("nextAt") ? time_of(schedule["nextAt"]) : std::nullopt;
  if (!next) return single_line(field(schedule, "state"));
  auto const wait = *next - wall_now();
  return (wait <= milliseconds(0) ? "now" : "in " + age(wait)) + " (" + to_iso8601(*next) + ")";
}

}  // namespace ar::cli
