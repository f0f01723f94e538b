// Everything about one agent on one page: what it is, how it stands, what waits for it, what it did last.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/event_view.hpp"
#include "cli/exit_status.hpp"
#include "cli/message_view.hpp"
#include "cli/resource_view.hpp"
#include "cli/text.hpp"

#include <cmath>
#include <sstream>

namespace ar::cli {
namespace {

constexpr int kTurns = 3, kMessages = 5, kEvents = 8;

/// What the page is made of; `--json` prints it as it is.
Result<json> page_of(ApiClient& api, std::string const& agent) {
  auto const path = "/v1/agents/" + encoded(agent);
  auto const shown = api.get(path);
  if (!shown) return shown.error();
  json page = {{"agent", *shown}};
  struct Part {
    char const* name;
    std::string target;
  };
  for (auto const& [name, target] :
       {Part{"turns", path + "/turns?limit=" + std::to_string(kTurns)},
        Part{"messages", "/v1/messages?agent=" + encoded(agent) + "&limit=" + std::to_string(kMessages)},
        Part{"events", path + "/events?last=" + std::to_string(kEvents) + "&limit=" + std::to_string(kEvents)}}) {
    auto const answer = api.get(target);
    // A child's messages are its own: inside an agent they are left out.
    bool const others = !answer && answer.error().kind == ErrorKind::forbidden;
    if (!answer && !others) return answer.error();
    if (others) continue;
    page[name] = array(*answer, name);
  }
  return ok(std::move(page));
}

std::string joined(json const& words) {
  std::string text;
  for (auto const& word : words)
    if (word.is_string()) text += (text.empty() ? "" : ", ") + word.get<std::string>();
  return text;
}

std::string since_text(json const& object, char const* name) {
  auto const at = object.contains(name) ? time_of(object[name]) : std::nullopt;
  return at ? age(wall_now() - *at) : std::string();
}

void print_facts(Context const& context, json const& agent) {
  auto const line = [&](std::string const& name, std::string const& value) {
    if (!value.empty())
      context.print(name + std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') + single_line(value) + "\n");
  };
  context.print(paint(single_line(field(agent, "id")), Colour::bold, context.colour()) + "  " +
                single_line(field(agent, "state")) + " for " + since_text(agent, "since") + "\n");
  line("why", context.hints(field(agent, "reason")));
  line("held", context.hints(field(agent, "held")));
  for (auto const& approval : array(agent, "approvals"))
    line("asks", (approval.contains("name") ? field(approval, "name") + ": " : std::string()) +
                     context.hints(field(approval, "summary")) + " (approval " + field(approval, "id") + ")");
  auto const model = field(agent, "reportedModel");
  line("provider", field(agent, "provider") + (model.empty() ? "" : ", " + model) +
                       (field(agent, "effort").empty() ? "" : ", effort " + field(agent, "effort")));
  line("road", field(agent, "road"));
  line("mode", field(agent, "approvalMode"));
  line("profile", field(agent, "profile"));
  line("works in", field(agent, "cwd"));
  if (agent.contains("workspace")) line("branch", field(agent["workspace"], "branch"));
  line("label", field(agent, "label"));
  line("tags", joined(array(agent, "tags")));
  line("can", joined(array(agent, "capabilities")));
  line("parent", field(agent, "parent"));
  if (agent.contains("children"))
    line("may have", field(agent["children"], "maxChildren") + " descendants, " + field(agent["children"], "maxDepth") +
                         " generations deep");
  line("session", field(agent, "providerSession"));
  auto const pid = number(agent, "pid");
  if (pid > 0) line("process", std::to_string(pid) + (memory_text(agent).empty() ? "" : ", " + memory_text(agent)));
  line("resources", resources_text(agent));
  if (agent.contains("contextUse") && agent["contextUse"].is_object())
    if (auto const& use = agent["contextUse"]; use.contains("utilization") && use["utilization"].is_number())
      line("context", std::to_string(std::lround(use["utilization"].get<double>() * 100)) + "% used");
  if (agent.contains("usage"))
    if (auto const& used = agent["usage"]; used.is_object())
      line("used", std::to_string(number(used, "inputTokens")) + " tokens in, " +
                       std::to_string(number(used, "outputTokens")) + " out; of caches " +
                       std::to_string(number(used, "cacheReadTokens")) + " read, " +
                       std::to_string(number(used, "cacheWriteTokens")) + " written");
  for (auto const& work : array(agent, "work"))
    line("busy with", field(work, "kind") + " " + field(work, "id") + ", " + since_text(work, "startedAt"));
  line("restarts", std::to_string(number(agent, "restarts")));
  line("last exit", field(agent, "lastExit"));
  line("waiting", std::to_string(number(agent, "queue")) + " messages");
}

/// What stands on its screen and is answered there.
Result<void> print_dialogs(Context const& context, ApiClient& api, json const& agent) {
  for (auto const& approval : array(agent, "approvals")) {
    if (field(approval, "kind") != "dialog") continue;
    auto const whole = api.get("/v1/approvals/" + field(approval, "id"));
    if (!whole) return whole.error();
    if (!whole->contains("input")) continue;
    context.print("\nits dialog\n");
    std::istringstream in(field((*whole)["input"], "screen"));
    for (std::string line; std::getline(in, line);) context.print("  " + single_line(line) + "\n");
  }
  return {};
}

void print_part(Context const& context, char const* title, Table const& table) {
  if (table.empty()) return;
  context.print(std::string("\n") + title + "\n");
  context.print(table);
}

Result<int> show(Context& context, std::string const& agent) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const page = page_of(**api, agent);
  if (!page) return page.error();
  if (context.json_output()) {
    context.print_json(*page);
    return exit_done;
  }
  print_facts(context, (*page)["agent"]);
  if (auto const told = print_dialogs(context, **api, (*page)["agent"]); !told) return told.error();
  Table turns({{"TURN", true}, {"AGO", true}, {"STATUS"}, {"TOOK", true}, {"ENDED WITH"}});
  for (auto const& turn : array(*page, "turns")) {
    auto const took = turn.contains("durationMs") ? duration(milliseconds(number(turn, "durationMs"))) : "";
    auto const error = field(turn, "error");
    turns.add({field(turn, "number"), since_text(turn, "startedAt"), field(turn, "status"), took,
               error.empty() ? field(turn, "finalText").substr(0, 400) : error});
  }
  print_part(context, "last turns", turns);
  Table messages({{"ID", true}, {"AGO", true}, {"FROM", false, 24}, {"TO", false, 24}, {"STATE"}, {"TEXT"}});
  for (auto const& message : array(*page, "messages"))
    messages.add({field(message, "id"), since_text(message, "createdAt"), field(message, "from"), field(message, "to"),
                  context.hints(summary_of(message)), field(message, "body").substr(0, 400)});
  print_part(context, "last messages", messages);
  Table events({{"EVENT", true}, {"AGO", true}, {"TYPE"}, {"ABOUT"}});
  for (auto const& event : array(*page, "events"))
    events.add({field(event, "agentNumber"), since_text(event, "at"), field(event, "type"), event_detail(event)});
  print_part(context, "last events", events);
  return exit_done;
}

void add(Program& program) {
  auto const name = std::make_shared<std::string>();
  program.verb("Agents", "show", "Everything about one agent: state, why, turns, messages, events", "show alice")
      .argument("AGENT", *name, "The agent", Words::agent)
      .runs([name](Context& context) { return show(context, *name); });
}
Family const family(11, add);

}  // namespace
}  // namespace ar::cli
