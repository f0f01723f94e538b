// Tool hooks: who is asked about agents' tool calls.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/text.hpp"

#include <optional>

namespace ar::cli {
namespace {

struct Add {
  std::string name;  ///< OWNER/NAME
  std::optional<std::string> phase{}, url{}, fail_mode{}, timeout{};
  std::vector<std::string> tools{};
};

std::string name_of(json const& hook) { return field(hook, "owner") + "/" + field(hook, "name"); }

Result<int> add(Context& context, Add const& options) {
  auto const slash = options.name.find('/');
  if (slash == std::string::npos)
    return invalid("OWNER/NAME", "\"" + options.name + "\" is no tool hook's name; write OWNER/NAME, like web/scan");
  json hook = {{"owner", options.name.substr(0, slash)}, {"name", options.name.substr(slash + 1)}};
  set_if(hook, "phase", options.phase);
  set_if(hook, "tools", options.tools);
  set_if(hook, "callbackUrl", options.url);
  set_if(hook, "failMode", options.fail_mode);
  if (options.timeout) {
    auto const timeout = parse_duration(*options.timeout);
    if (!timeout) return timeout.error();
    hook["timeoutMs"] = timeout->count();
  }
  auto const api = context.api();
  if (!api) return api.error();
  auto const added = (*api)->post("/v1/tool-hooks", hook);
  if (!added) return added.error();
  if (context.json_output())
    context.print_json(*added);
  else
    context.print(single_line(name_of(*added) + ": " + field(*added, "id")) + "\n");
  return exit_done;
}

Result<int> list(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/tool-hooks");
  if (!answer) return answer.error();
  Table table({{"NAME"}, {"PHASE"}, {"TOOLS", false, 40}, {"FAIL"}, {"TIMEOUT", true}, {"ID", false, 0, 1}, {"URL"}});
  for (auto const& hook : array(*answer, "hooks")) {
    if (context.json_output()) {
      context.print_json(hook);
      continue;
    }
    std::string tools;
    for (auto const& tool : array(hook, "tools"))
      if (tool.is_string()) tools += (tools.empty() ? "" : " ") + tool.get<std::string>();
    table.add({{name_of(hook), Colour::bold},
               field(hook, "phase"),
               tools.empty() ? "*" : tools,
               field(hook, "failMode"),
               duration_text(milliseconds(number(hook, "timeoutMs"))),
               field(hook, "id"),
               field(hook, "callbackUrl")});
  }
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no tool hooks");
  else
    context.print(table);
  return exit_done;
}

/// Of a name the id that it has now.
Result<std::string> id_of(ApiClient& api, std::string const& word) {
  if (word.find('/') == std::string::npos) return word;
  auto const answer = api.get("/v1/tool-hooks");
  if (!answer) return answer.error();
  for (auto const& hook : array(*answer, "hooks"))
    if (name_of(hook) == word) return field(hook, "id");
  return not_found("no_such_tool_hook", "there is no tool hook " + word + "; agent-runner tool-hook list shows them");
}

Result<int> remove(Context& context, std::string const& word) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const id = id_of(**api, word);
  if (!id) return id.error();
  auto const answer = (*api)->call({.method = "DELETE", .target = "/v1/tool-hooks/" + encoded(*id)});
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(single_line(word) + ": removed\n");
  return exit_done;
}

void add_verbs(Program& program) {
  auto hooks = program.verb("Hooks", "tool-hook", "Who is asked before and after agents' tool calls",
                            "tool-hook add web/guard --phase pre --tool Bash --url http://127.0.0.1:8080/guard");

  auto const given = std::make_shared<Add>();
  hooks
      .command(
          "add", "Register one, or replace the one of its name in its place",
          "tool-hook add web/guard --phase pre --tool WebFetch --url http://127.0.0.1:8080/guard --fail-mode closed")
      .argument("OWNER/NAME", given->name, "Its identity")
      .choice("--phase", given->phase, {"pre", "post"}, "Asked before a call, or about its result")
      .option("--tool", given->tools, "NAME", "Only this tool, or with * at the end all that begin so; may be repeated")
      .option("--url", given->url, "URL", "Where it is asked: http(s), on this machine or a host of tool_hooks.hosts")
      .choice("--fail-mode", given->fail_mode, {"open", "closed"},
              "Where it cannot be asked: open lets the call go on (unless said), closed refuses it")
      .option("--timeout", given->timeout, "TIME", "For its answer, at most 60s (5s unless said)")
      .runs([given](Context& context) { return add(context, *given); });

  hooks.command("list", "All, in the order of registration", "tool-hook list").runs(list);

  auto const gone = std::make_shared<std::string>();
  hooks.command("rm", "Ask it no more", "tool-hook rm web/guard")
      .argument("ID|OWNER/NAME", *gone, "Which")
      .runs([gone](Context& context) { return remove(context, *gone); });
}
Family const family(29, add_verbs);

}  // namespace
}  // namespace ar::cli
