#include "base/version.hpp"

#include "cli/command.hpp"
#include "cli/completion.hpp"
#include "cli/context.hpp"
#include "cli/daemon_process.hpp"
#include "cli/exit_status.hpp"
#include "cli/text.hpp"
#include "model/provider.hpp"

#include <set>
#include <string_view>
#include <utility>

namespace ar::cli {
namespace {

/// Of all parts, as far as they are there; never starts the daemon.
Result<int> version(Context& context) {
  json parts = {{"agent-runner", kVersion}};
  int code = 0;
  auto const program = output_of("agent-runnerd", {"--version"}, code);
  // It prints its name first.
  auto const printed = program && code == 0 ? single_line(*program) : std::string();
  parts["agent-runnerd"] = printed.empty() ? json() : json(printed.substr(printed.rfind(' ') + 1));
  if (auto const running = context.running_api()) {
    if (auto const info = (*running)->get("/v1/info", milliseconds(5000))) parts["daemon"] = field(*info, "version");
  } else {
    parts["daemon"] = nullptr;
  }
  if (context.json_output()) {
    context.print_json(parts);
    return exit_done;
  }
  auto const text = [&](char const* name, char const* absent) {
    auto const value = field(parts, name);
    return value.empty() ? std::string(absent) : value;
  };
  context.print("agent-runner    " + text("agent-runner", "") + "\n");
  context.print("agent-runnerd   " + text("agent-runnerd", "missing") + "\n");
  context.print("running daemon  " + text("daemon", "none") + "\n");
  return exit_done;
}

/// Those that every provider understands.
constexpr std::pair<char const*, char const*> kApprovalModes[] = {
    {"read-only", "may look, not change"},
    {"guarded", "asks before it changes or runs something"},
    {"auto", "edits files unasked"},
    {"full", "is never asked"},
};

/// Lines of WORD<tab>HELP; ":files" and ":directories" leave those to the shell.
Result<int> complete_words(Context& context, std::vector<std::string> const& words) {
  auto const found = complete(context.commands(), words);
  for (auto const& candidate : found.candidates) context.print(candidate.word + "\t" + candidate.help + "\n");
  if (found.words == Words::file) context.print(":files\n");
  if (found.words == Words::directory) context.print(":directories\n");
  auto const print = [&](std::string const& word, std::string const& help) {
    if (word.starts_with(words.back())) context.print(single_line(word) + "\t" + single_line(help) + "\n");
  };
  auto const ask = [&](char const* target) {
    auto const running = context.running_api();
    auto answer = running ? (*running)->get(target, milliseconds(1000)) : Result<json>(running.error());
    return answer ? std::move(*answer) : json::object();
  };
  if (found.words == Words::agent || found.words == Words::address) {
    auto const agents = ask("/v1/agents?limit=1000");
    std::set<std::string> groups;
    for (auto const& agent : array(agents, "agents")) {
      print(field(agent, "id"), field(agent, "state"));
      if (auto const label = field(agent, "label"); !label.empty()) groups.insert("label:" + label);
      for (auto const& [list, prefix] : {std::pair{"tags", "tag:"}, std::pair{"capabilities", "cap:"}})
        for (auto const& one : array(agent, list))
          if (one.is_string()) groups.insert(prefix + one.get<std::string>());
    }
    if (found.words == Words::address) {
      for (auto const& group : groups) print(group, "all agents that have it");
      print("broadcast", "all agents");
    }
  }
  if (found.words == Words::approval) {
    auto const pending = ask("/v1/approvals?status=pending");
    for (auto const& approval : array(pending, "approvals")) print(field(approval, "id"), field(approval, "summary"));
  }
  if (found.words == Words::schedule) {
    auto const known = ask("/v1/schedules");
    for (auto const& schedule : array(known, "schedules")) print(field(schedule, "id"), field(schedule, "text"));
  }
  if (found.words == Words::profile) {
    constexpr std::string_view prefix = "profiles.";
    auto const configuration = ask("/v1/config");
    for (auto const& setting : array(configuration, "settings"))
      if (auto const key = field(setting, "key"); key.starts_with(prefix))
        print(key.substr(prefix.size()), field(setting, "help"));
  }
  if (found.words == Words::account) {
    auto const accounts = ask("/v1/limits");
    for (auto const& account : array(accounts, "limits")) {
      auto const kind = field(object_at(account, "hold"), "kind");
      print(field(account, "account"), kind.empty() ? "open" : kind);
    }
  }
  if (found.words == Words::relay_token)
    if (auto const paths = context.paths()) {
      auto const tokens = ApiClient(Endpoint{paths->relay_socket()}).get("/api/tokens", milliseconds(1000));
      if (tokens)
        for (auto const& token : array(*tokens, "tokens"))
          if (auto const name = field(token, "name"); !name.empty() && field(token, "revoked") != "true")
            print(name, field(token, "profile"));
    }
  if (found.words == Words::provider)
    for (auto const& name : provider_names()) print(name, "");
  if (found.words == Words::approval_mode)
    for (auto const& [mode, help] : kApprovalModes) print(mode, help);
  return exit_done;
}

void add(Program& program) {
  auto const words = std::make_shared<std::vector<std::string>>();
  program.verb("", "__complete", "What fits at the cursor", "__complete -- message s")
      .rest(*words, "WORDS", "the command line so far")
      .runs([words](Context& context) { return complete_words(context, *words); });
  auto const shell = std::make_shared<std::string>();
  program
      .verb("More", "completion", "Print a shell's completion script",
            "completion bash > ~/.local/share/bash-completion/completions/agent-runner")
      .argument("SHELL", *shell, "bash, zsh or fish", Words::any, {"bash", "zsh", "fish"})
      .runs([shell](Context& context) -> Result<int> {
        context.print(completion_script(*shell));
        return exit_done;
      });
  program.verb("More", "version", "Versions of all parts", "version --json").runs(version);
}
Family const family(51, add);

}  // namespace
}  // namespace ar::cli
