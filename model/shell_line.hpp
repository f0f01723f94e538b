// A shell's command line, taken apart without running anything (docs/approval-rules.md). A strict subset is understood:
// simple commands of plain and quoted words, joined by ; && || | & and newlines. For anything else the line says what
// it is, and its commands are a best guess: good enough to refuse by, never to allow by.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ar {

struct ShellWord {
  std::string text{};  ///< without its quotes
  bool plain = true;   ///< the program gets this very text; else the shell makes something of it (*.txt)
  bool operator==(ShellWord const&) const = default;
};

struct ShellCommand {
  std::string before{};                  ///< the operator that leads to it: && || | & ; and empty for the first
  std::vector<ShellWord> assignments{};  ///< A=b before the first word
  std::vector<ShellWord> words{};        ///< may be empty: A=b alone, > file alone
  bool redirects = false;                ///< to or from something other than /dev/null and the outputs 1 and 2
  bool silenced = false;                 ///< some of it goes to one of those
  bool operator==(ShellCommand const&) const = default;
};

struct ShellLine {
  /// Longer ones are not understood. A provider's request is kept up to this size (adapters/approval.hpp).
  static constexpr std::size_t kMost = 4096;
  std::vector<ShellCommand> commands{};
  std::string problem{};  ///< what is not understood, for people; empty: nothing
};

ShellLine read_shell_line(std::string_view text);
/// The same of a pattern: an unquoted * or ? stays, and what is quoted of them gets a \ before it.
ShellLine read_shell_pattern(std::string_view text);

/// Its assignments and plain words as a line that is read as them again.
std::string to_shell_line(ShellCommand const& command);

}  // namespace ar
