#include "base/version.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/daemon_process.hpp"
#include "cli/exit_status.hpp"
#include "cli/outbox_view.hpp"
#include "cli/runtime_view.hpp"
#include "cli/text.hpp"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace ar::cli {
namespace {

json check(char const* level, char const* subject, std::string finding, std::string remedy = {}) {
  json row = {{"level", level}, {"subject", subject}, {"finding", std::move(finding)}};
  if (!remedy.empty()) row["remedy"] = std::move(remedy);
  return row;
}

/// Owner and mode of a path that must be private.
json rights_of(std::filesystem::path const& path, mode_t mode, char const* subject) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0)
    return check("error", subject, path.string() + ": " + std::strerror(errno),
                 "agent-runner down, then agent-runner up");
  char octal[8];
  std::snprintf(octal, sizeof octal, "%04o", info.st_mode & 07777);
  if (info.st_uid != ::geteuid())
    return check("error", subject, path.string() + " belongs to user " + std::to_string(info.st_uid),
                 "run agent-runner as that user");
  if ((info.st_mode & 0777) != mode)
    return check("error", subject, path.string() + " has mode " + octal,
                 "agent-runner down, then agent-runner up: others may reach it");
  return check("ok", subject, path.string() + " (" + octal + ")");
}

json bus_check(json const& info) {
  auto const relay = info.contains("relay") ? info["relay"] : json::object();
  auto const finding = field(relay, "kind") + ", " + field(relay, "transport");
  if (field(relay, "transport") == "connected") return check("ok", "bus", finding);
  return check("error", "bus", finding + ": messages wait until it is there again",
               "agent-runner bus status says where it should be and why it is not");
}

/// A daemon of few files holds few agents.
json files_check(json const& files) {
  constexpr std::int64_t kFew = 1024;
  auto const limit = number(files, "limit");
  auto const finding = "the daemon has " + std::to_string(number(files, "open")) + " of " + std::to_string(limit) +
                       " files open, " + std::to_string(number(files, "reserved")) + " of them kept from agents";
  if (limit >= kFew) return check("ok", "files", finding);
  return check("warning", "files", finding,
               "raise the limit for more agents (ulimit -Hn, or LimitNOFILE= of its service), then agent-runner down, "
               "agent-runner up");
}

json runtime_check(json const& runtime) {
  if (!is_paused(runtime)) return check("ok", "runtime", "agents are given work");
  return check("warning", "runtime", runtime_text(runtime) + ": nothing new is handed to any agent", kToResume);
}

json outbox_check(json const& outbox) {
  if (auto problem = outbox_problem(outbox); !problem.empty())
    return check("warning", "webhooks", std::move(problem), kToLookAtWebhooks);
  return check("ok", "webhooks", std::to_string(number(outbox, "waiting")) + " deliveries wait for receivers");
}

/// What can only be seen from outside the daemon.
void own_checks(Context& context, json& checks) {
  auto const paths = context.paths();
  if (!paths) {
    checks.push_back(check("error", "state directory", paths.error().message));
    return;
  }
  auto const running = context.running_api();
  if (!running) {
    if (running.error().code == "daemon_away")
      checks.push_back(check("warning", "daemon", "it does not run", "agent-runner up (other verbs start it too)"));
    else
      checks.push_back(check("error", "daemon", running.error().message));
    return;
  }
  checks.push_back(check("ok", "daemon", "runs as process " + std::to_string((*running)->server_pid())));
  checks.push_back(rights_of(paths->runtime_dir, 0700, "socket directory"));
  checks.push_back(rights_of(paths->control_socket(), 0600, "socket"));
  checks.push_back(rights_of(paths->agents_dir(), 0700, "agents' socket directory"));
  checks.push_back(rights_of(paths->agents_socket(), 0600, "agents' socket"));
  auto const info = (*running)->get("/v1/info", milliseconds(5000));
  if (!info) {
    checks.push_back(check("error", "daemon", info.error().message,
                           "agent-runner down, then agent-runner up; if that does not help: agent-runner logs"));
    return;
  }
  checks.push_back(bus_check(*info));
  checks.push_back(runtime_check(object_at(*info, "runtime")));
  checks.push_back(outbox_check(object_at(*info, "outbox")));
  if (info->contains("descriptors")) checks.push_back(files_check((*info)["descriptors"]));
  if (auto const version = field(*info, "version"); version != kVersion)
    checks.push_back(check("error", "version", "the daemon is " + version + ", this command is " + kVersion,
                           "agent-runner down, then agent-runner up (agents stay)"));
  else
    checks.push_back(check("ok", "version", kVersion));
}

Result<int> doctor(Context& context) {
  json checks = json::array();
  own_checks(context, checks);
  int code = 0;
  auto const output = output_of("agent-runnerd", {"doctor", "--json"}, code);
  auto const answer = output ? parse_object(*output) : Result<json>(output.error());
  if (!output)
    checks.push_back(
        check("error", output.error().code == "kernel" ? "kernel" : "agent-runnerd", output.error().message));
  else if (!answer)
    checks.push_back(check("error", "agent-runnerd",
                           "its doctor ended with status " + std::to_string(code) + " and said nothing useful",
                           "install or build the whole of agent-runner again"));
  else
    for (auto const& row : array(*answer, "checks")) checks.push_back(row);

  int errors = 0;
  Table table({{"LEVEL"}, {"SUBJECT"}, {"FINDING"}}, "");
  for (auto const& row : checks) {
    auto const level = field(row, "level");
    if (level == "error") ++errors;
    auto const colour = level == "ok" ? Colour::green : level == "error" ? Colour::red : Colour::yellow;
    table.add({{level, colour}, field(row, "subject"), field(row, "finding")});
    if (auto const remedy = field(row, "remedy"); !remedy.empty() && level != "ok")
      table.add({"", "", "→ " + context.hints(remedy)});
  }
  if (context.json_output()) context.print_json(json{{"checks", checks}, {"errors", errors}});
  // Not cut at the terminal's width: a remedy is to be copied.
  else
    context.print(table.text(0, context.colour()));
  return errors ? exit_failed : exit_done;
}

void add(Program& program) {
  program
      .verb("More", "doctor", "Check tmux, providers, sockets, rights, disk; says the fix for each finding", "doctor")
      .people_only()
      .runs(doctor);
}
Family const family(50, add);

}  // namespace
}  // namespace ar::cli
