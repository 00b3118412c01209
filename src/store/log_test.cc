#include "store/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "store/generations.h"
#include "testing/store_test.h"

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;
using testing::Call;
using testing::Is;
using testing::Op;
using testing::ScriptedFileSystem;
using testing::SegmentWriter;
using testing::StoreTest;

// All that a test does takes no time by this clock, however slow the machine is.
class StandingClock final : public Clock {
 public:
  Instant Now() override { return {}; }
  int64_t WallTime_ms() override { return 0; }
  void Sleep(Duration) override {}
  bool Wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Duration timeout,
            const std::function<bool()>& ready) override {
    return SystemClock().Wait(changed, lock, timeout, ready);
  }
};

class LogTest : public StoreTest {
 protected:
  Result<std::unique_ptr<Log>> TryOpenLog(Clock& clock = SystemClock()) {
    EFS_ASSIGN_OR_RETURN(const LogListing listing, ListLog(files_, layout_));
    return Log::Open(
        files_, clock, layout_, kPageSize, listing.segments, cache_,
        [this](const auto& segments) {
          for (const auto& segment : segments) dropped_.push_back(segment->number().value);
        },
        watch_);
  }
  std::unique_ptr<Log> OpenLog() {
    Result<std::unique_ptr<Log>> log = TryOpenLog();
    EXPECT_TRUE(log.ok()) << log.status().message();
    return log.ok() ? std::move(*log) : nullptr;
  }
  void SealLast() {
    const Result<LogListing> listing = ListLog(PosixFileSystem(), layout_);
    ASSERT_TRUE(listing.ok());
    const auto segment = Open(listing->segments.back().value);
    const Result<bool> sealed = Seal(PosixFileSystem(), layout_, *segment, segment->end, Successor::kHelpers);
    ASSERT_TRUE(sealed.ok()) << sealed.status().message();
  }
  static void ExpectPosition(const Result<LogPosition>& position, uint64_t segment, uint32_t frames,
                             uint32_t page_count) {
    ASSERT_TRUE(position.ok()) << position.status().message();
    EXPECT_EQ(position->segment.value, segment);
    EXPECT_EQ(position->frames.value, frames);
    EXPECT_EQ(position->page_count, page_count);
  }
  // `log` reads the first segment just after it was sealed and then written to, too late: what the seal has not counted
  // is not believed.
  void ExpectSealBeforeReadingIsSeen(Log& log, SegmentWriter& writer, uint32_t page_count) {
    bool done = false;
    files_.Before([&](const Call& call) -> Status {
      if (!Is(call, Op::kRead, "0000000001") || std::exchange(done, true)) return {};
      SealLast();
      writer.Commit(4, 'c', 40);
      return {};
    });
    ExpectPosition(log.Refresh(), 2, 0, page_count);
    EXPECT_TRUE(done);
    EXPECT_FALSE(log.Find({4}, log.newest()).has_value());
    files_.Clear();
  }
  std::vector<uint64_t> dropped_;  // segments that left the index
  static Instant Soon() { return SystemClock().Now() + std::chrono::seconds(10); }
  void Rest() { SystemClock().Sleep(milliseconds(150)); }

  ScriptedFileSystem files_{PosixFileSystem()};
  Watch watch_{"/db"};
  PageCache cache_{size_t{1} << 20, kPageSize, watch_.metrics};
};

TEST_F(LogTest, Opens_at_the_newest_state_of_many_segments) {
  SegmentWriter first = Write(1);
  first.Commit(3, 'a', 30);
  SealLast();
  SealLast();
  Write(3).Commit(2, 'b', 20);
  const auto log = OpenLog();
  ExpectPosition(log->newest(), 3, 2, 20);
  ExpectPosition(log->Refresh(), 3, 2, 20);
  EXPECT_EQ(log->first_segment().value, 1U);
  EXPECT_EQ(log->live()->number().value, 3U);
}

TEST_F(LogTest, A_refresh_picks_up_what_was_added) {
  const auto log = OpenLog();
  ExpectPosition(log->newest(), 1, 0, 0);
  SegmentWriter writer = Write(1);
  for (uint32_t i = 1; i <= 20; i++) {
    writer.Commit(2, 'a', i);
    ExpectPosition(log->Refresh(), 1, 2 * i, i);
    if (i % 7 == 0) Rest();
  }
}

