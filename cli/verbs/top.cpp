// What the agents use now: processor time between two looks, memory and tasks, beside their limits.
#include "base/duration.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/paging.hpp"
#include "cli/resource_view.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace ar::cli {
namespace {

struct Top {
  std::optional<std::string> count{}, interval{};
};

/// An agent, and what share of one processor it has used since the look before.
struct Row {
  json agent;
  std::optional<double> cpu{};
};

class Looks {
 public:
  explicit Looks(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}

  /// Those that have a process, the busiest first.
  Result<std::vector<Row>> next() {
    ApiClient api(endpoint_);  // a fresh one each time: the daemon may have been replaced meanwhile
    std::vector<Row> rows;
    auto const now = Clock::now();
    auto const spent = std::chrono::duration<double>(now - looked_).count();
    std::map<std::string, double> seconds;
    auto const listed = for_each_row(api, "/v1/agents", "agents", 0, [&](json const& agent) {
      if (number(agent, "pid") <= 0) return;
      Row row{agent};
      auto const& resources = object_at(agent, "resources");
      if (resources.contains("cpuSeconds") && resources["cpuSeconds"].is_number()) {
        // By process: the next one counts from 0.
        auto const key = field(agent, "id") + " " + field(agent, "pid");
        auto const used = seconds[key] = resources["cpuSeconds"].get<double>();
        if (auto const before = seconds_.find(key); before != seconds_.end())
          row.cpu = std::max(0.0, (used - before->second) / spent * 100);
      }
      rows.push_back(std::move(row));
    });
    if (!listed) return listed.error();
    seconds_ = std::move(seconds);
    looked_ = now;
    std::ranges::sort(rows, {},
                      [](Row const& row) { return std::pair(-row.cpu.value_or(-1), field(row.agent, "id")); });
    return rows;
  }

 private:
  Endpoint const endpoint_;
  std::map<std::string, double> seconds_{};
  Clock::time_point looked_{};
};

json to_json(Row const& row) {
  return {{"id", row.agent.value("id", json())},
          {"state", row.agent.value("state", json())},
          {"pid", row.agent.value("pid", json())},
          {"cpuPercent", row.cpu ? json(std::round(*row.cpu * 10) / 10) : json(nullptr)},
          {"resources", row.agent.value("resources", json())}};
}

Table table_of(std::vector<Row> const& rows) {
  Table table({{"AGENT", false, 32},
               {"STATE"},
               {"CPU", true},
               {"LIMIT", true},
               {"MEMORY", true},
               {"TASKS", true},
               {.header = "BY", .rank = 2},
               {.header = "NOT HELD", .rank = 3}});
  for (auto const& [agent, cpu] : rows) {
    auto const& resources = object_at(agent, "resources");
    auto const quota = number(object_at(resources, "limits"), "cpuQuota");
    char share[32] = "";
    if (cpu) std::snprintf(share, sizeof share, "%.1f%%", *cpu);
    std::string open;
    for (auto const& name : array(resources, "notHeld"))
      if (name.is_string()) open += (open.empty() ? "" : " ") + name.get<std::string>();
    table.add({{field(agent, "id"), Colour::bold},
               field(agent, "state"),
               share,
               quota > 0 ? std::to_string(quota) + "%" : "",
               memory_text(agent),
               tasks_text(agent),
               field(resources, "by"),
               open});
  }
  return table;
}

Result<int> show(Context& context, Top const& options) {
  milliseconds interval{2000};
  if (options.interval) {
    auto const asked = parse_duration(*options.interval);
    if (!asked) return invalid("--interval", asked.error().message);
    if (*asked < milliseconds(100) || *asked > std::chrono::hours(1))
      return invalid("--interval", "--interval must be from 100ms to 1h");
    interval = *asked;
  }
  std::int64_t times = context.terminal() ? 0 : 1;  // 0: until it is interrupted
  if (options.count) {
    auto const asked = number_input("-n", *options.count);
    if (!asked) return asked.error();
    if (*asked < 1) return invalid("-n", "-n must be at least 1");
    times = *asked;
  }
  auto const api = context.api();
  if (!api) return api.error();
  auto const endpoint = context.endpoint();
  if (!endpoint) return endpoint.error();
  Looks looks(*endpoint);
  // Two looks make the first share.
  if (auto const first = looks.next(); !first) return first.error();
  for (std::int64_t shown = 0; times == 0 || shown < times; ++shown) {
    std::this_thread::sleep_for(interval);
    auto const rows = looks.next();
    if (!rows && (times > 0 || rows.error().kind != ErrorKind::unavailable)) return rows.error();
    if (!rows) continue;
    if (context.json_output()) {
      for (auto const& row : *rows) context.print_json(to_json(row));
    } else {
      if (context.terminal() && times != 1) context.print("\033[H\033[J");
      if (rows->empty())
        context.note("no agent has a process");
      else
        context.print(table_of(*rows));
    }
    std::fflush(stdout);
  }
  return exit_done;
}

void add(Program& program) {
  auto const o = std::make_shared<Top>();
  program.verb("Agents", "top", "What agents use now: processor, memory, tasks, beside their limits", "top -n 1 --json")
      .option("-n,--count", o->count, "N",
              "Show it so many times, then end (default: for ever; not on a terminal: once)")
      .option("-d,--interval", o->interval, "2s", "Time between two looks (default 2s)")
      .runs([o](Context& context) { return show(context, *o); });
}
Family const family(11, add);

}  // namespace
}  // namespace ar::cli
