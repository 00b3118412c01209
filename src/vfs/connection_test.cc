// What a connection promises SQLite about locks, commits and rollbacks: one test for each rule, which fails without it.
#include "vfs/connection.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>

#include "sqlite_efs.h"
#include "testing/live_test.h"
#include "vfs/errors.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::Fail;
using testing::Fill;
using testing::Is;
using testing::LiveTest;
using testing::Op;
using testing::OpenStockCopy;
using testing::OtherProcess;
using testing::SqliteDatabase;
using testing::Uri;
using testing::VfsFiles;

constexpr int kPrimary = 0xff;
constexpr PageNumber kRootOfT = {2};
// More than the engine keeps of a transaction in memory; each is a KB.
constexpr int kSpillingRows = 4 * testing::kSpill_bytes / 1000;

class ConnectionTest : public LiveTest {
 protected:
  void SetUp() override {
    db_ = Open();
    ASSERT_EQ(db_.Exec("CREATE TABLE t(a INTEGER, b TEXT)"), SQLITE_OK) << db_.message();
    ASSERT_EQ(db_.Exec(Fill(20, 'a')), SQLITE_OK);
  }

  static nlohmann::json Status(SqliteDatabase& db) { return nlohmann::json::parse(db.Query("PRAGMA efs_status")); }

  static uint32_t ReadField(SqliteDatabase& db, int offset) {
    std::array<std::byte, 4> bytes;
    EXPECT_EQ(db.file()->pMethods->xRead(db.file(), bytes.data(), bytes.size(), offset), SQLITE_OK);
    return ReadBigEndian32(bytes.data());
  }
  static uint32_t ChangeCounter(SqliteDatabase& db) { return ReadField(db, kChangeCounterOffset); }

  // The database as this connection, another one and, from copies of the files, stock SQLite see it.
  void ExpectEverywhere(const std::string& sql, const std::string& rows) {
    EXPECT_EQ(db_.Query(sql), rows) << "this connection";
    SqliteDatabase second = Open();
    EXPECT_EQ(second.Query(sql), rows) << "another connection";
    EXPECT_EQ(second.Query("PRAGMA integrity_check"), "ok");
    SqliteDatabase stock = OpenStockCopy(Path(), Path("stock.sqlite3"));
    EXPECT_EQ(stock.Query(sql), rows) << "stock SQLite";
    EXPECT_EQ(stock.Query("PRAGMA integrity_check"), "ok");
  }

  // Begins a transaction that changes every old row and adds many, with a cache that makes SQLite spill.
  void Spill(const char* begin = "BEGIN") {
    ASSERT_EQ(db_.Exec("PRAGMA cache_size=10"), SQLITE_OK);
    ASSERT_EQ(db_.Exec(begin), SQLITE_OK) << db_.message();
    ASSERT_EQ(db_.Exec("UPDATE t SET b = replace(b, 'a', 'x')"), SQLITE_OK);
    ASSERT_EQ(db_.Exec(Fill(kSpillingRows, 'y')), SQLITE_OK) << db_.message();
  }

  SqliteDatabase db_;
};

constexpr const char* kSummary = "SELECT count(*), sum(a), min(substr(b, 1, 1)), max(substr(b, 1, 1)) FROM t";
constexpr const char* kAsBefore = "20|210|a|a";

// --- the commit

TEST_F(ConnectionTest, Rollback_of_a_spilled_transaction_commits_and_writes_nothing) {
  const nlohmann::json before = Status(db_);
  Spill();
  std::atomic<int> writes = 0;
  VfsFiles().Before([&](const Call& call) -> sqlite_efs::Status {
    writes += Is(call, Op::kWrite, "0000000001") ? 1 : 0;
    return {};
  });
  ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK) << db_.message();
  EXPECT_EQ(writes, 0);
  EXPECT_EQ(Status(db_)["segment"]["frames"], before["segment"]["frames"]);
  EXPECT_EQ(Status(db_)["counters"]["commits"], before["counters"]["commits"]);
  ExpectEverywhere(kSummary, kAsBefore);
}

