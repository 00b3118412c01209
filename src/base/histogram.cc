#include "base/histogram.h"

#include <numeric>

namespace sqlite_efs {

uint64_t HistogramValues::count() const { return std::accumulate(buckets.begin(), buckets.end(), uint64_t{0}); }

HistogramValues& HistogramValues::operator+=(const HistogramValues& other) {
  for (size_t i = 0; i < buckets.size(); i++) buckets[i] += other.buckets[i];
  sum_us += other.sum_us;
  return *this;
}

HistogramValues Histogram::values() const {
  HistogramValues values;
  for (size_t i = 0; i < buckets_.size(); i++) values.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
  values.sum_us = sum_us_.load(std::memory_order_relaxed);
  return values;
}

void Histogram::Add(const HistogramValues& values) {
  for (size_t i = 0; i < buckets_.size(); i++) buckets_[i].fetch_add(values.buckets[i], std::memory_order_relaxed);
  sum_us_.fetch_add(values.sum_us, std::memory_order_relaxed);
}

void Histogram::Clear() {
  for (std::atomic<uint64_t>& bucket : buckets_) bucket.store(0, std::memory_order_relaxed);
  sum_us_.store(0, std::memory_order_relaxed);
}

}  // namespace sqlite_efs
