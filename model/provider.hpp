// The providers that are built in, by their rows. A further one is a folder below adapters/, a row here and a line in
// adapters/registry.cpp.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar {

struct ProviderRow {
  std::string_view name;
  /// Variables by which a program knows that it runs inside a session of this provider; `*` ends a prefix.
  std::string_view session_marks;
  /// What is installed beside the daemon for it.
  std::string_view program{};
};
inline constexpr std::array<ProviderRow, 4> kProviders{{
    {"claude", "CLAUDECODE CLAUDE_CODE_*"},
    {"codex", "CODEX_*", "agent-runner-codex"},
    {"command", ""},
    {"acp", "GEMINI_CLI QWEN_CODE OPENCODE", "agent-runner-acp"},
}};

/// An agent that speaks the Agent Client Protocol (docs/acp-agents.md). Each is a provider by its own name; the
/// configuration adds others ([providers.acp.NAME]). The provider `acp` itself is whatever follows `--`.
struct AcpAgentRow {
  std::string_view name;
  std::string_view launch;       ///< the command, its words apart
  std::string_view install{};    ///< for people whose machine has none
  std::string_view variables{};  ///< of the environment, by which people log in; `*` ends a prefix
  bool loads = true;             ///< a conversation that it says it can load is there after its process was killed
};
inline constexpr std::array<AcpAgentRow, 20> kAcpAgents{{
    {"gemini", "gemini --acp", "npm install -g @google/gemini-cli", "GEMINI_* GOOGLE_*", false},
    {"opencode", "opencode acp", "npm install -g opencode-ai", "OPENCODE_* OPENAI_API_KEY ANTHROPIC_API_KEY"},
    {"qwen", "qwen --acp", "npm install -g @qwen-code/qwen-code", "OPENAI_* QWEN_*"},
    {"copilot", "copilot --acp --stdio", "npm install -g @github/copilot"},
    {"cursor", "cursor-agent acp"},
    {"kimi", "kimi acp"},
    {"kiro", "kiro-cli-chat acp"},
    {"kilo", "kilo acp", "npm install -g @kilocode/cli"},
    {"goose", "goose acp"},
    {"droid", "droid exec --output-format acp", "npm install -g droid"},
    {"devin", "devin acp"},
    {"grok", "grok agent stdio"},
    {"junie", "junie --acp=true"},
    {"qoder", "qodercli --acp"},
    {"iflow", "iflow --experimental-acp"},
    {"trae", "traecli acp serve"},
    {"fast-agent", "uvx fast-agent-mcp acp"},
    {"pi", "pi-acp", "npm install -g pi-acp"},
    {"claude-acp", "claude-agent-acp", "npm install -g @agentclientprotocol/claude-agent-acp"},
    {"codex-acp", "codex-acp", "npm install -g @agentclientprotocol/codex-acp"},
}};

/// All of them: the agents that speak ACP by their own names.
std::vector<std::string> provider_names();
/// "a, b or c".
std::string provider_names_in_words();

}  // namespace ar
