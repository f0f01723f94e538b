#include "adapters/claude/launch.hpp"

#include "adapters/claude/live_state.hpp"
#include "adapters/claude/messaging_socket.hpp"
#include "adapters/claude/notices.hpp"
#include "adapters/claude/profile.hpp"
#include "adapters/claude/versions.hpp"
#include "adapters/cli_probe.hpp"
#include "adapters/relay_note.hpp"
#include "adapters/relay_tools.hpp"
#include "base/ids.hpp"
#include "base/paths.hpp"

#include <algorithm>
#include <array>

namespace ar::adapters::claude {
namespace {

namespace fs = std::filesystem;

/// Variables that mark an enclosing session, whoever gave them. CLAUDE_CODE_CHILD_SESSION alone would silently turn the
/// transcript off. (Claude Code's settings, CLAUDE_CODE_*, are a person's to give; the daemon hands on none of its
/// own.)
bool marks_a_session(std::string const& name) {
  constexpr std::array<std::string_view, 17> kMarks{"CLAUDECODE",
                                                    "AI_AGENT",
                                                    "TMUX",
                                                    "TMUX_PANE",
                                                    "TRACEPARENT",
                                                    "CLAUDE_PID",
                                                    "CLAUDE_EFFORT",
                                                    "CLAUDE_PROJECT_DIR",
                                                    "CLAUDE_CODE_CHILD_SESSION",
                                                    "CLAUDE_CODE_SESSION_ID",
                                                    "CLAUDE_CODE_ENTRYPOINT",
                                                    "CLAUDE_CODE_EXECPATH",
                                                    "CLAUDE_CODE_CHILD_NOTES_DIR",
                                                    "CLAUDE_CODE_SESSION_ATTENDED",
                                                    "CLAUDE_CODE_LAUNCHED_BY_SESSION_IDS",
                                                    "CLAUDE_CODE_MESSAGING_SOCKET",
                                                    "CLAUDE_CODE_MESSAGING_TOKEN"};
  return std::ranges::find(kMarks, name) != kMarks.end() || name.starts_with("CLAUDE_BG_");
}

/// What an agent gets unless the operator says otherwise: the renderer that leaves the scrollback to who attaches, no
/// messages of other sessions, which would come past the bus, and no turn that goes on by itself after a usage limit:
/// its message has gone back by then and comes again (docs/claude-code.md).
json default_settings() {
  return {{"tui", "default"}, {"crossSessionInbound", "refuse"}, {"autoContinueAtUsageLimit", false}};
}

json settings_for(LaunchRequest const& request, Options const& options, json const& of_profile, std::string const& mode,
                  bool has_socket) {
  auto settings = default_settings();
  settings.merge_patch(of_profile);
  settings.merge_patch(options.settings);
  // Without it what we write there is refused, or held behind a dialog. What the model itself would say to other
  // sessions goes past the bus.
  if (has_socket) settings["crossSessionInbound"] = "accept";
  // What comes with a message may be read, and a message be answered, without asking anybody: the agent's own
  // token reaches nothing but its own messages.
  auto& permissions = settings["permissions"];
  if (!permissions.is_object()) permissions = json::object();
  auto& allowed = permissions["allow"];
  if (!allowed.is_array()) allowed = json::array();
  allowed.push_back("Read(/" + request.agent_dir.string() + "/**)");  // two slashes: an absolute path
  for (std::string const verb : {"reply", "react", "read", "inbox"})
    allowed.push_back("Bash(agent-runner " + verb + ":*)");
  if (has_relay_tools(request, options.relay_tools))
    for (auto const tool : kUnaskedTools) allowed.push_back(kToolsBegin + std::string(tool));
  if (has_socket) {
    auto& denied = permissions["deny"];
    if (!denied.is_array()) denied = json::array();
    denied.push_back("SendMessage");
  }
  if (options.accept_bypass && mode == "bypassPermissions") settings["skipDangerousModePermissionPrompt"] = true;
  if (options.enable_project_mcp) settings["enableAllProjectMcpServers"] = true;
  if (options.status_line && !request.hook_client.empty()) {
    // A shell runs it, and shows what it prints; the client's answer is for hooks.
    settings["statusLine"] = json{{"type", "command"}, {"command", "agent-runner-hook StatusLine >/dev/null"}};
  }
  return settings;
}

/// An operator's own "-p", "--settings" and the like would take the session out of our hands.
Result<void> check_own_flags(std::vector<std::string> const& arguments) {
  for (auto const& argument : arguments) {
    auto const name = argument.substr(0, argument.find('='));
    for (std::string_view ours :
         {"--session-id", "--resume", "-r", "--continue", "-c", "--print", "-p", "--bare", "--fork-session", "--bg",
          "--worktree", "--settings", "--permission-mode", "--messaging-socket-path"})
      if (name == ours)
        return invalid("providerArgs", "providerArgs must not hold " + name + ": agent-runner sets it itself" +
                                           (name == "--settings" ? " (use providers.claude.settings)" : "") +
                                           (name == "--permission-mode" ? " (use approvalMode)" : ""));
  }
  return {};
}

}  // namespace

std::map<std::string, std::string> launch_environment(LaunchRequest const& request, Options const& options) {
  std::map<std::string, std::string> environment;
  for (auto const& [name, value] : request.environment)
    if (!marks_a_session(name)) environment.emplace(name, value);
  // Hooks name the client by its file name, and skills the command line tool: both live in one folder.
  if (!request.hook_client.empty()) {
    auto& search = environment["PATH"];
    auto const dir = request.hook_client.parent_path().string();
    search = search.empty() ? dir : dir + ":" + search;
  }
  environment["DISABLE_AUTOUPDATER"] = "1";
  // Without it one Left key turns the pane into a list of background sessions, and this session gets a new
  // id.
  environment["CLAUDE_CODE_DISABLE_AGENT_VIEW"] = "1";
  environment["CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION"] = "false";
  // Without a socket of its own the session can neither be written to past the bus, nor write to other sessions.
  environment["CLAUDE_CODE_HARBOR_KITE"] = "0";
  // The CLI reads it for one thing: whether to ask if the folder can be trusted.
  if (options.trust_workspace) environment["CLAUDE_CODE_SANDBOXED"] = "1";
  if (options.sandboxed_root && ::geteuid() == 0) environment["IS_SANDBOX"] = "1";
  for (auto const& [name, value] : options.environment) environment[name] = value;
  project_environment(request, environment);
  return environment;
}

Result<LaunchPlan> plan_launch(LaunchRequest const& request, Options const& options) {
  auto const path = request.environment.find("PATH");
  auto const cli = find_executable(options.command, path == request.environment.end() ? std::string() : path->second);
  auto const missing = [](std::string const& why) {
    return Error{ErrorKind::not_found, "cli_missing",
                 "Claude Code is not installed: " + why +
                     " (npm install -g @anthropic-ai/claude-code, or set providers.claude.command)"};
  };
  if (!cli) return missing(cli.error().message);
  auto mode = permission_mode(request.approval_mode);
  if (mode && mode->empty()) mode = "default";  // the CLI's own choice may be one that asks nobody
  if (!mode)
    return invalid("approvalMode", "approvalMode \"" + request.approval_mode +
                                       "\" is neither read-only, guarded, auto, full nor a mode of Claude Code");
  if (auto checked = check_own_flags(request.provider_args); !checked) return checked.error();
  auto const version = cli_version(*cli);
  std::error_code ec;
  if (!version && !fs::exists(*cli, ec)) return missing(version.error().message);  // an update has just taken it away
  if (!version) return version.error();
  if (compare_numbers(*version, kOldestVersion) < 0)
    return conflict("cli_too_old", "Claude Code " + *version + " at " + cli->string() + " is too old; update it to " +
                                       std::string(kOldestVersion) +
                                       " or newer (npm install -g @anthropic-ai/claude-code)");

  auto const own = request.agent_dir / "claude";
  if (auto made = make_private_dir(own); !made) return made.error();
  auto const projection = project(request, options);
  if (auto written = write_profile(request, options, projection); !written) return written.error();
  auto const settings = own / "settings.json";
  // The flag is not documented: with a version that nobody has tried, the CLI might not start.
  bool const has_flag = row_for(*version).has_socket && is_measured(*version);
  auto const socket =
      options.road != Options::Road::terminal && has_flag ? messaging_socket(request.agent_dir) : fs::path();
  if (!socket.empty()) fs::remove(socket, ec);  // a killed process leaves it
  auto const content = settings_for(request, options, projection.settings, *mode, !socket.empty());
  if (auto written = write_file(settings, to_text(content)); !written) return written.error();

  // The CLI watches only what is there when it is told of it.
  if (options.monitor)
    if (auto rung = ring(bell_of(request.agent_dir)); !rung) return rung.error();

  LaunchPlan plan;
  plan.argv = {cli->string(), "--settings", settings.string()};
  auto const add = [&](std::string flag, std::string value) {
    if (value.empty()) return;
    plan.argv.push_back(std::move(flag));
    plan.argv.push_back(std::move(value));
  };
  add("--plugin-dir", bundle_of(request).string());
  add("--model", request.model);
  add("--effort", request.effort);
  add("--permission-mode", *mode);
  // Nobody would answer. (It takes all words up to the next option, so it must not be the last.)
  if (!request.request_input) add("--disallowedTools", "AskUserQuestion");
  if (!socket.empty()) add("--messaging-socket-path", socket.string());
  if (row_for(*version).snapshots_instructions) add("--system-prompt-snapshot", "off");
  plan.argv.insert(plan.argv.end(), projection.arguments.begin(), projection.arguments.end());
  auto const add_text = [&](char const* flag, fs::path const& file, std::string const& text) -> Result<void> {
    if (text.empty()) return {};
    add(flag, file.string());
    return write_file(file, text);
  };
  auto told = add_text("--append-system-prompt-file", own / "system-prompt.txt",
                       added_instructions(request, "agent-runner", has_relay_tools(request, options.relay_tools)));
  if (told && request.profile)
    told = add_text("--system-prompt-file", own / "base-system-prompt.txt", request.profile->system);
  if (!told) return told.error();
  // A session that never had a prompt left no record: resuming it fails, creating it again under its id
  // works.
  auto const record = request.resume_session.empty() ? fs::path()
                                                     : transcript_file(config_dir(launch_environment(request, options)),
                                                                       request.cwd, request.resume_session);
  plan.resumes = !record.empty() && fs::exists(record, ec);
  plan.session_id = !request.resume_session.empty()  ? request.resume_session
                    : request.new_session_id.empty() ? new_uuid()
                                                     : request.new_session_id;
  add(plan.resumes ? "--resume" : "--session-id", plan.session_id);
  plan.argv.insert(plan.argv.end(), request.provider_args.begin(), request.provider_args.end());

  plan.environment = launch_environment(request, options);
  if (!socket.empty() && !options.environment.contains("CLAUDE_CODE_HARBOR_KITE"))
    plan.environment["CLAUDE_CODE_HARBOR_KITE"] = "1";
  return plan;
}

Result<std::string> cli_version(fs::path const& cli, int limit_ms) {
  return program_version(cli, {"DISABLE_AUTOUPDATER=1"}, limit_ms);
}

}  // namespace ar::adapters::claude
