#include "store/read_set.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

TEST(ReadSetTest, Has_what_was_added_until_it_is_cleared) {
  ReadSet read;
  EXPECT_TRUE(read.empty());
  for (const uint32_t page : {2U, 700U, 3U}) read.Add({page});
  for (const uint32_t page : {2U, 3U, 700U}) EXPECT_TRUE(read.Has({page})) << page;
  for (const uint32_t page : {4U, 699U, 701U, 5000U}) EXPECT_FALSE(read.Has({page})) << page;
  EXPECT_FALSE(read.empty());
  read.Clear();
  EXPECT_TRUE(read.empty());
  EXPECT_FALSE(read.Has({2}));
}

TEST(ReadSetTest, Page_1_is_no_part_of_it) {
  ReadSet read;
  read.Add({1});
  EXPECT_TRUE(read.empty());
  EXPECT_FALSE(read.Has({1}));
}

TEST(ReadSetTest, Beyond_its_bound_every_page_counts_as_read) {
  ReadSet read;
  read.Add({ReadSet::kMaxPages - 1});
  EXPECT_FALSE(read.Has({2}));
  read.Add({ReadSet::kMaxPages});
  EXPECT_TRUE(read.Has({2}));
  EXPECT_TRUE(read.Has({UINT32_MAX}));
  EXPECT_FALSE(read.empty());
  read.Clear();
  EXPECT_TRUE(read.empty());
}

}  // namespace
}  // namespace sqlite_efs
