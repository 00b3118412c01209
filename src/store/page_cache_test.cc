#include "store/page_cache.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace sqlite_efs {
namespace {

constexpr uint32_t kPageSize = 512;

std::vector<std::byte> Page(int fill) { return std::vector<std::byte>(kPageSize, std::byte(fill)); }

class PageCacheTest : public ::testing::Test {
 protected:
  Metrics metrics_;
};

TEST_F(PageCacheTest, Gives_back_parts_of_what_was_put) {
  PageCache cache(10 * kPageSize, kPageSize, metrics_);
  std::vector<std::byte> page = Page(1);
  page[100] = std::byte{42};
  cache.PutFrame({1}, {2}, page);
  std::array<std::byte, 4> out;
  ASSERT_TRUE(cache.GetFrame({1}, {2}, 98, out));
  EXPECT_EQ(out, (std::array<std::byte, 4>{std::byte{1}, std::byte{1}, std::byte{42}, std::byte{1}}));
  EXPECT_FALSE(cache.GetFrame({2}, {2}, 0, out)) << "another segment";
  EXPECT_FALSE(cache.GetFrame({1}, {3}, 0, out)) << "another frame";
  EXPECT_EQ(metrics_.Of(Count::kCacheHits), 1U);
  EXPECT_EQ(metrics_.Of(Count::kCacheMisses), 2U);
}

TEST_F(PageCacheTest, Never_holds_more_than_its_capacity) {
  PageCache cache(10 * kPageSize + 100, kPageSize, metrics_);
  EXPECT_EQ(cache.capacity_bytes(), 10U * kPageSize);
  for (uint32_t i = 0; i < 1000; i++) {
    cache.PutFrame({1}, {i}, Page(0));
    EXPECT_LE(cache.size_bytes(), cache.capacity_bytes());
  }
  EXPECT_EQ(cache.size_bytes(), cache.capacity_bytes());
}

TEST_F(PageCacheTest, Holds_one_page_at_least) {
  PageCache cache(0, kPageSize, metrics_);
  cache.PutFrame({1}, {1}, Page(7));
  std::array<std::byte, 1> out;
  EXPECT_TRUE(cache.GetFrame({1}, {1}, 0, out));
  cache.PutFrame({1}, {2}, Page(8));
  EXPECT_FALSE(cache.GetFrame({1}, {1}, 0, out));
  EXPECT_TRUE(cache.GetFrame({1}, {2}, 0, out));
  EXPECT_EQ(out[0], std::byte{8});
}

TEST_F(PageCacheTest, Drops_the_least_recently_used) {
  PageCache cache(3 * kPageSize, kPageSize, metrics_);
  std::array<std::byte, 1> out;
  for (uint32_t i = 1; i <= 3; i++) cache.PutFrame({1}, {i}, Page(static_cast<int>(i)));
  ASSERT_TRUE(cache.GetFrame({1}, {1}, 0, out));
  cache.PutFrame({1}, {4}, Page(4));
  EXPECT_FALSE(cache.GetFrame({1}, {2}, 0, out));
  for (const uint32_t i : {1U, 3U, 4U}) {
    ASSERT_TRUE(cache.GetFrame({1}, {i}, 0, out));
    EXPECT_EQ(out[0], std::byte(i)) << "memory given on to another page";
  }
}

TEST_F(PageCacheTest, A_page_of_the_base_serves_equal_and_later_snapshots_only) {
  PageCache cache(10 * kPageSize, kPageSize, metrics_);
  std::array<std::byte, 1> out;
  cache.PutBase({7}, {5}, cache.base_epoch(), Page(1));
  EXPECT_FALSE(cache.GetBase({7}, {4}, 0, out));
  EXPECT_TRUE(cache.GetBase({7}, {5}, 0, out));
  EXPECT_TRUE(cache.GetBase({7}, {6}, 0, out));
  EXPECT_FALSE(cache.GetFrame({7}, {5}, 0, out));
}

// What a later snapshot has read beside the page that it wanted may be on its way into the base: it finds its own in
// the log, an earlier one does not.
TEST_F(PageCacheTest, What_an_earlier_snapshot_has_read_of_the_base_takes_the_place_of_what_a_later_one_has) {
  for (const bool earlier_comes_first : {false, true}) {
    PageCache cache(10 * kPageSize, kPageSize, metrics_);
    std::array<std::byte, 1> out;
    if (earlier_comes_first) cache.PutBase({7}, {4}, cache.base_epoch(), Page(4));
    cache.PutBase({7}, {5}, cache.base_epoch(), Page(5));
    if (!earlier_comes_first) cache.PutBase({7}, {4}, cache.base_epoch(), Page(4));
    for (const uint64_t at : {4U, 5U}) {
      ASSERT_TRUE(cache.GetBase({7}, {at}, 0, out));
      EXPECT_EQ(out[0], std::byte{4}) << "segment " << at;
    }
  }
}

TEST_F(PageCacheTest, A_page_of_the_base_that_was_dropped_while_it_was_read_is_not_taken) {
  PageCache cache(10 * kPageSize, kPageSize, metrics_);
  std::array<std::byte, 1> out;
  const uint64_t epoch = cache.base_epoch();
  cache.PutBase({8}, {5}, epoch, Page(8));
  cache.DropBase({PageNumber{7}});
  cache.PutBase({7}, {5}, epoch, Page(1));
  EXPECT_FALSE(cache.GetBase({7}, {5}, 0, out));
  EXPECT_TRUE(cache.GetBase({8}, {5}, 0, out)) << "another page stays";
  cache.DropBase({PageNumber{8}});
  EXPECT_FALSE(cache.GetBase({8}, {5}, 0, out));
}

TEST_F(PageCacheTest, Tells_which_pages_were_read_ahead_for_nothing) {
  PageCache cache(3 * kPageSize, kPageSize, metrics_);
  std::array<std::byte, 1> out;
  for (uint32_t page = 1; page <= 3; page++) cache.PutBase({page}, {1}, cache.base_epoch(), Page(1), PageUse::kAhead);
  EXPECT_EQ(metrics_.Of(Count::kReadAheadPages), 3U);
  for (int i = 0; i < 2; i++) ASSERT_TRUE(cache.GetBase({1}, {1}, 0, out));
  EXPECT_EQ(metrics_.Of(Count::kReadAheadUsed), 1U) << "once, however often it is used";
  cache.PutBase({4}, {1}, cache.base_epoch(), Page(4));
  EXPECT_EQ(metrics_.Of(Count::kReadAheadWasted), 1U) << "page 2 has made room";
  cache.DropBase({PageNumber{3}, PageNumber{1}});
  EXPECT_EQ(metrics_.Of(Count::kReadAheadWasted), 2U) << "page 1 was used";
  EXPECT_EQ(metrics_.Of(Count::kReadAheadPages), 3U);
}

TEST_F(PageCacheTest, Threads_see_whole_pages) {
  PageCache cache(8 * kPageSize, kPageSize, metrics_);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&cache, t] {
      std::vector<std::byte> out(kPageSize);
      for (uint32_t i = 0; i < 2000; i++) {
        const uint32_t number = (i * 7 + static_cast<uint32_t>(t)) % 20;
        if (!cache.GetFrame({1}, {number}, 0, out)) cache.PutFrame({1}, {number}, Page(static_cast<int>(number)));
        if (cache.GetFrame({1}, {number}, 0, out)) {
          ASSERT_EQ(out, Page(static_cast<int>(number)));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(cache.size_bytes(), cache.capacity_bytes());
}

}  // namespace
}  // namespace sqlite_efs