TEST_F(LogTest, At_rest_a_refresh_is_one_look) {
  Write(1).Commit(2, 'a', 9);
  const auto log = OpenLog();
  Rest();
  ASSERT_TRUE(log->Refresh().ok());
  const MetricValues before = watch_.metrics.values();
  std::atomic<int> calls = 0;
  files_.Before([&](const Call&) -> Status {
    calls++;
    return {};
  });
  ExpectPosition(log->Refresh(), 1, 2, 9);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(watch_.metrics.Of(Count::kLooks), before.Of(Count::kLooks) + 1);
  EXPECT_EQ(watch_.metrics.Of(Count::kScans), before.Of(Count::kScans));
}

TEST_F(LogTest, Equal_attributes_prove_nothing_within_a_tick) {
  // The file server's clock stands still, as it does within a tick: size and times stay while commits are added.
  StandingClock clock;
  Result<std::unique_ptr<Log>> opened = TryOpenLog(clock);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  Log* const log = opened->get();
  const FileAttributes frozen = *log->live()->Look();
  SegmentWriter writer = Write(1);
  for (uint32_t i = 1; i <= 5; i++) {
    writer.Commit(1, 'a', i);
    const timespec times[2] = {{frozen.mtime_ns / 1'000'000'000, frozen.mtime_ns % 1'000'000'000},
                               {frozen.mtime_ns / 1'000'000'000, frozen.mtime_ns % 1'000'000'000}};
    ASSERT_EQ(::utimensat(AT_FDCWD, layout_.segment({1}).c_str(), times, 0), 0);
    ExpectPosition(log->Refresh(), 1, i, i);
  }
}

TEST_F(LogTest, Finds_the_frame_of_a_page_as_of_any_state) {
  SegmentWriter first = Write(1);
  first.Add(5, 'a', 9);
  first.Add(6, 'b', 9);
  first.Add(5, 'c', 9);
  SealLast();
  Write(2).Add(6, 'd', 9);
  const auto log = OpenLog();
  struct Case {
    uint64_t segment;
    uint32_t frames, page, in_segment, frame;
  };
  for (const Case& c :
       {Case{1, 0, 5, 0, 0}, Case{1, 1, 5, 1, 1}, Case{1, 2, 5, 1, 1}, Case{1, 3, 5, 1, 3}, Case{1, 1, 6, 0, 0},
        Case{1, 3, 6, 1, 2}, Case{2, 0, 5, 1, 3}, Case{2, 0, 6, 1, 2}, Case{2, 1, 6, 0, 0}, Case{2, 1, 7, 0, 0}}) {
    const auto found = log->Find({c.page}, {{c.segment}, {c.frames}, 9});
    if (c.segment == 2 && c.frames == 1) continue;  // not committed: there is no such state
    ASSERT_EQ(found.has_value(), c.frame != 0) << c.segment << " " << c.frames << " " << c.page;
    if (!found) continue;
    EXPECT_EQ(found->segment->number().value, c.in_segment);
    EXPECT_EQ(found->frame.value, c.frame);
  }
}

TEST_F(LogTest, Follows_a_seal_and_believes_its_count) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a', 30);
  const auto log = OpenLog();
  writer.Commit(2, 'b', 20);
  SealLast();
  writer.Commit(4, 'c', 40);  // late, by a writer that does not know
  ExpectPosition(log->Refresh(), 2, 0, 20);
  EXPECT_FALSE(log->Find({4}, log->newest()).has_value());
  ExpectPosition(OpenLog()->newest(), 2, 0, 20);
}

TEST_F(LogTest, Looks_after_the_reading_before_it_believes) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a', 30);
  const auto log = OpenLog();
  ExpectSealBeforeReadingIsSeen(*log, writer, 30);
}

TEST_F(LogTest, Looks_once_more_where_a_look_came_first) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a', 30);
  const auto log = OpenLog();
  Rest();
  ASSERT_TRUE(log->Refresh().ok());
  writer.Commit(2, 'b', 31);
  ExpectSealBeforeReadingIsSeen(*log, writer, 31);
}

