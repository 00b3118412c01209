// SQLite's features on a live database give what they give on an ordinary one.
#include <gtest/gtest.h>

#include <functional>

#include "sqlite_efs.h"
#include "testing/live_test.h"

namespace sqlite_efs {
namespace {

using testing::Fill;
using testing::LiveTest;
using testing::SqliteDatabase;
using testing::Uri;

constexpr int kPrimary = 0xff;

class SqliteFeaturesTest : public LiveTest {
 protected:
  // Runs the same on an ordinary and on a live database: every answer must be equal, and the content at the end.
  void ExpectAsStock(const std::vector<std::string>& statements) {
    SqliteDatabase stock = OpenStock("stock.sqlite3");
    SqliteDatabase live = Open();
    for (const std::string& sql : statements) ASSERT_EQ(live.Query(sql), stock.Query(sql)) << sql;
    live.Close();
    live = Open();
    EXPECT_EQ(live.Query("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(live.Query("PRAGMA page_count"), stock.Query("PRAGMA page_count"));
    for (const char* schema : {"SELECT type, name, sql FROM sqlite_schema ORDER BY name"}) {
      EXPECT_EQ(live.Query(schema), stock.Query(schema));
    }
    SqliteDatabase copy = testing::OpenStockCopy(Path(), Path("copy.sqlite3"));
    EXPECT_EQ(copy.Query("PRAGMA integrity_check"), "ok");
  }
};

TEST_F(SqliteFeaturesTest, Savepoints) {
  ExpectAsStock({"CREATE TABLE t(a)",
                 "SAVEPOINT one",
                 "INSERT INTO t VALUES (1)",
                 "SAVEPOINT two",
                 "INSERT INTO t VALUES (2)",
                 "ROLLBACK TO two",
                 "INSERT INTO t VALUES (3)",
                 "RELEASE two",
                 "SELECT a FROM t",
                 "ROLLBACK TO one",
                 "SELECT count(*) FROM t",
                 "INSERT INTO t VALUES (4)",
                 "RELEASE one",
                 "SELECT a FROM t",
                 "BEGIN",
                 "INSERT INTO t VALUES (5)",
                 "SAVEPOINT three",
                 "DELETE FROM t",
                 "ROLLBACK TO three",
                 "COMMIT",
                 "SELECT a FROM t"});
}

TEST_F(SqliteFeaturesTest, A_statement_that_fails_in_the_middle_undoes_itself_alone) {
  ExpectAsStock({"CREATE TABLE t(a UNIQUE, b)", "INSERT INTO t VALUES (1, 1), (3, 1)", "BEGIN",
                 "INSERT INTO t VALUES (9, 9)", "INSERT INTO t SELECT a + 6, 2 FROM t",
                 "UPDATE t SET a = 9 WHERE a < 5", "INSERT OR IGNORE INTO t VALUES (1, 5), (2, 5)",
                 "INSERT OR REPLACE INTO t VALUES (3, 7)", "COMMIT", "SELECT a, b FROM t ORDER BY a"});
}

TEST_F(SqliteFeaturesTest, Vacuum_shrinks) {
  ExpectAsStock({"CREATE TABLE t(a, b)", Fill(3000, 'x'), "DELETE FROM t WHERE a % 10 <> 0", "PRAGMA page_count",
                 "VACUUM", "PRAGMA page_count", "SELECT count(*), sum(a) FROM t", "INSERT INTO t VALUES (1, 1)"});
}

TEST_F(SqliteFeaturesTest, Full_auto_vacuum) {
  ExpectAsStock({"PRAGMA auto_vacuum=FULL", "CREATE TABLE t(a, b)", "CREATE TABLE u(a, b)", Fill(2000, 'x'),
                 Fill(500, 'y', 1000, "u"), "PRAGMA page_count", "DELETE FROM t WHERE a > 100", "PRAGMA page_count",
                 "SELECT count(*) FROM u", "DROP TABLE t", "PRAGMA page_count", Fill(100, 'z', 3000, "u"),
                 "SELECT count(*), sum(length(b)) FROM u", "PRAGMA auto_vacuum"});
}

TEST_F(SqliteFeaturesTest, Incremental_auto_vacuum) {
  ExpectAsStock({"PRAGMA auto_vacuum=INCREMENTAL", "CREATE TABLE t(a, b)", Fill(2000, 'x'),
                 "DELETE FROM t WHERE a > 100", "PRAGMA freelist_count", "PRAGMA incremental_vacuum(100)",
                 "PRAGMA freelist_count", "PRAGMA incremental_vacuum", "PRAGMA freelist_count", "PRAGMA page_count",
                 "SELECT count(*) FROM t"});
}

TEST_F(SqliteFeaturesTest, A_large_transaction_that_grows_and_shrinks) {
  ExpectAsStock({"PRAGMA auto_vacuum=FULL", "PRAGMA cache_size=10", "CREATE TABLE t(a, b)", "BEGIN", Fill(12'000, 'x'),
                 "DELETE FROM t WHERE a > 50", "UPDATE t SET b = replace(b, 'x', 'y')", "COMMIT", "PRAGMA page_count",
                 "BEGIN", Fill(12'000, 'z'), "DELETE FROM t WHERE a > 60", "ROLLBACK", "PRAGMA page_count",
                 "SELECT count(*), min(b) = max(b) FROM t", Fill(3000, 'q'), "SELECT count(*) FROM t"});
}

TEST_F(SqliteFeaturesTest, Indexes_and_views_and_triggers_and_foreign_keys) {
  ExpectAsStock({"PRAGMA foreign_keys=ON", "CREATE TABLE p(id INTEGER PRIMARY KEY, n)",
                 "CREATE TABLE c(p REFERENCES p ON DELETE CASCADE, x)", "CREATE INDEX i ON c(x)",
                 "CREATE TRIGGER g AFTER INSERT ON p BEGIN INSERT INTO c VALUES (new.id, new.n); END",
                 "CREATE VIEW v AS SELECT p.id, c.x FROM p JOIN c ON c.p = p.id",
                 "INSERT INTO p VALUES (1, 10), (2, 20)", "SELECT * FROM v ORDER BY id", "DELETE FROM p WHERE id = 1",
                 "SELECT * FROM v", "REINDEX", "ANALYZE", "DROP INDEX i", "ALTER TABLE c ADD COLUMN y DEFAULT 5",
                 "SELECT * FROM c"});
}

TEST_F(SqliteFeaturesTest, Full_text_search) {
  ExpectAsStock({"CREATE VIRTUAL TABLE f USING fts5(a)", "INSERT INTO f VALUES ('one two'), ('two three')",
                 "SELECT a FROM f WHERE f MATCH 'two' ORDER BY rowid", "BEGIN", "DELETE FROM f WHERE f MATCH 'one'",
                 "ROLLBACK", "SELECT count(*) FROM f WHERE f MATCH 'one'", "INSERT INTO f(f) VALUES ('optimize')",
                 "INSERT INTO f(f) VALUES ('integrity-check')", "DROP TABLE f"});
}

TEST_F(SqliteFeaturesTest, Temporary_tables_and_large_sorts) {
  ExpectAsStock({"CREATE TABLE t(a, b)", Fill(5000, 'x'), "PRAGMA temp_store=FILE", "PRAGMA cache_size=10",
                 "CREATE TEMP TABLE s AS SELECT * FROM t", "SELECT count(*) FROM s JOIN t USING (a)",
                 "SELECT a FROM t ORDER BY b || (a * 7919 % 5000) LIMIT 3", "DROP TABLE s"});
}

TEST_F(SqliteFeaturesTest, Incremental_blobs) {
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, zeroblob(1000000))"),
            SQLITE_OK);
  sqlite3_blob* blob = nullptr;
  ASSERT_EQ(sqlite3_blob_open(db.get(), "main", "t", "b", 1, 1, &blob), SQLITE_OK) << db.message();
  const std::string text = "hello";
  for (int offset = 0; offset < 1'000'000 - 5; offset += 99'991) {
    ASSERT_EQ(sqlite3_blob_write(blob, text.data(), 5, offset), SQLITE_OK) << db.message();
  }
  ASSERT_EQ(sqlite3_blob_close(blob), SQLITE_OK);
  SqliteDatabase second = Open();
  ASSERT_EQ(sqlite3_blob_open(second.get(), "main", "t", "b", 1, 0, &blob), SQLITE_OK);
  std::string read(5, ' ');
  ASSERT_EQ(sqlite3_blob_read(blob, read.data(), 5, 99'991 * 10), SQLITE_OK);
  EXPECT_EQ(read, text);
  ASSERT_EQ(sqlite3_blob_close(blob), SQLITE_OK);
  EXPECT_EQ(second.Query("PRAGMA integrity_check"), "ok");
}

TEST_F(SqliteFeaturesTest, Data_version_changes_with_others_commits_only) {
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("CREATE TABLE t(a)"), SQLITE_OK);
  SqliteDatabase second = Open();
  const std::string version = db.Query("PRAGMA data_version");
  ASSERT_EQ(db.Exec("INSERT INTO t VALUES (1)"), SQLITE_OK);
  EXPECT_EQ(db.Query("PRAGMA data_version"), version);
  ASSERT_EQ(second.Exec("BEGIN; INSERT INTO t VALUES (2); ROLLBACK"), SQLITE_OK);
  EXPECT_EQ(db.Query("PRAGMA data_version"), version);
  ASSERT_EQ(second.Exec("INSERT INTO t VALUES (2)"), SQLITE_OK);
  EXPECT_NE(db.Query("PRAGMA data_version"), version);
}

TEST_F(SqliteFeaturesTest, A_schema_change_is_seen_by_prepared_statements_of_others) {
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("CREATE TABLE t(a); INSERT INTO t VALUES (1)"), SQLITE_OK);
  SqliteDatabase second = Open();
  sqlite3_stmt* statement = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(second.get(), "SELECT * FROM t", -1, &statement, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_step(statement), SQLITE_ROW);
  EXPECT_EQ(sqlite3_column_count(statement), 1);
  ASSERT_EQ(sqlite3_reset(statement), SQLITE_OK);
  ASSERT_EQ(db.Exec("ALTER TABLE t ADD COLUMN b DEFAULT 7"), SQLITE_OK);
  ASSERT_EQ(sqlite3_step(statement), SQLITE_ROW);
  EXPECT_EQ(sqlite3_column_count(statement), 2);
  EXPECT_EQ(sqlite3_column_int(statement, 1), 7);
  sqlite3_finalize(statement);
}

TEST_F(SqliteFeaturesTest, A_statement_that_is_being_read_survives_commits_of_its_connection_and_of_others) {
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("CREATE TABLE t(a, b); CREATE TABLE u(a)"), SQLITE_OK);
  ASSERT_EQ(db.Exec(Fill(200, 'x')), SQLITE_OK);
  SqliteDatabase second = Open();
  sqlite3_stmt* statement = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(db.get(), "SELECT a FROM t ORDER BY a", -1, &statement, nullptr), SQLITE_OK);
  int rows = 0;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    EXPECT_EQ(sqlite3_column_int(statement, 0), ++rows);
    if (rows <= 20) {
      ASSERT_EQ(db.Exec("INSERT INTO u VALUES (1)"), SQLITE_OK) << db.message();
    }
    if (rows == 30) {
      ASSERT_EQ(second.Exec("DELETE FROM t WHERE a > 100"), SQLITE_OK) << second.message();
    }
  }
  EXPECT_EQ(rows, 200);
  sqlite3_finalize(statement);
  EXPECT_EQ(db.Query("SELECT count(*), (SELECT count(*) FROM u) FROM t"), "100|20");
}

// --- the backup API

class BackupTest : public SqliteFeaturesTest {
 protected:
  static int Backup(SqliteDatabase& from, SqliteDatabase& to, int pages = -1,
                    const std::function<void()>& between = nullptr) {
    sqlite3_backup* const backup = sqlite3_backup_init(to.get(), "main", from.get(), "main");
    if (backup == nullptr) return sqlite3_extended_errcode(to.get());
    int rc = SQLITE_OK;
    while ((rc = sqlite3_backup_step(backup, pages)) == SQLITE_OK) {
      if (between) between();
    }
    const int finished = sqlite3_backup_finish(backup);
    return rc == SQLITE_DONE ? finished : rc;
  }
};

TEST_F(BackupTest, Out_of_a_live_database_while_it_is_written_is_consistent) {
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("CREATE TABLE t(a, b)"), SQLITE_OK);
  ASSERT_EQ(db.Exec(Fill(2000, 'x')), SQLITE_OK);
  SqliteDatabase writer = Open();
  SqliteDatabase copy = OpenStock("copy.sqlite3");
  int steps = 0;
  EXPECT_EQ(Backup(db, copy, 50,
                   [&] {
                     if (++steps > 5) return;
                     EXPECT_EQ(writer.Exec("UPDATE t SET a = a + 1"), SQLITE_OK);
                   }),
            SQLITE_OK);
  EXPECT_GT(steps, 5);
  EXPECT_EQ(copy.Query("SELECT count(*), sum(a) FROM t"), "2000|2011000");
  EXPECT_EQ(copy.Query("PRAGMA integrity_check"), "ok");
}

