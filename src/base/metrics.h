#ifndef SQLITE_EFS_BASE_METRICS_H_
#define SQLITE_EFS_BASE_METRICS_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "base/histogram.h"

namespace sqlite_efs {

// What is counted. Names and meanings: kCountNames; for people docs/watching.md.
enum class Count {
  kReadTransactions,
  kWriteTransactions,
  kCommits,
  kCommitsRefused,
  kCommitsUnknown,
  kConflicts,
  kReadsOvertaken,
  kUpgrades,
  kLeaseAcquisitions,
  kLeaseWaits,
  kLeaseTimeouts,
  kLeaseRequests,
  kLeaseTakeovers,
  kHeartbeats,
  kLeasesLost,
  kReleases,
  kSeals,
  kMerges,
  kSegmentsMerged,
  kFramesMerged,
  kPagesMerged,
  kLooks,
  kScans,
  kFramesRead,
  kFramesWritten,
  kPagesFromLog,
  kPagesFromBase,
  kCacheHits,
  kCacheMisses,
  kReadAheadPages,
  kReadAheadUsed,
  kReadAheadWasted,
  kFileOpens,
  kFileLooks,
  kFileStats,
  kFileReads,
  kFileWrites,
  kFileSyncs,
  kFileLocks,
  kFileChanges,
  kFileNames,
  kFileLists,
  kBytesRead,
  kBytesWritten,
  kEnd,
};

// What is timed, each in a Histogram.
enum class Time { kReadBegin, kLeaseWait, kSync, kCommit, kMerge, kEnd };

inline constexpr size_t kCounts = static_cast<size_t>(Count::kEnd);
inline constexpr size_t kTimes = static_cast<size_t>(Time::kEnd);

struct MetricName {
  const char* name;  // stays as it is: programs ask for it
  const char* help;  // a few words
};
extern const std::array<MetricName, kCounts> kCountNames;  // in the order of Count
extern const std::array<MetricName, kTimes> kTimeNames;    // in the order of Time; their unit is in the name

// What a set of metrics has at one moment.
struct MetricValues {
  std::array<uint64_t, kCounts> counts = {};
  std::array<HistogramValues, kTimes> times = {};

  uint64_t Of(Count count) const { return counts[static_cast<size_t>(count)]; }
  const HistogramValues& Of(Time time) const { return times[static_cast<size_t>(time)]; }
  MetricValues& operator+=(const MetricValues& other);
};

// A set of counters and histograms. Layers only add to it, from any thread and without waiting; none knows who reads.
class Metrics {
 public:
  constexpr Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void Add(Count count, uint64_t n = 1) { counts_[static_cast<size_t>(count)].fetch_add(n, std::memory_order_relaxed); }
  void Record(Time time, std::chrono::nanoseconds duration) { times_[static_cast<size_t>(time)].Record(duration); }

  uint64_t Of(Count count) const { return counts_[static_cast<size_t>(count)].load(std::memory_order_relaxed); }
  MetricValues values() const;
  void Add(const MetricValues& values);
  void Clear();

 private:
  std::array<std::atomic<uint64_t>, kCounts> counts_ = {};
  std::array<Histogram, kTimes> times_ = {};
};

// What the process does for no database in particular. A child of fork() begins at zero.
Metrics& ProcessMetrics();

// The metrics of one database in this process, part of the process's total while the object lives and after it. In a
// child of fork() those of its parent are no part of the total.
class DatabaseMetrics : public Metrics {
 public:
  explicit DatabaseMetrics(std::string path);
  ~DatabaseMetrics();

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

// A look at everything: the whole process, and the databases that are open, by path.
struct ProcessValues {
  MetricValues total;
  std::map<std::string, MetricValues> databases;
};
ProcessValues AllMetrics();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_BASE_METRICS_H_
