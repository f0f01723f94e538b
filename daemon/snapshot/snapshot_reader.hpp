// Reads a snapshot's document, whoever wrote it and however it is laid out: a row at a time, each checked and put on a
// spool. No more than a row is in memory, and nothing is done yet when something is wrong with any of them.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "daemon/snapshot/row_spool.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace ar::daemon {

struct SnapshotHead {
  std::string id;
  std::string store{};  ///< of the bus, whose numbers its messages have
};

/// Blocks. Errors: snapshot_damaged (invalid), snapshot_version (invalid: a section, named, that this version does not
/// know), snapshot_too_large, file_not_found, not_a_file, the disk's.
Result<SnapshotHead> read_snapshot(std::filesystem::path const& file, std::int64_t most, RowSpool& spool);

}  // namespace ar::daemon
