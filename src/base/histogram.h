#ifndef SQLITE_EFS_BASE_HISTOGRAM_H_
#define SQLITE_EFS_BASE_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sqlite_efs {

// Durations in microseconds, by buckets whose bounds double: bucket i has those of at most 2^i us that the buckets
// before it do not have, the last one all that are longer than 67 s. So a quantile is known within a factor of two.
inline constexpr size_t kHistogramBuckets = 28;

// The largest duration of a bucket but the last, which has no bound.
constexpr uint64_t BucketBound_us(size_t bucket) { return uint64_t{1} << bucket; }

// A part of a microsecond counts as one.
constexpr size_t BucketOf(uint64_t duration_us) {
  return duration_us <= 1 ? 0 : std::min<size_t>(std::bit_width(duration_us - 1), kHistogramBuckets - 1);
}

// What a histogram has at one moment.
struct HistogramValues {
  std::array<uint64_t, kHistogramBuckets> buckets = {};  // how many durations each has
  uint64_t sum_us = 0;

  uint64_t count() const;
  HistogramValues& operator+=(const HistogramValues& other);
};

// Thread-safe, and never waits: what others record at the same time may be in one part of values() and not in another.
class Histogram {
 public:
  void Record(std::chrono::nanoseconds duration) {
    const int64_t ns = std::max<int64_t>(duration.count(), 0);
    const uint64_t us = (static_cast<uint64_t>(ns) + 999) / 1000;
    buckets_[BucketOf(us)].fetch_add(1, std::memory_order_relaxed);
    sum_us_.fetch_add(us, std::memory_order_relaxed);
  }

  HistogramValues values() const;
  void Add(const HistogramValues& values);
  void Clear();

 private:
  std::array<std::atomic<uint64_t>, kHistogramBuckets> buckets_ = {};
  std::atomic<uint64_t> sum_us_ = 0;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_BASE_HISTOGRAM_H_
