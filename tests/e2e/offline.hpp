// End-to-end tests run real provider CLIs. They must not reach anybody: the test process moves itself, and
// with it everything it starts, into a network namespace that has nothing but loopback.
#pragma once
#include <string>

namespace ar::test {

/// Goes offline and finds what the tests need: the Claude Code CLI ($AR_CLAUDE, else BUILD/clis by
/// scripts/install-clis) and node. Where something is missing, or neither root nor user namespaces allow it,
/// the program ends as "skipped" for CTest (77) and says why. Call before anything else, while the process
/// has one thread. Returns the CLI's path.
std::string claude_offline();
/// The same for Codex ($AR_CODEX).
std::string codex_offline();
/// The same for an agent that speaks ACP ($AR_GEMINI, $AR_OPENCODE, $AR_QWEN).
std::string acp_offline(std::string const& name);

}  // namespace ar::test
