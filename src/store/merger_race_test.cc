// What a merge does to others, and they to it, when a process stands still between two of its steps.
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

#include "store/merger.h"
#include "testing/manual_clock.h"
#include "testing/merge_test.h"
#include "testing/stopping_process.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::Is;
using testing::Op;
using testing::ScriptedFileSystem;
using testing::StoppingProcess;

bool SaysCopied(const Call& call) { return call.op == Op::kOpen && ParseCopiedName(FileNameOf(call.path)).has_value(); }
bool SaysMerged(const Call& call) { return Is(call, Op::kRename, ".merged"); }

class MergerRaceTest : public testing::MergeTest {
 protected:
  // A process copies the first half of segment 1, whose page 3 has newer versions in later segments, and dies. It loses
  // patience first with the copying that another one has begun.
  void CopyHalfOfTheOldestSegment(FileSystem& files = PosixFileSystem()) {
    testing::ManualClock clock;
    Environment environment = {files, clock, [&clock] { return clock.NewAlarm(); }, plain_.new_lease_store};
    environment.merge.max_sealed_segments = 2;
    environment.merge.step_pages = 2;
    const std::shared_ptr<Database> database = OpenDatabase(environment, path_);
    MergerOf(database).MergeWhatIsDue();
    clock.Advance(std::chrono::seconds(2));
    MergerOf(database).MergeWhatIsDue();
  }

  // The same, by a process that has chosen what to copy when `others` act, and has not yet named its copying.
  void CopyHalfOfTheOldestSegmentAfter(const std::function<void()>& others) {
    ScriptedFileSystem files(PosixFileSystem());
    bool is_named = false;
    files.Before([&](const Call& call) -> Status {
      if (is_named || !Is(call, Op::kRename, "/copying")) return {};
      is_named = true;
      others();
      return {};
    });
    CopyHalfOfTheOldestSegment(files);
    ASSERT_TRUE(is_named);
  }

  int VersionInBase(uint32_t page) const {
    const std::string base = testing::ReadWholeFile(path_);
    return base.size() < page * kPageSize ? 0 : base[page * kPageSize - 1];
  }
};

TEST_F(MergerRaceTest, A_page_that_is_dropped_after_the_look_that_believes_it_does_not_stay_in_the_cache) {
  MakeLive();
  const std::shared_ptr<Database> writer = OpenPlain();
  ASSERT_TRUE(MergeAll(writer).ok());
  const std::shared_ptr<Database> reader = OpenScripted();
  ForgetBase(*reader);
  const Result<Snapshot> snapshot = reader->TakeSnapshot();
  const Pages before = expected_;
  bool was_read = false;
  bool merged = false;
  files_.After([&](const Call& call) -> Status {
    was_read = was_read || Is(call, Op::kRead, "/db");
    if (merged || !was_read || call.op != Op::kLook) return {};
    merged = true;
    Commit(*writer, 5, {1, 4}, 9);
    Commit(*writer, 6, {1}, 9);
    EXPECT_TRUE(MergeAll(reader).ok());  // by another thread of the reader's process, which knows the segments
    return {};
  });
  std::string page(kPageSize, '\0');
  const Status read = snapshot->ReadPage({4}, 0, std::as_writable_bytes(std::span(page)));
  ASSERT_TRUE(merged);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(page, before.at(4));
  ExpectWhole(*reader, "a transaction that begins afterwards");
}

TEST_F(MergerRaceTest, A_write_to_the_base_that_failed_and_lands_late_overwrites_nothing_newer) {
  MakeLive();
  const std::shared_ptr<Database> unlucky = OpenScripted();
  const std::shared_ptr<Database> other = OpenPlain();
  uint64_t late_offset = 0;
  std::string late;
  files_.Before([&](const Call& call) -> Status {
    if (!late.empty() || !Is(call, Op::kWrite, "/db")) return {};
    late_offset = call.offset;
    late.assign(reinterpret_cast<const char*>(call.data.data()), call.data.size());
    return Status::FromErrno(EIO, "(scripted)", call.path);
  });
  EXPECT_FALSE(MergeAll(unlucky).ok());
  ASSERT_FALSE(late.empty());
  Commit(*other, 5, {1, 3, 5}, 9);
  Commit(*other, 6, {1}, 9);
  (void)MergeAll(other, std::chrono::seconds(1));
  testing::Overwrite(path_, late_offset, late);
  ExpectWholeAt(path_, "when it has landed");
}

