// What a detach does to others, and they to it, when a process stands still between two of its steps.
#include <gtest/gtest.h>

#include <cerrno>

#include "store/attach.h"
#include "store/detach.h"
#include "store/generations.h"
#include "store/verify.h"
#include "testing/merge_test.h"
#include "testing/stopping_process.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::Is;
using testing::Op;
using testing::ScriptedFileSystem;
using testing::StoppingProcess;
using testing::TempDirectory;

class DetachRaceTest : public testing::MergeTest {
 protected:
  static bool SetsRollbackMode(const Call& call) { return Is(call, Op::kWrite, "/db") && call.data.size() == 2; }

  // Another process opens the file, for writing: it finishes a detach that was broken off, and makes the file live
  // again.
  void OpenAnew() {
    (void)FinishDetach(plain_, layout_, SystemClock().Now() + kNoTime);
    if (IsLive(PosixFileSystem(), path_)) return;
    Result<std::unique_ptr<File>> base = PosixFileSystem().Open(path_, OpenMode::kReadWrite);
    ASSERT_TRUE(base.ok() && *(*base)->TryLock(kSqliteLockOffset, kSqliteLockLength));
    ASSERT_TRUE(SetWalMode(**base).ok());
    ASSERT_TRUE(CreateLogDirectory(PosixFileSystem(), layout_, kPageSize, nullptr).ok());
    expected_.erase(1);  // it has another change counter now
  }

  // A detach ends the log, and dies before it removes anything.
  void EndTheLog() {
    bool is_dead = false;
    files_.Before([&](const Call& call) {
      is_dead = is_dead || SetsRollbackMode(call);
      return is_dead ? Status::IoError("(it is dead)") : Status();
    });
    (void)DetachDatabase(scripted_, path_, kTimeout, {});
    files_.Clear();
    ASSERT_TRUE(is_dead);
    ASSERT_TRUE(*IsDetached(PosixFileSystem(), layout_));
  }

  void ExpectOrdinaryAndWhole() {
    std::string wanted;
    for (const auto& [page, content] : expected_) wanted += content;
    wanted[kWriteVersionOffset] = wanted[kReadVersionOffset] = 1;
    EXPECT_TRUE(testing::ReadWholeFile(path_) == wanted);
    EXPECT_EQ(TempDirectory::Names(directory_ / ""), (std::vector<std::string>{"db"}));
  }
  void ExpectSound() {
    const Result<LogCheck> check = CheckLog(PosixFileSystem(), layout_, {});
    ASSERT_TRUE(check.ok()) << check.status().message();
    EXPECT_EQ(check->damages, std::vector<std::string>());
  }
};

TEST_F(DetachRaceTest, A_detach_that_was_stopped_does_not_change_the_file_once_it_is_live_again) {
  MakeLive();
  bool has_stopped = false;
  files_.Before([&](const Call& call) -> Status {
    if (has_stopped || !SetsRollbackMode(call)) return {};
    has_stopped = true;
    OpenAnew();
    return {};
  });
  ASSERT_TRUE(DetachDatabase(scripted_, path_, kTimeout, {}).ok());
  ASSERT_TRUE(has_stopped);
  if (!IsLive(PosixFileSystem(), path_)) return ExpectOrdinaryAndWhole();
  ExpectSound();
}

TEST_F(DetachRaceTest, Who_finishes_a_detach_that_another_one_finishes_first_leaves_alone_what_came_after) {
  MakeLive();
  EndTheLog();
  bool has_stopped = false;
  files_.Before([&](const Call& call) -> Status {
    if (has_stopped || !Is(call, Op::kTryLock, "/db")) return {};
    has_stopped = true;
    OpenAnew();
    EXPECT_TRUE(IsLive(PosixFileSystem(), path_));
    return {};
  });
  const Status finished = FinishDetach(scripted_, layout_, SystemClock().Now() + kTimeout);
  ASSERT_TRUE(has_stopped);
  EXPECT_TRUE(finished.ok()) << finished.message();
  ExpectSound();
  ExpectWholeAt(path_, "live again");
}

// What a file server says of a directory that another host has removed.
class DetachRaceOnNfsTest : public DetachRaceTest, public ::testing::WithParamInterface<int> {};

