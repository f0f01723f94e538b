// Takes a copy of what an agent's output folders hold.
#pragma once
#include "daemon/outputs/output_file.hpp"
#include "daemon/outputs/output_walk.hpp"
#include "daemon/store/tables/output_table.hpp"

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace ar::daemon {

struct CaptureJob {
  OutputFolders folders;
  std::filesystem::path store;
  std::vector<OutputTable::Row> known;  ///< from the captures before
  std::int64_t turn = 0;                ///< the newest
  WallTime now{};
  std::int64_t most_bytes = 0;  ///< of all contents, each once
  std::size_t most_files = 0;   ///< of all that are kept
  Clock::time_point deadline = Clock::time_point::max();
  std::stop_token stop{};
};

struct Capture {
  std::vector<OutputTable::Row> taken{};  ///< new, or with another content
  std::vector<OutputTable::Row> same{};   ///< read again, or there again: with their stamps
  std::vector<std::string> gone{};        ///< paths of known ones that are not there
  std::vector<MissingOutput> missing{};
  bool cut_off = false;  ///< stopped: it counts for nothing
};

/// Blocks, for no longer than the deadline and one file. What it has written is on the disk when it returns.
Capture capture_outputs(CaptureJob const& job);

}  // namespace ar::daemon
