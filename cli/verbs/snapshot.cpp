// Snapshots: what of the agents can be taken along, and brought back here or elsewhere.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/text.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace ar::cli {
namespace {

constexpr milliseconds kPatience{1'800'000};  ///< of what reads and writes all there is

struct New {
  std::optional<std::string> label{};
  bool history = false;
};

struct List {
  std::optional<std::string> label{}, limit{};
};

struct Export {
  std::string id;
  std::optional<std::string> out{};
};

struct Restore {
  std::string from;
  std::vector<std::string> agents{};
  bool history = false;
};

std::string path_of(std::string const& id) { return "/v1/snapshots/" + encoded(id); }

std::string sections_text(json const& snapshot) {
  std::string text;
  auto const sections = snapshot.find("sections");
  if (sections == snapshot.end() || !sections->is_object()) return text;
  for (auto const& [name, section] : sections->items())
    text += (text.empty() ? "" : ", ") + single_line(name) + " " + field(section, "count");
  return text;
}

Result<int> create(Context& context, New const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  json body = {{"includeHistory", options.history}};
  set_if(body, "label", options.label);
  if (context.terminal()) context.note("taking a snapshot of all agents...");
  auto const answer = (*api)->post("/v1/snapshots", body, kPatience);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(field(*answer, "id") + ": " + size_text(number(*answer, "bytes")) +
                  " (rows: " + sections_text(*answer) + ")\n");
  return exit_done;
}

Result<int> list(Context& context, List const& options) {
  std::string query;
  if (options.limit) {
    auto const limit = number_input("--limit", *options.limit);
    if (!limit) return limit.error();
    query = "?limit=" + std::to_string(*limit);
  }
  if (options.label) query += (query.empty() ? "?" : "&") + std::string("labelContains=") + encoded(*options.label);
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/snapshots" + query);
  if (!answer) return answer.error();
  Table table({{"ID"}, {"AGE", true}, {"SIZE", true}, {"HISTORY"}, {"LABEL"}});
  for (auto const& snapshot : array(*answer, "snapshots")) {
    if (context.json_output()) {
      context.print_json(snapshot);
      continue;
    }
    auto const at = snapshot.contains("createdAt") ? time_of(snapshot["createdAt"]) : std::nullopt;
    table.add({{field(snapshot, "id"), Colour::bold},
               at ? age(wall_now() - *at) : "",
               size_text(number(snapshot, "bytes")),
               field(snapshot, "includeHistory") == "true" ? "yes" : "no",
               field(snapshot, "label")});
  }
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no snapshots");
  else
    context.print(table);
  return exit_done;
}

Result<int> show(Context& context, std::string const& id) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->get(path_of(id));
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  auto const label = field(*answer, "label");
  context.print(field(*answer, "id") + (label.empty() ? "" : " \"" + single_line(label) + "\"") + ", taken at " +
                single_line(field(*answer, "createdAt")) + ", " + size_text(number(*answer, "bytes")) + "\n");
  Table table({{"SECTION"}, {"VERSION"}, {"ROWS", true}});
  auto const sections = answer->value("sections", json::object());
  for (auto const& [name, section] : sections.items())
    table.add({{name, Colour::bold}, field(section, "version"), field(section, "count")});
  context.print(table);
  return exit_done;
}

/// A new file of the user's own: conversations are in it.
class NewFile {
 public:
  explicit NewFile(std::filesystem::path file) : file_(std::move(file)) {}
  ~NewFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(file_.c_str());
  }
  NewFile(NewFile const&) = delete;
  NewFile& operator=(NewFile const&) = delete;

  Result<void> open() {
    fd_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd_ >= 0) return {};
    if (errno == EEXIST)
      return conflict("file_exists", file_.string() + " exists already; name another one with --out");
    return from_errno("cannot write " + file_.string(), errno);
  }
  Result<void> write(std::string_view bytes) {
    while (!bytes.empty()) {
      auto const n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return from_errno("cannot write " + file_.string(), errno);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }
  /// Until then it goes with this object.
  Result<void> keep() {
    int const fd = std::exchange(fd_, -1);
    if (::close(fd) == 0) return {};
    auto const reason = errno;
    ::unlink(file_.c_str());
    return from_errno("cannot write " + file_.string(), reason);
  }

 private:
  std::filesystem::path const file_;
  int fd_ = -1;
};

Result<int> export_to_file(Context& context, Export const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const known = (*api)->get(path_of(options.id));
  if (!known) return known.error();
  auto const whole = number(*known, "bytes");
  auto const name = options.out.value_or(options.id + ".json");
  NewFile file(name);
  if (auto opened = file.open(); !opened) return opened.error();
  std::int64_t done = 0, told = 0;
  auto const done_with =
      (*api)->stream({.method = "GET", .target = path_of(options.id) + "/export"}, [&](std::string_view bytes) {
        done += static_cast<std::int64_t>(bytes.size());
        if (context.terminal() && done - told > (64 << 20)) {
          told = done;
          context.note(size_text(done) + " of " + size_text(whole));
        }
        return file.write(bytes);
      });
  if (!done_with) return done_with.error();
  if (done != whole)
    return unavailable("download_cut", "only " + std::to_string(done) + " of " + std::to_string(whole) +
                                           " bytes came; try again, and see agent-runner logs");
  if (auto kept = file.keep(); !kept) return kept.error();
  if (context.json_output())
    context.print_json({{"file", name}, {"bytes", done}});
  else
    context.print(single_line(name) + ": " + size_text(done) + "\n");
  return exit_done;
}

