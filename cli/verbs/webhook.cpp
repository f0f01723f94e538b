// Webhooks: receivers outside that are told of events.
#include "base/words.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/local_files.hpp"
#include "cli/paging.hpp"
#include "cli/text.hpp"

namespace ar::cli {
namespace {

struct Add {
  std::string url;
  std::vector<std::string> events;
  std::optional<std::string> agent, secret_file;
};

struct Deliveries {
  std::string webhook;
  std::optional<std::string> limit;
};

struct Redeliver {
  std::string webhook, delivery;
};

std::string path_of(std::string const& webhook) { return "/v1/webhooks/" + encoded(webhook); }

std::string words(json const& webhook) {
  std::string line;
  for (auto const& word : array(webhook, "events"))
    if (word.is_string()) line += (line.empty() ? "" : " ") + word.get<std::string>();
  return line;
}

/// When, in words: "3m".
std::string age_of(json const& object, char const* name) {
  auto const at = object.contains(name) ? time_of(object[name]) : std::nullopt;
  return at ? age(wall_now() - *at) : "";
}

Result<int> add_webhook(Context& context, Add const& options) {
  json body = {{"url", options.url}, {"events", options.events}};
  if (options.agent) body["agent"] = *options.agent;
  auto const api = context.api();
  if (!api) return api.error();
  if (options.secret_file) {
    // Not from the command line, which others of this machine can read.
    auto const local = LocalFiles::open(context, **api);
    if (!local) return local.error();
    auto const text = *options.secret_file == "-" ? stdin_input() : local->read(*options.secret_file, "--secret-file");
    if (!text) return text.error();
    body["secret"] = std::string(trimmed(*text));
  }
  auto const answer = (*api)->call({.method = "POST", .target = "/v1/webhooks", .body = to_text(body)});
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  context.print(single_line(field(*answer, "id")) + ": is told of " + single_line(words(*answer)) + "\n");
  if (!options.secret_file)
    context.print("secret: " + single_line(field(*answer, "secret")) + "\n(keep it: it is not shown again)\n");
  return exit_done;
}

Result<int> list(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  Table table({{"ID"}, {"STATE"}, {"WAITING", true}, {"AGENT"}, {"EVENTS"}, {"URL"}});
  auto const listed = for_each_row(**api, "/v1/webhooks", "webhooks", 0, [&](json const& webhook) {
    if (context.json_output()) {
      context.print_json(webhook);
      return;
    }
    auto const state = field(webhook, "state");
    auto const since = age_of(webhook, "failingSince");
    table.add({field(webhook, "id"),
               {since.empty() || state == "gone" ? state : state + " for " + since, state == "active" ? Colour::green
                                                                                    : state == "gone" ? Colour::red
                                                                                                      : Colour::yellow},
               field(webhook, "waiting"),
               field(webhook, "agent"),
               words(webhook),
               field(webhook, "url")});
  });
  if (!listed) return listed.error();
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no webhooks; add one: agent-runner webhook add https://hooks.example/agents turn.ended");
  else
    context.print(table);
  return exit_done;
}

Result<int> show(Context& context, std::string const& webhook) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get(path_of(webhook));
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  auto const line = [&](char const* name, std::string const& value) {
    if (!value.empty()) context.print(std::string(name) + ": " + single_line(value) + "\n");
  };
  line("id", field(*answer, "id"));
  line("url", field(*answer, "url"));
  line("events", words(*answer));
  line("agent", field(*answer, "agent"));
  line("owner", field(*answer, "owner"));
  line("state", field(*answer, "state"));
  line("waiting", field(*answer, "waiting"));
  line("failing for", age_of(*answer, "failingSince"));
  line("next attempt", field(*answer, "nextAttemptAt"));
  return exit_done;
}

Result<int> remove(Context& context, std::string const& webhook) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->call({.method = "DELETE", .target = path_of(webhook)});
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(single_line(field(*answer, "removed")) + ": removed\n");
  return exit_done;
}

