#ifndef SQLITE_EFS_LEASE_LEASE_MEMORY_H_
#define SQLITE_EFS_LEASE_LEASE_MEMORY_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "lease/lease_record.h"
#include "os/clock.h"

namespace sqlite_efs {

// A holder's record as it was seen, unchanged since.
struct Sighting {
  std::string lock_id;
  uint64_t version = 0;
  Duration lease = Duration::zero();  // how long the holder's lease is good if it is not renewed; zero: not told
  Instant since;                      // of the first reply that showed it
};

// What a process remembers of leases for longer than one Lease lives: connections come and go with each request.
// Thread-safe. A child of fork() needs one of its own.
class LeaseMemory {
 public:
  LeaseMemory();

  // A name for an attempt to acquire, which is under way or holds the lease until Over().
  std::string NewLockId();
  void Over(const std::string& lock_id);

  // Whether the name is that of an attempt or tenure of this process that is over, whatever a record still says.
  bool IsOver(const std::string& lock_id) const;

  // Notes that a reply showed `record` as that of the holder; whether it had changed since the last one.
  bool Saw(const LeaseRecord& record, Instant now);
  std::optional<Sighting> Last(const std::string& database_id) const;

 private:
  static constexpr size_t kMaxSightings = 256;  // databases
  static constexpr int64_t kMaxLease_ms = 86'400'000;

  const std::string process_;
  mutable std::mutex mutex_;
  uint64_t attempts_ = 0;
  std::set<std::string> present_;  // lock_ids of this process that are not over
  std::map<std::string, Sighting> sightings_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_LEASE_MEMORY_H_
