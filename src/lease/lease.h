#ifndef SQLITE_EFS_LEASE_LEASE_H_
#define SQLITE_EFS_LEASE_LEASE_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "lease/lease_store.h"
#include "os/clock.h"

namespace sqlite_efs {

// The writer's lease of one database, as one process takes, holds and gives it back. One thread at a time.
class Lease {
 public:
  // `path` is the database's, for messages. `clock` must outlive the lease.
  Lease(std::unique_ptr<LeaseStore> store, Clock& clock, std::string database_id, std::string path);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // Waits until the lease is held, at most until `deadline`, then kBusy naming the holder; at least one attempt is
  // made. Returns how the last tenure ended: nothing unless it was released cleanly to this store.
  Result<std::optional<CleanRelease>> Acquire(Instant deadline);

  // What the last tenure is known to have left, if it ended in order and the store can tell without taking the lease.
  std::optional<CleanRelease> PeekRelease();

  // Gives the lease back; with `clean`, the next holder may join that segment. Nothing happens when it is not held.
  Status Release(const std::optional<CleanRelease>& clean);

  // Any thread may ask.
  bool held() const { return held_; }
  std::string store_name() const { return store_->name(); }

 private:
  std::optional<CleanRelease> ReleaseIn(const std::optional<LeaseRecord>& record) const;

  std::unique_ptr<LeaseStore> store_;
  Clock& clock_;
  const std::string path_;
  LeaseRecord record_;
  std::atomic<bool> held_{false};
};

// "host, process 123 (program)": who this process is, for people.
std::string DescribeThisProcess();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_LEASE_H_
