#include "base/sqlite.hpp"

#include "base/paths.hpp"

#include <sqlite3.h>

#include <sys/stat.h>

namespace ar {
namespace {

Error describe(sqlite3* db, std::string const& doing) {
  int const code = db ? sqlite3_errcode(db) : SQLITE_NOMEM;
  std::string const what = doing + ": " + (db ? sqlite3_errmsg(db) : "out of memory");
  switch (code & 0xff) {
    case SQLITE_FULL:
      return unavailable("disk_full", what + "; free some space, nothing that was acknowledged is lost");
    case SQLITE_IOERR: return unavailable("disk_error", what + "; check the disk and its free space");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return unavailable("database_busy", what + "; end the other program that uses the file, it is tried again");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return unavailable("database_closed", what + "; check that its folder is there, ours and writable");
    case SQLITE_NOMEM: return unavailable("no_memory", what);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return internal("database_damaged", what + "; move the file away (or restore a backup) and start again");
    default: return internal("database_error", what);
  }
}
[[noreturn]] void fail(sqlite3* db, std::string const& doing) { throw SqliteError(describe(db, doing)); }
void check(int rc, sqlite3* db, char const* doing) {
  if (rc != SQLITE_OK) fail(db, doing);
}

}  // namespace

Statement::Statement(sqlite3* db, std::string_view sql) : db_(db) {
  if (sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement_,
                         nullptr) != SQLITE_OK)
    fail(db, "preparing \"" + std::string(sql.substr(0, 80)) + "\"");
}
Statement::~Statement() { sqlite3_finalize(statement_); }
void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}
bool Statement::step() {
  int const rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) {
    sqlite3_reset(statement_);
    return false;
  }
  Error error = describe(db_, "database");
  sqlite3_reset(statement_);
  throw SqliteError(std::move(error));
}
void Statement::run() {
  while (step()) {
  }
}
std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }
std::string Statement::text(int column) const {
  auto const* data = reinterpret_cast<char const*>(sqlite3_column_text(statement_, column));
  return data ? std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
}
bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::optional<std::int64_t> Statement::maybe_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}
std::optional<std::string> Statement::maybe_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}
void Statement::bind_one(int index, std::int64_t value) {
  check(sqlite3_bind_int64(statement_, index, value), db_, "binding");
}
void Statement::bind_one(int index, double value) {
  check(sqlite3_bind_double(statement_, index, value), db_, "binding");
}
void Statement::bind_one(int index, std::string_view value) {
  // An empty view may hold a null pointer, which SQLite would store as NULL.
  char const* const data = value.data() ? value.data() : "";
  check(sqlite3_bind_text64(statement_, index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8), db_, "binding");
}
void Statement::bind_one(int index, std::nullptr_t) { check(sqlite3_bind_null(statement_, index), db_, "binding"); }

Result<std::unique_ptr<Database>> Database::open(std::filesystem::path const& file,
                                                 std::span<char const* const> migrations, bool durable) {
  if (auto made = make_private_dir(file.parent_path()); !made) return made.error();
  sqlite3* handle = nullptr;
  auto const old_mask = ::umask(0077);
  int const rc =
      sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  ::umask(old_mask);
  std::unique_ptr<Database> db(new Database(handle));
  if (rc != SQLITE_OK) return describe(handle, "opening " + file.string());
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, 5000);
  return guarded([&]() -> Result<std::unique_ptr<Database>> {
    try {
      db->execute("PRAGMA journal_mode=WAL");
      db->execute(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
      db->execute("PRAGMA foreign_keys=ON");
      std::int64_t version = 0;
      {
        Statement ask(handle, "PRAGMA user_version");
        if (ask.step()) version = ask.integer(0);
        ask.reset();
      }
      auto const newest = static_cast<std::int64_t>(migrations.size());
      if (version > newest)
        return conflict("database_newer", file.string() + " is of version " + std::to_string(version) +
                                              ", this program knows " + std::to_string(newest) +
                                              "; start the newer agent-runner, or use another state directory");
      for (auto next = version; next < newest; ++next) {
        Transaction transaction(*db);
        db->execute(migrations[static_cast<std::size_t>(next)]);
        db->execute("PRAGMA user_version=" + std::to_string(next + 1));
        transaction.commit();
      }
    } catch (SqliteError& e) {
      e.error.message = file.string() + ": " + e.error.message;
      throw;
    }
    return std::move(db);
  });
}

Database::~Database() {
  prepared_.clear();
  sqlite3_close(db_);
}
Statement& Database::prepare(char const* sql) {
  auto& slot = prepared_[sql];
  if (!slot) slot = std::make_unique<Statement>(db_, sql);
  return *slot;
}
void Database::execute(std::string const& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(db_, "database");
}
void Database::reset_statements() {
  for (auto* one = sqlite3_next_stmt(db_, nullptr); one; one = sqlite3_next_stmt(db_, one))
    if (sqlite3_stmt_busy(one)) sqlite3_reset(one);
}
std::int64_t Database::total_changes() const { return sqlite3_total_changes64(db_); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
int Database::changes() const { return sqlite3_changes(db_); }
std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(db_); }

Transaction::Transaction(Database& db, Durability durability)
    : db_(db), durability_(durability), inner_(db.in_transaction()) {
  if (inner_) {
    db_.prepare("SAVEPOINT part").run();
    return;
  }
  if (durability_ == Durability::later) db_.prepare("PRAGMA synchronous=NORMAL").run();
  db_.prepare("BEGIN IMMEDIATE").run();
}
Transaction::~Transaction() {
  try {
    if (inner_ && open_ && db_.in_transaction()) db_.execute("ROLLBACK TO part; RELEASE part");
    if (inner_) return;
    if (open_ && db_.in_transaction()) db_.execute("ROLLBACK");
    if (durability_ == Durability::later) db_.prepare("PRAGMA synchronous=FULL").run();
  } catch (SqliteError const&) {
    // A full disk may have rolled it back already; the next BEGIN tells.
  }
}
void Transaction::commit() {
  db_.prepare(inner_ ? "RELEASE part" : "COMMIT").run();
  open_ = false;
}

Reading::Reading(Database& db) : db_(db), inner_(db.in_transaction()) {
  if (!inner_) db_.prepare("BEGIN").run();
}
Reading::~Reading() {
  try {
    if (!inner_ && db_.in_transaction()) db_.prepare("COMMIT").run();
  } catch (SqliteError const&) {
    // Nothing was written; the next BEGIN tells.
  }
}

}  // namespace ar
