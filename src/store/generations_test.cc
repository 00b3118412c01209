#include "store/generations.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "store/verify.h"
#include "testing/store_test.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::Fail;
using testing::Is;
using testing::Op;
using testing::ScriptedFileSystem;
using testing::SegmentWriter;
using testing::StoreTest;

class GenerationsTest : public StoreTest {
 protected:
  Result<bool> SealFirst(Successor successor = Successor::kWriters, FileSystem& files = PosixFileSystem()) {
    const std::shared_ptr<Segment> segment = Open(1, files);
    return Seal(files, layout_, *segment, segment->end, successor);
  }
  SegmentState StateOfFirst() { return StateOf(*Open(1)->Look()); }
  std::vector<std::string> LogNames() { return testing::TempDirectory::Names(layout_.directory()); }
};

TEST_F(GenerationsTest, A_seal_counts_the_whole_commits_and_makes_a_live_successor) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  writer.Add(1, 'b');
  const Result<bool> mine = SealFirst();
  ASSERT_TRUE(mine.ok()) << mine.status().message();
  EXPECT_TRUE(*mine);
  EXPECT_EQ(StateOfFirst(), SegmentState::kSealed);
  const auto next = Open(2);
  EXPECT_EQ(next->header().counted_of_previous.value, 3U);
  EXPECT_NE(next->header().salts(), Open(1)->header().salts());
  EXPECT_EQ(StateOf(*next->Look()), SegmentState::kLive);
  EXPECT_TRUE(HasOwner(next->header()));
  EXPECT_EQ(LogNames(), (std::vector<std::string>{"0000000001", "0000000001.sealed", "0000000002", "id", "lease"}));
}

TEST_F(GenerationsTest, The_first_seal_wins_and_what_comes_late_does_not_count) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  ASSERT_TRUE(*SealFirst());
  const uint64_t salts = Open(2)->header().salts();
  writer.Commit(2, 'b');  // a writer that slept
  const Result<bool> again = SealFirst();
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_FALSE(*again);
  EXPECT_EQ(Open(2)->header().salts(), salts);
  EXPECT_EQ(Open(2)->header().counted_of_previous.value, 3U);
  EXPECT_EQ(LogNames().size(), 5U) << "no temporary file stays";
}

TEST_F(GenerationsTest, A_seal_that_comes_much_later_changes_nothing) {
  ASSERT_TRUE(*SealFirst());
  const auto second = Open(2);
  ASSERT_TRUE(*Seal(PosixFileSystem(), layout_, *second, second->end, Successor::kWriters));
  Write(3).Commit(1, 'c');
  EXPECT_FALSE(*SealFirst());
  EXPECT_EQ(StateOf(*Open(3)->Look()), SegmentState::kLive);
  EXPECT_EQ(LogNames().size(), 7U);
}

TEST_F(GenerationsTest, What_is_added_between_mark_and_count_counts) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  ScriptedFileSystem files(PosixFileSystem());
  files.After([&](const Call& call) -> Status {
    if (Is(call, Op::kLink, "0000000001.sealed")) writer.Commit(2, 'b');
    return {};
  });
  ASSERT_TRUE(*SealFirst(Successor::kWriters, files));
  EXPECT_EQ(Open(2)->header().counted_of_previous.value, 5U);
}

TEST_F(GenerationsTest, Frames_are_counted_only_after_the_mark_and_durable_before_they_are_recorded) {
  Write(1).Commit(3, 'a');
  ScriptedFileSystem files(PosixFileSystem());
  std::vector<std::string> order;
  files.Before([&](const Call& call) -> Status {
    if (Is(call, Op::kLink, "0000000001.sealed")) order.emplace_back("mark");
    if (Is(call, Op::kRead, "0000000001")) order.emplace_back("read");
    if (Is(call, Op::kSync, "0000000001")) order.emplace_back("sync");
    if (Is(call, Op::kLink, "0000000002")) order.emplace_back("link");
    return {};
  });
  const std::shared_ptr<Segment> segment = Open(1, files);
  order.clear();
  ASSERT_TRUE(*Seal(files, layout_, *segment, segment->end, Successor::kWriters));
  ASSERT_GE(order.size(), 4U);
  EXPECT_EQ(order.front(), "mark");
  EXPECT_EQ(order[1], "read");
  EXPECT_EQ(order[order.size() - 2], "sync");
  EXPECT_EQ(order.back(), "link");
}

