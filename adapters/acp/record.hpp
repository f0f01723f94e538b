// The record of an agent that speaks ACP, which its host (host/host_main.cpp) writes: every frame, one a line, in the
// order in which it passed.
//
//   {"t":"2026-12-01T10:00:00.000Z","d":"<","f":{...}}
//
// `d`: "<" from the agent, ">" to it, "!" the host's own answer to the daemon, of which the agent knows nothing, "s" a
// process began ({agent, pid}; `goes_on`: this is only another file of the same one), "e" it ended ({status}), "?" the
// agent wrote what is no frame ({text}). MCP servers are left out of what is asked for, since their environment holds
// secrets.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace ar::adapters::acp {

/// Below the agent's folder; the host knows the same names. Its newest record is the one with the highest number.
struct Files {
  std::filesystem::path dir;
  std::filesystem::path socket;        ///< the host listens here
  std::filesystem::path log;           ///< what the agent writes to its standard error
  std::filesystem::path conversation;  ///< which one the next process is to load: its id; written by the session
};
Files files_of(std::filesystem::path const& agent_dir);

/// The host's answer to a prompt that would be a second one; the agent has not seen it.
inline constexpr int kPromptRuns = -32099;

/// One line; `frame` is empty where the line has none.
struct Line {
  char direction = 0;  ///< 0: it is none
  std::string time{};
  json frame = json::object();
  bool goes_on = false;
};
Line line_of(std::string_view text);

/// Calls `take` for each whole line. False: it could not be read to its end. A file that is not there is empty. Blocks.
bool read_record(std::filesystem::path const& file, std::function<void(std::string_view)> const& take);

}  // namespace ar::adapters::acp
