#ifndef SQLITE_EFS_STORE_ENVIRONMENT_H_
#define SQLITE_EFS_STORE_ENVIRONMENT_H_

#include <functional>
#include <memory>
#include <string>

#include "lease/former_lock.h"
#include "lease/lease.h"
#include "os/alarm.h"
#include "os/clock.h"
#include "os/file_system.h"
#include "store/layout.h"

namespace sqlite_efs {

// How the log is kept short.
struct MergeLimits {
  size_t step_pages = 4096;                   // copied into the base at a time
  size_t max_waiting_segments = 16;           // beyond it a writer waits for the merge after its commit
  size_t max_sealed_segments = 8;             // more of them are merged however young they are
  Duration delay = std::chrono::seconds(10);  // since a segment's last commit, out of politeness to old snapshots
  // No file server stamps two changes 40 ms apart the same, and this host's clock may be a fifth too fast.
  Duration tick = std::chrono::milliseconds(50);
};

// What the engine needs of the world, so that a simulated world can take its place. Outlives every Database.
struct Environment {
  FileSystem& files;
  Clock& clock;
  std::function<std::unique_ptr<Alarm>()> new_alarm;

  // The lease store of a database. `prepared` is where its log directory is at present: it may not be in place yet.
  std::function<std::unique_ptr<LeaseStore>(const Layout& layout, const Layout& prepared, uint32_t permissions)>
      new_lease_store;

  // Frames of one transaction in memory; beyond it they are written to the log ahead of the commit.
  size_t spill_bytes = size_t{4} << 20;

  MergeLimits merge = {};

  // The lease store in a DynamoDB table, for databases that several machines write to.
  std::function<std::unique_ptr<LeaseStore>(const std::string& table)> new_dynamodb_lease_store = {};
  // The lock of django-sqlite-efs 0.1 on the database `name`, in such a table.
  std::function<std::unique_ptr<FormerLock>(const std::string& table, const std::string& name)> new_former_lock = {};
};

// The lease of a database, with the environment's heartbeat and the store that `options` ask for; `prepared` as above.
std::unique_ptr<Lease> NewLease(const Environment& environment, const LeaseOptions& options, const Layout& layout,
                                const Layout& prepared, uint32_t permissions, const std::string& database_id);

// This machine.
const Environment& SystemEnvironment();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_ENVIRONMENT_H_
