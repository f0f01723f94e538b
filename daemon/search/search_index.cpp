#include "daemon/search/search_index.hpp"

#include "daemon/search/search_table.hpp"

#include <spdlog/spdlog.h>

namespace ar::daemon {

Result<void> SearchIndex::open_writing() {
  if (damaged_.exchange(false)) throw_away();
  if (writing_) return {};
  auto opened = Database::open(file_, search_migrations(), false);
  if (!opened && (is_damage(opened.error()) || opened.error().code == "database_newer")) {
    spdlog::warn("the search index is made again: {}", opened.error().message);
    throw_away();
    opened = Database::open(file_, search_migrations(), false);
  }
  if (!opened) return opened.error();
  writing_ = std::move(*opened);
  return {};
}

Result<void> SearchIndex::open_reading() {
  int const made = made_;
  if (reading_ && read_made_ == made) return {};
  reading_.reset();
  auto opened = Database::open(file_, search_migrations(), false);
  if (!opened) return opened.error();
  reading_ = std::move(*opened);
  read_made_ = made;
  return guarded([&]() -> Result<void> {
    reading_->execute("PRAGMA query_only=ON");
    return {};
  });
}

void SearchIndex::throw_away() {
  if (writing_) spdlog::warn("the search index {} is damaged; it is made again", file_.string());
  writing_.reset();
  std::error_code ec;
  for (auto const* part : {"", "-wal", "-shm"}) std::filesystem::remove(file_.string() + part, ec);
  ++made_;
}

}  // namespace ar::daemon
