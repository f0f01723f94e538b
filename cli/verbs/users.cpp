// Who has how many agents.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/paging.hpp"
#include "cli/text.hpp"

#include <vector>

namespace ar::cli {
namespace {

Result<int> users(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  std::vector<json> found;
  auto const listed = for_each_row(**api, "/v1/users", "users", 0, [&](json const& user) { found.push_back(user); });
  if (!listed) return listed.error();
  if (context.json_output()) {
    for (auto const& user : found) context.print_json(user);
    return exit_done;
  }
  Table table({{"USER", false, 32}, {"KIND"}, {"AGENTS", true}, {"RUNNING", true}});
  for (auto const& user : found)
    table.add({{field(user, "name"), Colour::bold},
               field(user, "kind"),
               std::to_string(number(user, "agents")),
               std::to_string(number(user, "running"))});
  context.print(table);
  return exit_done;
}

void add(Program& program) {
  program
      .verb("Agents", "users", "Who has how many agents: you, agents with children, tokens of other machines",
            "users --json")
      .runs(users);
}
Family const family(12, add);

}  // namespace
}  // namespace ar::cli