TEST_F(BackupTest, Into_a_live_database_leaves_every_connection_usable) {
  for (const char* mode : {"DELETE", "WAL"}) {
    SCOPED_TRACE(mode);
    SqliteDatabase source = OpenStock(std::string(mode) + ".sqlite3");
    ASSERT_EQ(source.Exec(std::string("PRAGMA journal_mode=") + mode + "; CREATE TABLE t(a, b)"), SQLITE_OK);
    ASSERT_EQ(source.Exec(Fill(500, 'x')), SQLITE_OK);
    SqliteDatabase db = Open();
    ASSERT_EQ(db.Exec("CREATE TABLE IF NOT EXISTS old(a); INSERT INTO old VALUES (1)"), SQLITE_OK) << db.message();
    SqliteDatabase second = Open();
    EXPECT_NE(second.Query("SELECT count(*) FROM old"), "0");
    ASSERT_EQ(Backup(source, db, 20), SQLITE_OK) << db.message() << sqlite_efs_last_error();
    for (SqliteDatabase* connection : {&db, &second}) {
      EXPECT_EQ(connection->Query("SELECT count(*), sum(a) FROM t"), "500|125250") << connection->message();
      EXPECT_EQ(connection->Query("PRAGMA journal_mode"), "wal");
    }
    for (SqliteDatabase* connection : {&db, &second}) {
      EXPECT_EQ(connection->Exec("INSERT INTO t VALUES (0, 'w')"), SQLITE_OK) << connection->message();
    }
    EXPECT_EQ(db.Query("SELECT count(*) FROM t"), "502");
    EXPECT_EQ(db.Query("PRAGMA integrity_check"), "ok");
    EXPECT_TRUE(IsLive(PosixFileSystem(), Path()));
    EXPECT_EQ(testing::OpenStockCopy(Path(), Path("copy.sqlite3")).Query("SELECT count(*) FROM t"), "502");
  }
}

