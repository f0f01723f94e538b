// End-to-end tests run real provider CLIs. They must not reach anybody: the test process moves itself, and
// with it everything it starts, into a network namespace that has nothing but loopback.
#pragma once
#include <string>

namespace ar::test {

/// Call before anything else, while the process has one thread. Empty when all is well; else why not (neither
/// root nor user namespaces): the test must then start nothing.
std::string go_offline();

/// Ends the program as "skipped" for CTest, with the reason on stdout.
[[noreturn]] void skip(std::string const& why);

/// The Claude Code CLI: $AR_CLAUDE, else BUILD/clis (scripts/install-clis). Skips when there is none.
std::string find_claude();

}  // namespace ar::test
