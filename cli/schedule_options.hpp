// What makes a send or a spawn a scheduled one: when it is to be done.
#pragma once
#include "cli/command.hpp"
#include "cli/context.hpp"

#include <optional>
#include <string>

namespace ar::cli {

struct ScheduleOptions {
  std::optional<std::string> at, in, every, cron, zone, missed, schedule_name;
};

void add_schedule_options(Command& verb, ScheduleOptions& into);
/// False: it is to be done now. Error: there are options of a schedule, but none that says when.
Result<bool> is_scheduled(ScheduleOptions const& options);
/// Makes the schedule of what is to be done (`message` or `agent`), and prints it.
Result<int> add_schedule(Context& context, ScheduleOptions const& options, char const* does, json what);

/// "in 2h (2026-12-24T17:00:00.000Z)"; the state where it is not due.
std::string due_text(json const& schedule);

}  // namespace ar::cli
