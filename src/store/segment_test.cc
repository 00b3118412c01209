#include "store/segment.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "store/generations.h"
#include "testing/scripted_file_system.h"
#include "testing/store_test.h"

namespace sqlite_efs {
namespace {

using testing::SegmentWriter;
using testing::StoreTest;

class SegmentTest : public StoreTest {
 protected:
  // What the segment's file shows to whoever knows nothing of it.
  Result<NewFrames> Scan(FrameNumber limit = kNoLimit) {
    const std::shared_ptr<Segment> segment = Open(1);
    const Result<FileAttributes> attributes = segment->Look();
    if (!attributes.ok()) return attributes.status();
    return segment->Scan(segment->end, attributes->size, limit);
  }
  void ExpectFrames(uint32_t frames, const std::string& what = "") {
    const Result<NewFrames> found = Scan();
    ASSERT_TRUE(found.ok()) << what << ": " << found.status().message();
    EXPECT_EQ(found->end.frames.value, frames) << what;
    EXPECT_EQ(found->pages.size(), frames) << what;
  }
  void ExpectDamaged(uint32_t frame, const std::string& what) {
    const Result<NewFrames> found = Scan();
    ASSERT_TRUE(found.status().Is(StatusCode::kCorrupt)) << what;
    const std::string& message = found.status().message();
    EXPECT_NE(message.find("frame " + std::to_string(frame) + " "), std::string::npos) << message;
    EXPECT_NE(message.find(layout_.segment({1})), std::string::npos) << message;
  }
};

TEST_F(SegmentTest, A_new_one_is_live_and_empty) {
  ExpectFrames(0);
  EXPECT_EQ(StateOf(*Open(1)->Look()), SegmentState::kLive);
}

TEST_F(SegmentTest, Scan_finds_whole_commits_in_order) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a', 3);
  writer.Add(9, 'b');
  writer.Add(2, 'b', 9);
  const Result<NewFrames> found = Scan();
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->pages, (std::vector<PageNumber>{{1}, {2}, {3}, {9}, {2}}));
  EXPECT_EQ(found->end.frames.value, 5U);
  EXPECT_EQ(found->end.page_count, 9U);
  std::vector<std::byte> page(kPageSize);
  ASSERT_TRUE(Open(1)->ReadPage({4}, page).ok());
  EXPECT_EQ(page[kPageSize - 1], std::byte('b'));
}

TEST_F(SegmentTest, Scan_keeps_the_last_content_of_each_page) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a', 3);
  writer.Add(9, 'b');
  writer.Add(2, 'b', 9);
  writer.Add(1, 'c');  // of a commit that is not whole
  const Result<NewFrames> found = Scan();
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->kept, (std::vector<FrameNumber>{{5}, {3}, {4}}));
  ASSERT_EQ(found->contents.size(), 3 * kPageSize);
  EXPECT_EQ(found->contents[0], std::byte('b'));
  EXPECT_EQ(found->contents[kPageSize], std::byte('a'));
  EXPECT_EQ(found->contents[3 * kPageSize - 1], std::byte('b'));
}

TEST_F(SegmentTest, Scan_goes_on_where_another_ended) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  const Result<NewFrames> first = Scan();
  ASSERT_TRUE(first.ok());
  writer.Commit(2000, 'b', 7);  // more than one read
  const auto segment = Open(1);
  const Result<NewFrames> second = segment->Scan(first->end, segment->Look()->size);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->pages.size(), 2000U);
  EXPECT_EQ(second->end.frames.value, 2003U);
  EXPECT_EQ(second->end.page_count, 7U);
  EXPECT_EQ(second->end.checksum, Scan()->end.checksum);
}

TEST_F(SegmentTest, Scan_stops_at_its_limit) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  writer.Commit(2, 'b');
  EXPECT_EQ(Scan({5})->end.frames.value, 5U);
  EXPECT_EQ(Scan({4})->end.frames.value, 3U);
  EXPECT_EQ(Scan({3})->end.frames.value, 3U);
  EXPECT_EQ(Scan({0})->end.frames.value, 0U);
}

TEST_F(SegmentTest, A_commit_that_is_not_whole_does_not_count) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  writer.Add(1, 'b');
  writer.Add(2, 'b');
  ExpectFrames(3, "spilled");
  writer.Add(3, 'b', 3);
  ExpectFrames(6);
}

