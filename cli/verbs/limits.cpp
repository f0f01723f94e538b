// The accounts of the agents: what a usage limit or a login holds, and what a person says about it.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/text.hpp"

#include <memory>
#include <optional>

namespace ar::cli {
namespace {

struct Account {
  std::string name;
  std::optional<std::string> reason{};
};

std::string time_left(json const& hold, char const* name) {
  auto const at = hold.contains(name) ? time_of(hold[name]) : std::nullopt;
  if (!at) return "";
  auto const left = *at - wall_now();
  return left > milliseconds(0) ? "in " + age(left) : "now";
}

std::string names(json const& agents) {
  std::string list;
  for (auto const& agent : agents)
    if (agent.is_string()) list += (list.empty() ? "" : ", ") + single_line(agent.get<std::string>());
  return list;
}

std::string why(json const& account) {
  auto const& probe = object_at(account, "probe");
  if (probe.contains("host")) return "an agent on " + single_line(field(probe, "host")) + " tries a message";
  if (!probe.empty())
    return "agent " + field(probe, "agent") + " tries message " + std::to_string(number(probe, "message"));
  auto text = single_line(field(object_at(account, "hold"), "error"));
  if (auto const host = field(account, "host"); !host.empty())
    text += (text.empty() ? "" : "; ") + ("found on " + single_line(host));
  if (auto const login = field(account, "login"); !login.empty())
    text += (text.empty() ? "" : "; ") + single_line(login);
  return text;
}

void add_row(Table& table, json const& account) {
  auto const& hold = object_at(account, "hold");
  bool const held = !hold.empty();
  table.add({{field(account, "account"), Colour::bold},
             {held ? field(hold, "kind") : "open", held ? Colour::yellow : Colour::green},
             time_left(hold, "resetsAt"),
             time_left(hold, "until"),
             names(array(account, "agents")),
             why(account)});
}

Table empty_table() {
  return Table({{"ACCOUNT", false, 32}, {"HELD"}, {"RESETS"}, {"TRIED"}, {"AGENTS", false, 40}, {"WHY"}});
}

Result<int> list(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/limits");
  if (!answer) return answer.error();
  auto table = empty_table();
  for (auto const& account : array(*answer, "limits")) {
    if (context.json_output())
      context.print_json(account);
    else
      add_row(table, account);
  }
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no agent uses a login");
  else
    context.print(table);
  return exit_done;
}

Result<int> change(Context& context, Account const& account, std::string const& how) {
  json body = json::object();
  if (account.reason) body["reason"] = *account.reason;
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->post("/v1/limits/" + encoded(account.name) + "/" + how, body);
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  auto table = empty_table();
  add_row(table, *answer);
  context.print(table);
  return exit_done;
}

void add(Program& program) {
  auto limits = program.verb("Agents", "limits", "The agents' logins, and what a usage limit holds", "limits --json");
  limits.runs(list);

  auto const released = std::make_shared<Account>();
  limits
      .command("release", "End the wait: one message goes now and shows whether the others may follow",
               "limits release claude-3f9a1c2b7d")
      .argument("ACCOUNT", released->name, "As `limits` shows them", Words::account)
      .runs([released](Context& context) { return change(context, *released, "release"); });

  auto const held = std::make_shared<Account>();
  limits.command("hold", "Give its agents nothing until it is released", "limits hold claude-3f9a1c2b7d")
      .argument("ACCOUNT", held->name, "As `limits` shows them", Words::account)
      .option("--reason", held->reason, "TEXT", "What for; ps and held messages show it")
      .runs([held](Context& context) { return change(context, *held, "hold"); });

  auto const forgotten = std::make_shared<Account>();
  limits
      .command("forget", "Drop what holds it: its agents go on, one after the other", "limits forget claude-3f9a1c2b7d")
      .argument("ACCOUNT", forgotten->name, "As `limits` shows them", Words::account)
      .runs([forgotten](Context& context) { return change(context, *forgotten, "forget"); });
}
Family const family(13, add);

}  // namespace
}  // namespace ar::cli
