// The files of a Claude Code session: its transcript, and beside it a folder of the session's name with the transcripts
// of its subagents and what tools have left. Both lie in the folder of the project, whose name is made of its path.
#pragma once
#include "adapters/adapter.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace ar::adapters::claude {

/// `transcript`: where it is, or would be. Links are left out, as is what is no file.
std::vector<RecordFile> record_files(std::filesystem::path const& transcript);
/// Where it belongs beside `transcript`; empty: it is no name of a file of that session.
std::filesystem::path record_place(std::filesystem::path const& transcript, std::string const& name);

}  // namespace ar::adapters::claude
