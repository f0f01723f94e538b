// What an agent has made: listed, and all of it in an archive.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/new_file.hpp"
#include "cli/paging.hpp"
#include "cli/text.hpp"

namespace ar::cli {
namespace {

constexpr milliseconds kPatience{120'000};  ///< for a part: a file may be copied before it is sent

struct Outputs {
  std::string agent;
  std::optional<std::string> name, type, since;
};

struct Download {
  std::string agent;
  std::optional<std::string> out;
};

std::string path_of(Outputs const& options) {
  auto path = "/v1/sessions/" + encoded(options.agent) + "/outputs";
  char separator = '?';
  for (auto const& [parameter, value] :
       {std::pair{"name", options.name}, std::pair{"type", options.type}, std::pair{"since", options.since}}) {
    if (!value) continue;
    path += separator + std::string(parameter) + "=" + encoded(*value);
    separator = '&';
  }
  return path;
}

Result<int> outputs(Context& context, Outputs const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const path = path_of(options);
  Table table({{"NAME"}, {"SIZE", true}, {"TURN", true}, {"AGE", true}, {"TYPE", false, 0, 1}, {"ID", false, 0, 2}});
  auto const listed = for_each_row(**api, path, "outputs", 0, [&](json const& row) {
    if (context.json_output()) {
      context.print_json(row);
      return;
    }
    auto const at = row.contains("capturedAt") ? time_of(row["capturedAt"]) : std::nullopt;
    bool const is_gone = !field(row, "goneAt").empty();
    table.add({{field(row, "name"), is_gone ? Colour::dim : Colour::none},
               size_text(number(row, "byteSize")),
               std::to_string(number(row, "turnSeq") + 1),
               at ? age(wall_now() - *at) : "",
               field(row, "contentType"),
               field(row, "id")});
  });
  if (!listed) return listed.error();
  auto const first = (*api)->get(path + (path.find('?') == std::string::npos ? "?" : "&") + "limit=1");
  if (!first) return first.error();
  for (auto const& one : array(*first, "missing"))
    context.note("agent-runner: missing: " + single_line(field(one, "path")) + ": " +
                 single_line(field(one, "reason")) + ", " + single_line(field(one, "message")));
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no outputs");
  else
    context.print(table);
  return exit_done;
}

Result<int> download(Context& context, Download const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  std::filesystem::path const file = options.out.value_or(options.agent + ".zip");
  Call call{.method = "GET", .target = "/v1/sessions/" + encoded(options.agent) + "/archive"};
  call.patience = kPatience;
  std::optional<NewFile> archive;  // made when there is something to put into it
  std::int64_t bytes = 0;
  auto const sent = (*api)->stream(call, [&](std::string_view part) -> Result<void> {
    if (!archive) {
      auto made = NewFile::create(file);
      if (!made) return made.error();
      archive.emplace(std::move(*made));
    }
    bytes += static_cast<std::int64_t>(part.size());
    return archive->write(part);
  });
  if (!sent) return sent.error();
  if (archive) archive->keep();
  if (context.json_output())
    context.print_json({{"file", file.string()}, {"bytes", bytes}});
  else
    context.print(single_line(file.string()) + ": " + size_text(bytes) + "\n");
  return exit_done;
}

void add(Program& program) {
  auto const listed = std::make_shared<Outputs>();
  program
      .verb("Agents", "outputs", "The files that an agent has made in its output folders",
            "outputs alice --name '*.md'")
      .argument("AGENT", listed->agent, "Which one", Words::agent)
      .option("--name", listed->name, "PATTERN", "Only of such names, or last parts of a name")
      .option("--type", listed->type, "TYPE", "Only of this type: image/png, or image/*")
      .option("--since", listed->since, "TIME", "Only those captured since then (2026-01-31T12:00:00.000Z)")
      .runs([listed](Context& context) { return outputs(context, *listed); });

  auto const wanted = std::make_shared<Download>();
  program
      .verb("Agents", "download", "All of an agent in a zip: its turns, events and outputs",
            "download alice --out alice.zip")
      .argument("AGENT", wanted->agent, "Which one", Words::agent)
      .option("--out", wanted->out, "FILE", "Where to (default: AGENT.zip here); a file that is there is not replaced",
              Words::file)
      .runs([wanted](Context& context) { return download(context, *wanted); });
}
Family const family(27, add);

}  // namespace
}  // namespace ar::cli
