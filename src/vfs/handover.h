#ifndef SQLITE_EFS_VFS_HANDOVER_H_
#define SQLITE_EFS_VFS_HANDOVER_H_

#include <memory>
#include <string>

#include "store/environment.h"
#include "vfs/settings.h"

namespace sqlite_efs {

// Makes a database live that django-sqlite-efs 0.1 may be writing to: while that package holds its lock nothing is
// done, and from then on it gets the lock no more. Without a table, or its name for the database, there is no such
// lock. docs/protocol.md, "Taking over from django-sqlite-efs 0.1". One thread at a time.
class Handover {
 public:
  // All three must outlive it.
  Handover(const Environment& environment, const Settings& settings, const std::string& path);
  // Gives the lock back, unless the database is live.
  ~Handover();
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  // AttachDatabase() under the lock: one attempt. kBusy, while the package has the lock too: call it again.
  Status Attach(const char* stock_vfs);

 private:
  Status Take();
  Status Keep();

  const Environment& environment_;
  const Settings& settings_;
  const std::string& path_;
  std::unique_ptr<FormerLock> lock_;  // null: there is none, or it was not asked for yet
  bool taken_ = false;
  bool kept_ = false;
  Instant next_try_;
  Status refusal_;  // the latest
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_HANDOVER_H_
