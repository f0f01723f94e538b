// Completion: one judge for all shells. The scripts are a few lines that ask it (`agent-runner __complete --
// WORDS`) and offer what it says, so that every shell knows every verb, option, choice and the agents there
// are.
#pragma once
#include "cli/command.hpp"

#include <string>
#include <vector>

namespace ar::cli {

struct Candidate {
  std::string word;
  std::string help{};
};

struct Completion {
  std::vector<Candidate> candidates{};  ///< those that begin with the word at the cursor
  Words words = Words::any;             ///< what else fits here: agents, approvals, relay tokens, files, directories
};

/// `words`: those after the program's name; the last one is the word at the cursor, perhaps empty.
Completion complete(CommandInfo const& program, std::vector<std::string> const& words);

/// `shell`: bash, zsh or fish.
std::string completion_script(std::string const& shell);

}  // namespace ar::cli