// The file has grown beyond what was to be read.
TEST_F(LogTest, What_is_read_before_a_look_that_shows_a_longer_file_is_not_all) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a', 30);
  const auto log = OpenLog();
  const uint32_t room = static_cast<uint32_t>(log->live()->Look()->size / log->live()->frame_size());
  writer.Commit(room, 'b', 31);
  writer.Commit(2, 'c', 32);
  ExpectPosition(log->Refresh(), 1, 3 + room + 2, 32);
}

TEST_F(LogTest, A_segment_that_has_just_got_its_name_is_not_sealed) {
  Write(1).Commit(3, 'a', 30);
  const auto log = OpenLog();
  const std::string temporary = layout_.temporary();
  ASSERT_TRUE(PosixFileSystem().Link(layout_.segment({1}), temporary).ok());
  int looks = 0;
  files_.Before([&](const Call& call) -> Status {
    if (Is(call, Op::kLook, "0000000001") && ++looks == 3) (void)PosixFileSystem().Remove(temporary);
    return {};
  });
  ExpectPosition(log->Refresh(), 1, 3, 30);
  EXPECT_EQ(watch_.metrics.Of(Count::kSeals), 0U);
}

TEST_F(LogTest, Finishes_the_seal_of_one_who_died) {
  Write(1).Commit(3, 'a', 30);
  const auto log = OpenLog();
  MarkSealed(1);
  ExpectPosition(log->Refresh(), 2, 0, 30);
  EXPECT_FALSE(HasOwner(log->live()->header()));
  EXPECT_EQ(watch_.metrics.Of(Count::kSeals), 1U);
}

TEST_F(LogTest, Who_may_not_write_waits_for_another_to_finish_a_seal) {
  Write(1).Commit(3, 'a', 30);
  const auto log = OpenLog();
  MarkSealed(1);
  files_.Before([&](const Call& call) -> Status {
    if (call.op != Op::kOpen || call.path.find("/tmp.") == std::string::npos) return {};
    return Status::FromErrno(EACCES, "open", call.path);
  });
  std::thread other([&] {
    SystemClock().Sleep(milliseconds(100));
    SealLast();
  });
  ExpectPosition(log->Refresh(), 2, 0, 30);
  other.join();
}

TEST_F(LogTest, Who_may_not_write_waits_no_longer_than_a_bound) {
  const auto log = OpenLog();
  MarkSealed(1);
  files_.Before([&](const Call& call) -> Status {
    if (call.op != Op::kOpen || call.path.find("/tmp.") == std::string::npos) return {};
    return Status::FromErrno(EACCES, "open", call.path);
  });
  const Instant begun = SystemClock().Now();
  EXPECT_FALSE(log->Refresh().ok());
  EXPECT_LT(SystemClock().Now() - begun, std::chrono::seconds(30));
}

TEST_F(LogTest, A_successor_that_counts_more_than_is_there_tells_of_damage) {
  SegmentWriter writer = Write(1);
  for (int i = 0; i < 3; i++) writer.Commit(2, 'a', 20);
  SealLast();
  writer.Damage(6, 100);  // the last frame: no commit in this segment follows it
  const auto log = TryOpenLog();
  ASSERT_TRUE(log.status().Is(StatusCode::kCorrupt)) << log.status().message();
  EXPECT_NE(log.status().message().find(layout_.segment({1})), std::string::npos);
}

TEST_F(LogTest, A_removed_live_segment_is_stale) {
  const auto log = OpenLog();
  ASSERT_EQ(::unlink(layout_.segment({1}).c_str()), 0);
  EXPECT_TRUE(log->Refresh().status().Is(StatusCode::kStale));
}

