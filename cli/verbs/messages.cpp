// Messages as they are: one, many, an agent's inbox, the dead ones; and what a receiver does with one.
#include "base/unicode.hpp"
#include "cli/attachments.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/message_view.hpp"
#include "cli/paging.hpp"
#include "cli/text.hpp"

namespace ar::cli {
namespace {

Result<int> show(Context& context, std::string const& word) {
  auto const id = message_id(word);
  if (!id) return id.error();
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/messages/" + *id);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    print_message(context, message_in(*answer));
  return exit_done;
}

struct Proof {
  std::string id;
  std::optional<std::string> agent;
};

/// The document itself, as JSON also for people: it is kept in a file and given to others.
Result<int> prove(Context& context, Proof const& options) {
  auto const id = message_id(options.id);
  if (!id) return id.error();
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer =
      (*api)->get("/v1/messages/" + *id + "/proof" + (options.agent ? "?agent=" + encoded(*options.agent) : ""));
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(shown_json(answer->dump(2, ' ', false, json::error_handler_t::replace)) + "\n");
  return exit_done;
}

Table message_table() {
  return Table({{"ID", true},
                {"AGE", true},
                {"FROM", false, 24},
                {"TO", false, 24},
                {.header = "STATE", .widest = 40},
                {"TEXT"}});
}
void add_row(Context const& context, Table& table, json const& message) {
  auto const created = message.contains("createdAt") ? time_of(message["createdAt"]) : std::nullopt;
  auto const subject = field(message, "subject");
  auto const state = summary_of(message);
  table.add({field(message, "id"), created ? age(wall_now() - *created) : "", field(message, "from"),
             field(message, "to"), state.empty() ? "waits on the bus" : context.hints(state),
             (subject.empty() ? "" : subject + ": ") + field(message, "body").substr(0, 400)});
}

struct Messages {
  std::optional<std::string> agent, limit;
};

Result<int> list(Context& context, Messages const& options) {
  std::size_t limit = 50;
  if (options.limit) {
    auto const given = number_input("--limit", *options.limit);
    if (!given) return given.error();
    limit = static_cast<std::size_t>(*given);
  }
  auto const api = context.api();
  if (!api) return api.error();
  auto const target = "/v1/messages" + (options.agent ? "?agent=" + encoded(*options.agent) : "");
  auto table = message_table();
  auto const listed = for_each_row(**api, target, "messages", limit, [&](json const& message) {
    if (context.json_output())
      context.print_json(message);
    else
      add_row(context, table, message);
  });
  if (!listed) return listed.error();
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no messages");
  else
    context.print(table);
  return exit_done;
}

/// A person's own is the operator's: what agents have sent them.
constexpr auto kPerson = "operator";

Result<int> inbox(Context& context, std::optional<std::string> const& named) {
  auto const self = context.agent_or_self(named);
  auto const owner = self ? *self : kPerson;
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/agents/" + encoded(owner) + "/inbox");
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  bool any = false;
  for (auto const& [name, title] : {std::pair{"unread", "unread"}, std::pair{"replies", "waiting for its answer"}}) {
    auto table = message_table();
    for (auto const& message : array(*answer, name)) add_row(context, table, message_in(message));
    if (table.empty()) continue;
    context.print(std::string(any ? "\n" : "") + title + ":\n");
    context.print(table);
    any = true;
  }
  if (!any) context.note("nothing unread, and no answer is waited for");
  if (answer->value("more", false)) context.note("there is more; it is shown when these are read");
  return exit_done;
}

Result<int> dead(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  Table table({{"ID", true},
               {"DEAD FOR", true},
               {"TRIES", true},
               {"REASON"},
               {"FROM", false, 24},
               {"TO", false, 24},
               {"TEXT"}});
  auto const listed = for_each_row(**api, "/v1/dead", "deadLetters", 0, [&](json const& letter) {
    if (context.json_output()) {
      context.print_json(letter);
      return;
    }
    auto const& message = message_in(letter);
    auto const at = letter.contains("at") ? time_of(letter["at"]) : std::nullopt;
    table.add({field(message, "id"), at ? age(wall_now() - *at) : "", field(letter, "deliveryCount"),
               field(letter, "reason"), field(message, "from"), field(message, "to"),
               field(message, "body").substr(0, 400)});
  });
  if (!listed) return listed.error();
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no dead letters");
  else
    context.print(table);
  return exit_done;
}

/// Everything that is one POST on a message.
Result<int> act(Context& context, std::string const& target, json const& body, std::string const& told) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->post(target, body);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(told + "\n");
  return exit_done;
}

struct Word {
  std::string id, text;
};

Result<int> requeue(Context& context, Word const& options) {
  auto const id = message_id(options.id);
  if (!id) return id.error();
  return act(context, "/v1/dead/" + *id + "/requeue", json::object(), "message " + *id + " is on its way again");
}

struct Reply : Word {
  std::vector<std::string> files;
};

Result<int> reply(Context& context, Reply const& options) {
  auto const id = message_id(options.id);
  if (!id) return id.error();
  auto const text = text_input(options.text);
  if (!text) return text.error();
  json body = {{"body", *text}};
  if (!options.files.empty()) {
    auto const api = context.api();
    if (!api) return api.error();
    auto ids = upload(context, **api, options.files);
    if (!ids) return ids.error();
    body["attachments"] = std::move(*ids);
  }
  return act(context, "/v1/messages/" + *id + "/replies", body, "message " + *id + " is answered");
}

struct Save {
  std::string id;
  std::optional<std::string> folder;
};

Result<int> save(Context& context, Save const& options) {
  auto const id = message_id(options.id);
  if (!id) return id.error();
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/messages/" + *id);
  if (!answer) return answer.error();
  auto const& message = message_in(*answer);
  if (array(message, "attachments").empty())
    return not_found("no_attachments", "message " + *id + " carries no attachments");
  auto const files = save_attachments(**api, message, options.folder.value_or("."));
  if (!files) return files.error();
  json shown = json::array();
  for (auto const& file : *files) shown.push_back(file.string());
  if (context.json_output())
    context.print_json({{"files", std::move(shown)}});
  else
    for (auto const& file : *files) context.print(file.string() + "\n");
  return exit_done;
}

struct Settle {
  std::string id;
  std::optional<std::string> agent;
};

/// A person has looked at the terminal, and knows better than the daemon can.
Result<int> settle(Context& context, Settle const& options, bool taken) {
  auto const id = message_id(options.id);
  if (!id) return id.error();
  json body = {{"taken", taken}};
  if (options.agent) body["agent"] = *options.agent;
  return act(context, "/v1/messages/" + *id + "/settle", body,
             "message " + *id + (taken ? " counts as taken" : " will be handed over again"));
}

Result<int> react(Context& context, Word const& options) {
  auto const id = message_id(options.id);
  if (!id) return id.error();
  if (!is_utf8(options.text)) return invalid("WORD", "is not UTF-8");
  return act(context, "/v1/messages/" + *id + "/reactions", json{{"word", options.text}}, "reacted to message " + *id);
}

struct Read {
  std::string id;
  bool raw = false;
};

Result<int> read(Context& context, Read const& options) {
  auto const id = message_id(options.id);
  if (!id) return id.error();
  auto const connected = context.api();
  if (!connected) return connected.error();
  auto& api = **connected;
  auto const answer = api.post("/v1/messages/" + *id + "/read", json::object());
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  if (options.raw) {
    auto const body = api.bytes({.method = "GET", .target = "/v1/messages/" + *id + "/body"});
    if (!body) return body.error();
    context.print(*body);
    return exit_done;
  }
  auto const& message = message_in(*answer);
  auto const subject = single_line(field(message, "subject"));
  context.print("message " + *id + " from " + single_line(field(message, "from")) +
                (subject.empty() ? "" : ": " + subject) + "\n");
  for (auto const& file : array(message, "attachments"))
    context.print("file " + single_line(field(file, "name")) + " (" + size_text(number(file, "size")) + ")\n");
  auto const body = field(message, "body");
  context.print("\n");
  context.print_foreign(body);
  if (!body.ends_with('\n')) context.print("\n");
  return exit_done;
}

void add(Program& program) {
  auto message =
      program.verb("Messages", "message", "Look at one message, or settle an unknown one", "message show 42");
  auto const shown = std::make_shared<std::string>();
  message.command("show", "Its whole life with times", "message show 42")
      .argument("ID", *shown, "The message's number")
      .runs([shown](Context& context) { return show(context, *shown); });

  auto const proven = std::make_shared<Proof>();
  message.command("proof", "What shows that an agent took it; for agent-runner verify", "message proof 42 >proof.json")
      .argument("ID", proven->id, "The message's number")
      .option("--agent", proven->agent, "AGENT", "That took it, if several have", Words::agent)
      .runs([proven](Context& context) { return prove(context, *proven); });

  auto const settled = std::make_shared<Settle>();
  auto const add_settle = [&](char const* word, char const* help, char const* example, bool taken) {
    message.command(word, help, example)
        .argument("ID", settled->id, "The message's number")
        .option("--agent", settled->agent, "AGENT", "Where it is unknown, if at several", Words::agent)
        .runs([settled, taken](Context& context) { return settle(context, *settled, taken); });
  };
  add_settle("taken", "Say that the agent has taken an unknown one", "message taken 42", true);
  add_settle("again", "Say that the agent has not: it is handed over again", "message again 42", false);

  auto const listed = std::make_shared<Messages>();
  program.verb("Messages", "messages", "List messages, newest first", "messages alice --limit 20")
      .argument("AGENT", listed->agent, "Only those from or to this agent", Words::agent)
      .option("-n,--limit", listed->limit, "N", "At most so many (default 50)")
      .runs([listed](Context& context) { return list(context, *listed); });

  auto const owner = std::make_shared<std::optional<std::string>>();
  program.verb("Messages", "inbox", "What is unread or waits for an answer: yours, or an agent's", "inbox alice")
      .argument("AGENT", *owner, "The agent; when left out your own, inside an agent its own", Words::agent)
      .runs([owner](Context& context) { return inbox(context, *owner); });

  auto dead_letters = program.verb("Messages", "dead", "List dead letters, or send one again", "dead");
  dead_letters.runs(dead);
  auto const again = std::make_shared<Word>();
  dead_letters.command("requeue", "Make it a live message again", "dead requeue 42")
      .argument("ID", again->id, "The message's number")
      .runs([again](Context& context) { return requeue(context, *again); });

  auto const answer = std::make_shared<Reply>();
  program.verb("Messages", "reply", "Answer a message", "reply 42 \"Done: 3 files changed\" --attach report.pdf")
      .argument("ID", answer->id, "The message's number")
      .argument("TEXT|-", answer->text, "The answer; - reads stdin")
      .option("--attach", answer->files, "FILE", "Send a file with it", Words::file)
      .runs([answer](Context& context) { return reply(context, *answer); });

  auto const reaction = std::make_shared<Word>();
  program.verb("Messages", "react", "React to a message with a word", "react 42 seen")
      .argument("ID", reaction->id, "The message's number")
      .argument("WORD", reaction->text, "The word")
      .runs([reaction](Context& context) { return react(context, *reaction); });

  auto const taken = std::make_shared<Read>();
  program.verb("Messages", "read", "Read a message; an agent's own is marked read", "read 42 --raw > body")
      .argument("ID", taken->id, "The message's number")
      .flag("--raw", taken->raw, "Only its body, byte for byte")
      .runs([taken](Context& context) { return read(context, *taken); });

  auto const kept = std::make_shared<Save>();
  program.verb("Messages", "save", "Save the files that came with a message", "save 42 ~/Downloads")
      .argument("ID", kept->id, "The message's number")
      .argument("DIR", kept->folder, "The folder to write them to (default: here)", Words::directory)
      .runs([kept](Context& context) { return save(context, *kept); });
}
Family const family(21, add);

}  // namespace
}  // namespace ar::cli
