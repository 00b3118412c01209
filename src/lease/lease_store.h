#ifndef SQLITE_EFS_LEASE_LEASE_STORE_H_
#define SQLITE_EFS_LEASE_LEASE_STORE_H_

#include <optional>
#include <string>

#include "base/status.h"
#include "lease/lease_record.h"

namespace sqlite_efs {

// What an attempt to take the lease showed.
struct AcquireReply {
  bool acquired = false;
  bool next = false;  // refused, but the caller is the next in turn, until it is served or calls StopWaiting()
  std::optional<LeaseRecord> record;  // acquired: the record that was replaced; refused: the present holder's, if known
};

// Where the lease record of one database is kept. The store is a courtesy, not the fence: two processes that both
// believe to hold the lease waste time and damage nothing, because the log's segments decide. One thread at a time.
class LeaseStore {
 public:
  virtual ~LeaseStore() = default;

  // Names the store in a CleanRelease; equal only for stores that exclude each other's holders.
  virtual std::string name() const = 0;

  // Puts `wanted` in the place of a record that is absent, released or expired, and returns that record; or refuses.
  // One attempt, which does not wait. An error means that it is not known whether the lease was taken.
  virtual Result<AcquireReply> TryAcquire(const LeaseRecord& wanted) = 0;

  // The record as it stands, if the store can tell without taking the lease.
  virtual std::optional<LeaseRecord> Peek() { return std::nullopt; }

  // Gives up a place in the queue that TryAcquire() took.
  virtual void StopWaiting() {}

  // Ends the tenure of `mine`, which it need not hold any more. With `clean`, the record says so to the next holder.
  // From the call on the tenure is over, whatever is returned.
  virtual Status Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean) = 0;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_LEASE_STORE_H_
