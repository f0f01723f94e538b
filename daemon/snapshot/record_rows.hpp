// The files of a conversation's record as rows of the section `sessions`, in pieces, and from these back into files.
// All of it blocks: a Worker's.
#pragma once
#include "adapters/adapter.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ar::daemon {

class RowSpool;
class RowWriter;

/// {agent, file, offset, size, data, sha256}: of the piece. Of a file that grows meanwhile what is there now, and of
/// one of lines (.jsonl) no part of a line. One that cannot be read has no row.
void write_record(std::string const& agent, adapters::RecordFile const& file, RowWriter& out);
/// The agent's id. Errors: it is no such row, or damaged.
Result<std::string> owner_of_record_row(json const& row);

struct PlacedRecords {
  std::vector<std::string> left{};        ///< files that were not written, each with its reason; for people
  std::filesystem::path first{};          ///< where the record itself is; empty: nowhere
  std::int64_t written = 0, skipped = 0;  ///< rows
};
/// Puts the agent's files where they belong. What is there already is never changed, also where it differs. Errors: the
/// disk's, with nothing half written.
Result<PlacedRecords> place_records(RowSpool const& spool, std::string const& agent,
                                    std::function<std::filesystem::path(std::string const& name)> const& place_of);

}  // namespace ar::daemon