TEST_F(LogTest, Merged_segments_leave_the_index_when_the_log_is_followed) {
  Write(1).Commit(3, 'a', 30);
  SealLast();
  Write(2).Commit(2, 'b', 31);
  const auto log = OpenLog();
  SealLast();
  testing::WriteWholeFile(layout_.merged({1}), "");
  ASSERT_EQ(::unlink(layout_.segment({1}).c_str()), 0);
  ExpectPosition(log->Refresh(), 3, 0, 31);
  EXPECT_EQ(dropped_, (std::vector<uint64_t>{1}));
  EXPECT_EQ(log->first_segment().value, 2U);
  EXPECT_FALSE(log->Find({3}, log->newest()).has_value()) << "the base has it";
  EXPECT_TRUE(log->Find({2}, log->newest()).has_value());
  EXPECT_TRUE(log->CheckBase({{1}, {3}, 30}).Is(StatusCode::kConflict));
}

TEST_F(LogTest, A_log_that_went_on_past_what_is_known_is_stale) {
  Write(1).Commit(3, 'a', 30);
  const auto log = OpenLog();
  SealLast();
  SealLast();
  testing::WriteWholeFile(layout_.merged({2}), "");
  EXPECT_TRUE(log->Refresh().status().Is(StatusCode::kStale));
}

TEST_F(LogTest, Decides_by_a_record_when_the_segment_was_merged_and_removed) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a', 30);
  const auto log = OpenLog();
  const auto segment = log->live();
  SealLast();
  SealLast();
  ASSERT_TRUE(WriteCounted(files_, layout_, *segment, {3}).ok());
  testing::WriteWholeFile(layout_.merged({2}), "");
  for (const uint64_t number : {1, 2}) {
    ASSERT_EQ(::unlink(layout_.segment({number}).c_str()), 0);
    ASSERT_EQ(::unlink(layout_.sealed({number}).c_str()), 0);
  }
  EXPECT_TRUE(*log->Decide(*segment, {3}));
  EXPECT_FALSE(*log->Decide(*segment, {4}));
}

TEST_F(LogTest, The_end_of_a_segment_and_the_beginning_of_the_next_are_one_state) {
  SegmentWriter first = Write(1);
  first.Commit(2, 'a');
  first.Commit(2, 'b');
  SealLast();
  SealLast();
  Write(3).Commit(1, 'c');
  const auto log = OpenLog();
  struct Case {
    uint64_t a;
    uint32_t a_frames;
    uint64_t b;
    uint32_t b_frames;
    bool same;
  };
  for (const Case& c : {Case{1, 4, 2, 0, true}, Case{1, 4, 3, 0, true}, Case{2, 0, 3, 0, true}, Case{1, 2, 2, 0, false},
                        Case{1, 2, 1, 2, true}, Case{1, 2, 1, 4, false}, Case{1, 4, 3, 1, false},
                        Case{3, 0, 3, 1, false}, Case{1, 4, 4, 0, false}, Case{1, 0, 3, 0, false}}) {
    const LogPosition a = {{c.a}, {c.a_frames}, 1};
    const LogPosition b = {{c.b}, {c.b_frames}, 1};
    EXPECT_EQ(log->SameState(a, b), c.same) << c.a << "/" << c.a_frames << " " << c.b << "/" << c.b_frames;
    EXPECT_EQ(log->SameState(b, a), c.same) << c.b << "/" << c.b_frames << " " << c.a << "/" << c.a_frames;
  }
}

TEST_F(LogTest, A_segment_of_ones_own_seals_whatever_is_live) {
  Write(1).Commit(2, 'a', 9);
  const auto log = OpenLog();
  const auto own = log->OwnNewSegment(Soon());
  ASSERT_TRUE(own.ok()) << own.status().message();
  EXPECT_EQ((*own)->number().value, 2U);
  EXPECT_TRUE(HasOwner((*own)->header()));
  EXPECT_EQ(StateOf(*Open(1)->Look()), SegmentState::kSealed);
  // Another writer seals that one again: it cannot know whether its owner lives.
  const auto other = OpenLog();
  const auto others = other->OwnNewSegment(Soon());
  ASSERT_TRUE(others.ok());
  EXPECT_EQ((*others)->number().value, 3U);
  ExpectPosition(log->Refresh(), 3, 0, 9);
}