TEST_F(BackupTest, Into_a_new_live_database) {
  SqliteDatabase source = OpenStock("source.sqlite3");
  ASSERT_EQ(source.Exec("PRAGMA page_size=8192; CREATE TABLE t(a, b)"), SQLITE_OK);
  ASSERT_EQ(source.Exec(Fill(500, 'x')), SQLITE_OK);
  SqliteDatabase db = Open();
  ASSERT_EQ(Backup(source, db, 7), SQLITE_OK) << db.message() << sqlite_efs_last_error();
  EXPECT_EQ(Open().Query("SELECT count(*), sum(a) FROM t"), "500|125250");
  EXPECT_EQ(Open().Query("PRAGMA integrity_check"), "ok");
}

TEST_F(BackupTest, With_another_page_size_is_refused_and_changes_nothing) {
  for (const int page_size : {512, 1024, 8192, 65536}) {
    SCOPED_TRACE(page_size);
    SqliteDatabase source = OpenStock(std::to_string(page_size) + ".sqlite3");
    ASSERT_EQ(source.Exec("PRAGMA page_size=" + std::to_string(page_size) + "; CREATE TABLE t(a, b)"), SQLITE_OK);
    ASSERT_EQ(source.Exec(Fill(500, 'x')), SQLITE_OK);
    const std::string name = "live" + std::to_string(page_size) + ".sqlite3";
    SqliteDatabase db = Open(name);
    ASSERT_EQ(db.Exec("CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 'a')"), SQLITE_OK) << db.message();
    const int rc = Backup(source, db, 20);
    SqliteDatabase fresh = Open(name);
    EXPECT_EQ(fresh.Query("PRAGMA page_size"), "4096");
    EXPECT_EQ(fresh.Query("PRAGMA integrity_check"), "ok");
    if (rc == SQLITE_OK) {
      EXPECT_EQ(fresh.Query("SELECT count(*), sum(a) FROM t"), "500|125250");
    } else {
      EXPECT_EQ(fresh.Query("SELECT a, b FROM t"), "1|a");
      EXPECT_NE(std::string(sqlite_efs_last_error()).find("page size"), std::string::npos) << rc;
    }
    EXPECT_EQ(fresh.Exec("INSERT INTO t VALUES (2, 'b')"), SQLITE_OK) << fresh.message();
    EXPECT_EQ(db.Query("SELECT count(*) FROM t"), rc == SQLITE_OK ? "501" : "2") << db.message();
  }
}