Result<int> deliveries(Context& context, Deliveries const& options) {
  std::size_t limit = 20;
  if (options.limit) {
    auto const given = number_input("--limit", *options.limit);
    if (!given) return given.error();
    limit = static_cast<std::size_t>(*given);
  }
  auto const api = context.api();
  if (!api) return api.error();
  Table table({{"ID"}, {"EVENT"}, {"AGE", true}, {"STATUS"}, {"ATTEMPTS", true}, {"ANSWER"}, {"MS", true}, {"ERROR"}});
  auto const path = path_of(options.webhook) + "/deliveries";
  auto const listed = for_each_row(**api, path, "deliveries", limit, [&](json const& delivery) {
    if (context.json_output()) {
      context.print_json(delivery);
      return;
    }
    auto const attempts = array(delivery, "attempts");
    auto const last = attempts.empty() ? json::object() : attempts.back();
    auto const status = field(delivery, "status");
    table.add({field(delivery, "id"),
               field(delivery, "type"),
               age_of(delivery, "createdAt"),
               {status, status == "delivered" ? Colour::green
                        : status == "gave_up" ? Colour::red
                                              : Colour::yellow},
               std::to_string(attempts.size()),
               field(last, "status"),
               field(last, "ms"),
               field(last, "error")});
  });
  if (!listed) return listed.error();
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("nothing yet");
  else
    context.print(table);
  return exit_done;
}

Result<int> redeliver(Context& context, Redeliver const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const target = path_of(options.webhook) + "/deliveries/" + encoded(options.delivery) + "/redeliver";
  auto const answer = (*api)->call({.method = "POST", .target = target, .body = "{}"});
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(single_line(field(*answer, "delivery")) + ": is sent once more\n");
  return exit_done;
}

void add(Program& program) {
  auto webhook = program.verb("More", "webhook", "Receivers outside that are told of events",
                              "webhook add https://hooks.example/agents turn.ended 'approval.*'");
  auto const added = std::make_shared<Add>();
  webhook
      .command("add", "Have a receiver told of events; shows the secret that signs them",
               "webhook add https://hooks.example/agents turn.ended --agent alice")
      .argument("URL", added->url, "https://...")
      .argument("EVENT...", added->events, "Types of events, or the beginnings of some with *")
      .option("--agent", added->agent, "AGENT", "Only events about this agent")
      .option("--secret-file", added->secret_file, "FILE", "A secret of your own (whsec_...); - reads stdin")
      .runs([added](Context& context) { return add_webhook(context, *added); });
  webhook.command("list", "The webhooks, and how they take it", "webhook list").runs(list);

  auto const shown = std::make_shared<std::string>();
  webhook.command("show", "One webhook", "webhook show whk_1a2b3c4d5e6f7081")
      .argument("WEBHOOK", *shown, "Its id")
      .runs([shown](Context& context) { return show(context, *shown); });

  auto const gone = std::make_shared<std::string>();
  webhook.command("rm", "Remove a webhook, and what it has not been told", "webhook rm whk_1a2b3c4d5e6f7081")
      .argument("WEBHOOK", *gone, "Its id")
      .runs([gone](Context& context) { return remove(context, *gone); });

  auto const told = std::make_shared<Deliveries>();
  webhook
      .command("deliveries", "What it was told, or is to be, newest first", "webhook deliveries whk_1a2b3c4d5e6f7081")
      .argument("WEBHOOK", told->webhook, "Its id")
      .option("--limit", told->limit, "N", "At most so many; 20 unless said")
      .runs([told](Context& context) { return deliveries(context, *told); });

  auto const again = std::make_shared<Redeliver>();
  webhook
      .command("redeliver", "Tell it something once more",
               "webhook redeliver whk_1a2b3c4d5e6f7081 msg_0123456789abcdef01234567")
      .argument("WEBHOOK", again->webhook, "Its id")
      .argument("DELIVERY", again->delivery, "The delivery's id")
      .runs([again](Context& context) { return redeliver(context, *again); });
}
Family const family(46, add);

}  // namespace
}  // namespace ar::cli
