#include "store/merger.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

#include "store/generations.h"
#include "testing/manual_clock.h"
#include "testing/merge_test.h"

namespace sqlite_efs {
namespace {

namespace fs = std::filesystem;
using testing::Call;
using testing::Fail;
using testing::Hook;
using testing::Is;
using testing::Op;

constexpr Duration kLongTick = std::chrono::hours(1);
constexpr int kMaxSteps = 300;  // more than a merge makes changes
constexpr size_t kMaxCommits = 1000;

bool Changes(const Call& call) {
  switch (call.op) {
    case Op::kWrite:
    case Op::kSync:
    case Op::kTruncate:
    case Op::kTouch:
    case Op::kChangeMode:
    case Op::kLink:
    case Op::kRename:
    case Op::kRemove:
    case Op::kSyncDirectory:
      return true;
    default:
      return false;
  }
}

class MergerTest : public testing::MergeTest {};

TEST_F(MergerTest, Merges_every_sealed_segment_and_removes_it) {
  MakeLive();
  const std::shared_ptr<Database> database = OpenPlain();
  const Status merged = MergeAll(database);
  ASSERT_TRUE(merged.ok()) << merged.message();
  EXPECT_EQ(LogNames(),
            (std::vector<std::string>{"0000000003.merged", "0000000004", "copying", "counted", "id", "lease"}));
  const MergeCounters counters = MergerOf(database).counters();
  EXPECT_EQ(counters.segments, 3U);
  EXPECT_EQ(counters.pages, 9U);
  EXPECT_EQ(counters.obstacle, "");
  EXPECT_FALSE(BaseIsLocked(path_));
  EXPECT_EQ(database->live()->log().first_segment().value, 4U);
  EXPECT_EQ(fs::file_size(path_), 9 * kPageSize);
  ExpectWhole(*database, "who merged");
  ExpectWholeAt(path_, "who opens it now");
}

TEST_F(MergerTest, Merges_many_segments_at_once) {
  MakeLive();
  const std::shared_ptr<Database> database = OpenPlain();
  for (int version = 5; version < 60; version++) {
    Commit(*database, version, {1, static_cast<uint32_t>(2 + version % 11)}, 12);
  }
  EXPECT_EQ(Segments().size(), 59U);
  std::vector<uint64_t> seen;
  const Progress progress = [&](uint64_t done, uint64_t total) {
    EXPECT_LE(done, total);
    seen.push_back(done);
  };
  ASSERT_TRUE(MergerOf(database).MergeAll(SystemClock().Now() + kTimeout, progress).ok());
  EXPECT_EQ(Segments(), (std::vector<uint64_t>{59}));
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_GT(seen.back(), 0U);
  ExpectWhole(*database, "who merged");
  ExpectWholeAt(path_, "who opens it now");
}

TEST_F(MergerTest, Of_nothing_sealed_changes_nothing) {
  MakeLive();
  const std::shared_ptr<Database> database = OpenScripted();
  ASSERT_TRUE(MergeAll(database).ok());
  int changes = 0;
  files_.Before([&](const Call& call) -> Status {
    if (Changes(call)) changes++;
    return {};
  });
  ASSERT_TRUE(MergeAll(database).ok());
  EXPECT_EQ(changes, 0);
}

// The order on which everything rests, seen from outside.
TEST_F(MergerTest, Names_the_copying_then_marks_then_copies_then_says_so_then_stamps_then_removes) {
  MakeLive();
  const std::shared_ptr<Database> database = OpenScripted();
  std::vector<std::string> calls;
  files_.Before([&](const Call& call) -> Status {
    const std::string name = FileNameOf(call.path);
    if (IsTemporary(name) || !Changes(call)) return {};
    if (const auto copied = ParseCopiedName(name)) {
      const std::string said = "say copied " + std::to_string(copied->through.value);
      if (calls.empty() || calls.back() != said) calls.push_back(said);
      return {};
    }
    const char* const what = call.op == Op::kWrite        ? "write "
                             : call.op == Op::kChangeMode ? "mark "
                             : call.op == Op::kTouch      ? "stamp "
                             : call.op == Op::kRename     ? "name "
                             : call.op == Op::kRemove     ? "remove "
                             : call.op == Op::kTruncate   ? "size "
                                                          : "sync ";
    if (calls.empty() || calls.back() != what + name) calls.push_back(what + name);
    return {};
  });
  ASSERT_TRUE(MergeAll(database).ok());
  files_.Clear();
  calls.resize(std::min<size_t>(calls.size(), 14));
  EXPECT_EQ(calls, (std::vector<std::string>{"name copying", "mark 0000000001", "mark 0000000002", "mark 0000000003",
                                             "size db", "write db", "sync db", "write db", "sync db", "say copied 3",
                                             "stamp db", "write counted", "sync counted", "write counted"}));
}

TEST_F(MergerTest, Records_what_counted_before_a_name_goes) {
  MakeLive();
  const std::shared_ptr<Database> database = OpenScripted();
  std::vector<std::shared_ptr<Segment>> segments = database->live()->log().segments();
  segments.pop_back();
  bool was_renamed = false;
  files_.Before([&](const Call& call) -> Status {
    if (!Is(call, Op::kRename, ".merged")) return {};
    was_renamed = true;
    for (const std::shared_ptr<Segment>& segment : segments) {
      const Result<FrameNumber> counted = ReadCounted(PosixFileSystem(), layout_, *segment);
      EXPECT_TRUE(counted.ok()) << counted.status().message();
      EXPECT_EQ(counted->value, database->live()->log().EndOf(*segment).frames.value);
    }
    return {};
  });
  ASSERT_TRUE(MergeAll(database).ok());
  EXPECT_TRUE(was_renamed);
}

// Every host's system takes the base for unchanged while its attributes are equal.
TEST_F(MergerTest, Removes_no_segment_before_the_base_has_a_time_stamp_a_tick_younger_than_its_last_change) {
  MakeLive();
  const std::shared_ptr<Database> database = OpenScripted();
  int64_t last_write_ns = 0;
  int64_t removed_at_ns = 0;
  files_.After([&](const Call& call) -> Status {
    const int64_t mtime_ns = PosixFileSystem().Stat(path_)->mtime_ns;
    if ((call.op == Op::kWrite || call.op == Op::kTruncate) && call.path == path_) last_write_ns = mtime_ns;
    if (Is(call, Op::kRename, ".merged")) removed_at_ns = mtime_ns;
    return {};
  });
  ASSERT_TRUE(MergeAll(database).ok());
  EXPECT_GE(removed_at_ns - last_write_ns, scripted_.merge.tick.count());
}

TEST_F(MergerTest, Waits_for_the_tick_in_whatever_process_removes) {
  MakeLive();
  scripted_.merge.tick = kLongTick;
  for (int i = 0; i < 3; i++) {
    const std::shared_ptr<Database> database = OpenScripted();
    EXPECT_TRUE(MergeAll(database, kNoTime).Is(StatusCode::kBusy));
    EXPECT_TRUE(IsCopied(3));
    EXPECT_EQ(Segments(), (std::vector<uint64_t>{1, 2, 3, 4}));
    ExpectWhole(*database, "while it waits");
  }
  ASSERT_TRUE(MergeAll(OpenPlain()).ok());
  EXPECT_EQ(Segments(), (std::vector<uint64_t>{4}));
}

TEST_F(MergerTest, Removes_debris_of_merged_segments_and_old_temporary_files) {
  MakeLive();
  const auto old_time = fs::file_time_type::clock::now() - std::chrono::hours(2);
  for (const char* name : {"tmp.old", "tmp.young", "0000000002.claim", "0000000003.sealed.x", "0000000004.claim"}) {
    testing::WriteWholeFile(layout_.directory() + "/" + name, "x");
  }
  fs::last_write_time(layout_.directory() + "/tmp.old", old_time);
  ASSERT_TRUE(MergeAll(OpenPlain()).ok());
  EXPECT_EQ(LogNames(), (std::vector<std::string>{"0000000003.merged", "0000000004", "0000000004.claim", "copying",
                                                  "counted", "id", "lease", "tmp.young"}));
}

TEST_F(MergerTest, Removes_what_a_merger_has_left_that_died_after_the_name_was_gone) {
  MakeLive();
  std::shared_ptr<Database> database = OpenScripted();
  files_.Before([](const Call& call) { return call.op == Op::kRemove ? Status::IoError("(scripted)") : Status(); });
  ASSERT_TRUE(MergeAll(database).ok());
  files_.Clear();
  EXPECT_TRUE(Exists(layout_.segment({2})));
  EXPECT_EQ(Segments(), (std::vector<uint64_t>{4}));
  ExpectWholeAt(path_, "with merged segments that are still there");
  Commit(*database, 5, {1, 4}, 9);
  ASSERT_TRUE(MergeAll(database).ok());
  EXPECT_EQ(LogNames(),
            (std::vector<std::string>{"0000000004.merged", "0000000005", "copying", "counted", "id", "lease"}));
}

// --- what a name says of a copying

TEST_F(MergerTest, Believes_no_copying_after_which_another_one_was_begun) {
  MakeLive();
  testing::WriteWholeFile(layout_.copying(), "the name of the last copying that was begu");
  testing::WriteWholeFile(layout_.copied({2}, "of another"), "");
  ASSERT_TRUE(MergeAll(OpenPlain()).ok());
  EXPECT_EQ(Segments(), (std::vector<uint64_t>{4}));
  ExpectWholeAt(path_, "after a copying that was not to be believed");
}

TEST_F(MergerTest, Finishes_what_another_process_has_copied) {
  MakeLive();
  scripted_.merge.tick = kLongTick;
  EXPECT_TRUE(MergeAll(OpenScripted(), kNoTime).Is(StatusCode::kBusy));
  const std::shared_ptr<Database> other = OpenPlain();
  ASSERT_TRUE(MergeAll(other).ok());
  EXPECT_EQ(MergerOf(other).counters().pages, 0U);
  EXPECT_EQ(MergerOf(other).counters().segments, 3U);
  ExpectWholeAt(path_, "finished by another");
}

// A process that has copied a part gives the lock back; another one begins a copying of its own, which may be of older
// segments only, and stops. What the first one has copied is overwritten by then.
TEST_F(MergerTest, Begins_anew_where_another_copying_was_begun_since) {
  MakeLive();
  for (Environment* environment : {&scripted_, &plain_}) {
    environment->merge.max_sealed_segments = 0;
    environment->merge.step_pages = 1;
  }
  const std::shared_ptr<Database> first = OpenScripted();
  const std::shared_ptr<Database> second = OpenPlain();
  MergerOf(first).MergeWhatIsDue();
  const std::string id_of_first = testing::ReadWholeFile(layout_.copying());
  ASSERT_TRUE(MergerOf(second).Lock(SystemClock().Now() + kTimeout).ok());
  testing::WriteWholeFile(layout_.copying(), "another copying, begun and given up.");  // 36 characters
  MergerOf(second).Unlock();
  testing::Overwrite(path_, 2 * kPageSize, std::string(kPageSize, 'x'));  // page 3, by it
  ASSERT_TRUE(MergeAll(first).ok());
  EXPECT_NE(testing::ReadWholeFile(layout_.copying()), id_of_first);
  EXPECT_EQ(Segments(), (std::vector<uint64_t>{4}));
  ExpectWholeAt(path_, "begun anew");
}

// Processes that write in turn, each of which copies a piece after its commit.
TEST_F(MergerTest, Does_not_begin_anew_what_another_process_is_getting_on_with) {
  MakeLive();
  testing::ManualClock clock;  // stands still: nobody's patience ends
  Environment environment = {PosixFileSystem(), clock, [&clock] { return clock.NewAlarm(); }, plain_.new_lease_store};
  environment.merge.max_sealed_segments = 0;
  environment.merge.step_pages = 1;
  const std::shared_ptr<Database> first = OpenDatabase(environment, path_);
  const std::shared_ptr<Database> second = OpenDatabase(environment, path_);
  for (int i = 0; i < kMaxSteps && !IsCopied(1); i++) {
    MergerOf(first).MergeWhatIsDue();
    MergerOf(second).MergeWhatIsDue();
  }
  EXPECT_EQ(MergerOf(first).counters().pages, 6U);
  EXPECT_EQ(MergerOf(second).counters().pages, 0U);
  EXPECT_EQ(MergerOf(second).counters().obstacle, "");
}

TEST_F(MergerTest, Begins_anew_what_another_process_does_not_finish) {
  MakeLive();
  testing::ManualClock clock;
  Environment environment = {PosixFileSystem(), clock, [&clock] { return clock.NewAlarm(); }, plain_.new_lease_store};
  environment.merge.max_sealed_segments = 0;
  testing::WriteWholeFile(layout_.copying(), "another copying, begun and given up.");
  const std::shared_ptr<Database> database = OpenDatabase(environment, path_);
  MergerOf(database).MergeWhatIsDue();
  clock.Advance(std::chrono::milliseconds(900));
  MergerOf(database).MergeWhatIsDue();
  EXPECT_EQ(MergerOf(database).counters().pages, 0U) << "it is given time";
  clock.Advance(std::chrono::milliseconds(200));
  MergerOf(database).MergeWhatIsDue();
  EXPECT_EQ(MergerOf(database).counters().pages, 9U);
  ExpectWhole(*database, "copied");
}

TEST_F(MergerTest, A_process_that_may_not_live_for_long_begins_what_one_step_finishes) {
  MakeLive();
  plain_.merge.max_sealed_segments = 0;
  plain_.merge.step_pages = 8;
  const std::shared_ptr<Database> database = OpenPlain();
  MergerOf(database).MergeWhatIsDue();  // segments 1 and 2 have 11 pages
  EXPECT_TRUE(IsCopied(1));
}

// --- failures

class MergerFails : public MergerTest, public ::testing::WithParamInterface<std::tuple<uint32_t, int, bool>> {
 protected:
  // Merges with the `step`-th change failing, after it was made or before; the path of the file that it was to change,
  // "" if there are not so many.
  std::string FailAt(Database& database, int step, bool* of_base_content) {
    const auto [page_count, error, made] = GetParam();
    std::string failed;
    const Hook hook = [&, code = error, count = 0](const Call& call) mutable -> Status {
      if (!Changes(call) || count++ != step) return {};
      failed = call.path;
      *of_base_content = call.op == Op::kWrite || call.op == Op::kSync || call.op == Op::kTruncate;
      return Status::FromErrno(code, "(scripted)", call.path);
    };
    made ? files_.After(hook) : files_.Before(hook);
    const Status merged = database.live()->merger().MergeAll(SystemClock().Now() + kTimeout, {});
    files_.Clear();
    EXPECT_TRUE(merged.ok() || !failed.empty());
    const std::string obstacle = database.live()->merger().counters().obstacle;
    EXPECT_EQ(obstacle.find("(scripted)") != std::string::npos, !merged.ok()) << obstacle;
    return failed;
  }
};

TEST_P(MergerFails, At_any_change_and_the_next_merger_finishes) {
  const auto [page_count, error, made] = GetParam();
  MakeLive(page_count);
  int poisoned = 0;
  int step = 0;
  for (; step < kMaxSteps; step++) {
    const std::string when = "step " + std::to_string(step);
    const std::string path = CopyOfTree(path_, "work");
    const std::shared_ptr<Database> database = OpenDatabase(scripted_, path);
    const std::shared_ptr<Database> reader = OpenDatabase(plain_, path);
    bool of_content = false;
    const std::string failed = FailAt(*database, step, &of_content);
    if (failed.empty()) break;
    ExpectWhole(*database, when);
    ExpectWhole(*reader, when);
    // What was refused for want of space comes no more; any other write may still land, and nobody else may write then.
    const bool may_land = failed == path && of_content && error != ENOSPC;
    ASSERT_EQ(BaseIsLocked(path), may_land) << when;
    const std::string left = CopyOfTree(path, "left");
    ExpectWholeAt(left, when);
    const std::shared_ptr<Database> next = OpenDatabase(plain_, left);
    ASSERT_TRUE(MergeAll(next).ok()) << when;
    ASSERT_EQ(Segments(left), (std::vector<uint64_t>{4})) << when;
    ExpectWholeAt(left, when + ", finished");
    ASSERT_EQ(fs::file_size(left), page_count * kPageSize) << when;
    poisoned += may_land ? 1 : 0;
    const Status again = MergeAll(database);
    ASSERT_EQ(again.ok(), !may_land) << when << ": " << again.message();
    ExpectWhole(*reader, when + ", the same process");
  }
  EXPECT_GE(step, 30);
  EXPECT_EQ(poisoned, error == ENOSPC ? 0 : 5);
}

INSTANTIATE_TEST_SUITE_P(Errors, MergerFails,
                         ::testing::Values(std::tuple(9U, EIO, true), std::tuple(5U, EIO, false),
                                           std::tuple(9U, ENOSPC, false), std::tuple(5U, ENOSPC, true)));

TEST_F(MergerTest, After_a_write_to_the_base_that_may_still_land_the_process_commits_and_merges_no_more) {
  MakeLive();
  scripted_.merge.max_sealed_segments = 0;
  const std::shared_ptr<Database> database = OpenScripted();
  files_.Before(Fail(Op::kWrite, "/db", EIO));
  Commit(*database, 5, {1, 4}, 9);
  files_.Clear();
  EXPECT_NE(MergerOf(database).counters().obstacle.find("(scripted)"), std::string::npos);
  int touched = 0;
  files_.Before([&](const Call& call) -> Status {
    if (call.path == path_ && Changes(call)) touched++;
    return {};
  });
  for (int version = 6; version < 20; version++) Commit(*database, version, {1, 2}, 9);
  EXPECT_EQ(touched, 0);
  EXPECT_EQ(Segments().front(), 1U);
  EXPECT_TRUE(BaseIsLocked(path_));
  EXPECT_NE(MergerOf(database).counters().obstacle.find("(scripted)"), std::string::npos) << "it is still said";
  ExpectWhole(*database, "poisoned");
}

TEST_F(MergerTest, On_a_full_disk_gives_the_lock_back_and_goes_on_later) {
  MakeLive();
  const uint64_t size_before = fs::file_size(path_);
  const std::shared_ptr<Database> database = OpenScripted();
  files_.Before(Fail(Op::kWrite, "/db", ENOSPC));
  EXPECT_TRUE(MergeAll(database).Is(StatusCode::kFull));
  EXPECT_EQ(fs::file_size(path_), size_before) << "the space that it has grown by is given back";
  EXPECT_FALSE(BaseIsLocked(path_));
  ASSERT_TRUE(MergeAll(database).ok());
  EXPECT_EQ(MergerOf(database).counters().obstacle, "");
  ExpectWholeAt(path_, "with room again");
}

// --- others

TEST_F(MergerTest, Merges_nothing_while_another_process_holds_the_lock) {
  MakeLive();
  scripted_.merge.max_sealed_segments = 0;
  const std::shared_ptr<Database> database = OpenScripted();
  {
    Result<std::unique_ptr<File>> other = PosixFileSystem().Open(path_, OpenMode::kReadWrite);
    ASSERT_TRUE(*(*other)->TryLock(kSqliteLockOffset, kSqliteLockLength));
    int changes = 0;
    files_.Before([&](const Call& call) -> Status {
      if (Changes(call)) changes++;
      return {};
    });
    MergerOf(database).MergeWhatIsDue();
    EXPECT_NE(MergerOf(database).counters().obstacle.find("another process is merging"), std::string::npos);
    EXPECT_TRUE(MergeAll(database, kNoTime).Is(StatusCode::kBusy));
    EXPECT_EQ(changes, 0);
    Commit(*database, 5, {1}, 9);  // which needs no lock on the base
  }
  files_.Clear();
  ASSERT_TRUE(MergeAll(database).ok());
  EXPECT_EQ(Segments(), (std::vector<uint64_t>{5}));
}

TEST_F(MergerTest, Leaves_young_segments_to_those_who_read_old_states) {
  MakeLive();
  const std::shared_ptr<Database> database = OpenPlain();
  MergerOf(database).MergeWhatIsDue();
  EXPECT_FALSE(Exists(layout_.copying())) << "no segment is an hour old";
  const std::shared_ptr<Database> later = OpenPlain();
  fs::last_write_time(layout_.segment({1}), fs::file_time_type::clock::now() - 2 * std::chrono::hours(1));
  MergerOf(later).MergeWhatIsDue();
  EXPECT_TRUE(IsCopied(1));
  EXPECT_EQ(StateOf(PosixFileSystem().Stat(layout_.segment({2})).value()), SegmentState::kSealed) << "it is young";
}

TEST_F(MergerTest, Merges_what_is_too_many_however_young) {
  for (const size_t allowed : {3, 2, 0}) {
    MakeLive();
    plain_.merge.max_sealed_segments = allowed;
    const std::shared_ptr<Database> database = OpenPlain();
    MergerOf(database).MergeWhatIsDue();
    EXPECT_EQ(Exists(layout_.copying()), allowed < 3) << allowed;
    fs::remove_all(layout_.directory());
    plain_.merge.max_sealed_segments = SIZE_MAX;
  }
}

TEST_F(MergerTest, Copies_a_bounded_number_of_pages_after_a_commit) {
  MakeLive();
  for (Environment* environment : {&scripted_, &plain_}) {
    environment->merge.max_sealed_segments = 0;
    environment->merge.step_pages = 2;
  }
  const std::shared_ptr<Database> database = OpenScripted();
  for (int i = 0; i < kMaxSteps && !IsCopied(1); i++) {
    size_t pages = 0;
    files_.Before([&](const Call& call) -> Status {
      if (Is(call, Op::kWrite, "/db")) pages += call.data.size() / kPageSize;
      return {};
    });
    MergerOf(database).MergeWhatIsDue();
    EXPECT_LE(pages, 3U) << "two, and page 1";
    EXPECT_FALSE(BaseIsLocked(path_));
  }
  EXPECT_TRUE(IsCopied(1));
  EXPECT_EQ(MergerOf(database).counters().obstacle, "");
}

// The log is bounded by what is written while one merge lasts, however small its segments are.
TEST_F(MergerTest, Catches_up_with_a_writer_that_fills_segments_faster_than_they_are_merged_one_by_one) {
  MakeLive();
  scripted_.merge.max_sealed_segments = 2;
  const std::shared_ptr<Database> database = OpenScripted();
  std::vector<uint64_t> merged;
  files_.After([&](const Call& call) -> Status {
    if (Is(call, Op::kRename, ".merged")) merged.push_back(*Segments().begin() - 1);
    return {};
  });
  size_t peak = 0;
  size_t largest_cycle = 3;  // segments begun between two removals
  uint64_t newest = 4;
  uint64_t newest_at_removal = 4;
  size_t removals = 0;
  for (size_t i = 0; merged.size() < 12 && i < kMaxCommits; i++) {
    Commit(*database, static_cast<int>(5 + i), {1, static_cast<uint32_t>(2 + i % 7)}, 9);
    const std::vector<uint64_t> segments = Segments();
    newest = segments.back();
    largest_cycle = std::max<size_t>(largest_cycle, newest - newest_at_removal);
    if (merged.size() > removals) {
      removals = merged.size();
      newest_at_removal = newest;
    }
    peak = std::max(peak, segments.size());
  }
  ASSERT_EQ(merged.size(), 12U);
  EXPECT_LE(peak, scripted_.merge.max_sealed_segments + 2 + 2 * largest_cycle);
  ExpectWhole(*database, "at the end");
}

TEST_F(MergerTest, Makes_a_writer_wait_that_fills_segments_faster_than_the_clock_of_the_files_lets_them_be_removed) {
  MakeLive();
  scripted_.merge.tick = std::chrono::milliseconds(100);
  scripted_.merge.max_sealed_segments = 2;
  scripted_.merge.max_waiting_segments = 6;
  const std::shared_ptr<Database> database = OpenScripted();
  size_t peak = 0;
  for (int version = 5; version < 65; version++) {
    Commit(*database, version, {1, static_cast<uint32_t>(2 + version % 7)}, 9);
    peak = std::max(peak, Segments().size());
  }
  EXPECT_LE(peak, scripted_.merge.max_waiting_segments + 1);
  EXPECT_EQ(MergerOf(database).counters().obstacle, "");
  ExpectWhole(*database, "at the end");
}

// --- readers

// Between any two changes of a merge, in processes of their own: a transaction that reads an old state, and one that
// begins now. The old one sees its state or is told kConflict; the new one always gets its pages.
class MergerAndReaders : public MergerTest, public ::testing::WithParamInterface<uint32_t> {};

TEST_P(MergerAndReaders, See_one_state_at_every_change) {
  testing::WriteWholeFile(path_, "");
  const std::shared_ptr<Database> writer = OpenPlain();
  Commit(*writer, 1, {1, 2, 3, 4, 5, 6}, 6);
  Commit(*writer, 2, {1, 3, 5}, 6);
  ASSERT_TRUE(MergeAll(writer).ok());  // pages 2, 4 and 6 lie in the base alone
  const std::shared_ptr<Database> reader = OpenPlain();
  const std::shared_ptr<Database> uncached = OpenDatabase(plain_, path_, kPageSize);
  const Result<Snapshot> cached_old = reader->TakeSnapshot();
  const Result<Snapshot> old = uncached->TakeSnapshot();
  const Pages old_pages = expected_;
  Commit(*writer, 3, {1, 2, 5, 7, 8, 9}, 9);
  Commit(*writer, 4, {1, 2, 6}, GetParam());
  Commit(*writer, 5, {1, 5}, GetParam());
  const Result<Snapshot> newest = reader->TakeSnapshot();
  ASSERT_TRUE(cached_old.ok() && old.ok() && newest.ok());
  const std::shared_ptr<Database> merging = OpenScripted();
  int checks = 0;
  size_t right = 0;
  const auto check = [&](const std::string& when) {
    right = ExpectPages(*old, old_pages, when + ", old", /*may_conflict=*/true);
    ExpectPages(*cached_old, old_pages, when + ", old, with a cache", /*may_conflict=*/true);
    ExpectPages(*newest, expected_, when + ", newest");
    ExpectWhole(*reader, when + ", begins now");
    ExpectWhole(*merging, when + ", the process that merges");
    ExpectWholeAt(path_, when + ", fresh process");
    checks++;
  };
  check("before");
  EXPECT_EQ(right, old_pages.size()) << "nothing is merged yet";
  files_.Before([&](const Call& call) -> Status {
    if (Changes(call)) check("before change " + std::to_string(checks));
    return {};
  });
  ASSERT_TRUE(MergeAll(merging).ok());
  files_.Clear();
  check("after");
  EXPECT_EQ(right, 3U) << "those in the log, which never changes; what the base had of the old state is gone";
  EXPECT_GT(checks, 20);
}

INSTANTIATE_TEST_SUITE_P(PageCount, MergerAndReaders, ::testing::Values(9U, 7U));

TEST_F(MergerTest, An_old_snapshot_is_told_when_it_reads_the_base_and_a_new_one_is_served) {
  MakeLive();
  const std::shared_ptr<Database> reader = OpenPlain();
  ASSERT_TRUE(MergeAll(reader).ok());
  const Result<Snapshot> old = reader->TakeSnapshot();  // ends in segment 4, which holds pages 1 and 2
  const Pages old_pages = expected_;
  const std::shared_ptr<Database> writer = OpenPlain();
  Commit(*writer, 5, {1, 3}, 9);
  ASSERT_TRUE(MergeAll(writer).ok());
  std::string page(kPageSize, '\0');
  const MutableBytes out = std::as_writable_bytes(std::span(page));
  ASSERT_TRUE(old->ReadPage({2}, 0, out).ok()) << "it lies in the log, which never changes";
  EXPECT_EQ(page, old_pages.at(2));
  for (const uint32_t number : {3, 4}) EXPECT_TRUE(old->ReadPage({number}, 0, out).Is(StatusCode::kConflict));
  ExpectWhole(*reader, "a new transaction");
}

TEST_F(MergerTest, A_snapshot_whose_frames_are_gone_reads_them_from_the_base) {
  MakeLive();
  const std::shared_ptr<Database> reader = OpenDatabase(scripted_, path_, kPageSize);
  const Result<Snapshot> snapshot = reader->TakeSnapshot();
  ASSERT_TRUE(MergeAll(OpenPlain()).ok());
  // As on a network file system, where a file that another host has removed cannot be read any more.
  files_.Before([&](const Call& call) -> Status {
    const bool gone = call.op == Op::kRead && ParseSegmentName(FileNameOf(call.path)) && !Exists(call.path);
    return gone ? Status(StatusCode::kStale, "(scripted)") : Status();
  });
  ExpectPages(*snapshot, expected_, "frames are gone");
  EXPECT_GT(reader->metrics().Of(Count::kPagesFromBase), 5U);
}

TEST_F(MergerTest, The_cache_serves_no_page_of_the_base_that_was_merged_over) {
  MakeLive();
  const std::shared_ptr<Database> reader = OpenPlain();
  const std::shared_ptr<Database> writer = OpenPlain();
  for (int version = 5; version < 12; version++) {
    ASSERT_TRUE(MergeAll(writer).ok());
    ExpectWhole(*reader, "cached");
    ExpectWhole(*writer, "cached by who merges");
    Commit(*writer, version, {1, 4, 7}, 9);
    Commit(*writer, version + 20, {1, 8}, 9);
    Commit(*writer, version + 40, {1}, 9);
    // Merged while the reader does not look: it learns of several generations at once.
    if (version % 2 == 0) continue;
    ExpectWhole(*reader, "in the log");
  }
}

TEST_F(MergerTest, A_page_that_was_read_while_others_merged_does_not_stay_in_the_cache) {
  MakeLive();
  const std::shared_ptr<Database> writer = OpenPlain();
  ASSERT_TRUE(MergeAll(writer).ok());
  const std::shared_ptr<Database> reader = OpenScripted();
  ForgetBase(*reader);
  const Result<Snapshot> snapshot = reader->TakeSnapshot();
  bool merged = false;
  files_.After([&](const Call& call) -> Status {
    if (merged || !Is(call, Op::kRead, "/db")) return {};
    merged = true;  // after the reading, before the look that is to believe it
    Commit(*writer, 5, {1, 4}, 9);
    Commit(*writer, 6, {1}, 9);
    EXPECT_TRUE(MergeAll(writer).ok());
    EXPECT_TRUE(reader->TakeSnapshot().ok());  // by another thread of the reader's process
    return {};
  });
  std::string page(kPageSize, '\0');
  const Status read = snapshot->ReadPage({4}, 0, std::as_writable_bytes(std::span(page)));
  ASSERT_TRUE(merged);
  EXPECT_TRUE(read.Is(StatusCode::kConflict)) << read.message();
  ExpectWhole(*reader, "afterwards");
}

// --- writers that come late

// A writer is stopped in its commit, others end its segment, and merge it, and remove it. The writer is told the truth.
class MergerAndLateWriter : public MergerTest, public ::testing::WithParamInterface<bool> {};

TEST_P(MergerAndLateWriter, Is_told_whether_its_commit_counts) {
  const bool has_written = GetParam();
  MakeLive();
  const std::shared_ptr<Database> late = OpenScripted();
  const std::shared_ptr<Database> other = OpenPlain();
  const Pages before = expected_;
  bool stopped = false;
  files_.Before([&](const Call& call) -> Status {
    const bool at = call.op == (has_written ? Op::kTouch : Op::kWrite) && ParseSegmentName(FileNameOf(call.path));
    if (stopped || !at) return {};
    stopped = true;
    for (int i = 0; i < 2; i++) {
      EXPECT_TRUE(other->TakeSnapshot().ok());
      const std::shared_ptr<Segment> live = other->live()->log().live();
      EXPECT_TRUE(*Seal(PosixFileSystem(), layout_, *live, other->live()->log().EndOf(*live), Successor::kHelpers));
    }
    EXPECT_TRUE(other->TakeSnapshot().ok());
    EXPECT_TRUE(MergeAll(other).ok());
    EXPECT_EQ(Segments().size(), 1U);
    return {};
  });
  Result<Snapshot> snapshot = late->TakeSnapshot();
  Result<std::unique_ptr<Writer>> writer = late->BeginWrite(*snapshot, Database::NewOwner(), kTimeout);
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  for (const uint32_t page : {1, 6}) {
    const std::string content = PageContent(page, 5, 9);
    ASSERT_TRUE((*writer)->WritePage({page}, std::as_bytes(std::span(content))).ok());
    if (has_written) expected_[page] = content;
  }
  const Status committed = (*writer)->Commit(9, &*snapshot);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(committed.ok(), has_written) << committed.message();
  EXPECT_FALSE(committed.Is(StatusCode::kUnknownOutcome));
  writer->reset();
  ExpectWhole(*other, "who merged");
  ExpectWhole(*late, "who came late");
  ExpectWholeAt(path_, "fresh process");
  Commit(*late, 6, {1, 2}, 9);
  ExpectWhole(*other, "afterwards");
}

// A writer has listed the log, and what it is about to open is merged and removed.
TEST_F(MergerTest, A_writer_that_is_overtaken_while_it_follows_the_log_is_told_to_begin_anew) {
  MakeLive();
  const std::shared_ptr<Database> writer = OpenScripted();
  const std::shared_ptr<Database> other = OpenPlain();
  const Result<Snapshot> old = writer->TakeSnapshot();
  Commit(*other, 5, {1, 3}, 9);
  Commit(*other, 6, {1, 4}, 9);
  bool merged = false;
  files_.Before([&](const Call& call) -> Status {
    if (merged || call.op != Op::kOpen || call.path != layout_.segment({5})) return {};
    merged = true;
    return MergeAll(other);
  });
  const Status begun = writer->BeginWrite(*old, Database::NewOwner(), kTimeout).status();
  ASSERT_TRUE(merged);
  EXPECT_TRUE(begun.Is(StatusCode::kConflict)) << begun.message();
  Commit(*writer, 7, {1, 5}, 9);
  ExpectWhole(*other, "afterwards");
}

INSTANTIATE_TEST_SUITE_P(HasWritten, MergerAndLateWriter, ::testing::Bool());

}  // namespace
}  // namespace sqlite_efs
