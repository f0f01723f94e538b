// What people, programs and the bus may have an agent do, as one table: the control server's routes
// POST /v1/agents/{agent}/NAME and the bus's commands are made of it, and each agent carries it out.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace ar {

/// The longest time that a verb may be given.
inline constexpr std::int64_t kMostTimeoutMs = 60'000;

enum class Verb { restart, stop, kill, suspend, resume, interrupt, compact, clear, inject, reconnect };

struct VerbRow {
  Verb verb;
  std::string_view name;        ///< in the path, and at the command line
  std::string_view command;     ///< of the bus; empty: it has none
  std::string_view parameters;  ///< between blanks; each verb takes a `reason` too
  bool needs_process;           ///< its provider is asked, and so must run
  bool repeatable;              ///< carried out again when a daemon's end cut it off: the outcome is the same
  bool leaves_bus;              ///< by a command: its end takes the agent off the bus
  std::string_view summary;     ///< for people
};

std::span<VerbRow const> verbs();
/// Null: there is none.
VerbRow const* find_verb(std::string_view name);
VerbRow const* find_command(std::string_view command);

}  // namespace ar
