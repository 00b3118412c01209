#include "base/histogram.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sqlite_efs {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

TEST(HistogramTest, A_bucket_has_what_is_longer_than_the_bound_before_it_and_not_longer_than_its_own) {
  for (size_t bucket = 1; bucket + 1 < kHistogramBuckets; bucket++) {
    EXPECT_EQ(BucketOf(BucketBound_us(bucket)), bucket);
    EXPECT_EQ(BucketOf(BucketBound_us(bucket - 1) + 1), bucket);
  }
  EXPECT_EQ(BucketOf(0), 0U);
  EXPECT_EQ(BucketOf(1), 0U);
  EXPECT_EQ(BucketOf(UINT64_MAX), kHistogramBuckets - 1);
}

TEST(HistogramTest, Has_the_number_and_the_sum_of_what_was_recorded) {
  Histogram histogram;
  histogram.Record(microseconds(3));
  histogram.Record(microseconds(4));
  histogram.Record(microseconds(1000));
  const HistogramValues values = histogram.values();
  EXPECT_EQ(values.count(), 3U);
  EXPECT_EQ(values.sum_us, 1007U);
  EXPECT_EQ(values.buckets[2], 2U);
  EXPECT_EQ(values.buckets[10], 1U);
}

TEST(HistogramTest, Takes_any_duration) {
  Histogram histogram;
  histogram.Record(nanoseconds(-5));  // of a clock that went back
  histogram.Record(nanoseconds(1));   // counts as one microsecond
  histogram.Record(hours(100));
  const HistogramValues values = histogram.values();
  EXPECT_EQ(values.buckets.front(), 2U);
  EXPECT_EQ(values.buckets.back(), 1U);
  EXPECT_EQ(values.sum_us, 1U + uint64_t{100} * 3600 * 1'000'000);
}

TEST(HistogramTest, Loses_nothing_of_many_threads) {
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kEach = 2000;
  Histogram histogram;
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; i++) {
    threads.emplace_back([&] {
      for (uint64_t j = 0; j < kEach; j++) histogram.Record(microseconds(j % 7));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(histogram.values().count(), kThreads * kEach);
}

TEST(HistogramTest, Can_be_added_to_another_and_cleared) {
  Histogram one;
  Histogram other;
  one.Record(microseconds(5));
  other.Record(microseconds(7));
  one.Add(other.values());
  EXPECT_EQ(one.values().count(), 2U);
  EXPECT_EQ(one.values().sum_us, 12U);
  one.Clear();
  EXPECT_EQ(one.values().count(), 0U);
  EXPECT_EQ(one.values().sum_us, 0U);
}

}  // namespace
}  // namespace sqlite_efs
