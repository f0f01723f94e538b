#include "daemon/snapshot/row_spool.hpp"

namespace ar::daemon {
namespace {

constexpr char const* kTables[] = {R"sql(
CREATE TABLE rows(
  number INTEGER PRIMARY KEY,
  section TEXT NOT NULL,
  owner TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX rows_owner ON rows(section, owner, number);
)sql"};

}  // namespace

json RowSpool::Row::value() const {
  auto read = parse_json(text);
  return read ? std::move(*read) : json();
}

Result<std::shared_ptr<RowSpool>> RowSpool::open(std::filesystem::path const& folder) {
  auto db = Database::open(folder / "rows.db", kTables, false);
  if (!db) return db.error();
  return ar::guarded([&]() -> Result<std::shared_ptr<RowSpool>> {
    // Who dies with it has nothing to read it for.
    (*db)->execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
    return std::shared_ptr<RowSpool>(new RowSpool(std::move(*db)));
  });
}

void RowSpool::add(std::string const& section, std::string const& owner, std::string const& row) {
  db_->prepare("INSERT INTO rows(section, owner, text) VALUES(?1, ?2, ?3)").bind(section, owner, row).run();
}

std::vector<RowSpool::Row> RowSpool::page(std::string const& section, std::string const& owner, std::int64_t after,
                                          std::size_t bytes) const {
  std::vector<Row> found;
  std::size_t size = 0;
  auto& rows =
      db_->prepare("SELECT number, text FROM rows WHERE section = ?1 AND owner = ?2 AND number > ?3 ORDER BY number")
          .bind(section, owner, after);
  while (size < bytes && rows.step()) {
    found.push_back({rows.integer(0), rows.text(1)});
    size += found.back().text.size();
  }
  rows.reset();
  return found;
}

void RowSpool::each(std::string const& section, std::string const& owner, std::function<void(json)> const& tell) const {
  std::int64_t after = 0;
  for (auto rows = page(section, owner, after); !rows.empty(); rows = page(section, owner, after)) {
    for (auto const& row : rows) tell(row.value());
    after = rows.back().number;
  }
}

std::optional<RowSpool::Row> RowSpool::last(std::string const& section, std::string const& owner) const {
  auto& row =
      db_->prepare("SELECT number, text FROM rows WHERE section = ?1 AND owner = ?2 ORDER BY number DESC LIMIT 1")
          .bind(section, owner);
  std::optional<Row> found;
  if (row.step()) found = Row{row.integer(0), row.text(1)};
  row.reset();
  return found;
}

std::int64_t RowSpool::count(std::string const& section, std::string const& owner) const {
  auto& row = db_->prepare("SELECT count(*) FROM rows WHERE section = ?1 AND owner = ?2").bind(section, owner);
  row.step();
  auto const count = row.integer(0);
  row.reset();
  return count;
}

std::vector<std::string> RowSpool::owners(std::string const& section) const {
  std::vector<std::string> found;
  auto& rows = db_->prepare("SELECT DISTINCT owner FROM rows WHERE section = ?1 ORDER BY owner").bind(section);
  while (rows.step()) found.push_back(rows.text(0));
  return found;
}

std::vector<std::string> RowSpool::owners_as_they_came(std::string const& section) const {
  std::vector<std::string> found;
  auto& rows =
      db_->prepare("SELECT owner FROM rows WHERE section = ?1 GROUP BY owner ORDER BY min(number)").bind(section);
  while (rows.step()) found.push_back(rows.text(0));
  return found;
}

}  // namespace ar::daemon
