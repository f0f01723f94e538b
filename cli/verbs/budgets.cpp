// What agents have used, and the budgets of the configuration.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/text.hpp"

#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>

namespace ar::cli {
namespace {

double real(json const& row, char const* name) {
  auto const it = row.find(name);
  return it != row.end() && it->is_number() ? it->get<double>() : 0;
}

std::string amount(double value, std::string const& unit) {
  char text[64];
  if (unit == "usd")
    std::snprintf(text, sizeof text, "%.4f USD", value);
  else
    std::snprintf(text, sizeof text, "%.0f tokens", value);
  return text;
}

// ---- usage ----

struct Usage {
  std::optional<std::string> by, since;
};

Result<int> show_usage(Context& context, Usage const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const by = options.by.value_or("agent");
  auto target = "/v1/usage?by=" + encoded(by);
  if (options.since) target += "&since=" + encoded(*options.since);
  auto const answer = (*api)->get(target);
  if (!answer) return answer.error();
  Table table({{by == "agent" ? "AGENT"
                : by == "day" ? "DAY"
                              : "ACCOUNT",
                false, 32},
               {"TURNS", true},
               {"INPUT", true},
               {"OUTPUT", true},
               {"CACHE READ", true},
               {"CACHE WRITTEN", true},
               {"USD", true}});
  for (auto const& row : array(*answer, "usage")) {
    if (context.json_output()) {
      context.print_json(row);
      continue;
    }
    auto const name = field(row, by.c_str());
    auto const count = [&](char const* of) { return std::to_string(number(row, of)); };
    bool const is_priced = row.contains("costUsd") && row["costUsd"].is_number();
    char cost[32];
    std::snprintf(cost, sizeof cost, "%.4f", real(row, "costUsd"));
    table.add({{name.empty() ? (by == "agent" ? "(gone)" : "(none)") : name, Colour::bold},
               count("turns"),
               count("inputTokens"),
               count("outputTokens"),
               count("cacheReadTokens"),
               count("cacheWriteTokens"),
               is_priced ? cost : "-"});
  }
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("nothing was used yet");
  else
    context.print(table);
  return exit_done;
}

// ---- budgets ----

std::string names(json const& agents) {
  std::string list;
  for (auto const& agent : agents)
    if (agent.is_string()) list += (list.empty() ? "" : ", ") + single_line(agent.get<std::string>());
  return list;
}

std::string whom(json const& budget) {
  for (auto const* kind : {"agent", "tag", "account"})
    if (auto const name = field(budget, kind); !name.empty()) return kind + (":" + name);
  return "all";
}

std::string note_of(json const& budget) {
  std::string text;
  if (auto const held = names(array(budget, "held")); !held.empty()) text = "held: " + held;
  if (auto const unseen = names(array(budget, "unseen")); !unseen.empty())
    text += (text.empty() ? "" : "; ") + ("does not see the cost of " + unseen);
  return text;
}

void add_row(Table& table, json const& budget) {
  auto const state = field(budget, "state"), unit = field(budget, "unit");
  auto const until = budget.contains("until") ? time_of(budget["until"]) : std::nullopt;
  table.add({{field(budget, "name"), Colour::bold},
             whom(budget),
             {state, state == "open" ? Colour::green : Colour::yellow},
             amount(real(budget, "used"), unit),
             amount(real(budget, "limit"), unit),
             until ? "in " + age(std::max<milliseconds>(*until - wall_now(), {})) : "",
             note_of(budget)});
}

Table empty_table() {
  return Table(
      {{"BUDGET", false, 32}, {"OF", false, 32}, {"STATE"}, {"USED", true}, {"LIMIT", true}, {"ENDS"}, {"NOTE"}});
}

Result<int> list(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/budgets");
  if (!answer) return answer.error();
  auto table = empty_table();
  for (auto const& budget : array(*answer, "budgets")) {
    if (context.json_output())
      context.print_json(budget);
    else
      add_row(table, budget);
  }
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("there are no budgets; [[budgets]] in the configuration makes them");
  else
    context.print(table);
  return exit_done;
}

struct Raise {
  std::string name;
  std::optional<std::string> usd, tokens;
};

template <class Number>
std::optional<Number> number_of(std::string const& text) {
  Number value{};
  auto const* const end = text.data() + text.size();
  auto const [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value > 0)) return std::nullopt;
  return value;
}

Result<int> raise(Context& context, Raise const& options) {
  json body = json::object();
  if (options.usd && options.tokens) return invalid("--usd", "--usd and --tokens are two units; give the budget's");
  if (options.usd) {
    auto const usd = number_of<double>(*options.usd);
    if (!usd) return invalid("--usd", "--usd is an amount above 0, like 2.50");
    body["usd"] = *usd;
  }
  if (options.tokens) {
    auto const tokens = number_of<std::int64_t>(*options.tokens);
    if (!tokens) return invalid("--tokens", "--tokens is a whole number above 0");
    body["tokens"] = *tokens;
  }
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->post("/v1/budgets/" + encoded(options.name) + "/raise", body);
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
  auto const used = std::make_shared<Usage>();
  program.verb("Agents", "usage", "What agents have used: tokens and cost", "usage --by day")
      .choice("--by", used->by, {"agent", "day", "account"}, "Whose sums; agent if nothing is said")
      .option("--since", used->since, "DAY", "From this day on, like 2026-01-31")
      .runs([used](Context& context) { return show_usage(context, *used); });

  auto budgets = program.verb("Agents", "budgets", "How much agents may use, and have used", "budgets --json");
  budgets.runs(list);
  auto const raised = std::make_shared<Raise>();
  budgets.command("raise", "Let agents use more, in this day or in all", "budgets raise night --usd 2")
      .argument("BUDGET", raised->name, "As `budgets` shows them")
      .option("--usd", raised->usd, "AMOUNT", "By so much; else by the budget's amount once more")
      .option("--tokens", raised->tokens, "COUNT", "The same of one in tokens")
      .runs([raised](Context& context) { return raise(context, *raised); });
}
Family const family(14, add);

}  // namespace
}  // namespace ar::cli
