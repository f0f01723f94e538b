// Verbs that do one thing to agents: each is one POST (or DELETE).
#include "base/unicode.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/event_follower.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/text.hpp"

namespace ar::cli {
namespace {

struct Control {
  char const* verb;
  char const* help;
  char const* example;
  char const* done;  ///< what the agent is told to have become, for people; null: the state it says
};
constexpr Control controls[] = {
    {"interrupt", "Interrupt the turn that runs", "interrupt alice", "interrupted"},
    {"cancel", "Interrupt its turn, withdraw what waits for it, and the same for its descendants", "cancel alice",
     "cancelled"},
    {"restart", "Start its process again, with the same session", "restart alice", nullptr},
    {"suspend", "End its process and keep its session: frees memory", "suspend alice", "suspended"},
    {"resume", "Start a suspended agent again", "resume alice", nullptr},
    {"stop", "Let it end by itself, and its descendants with it", "stop alice bob", "stopped"},
    {"kill", "End it at once, and its descendants with it", "kill alice", "killed"},
    {"rm", "Forget a stopped agent, and its descendants", "rm alice", "removed"},
    {"clear", "Have it forget its conversation", "clear alice", "cleared"},
};

/// A restart has up to 60 s for the process to end by itself, then its start.
constexpr milliseconds kControlPatience{120'000};
/// Without a word from an agent that compacts a long conversation.
constexpr milliseconds kCompactPatience{600'000};

/// What was kept of a removed agent's worktree, and where.
void tell_of_workspace(Context const& context, json const& answer) {
  auto const it = answer.find("workspace");
  if (it == answer.end() || !it->contains("kept")) return;
  auto const removed = it->value("removed", false);
  context.note("agent-runner: kept " +
               (removed ? "the branch " + field(*it, "branch") : "the worktree " + field(*it, "path")) + ": " +
               field(*it, "kept"));
}

/// ", and with it a, b": the descendants that were removed too.
std::string with_children(json const& answer) {
  std::string names;
  for (auto const& child : array(answer, "children"))
    if (child.is_string()) names += (names.empty() ? ", and with it " : ", ") + single_line(child.get<std::string>());
  return names;
}

struct Controlled {
  std::vector<std::string> agents;
  std::optional<std::string> reason;
};

/// Each agent in turn; one that fails does not spare the others, and the first failure gives the status.
Result<int> control(Context& context, Control const& what, Controlled const& options) {
  if (options.reason && !is_utf8(*options.reason)) return invalid("--reason", "is not UTF-8");
  auto const api = context.api();
  if (!api) return api.error();
  int status = exit_done;
  std::string const verb = what.verb;
  json body = json::object();
  if (options.reason) body["reason"] = *options.reason;
  for (auto const& agent : options.agents) {
    auto const path = (verb == "cancel" ? "/v1/sessions/" : "/v1/agents/") + encoded(agent);
    Call call{.method = verb == "rm" ? "DELETE" : "POST", .target = verb == "rm" ? path : path + "/" + verb};
    if (verb != "rm") call.body = to_text(body);
    call.patience = kControlPatience;
    auto const answer = (*api)->call(call);
    if (!answer) {
      context.print_error(answer.error());
      if (status == exit_done) status = exit_status(answer.error().kind);
    } else if (context.json_output()) {
      context.print_json(*answer);
    } else {
      context.print(single_line(agent) + ": " + (what.done ? what.done : field(*answer, "state")) +
                    with_children(*answer) + "\n");
      if (verb == "rm") tell_of_workspace(context, *answer);
    }
  }
  return status;
}

/// Asks for it, and waits until it has come about: a compaction is a call of the model, and may fail.
Result<int> compact(Context& context, std::string const& agent) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const path = "/v1/agents/" + encoded(agent);
  auto const now = (*api)->get(path + "/events?cursor=latest");
  if (!now) return now.error();
  Call call{.method = "POST", .target = path + "/compact", .body = "{}"};
  call.patience = kControlPatience;
  auto const answer = (*api)->call(call);
  if (!answer) return answer.error();
  auto const endpoint = context.endpoint();
  if (!endpoint) return endpoint.error();
  EventFollower events(*endpoint, path + "/events", field(*now, "eventCursor"));
  for (;;) {
    auto const event = events.next(kCompactPatience);
    if (!event) return event.error();
    if (!*event)
      return timed_out("agent " + agent + " has been compacting for " + duration(kCompactPatience) +
                       "; it goes on: agent-runner screen " + agent);
    auto const parsed = parse_object((*event)->data);
    auto const type = parsed ? field(*parsed, "type") : std::string();
    bool const ended = type == "agent.exited";
    if (type == "compaction.failed" || ended)
      return internal("compaction_failed", "agent " + agent +
                                               (ended ? " ended while it compacted" : " could not compact") +
                                               " its conversation; look: agent-runner screen " + agent);
    if (type == "compaction.finished") break;
  }
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(single_line(agent) + ": compacted\n");
  return exit_done;
}

/// What is at rest is started, with its session; what runs is left alone.
Result<int> start(Context& context, std::vector<std::string> const& agents) {
  auto const api = context.api();
  if (!api) return api.error();
  int status = exit_done;
  for (auto const& agent : agents) {
    auto const path = "/v1/agents/" + encoded(agent);
    auto answer = (*api)->get(path);
    auto const state = answer ? field(*answer, "state") : std::string();
    bool const at_rest = state == "stopped" || state == "suspended" || state == "failed";
    if (at_rest) {
      Call call{.method = "POST", .target = path + (state == "suspended" ? "/resume" : "/restart"), .body = "{}"};
      call.patience = kControlPatience;
      answer = (*api)->call(call);
    }
    if (!answer) {
      context.print_error(answer.error());
      if (status == exit_done) status = exit_status(answer.error().kind);
    } else if (context.json_output()) {
      context.print_json(*answer);
    } else {
      context.print(single_line(agent) + ": " + (at_rest ? "" : "runs already, ") + field(*answer, "state") + "\n");
    }
  }
  return status;
}

struct Inject {
  std::string agent;
  std::optional<std::string> text;
  std::vector<std::string> memory;
};

Result<int> inject(Context& context, Inject const& options) {
  if (!options.text && options.memory.empty()) return invalid("TEXT", "give the text to inject, or --memory");
  auto const text = text_input(options.text.value_or(""));
  if (!text) return text.error();
  auto const api = context.api();
  if (!api) return api.error();
  json body = {{"content", *text}};
  set_if(body, "memoryIds", options.memory);
  auto const answer = (*api)->post("/v1/agents/" + encoded(options.agent) + "/inject", body);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(single_line(options.agent) + ": injected\n");
  return exit_done;
}

void add(Program& program) {
  for (auto const& what : controls) {
    auto const o = std::make_shared<Controlled>();
    auto verb = program.verb("Control", what.verb, what.help, what.example);
    verb.argument("AGENT", o->agents, "One or more agents", Words::agent);
    if (what.verb != std::string_view("rm")) verb.option("--reason", o->reason, "TEXT", "Why; its events show it");
    verb.runs([o, &what](Context& context) { return control(context, what, *o); });
  }
  auto const compacted = std::make_shared<std::string>();
  program.verb("Control", "compact", "Have it compact its conversation, and wait until it has", "compact alice")
      .argument("AGENT", *compacted, "The agent", Words::agent)
      .runs([compacted](Context& context) { return compact(context, *compacted); });
  auto const started = std::make_shared<std::vector<std::string>>();
  program.verb("Control", "start", "Start agents that are stopped, suspended or given up", "start alice")
      .argument("AGENT", *started, "One or more agents", Words::agent)
      .runs([started](Context& context) { return start(context, *started); });
  auto const o = std::make_shared<Inject>();
  program
      .verb("Control", "inject", "Give it context as a system message",
            "inject alice \"The build server is down until 15:00.\"")
      .argument("AGENT", o->agent, "The agent", Words::agent)
      .argument("TEXT|-", o->text, "The context; - reads stdin")
      .option("--memory", o->memory, "SCOPE/ID/KEY", "And what stands there in the memory; again for more")
      .runs([o](Context& context) { return inject(context, *o); });
}
Family const family(30, add);

}  // namespace
}  // namespace ar::cli