TEST_F(BackupTest, From_live_to_live) {
  SqliteDatabase from = Open("from.sqlite3");
  ASSERT_EQ(from.Exec("CREATE TABLE t(a, b)"), SQLITE_OK);
  ASSERT_EQ(from.Exec(Fill(500, 'x')), SQLITE_OK);
  SqliteDatabase to = Open("to.sqlite3");
  ASSERT_EQ(to.Exec("CREATE TABLE other(a, b)"), SQLITE_OK);
  ASSERT_EQ(to.Exec(Fill(3000, 'o', 1000, "other")), SQLITE_OK);
  ASSERT_EQ(Backup(from, to, 13), SQLITE_OK) << to.message();
  EXPECT_EQ(Open("to.sqlite3").Query("SELECT count(*) FROM t"), "500");
  EXPECT_EQ(Open("to.sqlite3").Query("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(from.Exec("INSERT INTO t VALUES (1, 1)"), SQLITE_OK);
  EXPECT_EQ(to.Query("SELECT count(*) FROM t"), "500");
}

TEST_F(BackupTest, An_unfinished_backup_into_a_live_database_changes_nothing) {
  SqliteDatabase source = OpenStock("source.sqlite3");
  ASSERT_EQ(source.Exec("CREATE TABLE t(a, b)"), SQLITE_OK);
  ASSERT_EQ(source.Exec(Fill(12'000, 'x')), SQLITE_OK);
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("PRAGMA cache_size=10; CREATE TABLE old(a); INSERT INTO old VALUES (7)"), SQLITE_OK);
  sqlite3_backup* const backup = sqlite3_backup_init(db.get(), "main", source.get(), "main");
  ASSERT_NE(backup, nullptr);
  ASSERT_EQ(sqlite3_backup_step(backup, 2500), SQLITE_OK);
  ASSERT_EQ(sqlite3_backup_finish(backup) & kPrimary, SQLITE_OK);
  EXPECT_EQ(db.Query("SELECT a FROM old"), "7");
  EXPECT_EQ(db.Query("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(Open().Query("SELECT a FROM old"), "7");
  EXPECT_EQ(db.Exec("INSERT INTO old VALUES (8)"), SQLITE_OK) << db.message();
}

}  // namespace
}  // namespace sqlite_efs
