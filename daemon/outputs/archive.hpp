// All of a session in one zip, made while it is sent: run.json, events.jsonl, its outputs, and manifest.json, which
// says what is there and what is missing (docs/outputs.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "daemon/outputs/output_file.hpp"
#include "daemon/outputs/output_walk.hpp"
#include "daemon/services.hpp"
#include "daemon/store/tables/output_table.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// What goes into it, as it was when somebody asked.
struct ArchivePlan {
  std::string agent;
  json session;
  std::int64_t last_event = 0;  ///< of the agent's own
  std::filesystem::path store;
  std::vector<OutputTable::Row> outputs;  ///< that are kept
  std::vector<MissingOutput> missing;
  std::optional<OutputFolders> live{};  ///< where a turn runs: what stands there now goes before what is kept
  std::int64_t most_bytes = 0;          ///< of a file that is read there
  bool partial = false;                 ///< another archive, later, may have more
};

/// Takes the next part of the archive. False: nobody wants more.
using ArchiveSink = std::function<awaitable<bool>(std::string part)>;

/// Holds one part in memory at a time. An error: what was sent is not whole.
awaitable<Result<void>> send_archive(Services& services, std::shared_ptr<ArchivePlan const> plan, ArchiveSink sink);

}  // namespace ar::daemon