// --- which copying is believed

TEST_F(MergerRaceTest, A_copying_that_is_said_to_be_complete_after_another_one_was_begun_is_not_believed) {
  MakeLive();
  const std::shared_ptr<Database> frozen = OpenScripted();
  bool is_cut_off = false;
  files_.Before([&](const Call& call) -> Status {
    if (is_cut_off || !SaysCopied(call)) return {};
    is_cut_off = true;
    files_.LoseLocks();
    CopyHalfOfTheOldestSegment();
    EXPECT_EQ(VersionInBase(3), 1);
    return {};
  });
  (void)MergeAll(frozen);
  ASSERT_TRUE(is_cut_off);
  ASSERT_TRUE(MergeAll(OpenPlain()).ok());
  ExpectWholeAt(path_, "merged by the next one");
}

TEST_F(MergerRaceTest, A_copying_that_was_left_off_does_not_go_on_when_others_have_merged) {
  MakeLive();
  scripted_.merge.max_sealed_segments = 2;
  scripted_.merge.step_pages = 2;
  const std::shared_ptr<Database> slow = OpenScripted();
  MergerOf(slow).MergeWhatIsDue();
  ASSERT_EQ(VersionInBase(3), 1) << "the first piece of segment 1 is copied";
  const std::shared_ptr<Database> other = OpenPlain();
  ASSERT_TRUE(MergeAll(other).ok());
  Commit(*other, 5, {1, 2}, 9);
  ExpectWholeAt(path_, "before it goes on");
  for (int i = 0; i < 3; i++) MergerOf(slow).MergeWhatIsDue();
  EXPECT_EQ(MergerOf(slow).counters().obstacle, "");
  ExpectWholeAt(path_, "when it has gone on");
}

// The one that has copied says so, finds its own word, and stops before the rename, all while another has chosen to
// begin a copying and has not yet named it.
TEST_F(MergerRaceTest, A_copying_that_was_found_complete_is_not_believed_once_another_one_overwrites_it) {
  MakeLive();
  const std::shared_ptr<Database> frozen = OpenScripted();
  StoppingProcess merge(files_, [&] { (void)MergeAll(frozen); });
  ASSERT_TRUE(merge.RunTo(SaysCopied));
  files_.LoseLocks();
  ASSERT_NO_FATAL_FAILURE(CopyHalfOfTheOldestSegmentAfter([&] { EXPECT_TRUE(merge.RunTo(SaysMerged)); }));
  EXPECT_EQ(VersionInBase(3), 1);
  merge.RunToEnd();
  ASSERT_TRUE(MergeAll(OpenPlain()).ok());
  ExpectWholeAt(path_, "merged by the next one");
}

TEST_F(MergerRaceTest, What_is_merged_while_a_copying_gets_its_name_is_not_copied_again) {
  MakeLive();
  const std::shared_ptr<Database> frozen = OpenScripted();
  StoppingProcess merge(files_, [&] { (void)MergeAll(frozen); });
  ASSERT_TRUE(merge.RunTo(SaysCopied));
  files_.LoseLocks();
  ASSERT_NO_FATAL_FAILURE(CopyHalfOfTheOldestSegmentAfter([&] {
    merge.RunToEnd();
    EXPECT_EQ(Segments(), (std::vector<uint64_t>{4}));
  }));
  ExpectWholeAt(path_, "after both");
}

}  // namespace
}  // namespace sqlite_efs
