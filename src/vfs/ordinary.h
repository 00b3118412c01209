#ifndef SQLITE_EFS_VFS_ORDINARY_H_
#define SQLITE_EFS_VFS_ORDINARY_H_

#include <functional>
#include <string>

#include "base/status.h"
#include "os/file_system.h"
#include "store/environment.h"

namespace sqlite_efs {

// What must be so, and is asked last, for a database to go live.
using GoingLive = std::function<Status()>;

// Makes an ordinary database live. What stock SQLite left behind, a hot journal or a `-wal` file, is recovered first,
// by stock SQLite. Refused while another program uses the file. A crash leaves an ordinary database or a live one.
// `stock_vfs` is the name of the VFS that does the work.
Status AttachDatabase(const Environment& environment, const std::string& path, const char* stock_vfs,
                      const GoingLive& going_live = {});

// Reports a rollback journal beside a live database, which stock SQLite would play back into the base.
Status CheckNoJournal(FileSystem& files, const std::string& path);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_ORDINARY_H_
