#include "daemon/resources/resource_control.hpp"

#include "base/ids.hpp"
#include "base/paths.hpp"
#include "base/process/control_group.hpp"
#include "base/process/run_program.hpp"
#include "base/worker.hpp"

#include <algorithm>
#include <cstdlib>
#include <pwd.h>
#include <sstream>
#include <sys/xattr.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace ar::daemon {
namespace {

constexpr std::chrono::seconds kPatience{3};
constexpr std::string_view kWanted[] = {"memory", "pids", "cpu"};

std::string variable(char const* name) {
  char const* const value = std::getenv(name);
  return value ? value : "";
}

/// Scopes end with the user's manager, and that, without lingering, at the user's last logout; a daemon that is no
/// service of it, and its agents, would go on. Asks for the user's name, which may be kept on another machine: not for
/// the io thread.
bool ends_at_logout(bool is_service) {
  if (is_service) return false;
  std::error_code ec;
  auto const* const user = ::getpwuid(::geteuid());
  bool const lingers = user && fs::exists(fs::path("/var/lib/systemd/linger") / user->pw_name, ec);
  bool const has_sessions = fs::exists("/run/systemd/users/" + std::to_string(::geteuid()), ec);
  return has_sessions && !lingers;
}

/// Where a scope with limits would be, and what its group can do: two lines.
awaitable<Result<ProgramOutcome>> try_scope(Executor executor, fs::path systemd_run, bool oom_policy) {
  SpawnSpec spec;
  spec.executable = systemd_run;
  spec.directory = "/";
  spec.environment = {"PATH=/usr/local/bin:/usr/bin:/bin"};
  for (char const* name : {"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"})
    if (auto const value = variable(name); !value.empty()) spec.environment.push_back(std::string(name) + "=" + value);
  spec.arguments = {"--user",
                    "--scope",
                    "--quiet",
                    "--collect",
                    "--unit=agent-runner-probe-" + random_hex(4) + ".scope",
                    "--property=MemoryMax=1G",
                    "--property=TasksMax=100",
                    "--property=CPUQuota=100%"};
  if (oom_policy) spec.arguments.push_back("--property=OOMPolicy=continue");
  auto const show =
      "while IFS= read -r line; do case $line in 0::*) echo \"${line#0::}\"; "
      "while IFS= read -r names; do echo \"$names\"; done <\"$0${line#0::}/cgroup.controllers\";; esac; "
      "done </proc/self/cgroup";
  spec.arguments.insert(spec.arguments.end(), {"--", "/bin/sh", "-c", show, control_group_mount().string()});
  co_return co_await run_program(executor, std::move(spec), kPatience);
}

std::vector<std::string> wanted_of(std::vector<std::string> const& there) {
  std::vector<std::string> names;
  for (auto const& name : kWanted)
    if (std::ranges::find(there, name) != there.end()) names.emplace_back(name);
  return names;
}

/// Empty: it works, and `control` says where; else why it does not.
awaitable<std::string> find_scopes(Executor executor, bool is_service, ResourceControl& control) {
  auto const runtime_dir = variable("XDG_RUNTIME_DIR");
  std::error_code ec;
  if (runtime_dir.empty() || !fs::exists(fs::path(runtime_dir) / "systemd" / "private", ec))
    co_return "no user manager of systemd listens in XDG_RUNTIME_DIR";
  if (control_group_mount().empty()) co_return "control groups v2 are not mounted";
  auto const program = find_executable("systemd-run");
  if (!program) co_return "systemd-run is not installed";
  Worker worker;
  auto look = [is_service] { return ends_at_logout(is_service); };
  bool const ends = co_await worker.run(std::move(look));
  if (ends)
    co_return "scopes would end with this user's last logout: loginctl enable-linger, or install agent-runner as a "
              "service";
  for (bool const oom_policy : {true, false}) {
    auto const tried = co_await try_scope(executor, *program, oom_policy);
    if (!tried) co_return tried.error().message;
    if (tried->status != 0) {
      if (oom_policy) continue;  // systemd knows it since version 253
      co_return "systemd-run cannot make a scope: " + tried->said;
    }
    std::istringstream lines(tried->said);
    std::string group, names;
    std::getline(lines, group);
    std::getline(lines, names);
    if (!group.starts_with('/')) co_return "systemd-run does not say where a scope is: " + tried->said;
    std::istringstream words(names);
    std::vector<std::string> there;
    for (std::string name; words >> name;) there.push_back(name);
    control.by = ResourceControl::By::scope;
    control.parent = (control_group_mount() / group.substr(1)).parent_path();
    control.controllers = wanted_of(there);
    control.systemd_run = *program;
    control.has_oom_policy = oom_policy;
    control.why = "this user's systemd gives each agent a scope";
    co_return std::string();
  }
  co_return std::string("systemd-run cannot make a scope");
}

bool has_attribute(fs::path const& file, char const* name) {
  char value[8] = "";
  return ::getxattr(file.c_str(), name, value, sizeof value - 1) > 0 && value[0] == '1';
}

/// Empty: it is ours to divide.
std::string find_own_group(pid_t daemon, ResourceControl& control) {
  auto own = control_group_of(daemon);
  if (own.empty()) return "the daemon is in no control group v2";
  if (own.filename() == kDaemonGroup) own = own.parent_path();
  std::error_code ec;
  if (!fs::exists(own / "cgroup.type", ec)) return "the daemon is in the topmost control group";
  if (::access((own / "cgroup.procs").c_str(), W_OK) != 0 || ::access(own.c_str(), W_OK) != 0)
    return "the daemon may not divide its control group " + own.string();
  // Where systemd keeps the groups, each is its own unless it says otherwise.
  bool const delegated = has_attribute(own, "user.delegate") || has_attribute(own, "trusted.delegate");
  if (fs::exists("/run/systemd/system", ec) && !delegated)
    return "the control group " + own.string() + " is systemd's (Delegate=yes in its unit would change that)";
  control.by = ResourceControl::By::cgroup;
  control.parent = own;
  control.controllers = wanted_of(controllers_of(own));
  control.why = "the daemon divides its control group " + own.string();
  return {};
}

}  // namespace

bool ResourceControl::can(std::string_view controller) const {
  return std::ranges::find(controllers, controller) != controllers.end();
}

std::string_view to_string(ResourceControl::By by) {
  switch (by) {
    case ResourceControl::By::scope: return "scope";
    case ResourceControl::By::cgroup: return "cgroup";
    case ResourceControl::By::rlimits: break;
  }
  return "rlimits";
}

awaitable<ResourceControl> find_resource_control(Executor executor, pid_t daemon, bool is_service) {
  ResourceControl control;
  auto const no_scopes = co_await find_scopes(executor, is_service, control);
  if (no_scopes.empty()) co_return control;
  auto const no_group = find_own_group(daemon, control);
  control.why = no_group.empty() ? control.why + "; " + no_scopes : no_scopes + "; " + no_group;
  co_return control;
}

}  // namespace ar::daemon
