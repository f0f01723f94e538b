#include "cli/completion.hpp"

#include <algorithm>

namespace ar::cli {
namespace {

constexpr char const* bash_script = R"SCRIPT(# bash completion for agent-runner
_agent_runner() {
  local cur=${COMP_WORDS[COMP_CWORD]} line
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur") ;;
      :directories) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$cur") ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _agent_runner agent-runner
)SCRIPT";

constexpr char const* zsh_script = R"SCRIPT(#compdef agent-runner
_agent_runner() {
  local line
  local -a found
  for line in "${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :files) _files ;;
      :directories) _files -/ ;;
      ?*) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  (( $#found )) && _describe agent-runner found
}
if [[ $funcstack[1] == _agent-runner ]]; then _agent_runner "$@"; else compdef _agent_runner agent-runner; fi
)SCRIPT";

constexpr char const* fish_script = R"SCRIPT(# fish completion for agent-runner
function __agent_runner_complete
    set -l given (commandline -opc)
    set -l program $given[1]
    set -e given[1]
    set -l current (commandline -ct)
    for line in ($program __complete -- $given "$current" 2>/dev/null)
        switch $line
            case :files :directories
                __fish_complete_path "$current"
            case '*'
                echo $line
        end
    end
end
complete -c agent-runner -f -a '(__agent_runner_complete)'
)SCRIPT";

OptionInfo const* find_option(CommandInfo const& command, std::string const& name) {
  for (auto const& option : command.options)
    if (std::find(option.names.begin(), option.names.end(), name) != option.names.end()) return &option;
  return nullptr;
}

CommandInfo const* find_command(CommandInfo const& command, std::string const& name) {
  for (auto const& below : command.commands)
    if (below->name == name) return below.get();
  return nullptr;
}

}  // namespace

Completion complete(CommandInfo const& program, std::vector<std::string> const& words) {
  Completion found;
  if (words.empty()) return found;
  auto const& current = words.back();
  auto const offer = [&](std::string const& word, std::string const& help) {
    if (word.starts_with(current)) found.candidates.push_back({word, help});
  };
  auto const offer_values = [&](OptionInfo const& of) {
    for (auto const& choice : of.choices) offer(choice, "");
    found.words = of.words;
  };

  auto const* command = &program;
  std::size_t given = 0;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--") return found;  // text, or another program's arguments
    auto const* option = find_option(*command, words[i]);
    if (!option) option = find_option(program, words[i]);
    if (option && option->takes_value) {
      if (i + 2 == words.size()) {
        offer_values(*option);
        return found;
      }
      ++i;
    } else if (words[i].starts_with('-')) {
      continue;
    } else if (auto const* below = given == 0 ? find_command(*command, words[i]) : nullptr) {
      command = below;
    } else {
      ++given;
    }
  }

  if (current.starts_with('-')) {
    for (auto const* level : {command, &program}) {
      for (auto const& option : level->options)
        for (auto const& name : option.names) offer(name, option.help);
      if (level == &program && command == &program) break;
    }
    offer("--help", "Say more about it");
    std::sort(found.candidates.begin(), found.candidates.end(),
              [](auto const& a, auto const& b) { return a.word < b.word; });
    auto const same = [](auto const& a, auto const& b) { return a.word == b.word; };
    found.candidates.erase(std::unique(found.candidates.begin(), found.candidates.end(), same), found.candidates.end());
    return found;
  }
  if (given == 0)
    for (auto const& below : command->commands)
      if (!below->name.starts_with("__")) offer(below->name, below->help);
  if (!command->arguments.empty()) {
    bool const more_of_the_last = given >= command->arguments.size() && command->arguments.back().repeated;
    if (given < command->arguments.size())
      offer_values(command->arguments[given]);
    else if (more_of_the_last)
      offer_values(command->arguments.back());
  }
  return found;
}

std::string completion_script(std::string const& shell) {
  return shell == "bash" ? bash_script : shell == "zsh" ? zsh_script : fish_script;
}

}  // namespace ar::cli
