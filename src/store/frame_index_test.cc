#include "store/frame_index.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

TEST(FrameIndexTest, Finds_the_newest_frame_within_a_limit) {
  FrameIndex index;
  EXPECT_EQ(index.size().value, 0U);
  EXPECT_EQ(index.Find({1}, {100}).value, 0U);
  for (const uint32_t page : {5U, 7U, 5U, 5U, 9U, 7U}) index.Append({page});
  EXPECT_EQ(index.size().value, 6U);
  struct Case {
    uint32_t page, limit, frame;
  };
  for (const Case& c : {Case{5, 0, 0}, Case{5, 1, 1}, Case{5, 2, 1}, Case{5, 3, 3}, Case{5, 4, 4}, Case{5, 6, 4},
                        Case{5, UINT32_MAX, 4}, Case{7, 1, 0}, Case{7, 2, 2}, Case{7, 5, 2}, Case{7, 6, 6},
                        Case{9, 4, 0}, Case{9, 5, 5}, Case{6, 6, 0}}) {
    EXPECT_EQ(index.Find({c.page}, {c.limit}).value, c.frame) << "page " << c.page << ", limit " << c.limit;
  }
  EXPECT_EQ(index.PageOf({1}).value, 5U);
  EXPECT_EQ(index.PageOf({6}).value, 7U);
}

TEST(FrameIndexTest, Agrees_with_a_plain_search) {
  FrameIndex index;
  std::vector<uint32_t> pages;
  uint32_t random = 1;
  for (int i = 0; i < 500; i++) {
    random = random * 1664525 + 1013904223;
    pages.push_back(1 + (random >> 16) % 20);
    index.Append({pages.back()});
  }
  for (uint32_t limit = 0; limit <= 500; limit += 13) {
    for (uint32_t page = 1; page <= 21; page++) {
      uint32_t expected = 0;
      for (uint32_t i = 0; i < limit; i++) expected = pages[i] == page ? i + 1 : expected;
      EXPECT_EQ(index.Find({page}, {limit}).value, expected);
    }
  }
}

}  // namespace
}  // namespace sqlite_efs
