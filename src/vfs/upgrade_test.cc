// A transaction that has read an older state goes on from the newest one if nothing that it has read has changed: what
// may go on, what must not, and what SQLite still knows afterwards. docs/protocol.md
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "testing/live_test.h"

namespace sqlite_efs {
namespace {

using testing::Fill;
using testing::LiveTest;
using testing::OpenStockCopy;
using testing::OtherProcess;
using testing::SqliteDatabase;
using testing::Uri;
using testing::VfsFiles;

constexpr Duration kTimeout = std::chrono::seconds(5);
// More than the engine keeps of a transaction in memory; each is a KB.
constexpr int kSpillingRows = 4 * testing::kSpill_bytes / 1000;

class UpgradeTest : public LiveTest {
 protected:
  void SetUp() override {
    db_ = Open();
    // Each table has a page of its own: 2, 3, 4.
    ASSERT_EQ(db_.Exec("CREATE TABLE a(id INTEGER PRIMARY KEY, n); CREATE TABLE b(id INTEGER PRIMARY KEY, n);"
                       "CREATE TABLE c(id INTEGER PRIMARY KEY, n);"
                       "INSERT INTO a VALUES(1, 0); INSERT INTO b VALUES(1, 0); INSERT INTO c VALUES(1, 0)"),
              SQLITE_OK)
        << db_.message();
    db_ = Open();  // which knows nothing yet
    other_ = Open();
    ASSERT_EQ(Numbers(other_), "0|0|0");
  }

  static uint64_t Count(SqliteDatabase& db, const char* counter) {
    return nlohmann::json::parse(db.Query("PRAGMA efs_status"))["counters"][counter];
  }
  static std::string Numbers(SqliteDatabase& db) { return db.Query("SELECT a.n, b.n, c.n FROM a, b, c"); }
  static std::string Set(const char* table, int n) {
    return std::string("UPDATE ") + table + " SET n = " + std::to_string(n);
  }
  uint32_t ChangeCounter() {
    std::array<std::byte, 4> bytes = {};
    SqliteDatabase fresh = Open();
    EXPECT_EQ(fresh.file()->pMethods->xRead(fresh.file(), bytes.data(), bytes.size(), kChangeCounterOffset), SQLITE_OK);
    return ReadBigEndian32(bytes.data());
  }

  // Writes the pages of tables b and c again, each in a segment of its own.
  static void CommitInTwoSegments(OtherProcess& process) {
    ASSERT_TRUE(process.Commit(kTimeout, {3}).ok());
    ASSERT_TRUE(process.Seal().ok());
    ASSERT_TRUE(process.Commit(kTimeout, {4}).ok());
  }

  void ExpectEverywhere(const std::string& numbers) {
    EXPECT_EQ(Numbers(db_), numbers) << "this connection";
    EXPECT_EQ(Numbers(other_), numbers) << "the other connection";
    SqliteDatabase fresh = Open();
    EXPECT_EQ(Numbers(fresh), numbers) << "a fresh connection";
    EXPECT_EQ(fresh.Query("PRAGMA integrity_check"), "ok");
    SqliteDatabase stock = OpenStockCopy(Path(), Path("stock.sqlite3"));
    EXPECT_EQ(Numbers(stock), numbers) << "stock SQLite";
    EXPECT_EQ(stock.Query("PRAGMA integrity_check"), "ok");
  }
  // Begins a transaction that reads `table`; then the other connection does `meanwhile`.
  void ReadThen(const char* table, const std::string& meanwhile) {
    ASSERT_EQ(db_.Exec("BEGIN"), SQLITE_OK);
    ASSERT_EQ(db_.Query(std::string("SELECT count(*) FROM ") + table).substr(0, 5), "1");
    ASSERT_EQ(other_.Exec(meanwhile), SQLITE_OK) << other_.message();
  }

