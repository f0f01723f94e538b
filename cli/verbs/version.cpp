#include "base/version.hpp"

#include "cli/command.hpp"
#include "cli/completion.hpp"
#include "cli/context.hpp"
#include "cli/daemon_process.hpp"
#include "cli/exit_status.hpp"
#include "cli/text.hpp"

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

/// Lines of WORD<tab>HELP; ":files" and ":directories" leave those to the shell.
Result<int> complete_words(Context& context, std::vector<std::string> const& words) {
  auto const found = complete(context.commands(), words);
  for (auto const& candidate : found.candidates) context.print(candidate.word + "\t" + candidate.help + "\n");
  if (found.words == Words::file) context.print(":files\n");
  if (found.words == Words::directory) context.print(":directories\n");
  auto const offer = [&](char const* target, char const* list, char const* help) {
    auto const running = context.running_api();
    if (!running) return;
    auto const answer = (*running)->get(target, milliseconds(1000));
    if (!answer) return;
    for (auto const& row : array(*answer, list))
      if (auto const id = field(row, "id"); id.starts_with(words.back()))
        context.print(single_line(id) + "\t" + single_line(field(row, help)) + "\n");
  };
  if (found.words == Words::agent) offer("/v1/agents?limit=1000", "agents", "state");
  if (found.words == Words::approval) offer("/v1/approvals?status=pending", "approvals", "summary");
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
