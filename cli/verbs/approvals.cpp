// People in the loop: what agents ask, the answers, and the rules that give some of them.
#include "base/duration.hpp"
#include "base/unicode.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/event_follower.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/paging.hpp"
#include "cli/text.hpp"

#include <cstdio>
#include <map>

namespace ar::cli {
namespace {

struct Approvals {
  std::optional<std::string> agent;
  bool all = false, watch = false;
};

/// "Which color? [Blue | Red]" for each question; else the summary.
std::string what_of(json const& approval) {
  std::string text;
  for (auto const& question : array(approval, "questions")) {
    std::string options;
    for (auto const& option : array(question, "options"))
      options += (options.empty() ? " [" : " | ") + field(option, "label");
    text += (text.empty() ? "" : "; ") + field(question, "text") + options + (options.empty() ? "" : "]");
  }
  return text.empty() ? field(approval, "summary") : text;
}

/// With the line that it stands in.
std::string agent_of(json const& approval) {
  auto const agent = field(approval, "agent"), root = field(approval, "rootSessionId");
  return agent + (root.empty() || root == agent ? "" : " of " + root);
}

std::string outcome_of(json const& approval) {
  auto const status = field(approval, "status");
  auto const where = field(approval, "where");
  auto const reason = field(approval, "reason");
  return status + (where.empty() ? "" : " (" + where + ")") + (reason.empty() ? "" : ": " + reason);
}

Result<std::vector<json>> approvals_of(ApiClient& api, Approvals const& options) {
  std::string target = "/v1/approvals";
  char separator = '?';
  if (!options.all) target += std::exchange(separator, '&') + std::string("status=pending");
  if (options.agent) target += separator + ("agent=" + encoded(*options.agent));
  std::vector<json> found;
  auto const listed =
      for_each_row(api, target, "approvals", 0, [&](json const& approval) { found.push_back(approval); });
  if (!listed) return listed.error();
  return found;
}

void show(Context const& context, std::vector<json> const& approvals, bool all) {
  if (approvals.empty()) return context.note(all ? "nothing was asked yet" : "nobody is asked anything");
  std::vector<Column> columns{{"ID", true}, {"AGE", true}, {"AGENT", false, 32}, {"KIND"}, {"TIME LEFT", true}};
  if (all) columns.push_back({"OUTCOME", false, 48});
  columns.push_back({"WHAT"});
  Table table(std::move(columns));
  auto const now = wall_now();
  for (auto const& approval : approvals) {
    auto const created = approval.contains("createdAt") ? time_of(approval["createdAt"]) : std::nullopt;
    auto const deadline = approval.contains("deadline") ? time_of(approval["deadline"]) : std::nullopt;
    bool const pending = field(approval, "status") == "pending";
    std::vector<Cell> row{{field(approval, "id"), Colour::bold},
                          created ? age(now - *created) : "",
                          agent_of(approval),
                          field(approval, "kind"),
                          deadline && pending ? age(std::max<milliseconds>(*deadline - now, {})) : ""};
    if (all) row.push_back({outcome_of(approval), pending ? Colour::magenta : Colour::none});
    row.emplace_back(context.hints(what_of(approval)));
    table.add(std::move(row));
  }
  context.print(table);
}

/// What is new, and what has become of those that are no longer pending.
void print_changes(Context const& context, ApiClient& api, std::vector<json> const& found,
                   std::map<std::int64_t, json>& shown) {
  auto gone = shown;
  for (auto it = found.rbegin(); it != found.rend(); ++it) {
    auto const id = number(*it, "id");
    gone.erase(id);
    if (auto& last = shown[id]; last != *it) context.print_json(last = *it);
  }
  for (auto const& [id, last] : gone) {
    shown.erase(id);
    if (auto const ended = api.get("/v1/approvals/" + std::to_string(id))) context.print_json(*ended);
  }
}

Result<int> watch(Context& context, ApiClient& api, Approvals const& options) {
  auto const endpoint = context.endpoint();
  if (!endpoint) return endpoint.error();
  // From the last event before the list is read: what changes in between is seen again rather than missed.
  auto const info = api.get("/v1/info");
  if (!info) return info.error();
  EventFollower events(*endpoint, "/v1/events", std::to_string(number(*info, "lastEvent")));
  std::map<std::int64_t, json> shown;
  for (;;) {
    ApiClient now(*endpoint);
    auto const found = approvals_of(now, options);
    if (!found && found.error().kind != ErrorKind::unavailable) return found.error();
    if (found && context.json_output()) {
      print_changes(context, now, *found, shown);
    } else if (found) {
      if (context.terminal()) context.print("\033[H\033[J");
      show(context, *found, options.all);
    }
    std::fflush(stdout);
    for (bool mine = false; !mine;) {
      auto const event = events.next();
      if (!event) return event.error();
      if (!*event) continue;
      auto const parsed = parse_object((*event)->data);
      mine = parsed && field(*parsed, "type").starts_with("approval.");
    }
  }
}

Result<int> list(Context& context, Approvals const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  if (options.watch) return watch(context, **api, options);
  auto const found = approvals_of(**api, options);
  if (!found) return found.error();
  if (context.json_output())
    for (auto const& approval : *found) context.print_json(approval);
  else
    show(context, *found, options.all);
  return exit_done;
}

struct Decide {
  std::string id;
  bool session = false, abort = false, always = false;
  std::optional<std::string> reason, whom, until;
  std::vector<std::string> texts;
};

/// "allow Bash git status (prefix)".
std::string what_rule_says(json const& rule) {
  auto const tool = field(rule, "tool"), input = field(rule, "input");
  return field(rule, "decision") + " " + (tool.empty() ? "any tool" : tool) +
         (input.empty() ? "" : " " + input + " (" + field(rule, "match") + ")");
}

Result<int> decide(Context& context, std::string const& word, json const& decision) {
  auto const id = message_id(word);
  if (!id) return invalid("ID", "\"" + word + "\" is not an approval's number; agent-runner approvals lists them");
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->post("/v1/approvals/" + *id + "/decision", decision);
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  std::string granted;
  if (field(*answer, "status") == "approved-session")
    for (auto const& grant : array(*answer, "sessionGrant"))
      if (grant.is_string()) granted += (granted.empty() ? "; from now on: " : ", ") + grant.get<std::string>();
  context.print("approval " + *id + ": " + single_line(field(*answer, "status") + granted) + "\n");
  if (auto const rule = answer->find("rule"); rule != answer->end())
    context.print("rule " + single_line(field(*rule, "id") + " allows it from now on: " + what_rule_says(*rule)) +
                  "\n");
  return exit_done;
}

/// "8h" from now, or a time as it is.
Result<std::string> until_input(std::string const& word) {
  if (from_iso8601(word)) return word;
  auto const span = parse_duration(word);
  if (!span || *span <= milliseconds(0))
    return invalid("--until", "\"" + word + "\" is no time; write how long, like 8h, or 2026-01-31T12:00:00.000Z");
  return to_iso8601(wall_now() + *span);
}

Result<int> approve(Context& context, Decide const& options) {
  json decision = {{"decision", options.session ? "approve-session" : "approve"}};
  if (!options.always && (options.whom || options.until))
    return invalid(options.whom ? "--for" : "--until", "belongs to --always");
  if (options.always && options.session) return invalid("--session", "and --always are two answers; give one");
  if (options.always) {
    decision["always"] = json::object();
    if (options.whom) {
      auto const colon = options.whom->find(':');
      auto const whom = options.whom->substr(0, colon);
      if (whom != "agent" && whom != "tag" && whom != "all")
        return invalid("--for", "\"" + *options.whom + "\" is nobody; write agent, tag, tag:NAME or all");
      decision["always"]["for"] = whom;
      if (colon != std::string::npos) decision["always"]["tag"] = options.whom->substr(colon + 1);
    }
    if (options.until) {
      auto const until = until_input(*options.until);
      if (!until) return until.error();
      decision["always"]["until"] = *until;
    }
  }
  return decide(context, options.id, decision);
}

// ---- rules ----

struct NewRule {
  std::string decision;
  std::optional<std::string> input, tool, match, cwd, agent, tag, until;
};

Result<int> list_rules(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/approval-rules");
  if (!answer) return answer.error();
  Table table({{"ID", true},
               {"RULE", false, 60},
               {"WHOSE", false, 32},
               {"WHERE", false, 32},
               {"ENDS"},
               {"USES", true},
               {"LAST USE", true}});
  auto const now = wall_now();
  for (auto const& rule : array(*answer, "rules")) {
    if (context.json_output()) {
      context.print_json(rule);
      continue;
    }
    auto const agent = field(rule, "agent"), tag = field(rule, "tag");
    auto const until = rule.contains("until") ? time_of(rule["until"]) : std::nullopt;
    auto const last = rule.contains("lastUsedAt") ? time_of(rule["lastUsedAt"]) : std::nullopt;
    table.add({{field(rule, "id"), Colour::bold},
               what_rule_says(rule),
               !agent.empty() ? agent
               : tag.empty()  ? "all"
                              : "tag " + tag,
               field(rule, "cwd"),
               !until         ? ""
               : *until > now ? "in " + age(*until - now)
                              : "over",
               field(rule, "uses"),
               last ? age(now - *last) : ""});
  }
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no approval rules");
  else
    context.print(table);
  return exit_done;
}

Result<int> add_rule(Context& context, NewRule const& options) {
  json rule = {{"decision", options.decision}};
  set_if(rule, "tool", options.tool);
  set_if(rule, "match", options.match);
  set_if(rule, "cwd", options.cwd);
  set_if(rule, "agent", options.agent);
  set_if(rule, "tag", options.tag);
  if (options.input) {
    auto const text = text_input(*options.input);
    if (!text) return text.error();
    rule["input"] = *text;
  }
  if (options.until) {
    auto const until = until_input(*options.until);
    if (!until) return until.error();
    rule["until"] = *until;
  }
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->post("/v1/approval-rules", rule);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print("rule " + single_line(field(*answer, "id") + ": " + what_rule_says(*answer)) + "\n");
  return exit_done;
}

Result<int> remove_rule(Context& context, std::string const& id) {
  if (id.starts_with("config:")) return invalid("ID", "rule " + id + " stands in the configuration; change it there");
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->call({.method = "DELETE", .target = "/v1/approval-rules/" + encoded(id)});
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print("rule " + single_line(id) + ": removed\n");
  return exit_done;
}

struct Test {
  std::string agent, input;
  std::optional<std::string> tool, cwd;
};

/// The main field of a tool, as the providers that we know call it.
char const* main_field_of(std::string const& tool) {
  if (tool == "WebFetch") return "url";
  if (tool == "WebSearch") return "query";
  for (auto const* name : {"Edit", "MultiEdit", "Read", "Write"})
    if (tool == name) return "file_path";
  if (tool == "NotebookEdit") return "notebook_path";
  return tool == "Glob" || tool == "Grep" ? "path" : "command";
}

Result<int> test_rules(Context& context, Test const& options) {
  auto const text = text_input(options.input);
  if (!text) return text.error();
  auto const tool = options.tool.value_or("Bash");
  json request = {{"agent", options.agent}, {"tool", tool}};
  if (tool == "fileChange")
    request["input"]["changes"].push_back({{"path", *text}});
  else
    request["input"][main_field_of(tool)] = *text;
  set_if(request, "cwd", options.cwd);
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->post("/v1/approval-rules/test", request);
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  context.print(single_line(field(*answer, "decision") + ": " + field(*answer, "why")) + "\n");
  for (auto const& part : array(*answer, "parts")) {
    auto const rule = field(part, "rule"), why = field(part, "why");
    context.print("  " + single_line(field(part, "text")) + ": " +
                  single_line(rule.empty() ? "no rule allows it" + (why.empty() ? "" : "; " + why) : "rule " + rule) +
                  "\n");
  }
  return exit_done;
}

void add_rules(Command& approvals) {
  auto rules = approvals.command("rules", "Rules that decide what agents ask, so that nobody is asked",
                                 "approvals rules add allow \"git status\" --tool Bash --match prefix");
  rules.command("list", "The configuration's, then those that were added", "approvals rules list").runs(list_rules);

  auto const given = std::make_shared<NewRule>();
  rules
      .command("add", "Add one; a denial wins over whatever is allowed",
               "approvals rules add deny rm --tool Bash --match prefix")
      .argument("allow|deny", given->decision, "What it decides", Words::any, {"allow", "deny"})
      .argument("INPUT", given->input, "A pattern for the tool's command, path or address; - reads stdin")
      .option("--tool", given->tool, "NAME", "Only this tool, or with * at the end all that begin so")
      .choice("--match", given->match, {"exact", "prefix", "glob"}, "How INPUT matches (exact unless said)")
      .option("--cwd", given->cwd, "FOLDER", "Only in this folder and below it", Words::directory)
      .option("--agent", given->agent, "AGENT", "Only of this agent", Words::agent)
      .option("--tag", given->tag, "TAG", "Only of agents with this tag")
      .option("--until", given->until, "TIME", "In force for so long, like 8h, or until a time; else for good")
      .runs([given](Context& context) { return add_rule(context, *given); });

  auto const gone = std::make_shared<std::string>();
  rules.command("rm", "Remove one that was added", "approvals rules rm 7")
      .argument("ID", *gone, "Its number; approvals rules list shows them")
      .runs([gone](Context& context) { return remove_rule(context, *gone); });

  auto const tried = std::make_shared<Test>();
  rules
      .command("test", "What they would decide, and why; nothing is done",
               "approvals rules test alice \"git status; ls\"")
      .argument("AGENT", tried->agent, "Whose request it would be", Words::agent)
      .argument("INPUT", tried->input, "The command, path or address; - reads stdin")
      .option("--tool", tried->tool, "NAME", "The tool (Bash unless said)")
      .option("--cwd", tried->cwd, "FOLDER", "Where (the agent's folder unless said)", Words::directory)
      .runs([tried](Context& context) { return test_rules(context, *tried); });
}

Result<int> deny(Context& context, Decide const& options) {
  if (options.reason && !is_utf8(*options.reason)) return invalid("--reason", "is not UTF-8");
  json decision = {{"decision", options.abort ? "abort" : "deny"}};
  if (options.reason) decision["reason"] = *options.reason;
  return decide(context, options.id, decision);
}

Result<int> answer(Context& context, Decide const& options) {
  json decision = {{"decision", "answer"}, {"answers", json::array()}};
  for (auto const& text : options.texts) {
    auto const read = options.texts.size() == 1 ? text_input(text) : Result<std::string>(text);
    if (!read) return read.error();
    if (!is_utf8(*read)) return invalid("TEXT", "is not UTF-8");
    decision["answers"].push_back(*read);
  }
  return decide(context, options.id, decision);
}

void add(Program& program) {
  auto const listed = std::make_shared<Approvals>();
  auto approvals = program.verb("Approvals", "approvals", "What agents ask and nobody has answered", "approvals -w");
  approvals.argument("AGENT", listed->agent, "Only this agent's", Words::agent)
      .flag("-a,--all", listed->all, "Answered ones too")
      .flag("-w,--watch", listed->watch, "Go on, and show every change")
      .runs([listed](Context& context) { return list(context, *listed); });
  add_rules(approvals);

  auto const allowed = std::make_shared<Decide>();
  program.verb("Approvals", "approve", "Let an agent do what it asked for", "approve 3 --session")
      .argument("ID", allowed->id, "The approval's number", Words::approval)
      .flag("--session", allowed->session, "And do not ask for the same again in this session")
      .flag("--always", allowed->always, "And make a rule that allows the very same from now on")
      .option("--for", allowed->whom, "WHOM", "With --always: agent (unless said), tag, tag:NAME or all")
      .option("--until", allowed->until, "TIME", "With --always: for so long, like 8h, or until a time")
      .runs([allowed](Context& context) { return approve(context, *allowed); });

  auto const denied = std::make_shared<Decide>();
  program.verb("Approvals", "deny", "Refuse what an agent asked for", "deny 3 --reason \"not on a Friday\"")
      .argument("ID", denied->id, "The approval's number", Words::approval)
      .option("--reason", denied->reason, "TEXT", "Why; the model sees it")
      .flag("--abort", denied->abort, "End the turn as well")
      .runs([denied](Context& context) { return deny(context, *denied); });

  auto const said = std::make_shared<Decide>();
  program.verb("Approvals", "answer", "Answer an agent's question", "answer 4 Blue")
      .argument("ID", said->id, "The approval's number", Words::approval)
      .argument("TEXT", said->texts, "An option or other text, one for each of its questions; - reads stdin")
      .runs([said](Context& context) { return answer(context, *said); });
}
Family const family(25, add);

}  // namespace
}  // namespace ar::cli
