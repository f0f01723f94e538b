#include "model/command_wrapper.hpp"

#include "base/words.hpp"

#include <algorithm>
#include <cstddef>

namespace ar {
namespace {

/// They are given commands as words, or change what later words mean: printf -v sets a variable, and it and test -v
/// carry out what stands between the brackets of one.
constexpr std::string_view kWrappers =
    ". [ alias bg builtin busybox chroot chrt command compgen coproc declare doas enable entr exec export fakeroot fg "
    "flock getopts hash ionice jobs let local ltrace mapfile nice nocorrect noglob nohup nsenter pkexec print printf "
    "prlimit proot read readarray readonly runuser setarch set setpriv setsid shopt source stdbuf strace strftime "
    "systemd-run taskset test time timeout toybox trap typeset unalias unset unshare vared wait zparseopts zstyle";
/// They are given scripts as one word, too.
constexpr std::string_view kScripted =
    "ash bash csh dash env eval fish ksh mksh parallel rbash script sh ssh su sudo tcsh watch xargs zsh";
/// What makes find do more than look.
constexpr std::string_view kFindActions = "-exec -execdir -ok -okdir -delete -fprint -fprint0 -fprintf -fls";

/// What goes on beyond these is not looked at: as a wrapper, it is not allowed by what is not looked at either.
constexpr int kMostNested = 4;
constexpr std::size_t kMostWords = 64, kMostFound = 1024;

bool is_named(ShellCommand const& command, std::string_view list) {
  return !command.words.empty() && has_word(list, program_name(command.words.front().text));
}

bool acts(ShellCommand const& find) {
  // A pattern of files may become any word.
  return std::ranges::any_of(find.words,
                             [](ShellWord const& word) { return !word.plain || has_word(kFindActions, word.text); });
}

void collect(ShellCommand const& command, int nested, std::vector<ShellCommand>& found) {
  if (found.size() >= kMostFound) return;
  found.push_back(command);
  if (!is_wrapper(command)) return;
  bool scripted = is_named(command, kScripted);
  auto const words = std::min(command.words.size(), kMostWords);
  for (std::size_t i = 1; i < words; ++i) {
    ShellCommand inner;
    inner.words.assign(command.words.begin() + static_cast<std::ptrdiff_t>(i), command.words.end());
    scripted = scripted || is_named(inner, kScripted);
    found.push_back(std::move(inner));
  }
  if (!scripted || nested == kMostNested) return;
  for (std::size_t i = 1; i < words; ++i)
    for (auto const& inner : read_shell_line(command.words[i].text).commands) collect(inner, nested + 1, found);
}

}  // namespace

std::string_view program_name(std::string_view word) { return word.substr(word.rfind('/') + 1); }

bool is_wrapper(ShellCommand const& command) {
  if (is_named(command, kWrappers) || is_named(command, kScripted)) return true;
  return is_named(command, "find") && acts(command);
}

std::vector<ShellCommand> with_inner_commands(ShellCommand const& command) {
  std::vector<ShellCommand> found;
  collect(command, 0, found);
  return found;
}

}  // namespace ar
