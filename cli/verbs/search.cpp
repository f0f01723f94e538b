// Searching what was said: in the agents' transcripts, and in messages.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/paging.hpp"
#include "cli/text.hpp"

#include <chrono>

namespace ar::cli {
namespace {

constexpr std::string_view kBegin = "⟦", kEnd = "⟧";  ///< around what was found
constexpr std::size_t kUsual = 20;                    ///< results, for people who say no --limit

struct Search {
  std::vector<std::string> words;
  std::optional<std::string> agent, since, limit;
};

/// "2d" is so long ago; anything else is the daemon's to read.
Result<std::string> since_of(std::string const& given) {
  if (auto const span = parse_duration(given)) return to_iso8601(wall_now() - *span);
  auto const time = time_of(given);
  if (!time)
    return invalid("--since", "\"" + given + "\" is no time; write how long ago, like 2d, or 2026-01-31T12:00:00.000Z");
  return to_iso8601(*time);
}

/// On a terminal with colours what was found is bold, and nothing around it.
std::string marked(std::string const& snippet, bool colour) {
  if (!colour) return single_line(snippet);
  std::string text;
  for (std::string_view left = snippet; !left.empty();) {
    auto const begin = left.find(kBegin), end = left.find(kEnd, std::min(begin, left.size()));
    text += printable(left.substr(0, begin));
    if (begin == std::string_view::npos || end == std::string_view::npos) break;
    text += paint(printable(left.substr(begin + kBegin.size(), end - begin - kBegin.size())), Colour::bold, true);
    left.remove_prefix(end + kEnd.size());
  }
  return text;
}

std::string heading(json const& hit) {
  auto const at = hit.contains("time") ? time_of(hit["time"]) : std::nullopt;
  std::string text = at ? date_text(*at) + "  " : "";
  if (field(hit, "kind") == "message")
    text += "message " + field(hit, "messageId") + ", " + field(hit, "from") + " to " + field(hit, "to");
  else
    text += field(hit, "agent") + ", " + field(hit, "role");
  if (auto const turn = field(hit, "turn"); !turn.empty()) text += ", turn " + turn;
  return single_line(text);
}

Result<int> search(Context& context, Search const& options) {
  std::string words;
  for (auto const& word : options.words) words += (words.empty() ? "" : " ") + word;
  auto target = "/v1/search?q=" + encoded(words);
  if (options.agent) target += "&agent=" + encoded(*options.agent);
  if (options.since) {
    auto const since = since_of(*options.since);
    if (!since) return since.error();
    target += "&since=" + encoded(*since);
  }
  auto limit = context.json_output() ? 0 : kUsual;
  if (options.limit) {
    auto const given = number_input("--limit", *options.limit);
    if (!given) return given.error();
    limit = static_cast<std::size_t>(*given);
  }
  auto const api = context.api();
  if (!api) return api.error();
  std::size_t found = 0;
  auto const listed = for_each_row(**api, target, "results", limit, [&](json const& hit) {
    ++found;
    if (context.json_output()) return context.print_json(hit);
    context.print(paint(heading(hit), Colour::dim, context.colour()) + "\n  " +
                  marked(field(hit, "snippet"), context.colour()) + "\n");
  });
  if (!listed) return listed.error();
  if (found == 0 && !context.json_output()) context.note("nothing found");
  if (found == limit && !options.limit && found > 0)
    context.note("the newest " + std::to_string(found) + "; --limit N shows more");
  return exit_done;
}

void add(Program& program) {
  auto const o = std::make_shared<Search>();
  program
      .verb("Events", "search", "Search what agents and people have said, the newest first",
            "search parser 'fail*' --agent alice --since 2d")
      .argument("WORDS", o->words, "Words that all must be there; '\"a phrase\"'; 'begin*'")
      .option("--agent", o->agent, "AGENT", "Only its transcripts, and messages from it or for it", Words::agent)
      .option("--since", o->since, "2d", "Only what was said since: so long ago, or a time")
      .option("--limit", o->limit, "N", "At most so many (20 unless --json)")
      .runs([o](Context& context) { return search(context, *o); });
}
Family const family(43, add);

}  // namespace
}  // namespace ar::cli