TEST_F(LogTest, Whoever_loses_the_race_for_a_successor_seals_that_one_too) {
  const auto log = OpenLog();
  bool raced = false;
  files_.Before([&](const Call& call) -> Status {
    if (!Is(call, Op::kLink, "0000000002") || std::exchange(raced, true)) return {};
    const auto segment = Open(1);
    EXPECT_TRUE(*Seal(PosixFileSystem(), layout_, *segment, segment->end, Successor::kWriters));
    return {};
  });
  const auto own = log->OwnNewSegment(Soon());
  ASSERT_TRUE(own.ok()) << own.status().message();
  EXPECT_TRUE(raced);
  EXPECT_EQ((*own)->number().value, 3U);
}

TEST_F(LogTest, A_helpers_segment_is_claimed_by_one_of_two) {
  const auto log = OpenLog();
  bool raced = false;
  files_.Before([&](const Call& call) -> Status {
    if (!Is(call, Op::kLink, "0000000002") || std::exchange(raced, true)) return {};
    SealLast();  // by a helper
    return {};
  });
  const auto own = log->OwnNewSegment(Soon());
  ASSERT_TRUE(own.ok()) << own.status().message();
  EXPECT_EQ((*own)->number().value, 2U);
  EXPECT_FALSE(*Claim(PosixFileSystem(), layout_, {2}));
}

TEST_F(LogTest, Decides_by_the_files_whether_a_commit_counts) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a', 30);
  const auto log = OpenLog();
  const auto segment = log->live();
  writer.Commit(2, 'b', 20);
  const Result<bool> counts = log->Decide(*segment, {5});
  ASSERT_TRUE(counts.ok()) << counts.status().message();
  EXPECT_TRUE(*counts);
  EXPECT_EQ(log->live()->number().value, 2U) << "the segment is ended";
  EXPECT_TRUE(*log->Decide(*segment, {5})) << "asked again";
  writer.Commit(2, 'c', 20);
  EXPECT_FALSE(*log->Decide(*segment, {7})) << "too late";
  ExpectPosition(log->newest(), 2, 0, 20);
}

TEST_F(LogTest, A_commit_told_by_its_writer_and_found_in_the_file_is_one) {
  SegmentWriter writer = Write(1);
  const auto log = OpenLog();
  const auto segment = log->live();
  writer.Commit(2, 'a', 7);
  const Result<NewFrames> found = segment->Scan(log->EndOf(*segment), segment->Look()->size);
  ASSERT_TRUE(found.ok());
  ExpectPosition(log->Refresh(), 1, 2, 7);  // another thread was faster
  log->Committed(*segment, *found, *segment->Look());
  ExpectPosition(log->newest(), 1, 2, 7);
  log->Committed(*segment, *found, *segment->Look());
  ExpectPosition(log->Refresh(), 1, 2, 7);
  EXPECT_EQ(segment->index.size().value, 2U);
}

TEST_F(LogTest, Threads_agree_while_one_writes) {
  const auto log = OpenLog();
  const auto segment = log->live();
  constexpr uint32_t kCommits = 150;
  std::atomic<uint32_t> acknowledged = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; i++) {
    readers.emplace_back([&] {
      LogPosition last;
      while (last.frames.value < 2 * kCommits) {
        const uint32_t before = acknowledged;
        const Result<LogPosition> now = log->Refresh();
        ASSERT_TRUE(now.ok()) << now.status().message();
        ASSERT_GE(now->frames, last.frames) << "went back";
        ASSERT_EQ(now->frames.value % 2, 0U) << "half a commit";
        ASSERT_GE(now->frames.value, 2 * before) << "missed an acknowledged commit";
        ASSERT_EQ(now->page_count, now->frames.value / 2);
        last = *now;
      }
    });
  }
  SegmentWriter writer = Write(1);
  for (uint32_t i = 1; i <= kCommits; i++) {
    const SegmentEnd end = log->EndOf(*segment);
    writer.Commit(2, 'a', i);
    const Result<NewFrames> frames = segment->Scan(end, segment->Look()->size);
    ASSERT_TRUE(frames.ok()) << frames.status().message();
    log->Committed(*segment, *frames, *segment->Look());
    acknowledged = i;
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace sqlite_efs
