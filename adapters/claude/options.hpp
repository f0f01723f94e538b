// The [providers.claude] table of the configuration.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <map>
#include <string>

namespace ar::adapters::claude {

struct Options {
  /// How messages go in, where the version can do both (docs/claude-code.md, "The socket road").
  enum class Road {
    terminal,   ///< typed
    socket,     ///< at the messaging socket
    automatic,  ///< a person's word, and our own, is typed; what agents and programs send goes to the socket
  };
  Road road = Road::terminal;
  std::string command = "claude";                    ///< name or path of the CLI
  std::map<std::string, std::string> environment{};  ///< set after everything inherited was scrubbed
  json settings = json::object();                    ///< merged into the --settings file; what the adapter needs wins

  // Which of the CLI's start dialogs are answered for the operator. Each is a decision about safety, so each
  // but one is off. The exception: whoever starts an agent names its folder in the same call, which says what
  // the CLI asks for.
  bool trust_workspace = true;
  bool accept_bypass = false;       ///< approval mode `full`: "I accept all responsibility"
  bool enable_project_mcp = false;  ///< use the MCP servers that a project's .mcp.json names
  bool sandboxed_root = false;      ///< as root, tell the CLI that it runs in a sandbox (it refuses `full` otherwise)

  bool relay_tools = true;       ///< the agent gets agent-runner's tools by MCP (docs/mcp.md)
  bool status_line = true;       ///< take the context use from the status line (replaces a person's own one)
  bool set_drafts_aside = true;  ///< a person's resting draft is stashed for a delivery and comes back; else wait
  bool monitor = true;           ///< the CLI fetches notices by its own hook; else they are typed as any message
};

Result<Options> read_options(json const& table);

}  // namespace ar::adapters::claude
