#include "adapters/codex/launch.hpp"

#include "adapters/cli_probe.hpp"
#include "adapters/codex/profile.hpp"
#include "adapters/codex/tool_use.hpp"
#include "adapters/codex/versions.hpp"
#include "base/paths.hpp"
#include "base/process/process_info.hpp"

#include <algorithm>
#include <map>
#include <sys/un.h>

namespace ar::adapters::codex {
namespace {

namespace fs = std::filesystem;

#if defined(__aarch64__)
constexpr auto kPackage = "codex-linux-arm64";
constexpr auto kTriple = "aarch64-unknown-linux-musl";
#else
constexpr auto kPackage = "codex-linux-x64";
constexpr auto kTriple = "x86_64-unknown-linux-musl";
#endif

/// An operator's own "--listen" and the like would take the app server out of our hands.
Result<void> check_own_flags(std::vector<std::string> const& arguments) {
  for (auto const& argument : arguments) {
    auto const name = argument.substr(0, argument.find('='));
    for (std::string_view ours : {"--listen", "--stdio", "--remote", "--ws-auth", "--cd", "-C"})
      if (name == ours)
        return invalid("providerArgs", "providerArgs must not hold " + name + ": agent-runner sets it itself");
  }
  return {};
}

/// Codex replaces the socket that a dead app server left. From one that lives it turns away, and we would meanwhile
/// talk to a stranger.
Result<void> check_socket(LaunchRequest const& request, fs::path const& socket) {
  auto const pid = listener_at(socket);
  // The agent's own, of a start whose answer was lost, goes when its terminal is taken.
  if (pid == 0 || was_started_with(pid, "AGENT_RELAY_ID=" + request.agent_id)) return {};
  std::string who = "another process", remedy = "end it (`ss -xlp` may tell which it is)";
  if (pid > 0) {
    auto const number = std::to_string(pid);
    auto const name = read_file("/proc/" + number + "/comm", 64);
    who = "process " + number + (name ? " (" + name->substr(0, name->find('\n')) + ")" : "");
    remedy = "end it (kill " + number + ")";
  }
  return unavailable("socket_taken", who + " listens at " + socket.string() + ", where the app server of agent " +
                                         request.agent_id + " is to listen; " + remedy);
}

std::string search_path_of(std::map<std::string, std::string> const& environment) {
  auto const path = environment.find("PATH");
  return path == environment.end() ? std::string() : path->second;
}

}  // namespace

Files files_of(LaunchRequest const& request) {
  auto const dir = request.agent_dir / "codex";
  return {dir, dir / "app.sock", dir / "thread", dir / "server.log"};
}

fs::path native_program(fs::path const& found) {
  std::error_code ec;
  auto const script = fs::canonical(found, ec);
  if (ec || script.extension() != ".js") return found;
  auto const package = script.parent_path().parent_path();
  for (auto const& root :
       {package.parent_path() / kPackage, package / "node_modules" / "@openai" / kPackage, package}) {
    auto const program = root / "vendor" / kTriple / "bin" / "codex";
    if (fs::exists(program, ec)) return program;
  }
  return found;
}

Result<std::string> cli_version(fs::path const& cli) { return program_version(cli); }

Result<fs::path> find_cli(std::string const& command, std::string const& search_path) {
  auto const missing = [](std::string const& why) {
    return Error{ErrorKind::not_found, "cli_missing",
                 "Codex is not installed: " + why + " (npm install -g @openai/codex, or set providers.codex.command)"};
  };
  auto const found = find_executable(command, search_path);
  if (!found) return missing(found.error().message);
  auto const cli = native_program(*found);
  auto const version = cli_version(cli);
  std::error_code ec;
  if (!version && !fs::exists(cli, ec)) return missing(version.error().message);  // an update has just taken it away
  if (!version) return version.error();
  if (compare_numbers(*version, kOldestVersion) < 0)
    return conflict("cli_too_old", "Codex " + *version + " at " + found->string() + " is too old; update it to " +
                                       std::string(kOldestVersion) + " or newer (npm install -g @openai/codex)");
  return cli;
}

std::map<std::string, std::string> launch_environment(LaunchRequest const& request, Options const& options) {
  auto environment = request.environment;
  for (auto const& [name, value] : options.environment) environment[name] = value;
  auto& search = environment["PATH"];
  // Skills name the command line tool by its file name; it lies beside the hook client.
  if (!request.hook_client.empty()) {
    auto const dir = request.hook_client.parent_path().string();
    search = search.empty() ? dir : dir + ":" + search;
  }
  // The tools that come with the CLI, which its npm script would have put there.
  if (auto const found = find_executable(options.command, search)) {
    auto const tools = native_program(*found).parent_path().parent_path() / "codex-path";
    std::error_code ec;
    if (fs::is_directory(tools, ec)) search += ":" + tools.string();
  }
  project_environment(request, environment);
  return environment;
}

fs::path codex_home(std::map<std::string, std::string> const& environment) {
  if (auto const own = environment.find("CODEX_HOME"); own != environment.end() && !own->second.empty())
    return own->second;
  auto const home = environment.find("HOME");
  return (home == environment.end() ? fs::path("/") : fs::path(home->second)) / ".codex";
}

Result<LaunchPlan> plan_launch(LaunchRequest const& request, Options const& options) {
  LaunchPlan plan;
  plan.environment = launch_environment(request, options);
  auto const cli = find_cli(options.command, search_path_of(plan.environment));
  if (!cli) return cli.error();
  if (!permission(request.approval_mode))
    return invalid("approvalMode", "approvalMode \"" + request.approval_mode +
                                       "\" is neither read-only, guarded, auto, full nor a sandbox mode of Codex");
  if (auto checked = check_own_flags(request.provider_args); !checked) return checked.error();

  auto const files = files_of(request);
  if (files.socket.string().size() >= sizeof(sockaddr_un::sun_path))
    return invalid("state directory",
                   "the path " + files.socket.string() +
                       " is too long for a unix socket; choose a shorter state directory or agent name");
  if (auto made = make_private_dir(files.dir); !made) return made.error();
  if (auto checked = check_socket(request, files.socket); !checked) return checked.error();
  std::error_code ec;
  if (auto written = write_profile(request, options); !written) return written.error();
  fs::create_directories(codex_home(plan.environment), ec);
  // The session says which thread is to be shown, as soon as it has it.
  fs::remove(files.thread, ec);
  // What an earlier app server said is not to be taken for this one's words.
  fs::remove(files.log, ec);

  auto const host = request.hook_client.parent_path() / "agent-runner-codex";
  plan.argv = {host.string(), files.dir.string(), options.view ? "view" : "no-view", cli->string(), "app-server"};
  auto const set = [&](std::string value) {
    plan.argv.emplace_back("-c");
    plan.argv.push_back(std::move(value));
  };
  set("check_for_update_on_startup=false");
  if (!options.wait_for_network) set("features.unbounded_connection_retries=false");
  for (auto& value : overrides(options.settings)) set(std::move(value));
  for (auto& value : project(request, options).overrides) set(std::move(value));
  if (options.tool_hooks)
    for (auto& value : tool_hook_overrides(request)) set(std::move(value));
  plan.argv.insert(plan.argv.end(), request.provider_args.begin(), request.provider_args.end());
  plan.argv.emplace_back("--listen");
  plan.argv.push_back("unix://" + files.socket.string());

  plan.session_id = request.resume_session;
  plan.resumes = !request.resume_session.empty();
  return plan;
}

}  // namespace ar::adapters::codex