  SqliteDatabase db_;
  SqliteDatabase other_;
};

// --- what goes on

TEST_F(UpgradeTest, Transaction_goes_on_if_what_it_has_read_is_unchanged) {
  const uint32_t counter = ChangeCounter();
  ReadThen("a", Set("b", 1));
  EXPECT_EQ(db_.Exec(Set("a", 1)), SQLITE_OK) << db_.message();
  EXPECT_EQ(db_.Query("SELECT n FROM b"), "1") << "what it reads now is of the newest state";
  ASSERT_EQ(db_.Exec("COMMIT"), SQLITE_OK) << db_.message();
  EXPECT_EQ(Count(db_, "upgrades"), 1U);
  EXPECT_EQ(Count(db_, "conflicts"), 0U);
  EXPECT_EQ(ChangeCounter(), counter + 2);
  ExpectEverywhere("1|1|0");
}

TEST_F(UpgradeTest, Commits_of_another_process_are_no_hindrance_either) {
  OtherProcess process(Path());
  ASSERT_EQ(db_.Exec("BEGIN"), SQLITE_OK);
  ASSERT_EQ(db_.Query("SELECT n FROM a"), "0");
  for (int i = 0; i < 3; i++) ASSERT_TRUE(process.Commit(kTimeout, {3}).ok());
  EXPECT_EQ(db_.Exec(Set("a", 1) + "; COMMIT"), SQLITE_OK) << db_.message();
  ExpectEverywhere("1|0|0");
}

TEST_F(UpgradeTest, Commits_in_a_segment_that_others_have_sealed_are_compared_too) {
  OtherProcess process(Path());
  ASSERT_EQ(db_.Exec("BEGIN"), SQLITE_OK);
  ASSERT_EQ(db_.Query("SELECT n FROM a"), "0");
  ASSERT_NO_FATAL_FAILURE(CommitInTwoSegments(process));
  EXPECT_EQ(db_.Exec(Set("a", 1) + "; COMMIT"), SQLITE_OK) << db_.message();
  ASSERT_EQ(db_.Exec("BEGIN"), SQLITE_OK);
  ASSERT_EQ(db_.Query("SELECT n FROM b"), "0");
  ASSERT_NO_FATAL_FAILURE(CommitInTwoSegments(process));
  EXPECT_EQ(db_.Exec(Set("a", 2)), SQLITE_BUSY_SNAPSHOT);
}

TEST_F(UpgradeTest, Statement_that_is_overtaken_goes_on_without_a_busy_handler) {
  ASSERT_EQ(db_.Query("SELECT n FROM a"), "0");
  OtherProcess process(Path());
  bool overtaken = false;
  VfsFiles().Before([&](const testing::Call& call) -> Status {
    if (!testing::Is(call, testing::Op::kTryLock, "/lease") || std::exchange(overtaken, true)) return {};
    return process.Commit(kTimeout, {3});
  });
  EXPECT_EQ(db_.Exec(Set("a", 1)), SQLITE_OK) << db_.message();
  VfsFiles().Clear();
  EXPECT_TRUE(overtaken);
  EXPECT_EQ(Count(db_, "upgrades"), 1U);
  ExpectEverywhere("1|0|0");
}

// --- what does not

TEST_F(UpgradeTest, Transaction_conflicts_if_a_page_that_it_has_read_was_changed) {
  ReadThen("b", Set("b", 1));
  ASSERT_EQ(db_.Query("SELECT n FROM a"), "0");
  EXPECT_EQ(db_.Exec(Set("a", 1)), SQLITE_BUSY_SNAPSHOT);
  EXPECT_EQ(db_.Query("SELECT n FROM b"), "0") << "the snapshot outlives the refusal";
  ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  EXPECT_EQ(Count(db_, "upgrades"), 0U);
  ExpectEverywhere("0|1|0");
}

TEST_F(UpgradeTest, What_an_earlier_transaction_has_read_counts_because_SQLite_still_has_it) {
  ASSERT_EQ(db_.Query("SELECT n FROM b"), "0");
  ASSERT_EQ(db_.Exec("BEGIN"), SQLITE_OK);
  ASSERT_EQ(db_.Query("SELECT n FROM b"), "0") << "from SQLite's own cache";
  ASSERT_EQ(db_.Query("SELECT n FROM c"), "0") << "not from there";
  ASSERT_EQ(other_.Exec(Set("b", 1)), SQLITE_OK);
  EXPECT_EQ(db_.Exec("UPDATE a SET n = (SELECT n FROM b) + 10"), SQLITE_BUSY_SNAPSHOT);
  ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  ExpectEverywhere("0|1|0");
}

TEST_F(UpgradeTest, What_an_earlier_transaction_has_written_counts_too) {
  ASSERT_EQ(db_.Exec("CREATE TABLE d(n)"), SQLITE_OK);
  ASSERT_EQ(db_.Exec("BEGIN"), SQLITE_OK);
  ASSERT_EQ(db_.Query("SELECT count(*) FROM d"), "0") << "from a page that it has never read";
  ASSERT_EQ(db_.Query("SELECT n FROM c"), "0");
  ASSERT_EQ(other_.Exec("INSERT INTO d VALUES(1)"), SQLITE_OK) << other_.message();
  EXPECT_EQ(db_.Exec("UPDATE a SET n = (SELECT count(*) FROM d) + 10"), SQLITE_BUSY_SNAPSHOT);
  ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  ExpectEverywhere("0|0|0");
}

TEST_F(UpgradeTest, What_SQLite_has_dropped_from_its_cache_counts_no_more) {
  ASSERT_EQ(db_.Query("SELECT n FROM b"), "0");
  ASSERT_EQ(other_.Exec(Set("c", 1)), SQLITE_OK);  // so that it does
  ReadThen("a", Set("b", 1));
  EXPECT_EQ(db_.Exec(Set("a", 1) + "; COMMIT"), SQLITE_OK) << db_.message();
  ExpectEverywhere("1|1|1");
}

TEST_F(UpgradeTest, Write_skew_is_refused) {
  ReadThen("b", "BEGIN; SELECT n FROM a; UPDATE b SET n = n - 1 WHERE n + (SELECT n FROM a) >= 0; COMMIT");
  EXPECT_EQ(db_.Exec("UPDATE a SET n = n - 1 WHERE n + (SELECT n FROM b) >= 0"), SQLITE_BUSY_SNAPSHOT);
  ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  ExpectEverywhere("0|-1|0");
}

TEST_F(UpgradeTest, Row_that_would_have_been_found_is_a_conflict) {
  ReadThen("b", "INSERT INTO b VALUES(2, 5)");
  EXPECT_EQ(db_.Exec("UPDATE a SET n = (SELECT count(*) FROM b)"), SQLITE_BUSY_SNAPSHOT);
}

TEST_F(UpgradeTest, Change_of_the_schema_is_a_conflict) {
  for (const char* change : {"CREATE TABLE d(x)", "CREATE VIEW v AS SELECT 1", "PRAGMA user_version = 7"}) {
    SCOPED_TRACE(change);
    ASSERT_NO_FATAL_FAILURE(ReadThen("a", change));
    EXPECT_EQ(db_.Exec(Set("a", 1)), SQLITE_BUSY_SNAPSHOT);
    ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  }
  ExpectEverywhere("0|0|0");
}

TEST_F(UpgradeTest, Change_of_the_size_or_of_the_free_pages_is_a_conflict) {
  ASSERT_EQ(other_.Exec("CREATE TABLE t(a, b)"), SQLITE_OK);
  for (const std::string& change : {Fill(20, 'x'), std::string("DELETE FROM t")}) {
    SCOPED_TRACE(change);
    ASSERT_NO_FATAL_FAILURE(ReadThen("a", change));
    EXPECT_EQ(db_.Exec(Set("a", 1)), SQLITE_BUSY_SNAPSHOT);
    ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  }
  ExpectEverywhere("0|0|0");
}

TEST_F(UpgradeTest, Changes_that_were_merged_and_have_left_the_index_are_a_conflict) {
  OtherProcess process(Path());
  ASSERT_EQ(db_.Exec("BEGIN"), SQLITE_OK);
  ASSERT_EQ(db_.Query("SELECT n FROM a"), "0");
  ASSERT_NO_FATAL_FAILURE(CommitInTwoSegments(process));
  ASSERT_TRUE(process.Merge().ok());
  ASSERT_EQ(Numbers(other_), "0|0|0");  // this process follows the log
  EXPECT_EQ(db_.Exec(Set("a", 1)), SQLITE_BUSY_SNAPSHOT);
}

TEST_F(UpgradeTest, Transaction_that_only_reads_keeps_its_state) {
  ReadThen("a", Set("b", 1));
  EXPECT_EQ(Numbers(db_), "0|0|0");
  ASSERT_EQ(other_.Exec(Set("a", 1)), SQLITE_OK);
  EXPECT_EQ(Numbers(db_), "0|0|0");
  ASSERT_EQ(db_.Exec("COMMIT"), SQLITE_OK);
  ExpectEverywhere("1|1|0");
}

// --- the change counter, of which SQLite knows an older one

TEST_F(UpgradeTest, Others_whose_cache_is_of_the_state_in_between_see_the_commit) {
  SqliteDatabase reader = Open();
  ReadThen("a", Set("b", 1));
  ASSERT_EQ(Numbers(reader), "0|1|0");  // whose counter is the one that SQLite gives to the commit below
  ASSERT_EQ(db_.Exec(Set("a", 1) + "; COMMIT"), SQLITE_OK) << db_.message();
  EXPECT_EQ(Numbers(reader), "1|1|0");
}

TEST_F(UpgradeTest, Own_cache_is_valid_after_it_or_dropped) {
  for (int i = 1; i <= 5; i++) {
    ReadThen("a", Set("b", i));
    ASSERT_EQ(db_.Exec(Set("a", i) + "; COMMIT"), SQLITE_OK) << db_.message();
    EXPECT_EQ(Numbers(db_), std::to_string(i) + "|" + std::to_string(i) + "|" + std::to_string(i - 1));
    ASSERT_EQ(other_.Exec(Set("c", i)), SQLITE_OK);
    EXPECT_EQ(db_.Query("SELECT n FROM c"), std::to_string(i));
    ASSERT_EQ(db_.Exec(Set("a", -i)), SQLITE_OK) << db_.message();
    EXPECT_EQ(db_.Query("SELECT n FROM a"), std::to_string(-i));
  }
  ExpectEverywhere("-5|5|5");
}

TEST_F(UpgradeTest, Rollback_leaves_the_newest_state) {
  ReadThen("a", Set("b", 1));
  ASSERT_EQ(db_.Exec(Set("a", 7)), SQLITE_OK) << db_.message();
  ASSERT_EQ(db_.Query("SELECT n FROM b"), "1");
  ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK) << db_.message();
  ExpectEverywhere("0|1|0");
  ASSERT_EQ(other_.Exec(Set("b", 2)), SQLITE_OK);
  EXPECT_EQ(Numbers(db_), "0|2|0");
  ASSERT_EQ(db_.Exec(Set("a", 1)), SQLITE_OK) << db_.message();
  ExpectEverywhere("1|2|0");
}

TEST_F(UpgradeTest, Commit_that_fails_leaves_the_newest_state) {
  ReadThen("a", Set("b", 1));
  ASSERT_EQ(db_.Exec(Set("a", 7)), SQLITE_OK) << db_.message();
  VfsFiles().Before(testing::Fail(testing::Op::kWrite, "db.sqlite3-wal/0000000001", EIO));
  EXPECT_EQ(db_.Exec("COMMIT") & 0xff, SQLITE_IOERR);
  VfsFiles().Clear();
  if (db_.in_transaction()) {
    ASSERT_EQ(db_.Exec("ROLLBACK"), SQLITE_OK);
  }
  EXPECT_EQ(Numbers(db_), "0|1|0");
  ASSERT_EQ(other_.Exec(Set("b", 2)), SQLITE_OK) << other_.message();
  EXPECT_EQ(Numbers(db_), "0|2|0");
  ASSERT_EQ(db_.Exec(Set("a", 1)), SQLITE_OK) << db_.message();
  EXPECT_EQ(Numbers(other_), "1|2|0");
}

TEST_F(UpgradeTest, Rollback_of_which_only_SQLite_knows_commits_nothing) {
  SqliteDatabase memory(":memory:");
  ASSERT_EQ(memory.Exec("ATTACH '" + Uri(Path()) + "' AS live; PRAGMA live.cache_size=10; PRAGMA journal_mode=MEMORY"),
            SQLITE_OK);
  ASSERT_EQ(memory.Exec("CREATE TABLE live.t(a, b)"), SQLITE_OK);
  for (const char* end : {"ROLLBACK", "COMMIT"}) {
    SCOPED_TRACE(end);
    ASSERT_EQ(memory.Exec("BEGIN"), SQLITE_OK);
    ASSERT_EQ(memory.Query("SELECT n FROM live.a").size(), 1U);
    ASSERT_EQ(other_.Exec("UPDATE b SET n = n + 1"), SQLITE_OK);
    ASSERT_EQ(memory.Exec("UPDATE live.a SET n = n + 1"), SQLITE_OK) << memory.message();
    ASSERT_EQ(memory.Exec(Fill(kSpillingRows, 'y', 1000, "live.t")), SQLITE_OK) << memory.message();
    EXPECT_EQ(memory.Exec(end), SQLITE_OK) << memory.message();
  }
  ExpectEverywhere("1|2|0");
  EXPECT_EQ(db_.Query("SELECT count(*) FROM t"), std::to_string(kSpillingRows));
}

TEST_F(UpgradeTest, Savepoints_and_spilled_pages_roll_back_as_ever) {
  ASSERT_EQ(other_.Exec("CREATE TABLE t(a, b)"), SQLITE_OK);
  ASSERT_EQ(other_.Exec(Fill(100, 'a')), SQLITE_OK);
  ASSERT_EQ(db_.Exec("PRAGMA cache_size=10"), SQLITE_OK);
  ReadThen("a", Set("b", 1));
  ASSERT_EQ(db_.Exec("UPDATE t SET b = replace(b, 'a', 'x')"), SQLITE_OK) << db_.message();
  ASSERT_EQ(db_.Exec("SAVEPOINT s"), SQLITE_OK);
  ASSERT_EQ(db_.Exec(Fill(kSpillingRows, 'y')), SQLITE_OK) << db_.message();
  ASSERT_EQ(db_.Exec(Set("c", 9)), SQLITE_OK);
  ASSERT_EQ(db_.Exec("ROLLBACK TO s"), SQLITE_OK) << db_.message();
  ASSERT_EQ(db_.Exec(Set("a", 1) + "; COMMIT"), SQLITE_OK) << db_.message();
  EXPECT_EQ(Count(db_, "upgrades"), 1U);
  ExpectEverywhere("1|1|0");
  EXPECT_EQ(db_.Query("SELECT count(*), min(substr(b, 1, 1)), max(substr(b, 1, 1)) FROM t"), "100|x|x");
}

TEST_F(UpgradeTest, Statement_that_is_open_all_the_while_reads_one_state_after_the_other) {
  ASSERT_EQ(other_.Exec("CREATE TABLE t(a, b)"), SQLITE_OK);
  ASSERT_EQ(other_.Exec(Fill(50, 'a')), SQLITE_OK);
  sqlite3_stmt* open = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(db_.get(), "SELECT a FROM t", -1, &open, nullptr), SQLITE_OK);
  int rows = 0;
  // While it is open SQLite keeps the lock, and the counter that it knows, over several commits.
  for (int i = 1; i <= 3; i++) {
    ASSERT_EQ(sqlite3_step(open), SQLITE_ROW);
    rows++;
    if (i != 2) {
      ASSERT_EQ(other_.Exec(Set("c", i)), SQLITE_OK);
    }
    ASSERT_EQ(db_.Exec(Set("a", i)), SQLITE_OK) << i << ": " << db_.message();
    EXPECT_EQ(Numbers(other_), std::to_string(i) + "|0|" + std::to_string(i == 2 ? 1 : i));
  }
  ASSERT_EQ(other_.Exec("UPDATE t SET a = 0"), SQLITE_OK);
  EXPECT_EQ(db_.Exec(Set("a", 4)) & 0xff, SQLITE_BUSY);
  while (sqlite3_step(open) == SQLITE_ROW) rows++;
  EXPECT_EQ(sqlite3_finalize(open), SQLITE_OK);
  EXPECT_EQ(rows, 50);
  EXPECT_EQ(Count(db_, "upgrades"), 2U);
  ExpectEverywhere("3|0|3");
}

}  // namespace
}  // namespace sqlite_efs
