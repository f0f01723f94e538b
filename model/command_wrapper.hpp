// Commands that run other commands: env, sudo, timeout, sh -c and their kin. A rule about such a command says nothing
// about what it runs.
#pragma once
#include "model/shell_line.hpp"

#include <string_view>
#include <vector>

namespace ar {

/// A program's name without its folder.
std::string_view program_name(std::string_view word);

/// Whether its words, rather than the program that they name, decide what is done.
bool is_wrapper(ShellCommand const& command);

/// The command, and all that might be a command inside of it: what follows each word of a wrapper, and what stands in
/// the scripts that it is given. To refuse by.
std::vector<ShellCommand> with_inner_commands(ShellCommand const& command);

}  // namespace ar
