#ifndef SQLITE_EFS_LEASE_LEASE_STORE_H_
#define SQLITE_EFS_LEASE_LEASE_STORE_H_

#include <optional>
#include <string>

#include "base/status.h"
#include "lease/lease_record.h"
#include "os/clock.h"

namespace sqlite_efs {

// Which record of another holder an attempt may replace, besides one that is absent or released. The store applies it
// to the record as it stands at that moment.
struct Takeover {
  int64_t expired_before_ms = 0;   // one whose expires_at_ms is not 0 and less than this
  std::string unchanged_lock_id;   // one of this attempt ("": none) and version: its holder has not renewed it for a
  uint64_t unchanged_version = 0;  // whole lease by the caller's own clock
  bool is_last_attempt = false;    // the caller will not come again, and needs no place in the queue
};

// What an attempt to take the lease showed.
struct AcquireReply {
  bool acquired = false;
  bool next = false;  // refused, but the caller is the next in turn, until it is served or calls StopWaiting()
  Duration turn_in = Duration::zero();  // refused: the caller's turn does not come before that
  bool others_wait = false;             // acquired, and others are known to wait for the end of the tenure
  std::optional<LeaseRecord> record;  // acquired: the record that was replaced; refused: the present holder's, if known
};

// Where the lease record of one database is kept. The store is a courtesy, not the fence: two processes that both
// believe to hold the lease waste time and damage nothing, because the log's segments decide. Never two calls at a
// time, but not always from the same thread.
//
// `limit` bounds how long a request may wait for its reply. kUnavailable says that there was none, or none that helps:
// the request may or may not have been carried out, now or later, even twice. Any other error is permanent.
class LeaseStore {
 public:
  virtual ~LeaseStore() = default;

  virtual std::string name() const = 0;

  // Names the store in a CleanRelease; equal only for stores that exclude each other's holders, and on machines that
  // see all that these have written.
  virtual std::string release_name() const { return name(); }

  // Whether a record is good only until its expires_at_ms, so that its holder must renew it. Otherwise the tenure ends
  // with its process, in whatever way that ends.
  virtual bool expires() const = 0;

  // Puts `wanted` in the place of a record that is absent, released, or may be taken over, and returns that record; or
  // refuses. One attempt, which does not wait for the holder.
  virtual Result<AcquireReply> TryAcquire(const LeaseRecord& wanted, const Takeover& takeover, Duration limit) = 0;

  // Replaces the record by `renewed` if it is of the same lock_id, of no later version, and not released; false if it
  // is not: the lease is lost. Only where expires().
  virtual Result<bool> Renew(const LeaseRecord& renewed, Duration limit) = 0;

  // The record as it stands, if the store can tell without taking the lease.
  virtual std::optional<LeaseRecord> Peek() { return std::nullopt; }

  // Gives up a place in the queue that TryAcquire() took.
  virtual void StopWaiting() {}

  // Ends the tenure of `mine`, which it need not hold any more, or not yet: a record of another lock_id is left alone,
  // and that is no error. With `clean`, the record says so to the next holder. From the call on the tenure is over,
  // whatever is returned.
  virtual Status Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean, Duration limit) = 0;

  // The same, of a database that does not come into being: nobody needs its record.
  virtual Status Discard(const LeaseRecord& mine, Duration limit) { return Release(mine, std::nullopt, limit); }
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_LEASE_STORE_H_
