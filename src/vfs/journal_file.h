#ifndef SQLITE_EFS_VFS_JOURNAL_FILE_H_
#define SQLITE_EFS_VFS_JOURNAL_FILE_H_

#include "vfs/sqlite.h"

namespace sqlite_efs {

// A rollback journal that no other process ever needs: kept in memory up to a bound, then in a private temporary file
// of the stock VFS. It serves ROLLBACK and savepoints; what makes commits atomic is the log. `file` points to
// JournalFileSize() bytes of SQLite's; `rolling_back` is set when SQLite begins to roll the whole transaction back, and
// must outlive the file.
void OpenJournalFile(sqlite3_vfs* stock, sqlite3_file* file, bool* rolling_back);
int JournalFileSize();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_JOURNAL_FILE_H_
