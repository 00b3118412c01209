#include "base/metrics.h"

#include <pthread.h>

#include <mutex>
#include <set>
#include <utility>

namespace sqlite_efs {
namespace {

constinit Metrics process_metrics;

// The databases that the process has open.
class Registry {
 public:
  static Registry& Instance() {
    static auto* instance = new Registry;  // never destroyed: databases may outlive static destruction
    return *instance;
  }

  void Add(const DatabaseMetrics& metrics) {
    const std::lock_guard lock(mutex_);
    open_.insert(&metrics);
  }

  // What it has counted stays in the total, unless it is one of the parent of a fork().
  void Remove(const DatabaseMetrics& metrics) {
    const std::lock_guard lock(mutex_);
    if (open_.erase(&metrics) != 0) process_metrics.Add(metrics.values());
  }

  ProcessValues Values() {
    const std::lock_guard lock(mutex_);
    ProcessValues values;
    values.total = process_metrics.values();
    for (const DatabaseMetrics* metrics : open_) {
      const MetricValues of_one = metrics->values();
      values.total += of_one;
      values.databases[metrics->path()] += of_one;
    }
    return values;
  }

 private:
  Registry() { pthread_atfork(&Prepare, &Parent, &Child); }

  static void Prepare() { Instance().mutex_.lock(); }
  static void Parent() { Instance().mutex_.unlock(); }
  static void Child() {
    Instance().open_.clear();
    process_metrics.Clear();
    Instance().mutex_.unlock();
  }

  std::mutex mutex_;
  std::set<const DatabaseMetrics*> open_;
};

}  // namespace

const std::array<MetricName, kCounts> kCountNames = {{
    {"read_transactions", "Read transactions begun"},
    {"write_transactions", "Write transactions begun"},
    {"commits", "Commits acknowledged"},
    {"commits_refused", "Commits that failed, of which nothing was saved"},
    {"commits_unknown", "Commits of which it is not known whether they count or last"},
    {"conflicts", "Transactions that could not go on to write: what they had read was changed by others"},
    {"reads_overtaken", "Reads of a state that was merged away"},
    {"upgrades", "Transactions that went on to write from a newer state than they had read"},
    {"lease_acquisitions", "Leases taken"},
    {"lease_waits", "Leases that took longer than a millisecond to get"},
    {"lease_timeouts", "Waits for a lease that ended without it"},
    {"lease_requests", "Calls of the lease store"},
    {"lease_takeovers", "Leases taken from a holder that had not given them back"},
    {"heartbeats", "Renewals of a lease"},
    {"leases_lost", "Leases that a renewal found to be another's"},
    {"releases", "Leases given back"},
    {"seals", "Log segments ended by this process"},
    {"merges", "Copyings of sealed segments into the file that were completed"},
    {"segments_merged", "Log segments removed after a merge"},
    {"frames_merged", "Frames in the segments removed"},
    {"pages_merged", "Pages copied into the file by merges"},
    {"looks", "Looks at the attributes of a log segment"},
    {"scans", "Readings of new frames"},
    {"frames_read", "Frames of others that were read and verified"},
    {"frames_written", "Frames written to the log"},
    {"pages_from_log", "Pages read from the log, past the cache"},
    {"pages_from_base", "Pages read from the file, past the cache"},
    {"cache_hits", "Pages found in the page cache"},
    {"cache_misses", "Pages not found in the page cache"},
    {"read_ahead_pages", "Pages read from the file because they lie beside a wanted one"},
    {"read_ahead_used", "Of these, pages that were wanted later"},
    {"read_ahead_wasted", "Of these, pages that left the cache unused"},
    {"file_opens", "Files opened"},
    {"file_looks", "Attributes asked of the file server"},
    {"file_stats", "Attributes asked by name, which a cache may answer"},
    {"file_reads", "Reads"},
    {"file_writes", "Writes"},
    {"file_syncs", "Syncs"},
    {"file_locks", "Byte-range locks taken, tried or given back"},
    {"file_changes", "Changes of a file's size, mode or times"},
    {"file_names", "Names made, changed or removed"},
    {"file_lists", "Directories listed"},
    {"bytes_read", "Bytes read"},
    {"bytes_written", "Bytes written"},
}};

const std::array<MetricName, kTimes> kTimeNames = {{
    {"read_begin_us", "Beginning a read transaction"},
    {"lease_wait_us", "Taking the lease, in vain or not"},
    {"sync_us", "Making frames durable"},
    {"commit_us", "Committing"},
    {"merge_us", "Merging after a commit, or by a checkpoint"},
}};

MetricValues& MetricValues::operator+=(const MetricValues& other) {
  for (size_t i = 0; i < counts.size(); i++) counts[i] += other.counts[i];
  for (size_t i = 0; i < times.size(); i++) times[i] += other.times[i];
  return *this;
}

MetricValues Metrics::values() const {
  MetricValues values;
  for (size_t i = 0; i < kCounts; i++) values.counts[i] = counts_[i].load(std::memory_order_relaxed);
  for (size_t i = 0; i < kTimes; i++) values.times[i] = times_[i].values();
  return values;
}

void Metrics::Add(const MetricValues& values) {
  for (size_t i = 0; i < kCounts; i++) counts_[i].fetch_add(values.counts[i], std::memory_order_relaxed);
  for (size_t i = 0; i < kTimes; i++) times_[i].Add(values.times[i]);
}

void Metrics::Clear() {
  for (std::atomic<uint64_t>& count : counts_) count.store(0, std::memory_order_relaxed);
  for (Histogram& time : times_) time.Clear();
}

Metrics& ProcessMetrics() { return process_metrics; }

DatabaseMetrics::DatabaseMetrics(std::string path) : path_(std::move(path)) { Registry::Instance().Add(*this); }

DatabaseMetrics::~DatabaseMetrics() { Registry::Instance().Remove(*this); }

ProcessValues AllMetrics() { return Registry::Instance().Values(); }

}  // namespace sqlite_efs
