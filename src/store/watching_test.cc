// What the engine counts, times and tells of one database.
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/events.h"
#include "testing/live_test.h"

namespace sqlite_efs {
namespace {

using testing::Fill;
using testing::LiveTest;
using testing::OtherProcess;

class WatchingTest : public LiveTest {
 protected:
  WatchingTest() {
    SetEventLog([this](const Event& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    });
  }
  ~WatchingTest() override { SetEventLog(nullptr); }
  void SetUp() override {
    ASSERT_EQ(Open().Exec("CREATE TABLE t (id INTEGER PRIMARY KEY, x); " + Fill(40, 'a')), SQLITE_OK);
  }

  std::vector<Event> Told() {
    const std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }
  // The first of that name; one without a name if there is none.
  Event Told(const std::string& name) {
    for (const Event& event : Told()) {
      if (name == event.name) return event;
    }
    return {};
  }

 private:
  std::mutex mutex_;
  std::vector<Event> events_;  // guarded by mutex_: an alarm may tell of one
};

TEST_F(WatchingTest, A_commit_is_counted_and_timed_from_the_lease_to_its_release) {
  OtherProcess process(Path());
  (void)Told();
  ASSERT_TRUE(process.Commit().ok());
  const MetricValues values = process.database().metrics().values();
  for (const Count count : {Count::kWriteTransactions, Count::kCommits, Count::kFramesWritten,
                            Count::kLeaseAcquisitions, Count::kLeaseRequests, Count::kReleases}) {
    EXPECT_GE(values.Of(count), 1U) << kCountNames[static_cast<size_t>(count)].name;
  }
  for (const Count count : {Count::kCommitsRefused, Count::kCommitsUnknown, Count::kConflicts, Count::kLeaseTimeouts,
                            Count::kLeaseTakeovers, Count::kSeals}) {
    EXPECT_EQ(values.Of(count), 0U) << kCountNames[static_cast<size_t>(count)].name;
  }
  for (const Time time : {Time::kLeaseWait, Time::kSync, Time::kCommit}) {
    EXPECT_EQ(values.Of(time).count(), 1U) << kTimeNames[static_cast<size_t>(time)].name;
  }
  const std::vector<Event> told = Told();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(std::string(told[0].name), "lease_acquired");
  EXPECT_EQ(std::string(told[1].name), "lease_released");
  EXPECT_NE(told[0].database_id, "");
}

TEST_F(WatchingTest, A_conflict_is_counted_and_told) {
  OtherProcess process(Path());
  const Result<Snapshot> old = process.database().TakeSnapshot();
  ASSERT_TRUE(old.ok());
  ASSERT_TRUE(OtherProcess(Path()).Commit().ok());
  (void)Told();
  EXPECT_FALSE(process.database().BeginWrite(*old, 1, std::chrono::seconds(5)).ok());
  EXPECT_EQ(process.database().metrics().Of(Count::kConflicts), 1U);
  EXPECT_EQ(process.database().metrics().Of(Count::kWriteTransactions), 0U);
  EXPECT_EQ(std::string(Told("conflict").name), "conflict");
}

TEST_F(WatchingTest, A_checkpoint_seals_and_merges) {
  OtherProcess process(Path());
  ASSERT_TRUE(process.Commit().ok());
  ASSERT_TRUE(process.database().Checkpoint(1, std::chrono::seconds(30), nullptr).ok());
  const MetricValues values = process.database().metrics().values();
  EXPECT_EQ(values.Of(Count::kSeals), 1U);
  EXPECT_EQ(values.Of(Count::kMerges), 1U);
  EXPECT_EQ(values.Of(Count::kSegmentsMerged), 1U);
  EXPECT_GT(values.Of(Count::kFramesMerged), 0U);
  EXPECT_GT(values.Of(Count::kPagesMerged), 0U);
  EXPECT_EQ(values.Of(Time::kMerge).count(), 1U);
  const Event merge = Told("merge");
  ASSERT_EQ(std::string(merge.name), "merge");
  EXPECT_EQ(std::string(merge.figures[1].name), "frames");
  EXPECT_EQ(merge.figures[1].value, static_cast<int64_t>(values.Of(Count::kFramesMerged)));
}

TEST_F(WatchingTest, A_wait_for_the_lease_that_ends_without_it_is_counted) {
  OtherProcess holder(Path());
  const Result<Snapshot> snapshot = holder.database().TakeSnapshot();
  ASSERT_TRUE(snapshot.ok());
  const Result<std::unique_ptr<Writer>> writer = holder.database().BeginWrite(*snapshot, 1, std::chrono::seconds(5));
  ASSERT_TRUE(writer.ok());
  OtherProcess waiter(Path());
  EXPECT_TRUE(waiter.Commit(std::chrono::milliseconds(20)).Is(StatusCode::kBusy));
  const MetricValues values = waiter.database().metrics().values();
  EXPECT_EQ(values.Of(Count::kLeaseTimeouts), 1U);
  EXPECT_EQ(values.Of(Count::kLeaseWaits), 1U);
  EXPECT_EQ(values.Of(Time::kLeaseWait).count(), 1U);
  EXPECT_GE(values.Of(Time::kLeaseWait).sum_us, 20'000U);
  EXPECT_EQ(std::string(Told("lease_timeout").name), "lease_timeout");
}

}  // namespace
}  // namespace sqlite_efs
