// Rows on the disk for as long as a snapshot is taken or restored: by their section and whose they are, in the order in
// which they came. A database of its own, which nobody needs afterwards.
//
// One thread at a time. What the disk refuses is a SqliteError.
#pragma once
#include "base/json.hpp"
#include "base/sqlite.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

class RowSpool {
 public:
  /// In `folder`, which is its maker's to remove. Blocks.
  static Result<std::shared_ptr<RowSpool>> open(std::filesystem::path const& folder);

  void add(std::string const& section, std::string const& owner, std::string const& row);
  /// Many are added in one go.
  void begin() { db_->execute("BEGIN"); }
  void commit() { db_->execute("COMMIT"); }

  struct Row {
    std::int64_t number = 0;
    std::string text{};
    /// Null, where somebody has damaged the spool.
    json value() const;
  };
  /// Those after `after`: as many as have about `bytes` together, one at least. Empty: the end.
  std::vector<Row> page(std::string const& section, std::string const& owner, std::int64_t after,
                        std::size_t bytes = 1 << 20) const;
  void each(std::string const& section, std::string const& owner, std::function<void(json)> const& tell) const;
  /// The last one; nothing: there is none.
  std::optional<Row> last(std::string const& section, std::string const& owner) const;
  std::int64_t count(std::string const& section, std::string const& owner) const;
  /// Of a section's rows, in the order of their names.
  std::vector<std::string> owners(std::string const& section) const;
  /// The same in the order of their rows.
  std::vector<std::string> owners_as_they_came(std::string const& section) const;

 private:
  explicit RowSpool(std::unique_ptr<Database> db) : db_(std::move(db)) {}
  std::unique_ptr<Database> db_;
};

}  // namespace ar::daemon