/// A snapshot's id, or a file of one, which the daemon reads itself.
json what_to_restore(std::string const& from) {
  std::error_code ec;
  bool const is_file = from.find('/') != std::string::npos || std::filesystem::exists(from, ec);
  if (!is_file) return {{"snapshotId", from}};
  return {{"file", std::filesystem::absolute(from, ec).lexically_normal().string()}};
}

void print_restored(Context const& context, json const& answer) {
  Table table({{"AGENT", false, 32}, {"RESULT"}, {"STATE"}, {"WHY"}});
  for (auto const& agent : array(answer, "agents")) {
    auto const result = field(agent, "result");
    table.add({{field(agent, "agent"), Colour::bold},
               {result, result == "failed" ? Colour::red : Colour::none},
               field(agent, "state"),
               field(agent, "reason")});
  }
  if (!table.empty()) context.print(table);
  for (auto const& agent : array(answer, "agents")) {
    auto const name = single_line(field(agent, "agent"));
    for (auto const& left : array(agent, "leftOut"))
      if (left.is_string()) context.note(name + ": " + single_line(left.get<std::string>()));
    std::string withheld;
    for (auto const& part : array(agent, "withheld"))
      if (part.is_string()) withheld += (withheld.empty() ? "" : ", ") + single_line(part.get<std::string>());
    if (!withheld.empty())
      context.note(name + " comes without " + withheld +
                   ": secrets are not taken along; give it to all agents of its provider in the configuration");
  }
  for (auto const& left : array(answer, "leftOut"))
    if (left.is_string()) context.note("not restored: " + single_line(left.get<std::string>()));
  auto const sections = answer.value("sections", json::object());
  for (auto const& [section, counts] : sections.items())
    context.print(single_line(section) + ": " + field(counts, "written") + " written, " + field(counts, "skipped") +
                  " skipped\n");
}

Result<int> restore(Context& context, Restore const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  auto body = what_to_restore(options.from);
  body["includeHistory"] = options.history;
  set_if(body, "agents", options.agents);
  if (context.terminal()) context.note("restoring...");
  auto const answer = (*api)->post("/v1/snapshots/restore", body, kPatience);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    print_restored(context, *answer);
  for (auto const& agent : array(*answer, "agents"))
    if (field(agent, "result") == "failed") return exit_failed;
  return exit_done;
}

Result<int> remove(Context& context, std::vector<std::string> const& ids) {
  auto const api = context.api();
  if (!api) return api.error();
  for (auto const& id : ids) {
    if (auto const removed = (*api)->remove(path_of(id)); !removed) return removed.error();
    if (context.json_output())
      context.print_json({{"removed", id}});
    else
      context.print(single_line(id) + ": removed\n");
  }
  return exit_done;
}

void add(Program& program) {
  auto snapshot = program.verb("Daemon", "snapshot", "Take all agents along, and bring them back here or elsewhere",
                               "snapshot create --label before-the-move");

  auto const fresh = std::make_shared<New>();
  snapshot
      .command("create", "Take a snapshot of all agents, their conversations, messages and memory",
               "snapshot create --label before-the-move --history")
      .option("--label", fresh->label, "TEXT", "What for")
      .flag("--history", fresh->history, "Also what is over: turns, messages, events, decisions")
      .runs([fresh](Context& context) { return create(context, *fresh); });

  auto const listed = std::make_shared<List>();
  snapshot.command("list", "The snapshots that there are, the newest first", "snapshot list --label move")
      .option("--label", listed->label, "TEXT", "Only those whose label has this text in it")
      .option("--limit", listed->limit, "N", "At most so many")
      .runs([listed](Context& context) { return list(context, *listed); });

  auto const shown = std::make_shared<std::string>();
  snapshot.command("show", "One snapshot, and what it holds", "snapshot show snp_0123456789abcdef")
      .argument("SNAPSHOT", *shown, "The snapshot's id")
      .runs([shown](Context& context) { return show(context, *shown); });

  auto const out = std::make_shared<Export>();
  snapshot
      .command("export", "Write a snapshot's document into a new file, to be restored anywhere",
               "snapshot export snp_0123456789abcdef --out agents.json")
      .argument("SNAPSHOT", out->id, "The snapshot's id")
      .option("--out", out->out, "FILE", "The file (SNAPSHOT.json unless given)", Words::file)
      .runs([out](Context& context) { return export_to_file(context, *out); });

  auto const back = std::make_shared<Restore>();
  snapshot
      .command("restore", "Bring back what a snapshot holds, and is not here; agents come suspended",
               "snapshot restore agents.json --agent alice")
      .argument("SNAPSHOT|FILE", back->from, "The id of one of this daemon's, or an exported file", Words::file)
      .option("--agent", back->agents, "AGENT", "This agent alone, with what is its own; may be repeated")
      .flag("--history", back->history, "Also what is over, where the snapshot has it")
      .runs([back](Context& context) { return restore(context, *back); });

  auto const gone = std::make_shared<std::vector<std::string>>();
  snapshot.command("rm", "Remove snapshots", "snapshot rm snp_0123456789abcdef")
      .argument("SNAPSHOT", *gone, "Their ids")
      .runs([gone](Context& context) { return remove(context, *gone); });
}
Family const family(3, add);

}  // namespace
}  // namespace ar::cli
