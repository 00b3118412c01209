// What a connection sees of others' commits, by its setting `freshness`, and what it looks for.
#include "vfs/freshness.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "sqlite_efs.h"
#include "testing/live_test.h"

namespace sqlite_efs {
namespace {

using testing::Fill;
using testing::LiveTest;
using testing::OtherProcess;
using testing::SqliteDatabase;

constexpr Duration kTimeout = std::chrono::seconds(5);
constexpr PageNumber kRootOfT = {2};

class FreshnessTest : public LiveTest {
 protected:
  void SetUp() override {
    SqliteDatabase db = Open();
    ASSERT_EQ(db.Exec("CREATE TABLE t(id INTEGER PRIMARY KEY, n)"), SQLITE_OK) << db.message();
    ASSERT_EQ(db.Exec("INSERT INTO t VALUES(1, 0)"), SQLITE_OK);
  }
  void TearDown() override {
    sqlite_efs_end_request();
    sqlite_efs_end_call();
    LiveTest::TearDown();
  }

  SqliteDatabase OpenWith(const std::string& freshness) {
    SqliteDatabase db = Open("db.sqlite3", "freshness=" + freshness);
    EXPECT_EQ(nlohmann::json::parse(db.Query("PRAGMA efs_status"))["freshness"], freshness);
    EXPECT_EQ(db.Query("SELECT n FROM t"), "0");
    return db;
  }
  static uint64_t Looks(SqliteDatabase& db) {
    return nlohmann::json::parse(db.Query("PRAGMA efs_status"))["counters"]["looks"];
  }
  // Of the state that a transaction sees which begins now.
  static uint64_t FramesSeen(SqliteDatabase& db) {
    EXPECT_EQ(db.Exec("BEGIN; SELECT n FROM t"), SQLITE_OK) << db.message();
    const auto status = nlohmann::json::parse(db.Query("PRAGMA efs_status"));
    EXPECT_EQ(db.Exec("COMMIT"), SQLITE_OK) << db.message();
    return status["snapshot"]["frames"];
  }
  void CommitElsewhere() {
    const Status status = elsewhere().Commit(kTimeout, kRootOfT);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  OtherProcess& elsewhere() {
    if (!elsewhere_) elsewhere_ = std::make_unique<OtherProcess>(Path());
    return *elsewhere_;
  }

  std::unique_ptr<OtherProcess> elsewhere_;
};

TEST_F(FreshnessTest, Each_transaction_sees_what_was_committed_before_it) {
  for (const std::string freshness : {"transaction", "request"}) {  // the latter outside of any request
    SqliteDatabase db = OpenWith(freshness);
    const uint64_t before = FramesSeen(db);
    CommitElsewhere();
    EXPECT_GT(FramesSeen(db), before) << freshness;
  }
}

TEST_F(FreshnessTest, A_request_looks_once) {
  SqliteDatabase db = OpenWith("request");
  sqlite_efs_begin_request();
  const uint64_t looks = Looks(db);
  const uint64_t seen = FramesSeen(db);
  EXPECT_GT(Looks(db), looks);
  CommitElsewhere();
  const uint64_t looks_then = Looks(db);
  EXPECT_EQ(FramesSeen(db), seen);
  EXPECT_EQ(db.Query("SELECT n FROM t"), "0");
  EXPECT_EQ(Looks(db), looks_then);
  sqlite_efs_begin_request();
  EXPECT_GT(FramesSeen(db), seen);
}

TEST_F(FreshnessTest, After_a_request_each_transaction_looks_again) {
  SqliteDatabase db = OpenWith("request");
  sqlite_efs_begin_request();
  const uint64_t seen = FramesSeen(db);
  CommitElsewhere();
  sqlite_efs_end_request();
  EXPECT_GT(FramesSeen(db), seen);
}

TEST_F(FreshnessTest, A_request_is_of_its_thread) {
  SqliteDatabase db = OpenWith("request");
  sqlite_efs_begin_request();
  const uint64_t seen = FramesSeen(db);
  CommitElsewhere();
  std::thread([&] { EXPECT_GT(FramesSeen(db), seen); }).join();
}

TEST_F(FreshnessTest, What_the_own_process_commits_is_always_seen) {
  for (const std::string freshness : {"request", "3600000"}) {
    SqliteDatabase db = OpenWith(freshness);
    SqliteDatabase other = Open();
    sqlite_efs_begin_request();
    EXPECT_EQ(db.Query("SELECT n FROM t"), "0");
    ASSERT_EQ(other.Exec("UPDATE t SET n = 1"), SQLITE_OK) << other.message();
    EXPECT_EQ(db.Query("SELECT n FROM t"), "1") << freshness;
    ASSERT_EQ(db.Exec("UPDATE t SET n = 0"), SQLITE_OK) << db.message();
    EXPECT_EQ(db.Query("SELECT n FROM t"), "0") << freshness;
  }
}

TEST_F(FreshnessTest, A_bound_is_how_old_the_state_may_be) {
  SqliteDatabase patient = OpenWith("3600000");
  SqliteDatabase hasty = OpenWith("1");
  const uint64_t seen = FramesSeen(patient);
  CommitElsewhere();
  const uint64_t looks = Looks(patient);
  EXPECT_EQ(FramesSeen(patient), seen);
  EXPECT_EQ(Looks(patient), looks);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_GT(FramesSeen(hasty), seen);
  EXPECT_GT(FramesSeen(patient), seen);  // the process knows it now
}

TEST_F(FreshnessTest, The_transactions_of_one_call_share_a_look) {
  SqliteDatabase db = OpenWith("transaction");
  sqlite_efs_begin_call();
  const uint64_t seen = FramesSeen(db);
  CommitElsewhere();
  const uint64_t looks = Looks(db);
  EXPECT_EQ(FramesSeen(db), seen);
  EXPECT_EQ(Looks(db), looks);
  sqlite_efs_begin_call();
  EXPECT_GT(FramesSeen(db), seen);
  sqlite_efs_end_call();
  CommitElsewhere();
  EXPECT_GT(FramesSeen(db), seen);
}

TEST_F(FreshnessTest, A_write_that_was_refused_for_an_old_state_goes_on_from_the_newest) {
  SqliteDatabase db = OpenWith("3600000");
  CommitElsewhere();
  EXPECT_EQ(db.Exec("UPDATE t SET n = n + 1"), SQLITE_BUSY);
  EXPECT_EQ(db.Exec("UPDATE t SET n = n + 1"), SQLITE_OK) << db.message();
  EXPECT_EQ(db.Query("SELECT n FROM t"), "1");
  CommitElsewhere();
  ASSERT_EQ(sqlite3_busy_timeout(db.get(), 1000), SQLITE_OK);
  EXPECT_EQ(db.Exec("UPDATE t SET n = n + 1"), SQLITE_OK) << db.message();  // SQLite itself begins it again
  EXPECT_EQ(db.Query("SELECT n FROM t"), "2");
}

TEST_F(FreshnessTest, A_state_that_was_merged_away_is_told_of_once) {
  {
    SqliteDatabase writer = Open();
    ASSERT_EQ(writer.Exec("CREATE TABLE wide(id INTEGER PRIMARY KEY, text)"), SQLITE_OK) << writer.message();
    ASSERT_EQ(writer.Exec(Fill(2000, 'x', 1000, "wide")), SQLITE_OK) << writer.message();
    ASSERT_EQ(writer.Exec("PRAGMA wal_checkpoint"), SQLITE_OK) << writer.message();
  }
  SqliteDatabase db = OpenWith("3600000");
  CommitElsewhere();
  ASSERT_TRUE(elsewhere().Seal().ok());
  CommitElsewhere();
  const Status merged = elsewhere().Merge();
  ASSERT_TRUE(merged.ok()) << merged.message();
  sqlite3_stmt* statement = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(db.get(), "SELECT count(*) FROM wide WHERE text LIKE 'x%'", -1, &statement, nullptr),
            SQLITE_OK);
  EXPECT_EQ(sqlite3_step(statement), SQLITE_BUSY_SNAPSHOT);
  sqlite3_finalize(statement);
  EXPECT_EQ(db.Query("SELECT count(*) FROM wide WHERE text LIKE 'x%'"), "2000");
}

}  // namespace
}  // namespace sqlite_efs
