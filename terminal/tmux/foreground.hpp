// What has a terminal's input at this moment, as the kernel tells it.
#pragma once
#include "terminal/terminal.hpp"

#include <optional>
#include <string>
#include <sys/types.h>
#include <termios.h>

namespace ar::terminal {

/// How the terminal `tty` ("/dev/pts/3") treats what is typed.
std::optional<termios> mode_of(std::string const& tty);
inline bool is_raw(termios const& mode) { return (mode.c_lflag & ICANON) == 0; }

/// `program` leads the process session of the terminal `tty`. Nothing when the kernel does not say.
std::optional<Foreground> foreground_of(pid_t program, std::string const& tty);
/// The same of the process alone: its group, image and sleep.
std::optional<Foreground> foreground_process_of(pid_t program);

/// Its words with blanks between them; empty when it has ended. A busy process may keep us waiting.
std::string command_line_of(pid_t pid);

}  // namespace ar::terminal