TEST_F(SegmentTest, A_torn_last_commit_is_no_damage) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  writer.Commit(4, 'b');
  const std::string whole = testing::ReadWholeFile(layout_.segment({1}));
  for (uint32_t frame = 4; frame <= 7; frame++) {
    for (const uint64_t byte : {uint64_t{0}, uint64_t{9}, uint64_t{20}, uint64_t{24}, uint64_t{500}}) {
      testing::WriteWholeFile(layout_.segment({1}), whole);
      Write(1).Damage(frame, byte);
      ExpectFrames(3, "frame " + std::to_string(frame) + ", byte " + std::to_string(byte));
    }
    testing::WriteWholeFile(layout_.segment({1}), whole);
    Write(1).Zero(frame);
    ExpectFrames(3, "zeros in place of frame " + std::to_string(frame));
  }
}

TEST_F(SegmentTest, A_file_cut_anywhere_in_its_last_commit_is_no_damage) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  writer.Commit(2, 'b');
  const uint64_t begin = FrameOffset({4}, kPageSize);
  const uint64_t end = FrameOffset({6}, kPageSize);
  for (uint64_t size = end - 1; size >= begin; size -= 37) {
    ASSERT_EQ(::truncate(layout_.segment({1}).c_str(), static_cast<off_t>(size)), 0);
    ExpectFrames(3, std::to_string(size) + " bytes");
  }
}

TEST_F(SegmentTest, A_damaged_frame_that_commits_follow_is_told) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  writer.Commit(4, 'b');
  writer.Commit(1, 'c');
  writer.Commit(2, 'd');
  const std::string whole = testing::ReadWholeFile(layout_.segment({1}));
  for (uint32_t frame = 1; frame <= 7; frame++) {
    for (const uint64_t byte : {uint64_t{0}, uint64_t{24}, uint64_t{300}, uint64_t{535}}) {
      testing::WriteWholeFile(layout_.segment({1}), whole);
      Write(1).Damage(frame, byte);
      ExpectDamaged(frame, "frame " + std::to_string(frame) + ", byte " + std::to_string(byte));
    }
    testing::WriteWholeFile(layout_.segment({1}), whole);
    Write(1).Zero(frame);
    ExpectDamaged(frame, "zeros in place of frame " + std::to_string(frame));
  }
}

TEST_F(SegmentTest, Frames_that_are_written_while_it_is_read_are_no_damage) {
  constexpr uint32_t kMoreThanOneRead = 100;
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  const std::string before = testing::ReadWholeFile(layout_.segment({1}));
  writer.Commit(kMoreThanOneRead, 'b');
  writer.Commit(1, 'c');
  const std::string after = testing::ReadWholeFile(layout_.segment({1}));
  const size_t first_missing = FrameOffset({4}, kPageSize);
  std::string without_first = after;
  std::fill_n(without_first.begin() + static_cast<ptrdiff_t>(first_missing), kFrameHeaderSize + kPageSize, '\0');
  without_first.resize(FrameOffset({4 + kMoreThanOneRead}, kPageSize));
  for (const std::string& torn : {before, without_first}) {
    for (int arrives_after = 1; arrives_after <= 2; arrives_after++) {
      testing::WriteWholeFile(layout_.segment({1}), torn);
      ASSERT_EQ(::truncate(layout_.segment({1}).c_str(), static_cast<off_t>(after.size())), 0);
      testing::ScriptedFileSystem files(PosixFileSystem());
      const Result<std::shared_ptr<Segment>> segment = Segment::Open(files, layout_, {1}, kPageSize);
      ASSERT_TRUE(segment.ok());
      files.After([&, reads = 0](const testing::Call& call) mutable {
        if (call.op == testing::Op::kRead && ++reads == arrives_after) testing::WriteWholeFile(call.path, after);
        return Status();
      });
      const Result<NewFrames> found = (*segment)->Scan((*segment)->end, after.size());
      ASSERT_TRUE(found.ok()) << found.status().message();
      EXPECT_EQ(found->end.frames.value, 3U);
    }
  }
}

TEST_F(SegmentTest, Frames_of_a_rolled_back_spill_behind_a_commit_are_no_damage) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  const auto mark = writer.Mark();
  for (uint32_t page = 1; page <= 50; page++) writer.Add(page, 'g');
  writer.GoBackTo(mark);
  for (const uint32_t frames : {1U, 2U, 7U, 30U}) {
    writer.Commit(frames, 'b');
    ExpectFrames(writer.Mark().first.value - 1);
  }
}

TEST_F(SegmentTest, Torn_commit_over_rolled_back_frames_is_no_damage) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  const auto mark = writer.Mark();
  for (uint32_t page = 1; page <= 50; page++) writer.Add(page, 'g');
  const std::string garbage = testing::ReadWholeFile(layout_.segment({1}));
  for (const uint32_t frames : {1U, 2U, 7U}) {
    for (uint32_t torn = 4; torn < 4 + frames; torn++) {
      testing::WriteWholeFile(layout_.segment({1}), garbage);
      writer.GoBackTo(mark);
      writer.Commit(frames, 'b');
      writer.Damage(torn, 400);
      ExpectFrames(3, std::to_string(frames) + " frames, number " + std::to_string(torn) + " torn");
    }
  }
}

