#include "base/ids.hpp"
#include "cli/attachments.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/message_view.hpp"
#include "cli/message_wait.hpp"
#include "cli/schedule_options.hpp"
#include "cli/text.hpp"

#include <chrono>

namespace ar::cli {
namespace {

struct Send : ScheduleOptions {
  std::string to, text, wait;
  std::optional<std::string> from, subject, task, reply_to, key, timeout;
  bool claimable = false, urgent = false, notice = false, later = false;
  std::vector<std::string> files;
};

Result<int> send(Context& context, Send const& options) {
  milliseconds patience = std::chrono::minutes(5);
  if (options.timeout) {
    auto const given = parse_duration(*options.timeout);
    if (!given) return invalid("--timeout", given.error().message);
    patience = *given;
  }
  auto const scheduled = is_scheduled(options);
  if (!scheduled) return scheduled.error();
  if (*scheduled && (!options.wait.empty() || options.key))
    return invalid(options.key ? "--key" : "--wait", "what is scheduled is not sent now: leave out --wait and --key");
  auto const body = text_input(options.text);
  if (!body) return body.error();
  json message = {{"to", options.to}, {"body", *body}};
  set_if(message, "from", options.from);
  set_if(message, "subject", options.subject);
  for (auto const& [name, value] : {std::pair{"taskId", &options.task}, std::pair{"replyTo", &options.reply_to}}) {
    if (!*value) continue;
    auto const id = number_input(name == std::string("taskId") ? "--task" : "--reply-to", **value);
    if (!id) return id.error();
    message[name] = *id;
  }
  if (options.claimable) message["claimable"] = true;
  if (options.urgent) message["urgent"] = true;
  if (options.notice) message["kind"] = "notice";
  if (options.wait == "done") message["replyRequested"] = true;
  if (!options.later) message["mustReach"] = true;

  auto const connected = context.api();
  if (!connected) return connected.error();
  auto& api = **connected;
  if (!options.files.empty()) {
    auto ids = upload(context, api, options.files);
    if (!ids) return ids.error();
    message["attachments"] = std::move(*ids);
  }
  if (*scheduled) {
    message["mustReach"] = !options.later;
    return add_schedule(context, options, "message", std::move(message));
  }
  message["idempotencyKey"] = options.key ? *options.key : new_uuid();
  auto const answer = api.call_once({.method = "POST", .target = "/v1/messages", .body = to_text(message)});
  if (!answer) return answer.error();
  auto const id = field(message_in(*answer), "id");
  if (options.wait.empty()) {
    if (context.json_output())
      context.print_json(*answer);
    else
      context.print("message " + id + "\n");
    if (answer->value("matchingAgents", -1) == 0)
      context.note("agent-runner: no agent of this machine has the address " + single_line(options.to) +
                   "; the message waits on the bus for one: agent-runner ps -a");
    return exit_done;
  }

  if (context.terminal()) context.note("message " + id + " is sent; waiting until it is " + options.wait);
  auto const ended = wait_for_message(context, api, id, field(message_in(*answer), "store"), options.wait, patience);
  if (!ended) return ended.error();
  auto const& final_state = message_in(*ended);
  auto const outcome = outcome_of(final_state, options.wait == "done");
  if (context.json_output())
    context.print_json(*ended);
  else if (options.wait == "done")
    print_replies(context, final_state);
  else
    context.print("message " + id + ": " + single_line(context.hints(summary_of(final_state))) + "\n");
  if (!outcome.remark.empty()) context.note("agent-runner: " + outcome.remark);
  return outcome.status;
}

void add(Program& program) {
  auto const o = std::make_shared<Send>();
  auto verb =
      program.verb("Messages", "send", "Send a message", "send alice \"Please review src/\" --wait --timeout 10m");
  verb.argument("TO", o->to, "An agent, label:L, tag:T, cap:C or broadcast", Words::address)
      .argument("TEXT|-", o->text, "What to say; - reads stdin")
      .option("--from", o->from, "NAME", "Who says it (default: you, or the agent this runs in)")
      .option("--subject", o->subject, "TEXT", "A subject")
      .flag("--claimable", o->claimable, "One of those it reaches takes it, not all")
      .option("--task", o->task, "ID", "It carries this task")
      .flag("--later", o->later, "Also when no agent has this address yet: it waits for one")
      .flag("--urgent", o->urgent, "Do not wait for the turn's end where the provider can take it sooner")
      .flag("--notice", o->notice, "Information only: Claude Code takes it beside its terminal, a turn or a draft")
      .option("--attach", o->files, "FILE", "Send a file with it", Words::file)
      .option("--reply-to", o->reply_to, "ID", "It answers this message")
      .option("--key", o->key, "KEY", "Sending again with this key sends once")
      .flag_or_choice("--wait", o->wait, "done", {"accepted", "done"}, "Wait, and print the reply")
      .option("--timeout", o->timeout, "5m", "How long to wait");
  add_schedule_options(verb, *o);
  verb.runs([o](Context& context) { return send(context, *o); });
}
Family const family(20, add);

}  // namespace
}  // namespace ar::cli