TEST_F(ConnectionTest, Commit_follows_a_rolled_back_spill_in_the_same_segment) {
  Spill();
  ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  ASSERT_EQ(db_.Exec("INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK) << db_.message();
  EXPECT_EQ(Status(db_)["segment"]["number"], 1);
  ExpectEverywhere(kSummary, "21|1210|a|z");
}

TEST_F(ConnectionTest, A_part_of_a_written_page_is_read_as_it_is_in_the_whole_page) {
  Spill();
  sqlite3_file* const file = db_.file();
  sqlite3_int64 size = 0;
  ASSERT_EQ(file->pMethods->xFileSize(file, &size), SQLITE_OK);
  const int page_size = std::stoi(db_.Query("PRAGMA page_size"));
  for (sqlite3_int64 at = 0; at < size; at += page_size) {
    std::vector<std::byte> page(static_cast<size_t>(page_size));
    ASSERT_EQ(file->pMethods->xRead(file, page.data(), page_size, at), SQLITE_OK);
    std::array<std::byte, 100> part;
    const int offset = page_size - 2 * static_cast<int>(part.size());
    ASSERT_EQ(file->pMethods->xRead(file, part.data(), static_cast<int>(part.size()), at + offset), SQLITE_OK);
    ASSERT_TRUE(std::equal(part.begin(), part.end(), page.begin() + offset)) << "page " << at / page_size + 1;
  }
}

TEST_F(ConnectionTest, Commit_of_a_spilled_transaction_is_whole) {
  Spill();
  ASSERT_EQ(db_.Exec("COMMIT"), SQLITE_OK) << db_.message();
  ExpectEverywhere(kSummary, std::to_string(20 + kSpillingRows) + "|" +
                                 std::to_string(210 + kSpillingRows * (kSpillingRows + 1) / 2) + "|x|y");
}

TEST_F(ConnectionTest, Rollback_to_the_outermost_savepoint_then_commit_keeps_what_follows_it) {
  for (const char* begin : {"SAVEPOINT s", "BEGIN; SAVEPOINT s", "BEGIN IMMEDIATE; SAVEPOINT s; SAVEPOINT inner"}) {
    SCOPED_TRACE(begin);
    Spill(begin);
    ASSERT_EQ(db_.Exec("ROLLBACK TO s"), SQLITE_OK) << db_.message();
    EXPECT_EQ(db_.Query(kSummary), kAsBefore);
    ASSERT_EQ(db_.Exec("INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK) << db_.message();
    ASSERT_EQ(db_.Exec("RELEASE s"), SQLITE_OK) << db_.message();
    if (db_.in_transaction()) {
      ASSERT_EQ(db_.Exec("COMMIT"), SQLITE_OK) << db_.message();
    }
    ExpectEverywhere(kSummary, "21|1210|a|z");
    ASSERT_EQ(db_.Exec("DELETE FROM t WHERE a = 1000"), SQLITE_OK);
  }
}

TEST_F(ConnectionTest, Rollback_to_a_savepoint_then_commit_of_nothing_else_keeps_the_old_content) {
  Spill("SAVEPOINT s");
  ASSERT_EQ(db_.Exec("ROLLBACK TO s"), SQLITE_OK);
  ASSERT_EQ(db_.Exec("RELEASE s"), SQLITE_OK) << db_.message();
  ExpectEverywhere(kSummary, kAsBefore);
}

TEST_F(ConnectionTest, Inner_savepoint_of_a_spilled_transaction_rolls_back_alone) {
  Spill("BEGIN");
  ASSERT_EQ(db_.Exec("SAVEPOINT s; DELETE FROM t"), SQLITE_OK);
  ASSERT_EQ(db_.Exec(Fill(kSpillingRows, 'q')), SQLITE_OK);
  ASSERT_EQ(db_.Exec("ROLLBACK TO s; COMMIT"), SQLITE_OK) << db_.message();
  ExpectEverywhere(kSummary, std::to_string(20 + kSpillingRows) + "|" +
                                 std::to_string(210 + kSpillingRows * (kSpillingRows + 1) / 2) + "|x|y");
}

TEST_F(ConnectionTest, First_transaction_of_a_new_database_that_spills_rolls_back_to_nothing) {
  SqliteDatabase db = Open("new.sqlite3");
  ASSERT_EQ(db.Exec("PRAGMA cache_size=10; BEGIN; CREATE TABLE t(a, b)"), SQLITE_OK);
  ASSERT_EQ(db.Exec(Fill(kSpillingRows, 'a')), SQLITE_OK);
  ASSERT_EQ(db.Exec("ROLLBACK"), SQLITE_OK) << db.message();
  EXPECT_EQ(db.Query("SELECT count(*) FROM sqlite_schema"), "0");
  SqliteDatabase second = Open("new.sqlite3");
  EXPECT_EQ(second.Query("SELECT count(*) FROM sqlite_schema"), "0");
  EXPECT_EQ(second.Query("PRAGMA integrity_check"), "ok");
  ASSERT_EQ(second.Exec("CREATE TABLE u(a); INSERT INTO u VALUES (1)"), SQLITE_OK) << second.message();
  EXPECT_EQ(db.Query("SELECT a FROM u"), "1");
}

TEST_F(ConnectionTest, Change_counter_only_grows) {
  uint32_t last = ChangeCounter(db_);
  const auto expect_growth = [&](const std::string& what) {
    const uint32_t now = ChangeCounter(db_);
    EXPECT_GT(now, last) << what;
    last = now;
  };
  SqliteDatabase source(Path("source.sqlite3"), testing::kStockVfs);
  ASSERT_EQ(source.Exec("CREATE TABLE t(a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'a')"), SQLITE_OK);
  for (const char* sql : {"INSERT INTO t VALUES (1, 'a')", "VACUUM", "DELETE FROM t", "VACUUM", "DROP TABLE t; VACUUM",
                          "CREATE TABLE t(a INTEGER, b TEXT)", "PRAGMA user_version=7", "REINDEX"}) {
    if (std::string(sql) == "REINDEX") continue;  // writes nothing without an index
    ASSERT_EQ(db_.Exec(sql), SQLITE_OK) << sql << ": " << db_.message();
    expect_growth(sql);
  }
  for (int i = 0; i < 2; i++) {
    sqlite3_backup* const backup = sqlite3_backup_init(db_.get(), "main", source.get(), "main");
    ASSERT_NE(backup, nullptr) << db_.message();
    EXPECT_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE) << db_.message();
    EXPECT_EQ(sqlite3_backup_finish(backup), SQLITE_OK);
    expect_growth("backup into the live database");
  }
  EXPECT_EQ(db_.Query("SELECT a, b FROM t"), "1|a");
}

TEST_F(ConnectionTest, A_write_that_fails_fails_the_commit_and_leaves_nothing) {
  struct Case {
    Op op;
    int error;
    int code;
  };
  for (const Case& c : {Case{Op::kWrite, EIO, SQLITE_IOERR}, Case{Op::kWrite, ENOSPC, SQLITE_FULL}}) {
    SCOPED_TRACE(c.error);
    ASSERT_EQ(db_.Exec("BEGIN; INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK) << db_.message();
    const std::string segment = Segment(Status(db_)["segment"]["number"]);
    VfsFiles().Before(Fail(c.op, segment, c.error));
    const int rc = db_.Exec("COMMIT");
    VfsFiles().Clear();
    EXPECT_EQ(rc & kPrimary, c.code) << db_.message();
    EXPECT_STRNE(sqlite_efs_last_error(), "");
    if (db_.in_transaction()) {
      EXPECT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK) << db_.message();
    }
    EXPECT_EQ(db_.Query(kSummary), kAsBefore);
    EXPECT_EQ(db_.Query("PRAGMA integrity_check"), "ok");
    SqliteDatabase second = Open();
    ASSERT_EQ(second.Exec("INSERT INTO t VALUES (7, 'w'); DELETE FROM t WHERE b = 'w'"), SQLITE_OK) << second.message();
    EXPECT_EQ(db_.Query(kSummary), kAsBefore);
  }
}

TEST_F(ConnectionTest, A_failed_spill_fails_the_transaction_for_good) {
  ASSERT_EQ(db_.Exec("PRAGMA cache_size=10; BEGIN"), SQLITE_OK);
  VfsFiles().Before(Fail(Op::kWrite, Segment(), EIO));
  EXPECT_EQ(db_.Exec(Fill(kSpillingRows, 'y')) & kPrimary, SQLITE_IOERR);
  VfsFiles().Clear();
  if (db_.in_transaction()) {
    EXPECT_NE(db_.Exec("COMMIT"), SQLITE_OK);
    if (db_.in_transaction()) {
      EXPECT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
    }
  }
  EXPECT_EQ(db_.Query(kSummary), kAsBefore);
  ASSERT_EQ(db_.Exec("INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK) << db_.message();
  EXPECT_EQ(db_.Query(kSummary), "21|1210|a|z");
  EXPECT_GT(Status(db_)["segment"]["number"], 1) << "a segment with a failed write was used again";
}

TEST_F(ConnectionTest, Commit_to_a_segment_that_was_sealed_before_the_write_is_refused) {
  OtherProcess other(Path());
  ASSERT_EQ(db_.Exec("BEGIN; INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK);
  ASSERT_TRUE(other.Seal().ok());
  const int rc = db_.Exec("COMMIT");
  // BUSY would leave the transaction open, and the program would try the same COMMIT again.
  EXPECT_EQ(rc & kPrimary, SQLITE_IOERR) << db_.message();
  EXPECT_FALSE(db_.in_transaction());
  EXPECT_EQ(db_.Query(kSummary), kAsBefore);
  ASSERT_EQ(db_.Exec("INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK) << db_.message();
  EXPECT_EQ(db_.Query(kSummary), "21|1210|a|z");
}

TEST_F(ConnectionTest, Commit_to_a_segment_that_was_merged_and_removed_is_told_that_the_lease_was_taken_over) {
  OtherProcess other(Path());
  ASSERT_EQ(db_.Exec("BEGIN; INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK);
  bool merged = false;
  VfsFiles().Before([&](const Call& call) -> sqlite_efs::Status {
    if (!Is(call, Op::kWrite, Segment()) || std::exchange(merged, true)) return {};
    EXPECT_TRUE(other.Seal().ok());
    return other.Merge();
  });
  const int rc = db_.Exec("COMMIT");
  VfsFiles().Clear();
  EXPECT_TRUE(merged);
  EXPECT_EQ(rc & kPrimary, SQLITE_IOERR);
  EXPECT_NE(LastError().find("was taken over by another writer"), std::string::npos) << LastError();
  EXPECT_EQ(db_.Query(kSummary), kAsBefore);
}

TEST_F(ConnectionTest, Commit_that_was_in_the_files_when_its_segment_was_sealed_is_acknowledged) {
  OtherProcess other(Path());
  ASSERT_EQ(db_.Exec("BEGIN; INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK);
  bool sealed = false;
  VfsFiles().After([&](const Call& call) -> sqlite_efs::Status {
    if (!Is(call, Op::kSync, "0000000001") || std::exchange(sealed, true)) return {};
    return other.Seal();
  });
  ASSERT_EQ(db_.Exec("COMMIT"), SQLITE_OK) << db_.message();
  VfsFiles().Clear();
  EXPECT_TRUE(sealed);
  EXPECT_EQ(db_.Query(kSummary), "21|1210|a|z");
  SqliteDatabase second = Open();
  EXPECT_EQ(second.Query(kSummary), "21|1210|a|z");
  ASSERT_EQ(second.Exec("INSERT INTO t VALUES (1001, 'z')"), SQLITE_OK) << second.message();
  EXPECT_EQ(db_.Query(kSummary), "22|2211|a|z");
}

TEST_F(ConnectionTest, Commit_whose_write_landed_though_it_failed_is_decided_by_the_files) {
  ASSERT_EQ(db_.Exec("BEGIN; INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK);
  VfsFiles().After(Fail(Op::kWrite, Segment(), EIO));
  const int rc = db_.Exec("COMMIT");
  VfsFiles().Clear();
  const bool there = db_.Query(kSummary) == "21|1210|a|z";
  EXPECT_EQ(rc == SQLITE_OK, there) << rc << " " << db_.message();
  SqliteDatabase second = Open();
  EXPECT_EQ(second.Query(kSummary), there ? "21|1210|a|z" : kAsBefore);
  ASSERT_EQ(second.Exec("INSERT INTO t VALUES (5, 'w')"), SQLITE_OK) << second.message();
}

TEST_F(ConnectionTest, Commit_whose_sync_failed_is_not_acknowledged) {
  ASSERT_EQ(db_.Exec("BEGIN; INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK);
  VfsFiles().Before(Fail(Op::kSync, "0000000001", EIO));
  EXPECT_EQ(db_.Exec("COMMIT"), SQLITE_IOERR_FSYNC) << db_.message();
  EXPECT_NE(std::string(sqlite_efs_last_error()).find("may not be durable"), std::string::npos)
      << sqlite_efs_last_error();
  VfsFiles().Clear();
  EXPECT_FALSE(db_.in_transaction());
  const std::string now = db_.Query(kSummary);
  EXPECT_TRUE(now == "21|1210|a|z" || now == kAsBefore) << now;
  ASSERT_EQ(db_.Exec("UPDATE t SET a = a"), SQLITE_OK) << db_.message();
  EXPECT_EQ(db_.Query(kSummary), now);
  EXPECT_GT(Status(db_)["segment"]["number"], 1);
}

TEST_F(ConnectionTest, Commit_of_rewritten_pages_that_may_not_have_got_to_the_disk_is_refused) {
  Spill();
  ASSERT_EQ(db_.Exec("UPDATE t SET b = replace(b, 'y', 'w')"), SQLITE_OK) << db_.message();
  int syncs = 0;
  VfsFiles().Before([&](const Call& call) -> sqlite_efs::Status {
    if (!Is(call, Op::kSync, "0000000001") || syncs++ > 0) return {};
    return sqlite_efs::Status::FromErrno(EIO, "(scripted)", call.path);
  });
  EXPECT_EQ(db_.Exec("COMMIT") & kPrimary, SQLITE_IOERR) << db_.message();
  VfsFiles().Clear();
  EXPECT_EQ(std::string(sqlite_efs_last_error()).find("committed"), std::string::npos) << sqlite_efs_last_error();
  if (db_.in_transaction()) {
    EXPECT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  }
  ExpectEverywhere(kSummary, kAsBefore);
}

TEST_F(ConnectionTest, After_the_commit_nothing_can_fail) {
  ASSERT_EQ(db_.Exec("BEGIN; INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK);
  bool committed = false;
  VfsFiles().Before([&](const Call& call) -> sqlite_efs::Status {
    // The commit ends with its touch and look; the release of the lease follows.
    if (committed) return sqlite_efs::Status::FromErrno(EIO, "(scripted)", call.path);
    return {};
  });
  VfsFiles().After([&](const Call& call) -> sqlite_efs::Status {
    committed = committed || Is(call, Op::kTouch, "0000000001");
    return {};
  });
  EXPECT_EQ(db_.Exec("COMMIT"), SQLITE_OK) << db_.message();
  EXPECT_TRUE(committed);
  VfsFiles().Clear();
  EXPECT_FALSE(db_.in_transaction());
  ExpectEverywhere(kSummary, "21|1210|a|z");
}

TEST_F(ConnectionTest, Exclusive_locking_through_another_database_cannot_commit_behind_the_counter) {
  SqliteDatabase memory(":memory:");
  ASSERT_EQ(memory.Exec("ATTACH '" + Uri(Path()) + "' AS live; PRAGMA locking_mode=EXCLUSIVE"), SQLITE_OK)
      << memory.message();
  ASSERT_EQ(memory.Exec("INSERT INTO live.t VALUES (1000, 'z')"), SQLITE_OK) << memory.message();
  const uint32_t counter = ChangeCounter(db_);
  EXPECT_EQ(db_.Query(kSummary), "21|1210|a|z");
  EXPECT_EQ(memory.Exec("INSERT INTO live.t VALUES (1001, 'z')") & kPrimary, SQLITE_IOERR);
  EXPECT_EQ(db_.Query(kSummary), "21|1210|a|z");
  EXPECT_EQ(ChangeCounter(db_), counter);
  memory.Close();
  ASSERT_EQ(db_.Exec("INSERT INTO t VALUES (1001, 'z')"), SQLITE_OK) << db_.message();
  ExpectEverywhere(kSummary, "22|2211|a|z");
}

TEST_F(ConnectionTest, Journal_mode_through_another_database_changes_nothing) {
  for (const char* mode : {"MEMORY", "OFF", "TRUNCATE", "PERSIST", "WAL", "DELETE"}) {
    SCOPED_TRACE(mode);
    SqliteDatabase memory(":memory:");
    ASSERT_EQ(memory.Exec("ATTACH '" + Uri(Path()) + "' AS live; PRAGMA live.cache_size=10"), SQLITE_OK);
    ASSERT_EQ(memory.Exec(std::string("PRAGMA journal_mode=") + mode), SQLITE_OK) << memory.message();
    for (const char* end : {"ROLLBACK", "COMMIT"}) {
      ASSERT_EQ(memory.Exec("BEGIN; UPDATE live.t SET b = replace(b, 'a', 'x')"), SQLITE_OK) << memory.message();
      ASSERT_EQ(memory.Exec(Fill(kSpillingRows, 'y', 1000, "live.t")), SQLITE_OK) << memory.message();
      ASSERT_EQ(memory.Exec("DELETE FROM live.t WHERE b >= 'y'; UPDATE live.t SET b = replace(b, 'x', 'a')"),
                SQLITE_OK);
      EXPECT_EQ(memory.Exec(end), SQLITE_OK) << end << ": " << memory.message();
      ExpectEverywhere(kSummary, kAsBefore);
    }
    EXPECT_EQ(testing::TempDirectory::Names(Path() + "-wal").front(), "0000000001");
  }
}

// --- locks and snapshots

TEST_F(ConnectionTest, Stale_deferred_transaction_gets_busy_snapshot_without_waiting) {
  int called = 0;
  sqlite3_busy_handler(
      db_.get(),
      [](void* count, int) {
        ++*static_cast<int*>(count);
        return 0;
      },
      &called);
  SqliteDatabase second = Open();
  ASSERT_EQ(db_.Query("BEGIN"), "");
  ASSERT_EQ(db_.Query(kSummary), kAsBefore);
  ASSERT_EQ(second.Exec("INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK);
  EXPECT_EQ(db_.Exec("INSERT INTO t VALUES (1001, 'w')"), SQLITE_BUSY_SNAPSHOT);
  EXPECT_EQ(called, 0);
  EXPECT_EQ(db_.Query(kSummary), kAsBefore) << "the snapshot outlives the refusal";
  ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  ASSERT_EQ(db_.Exec("INSERT INTO t VALUES (1001, 'w')"), SQLITE_OK) << db_.message();
  ExpectEverywhere(kSummary, "22|2211|a|z");
}

TEST_F(ConnectionTest, Stale_transaction_of_another_process_gets_busy_snapshot) {
  OtherProcess other(Path());
  ASSERT_EQ(db_.Exec("BEGIN"), SQLITE_OK);
  ASSERT_EQ(db_.Query(kSummary), kAsBefore);
  ASSERT_TRUE(other.Commit(std::chrono::seconds(5), kRootOfT).ok());
  EXPECT_EQ(db_.Exec("INSERT INTO t VALUES (1001, 'w')"), SQLITE_BUSY_SNAPSHOT);
  ASSERT_EQ(db_.Exec("ROLLBACK; INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK) << db_.message();
}

// Another process changes what was read, between this connection's snapshot and its lease.
class OvertakenTest : public ConnectionTest {
 protected:
  void SetUp() override {
    ConnectionTest::SetUp();
    ASSERT_EQ(db_.Query(kSummary), kAsBefore);
    other_ = std::make_unique<OtherProcess>(Path());
    VfsFiles().Before([this](const Call& call) -> sqlite_efs::Status {
      if (!Is(call, Op::kTryLock, "/lease") || std::exchange(overtaken_, true)) return {};
      return other_->Commit(std::chrono::seconds(5), kRootOfT);
    });
  }
  static int OnBusy(void* self, int) { return ++static_cast<OvertakenTest*>(self)->busy_calls_ < 100 ? 1 : 0; }

  std::unique_ptr<OtherProcess> other_;
  bool overtaken_ = false;
  int busy_calls_ = 0;
};

TEST_F(OvertakenTest, Stale_statement_is_retried_through_the_busy_handler) {
  sqlite3_busy_handler(db_.get(), &OvertakenTest::OnBusy, this);
  ASSERT_EQ(db_.Exec("INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK) << db_.message();
  VfsFiles().Clear();
  EXPECT_TRUE(overtaken_);
  EXPECT_GE(busy_calls_, 1);
  ExpectEverywhere(kSummary, "21|1210|a|z");
}

TEST_F(OvertakenTest, Stale_statement_without_a_busy_handler_is_busy) {
  EXPECT_EQ(db_.Exec("INSERT INTO t VALUES (1000, 'z')"), SQLITE_BUSY) << db_.message();
  EXPECT_FALSE(db_.in_transaction());
  EXPECT_EQ(db_.Query(kSummary), kAsBefore);
}

TEST_F(OvertakenTest, Stale_begin_immediate_is_retried_through_the_busy_handler) {
  sqlite3_busy_handler(db_.get(), &OvertakenTest::OnBusy, this);
  ASSERT_EQ(db_.Exec("BEGIN IMMEDIATE"), SQLITE_OK) << db_.message();
  VfsFiles().Clear();
  EXPECT_GE(busy_calls_, 1);
  ASSERT_EQ(db_.Exec("INSERT INTO t VALUES (1000, 'z'); COMMIT"), SQLITE_OK) << db_.message();
  ExpectEverywhere(kSummary, "21|1210|a|z");
}

TEST_F(ConnectionTest, Readers_keep_their_snapshot_while_others_commit) {
  SqliteDatabase reader = Open();
  ASSERT_EQ(reader.Exec("BEGIN"), SQLITE_OK);
  ASSERT_EQ(reader.Query(kSummary), kAsBefore);
  for (int i = 0; i < 50; i++) ASSERT_EQ(db_.Exec("UPDATE t SET b = 'n', a = a + 1"), SQLITE_OK);
  EXPECT_EQ(reader.Query(kSummary), kAsBefore);
  ASSERT_EQ(reader.Exec("COMMIT"), SQLITE_OK);
  EXPECT_EQ(reader.Query(kSummary), "20|1210|n|n");
}

TEST_F(ConnectionTest, An_open_write_transaction_stops_no_reader) {
  ASSERT_EQ(db_.Exec("BEGIN EXCLUSIVE; DELETE FROM t"), SQLITE_OK);
  SqliteDatabase reader = Open("db.sqlite3", "timeout=0");
  for (int i = 0; i < 1000; i++) ASSERT_EQ(reader.Query("SELECT count(*) FROM t"), "20");
  ASSERT_EQ(db_.Exec("COMMIT"), SQLITE_OK);
  EXPECT_EQ(reader.Query("SELECT count(*) FROM t"), "0");
}

TEST_F(ConnectionTest, Waiting_for_the_lease_ends_at_the_timeout) {
  ASSERT_EQ(db_.Exec("BEGIN IMMEDIATE"), SQLITE_OK);
  SqliteDatabase second = Open("db.sqlite3", "timeout=0.2");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(second.Exec("BEGIN IMMEDIATE"), SQLITE_BUSY);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(190));
  EXPECT_NE(std::string(sqlite_efs_last_error()).find("database is locked"), std::string::npos);
  ASSERT_EQ(db_.Exec("COMMIT"), SQLITE_OK);
  EXPECT_EQ(second.Exec("BEGIN IMMEDIATE; COMMIT"), SQLITE_OK) << second.message();
}

TEST_F(ConnectionTest, The_lease_of_another_process_is_waited_for) {
  OtherProcess other(Path());
  Result<Snapshot> snapshot = other.database().TakeSnapshot();
  ASSERT_TRUE(snapshot.ok());
  Result<std::unique_ptr<Writer>> writer = other.database().BeginWrite(*snapshot, 1, std::chrono::seconds(5));
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  SqliteDatabase waiting = Open("db.sqlite3", "timeout=0.1");
  EXPECT_EQ(waiting.Exec("INSERT INTO t VALUES (1000, 'z')"), SQLITE_BUSY);
  writer->reset();
  EXPECT_EQ(waiting.Exec("INSERT INTO t VALUES (1000, 'z')"), SQLITE_OK) << waiting.message();
}

// --- reading under a lock, and what a merge does to it

class MergingTest : public LiveTest {
 protected:
  // A database whose rows are in the base.
  void SetUp() override {
    SqliteDatabase stock = OpenStock("db.sqlite3");
    ASSERT_EQ(stock.Exec("CREATE TABLE t(a INTEGER, b TEXT); CREATE TABLE small(a); INSERT INTO small VALUES (1)"),
              SQLITE_OK);
    ASSERT_EQ(stock.Exec(Fill(2000, 'a')), SQLITE_OK);
    stock.Close();
    db_ = Open();
  }
  void Mark(int mode) { ASSERT_EQ(::chmod(Segment().c_str(), mode), 0); }
  SqliteDatabase db_;
};

TEST_F(MergingTest, Read_of_a_state_that_is_being_merged_is_busy_snapshot_under_shared) {
  ASSERT_EQ(db_.Exec("BEGIN"), SQLITE_OK);
  ASSERT_EQ(db_.Query("SELECT a FROM small"), "1");
  Mark(0555);
  EXPECT_EQ(db_.Query("SELECT sum(length(b)) FROM t").substr(0, 9), "error 517");  // SQLITE_BUSY_SNAPSHOT
  EXPECT_NE(db_.Query("PRAGMA efs_status").find("\"reads_overtaken\":1,"), std::string::npos);
  Mark(0644);
  ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  EXPECT_EQ(db_.Query("SELECT sum(length(b)) FROM t"), "2000000");
}

TEST_F(MergingTest, Read_of_a_state_that_is_being_merged_is_an_io_error_from_reserved_on) {
  ASSERT_EQ(db_.Exec("BEGIN IMMEDIATE; INSERT INTO small VALUES (2)"), SQLITE_OK) << db_.message();
  Mark(0555);
  // BUSY in the middle of the UPDATE would undo nothing, and COMMIT would keep half of it.
  EXPECT_EQ(db_.Exec("UPDATE t SET a = a + 1") & kPrimary, SQLITE_IOERR) << db_.message();
  Mark(0644);
  if (db_.in_transaction()) {
    ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  }
  EXPECT_EQ(db_.Query("SELECT sum(a), (SELECT count(*) FROM small) FROM t"), "2001000|1");
}

// --- two files in one transaction

class TwoFilesTest : public ConnectionTest {
 protected:
  void SetUp() override {
    ConnectionTest::SetUp();
    ASSERT_EQ(db_.Exec("ATTACH '" + Uri(Path("two.sqlite3")) + "' AS two; CREATE TABLE two.u(a)"), SQLITE_OK)
        << db_.message();
  }
  static constexpr const char* kBoth = "BEGIN; INSERT INTO t VALUES (1000, 'z'); INSERT INTO two.u VALUES (1)";

  void ExpectRows(const std::string& first, const std::string& second) {
    SqliteDatabase one = Open();
    EXPECT_EQ(one.Query(kSummary), first);
    EXPECT_EQ(one.Query("PRAGMA integrity_check"), "ok");
    SqliteDatabase two = Open("two.sqlite3");
    EXPECT_EQ(two.Query("SELECT count(*) FROM u"), second);
    EXPECT_EQ(two.Query("PRAGMA integrity_check"), "ok");
    // Both can be written to.
    EXPECT_EQ(one.Exec("UPDATE t SET a = a"), SQLITE_OK) << one.message();
    EXPECT_EQ(two.Exec("UPDATE u SET a = a"), SQLITE_OK) << two.message();
  }
};

TEST_F(TwoFilesTest, Commit_and_rollback_concern_both) {
  ASSERT_EQ(db_.Exec(std::string(kBoth) + "; ROLLBACK"), SQLITE_OK) << db_.message();
  ExpectRows(kAsBefore, "0");
  ASSERT_EQ(db_.Exec(std::string(kBoth) + "; COMMIT"), SQLITE_OK) << db_.message();
  ExpectRows("21|1210|a|z", "1");
}

TEST_F(TwoFilesTest, A_second_commit_that_fails_undoes_nothing_of_the_first) {
  ASSERT_EQ(db_.Exec(kBoth), SQLITE_OK);
  VfsFiles().Before(Fail(Op::kWrite, "two.sqlite3-wal/0000000001", EIO));
  EXPECT_EQ(db_.Exec("COMMIT") & kPrimary, SQLITE_IOERR) << db_.message();
  VfsFiles().Clear();
  if (db_.in_transaction()) db_.Exec("ROLLBACK");
  EXPECT_EQ(db_.Query("SELECT count(*) FROM two.u"), "0");
  EXPECT_EQ(db_.Query(kSummary), "21|1210|a|z");
  ExpectRows("21|1210|a|z", "0");
  ASSERT_EQ(db_.Exec(std::string(kBoth) + "; COMMIT"), SQLITE_OK) << db_.message();
  ExpectRows("22|2210|a|z", "1");
}

TEST_F(TwoFilesTest, A_spilled_second_file_is_rolled_back_when_its_commit_fails) {
  // Playback needs the super-journal to be there: without it SQLite would leave the spilled pages in place.
  ASSERT_EQ(db_.Exec("PRAGMA two.cache_size=10; INSERT INTO two.u VALUES (0)"), SQLITE_OK);
  ASSERT_EQ(db_.Exec(kBoth), SQLITE_OK);
  ASSERT_EQ(db_.Exec("CREATE TABLE two.t(a, b)"), SQLITE_OK) << db_.message();
  ASSERT_EQ(db_.Exec(Fill(kSpillingRows, 'y', 1000, "two.t")), SQLITE_OK) << db_.message();
  VfsFiles().Before(Fail(Op::kWrite, "two.sqlite3-wal/0000000001", EIO));
  EXPECT_EQ(db_.Exec("COMMIT") & kPrimary, SQLITE_IOERR) << db_.message();
  VfsFiles().Clear();
  if (db_.in_transaction()) {
    EXPECT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK) << db_.message();
  }
  EXPECT_EQ(db_.Query("SELECT count(*) FROM two.u"), "1");
  EXPECT_EQ(db_.Query("SELECT count(*) FROM two.sqlite_schema"), "1");
  ExpectRows("21|1210|a|z", "1");
}

TEST_F(TwoFilesTest, A_first_commit_that_fails_fails_both) {
  ASSERT_EQ(db_.Exec(kBoth), SQLITE_OK);
  VfsFiles().Before(Fail(Op::kWrite, "db.sqlite3-wal/0000000001", EIO));
  EXPECT_EQ(db_.Exec("COMMIT") & kPrimary, SQLITE_IOERR) << db_.message();
  VfsFiles().Clear();
  if (db_.in_transaction()) {
    EXPECT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK) << db_.message();
  }
  ExpectRows(kAsBefore, "0");
}

TEST_F(TwoFilesTest, A_crash_between_two_commits_leaves_each_file_whole) {
  db_.Close();
  const pid_t child = ::fork();
  if (child == 0) {
    SqliteDatabase db = Open();
    if (db.Exec("ATTACH '" + Uri(Path("two.sqlite3")) + "' AS two") != SQLITE_OK) ::_exit(1);
    if (db.Exec(kBoth) != SQLITE_OK) ::_exit(2);
    VfsFiles().Before([](const Call& call) -> sqlite_efs::Status {
      if (Is(call, Op::kWrite, "two.sqlite3-wal/0000000001")) ::raise(SIGKILL);
      return {};
    });
    db.Exec("COMMIT");
    ::_exit(3);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  ExpectRows("21|1210|a|z", "0");
}

TEST_F(TwoFilesTest, A_live_and_an_ordinary_file_commit_together) {
  ASSERT_EQ(db_.Exec("ATTACH '" + Path("plain.sqlite3") + "' AS plain; CREATE TABLE plain.p(a)"), SQLITE_OK)
      << db_.message();
  ASSERT_EQ(db_.Exec("BEGIN; INSERT INTO t VALUES (1000, 'z'); INSERT INTO plain.p VALUES (1); COMMIT"), SQLITE_OK)
      << db_.message();
  EXPECT_FALSE(IsLive(PosixFileSystem(), Path("plain.sqlite3")));
  EXPECT_EQ(OpenStock("plain.sqlite3").Query("SELECT a FROM p"), "1");
  ASSERT_EQ(db_.Exec("BEGIN; INSERT INTO t VALUES (1000, 'z'); INSERT INTO plain.p VALUES (2)"), SQLITE_OK);
  VfsFiles().Before(Fail(Op::kWrite, "db.sqlite3-wal/0000000001", EIO));
  EXPECT_EQ(db_.Exec("COMMIT") & kPrimary, SQLITE_IOERR);
  VfsFiles().Clear();
  if (db_.in_transaction()) db_.Exec("ROLLBACK");
  EXPECT_EQ(OpenStock("plain.sqlite3").Query("SELECT a FROM p"), "1");
  ExpectRows("21|1210|a|z", "0");
}

}  // namespace
}  // namespace sqlite_efs
