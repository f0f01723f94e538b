// What an agent and its model have said to each other, by its provider's record.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/event_follower.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <cstdio>

namespace ar::cli {
namespace {

struct Transcript {
  std::string agent;
  std::optional<std::string> grep;
  bool follow = false, markdown = false;
};

constexpr std::size_t kMostLines = 12;     ///< of what a tool was given or said, for people
constexpr milliseconds kLookAgain{2'000};  ///< a record may grow without an event

std::string shortened(std::string const& text) {
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++at)
    if (text[at] == '\n' && ++lines == kMostLines) return text.substr(0, at) + "\n...";
  return text;
}

bool mentions(json const& row, std::string const& words) {
  return field(row, "text").find(words) != std::string::npos ||
         to_text(object_at(row, "tool")).find(words) != std::string::npos;
}

/// "user", "assistant, reasoning", "Bash", "Bash: result, an error".
std::string heading(json const& row) {
  auto const type = field(row, "type");
  auto const& tool = object_at(row, "tool");
  std::string text = field(row, "role");
  if (type == "tool_call") text = "tool " + field(tool, "name");
  if (type == "tool_result") text = truth_at(tool, "isError") ? "tool result, an error" : "tool result";
  if (type == "reasoning" || type == "summary") text += ", " + type;
  return truth_at(row, "subagent") ? "subagent: " + text : text;
}

std::string content(json const& row) {
  auto const& tool = object_at(row, "tool");
  return tool.contains("input") ? tool["input"].dump(2, ' ', false, json::error_handler_t::replace)
                                : field(row, "text");
}

void print(Context const& context, Transcript const& options, json const& row) {
  if (options.grep && !mentions(row, *options.grep)) return;
  if (context.json_output()) return context.print_json(row);
  bool const of_tool = row.contains("tool");
  auto const text = content(row);
  if (options.markdown) {
    context.print_foreign("## " + single_line(heading(row)) + "\n\n" + (of_tool ? "~~~~\n" + text + "\n~~~~" : text) +
                          "\n\n");
    return;
  }
  auto const at = row.contains("time") ? time_of(row["time"]) : std::nullopt;
  context.print(paint((at ? clock_text(*at) + " " : "") + single_line(heading(row)), Colour::bold, context.colour()) +
                "\n");
  context.print_foreign((of_tool ? shortened(text) : text) + "\n\n");
}

Result<int> transcript(Context& context, Transcript const& options) {
  auto const connected = context.api();
  if (!connected) return connected.error();
  auto const endpoint = context.endpoint();
  if (!endpoint) return endpoint.error();
  auto const path = "/v1/agents/" + encoded(options.agent);
  std::optional<EventFollower> events;
  std::string conversation;
  std::int64_t cursor = 0;
  for (;;) {
    // A fresh client each time: the daemon may have been replaced while the events were followed.
    auto const page = ApiClient(*endpoint).get(path + "/transcript?cursor=" + std::to_string(cursor));
    if (!page && !(events && page.error().kind == ErrorKind::unavailable)) return page.error();
    if (page && !conversation.empty() && field(*page, "conversation") != conversation) {
      conversation.clear();
      cursor = 0;
      continue;
    }
    if (page) {
      conversation = field(*page, "conversation");
      for (auto const& row : array(*page, "rows")) print(context, options, row);
      cursor = number(*page, "cursor");
      if (page->contains("nextCursor")) continue;
    }
    if (!options.follow) return exit_done;
    std::fflush(stdout);
    if (!events) events.emplace(*endpoint, path + "/events", "latest");
    auto const event = events->next(kLookAgain);
    if (!event) return event.error();
  }
}

void add(Program& program) {
  auto const o = std::make_shared<Transcript>();
  program
      .verb("Events", "transcript", "What an agent and its model have said to each other",
            "transcript alice -f --grep error")
      .argument("AGENT", o->agent, "The agent", Words::agent)
      .flag("-f,--follow", o->follow, "Go on as it grows")
      .option("--grep", o->grep, "TEXT", "Only what has this text in it")
      .flag("--markdown", o->markdown, "As Markdown")
      .runs([o](Context& context) { return transcript(context, *o); });
}
Family const family(42, add);

}  // namespace
}  // namespace ar::cli
