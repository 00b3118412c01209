#include "store/frame_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sqlite_efs {
namespace {

constexpr uint32_t kPageSize = 512;
constexpr WalHeader kSegment = {kPageSize, {0}, 1, 2};

void Put(FrameBuffer& buffer, uint32_t page, char fill) {
  const MutableBytes place = buffer.Place({page});
  std::fill(place.begin(), place.end(), std::byte(fill));
}
char FillOf(Bytes page) { return page.empty() ? ' ' : std::to_integer<char>(page[kPageSize - 1]); }

TEST(FrameBufferTest, A_page_has_one_place) {
  FrameBuffer buffer(kPageSize);
  Put(buffer, 3, 'a');
  Put(buffer, 1, 'b');
  Put(buffer, 3, 'c');
  EXPECT_EQ(buffer.count(), 2U);
  EXPECT_EQ(buffer.size_bytes(), 2 * (kFrameHeaderSize + kPageSize));
  EXPECT_EQ(FillOf(buffer.Find({3})), 'c');
  EXPECT_EQ(FillOf(buffer.Find({1})), 'b');
  EXPECT_TRUE(buffer.Find({2}).empty());
  EXPECT_EQ(buffer.pages(), (std::vector<PageNumber>{{3}, {1}}));
  buffer.Clear();
  EXPECT_EQ(buffer.count(), 0U);
  EXPECT_TRUE(buffer.Find({3}).empty());
}

TEST(FrameBufferTest, Dropping_keeps_the_others_in_order) {
  FrameBuffer buffer(kPageSize);
  for (uint32_t page = 1; page <= 6; page++) Put(buffer, page, static_cast<char>('a' + page));
  buffer.DropIf([](PageNumber page) { return page.value % 2 == 0; });
  EXPECT_EQ(buffer.pages(), (std::vector<PageNumber>{{1}, {3}, {5}}));
  for (const uint32_t page : {1U, 3U, 5U}) EXPECT_EQ(FillOf(buffer.Find({page})), static_cast<char>('a' + page));
  for (const uint32_t page : {2U, 4U, 6U}) EXPECT_TRUE(buffer.Find({page}).empty());
  Put(buffer, 4, 'z');
  EXPECT_EQ(FillOf(buffer.PageAt(3)), 'z');
  EXPECT_EQ(FillOf(buffer.Find({5})), 'f');
  buffer.DropIf([](PageNumber) { return true; });
  EXPECT_EQ(buffer.count(), 0U);
}

TEST(FrameBufferTest, Its_memory_serves_again_and_holds_no_old_page) {
  FrameBuffer buffer(kPageSize);
  for (uint32_t page = 1; page <= 6; page++) Put(buffer, page, 'a');
  const std::byte* const memory = buffer.bytes().data();
  const size_t used_bytes = buffer.size_bytes();
  for (const bool kept : {true, false}) {
    buffer.Shed(kept ? 2 * used_bytes : used_bytes / 2);
    EXPECT_EQ(buffer.size_bytes(), 0U);
    EXPECT_TRUE(buffer.bytes().empty());
    EXPECT_TRUE(buffer.Find({1}).empty());
    EXPECT_EQ(buffer.bytes().data() == memory, kept);
    Put(buffer, 4, 'b');
    EXPECT_EQ(buffer.bytes().size(), kFrameHeaderSize + kPageSize);
    EXPECT_EQ(FillOf(buffer.Find({4})), 'b');
  }
}

TEST(FrameBufferTest, Encodes_a_chain_whose_last_frame_commits) {
  for (const uint32_t page_count : {0U, 9U}) {
    FrameBuffer buffer(kPageSize);
    for (const uint32_t page : {2U, 9U, 1U}) Put(buffer, page, 'x');
    WalChecksum chain = {5, 6};
    buffer.Encode(kSegment, page_count, &chain);
    const Bytes bytes = buffer.bytes();
    ASSERT_EQ(bytes.size(), 3 * (kFrameHeaderSize + kPageSize));
    WalChecksum check = {5, 6};
    for (size_t i = 0; i < 3; i++) {
      const size_t size = kFrameHeaderSize + kPageSize;
      const auto header = DecodeFrame(kSegment, bytes.subspan(i * size, size), &check);
      ASSERT_TRUE(header.has_value());
      EXPECT_EQ(header->page, buffer.pages()[i]);
      EXPECT_EQ(header->page_count, i == 2 ? page_count : 0);
    }
    EXPECT_EQ(check, chain);
  }
}

}  // namespace
}  // namespace sqlite_efs
