// People in the loop: what agents ask, and the answers.
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
  bool session = false, abort = false;
  std::optional<std::string> reason;
  std::vector<std::string> texts;
};

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
  return exit_done;
}

Result<int> approve(Context& context, Decide const& options) {
  return decide(context, options.id, json{{"decision", options.session ? "approve-session" : "approve"}});
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
  program.verb("Approvals", "approvals", "What agents ask and nobody has answered", "approvals -w")
      .argument("AGENT", listed->agent, "Only this agent's", Words::agent)
      .flag("-a,--all", listed->all, "Answered ones too")
      .flag("-w,--watch", listed->watch, "Go on, and show every change")
      .runs([listed](Context& context) { return list(context, *listed); });

  auto const allowed = std::make_shared<Decide>();
  program.verb("Approvals", "approve", "Let an agent do what it asked for", "approve 3 --session")
      .argument("ID", allowed->id, "The approval's number", Words::approval)
      .flag("--session", allowed->session, "And do not ask for the same again in this session")
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
