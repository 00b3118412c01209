#ifndef SQLITE_EFS_STORE_DETACH_H_
#define SQLITE_EFS_STORE_DETACH_H_

#include <string>

#include "base/status.h"
#include "os/clock.h"
#include "store/environment.h"
#include "store/layout.h"
#include "store/live_database.h"
#include "store/progress.h"

namespace sqlite_efs {

struct DetachReport {
  bool was_live = true;       // false: it was an ordinary file already
  uint64_t segments = 0;      // of the log
  uint64_t pages_merged = 0;  // of each segment
  uint64_t bytes = 0;         // size of the file now
  std::string leftover;       // why the log directory could not be removed: call it again; empty: it was
};

// Makes a live database an ordinary file again: merges its log into the base, then removes the log. Waits up to
// `timeout` for the writer's lease and for other users of the file, then kBusy. Transactions that read at the same time
// go on, see one state, or are told kConflict. A crash at any instant leaves the database live and whole, or ordinary
// and whole; after a failure it is live and can be used. Called again, it goes on where it was broken off.
Result<DetachReport> DetachDatabase(const Environment& environment, const std::string& path, Duration timeout,
                                    const Progress& progress, const StoreOptions& options = {});

// Whether a detach has ended the log, though a directory is left of it: the file is a whole and ordinary database then,
// and FinishDetach() removes the directory.
Result<bool> IsDetached(FileSystem& files, const Layout& layout);

// Completes a detach that was broken off after it had ended the log: makes the header say rollback mode and removes the
// log directory. Nothing happens if the log has not ended. kBusy at the deadline.
Status FinishDetach(const Environment& environment, const Layout& layout, Instant deadline);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_DETACH_H_
