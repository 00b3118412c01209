// What an operation asks the file server for, call by call: on NFS each of these is a round trip, but for a write and
// its sync, which are one together.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "store/database.h"
#include "testing/lease_item.h"
#include "testing/manual_clock.h"
#include "testing/scripted_file_system.h"
#include "testing/store_test.h"

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;
using testing::Call;
using testing::LeaseItem;
using testing::ManualClock;
using testing::Op;
using testing::ScriptedFileSystem;
using testing::StoreTest;
using Calls = std::vector<Op>;

class CallsTest : public StoreTest {
 protected:
  // Longer than the lease is kept, and than two changes may have the same time.
  void Rest() { clock_.Advance(milliseconds(400)); }
  void Read(Database& database) {
    const Result<Snapshot> snapshot = database.TakeSnapshot();
    std::vector<std::byte> page(kPageSize);
    EXPECT_TRUE(snapshot.ok() && snapshot->ReadPage({1}, 0, page).ok());
  }
  // With a new process's knowledge, which is nothing.
  void OpenAndRead() {
    const Instant begun = clock_.Now();
    const Result<std::shared_ptr<Database>> fresh = Database::Open(environment_, layout_.base(), StoreOptions());
    ASSERT_TRUE(fresh.ok()) << fresh.status().message();
    const Result<Snapshot> snapshot = (*fresh)->TakeSnapshot(Database::kDefaultTimeout, begun);
    std::vector<std::byte> page(kPageSize);
    EXPECT_TRUE(snapshot.ok() && snapshot->ReadPage({1}, 0, page).ok());
  }
  void Write(Database& database, uint32_t pages = 1) {
    Result<Snapshot> snapshot = database.TakeSnapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status().message();
    const Result<std::unique_ptr<Writer>> writer = database.BeginWrite(*snapshot, 1, std::chrono::seconds(5));
    ASSERT_TRUE(writer.ok()) << writer.status().message();
    const std::vector<std::byte> page = EmptyDatabasePage(kPageSize);
    for (uint32_t i = 1; i <= pages; i++) ASSERT_TRUE((*writer)->WritePage({i}, page).ok());
    ASSERT_TRUE((*writer)->Commit(pages, &*snapshot).ok());
  }
  template <typename Operation>
  Calls Count(const Operation& operation) {
    Calls calls;
    files_.Before([&](const Call& call) -> Status {
      calls.push_back(call.op);
      return {};
    });
    operation();
    files_.Clear();
    return calls;
  }

  ScriptedFileSystem files_{PosixFileSystem()};
  ManualClock clock_;
  LeaseItem item_;
  Environment environment_{files_, clock_, [this] { return clock_.NewAlarm(); },
                           [this](const Layout&, const Layout&, uint32_t) { return item_.NewStore(clock_); }};
  std::shared_ptr<Database> here_;
  std::shared_ptr<Database> elsewhere_;
};

// A database that two processes have written to.
class RoundTripsTest : public CallsTest {
 protected:
  void SetUp() override {
    CallsTest::SetUp();
    for (std::shared_ptr<Database>* database : {&here_, &elsewhere_}) {
      *database = *Database::Open(environment_, layout_.base(), StoreOptions());
    }
    Write(*elsewhere_);
    Rest();
    Write(*here_);  // the segment is open for writing from here on
    Rest();
  }
};

TEST_F(RoundTripsTest, A_read_of_what_has_not_changed_is_one_look) {
  Read(*here_);
  EXPECT_EQ(Count([&] { Read(*here_); }), Calls({Op::kLook}));
}

TEST_F(RoundTripsTest, What_others_have_committed_is_read_once_between_two_looks) {
  Read(*here_);
  Write(*elsewhere_);
  EXPECT_EQ(Count([&] { Read(*here_); }), Calls({Op::kLook, Op::kRead, Op::kSync, Op::kLook}));
}

TEST_F(RoundTripsTest, A_commit_is_a_look_a_write_and_a_touch) {
  const Calls commit = {Op::kLook, Op::kWrite, Op::kSync, Op::kTouch};
  Read(*here_);
  EXPECT_EQ(Count([&] { Write(*here_); }), commit) << "the lease is taken, and nobody has written since";
  EXPECT_EQ(Count([&] { Write(*here_); }), commit) << "it is kept";
}

TEST_F(RoundTripsTest, A_segment_grows_in_few_steps) {
  constexpr int kCommits = 100;
  constexpr uint32_t kPages = 100;  // of each: more than 5 MiB in all
  constexpr int kSteps = 6;
  here_->autocheckpoint_frames = kCommits * kPages * 2;
  const Calls calls = Count([&] {
    for (int i = 0; i < kCommits; i++) Write(*here_, kPages);
  });
  EXPECT_LE(std::ranges::count(calls, Op::kTruncate), kSteps);
}

TEST_F(RoundTripsTest, After_a_tenure_one_reading_more_shows_whether_others_have_written_within_a_tick) {
  Write(*here_);
  Rest();
  EXPECT_EQ(Count([&] { Read(*here_); }), Calls({Op::kRead, Op::kLook}));
  EXPECT_EQ(Count([&] { Read(*here_); }), Calls({Op::kLook}));
}

TEST_F(RoundTripsTest, While_others_commit_a_read_is_a_reading_and_a_look) {
  Read(*here_);
  Rest();
  Read(*here_);
  Write(*elsewhere_);
  EXPECT_EQ(Count([&] { Read(*here_); }), Calls({Op::kLook, Op::kRead, Op::kSync, Op::kLook})) << "after a quiet time";
  for (int i = 0; i < 3; i++) {
    Write(*elsewhere_);
    EXPECT_EQ(Count([&] { Read(*here_); }), Calls({Op::kRead, Op::kSync, Op::kLook}));
  }
}

TEST_F(RoundTripsTest, Who_takes_the_lease_after_others_have_written_looks_once_more) {
  Result<Snapshot> old = here_->TakeSnapshot();
  Write(*elsewhere_);
  Rest();
  const Calls calls = Count(
      [&] { EXPECT_TRUE(here_->BeginWrite(*old, 1, std::chrono::seconds(5)).status().Is(StatusCode::kConflict)); });
  EXPECT_EQ(calls, Calls({Op::kLook, Op::kRead, Op::kSync, Op::kLook}));
}

// Nobody has written to it since it went live.
TEST_F(CallsTest, A_fresh_process_takes_two_calls_for_each_file_and_a_listing) {
  EXPECT_EQ(Count([&] { OpenAndRead(); }),
            Calls({Op::kStat, Op::kStat, Op::kOpen, Op::kRead, Op::kOpen, Op::kRead, Op::kList}));
}

TEST_F(RoundTripsTest, A_fresh_process_believes_the_frames_that_it_finds_after_a_look) {
  EXPECT_EQ(Count([&] { OpenAndRead(); }), Calls({Op::kStat, Op::kStat, Op::kOpen, Op::kRead, Op::kOpen, Op::kRead,
                                                  Op::kOpen, Op::kRead, Op::kSync, Op::kLook, Op::kList}));
}

}  // namespace
}  // namespace sqlite_efs
