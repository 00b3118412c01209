// Writes to a segment that were not carried out when they were told to have failed, and are carried out later.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "testing/engine_process.h"
#include "testing/store_test.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::EngineProcess;
using testing::Is;
using testing::Op;
using testing::StoreTest;

class LateWriteTest : public StoreTest {
 protected:
  // Both processes have the database open, at the end of a commit whose segment may be joined.
  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_TRUE(first_.Commit().ok());
    ASSERT_TRUE(second_.Open().ok());
    segment_ = layout_.segment(first_.last_segment());
  }

  // A transaction of the first process that writes ahead and is rolled back because that write fails.
  void FailToWriteAhead() {
    first_.files.Before([&](const Call& call) {
      if (!Is(call, Op::kWrite, segment_)) return Status();
      late_.assign(reinterpret_cast<const char*>(call.data.data()), call.data.size());
      return Status::FromErrno(EIO, "(scripted)", call.path);
    });
    EXPECT_FALSE(first_.WriteAheadAndRollBack().ok());
    first_.files.Clear();
    ASSERT_FALSE(late_.empty());
  }
  void LandLate() { testing::Overwrite(segment_, FrameOffset({2}, kPageSize), late_); }

  void ExpectCounter(uint32_t wanted) {
    const Result<uint32_t> counter = EngineProcess(layout_.base()).Counter();
    ASSERT_TRUE(counter.ok()) << counter.status().message();
    EXPECT_EQ(*counter, wanted);
  }

  EngineProcess first_{layout_.base()};
  EngineProcess second_{layout_.base()};
  std::string segment_;
  std::string late_;
};

TEST_F(LateWriteTest, Nobody_joins_a_segment_that_a_failed_write_may_still_hit) {
  FailToWriteAhead();
  ASSERT_TRUE(second_.Commit().ok());
  LandLate();
  ExpectCounter(2);
}

TEST_F(LateWriteTest, Nobody_joins_by_a_record_from_before_a_tenure_that_failed) {
  int locks = 0;
  second_.files.Before([&](const Call& call) {
    // The first one asks whether others wait.
    if (Is(call, Op::kTryLock, "/lease") && ++locks == 2) FailToWriteAhead();
    return Status();
  });
  ASSERT_TRUE(second_.Commit().ok());
  ASSERT_GE(locks, 2);
  LandLate();
  ExpectCounter(2);
}

// The reply to the commit's write is lost. The files say that it counts; then they cannot be reached for a moment.
TEST_F(LateWriteTest, A_commit_that_was_in_doubt_and_counts_is_seen_by_its_own_transaction) {
  first_.files.After([&](const Call& call) {
    return Is(call, Op::kWrite, segment_) ? Status::FromErrno(EIO, "(scripted)", call.path) : Status();
  });
  int openings = 0;
  first_.files.Before([&](const Call& call) {
    const bool follows = Is(call, Op::kOpen, "/0000000002") && ++openings > 1;
    return follows ? Status::FromErrno(EIO, "(scripted)", call.path) : Status();
  });
  const Result<uint32_t> counter = first_.CommitAndRead();
  ASSERT_TRUE(counter.ok()) << counter.status().message();
  EXPECT_GT(openings, 1);
  EXPECT_EQ(*counter, 2U);
  first_.files.Clear();
  ExpectCounter(2);
}

// The segment is sealed and its log gone before the first write of a tenure: there is nothing to ask the files for.
TEST_F(LateWriteTest, A_commit_that_was_never_written_is_not_in_doubt) {
  bool is_gone = false;
  int questions = 0;
  second_.files.Before([&](const Call& call) {
    if (is_gone && call.op == Op::kList) questions++;
    if (!Is(call, Op::kOpen, segment_)) return Status();
    EXPECT_EQ(::chmod(segment_.c_str(), 0555), 0);  // as who merges it marks it
    std::filesystem::rename(layout_.directory(), layout_.directory() + ".gone");
    is_gone = true;
    return Status::FromErrno(EACCES, "(scripted)", call.path);
  });
  const Status refused = second_.Commit();
  EXPECT_TRUE(refused.Is(StatusCode::kBusy)) << refused.message();
  EXPECT_NE(refused.message().find("was taken over"), std::string::npos) << refused.message();
  EXPECT_TRUE(is_gone);
  EXPECT_EQ(questions, 0);
}

}  // namespace
}  // namespace sqlite_efs
