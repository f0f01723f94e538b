#include "base/sqlite.hpp"

#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace ar;

namespace {
constexpr char const* kOne[] = {"CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT) STRICT"};
constexpr char const* kTwo[] = {kOne[0], "ALTER TABLE t ADD COLUMN w TEXT"};
constexpr char const* kBroken[] = {kOne[0], "CREATE TABLE u(x); nonsense"};
}  // namespace

TEST_CASE("MigrationsRunOnceAndInOrder") {
  test::TempDir temp;
  auto const file = temp.path() / "db" / "x.db";
  {
    auto db = Database::open(file, kOne, true);
    REQUIRE(db.has_value());
    (*db)->prepare("INSERT INTO t(v) VALUES(?1)").bind("kept").run();
  }
  auto db = Database::open(file, kTwo, true);
  REQUIRE(db.has_value());
  auto& ask = (*db)->prepare("SELECT v, w FROM t");
  REQUIRE(ask.bind().step());
  CHECK(ask.text(0) == "kept");
  CHECK(ask.is_null(1));
}

TEST_CASE("FailedMigrationLeavesTheOldVersion") {
  test::TempDir temp;
  auto const file = temp.path() / "x.db";
  REQUIRE(Database::open(file, kOne, true).has_value());
  CHECK_FALSE(Database::open(file, kBroken, true).has_value());
  CHECK(Database::open(file, kTwo, true).has_value());
}

TEST_CASE("NewerDatabaseIsRefused") {
  test::TempDir temp;
  auto const file = temp.path() / "x.db";
  REQUIRE(Database::open(file, kTwo, true).has_value());
  auto const older = Database::open(file, kOne, true);
  REQUIRE_FALSE(older.has_value());
  CHECK(older.error().code == "database_newer");
}

TEST_CASE("DamagedDatabaseIsNamed") {
  test::TempDir temp;
  auto const file = temp.path() / "x.db";
  std::ofstream(file) << std::string(8192, 'x');
  auto const damaged = Database::open(file, kOne, true);
  REQUIRE_FALSE(damaged.has_value());
  CHECK(damaged.error().code == "database_damaged");
  CHECK(damaged.error().message.find(file.string()) != std::string::npos);
}

TEST_CASE("TransactionRollsBackUnlessCommitted") {
  test::TempDir temp;
  auto db = Database::open(temp.path() / "x.db", kOne, false);
  REQUIRE(db.has_value());
  {
    Transaction t(**db);
    (*db)->prepare("INSERT INTO t(v) VALUES('a')").bind().run();
  }
  {
    Transaction t(**db);
    (*db)->prepare("INSERT INTO t(v) VALUES('b')").bind().run();
    t.commit();
  }
  auto& count = (*db)->prepare("SELECT count(*), max(v) FROM t");
  REQUIRE(count.bind().step());
  CHECK(count.integer(0) == 1);
  CHECK(count.text(1) == "b");
}

TEST_CASE("ReadingSeesOneState") {
  test::TempDir temp;
  auto const file = temp.path() / "x.db";
  auto db = Database::open(file, kOne, false), other = Database::open(file, kOne, false);
  REQUIRE(db.has_value());
  REQUIRE(other.has_value());
  auto const rows = [&] {
    auto& count = (*db)->prepare("SELECT count(*) FROM t");
    REQUIRE(count.bind().step());
    auto const counted = count.integer(0);
    count.reset();
    return counted;
  };
  {
    Reading const one_state(**db);
    CHECK(rows() == 0);
    (*other)->prepare("INSERT INTO t(v) VALUES('a')").bind().run();
    CHECK(rows() == 0);
    Reading const part_of_it(**db);
    CHECK(rows() == 0);
  }
  CHECK(rows() == 1);
}

TEST_CASE("InnerTransactionIsRolledBackAloneAndKeptWithTheOuterOne") {
  test::TempDir temp;
  auto db = Database::open(temp.path() / "x.db", kOne, true);
  REQUIRE(db.has_value());
  auto const all = [&] {
    auto& row = (*db)->prepare("SELECT group_concat(v, '') FROM (SELECT v FROM t ORDER BY v)").bind();
    std::string text = row.step() ? row.text(0) : std::string();
    row.reset();
    return text;
  };
  auto const insert = [&](char const* value, bool commit) {
    Transaction inner(**db, Transaction::Durability::later);
    (*db)->prepare("INSERT INTO t(v) VALUES(?1)").bind(value).run();
    if (commit) inner.commit();
  };
  {
    Transaction outer(**db);
    insert("a", true);
    insert("b", false);
    insert("c", true);
    outer.commit();
  }
  CHECK(all() == "ac");
  {
    Transaction outer(**db);
    insert("d", true);
  }
  CHECK(all() == "ac");
  CHECK_FALSE((*db)->in_transaction());
}

TEST_CASE("FullDatabaseIsReportedAsDiskFull") {
  test::TempDir temp;
  auto db = Database::open(temp.path() / "x.db", kOne, false);
  REQUIRE(db.has_value());
  (*db)->execute("PRAGMA max_page_count=4");
  auto const job = [&]() -> Result<int> {
    for (int i = 0; i < 1000; ++i) (*db)->prepare("INSERT INTO t(v) VALUES(?1)").bind(std::string(1000, 'x')).run();
    return 0;
  };
  auto const result = guarded(job);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == "disk_full");
}