TEST_P(DetachRaceOnNfsTest, Who_finds_that_another_host_has_finished_a_detach_has_nothing_to_say) {
  MakeLive();
  for (const Op when : {Op::kList, Op::kTryLock}) {
    EndTheLog();
    bool is_gone = false;
    files_.Before([&](const Call& call) -> Status {
      if (!is_gone && call.op == when) {
        is_gone = true;
        EXPECT_TRUE(FinishDetach(plain_, layout_, SystemClock().Now() + kTimeout).ok());
      }
      const bool lists = is_gone && call.op == Op::kList && call.path == layout_.directory();
      return lists ? Status::FromErrno(GetParam(), "list", call.path) : Status();
    });
    const Status finished = FinishDetach(scripted_, layout_, SystemClock().Now() + kTimeout);
    ASSERT_TRUE(is_gone);
    EXPECT_TRUE(finished.ok()) << finished.message();
    files_.Clear();
    ExpectOrdinaryAndWhole();
    OpenAnew();
    expected_ = {};
    Commit(*OpenPlain(), 5, {1, 2}, 2);
  }
}

INSTANTIATE_TEST_SUITE_P(Errors, DetachRaceOnNfsTest, ::testing::Values(ENOENT, ESTALE));

// A commit whose outcome is in doubt: the log has ended, and whoever removes it dies just before its last name.
TEST_F(DetachRaceTest, What_is_left_of_a_log_tells_whether_a_commit_counts) {
  MakeLive();
  const std::shared_ptr<Database> database = OpenPlain();
  const std::shared_ptr<LiveDatabase> live = database->live();
  const std::shared_ptr<Segment> last = live->log().live();
  const FrameNumber frames = live->log().EndOf(*last).frames;
  bool is_dead = false;
  files_.Before([&](const Call& call) {
    is_dead = is_dead || (call.op == Op::kRename && FileNameOf(call.path) == FileNameOf(layout_.counted()));
    return is_dead ? Status::IoError("(it is dead)") : Status();
  });
  (void)DetachDatabase(scripted_, path_, kTimeout, {});
  ASSERT_TRUE(is_dead);
  ASSERT_EQ(LogNames().size(), 2U);
  for (const bool counts : {true, false}) {
    const Result<bool> decided = live->log().Decide(*last, {frames.value + (counts ? 0 : 1)});
    ASSERT_TRUE(decided.ok()) << decided.status().message();
    EXPECT_EQ(*decided, counts);
  }
  ASSERT_TRUE(FinishDetach(plain_, layout_, SystemClock().Now() + kNoTime).ok());
  EXPECT_FALSE(live->log().Decide(*last, frames).ok()) << "nothing is left";
}

// A sealer that was stopped makes its temporary file when the rest of the directory is gone, and neither it nor the
// detach gets any further.
TEST_F(DetachRaceTest, A_late_name_in_a_directory_whose_removal_was_broken_off_stops_nobody) {
  MakeLive();
  ScriptedFileSystem late_files(PosixFileSystem());
  const Result<std::unique_ptr<FileSystem>> pinned = late_files.Pin(layout_.directory());
  ASSERT_TRUE(pinned.ok());
  const Result<std::shared_ptr<Segment>> last = Segment::Open(**pinned, layout_, {4}, kPageSize);
  ASSERT_TRUE(last.ok());
  StoppingProcess sealer(late_files, [&] { (void)Seal(**pinned, layout_, **last, (*last)->end, Successor::kHelpers); });
  ASSERT_TRUE(sealer.RunTo([](const Call& call) { return IsTemporary(FileNameOf(call.path)); }));
  bool is_dead = false;
  files_.Before([&](const Call& call) -> Status {
    if (!is_dead && call.op == Op::kRemoveDirectory && call.path == layout_.directory()) {
      is_dead = true;
      EXPECT_TRUE(sealer.RunTo([](const Call& next) { return next.op == Op::kLink; }));
    }
    return is_dead ? Status::IoError("(it is dead)") : Status();
  });
  (void)DetachDatabase(scripted_, path_, kTimeout, {});
  ASSERT_TRUE(is_dead);
  ASSERT_EQ(LogNames().size(), 1U);
  const Result<DetachReport> again = DetachDatabase(plain_, path_, kTimeout, {});
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_EQ(again->leftover, "");
  ExpectOrdinaryAndWhole();
}

}  // namespace
}  // namespace sqlite_efs
