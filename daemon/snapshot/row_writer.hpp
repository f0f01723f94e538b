// Writes a snapshot's document: one JSON object, a row at a time, so that no more than a row is in memory.
//
//   {"format": "agent-runner-snapshot", ..., "sections": {"agents": {"version": "1.0.0", "rows": [{...}, ...]}, ...}}
//
// All of it blocks: one Worker's. Once something has failed, what follows does nothing, and finish() says what it was.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ar::daemon {

inline constexpr char kSnapshotFormat[] = "agent-runner-snapshot";

class RowWriter {
 public:
  /// Makes `file`, which must not be there (0600). `head`: the document without its sections. `most`: bytes of it all.
  RowWriter(std::filesystem::path file, json const& head, std::int64_t most);
  ~RowWriter();
  RowWriter(RowWriter const&) = delete;
  RowWriter& operator=(RowWriter const&) = delete;

  /// The rows that follow are of this section.
  void section(std::string_view name, std::string_view version);
  void row(json const& row);
  bool has_failed() const { return failed_.has_value(); }

  struct Written {
    std::int64_t bytes = 0;
    json sections;  ///< {name: {version, count}}
  };
  /// On the disk. Errors: snapshot_too_large, disk_full, the disk's.
  Result<Written> finish();

 private:
  void put(std::string_view text);
  void flush();
  void fail(Error error);

  std::filesystem::path const file_;
  std::int64_t const most_;
  int fd_ = -1;
  std::string buffer_;
  std::int64_t bytes_ = 0;
  std::string present_;  ///< section
  json sections_ = json::object();
  std::optional<Error> failed_{};
};

}  // namespace ar::daemon
