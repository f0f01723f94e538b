// Agents: spawn, list, look at, control.
#include "control/api/agents_api.hpp"
#include "control/api/messages_api.hpp"
#include "control/idempotency.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"
#include "model/verb.hpp"

#include <string>
#include <vector>

namespace ar::control {
namespace {

awaitable<Result<Response>> spawn(Call& call) {
  auto spec = call.object();
  if (!spec) co_return spec.error();
  auto spawned = co_await call.api.agents.spawn(call.who, std::move(*spec), call.key);
  if (!spawned) co_return spawned.error();
  Response response = json_response(spawned->agent, spawned->created ? 201 : 200);
  auto const id = spawned->agent.find("id");
  if (id != spawned->agent.end() && id->is_string())
    response.headers.push_back({"Location", "/v1/agents/" + id->get<std::string>()});
  if (!spawned->created) response.headers.push_back(replayed());
  co_return response;
}

awaitable<Result<Response>> list(Call& call) {
  auto page = call.page_of_names();
  if (!page) co_return page.error();
  page->status = call.query.text("status");
  page->since = call.integer("since");
  page->user = call.query.text("user");
  co_return respond(co_await call.api.agents.agents(call.who, std::move(*page)));
}

awaitable<Result<Response>> show(Call& call) { co_return respond(co_await call.api.agents.agent(call.name("agent"))); }

awaitable<Result<Response>> remove(Call& call) {
  co_return respond(co_await call.api.agents.remove_agent(call.name("agent")));
}

awaitable<Result<Response>> act(Call& call) {
  auto params = call.object();
  if (!params) co_return params.error();
  std::string verb(call.route.pattern.substr(call.route.pattern.rfind('/') + 1));
  co_return respond(co_await call.api.agents.act(call.name("agent"), std::move(verb), std::move(*params)));
}

awaitable<Result<Response>> report_status(Call& call) {
  auto report = call.object();
  if (!report) co_return report.error();
  co_return respond(call.api.agents.report_status(call.name("agent"), *report));
}

awaitable<Result<Response>> screen(Call& call) {
  co_return respond(co_await call.api.agents.screen(call.name("agent")));
}

awaitable<Result<Response>> attach(Call& call) {
  co_return respond(co_await call.api.agents.attach(call.name("agent")));
}

awaitable<Result<Response>> inbox(Call& call) {
  co_return respond(co_await call.api.messages.inbox(call.name("agent")));
}

awaitable<Result<Response>> turns(Call& call) {
  co_return respond(co_await call.api.agents.turns(call.name("agent"), call.page()));
}

awaitable<Result<Response>> transcript(Call& call) {
  co_return respond(co_await call.api.agents.transcript(call.name("agent"), call.page()));
}

awaitable<Result<Response>> workspace(Call& call) {
  co_return respond(co_await call.api.agents.workspace(call.name("agent")));
}

constexpr Field agents_query[] = {
    {.name = "status", .about = "states between commas"},
    {.name = "since", .type = Type::integer, .about = "in its state since then, in ms since 1970", .least = 0},
    {.name = "user", .about = "spawned by them: operator, or an agent's id"},
    kLimit,
    kNameCursor,
};
constexpr Field turns_query[] = {kLimit, kCursor};

constexpr Route rows[] = {
    {.method = "POST",
     .pattern = "/v1/agents",
     .name = "spawn",
     .summary = "spawn an agent",
     .handler = spawn,
     .right = Right::family,
     .body = Body::json,
     .request = &kAgentSpecification,
     .answer = &kAgent,
     .statuses = "201",
     .errors = "name_taken cli_missing cli_too_old not_logged_in unsupported command_not_found file_not_found "
               "outside_folders not_a_file not_a_directory too_large git_missing git_failed branch_taken path_taken "
               "dirty_index no_commit bad_config quota not_granted too_many_children wrong_state agent_removed "
               "gone",
     .answers = "the agent; `Location`. An agent's token: a child of its own ([children.md](children.md))"},
    {.method = "GET",
     .pattern = "/v1/agents",
     .name = "listAgents",
     .summary = "list the agents",
     .handler = list,
     .right = Right::family,
     .query = agents_query,
     .answer = &kAgentList,
     .answers = "`{agents: [...], nextCursor?}`; `status`: states between commas (an unknown one is a 400); `since`: "
                "ms since 1970; `user`: who spawned them. An agent's token: itself and its descendants"},
    {.method = "GET",
     .pattern = "/v1/agents/{agent}",
     .name = "showAgent",
     .summary = "one agent",
     .handler = show,
     .right = Right::family,
     .answer = &kAgent,
     .errors = "no_such_agent gone",
     .answers = "the agent"},
    {.method = "DELETE",
     .pattern = "/v1/agents/{agent}",
     .name = "removeAgent",
     .summary = "forget it and its descendants, which are all at rest",
     .handler = remove,
     .right = Right::descendants,
     .answer = &kRemovedAgent,
     .errors = "no_such_agent gone agent_running agent_removed has_children",
     .answers = "`{removed, workspace?: {path, branch, removed, branchDeleted, kept?}, children?}`; `children`: the "
                "descendants that were removed with it"},
    {.method = "POST",
     .pattern = "/v1/agents/{agent}/status",
     .name = "reportStatus",
     .summary = "its process says what it is at",
     .handler = report_status,
     .right = Right::agent,
     .body = Body::json,
     .request = &kStatusReport,
     .answer = &kReportedStatus,
     .errors = "no_such_agent gone agent_not_running stale_provider_session too_much_work",
     .answers = "`{status, ready, work}` (below)"},
    {.method = "GET",
     .pattern = "/v1/agents/{agent}/screen",
     .name = "screen",
     .summary = "the terminal's present screen",
     .handler = screen,
     .right = Right::family,
     .answer = &kScreen,
     .errors = "no_such_agent gone agent_not_running terminal_gone unsupported",
     .answers = "`{lines, cursorX, cursorY, text, ended}`; `ended`: its process has, and these are the last lines that "
                "it left"},
    {.method = "GET",
     .pattern = "/v1/agents/{agent}/attach",
     .name = "terminal",
     .summary = "where its terminal is, for tmux",
     .handler = attach,
     .answer = &kTerminal,
     .errors = "no_such_agent gone agent_not_running",
     .answers =
         "`{tmuxSocket, target, detachKey}`: `tmux -u -S TMUXSOCKET attach-session -t TARGET` (`-r` to look only)"},
    {.method = "GET",
     .pattern = "/v1/agents/{agent}/inbox",
     .name = "inbox",
     .summary = "unread messages and replies",
     .handler = inbox,
     .right = Right::agent,
     .answer = &kInbox,
     .errors = "no_such_agent gone",
     .answers = "`{unread: [...], replies: [...], more}`, about 8 MiB of each at the most; `more`: that was not all; "
                "of `operator`: what agents have sent to people"},
    {.method = "GET",
     .pattern = "/v1/agents/{agent}/turns",
     .name = "listTurns",
     .summary = "its turns",
     .handler = turns,
     .right = Right::family,
     .query = turns_query,
     .answer = &kTurnList,
     .errors = "no_such_agent gone",
     .answers = "`{turns: [...], nextCursor?}`, newest first"},
    {.method = "GET",
     .pattern = "/v1/agents/{agent}/transcript",
     .name = "transcript",
     .summary = "its conversation, as its provider has recorded it",
     .handler = transcript,
     .right = Right::family,
     .query = turns_query,
     .answer = &kTranscript,
     .errors = "no_such_agent gone unsupported",
     .answers =
         "`{conversation, rows: [{seq, time, role, type, text, tool?, subagent?}], cursor, nextCursor?}` (below)"},
    {.method = "GET",
     .pattern = "/v1/agents/{agent}/workspace",
     .name = "folders",
     .summary = "the folders that it attaches files from",
     .handler = workspace,
     .right = Right::agent,
     .answer = &kFolders,
     .errors = "no_such_agent gone",
     .answers = "`{cwd, messages}`: the folders that the command line attaches files from inside the agent"},
};

constexpr std::string_view kErrorsOfVerbs =
    "no_such_agent gone agent_removed agent_not_running wrong_state start_failed not_ready nothing_running unsupported "
    "terminal_gone copy_mode another_program codex_error thread_locked too_large no_such_entry";

/// For people: what a verb answers, where that is more than the agent.
std::string_view answers_of(Verb verb) {
  switch (verb) {
    case Verb::restart: return "the agent, its next process running (below)";
    case Verb::stop: return "the agent, ended, and its descendants with it (below)";
    case Verb::kill: return "the agent, ended, and its descendants with it";
    case Verb::compact:
      return "the agent, which has begun to compact; the event `compaction.finished` or `compaction.failed` follows";
    case Verb::inject: return "`{memoryIds, injectedMemoryCount}`";
    case Verb::reconnect: return "the agent, with `transport` (below)";
    case Verb::suspend:
      return "the agent, ended; 409 while it has messages waiting or work, be it a command in the background";
    case Verb::resume: return "the agent, its process running";
    case Verb::interrupt:
    case Verb::clear: break;
  }
  return "the agent";
}

}  // namespace

/// And one for each verb.
std::span<Route const> agent_routes() {
  struct Texts {
    std::string pattern, name;
  };
  static std::vector<Texts> const texts = [] {
    std::vector<Texts> made;
    for (auto const& verb : verbs())
      made.push_back({"/v1/agents/{agent}/" + std::string(verb.name), std::string(verb.name) + "Agent"});
    return made;
  }();
  static std::vector<Route> const all = [] {
    std::vector<Route> made(std::begin(rows), std::end(rows));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      auto const& verb = verbs()[i];
      bool const injects = verb.verb == Verb::inject;
      bool const of_parents = verb.verb == Verb::stop || verb.verb == Verb::kill || verb.verb == Verb::interrupt;
      made.push_back({.method = "POST",
                      .pattern = texts[i].pattern,
                      .name = texts[i].name,
                      .summary = verb.summary,
                      .handler = act,
                      .right = of_parents ? Right::descendants : Right::operator_,
                      .body = injects ? Body::message : Body::json,
                      .request = &kVerbParameters,
                      .answer = injects ? &kInjected : &kAgent,
                      .errors = kErrorsOfVerbs,
                      .answers = answers_of(verb.verb)});
    }
    return made;
  }();
  return all;
}

}  // namespace ar::control
