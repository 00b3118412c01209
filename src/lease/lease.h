#ifndef SQLITE_EFS_LEASE_LEASE_H_
#define SQLITE_EFS_LEASE_LEASE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/status.h"
#include "lease/lease_memory.h"
#include "lease/lease_store.h"
#include "os/alarm.h"
#include "os/clock.h"
#include "os/watch.h"

namespace sqlite_efs {

struct LeaseOptions {
  // The DynamoDB table with the lease; empty: the embedded lease.
  std::string dynamodb_table = {};
  // For stores whose records expire: how long one is good if it is not renewed, and how many attempts are made while
  // the record stays the same (a store that does not expire is asked until the deadline).
  Duration expiration = std::chrono::seconds(10);
  uint64_t max_attempts = 10;
  // How long an idle lease is kept for the next transaction; not set: 50 ms where records expire, else nothing.
  std::optional<Duration> linger;
  // Of the process; null: the lease has one of its own.
  std::shared_ptr<LeaseMemory> memory;
  // Of the database; null: the lease has one of its own.
  std::shared_ptr<Watch> watch;
};

// The writer's lease of one database, as one process takes, holds and gives it back. One thread at a time, but for what
// is said to be for any thread. Time decides only who may try: see docs/protocol.md.
class Lease {
 public:
  // `path` is the database's, for messages. `clock` must outlive the lease. `heartbeat` may be null if the store's
  // records do not expire.
  Lease(std::unique_ptr<LeaseStore> store, Clock& clock, std::unique_ptr<Alarm> heartbeat, LeaseOptions options,
        const std::string& database_id, std::string path);
  // Before it is first asked for anything, if the constructor was given an empty one.
  void SetDatabaseId(const std::string& database_id);
  // Gives the lease back without a promise.
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // Waits until the lease is held, at most until `deadline` or for the attempts that the options allow, then kBusy
  // naming the holder; at least one attempt is made. Returns how the last tenure ended: nothing unless it was released
  // cleanly to this store, and this is known. Must not be called while a tenure has not been given back.
  Result<std::optional<CleanRelease>> Acquire(Instant deadline);

  // What the last tenure is known to have left, if it ended in order and the store can tell without taking the lease.
  std::optional<CleanRelease> PeekRelease();

  // Gives the lease back, also one that was lost; with `clean`, the next holder may join that segment. Returns within
  // 2 s; the tenure is over whatever is returned. Nothing happens when there is none.
  Status Release(const std::optional<CleanRelease>& clean);
  // The same, and forgets the lease: its database does not come into being.
  Status Discard();

  // Any thread: whether there is a tenure that was neither given back nor lost, be it to another holder or, as far as
  // is known, by time.
  bool held() const;
  // Any thread: whether there is a tenure that was not given back, although it may be lost.
  bool active() const { return phase_ != Phase::kNone; }

  // For how long the lease may be kept although nobody writes at present; zero: it is to be given back.
  Duration Linger() const;

  // Any thread.
  std::string store_name() const { return store_->name(); }
  std::string release_name() const { return store_->release_name(); }
  bool expires() const { return store_->expires(); }
  const Metrics& metrics() const { return watch_->metrics; }

 private:
  enum class Phase { kNone, kHeld, kRefused };  // kRefused: a renewal showed that the record is not ours any more

  // What one Acquire() knows.
  struct Attempts {
    LeaseRecord wanted;
    Instant begun;
    Instant sent;  // of the latest request
    int64_t count = 0;
    bool unknown = false;               // a request may have been carried out, or may yet be
    std::optional<LeaseRecord> holder;  // as the latest reply showed it, which may be one of an earlier request
    bool due = false;                   // it may be replaced, as far as is known
    Status failure;                     // of the latest request, if there was no reply
  };

  Result<AcquireReply> TryOnce(Attempts* attempts, Instant deadline);
  Takeover PresentTakeover() const;
  std::optional<Duration> UntilTakeover(const LeaseRecord& holder) const;
  bool Recover(const Attempts& attempts);
  void Begin(const LeaseRecord& record, Instant sent);
  Status GiveUp(const Attempts& attempts, const Status& status);
  Status Locked(const Attempts& attempts) const;
  std::optional<CleanRelease> ReleaseIn(const std::optional<LeaseRecord>& record) const;
  Result<std::optional<CleanRelease>> Attempt(Attempts* attempts, Instant deadline);
  void NoteTakeover(const std::optional<LeaseRecord>& replaced);
  Status End(const std::function<Status()>& send);
  Status Send(const std::function<Status()>& send);
  Result<bool> RenewLocked();
  void Beat();
  void SetHeartbeat(Instant due);

  const std::unique_ptr<LeaseStore> store_;
  Clock& clock_;
  const LeaseOptions options_;
  const std::shared_ptr<LeaseMemory> memory_;
  const std::string path_;
  const std::shared_ptr<Watch> watch_;
  Instant begun_;             // of the tenure
  bool others_wait_ = false;  // for its end, when it began
  std::mutex mutex_;          // held during each call of the store
  LeaseRecord record_;        // ours; guarded by mutex_
  Instant next_beat_;         // guarded by mutex_
  std::atomic<Phase> phase_{Phase::kNone};
  std::atomic<int64_t> good_until_{INT64_MAX};  // Instant, by our own clock; it changes under mutex_
  std::unique_ptr<Alarm> heartbeat_;            // last: its action must not outlive the rest
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_LEASE_H_