TEST_F(SegmentTest, Frames_of_another_segment_are_none_of_this_one) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  const std::string first = testing::ReadWholeFile(layout_.segment({1}));
  ASSERT_TRUE(WriteNewSegment(PosixFileSystem(), layout_.segment({2}), kPageSize, {3}, Successor::kWriters, 0644).ok());
  const std::string second = testing::ReadWholeFile(layout_.segment({2}));
  testing::WriteWholeFile(layout_.segment({1}), second.substr(0, kWalHeaderSize) + first.substr(kWalHeaderSize));
  ExpectFrames(0);
}

TEST_F(SegmentTest, A_damaged_header_or_another_page_size_is_refused) {
  const std::string whole = testing::ReadWholeFile(layout_.segment({1}));
  for (size_t byte = 0; byte < kWalHeaderSize; byte++) {
    std::string damaged = whole;
    damaged[byte] = static_cast<char>(damaged[byte] ^ 0x40);
    testing::WriteWholeFile(layout_.segment({1}), damaged);
    const auto segment = Segment::Open(PosixFileSystem(), layout_, {1}, kPageSize);
    EXPECT_TRUE(segment.status().Is(StatusCode::kCorrupt)) << byte;
    EXPECT_NE(segment.status().message().find(layout_.segment({1})), std::string::npos);
  }
  testing::WriteWholeFile(layout_.segment({1}), whole.substr(0, 20));
  EXPECT_TRUE(Segment::Open(PosixFileSystem(), layout_, {1}, kPageSize).status().Is(StatusCode::kCorrupt));
  testing::WriteWholeFile(layout_.segment({1}), whole);
  EXPECT_TRUE(Segment::Open(PosixFileSystem(), layout_, {1}, 4096).status().Is(StatusCode::kCorrupt));
  EXPECT_TRUE(Segment::Open(PosixFileSystem(), layout_, {2}, kPageSize).status().Is(StatusCode::kNotFound));
}

TEST_F(SegmentTest, A_removed_one_is_stale) {
  const auto segment = Open(1);
  ASSERT_EQ(::unlink(layout_.segment({1}).c_str()), 0);
  EXPECT_TRUE(segment->Look().status().Is(StatusCode::kStale));
}

TEST_F(SegmentTest, A_frame_that_was_cut_off_is_told) {
  SegmentWriter writer = Write(1);
  writer.Commit(3, 'a');
  const auto segment = Open(1);
  ASSERT_EQ(::truncate(layout_.segment({1}).c_str(), static_cast<off_t>(FrameOffset({3}, kPageSize))), 0);
  std::vector<std::byte> page(kPageSize);
  EXPECT_TRUE(segment->ReadPage({2}, page).ok());
  EXPECT_TRUE(segment->ReadPage({3}, page).Is(StatusCode::kCorrupt));
}

TEST(SegmentStateTest, Is_in_names_and_permission_bits) {
  struct Case {
    uint32_t base_mode, live, merging;
  };
  for (const Case& c : {Case{0644, 0644, 0555}, Case{0600, 0600, 0511}, Case{0664, 0664, 0555}, Case{0444, 0644, 0555},
                        Case{0755, 0644, 0555}}) {
    EXPECT_EQ(SegmentMode(c.base_mode), c.live);
    EXPECT_EQ(MergingMode(c.base_mode), c.merging);
    for (const uint64_t links : {1, 2, 3}) {
      FileAttributes attributes;
      attributes.links = links;
      attributes.mode = SegmentMode(c.base_mode);
      EXPECT_EQ(StateOf(attributes), links == 1 ? SegmentState::kLive : SegmentState::kSealed);
      attributes.mode = MergingMode(c.base_mode);
      EXPECT_EQ(StateOf(attributes), SegmentState::kMerging);
    }
  }
}

TEST_F(SegmentTest, What_counted_is_told_for_the_very_segment) {
  const auto first = Open(1);
  EXPECT_TRUE(ReadCounted(PosixFileSystem(), layout_, *first).status().Is(StatusCode::kCantOpen));
  ASSERT_TRUE(WriteNewSegment(PosixFileSystem(), layout_.segment({3}), kPageSize, {3}, Successor::kWriters, 0644).ok());
  const auto third = Open(3);
  ASSERT_TRUE(WriteCounted(PosixFileSystem(), layout_, *third, {77}).ok());
  EXPECT_EQ(ReadCounted(PosixFileSystem(), layout_, *third)->value, 77U);
  EXPECT_TRUE(ReadCounted(PosixFileSystem(), layout_, *first).status().Is(StatusCode::kCantOpen));
}

}  // namespace
}  // namespace sqlite_efs
