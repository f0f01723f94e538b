#include "base/ids.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/log_reader.hpp"
#include "cli/text.hpp"

#include <cstdio>
#include <deque>

namespace ar::cli {
namespace {

struct Logs {
  std::optional<std::string> agent, lines;
  bool follow = false;
};

bool mentions(std::string_view line, std::string const& word) {
  auto const part_of_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  for (auto at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    bool const begins = at == 0 || !part_of_name(line[at - 1]);
    auto const end = at + word.size();
    if (begins && (end == line.size() || !part_of_name(line[end]))) return true;
  }
  return false;
}

Result<int> logs(Context& context, Logs const& options) {
  auto const paths = context.paths();
  if (!paths) return paths.error();
  std::size_t most = 0;
  if (options.lines) {
    auto const given = number_input("--lines", *options.lines);
    if (!given) return given.error();
    most = static_cast<std::size_t>(*given);
  }
  if (options.agent && !is_safe_name(*options.agent))
    return not_found("agent_not_found",
                     "no agent can be called \"" + *options.agent + "\"; agent-runner ps -a lists them");
  auto const file = paths->log_file();
  std::error_code ec;
  if (!std::filesystem::exists(file, ec) && !options.follow)
    return unavailable("no_log",
                       "there is no log yet at " + file.string() + "; it begins with the daemon: agent-runner up");

  auto const print = [&](std::string_view line) {
    auto const json_line = [&] { return json{{"line", std::string(line)}}; };
    if (context.json_output())
      context.print_json(json_line());
    else
      context.print_foreign(std::string(line) + "\n");
  };
  auto const wanted = [&](std::string_view line) { return !options.agent || mentions(line, *options.agent); };
  LogReader reader(file);
  if (options.follow) {
    if (auto watching = reader.watch(); !watching) return watching.error();
  }
  std::deque<std::string> last;
  auto const first = reader.read([&](std::string_view line) {
    if (!wanted(line)) return;
    if (!options.lines) return print(line);
    last.emplace_back(line);
    if (last.size() > most) last.pop_front();
  });
  if (!first) return first.error();
  for (auto const& line : last) print(line);
  while (options.follow) {
    std::fflush(stdout);
    reader.wait(std::chrono::hours(1));
    auto const more = reader.read([&](std::string_view line) {
      if (wanted(line)) print(line);
    });
    if (!more) return more.error();
  }
  return exit_done;
}

void add(Program& program) {
  auto const o = std::make_shared<Logs>();
  program.verb("Events", "logs", "The daemon's log", "logs alice -f -n 20")
      .argument("AGENT", o->agent, "Only what concerns this agent", Words::agent)
      .flag("-f,--follow", o->follow, "Go on as it grows")
      .option("-n,--lines", o->lines, "N", "Only the last N lines")
      .people_only()
      .runs([o](Context& context) { return logs(context, *o); });
}
Family const family(41, add);

}  // namespace
}  // namespace ar::cli
