#ifndef SQLITE_EFS_STORE_ATTACH_H_
#define SQLITE_EFS_STORE_ATTACH_H_

#include <functional>

#include "base/status.h"
#include "base/uuid.h"
#include "lease/lease.h"
#include "os/file_system.h"
#include "store/layout.h"

namespace sqlite_efs {

// What to do with the log directory when it is complete, but not yet under its name: e.g. take the lease.
using BeforeGoingLive = std::function<Status(const Layout& preparation)>;

// Makes the database `base` live by giving it a log directory, in one atomic step: its identity `id`, and an empty
// segment. The base must be a whole SQLite database without a `-wal` file, in WAL mode when `before` has been called,
// and the caller must hold the lock on SQLite's locking bytes of it. kExists if it is live already, or if somebody
// opens it with stock SQLite at this moment. A crash leaves the database as it was, or live.
Status CreateLogDirectory(FileSystem& files, const Layout& layout, uint32_t page_size, const BeforeGoingLive& before,
                          const std::string& id = NewUuid());

// Makes the empty file `base` the base of an empty live database with pages of that size. The caller must hold the lock
// on SQLite's locking bytes through this very descriptor: one whose host was frozen meanwhile must not write any more.
// Returns the base as it wrote it: where it is not so any more once the database is live, it is not empty either.
Result<FileAttributes> CreateDatabase(FileSystem& files, File& base, const Layout& layout, uint32_t page_size,
                                      const BeforeGoingLive& before, const std::string& id = NewUuid());

// Empties a file whose creation was broken off in the middle of its first page: there never was anything in it. The
// caller must hold the lock on SQLite's locking bytes through this very descriptor.
Status UndoBrokenCreation(File& base);

// Refuses what cannot be made live: a file with several names, a journal beside it.
Status CheckAttachable(FileSystem& files, const Layout& layout);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_ATTACH_H_
