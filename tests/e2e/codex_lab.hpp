// One agent on the real Codex CLI and a stub model API.
#pragma once
#include "adapters/codex/codex_adapter.hpp"
#include "e2e/agent_lab.hpp"
#include "e2e/openai_stub.hpp"

namespace ar::test {

class CodexLab : public AgentLab {
 public:
  /// Skips the test where the CLI, node or the namespace is missing.
  CodexLab();

  OpenAiStub stub;

  awaitable<void> open();
  /// Starts the CLI as `request` says; Ready comes as an event.
  awaitable<void> launch();
  /// Ends the session of a process that has ended, and starts the process again, resuming its thread.
  awaitable<void> relaunch();
  awaitable<void> close() { return end(); }

  std::filesystem::path socket() const { return request.agent_dir / "codex" / "app.sock"; }
  /// The process of `terminal`'s child whose command line holds `word`; 0: there is none.
  pid_t child(std::string const& word) const;
};

}  // namespace ar::test