TEST_F(GenerationsTest, A_seal_that_breaks_off_anywhere_is_finished_by_the_next) {
  struct Step {
    Op op;
    const char* file;
  };
  for (const Step& step :
       {Step{Op::kOpen, ""}, Step{Op::kTruncate, ""}, Step{Op::kWrite, ""}, Step{Op::kSync, ""},
        Step{Op::kLink, "0000000001.sealed"}, Step{Op::kLook, "0000000001"}, Step{Op::kRead, "0000000001"},
        Step{Op::kSync, "0000000001"}, Step{Op::kLink, "0000000002"}, Step{Op::kList, ""}}) {
    for (const bool done : {false, true}) {
      SCOPED_TRACE(::testing::Message() << "operation " << static_cast<int>(step.op) << (done ? " after" : " before"));
      testing::TempDirectory directory;
      const Layout layout(directory / "db");
      testing::WriteWholeFile(layout.base(), testing::ReadWholeFile(layout_.base()));
      ASSERT_TRUE(CreateLogDirectory(PosixFileSystem(), layout, kPageSize, nullptr).ok());
      SegmentWriter(layout.segment({1}), kPageSize).Commit(3, 'a');
      ScriptedFileSystem files(PosixFileSystem());
      const Result<std::shared_ptr<Segment>> segment = Segment::Open(files, layout, {1}, kPageSize);
      ASSERT_TRUE(segment.ok());
      // All that follows fails too: the process is gone.
      const auto hook = [&, failing = std::make_shared<bool>(false)](const Call& call) -> Status {
        *failing = *failing || Is(call, step.op, step.file);
        return *failing ? Status::FromErrno(EIO, "(scripted)", call.path) : Status();
      };
      done ? files.After(hook) : files.Before(hook);
      EXPECT_FALSE(Seal(files, layout, **segment, (*segment)->end, Successor::kHelpers).ok());
      files.Clear();
      const Result<bool> again = Seal(files, layout, **segment, (*segment)->end, Successor::kHelpers);
      ASSERT_TRUE(again.ok()) << again.status().message();
      const Result<LogListing> listing = ListLog(files, layout);
      ASSERT_TRUE(listing.ok());
      EXPECT_EQ(listing->segments.size(), 2U);
      const Result<std::shared_ptr<Segment>> next = Segment::Open(files, layout, {2}, kPageSize);
      ASSERT_TRUE(next.ok());
      EXPECT_EQ((*next)->header().counted_of_previous.value, 3U);
      EXPECT_EQ(StateOf(*(*segment)->Look()), SegmentState::kSealed);
    }
  }
}

TEST_F(GenerationsTest, A_full_disk_leaves_the_segment_live) {
  for (const Op op : {Op::kOpen, Op::kTruncate, Op::kWrite, Op::kSync}) {
    ScriptedFileSystem files(PosixFileSystem());
    const std::shared_ptr<Segment> segment = Open(1, files);
    files.Before(Fail(op, "", ENOSPC));
    EXPECT_TRUE(Seal(files, layout_, *segment, segment->end, Successor::kWriters).status().Is(StatusCode::kFull));
    EXPECT_EQ(StateOfFirst(), SegmentState::kLive);
  }
}

