#include "store/read_ahead.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

constexpr uint32_t kPageSize = 4096;
constexpr uint32_t kLargePage = 65536;
constexpr uint32_t kLongest = 32;
constexpr size_t kPlenty = 1000;

void ExpectRun(PageRun run, uint32_t first, uint32_t count) {
  EXPECT_EQ(run.first.value, first);
  EXPECT_EQ(run.count, count);
}

TEST(ReadAheadTest, Reads_what_a_round_trip_can_bring_while_there_is_room) {
  ReadAhead ahead(kPageSize);
  ExpectRun(ahead.Around({1}, kPlenty), 1, kLongest);
  ExpectRun(ahead.Around({900}, kPlenty), 897, kLongest);
  ExpectRun(ahead.Around({64}, kPlenty), 33, kLongest);
  ExpectRun(ahead.Around({5000}, kLongest), 4993, kLongest);
}

TEST(ReadAheadTest, Reads_one_page_at_a_time_when_it_would_displace_others_and_does_not_pay) {
  ReadAhead ahead(kPageSize);
  uint32_t count = kLongest;
  for (const uint32_t page : {7000, 100, 9000, 3000, 50}) {
    count /= 2;
    EXPECT_EQ(ahead.Around({page}, kLongest - 1).count, count);
  }
  ExpectRun(ahead.Around({777}, 0), 777, 1);
  ExpectRun(ahead.Around({333}, 0), 333, 1);
}

TEST(ReadAheadTest, Reads_more_and_more_of_what_is_read_in_order) {
  ReadAhead ahead(kPageSize);
  for (const uint32_t page : {7000, 100, 9000, 3000, 50}) ahead.Around({page}, 0);
  uint32_t page = 1000;
  ExpectRun(ahead.Around({page}, 0), page, 1);
  uint32_t runs = 0;
  for (page++; page < 1200; runs++) {
    const PageRun run = ahead.Around({page}, 0);
    EXPECT_LE(run.first.value, page);
    page = run.first.value + run.count;
  }
  EXPECT_LE(runs, 12U);
}

TEST(ReadAheadTest, Pages_that_are_as_large_as_a_round_trip_are_read_alone) {
  ReadAhead ahead(kLargePage);
  EXPECT_EQ(ahead.Around({3}, kPlenty).count, ReadAhead::kLargestRun_bytes / kLargePage);
}

TEST(RunsOfTest, Pages_that_lie_near_each_other_share_a_run) {
  const std::vector<PageRun> runs = RunsOf({{400}, {100}, {104}, {111}, {120}, {401}}, {{1}, 32});
  ASSERT_EQ(runs.size(), 3U);
  ExpectRun(runs[0], 100, 12);
  ExpectRun(runs[1], 120, 1);
  ExpectRun(runs[2], 400, 2);
}

TEST(RunsOfTest, Pages_that_are_read_anyway_are_left_out) {
  const std::vector<PageRun> runs = RunsOf({{32}, {33}, {64}, {65}}, {{33}, 32});
  ASSERT_EQ(runs.size(), 2U);
  ExpectRun(runs[0], 32, 1);
  ExpectRun(runs[1], 65, 1);
  EXPECT_TRUE(RunsOf({}, {{33}, 32}).empty());
}

}  // namespace
}  // namespace sqlite_efs
