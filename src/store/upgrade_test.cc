// The right to write for a transaction that has read an older state: BeginWrite() with what it has read.
#include <gtest/gtest.h>

#include "testing/live_test.h"

namespace sqlite_efs {
namespace {

using testing::LiveTest;
using testing::OtherProcess;
using testing::SqliteDatabase;

constexpr Duration kTimeout = std::chrono::seconds(5);

class BeginWriteTest : public LiveTest {
 protected:
  void SetUp() override {
    SqliteDatabase db = Open();
    ASSERT_EQ(db.Exec("CREATE TABLE a(n); CREATE TABLE b(n)"), SQLITE_OK) << db.message();
    db.Close();
    process_ = std::make_unique<OtherProcess>(Path());
    other_ = std::make_unique<OtherProcess>(Path());
    Result<Snapshot> snapshot = process_->database().TakeSnapshot();
    ASSERT_TRUE(snapshot.ok());
    old_ = std::move(*snapshot);
  }
  Result<std::unique_ptr<Writer>> Begin(const ReadSet* read) {
    return process_->database().BeginWrite(old_, 1, kTimeout, read);
  }
  static uint32_t Counter(const Snapshot& snapshot) {
    std::array<std::byte, 4> bytes = {};
    EXPECT_TRUE(snapshot.ReadPage({1}, kChangeCounterOffset, bytes).ok());
    return ReadBigEndian32(bytes.data());
  }

  std::unique_ptr<OtherProcess> process_;
  std::unique_ptr<OtherProcess> other_;
  Snapshot old_;
  ReadSet read_;
};

TEST_F(BeginWriteTest, Goes_on_from_the_newest_state_if_nothing_read_has_changed) {
  read_.Add({2});
  for (int i = 0; i < 2; i++) ASSERT_TRUE(other_->Commit(kTimeout, {3}).ok());
  const Result<std::unique_ptr<Writer>> writer = Begin(&read_);
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  EXPECT_EQ((*writer)->counter_lead(), 2U);
  EXPECT_EQ(Counter((*writer)->from()), Counter(old_) + 2);
  EXPECT_EQ(process_->database().metrics().Of(Count::kUpgrades), 1U);
  EXPECT_EQ(process_->database().metrics().Of(Count::kConflicts), 0U);
}

TEST_F(BeginWriteTest, In_the_newest_state_there_is_nothing_to_go_on_from) {
  read_.Add({2});
  const Result<std::unique_ptr<Writer>> writer = Begin(&read_);
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  EXPECT_EQ((*writer)->counter_lead(), 0U);
  EXPECT_EQ(process_->database().metrics().Of(Count::kUpgrades), 0U);
}

TEST_F(BeginWriteTest, Conflicts_if_something_read_has_changed) {
  read_.Add({2});
  read_.Add({3});
  ASSERT_TRUE(other_->Commit(kTimeout, {3}).ok());
  EXPECT_TRUE(Begin(&read_).status().Is(StatusCode::kConflict));
  EXPECT_EQ(process_->database().metrics().Of(Count::kConflicts), 1U);
  EXPECT_EQ(process_->database().metrics().Of(Count::kUpgrades), 0U);
}

TEST_F(BeginWriteTest, Conflicts_if_nothing_was_read_so_that_a_new_snapshot_costs_nothing) {
  ASSERT_TRUE(other_->Commit(kTimeout, {3}).ok());
  EXPECT_TRUE(Begin(nullptr).status().Is(StatusCode::kConflict));
  EXPECT_TRUE(Begin(&read_).status().Is(StatusCode::kConflict));
}

}  // namespace
}  // namespace sqlite_efs
