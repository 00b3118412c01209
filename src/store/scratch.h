#ifndef SQLITE_EFS_STORE_SCRATCH_H_
#define SQLITE_EFS_STORE_SCRATCH_H_

#include <string>

#include "base/status.h"
#include "os/file_system.h"
#include "store/layout.h"

namespace sqlite_efs {

// A directory `x-wal.tmp.UUID` beside a database, where a log directory is prepared, or taken apart. Its user holds the
// lock on SQLite's locking bytes of the base.
class Scratch {
 public:
  // Nothing is made yet. `files` must outlive the object.
  Scratch(FileSystem& files, const Layout& layout);
  // Removes it, unless it was moved into place. Where an NFS client keeps a file that is open under a name of its own
  // (`.nfs…`), the rest is left to RemoveScratch().
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // The same names in this directory.
  const Layout& layout() const { return layout_; }
  Status Make(uint32_t permissions);
  // Gives it the log directory's name, which must be free: kExists.
  Status MoveIntoPlace();

 private:
  FileSystem& files_;
  const Layout target_;
  const Layout layout_;
  bool moved_ = false;
};

// Removes what such directories were left behind. The caller holds the lock, so that nobody uses one.
void RemoveScratch(FileSystem& files, const Layout& layout);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_SCRATCH_H_
