// What a program is started with, handed to the launcher in a private file instead of through tmux, whose
// environment, arguments and listings anyone of this user may read.
//
// The file: NUL-terminated strings: directory, mark, limit of open files, control group, limit of data, limit of tasks,
// number of arguments, arguments..., environment ("K=V")...
#pragma once
#include "base/error.hpp"
#include "terminal/terminal.hpp"

#include <filesystem>

namespace ar::terminal {

/// Writes it (0600, exclusively created) and returns its path; the launcher removes it.
Result<std::filesystem::path> write_launch_file(std::filesystem::path const& folder, TerminalSpec const& spec);
/// Why the launcher could not start it, in its words; empty: it could. Asked once, after its end.
std::string take_launch_failure(std::filesystem::path const& file);
/// Removes what was written a minute ago or earlier: its launcher never ran.
void remove_stale_launch_files(std::filesystem::path const& folder);

}  // namespace ar::terminal
