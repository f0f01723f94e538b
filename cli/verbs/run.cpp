// One prompt to an agent of its own, and what comes of it.
#include "base/ids.hpp"
#include "base/paths.hpp"
#include "cli/agent_options.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/message_view.hpp"
#include "cli/message_wait.hpp"
#include "cli/text.hpp"

#include <chrono>

namespace ar::cli {
namespace {

constexpr std::size_t kMostSchemaBytes = 1U << 20;  ///< of the file; the daemon takes less

struct Run : AgentOptions {
  std::string text;
  std::optional<std::string> deadline;
  std::optional<std::string> schema;
  std::optional<std::string> timeout;
  bool close = false;
};

/// As POST /v1/runs answers, with the session as it is now.
json result_of(json const& session, json const& message, json const& turns) {
  json result = {
      {"runId", session["id"]}, {"session", session}, {"status", session["status"]}, {"ok", false},
      {"text", nullptr},        {"output", nullptr},  {"usage", session["usage"]},   {"costUsd", session["costUsd"]},
      {"errorMessage", nullptr}};
  for (auto const& delivery : array(message, "deliveries")) {
    result["ok"] = field(delivery, "state") == "done";
    if (delivery.contains("finalText")) result["text"] = delivery["finalText"];
    if (delivery.contains("output")) result["output"] = delivery["output"];
    if (delivery.contains("reason")) result["errorMessage"] = delivery["reason"];
  }
  result["turns"] = array(turns, "turns");
  return result;
}

Result<int> run(Context& context, Run const& options) {
  milliseconds patience = std::chrono::hours(1);
  if (options.timeout) {
    auto const given = parse_duration(*options.timeout);
    if (!given) return invalid("--timeout", given.error().message);
    patience = *given;
  }
  auto const text = text_input(options.text);
  if (!text) return text.error();
  auto spec = specification_of(options, context.inside_agent());
  if (!spec) return spec.error();
  (*spec)["input"] = *text;
  set_if(*spec, "deadline", options.deadline);
  if (options.schema) {
    auto const written = read_file(*options.schema, kMostSchemaBytes);
    if (!written) return written.error();
    auto schema = parse_object(*written);
    if (!schema) return invalid("--schema", *options.schema + " holds no JSON Schema: " + schema.error().message);
    (*spec)["outputSchema"] = std::move(*schema);
  }
  auto const connected = context.api();
  if (!connected) return connected.error();
  auto& api = **connected;

  Call open{.method = "POST", .target = "/v1/sessions", .body = to_text(*spec)};
  open.headers.emplace_back("Idempotency-Key", new_uuid());
  open.patience = milliseconds(120'000);
  auto const opened = api.call_once(open);
  if (!opened) return opened.error();
  auto const id = field((*opened)["session"], "id");
  auto const message = std::to_string((*opened)["turn"]["messages"][0].get<std::int64_t>());
  if (context.terminal())
    context.note("agent-runner: agent " + single_line(id) + " is at it; look: agent-runner attach " + single_line(id));

  auto const ended = wait_for_message(context, api, message, "", "done", patience);
  if (!ended) return ended.error();
  auto const& life = message_in(*ended);
  auto const path = "/v1/sessions/" + encoded(id);
  // First the turns, which wait for what they have used.
  auto const turns = api.get(path + "/turns?limit=1"), session = api.get(path);
  if (!turns) return turns.error();
  if (!session) return session.error();
  if (options.close)
    if (auto const closed = api.remove(path); !closed) return closed.error();
  auto const outcome = outcome_of(life, true);
  if (context.json_output())
    context.print_json(result_of(*session, life, *turns));
  else
    print_replies(context, life);
  if (!outcome.remark.empty()) context.note("agent-runner: " + outcome.remark);
  return outcome.status;
}

void add(Program& program) {
  auto const o = std::make_shared<Run>();
  auto verb = program.verb("Agents", "run", "Give one prompt to an agent of its own, and print what it ends with",
                           "run \"Why does the build fail?\" --provider claude --cwd ~/project --close");
  verb.argument("TEXT|-", o->text, "The prompt; - reads stdin")
      .option("--name", o->name, "NAME", "The agent's name; a free one is found when left out");
  add_agent_options(verb, *o);
  verb.flag("--close", o->close, "End the agent afterwards and forget it; else it is suspended after 3 idle minutes")
      .option("--deadline", o->deadline, "30m", "Its work is cancelled then, 1m to 6h from its start")
      .option("--schema", o->schema, "FILE", "A JSON Schema: the answer is the JSON document that it describes",
              Words::file)
      .option("--timeout", o->timeout, "1h", "How long to wait; the agent goes on")
      .runs([o](Context& context) { return run(context, *o); });
}
Family const family(11, add);

}  // namespace
}  // namespace ar::cli
