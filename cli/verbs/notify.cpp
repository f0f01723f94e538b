// Who is notified of what needs people, and whether that works.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/text.hpp"

#include <optional>

namespace ar::cli {
namespace {

std::string words_of(json const& rule, char const* name) {
  std::string text;
  for (auto const& word : array(rule, name)) text += (text.empty() ? "" : " ") + word.get<std::string>();
  return text;
}

std::string state_of(json const& rule) {
  auto const error = field(rule, "error");
  if (error.empty()) return number(rule, "waiting") > 0 ? std::to_string(number(rule, "waiting")) + " wait" : "";
  return std::to_string(number(rule, "waiting")) + " wait: " + error;
}

Result<int> list(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/notify");
  if (!answer) return answer.error();
  Table table({{"NAME", false, 32},
               {"TO"},
               {"WHERE", false, 40},
               {"WHAT", false, 40},
               {"OF", false, 24},
               {"QUIET"},
               {"SENT"},
               {"STATE"}});
  for (auto const& rule : array(*answer, "notify")) {
    if (context.json_output()) {
      context.print_json(rule);
      continue;
    }
    auto const what = words_of(rule, "what"), error = field(rule, "error");
    auto const sent = rule.contains("sentAt") ? time_of(rule["sentAt"]) : std::nullopt;
    table.add({{field(rule, "name"), Colour::bold},
               field(rule, "to"),
               field(rule, "url") + field(rule, "command"),
               what.empty() ? "all but done" : what,
               field(rule, "agent") + (field(rule, "tag").empty() ? "" : "tag " + field(rule, "tag")),
               field(rule, "quiet"),
               sent ? age(wall_now() - *sent) + " ago" : "",
               {state_of(rule), error.empty() ? Colour::none : Colour::red}});
  }
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("nobody is notified; [[notify]] in the configuration says who (docs/notifications.md)");
  else
    context.print(table);
  return exit_done;
}

Result<int> test(Context& context, std::optional<std::string> const& named) {
  auto const api = context.api();
  if (!api) return api.error();
  std::vector<std::string> names;
  if (named) {
    names.push_back(*named);
  } else {
    auto const answer = (*api)->get("/v1/notify");
    if (!answer) return answer.error();
    for (auto const& rule : array(*answer, "notify")) names.push_back(field(rule, "name"));
  }
  if (names.empty())
    return not_found("no_such_notify_rule", "nobody is notified; [[notify]] in the configuration says who");
  bool all = true;
  for (auto const& name : names) {
    auto const sent = (*api)->post("/v1/notify/" + encoded(name) + "/test", json::object(), milliseconds(60'000));
    if (!sent) return sent.error();
    bool const good = truth_at(*sent, "sent");
    all = all && good;
    if (context.json_output())
      context.print_json(*sent);
    else
      context.print(single_line(name) + ": " + (good ? "sent" : "not sent: " + single_line(field(*sent, "error"))) +
                    "\n");
  }
  return all ? exit_done : exit_failed;
}

void add(Program& program) {
  auto notify = program.verb("Daemon", "notify", "Who is notified of what needs people, and what waits", "notify");
  notify.runs(list);
  notify.command("list", "The same", "notify list").runs(list);
  auto const name = std::make_shared<std::optional<std::string>>();
  notify.command("test", "Send a notification now, and say what became of it", "notify test phone")
      .argument("NAME", *name, "Of [[notify]] in the configuration; when left out, all of them")
      .runs([name](Context& context) { return test(context, *name); });
}
Family const family(49, add);

}  // namespace
}  // namespace ar::cli