TEST_F(GenerationsTest, Of_many_seals_at_once_one_wins) {
  Write(1).Commit(3, 'a');
  std::atomic<int> won = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++) {
    threads.emplace_back([&] {
      const Result<bool> mine = SealFirst();
      EXPECT_TRUE(mine.ok()) << mine.status().message();
      won += mine.ok() && *mine ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(LogNames().size(), 5U);
}

TEST_F(GenerationsTest, A_helpers_segment_is_claimed_once) {
  ASSERT_TRUE(*SealFirst(Successor::kHelpers));
  EXPECT_FALSE(HasOwner(Open(2)->header()));
  std::atomic<int> won = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++) {
    threads.emplace_back([&] {
      const Result<bool> mine = Claim(PosixFileSystem(), layout_, {2});
      EXPECT_TRUE(mine.ok()) << mine.status().message();
      won += mine.ok() && *mine ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_FALSE(*Claim(PosixFileSystem(), layout_, {2}));
  EXPECT_TRUE(*Claim(PosixFileSystem(), layout_, {3}));
  EXPECT_EQ(ListLog(PosixFileSystem(), layout_)->segments.size(), 2U) << "a claim is no segment";
}

TEST_F(GenerationsTest, A_link_that_comes_after_the_successor_was_merged_and_removed_makes_nothing) {
  Write(1).Commit(3, 'a');
  ScriptedFileSystem files(PosixFileSystem());
  bool overtaken = false;
  files.Before([&](const Call& call) -> Status {
    if (!Is(call, Op::kLink, "/0000000002") || std::exchange(overtaken, true)) return {};
    // Others finish the seal, go on, merge both segments and remove them, so that the successor's name is free again.
    EXPECT_TRUE(*SealFirst());
    const auto second = Open(2);
    EXPECT_TRUE(*Seal(PosixFileSystem(), layout_, *second, second->end, Successor::kWriters));
    testing::WriteWholeFile(layout_.merged({2}), "");
    EXPECT_TRUE(PosixFileSystem().Remove(layout_.segment({1})).ok());
    EXPECT_TRUE(PosixFileSystem().Remove(layout_.segment({2})).ok());
    return {};
  });
  EXPECT_TRUE(SealFirst(Successor::kWriters, files).status().Is(StatusCode::kStale));
  EXPECT_TRUE(overtaken);
  EXPECT_FALSE(PosixFileSystem().Stat(layout_.segment({2})).ok());
  EXPECT_EQ(ListLog(PosixFileSystem(), layout_)->segments, (std::vector<SegmentNumber>{{3}}));
}

TEST_F(GenerationsTest, What_a_seal_counts_outlasts_the_machine_though_its_writer_had_not_made_it_durable) {
  Write(1).Commit(3, 'a');
  ScriptedFileSystem files(PosixFileSystem());
  bool durable = false;
  files.After([&](const Call& call) -> Status {
    durable = durable || Is(call, Op::kSync, "/0000000001");
    return {};
  });
  ASSERT_TRUE(*SealFirst(Successor::kWriters, files));
  // The machine dies, and what nobody has made durable with it.
  if (!durable) {
    ASSERT_EQ(::truncate(layout_.segment({1}).c_str(), kWalHeaderSize), 0);
  }
  const Result<LogCheck> check = CheckLog(PosixFileSystem(), layout_, {});
  ASSERT_TRUE(check.ok()) << check.status().message();
  EXPECT_EQ(check->damages, std::vector<std::string>());
  EXPECT_EQ(check->frames, 3U);
}

TEST_F(GenerationsTest, A_seal_of_a_segment_that_others_have_merged_and_removed_is_stale) {
  for (const Op op : {Op::kLink, Op::kStat}) {
    SCOPED_TRACE(op == Op::kLink ? "before its mark" : "before it looks whose mark there is");
    const uint64_t number = op == Op::kLink ? 1 : 2;
    const std::string sealed = layout_.sealed({number});
    const auto segment = Open(number);
    EXPECT_TRUE(*Seal(PosixFileSystem(), layout_, *segment, segment->end, Successor::kWriters));
    if (op == Op::kLink) {
      ASSERT_TRUE(PosixFileSystem().Remove(sealed).ok());
    }
    ScriptedFileSystem files(PosixFileSystem());
    bool overtaken = false;
    files.Before([&](const Call& call) -> Status {
      if (!Is(call, op, sealed.substr(sealed.rfind('/'))) || std::exchange(overtaken, true)) return {};
      testing::WriteWholeFile(layout_.merged({number}), "");
      if (op == Op::kStat) {
        EXPECT_TRUE(PosixFileSystem().Remove(sealed).ok());
      }
      return PosixFileSystem().Remove(layout_.segment({number}));
    });
    const Status status = Seal(files, layout_, *segment, segment->end, Successor::kWriters).status();
    EXPECT_TRUE(status.Is(StatusCode::kStale)) << status.message();
    EXPECT_TRUE(overtaken);
  }
}

TEST_F(GenerationsTest, A_temporary_second_name_is_no_seal) {
  Write(1).Commit(3, 'a');
  const std::string temporary = layout_.temporary();
  ASSERT_TRUE(PosixFileSystem().Link(layout_.segment({1}), temporary).ok());
  EXPECT_TRUE(*SealFirst());
  ASSERT_TRUE(PosixFileSystem().Remove(temporary).ok());
  EXPECT_EQ(StateOfFirst(), SegmentState::kSealed) << "its creator, who removes the name, must not take it for live";
}

TEST_F(GenerationsTest, A_tree_that_was_copied_without_its_links_can_be_sealed) {
  testing::WriteWholeFile(layout_.sealed({1}), "the copy of a second name");
  Write(1).Commit(3, 'a');
  EXPECT_TRUE(*SealFirst());
  EXPECT_EQ(StateOfFirst(), SegmentState::kSealed);
}

TEST_F(GenerationsTest, Modes_that_were_changed_by_hand_do_not_end_the_log) {
  Write(1).Commit(3, 'a');
  ASSERT_EQ(::chmod(layout_.segment({1}).c_str(), 0777), 0);
  EXPECT_TRUE(*SealFirst());
  ASSERT_EQ(::chmod(layout_.segment({1}).c_str(), 0644), 0);
  EXPECT_EQ(StateOfFirst(), SegmentState::kSealed);
  EXPECT_EQ(Open(2)->header().counted_of_previous.value, 3U);
}

TEST_F(GenerationsTest, The_end_of_the_log_takes_the_successors_place_once) {
  EXPECT_TRUE(*SealFirst(Successor::kEndOfLog));
  EXPECT_FALSE(*SealFirst(Successor::kWriters));
  EXPECT_TRUE(Segment::Open(PosixFileSystem(), layout_, {2}, kPageSize).status().Is(StatusCode::kStale));
  EXPECT_TRUE(*HasEnded(PosixFileSystem(), layout_, LogNames()));
}

TEST_F(GenerationsTest, A_log_with_frames_in_its_last_segment_does_not_end) {
  Write(1).Commit(3, 'a');
  EXPECT_TRUE(SealFirst(Successor::kEndOfLog).status().Is(StatusCode::kBusy));
  EXPECT_TRUE(*SealFirst(Successor::kHelpers)) << "and goes on";
}

TEST_F(GenerationsTest, A_damaged_segment_is_not_sealed_shorter) {
  SegmentWriter writer = Write(1);
  for (int i = 0; i < 4; i++) writer.Commit(2, 'a');
  writer.Damage(3, 100);
  EXPECT_TRUE(SealFirst().status().Is(StatusCode::kCorrupt));
  EXPECT_EQ(ListLog(PosixFileSystem(), layout_)->segments.size(), 1U);
}

}  // namespace
}  // namespace sqlite_efs
